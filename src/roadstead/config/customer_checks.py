"""What a configuration must be where it says how customers' data are kept and how customers are written to."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from roadstead.config.confirmable import CONFIRMABLE, MessageChannel
from roadstead.config.effective import Configuration
from roadstead.config.text_forms import MESSENGER_FILE, MESSENGER_SMTP

_KIND = "ROADSTEAD_MESSENGER_KIND"


def _codes_reach_customers(configuration: Configuration) -> Iterator[str]:
    settings, profile = configuration.settings, configuration.profile
    confirmed = {
        field.name for kind in configuration.anchor.customer_types for field in kind.fields if field.confirm
    }
    kind = settings.messenger_kind or profile.messenger_kind_default
    if confirmed and kind is None:
        yield (
            f"{_KIND} is missing, and customers have to confirm {', '.join(sorted(confirmed))}. It must say how codes"
            f" reach them, for example: {_KIND}={MESSENGER_SMTP}"
        )
    if kind == MESSENGER_FILE and not profile.allows_messages_into_a_file:
        yield f"{_KIND} is {MESSENGER_FILE}, which reaches nobody. It must be for example: {_KIND}={MESSENGER_SMTP}"
    if kind == MESSENGER_SMTP and settings.smtp_url is None:
        yield f"{_KIND} is {MESSENGER_SMTP}, and ROADSTEAD_SMTP_URL is missing. Set it to your mail server."
    phones = sorted(name for name in confirmed if CONFIRMABLE.get(name) is MessageChannel.PHONE)
    if kind == MESSENGER_SMTP and phones:
        yield (
            f"{_KIND} is {MESSENGER_SMTP}, which reaches no telephone, and customers have to confirm"
            f" {', '.join(phones)}. Name one of your own, for example: {_KIND}=our_sms.messengers:open_messenger"
        )


def _key_versions_go_together(configuration: Configuration) -> Iterator[str]:
    settings = configuration.settings
    if settings.data_key_previous is not None and settings.data_key_version == 1:
        yield (
            "ROADSTEAD_DATA_KEY_PREVIOUS is set, but ROADSTEAD_DATA_KEY_VERSION is 1, before which there is none. Raise"
            " it by one with every new key, for example: ROADSTEAD_DATA_KEY_VERSION=2"
        )


CUSTOMER_CHECKS: tuple[Callable[[Configuration], Iterator[str]], ...] = (
    _codes_reach_customers,
    _key_versions_go_together,
)
