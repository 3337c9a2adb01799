"""What screening must be on a network before a process starts."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from roadstead.config.effective import Configuration
from roadstead.config.text_forms import BUILT_IN

AGE_MAX_H = 72
"""Most hours that a list may be old where screening is required."""


def screening_is_as_the_network_wants(configuration: Configuration) -> Iterator[str]:
    """Yield what keeps the anchor from starting: on some networks screening cannot be done without."""
    profile, settings = configuration.profile, configuration.settings
    if not profile.requires_screening:
        return
    if not settings.screening:
        yield (
            "ROADSTEAD_SCREENING is false, and money is real here: customers have to be screened against lists of"
            " sanctioned persons. It must be on, for example: ROADSTEAD_SCREENING=true"
        )
    if not settings.screening_lists:
        yield (
            "ROADSTEAD_SCREENING_LISTS names no list. It must name those that the law wants, for example:"
            f" ROADSTEAD_SCREENING_LISTS={','.join(profile.screening_lists)}"
        )
    if not 1 <= settings.screening_list_age_max_h <= AGE_MAX_H:
        yield (
            f"ROADSTEAD_SCREENING_LIST_AGE_MAX_H is {settings.screening_list_age_max_h}. Lists change daily: it must be"
            f" 1 to {AGE_MAX_H}, for example: ROADSTEAD_SCREENING_LIST_AGE_MAX_H={profile.screening_list_age_max_h}"
        )
    url = settings.screener_url
    if url is not None and settings.screener != BUILT_IN and urlsplit(url).scheme != "https":
        yield (
            "ROADSTEAD_SCREENER_URL is http, and names of customers go there, which anybody on the way can read. It"
            f" must be https, for example: ROADSTEAD_SCREENER_URL=https://{urlsplit(url).netloc}"
        )
