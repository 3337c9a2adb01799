"""The settings of how customers' data are kept, and of how customers are written to."""

from __future__ import annotations

from roadstead.config import examples
from roadstead.config import text_forms as forms
from roadstead.config.definition import Definition

KEY_VERSION_MAX = 1_000_000

CUSTOMER_SETTINGS = (
    Definition(
        variable="ROADSTEAD_DATA_KEY_VERSION",
        field="data_key_version",
        form=forms.whole_text(1, KEY_VERSION_MAX),
        default="1",
        description="Which key ROADSTEAD_DATA_KEY is: 1 at first, and one more with every new key.",
        example="2",
    ),
    Definition(
        variable="ROADSTEAD_DATA_KEY_PREVIOUS",
        field="data_key_previous",
        form=forms.DATA_KEY,
        default_words="none",
        secret=True,
        description="The key of the version before, until roadstead customers rotate-keys has finished.",
        example=examples.DATA_KEY_PREVIOUS,
    ),
    Definition(
        variable="ROADSTEAD_MESSENGER_KIND",
        field="messenger_kind",
        form=forms.MESSENGER_KIND,
        default_words="file, except where money is real: there it must be said",
        description="How codes reach customers (confirm = true): by mail, or into a file for rehearsals.",
        example="smtp",
    ),
    Definition(
        variable="ROADSTEAD_MESSENGER_FROM",
        field="messenger_from",
        form=forms.EMAIL,
        default_words="ROADSTEAD_ALERT_EMAIL_FROM",
        description="The address from which codes are mailed.",
        example="no-reply@anchor.example",
    ),
)
