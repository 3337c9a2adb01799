"""The partners of a world: how they register customers, open remittances, pay, and answer what they are asked."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from uuid import uuid4

from stellar_sdk import IdMemo
from tests.crash.world import World

from roadstead.config.anchor import CustomerRole
from roadstead.sandbox.calls import Calls
from roadstead.sandbox.sender import SendingAnchor

EURO = "iso4217:EUR"
GOOD = ""
"""The end of an account number that is paid."""
EUR_RECEIVER = "sep31-receiver"
LARGE_RECEIVER = "sep31-large-receiver"
LARGE_SENDER = "sep31-large-sender"
ASKED = "pending_transaction_info_update"
DELIVERED = frozenset({"completed"})
TAKEN = (200, 202)
_POLL_S = 0.2
_PATIENCE_S = 120.0


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


class Party:
    """The partners, what they know of their journeys, and what each step of one takes."""

    def __init__(self, world: World, partners: list[SendingAnchor], calls: Calls) -> None:
        self.world = world
        self.journeys: list[Journey] = []
        self._partners = partners
        self._calls = calls
        self._known: dict[int, str] = {}

    async def _open_in(
        self,
        journey: Journey,
        asset_code: str,
        *,
        quoted: bool = False,
        ending: str = GOOD,
        receiver_type: str = EUR_RECEIVER,
    ) -> str:
        """Open a remittance into euros; return the receiving client."""
        journey.asset_code, journey.accounts = asset_code, [iban(ending)]
        receiver = await self._receiver(journey, receiver_type)
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

    async def _tell_more_of_the_sender(self, journey: Journey) -> None:
        """Complete the partner's sending client for large amounts."""
        await journey.partner.receiver.register(
            CustomerRole.SENDER,
            customer_type=LARGE_SENDER,
            given={},
            may_invent=True,
            customer_id=await self._sender(journey),
        )

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
        if state["status"] != ASKED:
            return
        asked = state["required_info_updates"]["transaction"]
        fields = {"fields": {"transaction": dict.fromkeys(asked, "gift")}}
        path = f"/transactions/{journey.remittance_id}"
        # Who repeats it because the answer was lost hears that nothing is asked for any more, and of two who answer at
        # once, one may hear that it has moved on.
        await self._call(journey, "PATCH", path, fields, statuses=(200, 400, 409))

    async def answer_all(self) -> None:
        """Let every partner answer what it is asked."""
        waiting = await self.world.rows("SELECT id FROM remittances WHERE status = $1", ASKED)
        asked = {str(row["id"]) for row in waiting}
        for journey in self.journeys:
            if journey.remittance_id in asked:
                await self.answer(journey)

    async def state(self, journey: Journey) -> dict[str, Any]:
        """Ask the anchor how a remittance stands."""
        return await journey.partner.receiver.remittance(journey.remittance_id)


def iban(ending: str = GOOD) -> str:
    """Make an IBAN of the German form with right check digits and a certain ending, at a bank that does not exist."""
    account = f"99999999{digits(10 - len(ending))}{ending}"
    # ISO 13616: country and "00" go behind the account, letters become numbers (D = 13, E = 14).
    made = f"DE{98 - int(f'{account}131400') % 97:02}{account}"
    return iban(ending) if ending == GOOD and made[-6:].startswith("99") else made


def digits(count: int) -> str:
    return "".join(secrets.choice("0123456789") for _ in range(count))
