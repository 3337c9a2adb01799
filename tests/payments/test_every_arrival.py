"""Everything that reaches or leaves the distribution account ends in one named place, from the record to the books."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from tests.fixtures.authentication import key
from tests.fixtures.house import House, house_on
from tests.stellar.scripted_horizon import ScriptedHorizon, operation_id, payment_record, scripted_horizon

from roadstead.operations.stops import Outgoing, is_stopped
from roadstead.payments.completing import Completion
from roadstead.payments.cursors import Reached
from roadstead.payments.reading import judge
from roadstead.payments.store import store
from roadstead.remittances.states import RemittanceStatus
from roadstead.stellar.horizon import HorizonClient

STRANGER = key("anybody").public_key
SUB_ACCOUNT = "M" + "A" * 68
BALANCE = "0" * 72
NOTHING: dict[str, Any] = {
    "asset_type": None,
    "asset_code": None,
    "asset_issuer": None,
    "from": None,
    "to": None,
}
NATIVE = {"asset_type": "native", "asset_code": None, "asset_issuer": None}
NO_MEMO = {"memo_type": "none"}


@pytest.fixture
async def house(database_url: str) -> AsyncIterator[House]:
    async with house_on(database_url) as furnished:
        yield furnished


@pytest.fixture
async def horizon() -> AsyncIterator[ScriptedHorizon]:
    async with scripted_horizon() as scripted:
        yield scripted


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One operation, and where it ends."""

    name: str
    changes: dict[str, Any] = field(default_factory=dict)
    has_memo: bool = True
    effects: tuple[dict[str, Any], ...] = ()
    kind: str = "payment"
    disposition: str = "matched"
    reason: str | None = None
    amount_units: int | None = 1_000_000_000
    payer: str = STRANGER


def credited(**changes: Any) -> dict[str, Any]:
    """An effect that credits us with lumens."""
    return {
        "type": "account_credited",
        "account": "OURS",
        "asset_type": "native",
        "amount": "12.0000000",
        **changes,
    }


CLAIM = {
    "type": "claim_claimable_balance",
    **NOTHING,
    "amount": None,
    "claimant": "OURS",
    "balance_id": BALANCE,
}
CLAIMED = {
    "type": "claimable_balance_claimed",
    "account": "OURS",
    "balance_id": BALANCE,
    "asset": "EURX:ISSUER",
    "amount": "100.0000000",
}
UNSPONSORED = {
    "type": "claimable_balance_sponsorship_removed",
    "account": "OURS",
    "balance_id": BALANCE,
    "former_sponsor": STRANGER,
}
GIVEN = {
    "source_amount": "9.0000000",
    "source_asset_type": "native",
}

CASES = (
    Case(name="a payment"),
    *(
        Case(name=kind, kind=kind, changes={"type": kind, **GIVEN})
        for kind in ("path_payment_strict_send", "path_payment_strict_receive")
    ),
    Case(
        name="a path payment that delivered less",
        kind="path_payment_strict_send",
        changes={"type": "path_payment_strict_send", **GIVEN, "amount": "99.9999999"},
        disposition="unmatched",
        reason="too_little",
        amount_units=999_999_999,
    ),
    Case(name="to a sub-account of ours", changes={"to_muxed": SUB_ACCOUNT, "to_muxed_id": "7"}),
    Case(name="from a sub-account", changes={"from_muxed": SUB_ACCOUNT}, payer=SUB_ACCOUNT),
    Case(
        name="in a fee bump",
        changes={"fee_bump_transaction": {"hash": "b" * 64}, "inner_transaction": {"hash": "c" * 64}},
    ),
    Case(
        name="without a memo",
        has_memo=False,
        disposition="unmatched",
        reason="no_memo",
    ),
    Case(
        name="of our own, without a memo",
        has_memo=False,
        changes={"from": "ISSUER"},
        payer="ISSUER",
        disposition="own",
    ),
    Case(name="of our own, for a remittance", changes={"from": "ISSUER"}, payer="ISSUER"),
    Case(
        name="lumens that nobody asked for",
        changes=NATIVE,
        has_memo=False,
        disposition="unmatched",
        reason="native_coins",
    ),
    Case(name="lumens for a remittance", changes=NATIVE, disposition="unmatched", reason="wrong_asset"),
    Case(
        name="the creation of our account",
        kind="create_account",
        changes={
            "type": "create_account",
            "account": "OURS",
            "funder": STRANGER,
            "starting_balance": "5.0000000",
        },
        disposition="own",
        amount_units=50_000_000,
    ),
    Case(
        name="a merge into our account",
        kind="account_merge",
        changes={"type": "account_merge", "account": STRANGER, "into": "OURS"},
        has_memo=False,
        effects=(credited(account=STRANGER, type="account_debited"), credited()),
        disposition="unmatched",
        reason="native_coins",
        amount_units=120_000_000,
    ),
    Case(
        name="a merge of unknown amount",
        kind="account_merge",
        changes={"type": "account_merge", "account": STRANGER, "into": "OURS"},
        has_memo=False,
        disposition="unmatched",
        reason="native_coins",
        amount_units=None,
    ),
    Case(
        name="a balance that we claimed",
        kind="claim_claimable_balance",
        changes=CLAIM,
        has_memo=False,
        effects=(CLAIMED, UNSPONSORED),
        disposition="unmatched",
        reason="no_memo",
    ),
    Case(
        name="a balance of our own that we claimed",
        kind="claim_claimable_balance",
        changes=CLAIM,
        has_memo=False,
        effects=(CLAIMED, {**UNSPONSORED, "former_sponsor": "ISSUER"}),
        disposition="own",
        payer="ISSUER",
    ),
)


