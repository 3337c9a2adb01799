"""What partners do while servers are killed: journeys of every kind, each with the end that it has to come to."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from uuid import uuid4

from stellar_sdk import IdMemo
from tests.crash.world import PATIENCE_S, World

from roadstead.config.anchor import CustomerRole
from roadstead.sandbox.calls import Calls, Refused
from roadstead.sandbox.receiver import Receiver
from roadstead.sandbox.sample import random_iban
from roadstead.sandbox.sender import SendingAnchor

EURO = "iso4217:EUR"
YEN = "iso4217:JPY"
_EUR_RECEIVER = "sep31-receiver"
_TAKEN = (200, 202)
_TRIES = 20
_POLL_S = 0.2
_PATIENCE_S = 90.0


@dataclass(slots=True, kw_only=True)
class Journey:
    """One payment of a partner: what was asked for, and what became of it as far as the partner knows."""

    kind: str
    amount: str
    asset_code: str
    account: str = ""
    """Where the receiving client is to be paid."""
    remittance_id: str = ""
    memo: str = ""
    partner: SendingAnchor
    paid_out: bool = True
    """Whether the bank has to pay, and once."""
    status: str = "completed"
    """The status in which it has to end."""
    goes_back: list[tuple[str, Decimal]] = field(default_factory=list)
    """What has to come back, by asset, before what is kept of a refund."""


class Travellers:
    """The partners of a world, and the kinds of journeys that they can make."""

    def __init__(self, world: World, partners: list[SendingAnchor], calls: Calls) -> None:
        self.world = world
        self.journeys: list[Journey] = []
        self._partners = partners
        self._calls = calls
        self._known: dict[int, str] = {}
        self.kinds: dict[str, Callable[[Journey], Awaitable[None]]] = {
            "plain": self._plain,
            "dollars": self._dollars,
            "quoted": self._quoted,
            "yen": self._yen,
            "incomplete": self._incomplete,
            "unknown_memo": self._unknown_memo,
            "other_amount": self._other_amount,
            "too_much": self._too_much,
            "too_little": self._too_little,
            "paid_twice": self._paid_twice,
            "wrong_asset": self._wrong_asset,
            "erased": self._erased,
            "authenticate": self._authenticate,
        }

    async def travel(self, kind: str) -> Journey:
        """Make one journey, up to where the partner has nothing more to do than to wait."""
        partner = self._partners[len(self.journeys) % len(self._partners)]
        amount = f"{20 + len(self.journeys) % 900}.{secrets.randbelow(100):02}"
        journey = Journey(kind=kind, amount=amount, asset_code="EURX", partner=partner)
        self.journeys.append(journey)
        await self.kinds[kind](journey)
        return journey

    async def _plain(self, journey: Journey) -> None:
        await self._open_in(journey, "EURX")
        await self._pay(journey)

    async def _dollars(self, journey: Journey) -> None:
        journey.asset_code, journey.account = "USDC", _digits(12)
        await self._open(journey, receiver=await self._receiver(journey, "sep31-receiver-wire"))
        await self._pay(journey)

    async def _quoted(self, journey: Journey) -> None:
        await self._open_in(journey, "USDC", quoted=True)
        await self._pay(journey)

    async def _quote(self, journey: Journey) -> str:
        wanted = {
            "sell_asset": f"stellar:USDC:{journey.partner.receiver.page.issuers['USDC']}",
            "buy_asset": EURO,
            "sell_amount": journey.amount,
            "context": "sep31",
        }
        return str((await self._call(journey, "POST", "/quote", wanted, statuses=(201,)))["id"])

    async def _yen(self, journey: Journey) -> None:
        journey.asset_code, journey.account = "USDC", _digits(7)
        receiver = await self._receiver(journey, "sep31-receiver-zengin", bank_number="0001123")
        await self._open(journey, receiver=receiver, destination_asset=YEN, funding_method="ZENGIN")
        await self._pay(journey)

    async def _incomplete(self, journey: Journey) -> None:
        """Open for a receiving client whose data are completed only afterwards."""
        journey.account = random_iban()
        identity = {"memo": str(secrets.randbits(63)), "memo_type": "id", "type": _EUR_RECEIVER}
        given = {**identity, "first_name": "Rosa", "last_name": "Receiver", "address_country_code": "DEU"}
        answer = await self._call(journey, "PUT", "/customer", given, statuses=_TAKEN)
        opened = await self._call(
            journey,
            "POST",
            "/transactions",
            await self._proposal(journey, str(answer["id"])),
            statuses=(201,),
        )
        journey.remittance_id = str(opened["id"])
        await self._ask_for_callbacks(journey)
        given["bank_account_number"] = journey.account
        await self._call(journey, "PUT", "/customer", given, statuses=_TAKEN)
        await self._until(journey, "pending_sender")
        journey.memo = str((await self.state(journey))["stellar_memo"])
        await self._pay(journey)

    async def _authenticate(self, journey: Journey) -> None:
        """Authenticate anew; an answer that was lost costs a new challenge."""
        journey.paid_out, journey.status = False, ""
        seed = next(iter(self.world.keys.partner_seeds.values()))
        passphrase = self.world.keys.passphrase
        for _ in range(_TRIES):
            page = journey.partner.receiver.page
            stranger = Receiver(self._calls, page, seed=seed, network_passphrase=passphrase)
            with suppress(Refused):
                await stranger.authenticate()
                return
        raise AssertionError("nobody could authenticate")

    async def _unknown_memo(self, journey: Journey) -> None:
        """Pay with a memo that nobody gave."""
        journey.memo, journey.paid_out, journey.status = str(secrets.randbits(62)), False, ""
        await self._pay(journey)
        self._goes_back(journey, journey.amount)

    async def _other_amount(self, journey: Journey) -> None:
        """Pay less than was agreed, where what arrives is delivered."""
        await self._open_in(journey, "EURX")
        await self._pay(journey, less_by=3)

    async def _too_much(self, journey: Journey) -> None:
        """Pay a little too much; what is too much goes back."""
        await self._open_in(journey, "USDC", quoted=True)
        await self._pay(journey, less_by=-3)
        self._goes_back(journey, "3")

    async def _too_little(self, journey: Journey) -> None:
        """Pay less where only what was agreed is taken: it goes back, and the remittance waits on."""
        await self._open_in(journey, "USDC", quoted=True)
        journey.paid_out, journey.status = False, "pending_sender"
        await self._pay(journey, less_by=3)
        self._goes_back(journey, str(Decimal(journey.amount) - 3))

    async def _paid_twice(self, journey: Journey) -> None:
        await self._open_in(journey, "EURX")
        await self._pay(journey)
        await self._pay(journey)
        self._goes_back(journey, journey.amount)

    async def _wrong_asset(self, journey: Journey) -> None:
        await self._open_in(journey, "EURX")
        journey.paid_out, journey.status = False, "pending_sender"
        await self._pay(journey, asset_code="USDC")
        self._goes_back(journey, journey.amount, asset_code="USDC")

    def _goes_back(self, journey: Journey, amount: str, *, asset_code: str = "") -> None:
        journey.goes_back.append((asset_code or journey.asset_code, Decimal(amount)))

    async def _open_in(self, journey: Journey, asset_code: str, *, quoted: bool = False) -> None:
        """Open a remittance into euros."""
        journey.asset_code, journey.account = asset_code, random_iban()
        receiver = await self._receiver(journey, _EUR_RECEIVER)
        further = {"quote_id": await self._quote(journey)} if quoted else {}
        await self._open(journey, receiver=receiver, **further)

    async def _erased(self, journey: Journey) -> None:
        """Let a customer be forgotten who has nothing under way."""
        journey.paid_out, journey.status = False, ""
        memo = str(secrets.randbits(63))
        identity = {"memo": memo, "memo_type": "id", "type": _EUR_RECEIVER}
        await self._call(journey, "PUT", "/customer", {**identity, "first_name": "Rosa"}, statuses=_TAKEN)
        headers = await journey.partner.receiver._authorized()
        url = f"{journey.partner.receiver.page.kyc_server}/customer/{journey.partner.account}"
        await self._calls.patiently("DELETE", url, headers=headers, json={"memo": memo, "memo_type": "id"})

    async def _receiver(self, journey: Journey, customer_type: str, **given: str) -> str:
        return await journey.partner.receiver.register(
            CustomerRole.RECEIVER,
            customer_type=customer_type,
            given={"bank_account_number": journey.account, **given},
            may_invent=True,
        )

    async def _sender(self, journey: Journey) -> str:
        """Return the partner's one sending client."""
        place = id(journey.partner)
        if place not in self._known:
            self._known[place] = await journey.partner.receiver.register(
                CustomerRole.SENDER, customer_type="sep31-sender", given={}, may_invent=True
            )
        return self._known[place]

    async def _proposal(self, journey: Journey, receiver: str, **further: str) -> dict[str, Any]:
        return {
            "amount": journey.amount,
            "asset_code": journey.asset_code,
            "sender_id": await self._sender(journey),
            "receiver_id": receiver,
            **further,
        }

    async def _open(self, journey: Journey, *, receiver: str, **further: str) -> None:
        proposal = await self._proposal(journey, receiver, **further)
        opened = await self._call(journey, "POST", "/transactions", proposal, statuses=(201,))
        journey.remittance_id, journey.memo = str(opened["id"]), str(opened["stellar_memo"])
        await self._ask_for_callbacks(journey)

    async def _ask_for_callbacks(self, journey: Journey) -> None:
        path = f"/transactions/{journey.remittance_id}/callback"
        await self._call(journey, "PUT", path, {"url": self.world.receiver.url}, statuses=(204,))

    async def _until(self, journey: Journey, status: str) -> None:
        async with asyncio.timeout(_PATIENCE_S):
            while (await self.state(journey))["status"] != status:  # noqa: ASYNC110 - the API tells by being asked
                await asyncio.sleep(_POLL_S)

    async def _pay(self, journey: Journey, *, less_by: int = 0, asset_code: str = "") -> None:
        code = asset_code or journey.asset_code
        await journey.partner.wallet.pay(
            destination=self.world.keys.distribution_account,
            asset_code=code,
            asset_issuer=journey.partner.receiver.page.issuers[code],
            amount=str(Decimal(journey.amount) - less_by),
            memo=IdMemo(int(journey.memo)),
        )

    async def _call(
        self,
        journey: Journey,
        method: str,
        path: str,
        content: Mapping[str, Any],
        *,
        statuses: tuple[int, ...] = (200,),
    ) -> dict[str, Any]:
        headers = await journey.partner.receiver._authorized()
        if method == "POST":
            headers["Idempotency-Key"] = str(uuid4())
        page = journey.partner.receiver.page
        bases = {
            "/customer": page.kyc_server,
            "/transactions": page.direct_payment_server,
            "/quote": f"{self.world.addresses.api}/sep38",
        }
        url = bases[f"/{path.split('/')[1]}"] + path
        answer = await self._calls.patiently(method, url, headers=headers, json=dict(content))
        assert answer.status in statuses, f"{method} {path}: {answer.status} {answer.body[:300]!r}"
        found = answer.json()
        return found if isinstance(found, dict) else {}

    async def state(self, journey: Journey) -> dict[str, Any]:
        """Ask the anchor how a remittance stands."""
        return await journey.partner.receiver.remittance(journey.remittance_id)


@asynccontextmanager
async def travellers(world: World) -> AsyncIterator[Travellers]:
    """Give the partners their connections. A server has to run meanwhile."""
    async with AsyncExitStack() as stack:
        partners = [
            await stack.enter_async_context(world.partner(number))
            for number in range(len(world.keys.partner_seeds))
        ]
        for partner in partners:
            await partner.receiver.authenticate()
        calls = await stack.enter_async_context(Calls(patience_s=PATIENCE_S))
        yield Travellers(world, partners, calls)


async def keep_travelling(
    party: Travellers, kinds: Iterable[str], *, at_once: int, stop: asyncio.Event
) -> None:
    """Make journeys of the kinds in turn, some at once, until told to stop; those that were begun are finished."""
    turns = iter(kinds)

    async def go_on() -> None:
        while not stop.is_set():
            kind = next(turns, None)
            if kind is None:
                return
            await party.travel(kind)

    async with asyncio.TaskGroup() as group:
        for _ in range(at_once):
            group.create_task(go_on())


def _digits(count: int) -> str:
    return "".join(secrets.choice("0123456789") for _ in range(count))
