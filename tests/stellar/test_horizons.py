"""What a Horizon's word is worth: every standing, from what it says of itself and what was read before."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from roadstead.stellar.horizons import Known, Standing, standing_of
from roadstead.stellar.records import Ledger, Root

NOW = datetime(2026, 6, 1, tzinfo=UTC)
PASSPHRASE = "Test"


def ago(seconds: float) -> datetime:
    """A moment before now."""
    return NOW - timedelta(seconds=seconds)


def root(**changes: Any) -> Root:
    """A server that is up to date at ledger 1000."""
    fields: dict[str, Any] = {
        "network_passphrase": PASSPHRASE,
        "latest_ledger": 1000,
        "latest_ledger_closed_at": ago(5),
        "elder_ledger": 1,
    }
    return Root(**(fields | changes))


READ = Known(ledger_reached=990, mark=Ledger(sequence=990, closed_at=ago(55)))


@pytest.mark.parametrize(
    ("shown", "known", "mark", "standing"),
    [
        (root(), None, None, Standing.FRESH),
        (root(), READ, READ.mark, Standing.FRESH),
        (root(network_passphrase="Other"), READ, None, Standing.WRONG_NETWORK),
        (root(latest_ledger_closed_at=ago(61)), READ, None, Standing.STALE),
        (root(latest_ledger_closed_at=ago(-301)), READ, None, Standing.AHEAD),
        (root(latest_ledger=975, latest_ledger_closed_at=ago(130)), READ, None, Standing.STALE),
        (root(latest_ledger=985, latest_ledger_closed_at=ago(56)), READ, None, Standing.FRESH),
        (root(latest_ledger=969, latest_ledger_closed_at=ago(56)), READ, None, Standing.BEHIND),
        (root(latest_ledger=40), READ, None, Standing.RESET),
        (root(latest_ledger=40), Known(ledger_reached=990, mark=None), None, Standing.BEHIND),
        (root(), READ, Ledger(sequence=990, closed_at=ago(54)), Standing.RESET),
        (
            root(latest_ledger_closed_at=ago(61)),
            READ,
            Ledger(sequence=990, closed_at=ago(54)),
            Standing.BEHIND,
        ),
        (root(elder_ledger=991), READ, None, Standing.FRESH),
        (root(elder_ledger=992), READ, None, Standing.GAP),
        (root(elder_ledger=992), None, None, Standing.FRESH),
    ],
)
def test_every_answer_has_its_standing(
    shown: Root, known: Known | None, mark: Ledger | None, standing: Standing
) -> None:
    judged = standing_of(shown, network_passphrase=PASSPHRASE, known=known, shown=mark, now=NOW, lag_max_s=60)
    assert judged is standing