def named(house: House, value: Any) -> Any:
    """Put the house's own addresses in the places of OURS and ISSUER."""
    issuer = house.eurx.issuer or ""
    text = json.dumps(value).replace("OURS", house.configuration.settings.distribution_account)
    return json.loads(text.replace("ISSUER", issuer))


async def arrive(house: House, horizon: ScriptedHorizon, *records: dict[str, Any]) -> None:
    """Judge, complete and store records as the observer does, and let the matcher dispose of them."""
    account = house.configuration.settings.distribution_account
    client = HorizonClient(horizon.url)
    raw = [json.dumps(named(house, record)).encode() for record in records]
    batch = await Completion(house.database).complete(judge(raw, account, "0", 1000), client)
    async with house.database.transaction() as connection:
        reached = Reached(source="tests", position="1", network_passphrase="Tests")
        await store(connection, batch, reached, own_accounts=house.configuration.own_accounts)
    await house.match()
    await client.close()


async def record_for(house: House, ledger: int, memo: int | None, **changes: Any) -> dict[str, Any]:
    """A record of a payment to the house, closing now."""
    fields: dict[str, Any] = {
        "to": "OURS",
        "from": STRANGER,
        "asset_code": "EURX",
        "asset_issuer": "ISSUER",
        "created_at": house.clock.now().isoformat(),
        "transaction": NO_MEMO if memo is None else {"memo_type": "id", "memo": str(memo)},
    }
    return payment_record(ledger, **(fields | changes))


class TestEveryArrival:
    @pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
    async def test_ends_in_one_named_disposition(
        self, house: House, horizon: ScriptedHorizon, case: Case
    ) -> None:
        opened = await house.open()
        memo = opened.memo if case.has_memo else None
        horizon.effects[operation_id(7)] = named(house, list(case.effects))

        await arrive(house, horizon, await record_for(house, 7, memo, **case.changes))

        async with house.database.connection() as connection:
            (row,) = await connection.fetch("SELECT * FROM payments")
        assert (row["kind"], row["disposition"], row["reason"]) == (case.kind, case.disposition, case.reason)
        assert (row["amount_units"], row["payer"]) == (case.amount_units, named(house, case.payer))
        funded = (await house.remittance(opened.id)).funded_by
        assert funded == (operation_id(7) if case.disposition == "matched" else None)
        posted = await house.value(
            "SELECT count(*) FROM postings WHERE idempotency_key = $1", f"payment:{operation_id(7)}"
        )
        assert posted == (0 if case.amount_units is None else 1)
        assert await house.value("SELECT count(*) FROM undecodable_records") == 0

    async def test_two_operations_of_one_transaction_are_two_payments(
        self, house: House, horizon: ScriptedHorizon
    ) -> None:
        opened = await house.open()
        records = [
            await record_for(
                house, 7, opened.memo, id=operation_id(7, 1, number), amount=amount, transaction_hash="d" * 64
            )
            for number, amount in ((1, "60.0000000"), (2, "40.0000000"))
        ]

        await arrive(house, horizon, *records)

        async with house.database.connection() as connection:
            rows = await connection.fetch("SELECT amount_units, reason FROM payments ORDER BY operation_id")
        assert [tuple(row) for row in rows] == [(600_000_000, "too_little"), (400_000_000, "too_little")]
        assert (await house.remittance(opened.id)).status is RemittanceStatus.PENDING_SENDER

    async def test_of_a_failed_transaction_nothing_is_credited(
        self, house: House, horizon: ScriptedHorizon
    ) -> None:
        opened = await house.open()

        await arrive(house, horizon, await record_for(house, 7, opened.memo, transaction_successful=False))

        assert await house.value("SELECT count(*) FROM payments") == 0

    async def test_a_claim_of_which_nothing_is_known_is_kept_for_a_person(
        self, house: House, horizon: ScriptedHorizon
    ) -> None:
        await arrive(house, horizon, await record_for(house, 7, None, **CLAIM))

        assert await house.value("SELECT count(*) FROM payments") == 0
        assert await house.value("SELECT reason FROM undecodable_records") is not None


class TestEveryDeparture:
    @pytest.mark.parametrize("destination", [STRANGER, "OURS"], ids=["to others", "to itself"])
    async def test_is_recorded_and_never_taken_for_income(
        self, house: House, horizon: ScriptedHorizon, destination: str
    ) -> None:
        opened = await house.open()

        await arrive(
            house, horizon, await record_for(house, 7, opened.memo, **{"from": "OURS", "to": destination})
        )

        assert await house.value("SELECT count(*) FROM payments") == 0
        assert await house.value("SELECT destination FROM outgoing_payments") == named(house, destination)
        assert await house.books() == {}

    async def test_a_clawback_is_posted_alerted_and_stops_the_asset(
        self, house: House, horizon: ScriptedHorizon
    ) -> None:
        record = await record_for(
            house, 7, None, **{"from": "OURS", "to": None}, type="clawback", source_account="ISSUER"
        )

        await arrive(house, horizon, record)
        await arrive(house, horizon, record)

        assert await house.books() == {
            "losses:clawback EURX": "100.0000000",
            "tokens:received EURX": "-100.0000000",
        }
        severity = "SELECT severity FROM alerts WHERE kind = 'clawback' AND subject = $1"
        assert await house.value(severity, str(operation_id(7))) == "critical"
        async with house.database.connection() as connection:
            assert await is_stopped(connection, Outgoing.PAYOUTS, (house.eurx,))
            assert await is_stopped(connection, Outgoing.REFUNDS, (house.eurx,))
