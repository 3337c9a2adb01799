"""The settings of screening: who searches which lists, and how old they may be."""

from __future__ import annotations

from roadstead.config import examples
from roadstead.config import text_forms as forms
from roadstead.config.definition import Definition

SCREENING_SETTINGS = (
    Definition(
        variable="ROADSTEAD_SCREENING",
        field="screening",
        form=forms.BOOLEAN,
        default="true",
        description="Whether customers are screened against lists of sanctioned persons before money goes out.",
        example="true",
    ),
    Definition(
        variable="ROADSTEAD_SCREENER",
        field="screener",
        form=forms.SCREENER_KIND,
        default="built-in",
        description="Who searches the lists.",
        example="our_compliance.screening:open_screener",
    ),
    Definition(
        variable="ROADSTEAD_SCREENER_URL",
        field="screener_url",
        form=forms.BASE_URL,
        default_words="none",
        description="Where a screener of your own is reached, if it needs that.",
        example="https://yente.example",
    ),
    Definition(
        variable="ROADSTEAD_SCREENER_TOKEN",
        field="screener_token",
        form=forms.TOKEN,
        default_words="none",
        secret=True,
        description="What a screener of your own knows us by, if it needs that.",
        example=examples.SCREENER_TOKEN,
    ),
    Definition(
        variable="ROADSTEAD_SCREENING_LISTS",
        field="screening_lists",
        form=forms.LIST_NAMES,
        default_words="the network's",
        description="The lists without which no payout goes out.",
        example="ofac,un,eu",
    ),
    Definition(
        variable="ROADSTEAD_SCREENING_LIST_AGE_MAX_H",
        field="screening_list_age_max_h",
        form=forms.whole_text(0, 720),
        default_words="the network's",
        description="Hours since such a list was last imported or confirmed, after which payouts stop; 0: never.",
        example="48",
    ),
)
"""Part of the settings that every anchor has."""
