"""Recognisable values through the whole life of a customer: none of them is found where it does not belong."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from io import BytesIO
from typing import Final
from uuid import UUID

import pytest
from prometheus_client import generate_latest
from tests.fixtures.asgi import Caller, Reply
from tests.fixtures.authentication import FakeAccounts, services_on
from tests.fixtures.documents import png, send_files
from tests.fixtures.house import PARTNER, House, house_on
from tests.fixtures.logs import logged_to
from tests.fixtures.messenger import KeepingMessenger, wrong_code
from tests.fixtures.scripted_rail import Behaviour

from roadstead.customers.courier import Courier
from roadstead.customers.erasing import erase_due
from roadstead.customers.indexes import IndexKind
from roadstead.customers.showing import find, show
from roadstead.database.migrate import APP_ROLE
from roadstead.messages.catalogue import Catalogue, shipped_messages
from roadstead.operations.holds import HoldKind
from roadstead.partners.principal import Principal
from roadstead.partners.tokens import TokenBook
from roadstead.sep.application import build_application
from roadstead.sep.table import route_table
from roadstead.service import gauges
from roadstead.service.metrics import registry

SENDER: Final = {
    "first_name": "Zephyrinella",
    "last_name": "Quibblethorpe",
    "email_address": "zephyrinella.q@recognisable.example",
    "mobile_number": "+4915799955501",
    "tax_id": "TAXQ8841992",
    "id_number": "PASSQ7745120",
    "birth_date": "1971-11-23",
    "address": "17 Marzipan Crescent",
}
RECEIVER: Final = {
    "first_name": "Bartholomaeus",
    "last_name": "Wimplesworth",
    "bank_account_number": "DE89370400440532013000",
    "address_country_code": "DEU",
    "city": "Recognisableville",
}
CORRECTED: Final = "GB82WEST12345698765432"
REFUSED: Final = {"email_address": "not-an-address-Xylographic", "birth_date": "1899-13-45"}
REMARK: Final = b"Recognisable Remark In A Document"
KYC: Final = "/kyc/customer"
NOT_PERSONAL: Final = frozenset(("DEU",))


@dataclass(slots=True, kw_only=True)
class Life:
    """A house with its doors open, a messenger, and everything that it logged."""

    house: House
    partner: Caller
    messenger: KeepingMessenger
    courier: Courier
    log: BytesIO
    replies: list[Reply]
    codes: list[str]

    async def put(self, **fields: str) -> str:
        reply = await self.partner.send_json("PUT", KYC, fields)
        self.replies.append(reply)
        return str(reply.json.get("id"))

    async def refuse(self, **fields: str) -> None:
        reply = await self.partner.send_json("PUT", KYC, fields)
        self.replies.append(reply)
        assert reply.status == 400

    @property
    def secrets(self) -> list[bytes]:
        values = {
            *SENDER.values(),
            *RECEIVER.values(),
            CORRECTED,
            *REFUSED.values(),
            *self.codes,
        } - NOT_PERSONAL
        return [*(value.encode() for value in values), REMARK]


@pytest.fixture
async def life(database_url: str) -> AsyncIterator[Life]:
    log = BytesIO()
    async with AsyncExitStack() as stack:
        house = await stack.enter_async_context(house_on(f"{database_url}?role={APP_ROLE}"))
        stack.enter_context(logged_to(log))
        anchor = house.configuration.anchor
        types = tuple(
            replace(
                kind,
                fields=tuple(replace(field, confirm=field.name == "email_address") for field in kind.fields),
            )
            for kind in anchor.customer_types
        )
        house.configuration = replace(house.configuration, anchor=replace(anchor, customer_types=types))
        services = services_on(house.database, FakeAccounts(), house.clock, house.configuration)
        assert isinstance(services.tokens, TokenBook)
        token = services.tokens.issue(Principal(account=PARTNER), b"3" * 32, house.clock.now())
        messenger = KeepingMessenger()
        yield Life(
            house=house,
            partner=Caller(
                application=build_application(route_table(house.configuration), services), token=token
            ),
            messenger=messenger,
            courier=Courier(
                database=house.database,
                keys=house.keys,
                messenger=messenger,
                anchor_name="Example",
                catalogue=Catalogue(shipped_messages()),
                clock=house.clock,
                randomness=house.randomness,
            ),
            log=log,
            replies=[],
            codes=[],
        )


async def everything_stored(house: House) -> bytes:
    """Every cell of every table, as text and as bytes: what a dump of the database shows."""
    async with house.database.connection() as connection:
        columns = await connection.fetch(
            """
            SELECT table_name, column_name, data_type FROM information_schema.columns
            WHERE table_schema = 'public' ORDER BY table_name, ordinal_position
            """
        )
        found: list[bytes] = []
        for column in columns:
            name, table, kind = column["column_name"], column["table_name"], column["data_type"]
            shown = f'"{name}"' if kind == "bytea" else f'"{name}"::text'
            if kind == "bytea" or kind.startswith(("text", "json", "character", "ARRAY")):
                rows = await connection.fetch(f'SELECT {shown} AS cell FROM "{table}"')
                cells = (row["cell"] for row in rows if row["cell"] is not None)
                found += [cell if isinstance(cell, bytes) else cell.encode() for cell in cells]
    return b"\n".join(found)


async def live(life: Life) -> UUID:
    """Register, confirm, be refused, pay, be paid after a correction, get a refund, be looked at and deleted."""
    house = life.house
    sender_id = await life.put(memo="71", type="sep31-sender", **SENDER)
    reply = await send_files(
        life.partner, "PUT", KYC, {"memo": "71"}, photo_id_front=(png(text=REMARK), "image/png")
    )
    life.replies.append(reply)
    life.replies.append(await send_files(life.partner, "POST", f"{KYC}/files", {}, file=png(text=REMARK)))
    receiver_id = await life.put(memo="72", type="sep31-receiver", **RECEIVER)
    assert await life.courier.step()
    code = life.messenger.code
    life.codes += [code, wrong_code(code)]
    await life.refuse(memo="71", email_address_verification=wrong_code(code))
    await life.refuse(memo="71", **REFUSED)
    await life.put(memo="71", email_address_verification=code)

    parties = {"sender_id": sender_id, "receiver_id": receiver_id}
    opened = await house.open(**parties)
    await house.pay(opened.memo)
    await house.match()
    house.rail.script.append(Behaviour.REFUSE)
    house.rail.refusals.append("AC01")
    for _ in range(3):
        await house.work()
        await house.hear()
        await house.make_due()
    await life.put(memo="72", bank_account_number=CORRECTED)
    await house.make_due()
    house.rail.script.append(Behaviour.SETTLE)
    await house.work()
    await house.hear()
    assert (await house.remittance(opened.id)).status == "completed"
    assert CORRECTED in str(house.rail.submissions[-1])

    returned = await house.open(**parties)
    await house.pay(returned.memo)
    await house.match()
    house.rail.script.append(Behaviour.REFUSE)
    house.rail.refusals.append("MS03")
    await house.work()
    await house.hear()
    await house.make_due()
    await house.work()
    if HoldKind.PAYOUT_RELEASE in await house.held():
        await house.decide(HoldKind.PAYOUT_RELEASE, "refuse")
    assert house.ordered_refunds

    await find(house.database, house.keys, IndexKind.EMAIL, SENDER["email_address"], actor="operator 1")
    await show(house.database, house.keys, UUID(sender_id), actor="operator 1", reason="A question")
    for query in ({"id": sender_id}, {"memo": "72"}):
        life.replies.append(await life.partner.get(KYC, **query))
    life.replies.append(await life.partner.get(f"{KYC}/files", customer_id=sender_id))
    life.replies.append(await life.partner.send("DELETE", f"{KYC}/{PARTNER}", query={"memo": "71"}))
    await erase_due(house.database, house.configuration.anchor, house.clock)
    return UUID(receiver_id)


async def test_no_value_is_found_in_logs_metrics_answers_or_the_database(life: Life) -> None:
    await live(life)
    await gauges.refresh(life.house.database)

    places = {
        "logs": life.log.getvalue(),
        "metrics": generate_latest(registry),
        "answers": b"\n".join(reply.body for reply in life.replies),
        "database": await everything_stored(life.house),
    }

    assert b"customer_registered" in places["logs"]
    assert b"code_sent" in places["logs"]
    assert len(places["database"]) > 10_000
    found = [
        (place, secret) for place, content in places.items() for secret in life.secrets if secret in content
    ]
    # A code is six digits, which ids and amounts may hold by chance; the others cannot be there by chance.
    codes = {code.encode() for code in life.codes}
    assert [pair for pair in found if pair[1] not in codes] == []
    assert [pair for pair in found if pair[0] in ("answers", "metrics")] == []


async def test_the_search_finds_what_is_in_clear(life: Life) -> None:
    await life.put(memo="71", type="sep31-sender", **SENDER)
    await life.house.execute(
        "INSERT INTO audit_log (actor, action, subject) VALUES ('x', 'y', $1)", SENDER["tax_id"]
    )
    assert SENDER["tax_id"].encode() in await everything_stored(life.house)
