"""What must be true in the end, judged by the bank's own records, the chain's own records, and then our own."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from tests.crash.journeys import Travellers
from tests.crash.party import Journey
from tests.crash.world import PATIENCE_S, World

from roadstead.database.pool import open_database
from roadstead.ledger.verify import verify
from roadstead.money import parse_asset
from roadstead.sandbox.calls import Calls

_PAGE = 200
_OWED = ("transit:", "payouts:owed", "refunds:owed", "fx:waiting", "fees:pending")


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What everybody's books say at the end."""

    executed: Sequence[Mapping[str, Any]]
    """The bank's: every payout that it made."""
    arrived: Mapping[int, Mapping[str, Any]]
    """The chain's: payments to the distribution account by operation id."""
    left: Sequence[Mapping[str, Any]]
    """The chain's: payments from the distribution account."""
    states: Mapping[str, Mapping[str, Any]]
    """The API's: remittances by id, as their partner sees them."""
    payments: Mapping[int, Mapping[str, Any]]
    remittances: Mapping[str, Mapping[str, Any]]
    payouts: Mapping[str, Mapping[str, Any]]
    """By remittance."""
    balances: Mapping[tuple[str, str], int]
    """By account and asset."""
    unsound: Sequence[str]
    """What our own examination of the books finds."""
    callbacks_waiting: int


async def find_out(world: World, party: Travellers) -> Findings:
    """Read everybody's books."""
    async with Calls(patience_s=PATIENCE_S) as calls:
        content = await calls.expect("GET", f"{world.addresses.bank}/payouts")
        operations = await _operations(world, calls)
    account = world.keys.distribution_account
    payments = [o for o in operations if o["type"] == "payment" and o.get("asset_issuer")]
    begun = {o["id"] for o in operations if o["type"] == "create_account"}
    opened = [journey for journey in party.journeys if journey.remittance_id]
    (callbacks,) = await world.rows("SELECT count(*) AS waiting FROM callbacks WHERE status = 'waiting'")
    return Findings(
        executed=content["payouts"],
        arrived={int(o["id"]): o for o in payments if o["to"] == account},
        left=[o for o in payments if o["from"] == account],
        states={journey.remittance_id: await party.state(journey) for journey in opened},
        payments={
            row["operation_id"]: row
            for row in await world.rows("SELECT * FROM payments")
            if str(row["operation_id"]) not in begun
        },
        remittances={str(row["id"]): row for row in await world.rows("SELECT * FROM remittances")},
        payouts={str(row["remittance_id"]): row for row in await world.rows("SELECT * FROM payouts")},
        balances={
            (row["account"], row["asset"]): int(row["units"])
            for row in await world.rows(
                "SELECT account, asset, sum(amount_units) AS units FROM entries GROUP BY account, asset"
            )
        },
        unsound=await _unsound(world),
        callbacks_waiting=callbacks["waiting"],
    )


def violations(findings: Findings, journeys: Sequence[Journey]) -> list[str]:
    """List everything that is not as it must be; nothing means that nothing was lost and nothing done twice."""
    return [
        *_twice(findings),
        *_strangers(findings, journeys),
        *(problem for journey in journeys for problem in _of_journey(findings, journey)),
        *_chain(findings),
        *_refunds(findings, journeys),
        *_books(findings),
        *_left_behind(findings),
    ]


def twice(executed: Sequence[Mapping[str, Any]]) -> list[str]:
    """List the payouts that the bank made more than once, by the id that all attempts of one payout share."""
    lasting = Counter(entry["end_to_end_id"] for entry in executed if entry["status"] != "returned")
    return [f"the bank paid {name} {count} times" for name, count in lasting.items() if count > 1]


def _twice(findings: Findings) -> Iterator[str]:
    yield from twice(findings.executed)


def _strangers(findings: Findings, journeys: Sequence[Journey]) -> Iterator[str]:
    known = {account for journey in journeys for account in journey.accounts}
    for entry in findings.executed:
        if entry["account"] not in known:
            yield f"the bank paid {entry['end_to_end_id']} to an account that nobody is to be paid at"


def _of_journey(findings: Findings, journey: Journey) -> Iterator[str]:
    if not journey.remittance_id:
        return
    name = f"{journey.kind} {journey.remittance_id}"
    state = findings.states[journey.remittance_id]
    payout = findings.payouts.get(journey.remittance_id)
    if state["status"] not in journey.ends:
        yield f"{name} is {state['status']} (payout {payout and payout['status']}); it may end {set(journey.ends)}"
    lasting = [
        entry
        for entry in findings.executed
        if entry["account"] in journey.accounts and entry["status"] != "returned"
    ]
    if len(lasting) != int(state["status"] == "completed"):
        yield f"{name} is {state['status']} and was paid {len(lasting)} times by the bank"
    for entry in lasting:
        if Decimal(entry["amount"]) != Decimal(state["amount_out"]):
            yield f"{name} was promised {state['amount_out']} and paid {entry['amount']}"


