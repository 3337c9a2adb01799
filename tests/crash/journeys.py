"""What partners do while servers are killed: journeys of every kind, each with the ends that it may come to."""

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
from roadstead.sandbox.sender import SendingAnchor

EURO = "iso4217:EUR"
YEN = "iso4217:JPY"
GOOD = ""
WRONG_NUMBER, WRONG_NUMBER_LATER = "990101", "991101"
CLOSED, BLOCKED_LATER, CAME_BACK = "990104", "991106", "992104"
NOT_NOW, FORBIDDEN, NO_REASON = "990601", "990404", "990503"
"""Ends of account numbers that the bank treats in a way of its own (docs/simulated-bank.md)."""

UNSEEN = "4407"
"""How the account numbers begin of which a bank in trouble loses orders and answers."""

_EUR_RECEIVER = "sep31-receiver"
_ASKED = "pending_transaction_info_update"
_TAKEN = (200, 202)
_TRIES = 20
_POLL_S = 0.2
_PATIENCE_S = 120.0

DELIVERED = frozenset({"completed"})
SENT_BACK = frozenset({"refunded"})
EITHER = DELIVERED | SENT_BACK
UNPAID = frozenset({"pending_sender"})


@dataclass(slots=True, kw_only=True)
class Journey:
    """One payment of a partner: what was asked for, and what became of it as far as the partner knows."""

    kind: str
    amount: str
    partner: SendingAnchor
    asset_code: str = "EURX"
    accounts: list[str] = field(default_factory=list)
    """Where the receiving client may be paid: the first, and those that it was corrected to."""
    remittance_id: str = ""
    memo: str = ""
    ends: frozenset[str] = DELIVERED
    """The statuses in which it may end; what they mean for bank and chain follows from them."""
    arrived: Decimal = Decimal(0)
    """What was paid for it first."""
    goes_back: list[tuple[str, Decimal]] = field(default_factory=list)
    """What has to come back beside that, by asset."""


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
            "unseen": self._unseen,
            "quoted": self._quoted,
            "yen": self._yen,
            "incomplete": self._incomplete,
            "corrected": self._corrected,
            "corrected_later": self._corrected_later,
            "closed": self._closed,
            "blocked": self._blocked,
            "came_back": self._came_back,
            "not_now": self._not_now,
            "forbidden": self._forbidden,
            "asked": self._asked,
            "large": self._large,
            "unknown_memo": self._unknown_memo,
            "crumb": self._crumb,
            "large_refund": self._large_refund,
            "other_amount": self._other_amount,
            "too_much": self._too_much,
            "too_little": self._too_little,
            "paid_twice": self._paid_twice,
            "wrong_asset": self._wrong_asset,
            "expired": self._expired,
            "erased": self._erased,
            "authenticate": self._authenticate,
        }

    async def travel(self, kind: str) -> Journey:
        """Make one journey, up to where the partner has nothing more to do than to wait."""
        number = len(self.journeys)
        amount = f"{20 + number % 400}.{secrets.randbelow(100):02}"
        journey = Journey(kind=kind, amount=amount, partner=self._partners[number % len(self._partners)])
        self.journeys.append(journey)
        await self.kinds[kind](journey)
        return journey

    async def _plain(self, journey: Journey) -> None:
        await self._open_in(journey, "EURX")
        await self._pay(journey)

    async def _dollars(self, journey: Journey, beginning: str = "") -> None:
        """Deliver over a rail that may lose sight of it; people then find out what became of it."""
        account = f"{beginning}{_digits(12 - len(beginning))}"
        journey.asset_code, journey.accounts, journey.ends = "USDC", [account], EITHER
        await self._open(journey, receiver=await self._receiver(journey, "sep31-receiver-wire"))
        await self._pay(journey)

    async def _unseen(self, journey: Journey) -> None:
        await self._dollars(journey, UNSEEN)

    async def _quoted(self, journey: Journey) -> None:
        await self._open_in(journey, "USDC", quoted=True)
        await self._pay(journey)

    async def _yen(self, journey: Journey) -> None:
        """Deliver at the rate of the payment, which is not always there."""
        journey.asset_code, journey.accounts = "USDC", [_digits(7)]
        receiver = await self._receiver(journey, "sep31-receiver-zengin", bank_number="0001123")
        await self._open(journey, receiver=receiver, destination_asset=YEN, funding_method="ZENGIN")
        await self._pay(journey)

    async def _incomplete(self, journey: Journey) -> None:
        """Open for a receiving client whose data are completed only afterwards."""
        journey.accounts = [iban()]
        identity = {"memo": str(secrets.randbits(63)), "memo_type": "id", "type": _EUR_RECEIVER}
        given = {**identity, "first_name": "Rosa", "last_name": "Receiver", "address_country_code": "DEU"}
        answer = await self._call(journey, "PUT", "/customer", given, statuses=_TAKEN)
        proposal = await self._proposal(journey, str(answer["id"]))
        opened = await self._call(journey, "POST", "/transactions", proposal, statuses=(201,))
        journey.remittance_id = str(opened["id"])
        await self._ask_for_callbacks(journey)
        given["bank_account_number"] = journey.accounts[0]
        await self._call(journey, "PUT", "/customer", given, statuses=_TAKEN)
        await self._until(journey, "pending_sender")
        journey.memo = str((await self.state(journey))["stellar_memo"])
        await self._pay(journey)

    async def _corrected(self, journey: Journey, ending: str = WRONG_NUMBER) -> None:
        """Have the account number refused, and correct it."""
        receiver = await self._open_in(journey, "EURX", ending=ending)
        await self._pay(journey)
        await self._until(journey, "pending_customer_info_update")
        journey.accounts.append(iban())
        correction = {"id": receiver, "type": _EUR_RECEIVER, "bank_account_number": journey.accounts[-1]}
        await self._call(journey, "PUT", "/customer", correction, statuses=_TAKEN)

    async def _corrected_later(self, journey: Journey) -> None:
        await self._corrected(journey, WRONG_NUMBER_LATER)

    async def _closed(self, journey: Journey) -> None:
        await self._refused(journey, CLOSED)

    async def _blocked(self, journey: Journey) -> None:
        await self._refused(journey, BLOCKED_LATER)

    async def _came_back(self, journey: Journey) -> None:
        """Be delivered, and have it come back from the bank."""
        await self._refused(journey, CAME_BACK)

    async def _not_now(self, journey: Journey) -> None:
        """Be refused again and again, until people give up."""
        await self._refused(journey, NOT_NOW)

    async def _forbidden(self, journey: Journey) -> None:
        await self._refused(journey, FORBIDDEN)

    async def _refused(self, journey: Journey, ending: str) -> None:
        journey.ends = SENT_BACK
        await self._open_in(journey, "EURX", ending=ending)
        await self._pay(journey)

    async def _asked(self, journey: Journey) -> None:
        """Be asked for a field of the transaction, give it, and be refused all the same."""
        await self._refused(journey, NO_REASON)
        await self._until(journey, _ASKED)
        await self.answer(journey)

    async def _large(self, journey: Journey) -> None:
        """Send so much that two people have to agree."""
        journey.amount = f"95{journey.amount[1:]}"
        await self._open_in(journey, "EURX")
        await self._pay(journey)

    async def _unknown_memo(self, journey: Journey) -> None:
        await self._pay_for_nothing(journey)

    async def _crumb(self, journey: Journey) -> None:
        """Pay too little for nothing to be sent back by itself; people send it back."""
        journey.amount = f"0.{secrets.randbelow(8_999_999) + 1_000_000}"
        await self._pay_for_nothing(journey)

    async def _large_refund(self, journey: Journey) -> None:
        journey.amount = f"95{journey.amount[1:]}"
        await self._pay_for_nothing(journey)

    async def _pay_for_nothing(self, journey: Journey) -> None:
        """Pay with a memo that nobody gave."""
        journey.memo = str(secrets.randbits(62))
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
        journey.ends = UNPAID
        await self._open_in(journey, "USDC", quoted=True)
        await self._pay(journey, less_by=3)
        self._goes_back(journey, str(Decimal(journey.amount) - 3))

    async def _paid_twice(self, journey: Journey) -> None:
        await self._open_in(journey, "EURX")
        await self._pay(journey)
        await self._pay(journey)
        self._goes_back(journey, journey.amount)

    async def _wrong_asset(self, journey: Journey) -> None:
        journey.ends = UNPAID
        await self._open_in(journey, "EURX")
        await self._pay(journey, asset_code="USDC")
        self._goes_back(journey, journey.amount, asset_code="USDC")

    async def _expired(self, journey: Journey) -> None:
        """Never pay, and let the time be over at once."""
        journey.ends = frozenset({"expired"})
        await self._open_in(journey, "EURX")
        await self.world.rows(
            "UPDATE remittances SET expires_at = now() - interval '1 hour' WHERE id = $1::uuid",
            journey.remittance_id,
        )

    async def _erased(self, journey: Journey) -> None:
        """Let a customer be forgotten who has nothing under way."""
        memo = str(secrets.randbits(63))
        given = {"memo": memo, "memo_type": "id", "type": _EUR_RECEIVER, "first_name": "Rosa"}
        await self._call(journey, "PUT", "/customer", given, statuses=_TAKEN)
        headers = await journey.partner.receiver._authorized()
        url = f"{journey.partner.receiver.page.kyc_server}/customer/{journey.partner.account}"
        await self._calls.patiently("DELETE", url, headers=headers, json={"memo": memo, "memo_type": "id"})

    async def _authenticate(self, journey: Journey) -> None:
        """Authenticate anew; an answer that was lost costs a new challenge."""
        seed = next(iter(self.world.keys.partner_seeds.values()))
        passphrase = self.world.keys.passphrase
        for _ in range(_TRIES):
            page = journey.partner.receiver.page
            stranger = Receiver(self._calls, page, seed=seed, network_passphrase=passphrase)
            with suppress(Refused):
                await stranger.authenticate()
                return
        raise AssertionError("nobody could authenticate")

    async def _open_in(
        self, journey: Journey, asset_code: str, *, quoted: bool = False, ending: str = GOOD
    ) -> str:
        """Open a remittance into euros; return the receiving client."""
        journey.asset_code, journey.accounts = asset_code, [iban(ending)]
        receiver = await self._receiver(journey, _EUR_RECEIVER)
        further = {"quote_id": await self._quote(journey)} if quoted else {}
        await self._open(journey, receiver=receiver, **further)
        return receiver

    async def _quote(self, journey: Journey) -> str:
        wanted = {
            "sell_asset": f"stellar:USDC:{journey.partner.receiver.page.issuers['USDC']}",
            "buy_asset": EURO,
            "sell_amount": journey.amount,
            "context": "sep31",
        }
        return str((await self._call(journey, "POST", "/quote", wanted, statuses=(201,)))["id"])

    async def _receiver(self, journey: Journey, customer_type: str, **given: str) -> str:
        return await journey.partner.receiver.register(
            CustomerRole.RECEIVER,
            customer_type=customer_type,
            given={"bank_account_number": journey.accounts[0], **given},
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
        """Wait for a status; a failure of the server to come to it shows in the end."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_PATIENCE_S):
                while (await self.state(journey))["status"] != status:  # noqa: ASYNC110 - it tells by being asked
                    await asyncio.sleep(_POLL_S)

    async def _pay(self, journey: Journey, *, less_by: int = 0, asset_code: str = "") -> None:
        code = asset_code or journey.asset_code
        amount = Decimal(journey.amount) - less_by
        await journey.partner.wallet.pay(
            destination=self.world.keys.distribution_account,
            asset_code=code,
            asset_issuer=journey.partner.receiver.page.issuers[code],
            amount=str(amount),
            memo=IdMemo(int(journey.memo)),
        )
        journey.arrived = journey.arrived or amount

    def _goes_back(self, journey: Journey, amount: str, *, asset_code: str = "") -> None:
        journey.goes_back.append((asset_code or journey.asset_code, Decimal(amount)))

    async def _call(
        self,
        journey: Journey,
        method: str,
        path: str,
        content: Mapping[str, Any],
        *,
        statuses: tuple[int, ...] = (200,),
    ) -> dict[str, Any]:
        """Call the API, again and again while it is away; what may not be done twice carries a key."""
        headers = await journey.partner.receiver._authorized()
        if method == "POST":
            headers["Idempotency-Key"] = str(uuid4())
        page = journey.partner.receiver.page
        bases = {
            "customer": page.kyc_server,
            "transactions": page.direct_payment_server,
            "quote": f"{self.world.addresses.api}/sep38",
        }
        url = bases[path.split("/")[1]] + path
        answer = await self._calls.patiently(method, url, headers=headers, json=dict(content))
        assert answer.status in statuses, f"{method} {path}: {answer.status} {answer.body[:300]!r}"
        found = answer.json()
        return found if isinstance(found, dict) else {}

    async def answer(self, journey: Journey) -> None:
        """Give the fields of a transaction that are asked for, if any are."""
        state = await self.state(journey)
        if state["status"] != _ASKED:
            return
        asked = state["required_info_updates"]["transaction"]
        fields = {"fields": {"transaction": dict.fromkeys(asked, "gift")}}
        path = f"/transactions/{journey.remittance_id}"
        # Who repeats it because the answer was lost hears that nothing is asked for any more.
        await self._call(journey, "PATCH", path, fields, statuses=(200, 400))

    async def answer_all(self) -> None:
        """Let every partner answer what it is asked."""
        waiting = await self.world.rows("SELECT id FROM remittances WHERE status = $1", _ASKED)
        asked = {str(row["id"]) for row in waiting}
        for journey in self.journeys:
            if journey.remittance_id in asked:
                await self.answer(journey)

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


def iban(ending: str = GOOD) -> str:
    """Make an IBAN of the German form with right check digits and a certain ending, at a bank that does not exist."""
    account = f"99999999{_digits(10 - len(ending))}{ending}"
    # ISO 13616: country and "00" go behind the account, letters become numbers (D = 13, E = 14).
    made = f"DE{98 - int(f'{account}131400') % 97:02}{account}"
    return iban(ending) if ending == GOOD and made[-6:].startswith("99") else made


def _digits(count: int) -> str:
    return "".join(secrets.choice("0123456789") for _ in range(count))
