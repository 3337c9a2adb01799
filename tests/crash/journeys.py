"""What partners do while servers are killed: journeys of every kind, each with the ends that it may come to."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from decimal import Decimal

from tests.crash.party import (
    ASKED,
    DELIVERED,
    EUR_RECEIVER,
    LARGE_RECEIVER,
    TAKEN,
    Journey,
    Party,
    digits,
    iban,
)
from tests.crash.world import PATIENCE_S, World

from roadstead.sandbox.calls import Calls, Refused
from roadstead.sandbox.receiver import Receiver
from roadstead.sandbox.sender import SendingAnchor

YEN = "iso4217:JPY"
WRONG_NUMBER, WRONG_NUMBER_LATER = "990101", "991101"
CLOSED, BLOCKED_LATER, CAME_BACK = "990104", "991106", "992104"
NOT_NOW, FORBIDDEN, NO_REASON = "990601", "990404", "990503"
"""Ends of account numbers that the bank treats in a way of its own (docs/simulated-bank.md)."""

UNSEEN = "4407"
"""How the account numbers begin of which a bank in trouble loses orders and answers."""

_TRIES = 20

SENT_BACK = frozenset({"refunded"})
EITHER = DELIVERED | SENT_BACK
UNPAID = frozenset({"pending_sender", "expired"})
"""What nobody paid enough for waits, and on a busy machine its time is over before the end."""


class Travellers(Party):
    """The partners of a world, and the kinds of journeys that they can make."""

    def __init__(self, world: World, partners: list[SendingAnchor], calls: Calls) -> None:
        super().__init__(world, partners, calls)
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
        account = f"{beginning}{digits(12 - len(beginning))}"
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
        journey.asset_code, journey.accounts = "USDC", [digits(7)]
        receiver = await self._receiver(journey, "sep31-receiver-zengin", bank_number="0001123")
        await self._open(journey, receiver=receiver, destination_asset=YEN, funding_method="ZENGIN")
        await self._pay(journey)

    async def _incomplete(self, journey: Journey) -> None:
        """Open for a receiving client whose data are completed only afterwards."""
        journey.accounts = [iban()]
        identity = {"memo": str(secrets.randbits(63)), "memo_type": "id", "type": EUR_RECEIVER}
        given = {**identity, "first_name": "Rosa", "last_name": "Receiver", "address_country_code": "DEU"}
        answer = await self._call(journey, "PUT", "/customer", given, statuses=TAKEN)
        proposal = await self._proposal(journey, str(answer["id"]))
        opened = await self._call(journey, "POST", "/transactions", proposal, statuses=(201,))
        journey.remittance_id = str(opened["id"])
        await self._ask_for_callbacks(journey)
        given["bank_account_number"] = journey.accounts[0]
        await self._call(journey, "PUT", "/customer", given, statuses=TAKEN)
        await self._until(journey, "pending_sender")
        journey.memo = str((await self.state(journey))["stellar_memo"])
        await self._pay(journey)

    async def _corrected(self, journey: Journey, ending: str = WRONG_NUMBER) -> None:
        """Have the account number refused, and correct it."""
        receiver = await self._open_in(journey, "EURX", ending=ending)
        await self._pay(journey)
        await self._until(journey, "pending_customer_info_update")
        journey.accounts.append(iban())
        correction = {"id": receiver, "type": EUR_RECEIVER, "bank_account_number": journey.accounts[-1]}
        await self._call(journey, "PUT", "/customer", correction, statuses=TAKEN)

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
        await self._until(journey, ASKED)
        await self.answer(journey)

    async def _large(self, journey: Journey) -> None:
        """Send so much that two people have to agree."""
        journey.amount = f"95{journey.amount[1:]}"
        await self._tell_more_of_the_sender(journey)
        await self._open_in(journey, "EURX", receiver_type=LARGE_RECEIVER)
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
        given = {"memo": memo, "memo_type": "id", "type": EUR_RECEIVER, "first_name": "Rosa"}
        await self._call(journey, "PUT", "/customer", given, statuses=TAKEN)
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