def _chain(findings: Findings) -> Iterator[str]:
    for operation_id, operation in findings.arrived.items():
        payment = findings.payments.get(operation_id)
        if payment is None:
            yield f"the payment {operation_id} on the chain was never stored"
        elif payment["disposition"] not in ("matched", "refunded"):
            yield f"the payment {operation_id} ended {payment['disposition']} ({payment['reason']})"
        elif payment["amount_units"] != _units(operation["amount"]):
            yield f"the payment {operation_id} was stored with another amount"
    for operation_id in set(findings.payments) - set(findings.arrived):
        yield f"the payment {operation_id} was stored and is not on the chain"


def _refunds(findings: Findings, journeys: Sequence[Journey]) -> Iterator[str]:
    """What left the distribution account is what had to go back, each to who paid it, and once."""
    due = Counter(
        (journey.partner.account, code, amount)
        for journey in journeys
        for code, amount in (*journey.goes_back, *_sent_back(findings, journey))
    )
    sent = Counter(
        (operation["to"], operation["asset_code"], Decimal(operation["amount"]))
        for operation in findings.left
    )
    for (_, code, amount), count in (sent - due).items():
        yield f"{amount} {code} was sent back {count} times too often"
    for (_, code, amount), count in (due - sent).items():
        yield f"{amount} {code} was not sent back, {count} times"


def _sent_back(findings: Findings, journey: Journey) -> Iterator[tuple[str, Decimal]]:
    """Say what goes back of a remittance that is refunded: all that arrived for it."""
    if journey.remittance_id and findings.states[journey.remittance_id]["status"] == "refunded":
        yield journey.asset_code, journey.arrived


def _books(findings: Findings) -> Iterator[str]:
    yield from (f"the books are not sound: {problem}" for problem in findings.unsound)
    yield from _tokens(findings)
    yield from _banks(findings)


def _tokens(findings: Findings) -> Iterator[str]:
    """What we say that we hold in tokens is what the chain says came less what it says left."""
    held: defaultdict[str, int] = defaultdict(int)
    for operation in findings.arrived.values():
        held[_asset(operation)] += _units(operation["amount"])
    for operation in findings.left:
        held[_asset(operation)] -= _units(operation["amount"])
    for asset, units in held.items():
        booked = findings.balances.get(("tokens:received", asset), 0)
        if booked != units:
            yield f"the books hold {booked} units of {asset}, the chain {units}"


def _banks(findings: Findings) -> Iterator[str]:
    """What we say that the banks paid is what the bank says; and nobody is owed anything any more."""
    paid: defaultdict[str, int] = defaultdict(int)
    for entry in findings.executed:
        if entry["status"] != "returned":
            currency = parse_asset(f"iso4217:{entry['currency']}")
            paid[currency.id] += int(Decimal(entry["amount"]).scaleb(currency.scale))
    booked: defaultdict[str, int] = defaultdict(int)
    for (account, asset), units in findings.balances.items():
        if account.startswith("bank:"):
            booked[asset] -= units
        if account.startswith(_OWED) and units:
            yield f"{account} still has {units} units of {asset}"
    for asset in {*paid, *booked}:
        if paid[asset] != booked[asset]:
            yield f"the bank paid {paid[asset]} units of {asset}, the books {booked[asset]}"


def _left_behind(findings: Findings) -> Iterator[str]:
    if findings.callbacks_waiting:
        yield f"{findings.callbacks_waiting} callbacks were not delivered"
    if len(findings.remittances) > len(findings.states):
        yield f"{len(findings.remittances) - len(findings.states)} remittances were opened twice"
    for remittance_id, remittance in findings.remittances.items():
        if remittance["funded_by"] is not None and remittance_id not in findings.states:
            yield f"remittance {remittance_id} was paid, and no partner knows of it"


async def _unsound(world: World) -> list[str]:
    database = await open_database(world.addresses.database_url, application="tests", connections_max=1)
    try:
        report = await verify(database)
    finally:
        await database.close()
    return [str(finding) for finding in report.findings]


async def _operations(world: World, calls: Calls) -> list[dict[str, Any]]:
    """Read the distribution account's operations on the chain, all of them."""
    found: list[dict[str, Any]] = []
    cursor = ""
    while True:
        content = await calls.expect(
            "GET",
            f"{world.addresses.horizon}/accounts/{world.keys.distribution_account}/operations",
            query={"limit": str(_PAGE), "order": "asc", "cursor": cursor},
        )
        records = content["_embedded"]["records"]
        found.extend(records)
        if len(records) < _PAGE:
            return found
        cursor = records[-1]["paging_token"]


def _asset(operation: Mapping[str, Any]) -> str:
    return f"stellar:{operation['asset_code']}:{operation['asset_issuer']}"


def _units(amount: str) -> int:
    return int(Decimal(amount).scaleb(7))
