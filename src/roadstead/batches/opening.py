"""Putting a file rail together from the configuration."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from roadstead.batches.desk import AlwaysOpen, CalendarHours, FileDesk, Hours
from roadstead.batches.rail import FileRail
from roadstead.clock import Clock
from roadstead.config.anchor import Anchor
from roadstead.config.effective import ConfiguredRail
from roadstead.config.text_forms import FILES
from roadstead.customers.vault import KeyProvider
from roadstead.database.pool import Database
from roadstead.errors import ConfigurationError
from roadstead.rails.calendars import BusinessCalendar
from roadstead.rails.channels.opening import open_channel
from roadstead.rails.iso20022.payments import Debtor
from roadstead.rails.protocol import Rail
from roadstead.randomness import Randomness


def file_rails(
    anchor: Anchor, database: Database, keys: KeyProvider, clock: Clock, randomness: Randomness
) -> dict[str, Callable[[ConfiguredRail], Rail]]:
    """Return what opens rails of kind `iso20022`, over the parts that all of them share; for `open_rails`."""

    def open_rail(configured: ConfiguredRail) -> Rail:
        if configured.account is None or configured.account_name is None:
            prefix = f"ROADSTEAD_RAIL_{configured.name.upper()}"
            raise ConfigurationError(f"{prefix}_ACCOUNT and {prefix}_ACCOUNT_NAME are needed to pay by file.")
        return FileRail(
            FileDesk(
                rail=configured.name,
                asset=configured.currency,
                debtor=Debtor(name=configured.account_name, account=configured.account, bic=configured.bic),
                channel=open_channel(configured),
                database=database,
                keys=keys,
                clock=clock,
                randomness=randomness,
                hours=_hours(anchor, configured.name),
                calendar_name=anchor.rail(configured.name).calendar,
                items_max=configured.batch_items_max,
                age_max=timedelta(seconds=configured.batch_age_max_s),
                kept=timedelta(days=configured.files_kept_days),
                look_every_s=configured.files_interval_s,
            )
        )

    return {FILES: open_rail}


def _hours(anchor: Anchor, rail: str) -> Hours:
    calendar = anchor.rail(rail).calendar
    if calendar is None:
        return AlwaysOpen()
    return CalendarHours(BusinessCalendar(anchor.calendar(calendar)))
