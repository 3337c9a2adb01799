"""A sending anchor: finds a receiving anchor, authenticates, registers customers, opens a remittance, pays, waits."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from functools import partial
from typing import Self

from roadstead.config.anchor import CustomerRole
from roadstead.config.networks import NetworkProfile, profiles
from roadstead.config.secrets import Secret
from roadstead.config.strkey import public_key_of
from roadstead.errors import BadInput, InvalidAmount, Unavailable
from roadstead.money import parse_decimal
from roadstead.sandbox.calls import Calls, exact_number
from roadstead.sandbox.completing import Customers, open_completing
from roadstead.sandbox.page import AnchorPage, read_page
from roadstead.sandbox.progress import (
    ASKS_FOR_CUSTOMER,
    FINAL_STATUSES,
    Progress,
    Step,
    authenticated,
    corrected,
    finished,
    found,
    opened_as,
    paid_with,
    registered,
    status_text,
)
from roadstead.sandbox.receiver import Offer, Opened, Receiver
from roadstead.sandbox.wallet import Paid, Wallet, memo_from_text

STATUS_INTERVAL_S = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class SendOrder:
    """What is to be sent, and to whom."""

    amount: str
    """Plain decimal text, in whole assets."""
    asset_code: str | None = None
    """None takes the first asset that the anchor lists."""
    funding_method: str | None = None
    sender_id: str | None = None
    """A customer registered earlier; None registers a new one."""
    receiver_id: str | None = None
    sender_fields: Mapping[str, str] = field(default_factory=dict)
    """SEP-9 fields; what the anchor requires beyond them is invented, except where money is real."""
    receiver_fields: Mapping[str, str] = field(default_factory=dict)
    receiver_corrections: Mapping[str, str] = field(default_factory=dict)
    """SEP-9 fields that are sent, once, when the anchor asks for other data about the receiving client."""
    timeout_s: float = 300.0
    """How long to wait for a final status after paying."""

    def __post_init__(self) -> None:
        """Check the amount.

        Raises:
            InvalidAmount: It is no plain decimal number, or zero.
        """
        if not parse_decimal(self.amount):
            raise InvalidAmount("The amount is zero: nothing would be sent.")


class StillOnTheWay(Unavailable):
    """The payment was made, and the remittance has not come to an end in the time allowed."""

    code = "still_on_the_way"


class SendingAnchor:
    """One partner account that sends to one receiving anchor. Use it as an async context manager.

    It may be shared by payments that run at the same time; they pay one after the other and wait together.
    """

    def __init__(
        self,
        *,
        home_domain: str,
        secret: Secret,
        horizon_url: str | None = None,
        network_passphrase: str | None = None,
        patience_s: float = 15.0,
    ) -> None:
        """Prepare; nothing is called yet.

        Args:
            home_domain: Host, with a port where it is not the usual one, of the receiving anchor.
            secret: The seed S... that authenticates and pays.
            horizon_url: Where to pay; None takes what the anchor's stellar.toml or the network says.
            network_passphrase: None takes the one in the anchor's stellar.toml.
            patience_s: How long to go on asking a server that does not answer.

        Raises:
            BadInput: The secret is no seed.
        """
        try:
            self.account = public_key_of(secret.reveal())
        except ValueError as error:
            raise BadInput(f"The sender's secret cannot be used: {error}") from error
        self._home_domain = home_domain
        self._secret = secret
        self._horizon_url = horizon_url
        self._network_passphrase = network_passphrase
        self._calls = Calls(patience_s=patience_s)
        self._open_parts = AsyncExitStack()
        self._receiver: Receiver | None = None
        self._wallet: Wallet | None = None
        self.may_invent = False
        """Whether customers' data that the anchor requires may be invented: not where customers are real."""

    async def __aenter__(self) -> Self:
        """Open the connections and find the anchor.

        Raises:
            BadInput: The domain serves no stellar.toml that a payment can start from.
            Unavailable: It does not answer.
        """
        async with AsyncExitStack() as parts:
            await parts.enter_async_context(self._calls)
            self._settle(await read_page(self._calls, self._home_domain))
            self._open_parts = parts.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close the connections."""
        await self._open_parts.aclose()

    @property
    def receiver(self) -> Receiver:
        """The receiving anchor, for single steps."""
        if self._receiver is None:
            raise Unavailable("The anchor was not looked up yet: use this sender in an `async with` block.")
        return self._receiver

    @property
    def wallet(self) -> Wallet:
        """The paying account, for single steps."""
        if self._wallet is None:
            raise Unavailable("The anchor was not looked up yet: use this sender in an `async with` block.")
        return self._wallet

    def _settle(self, page: AnchorPage) -> None:
        passphrase = self._network_passphrase or page.network_passphrase
        if passphrase is None:
            raise BadInput(f"{page.home_domain} does not say on which network it is: name its passphrase.")
        if page.network_passphrase not in (None, passphrase):
            raise BadInput(
                f"{page.home_domain} is on another network ({page.network_passphrase!r}): nothing was sent."
            )
        network = _network_of(passphrase)
        horizon_url = self._horizon_url or page.horizon_url or (network.horizon_url if network else None)
        if horizon_url is None:
            raise BadInput(f"{page.home_domain} names no Horizon server for its network: name one.")
        self.may_invent = network is None or not network.validates_customers
        seed = self._secret.reveal()
        self._receiver = Receiver(self._calls, page, seed=seed, network_passphrase=passphrase)
        self._wallet = Wallet(self._calls, horizon_url=horizon_url, network_passphrase=passphrase, seed=seed)

    async def send(self, order: SendOrder) -> AsyncIterator[Progress]:
        """Send one payment from the beginning to its end, telling each step; the last is `Step.FINISHED`.

        Raises:
            BadInput: The anchor or the network refused a step; the message says which and why.
            StillOnTheWay: It was paid and has no final status in time.
            Unavailable: A server stayed away.
        """
        page = self.receiver.page
        yield found(page)
        await self.receiver.authenticate()
        yield authenticated(self.account)
        offer = _choose(await self.receiver.offers(), order.asset_code, page.home_domain)
        sender_id = order.sender_id or await self.register_sender(offer, order.sender_fields)
        yield registered(CustomerRole.SENDER, sender_id)
        receiver_id = order.receiver_id or await self.register_receiver(offer, order.receiver_fields)
        yield registered(CustomerRole.RECEIVER, receiver_id)
        opened = await open_completing(
            self.receiver,
            offer,
            {CustomerRole.SENDER: sender_id, CustomerRole.RECEIVER: receiver_id},
            partial(self._open_for, offer, order),
            given={CustomerRole.SENDER: order.sender_fields, CustomerRole.RECEIVER: order.receiver_fields},
            may_invent=self.may_invent,
        )
        yield opened_as(opened, await self.receiver.remittance(opened.id))
        paid = await self.pay(opened, amount=order.amount, asset_code=offer.asset_code)
        yield paid_with(paid, f"{order.amount} {offer.asset_code}")
        corrections = order.receiver_corrections
        async for progress in self.follow(opened.id, timeout_s=order.timeout_s):
            yield progress
            if corrections and receiver_id and progress.details.get("status") == ASKS_FOR_CUSTOMER:
                asked = await self.receiver.correct(
                    receiver_id, customer_type=offer.receiver_types[0], fields=corrections
                )
                yield corrected(CustomerRole.RECEIVER, receiver_id, corrections, asked)
                corrections = {}

    async def register_sender(self, offer: Offer, given: Mapping[str, str]) -> str | None:
        """Register a new sending client for an asset; None when the anchor need not know one."""
        return await self._register(CustomerRole.SENDER, offer.sender_types, given)

    async def register_receiver(self, offer: Offer, given: Mapping[str, str]) -> str | None:
        """Register a new receiving client for an asset; None when the anchor need not know one."""
        return await self._register(CustomerRole.RECEIVER, offer.receiver_types, given)

    async def _register(
        self, role: CustomerRole, types: tuple[str, ...], given: Mapping[str, str]
    ) -> str | None:
        if not types:
            return None
        return await self.receiver.register(
            role, customer_type=types[0], given=given, may_invent=self.may_invent
        )

    async def _open_for(self, offer: Offer, order: SendOrder, customers: Customers) -> Opened:
        return await self.open(
            offer,
            amount=order.amount,
            sender_id=customers[CustomerRole.SENDER],
            receiver_id=customers[CustomerRole.RECEIVER],
            funding_method=order.funding_method,
        )

    async def open(
        self,
        offer: Offer,
        *,
        amount: str,
        sender_id: str | None,
        receiver_id: str | None,
        funding_method: str | None = None,
    ) -> Opened:
        """Open a remittance.

        Raises:
            BadInput: The anchor refuses it, or wants a quote first.
        """
        if offer.quotes_required:
            raise BadInput(
                f"The anchor takes {offer.asset_code} only at a quoted price (SEP-38), which is not supported."
            )
        method = funding_method or next(iter(offer.funding_methods), None)
        issuer = self.receiver.page.issuers.get(offer.asset_code)
        optional = {
            "asset_issuer": issuer,
            "funding_method": method,
            "sender_id": sender_id,
            "receiver_id": receiver_id,
        }
        given = {name: value for name, value in optional.items() if value is not None}
        return await self.receiver.open(
            {"amount": exact_number(amount), "asset_code": offer.asset_code, **given}
        )

    async def pay(self, opened: Opened, *, amount: str, asset_code: str) -> Paid:
        """Pay for a remittance on Stellar, with the memo that it was given."""
        issuer = self.receiver.page.issuers.get(asset_code)
        if issuer is None and asset_code != "native":
            raise BadInput(
                f"{self.receiver.page.home_domain} does not name the issuer of {asset_code} in stellar.toml."
            )
        return await self.wallet.pay(
            destination=opened.account,
            asset_code=asset_code,
            asset_issuer=issuer,
            amount=amount,
            memo=memo_from_text(opened.memo_type, opened.memo),
        )

    async def follow(self, remittance_id: str, *, timeout_s: float) -> AsyncIterator[Progress]:
        """Tell each change of a remittance's status until it is final.

        Raises:
            StillOnTheWay: It is not final in time; nothing is lost, it goes on without being watched.
        """
        deadline_s = asyncio.get_running_loop().time() + timeout_s
        last = None
        while True:
            remittance = await self.receiver.remittance(remittance_id)
            status = str(remittance["status"])
            if status != last:
                last = status
                yield Progress(
                    step=Step.STATUS,
                    message=status_text(remittance),
                    details={"status": status},
                    remittance=remittance,
                )
            if status in FINAL_STATUSES:
                yield finished(remittance)
                return
            if asyncio.get_running_loop().time() >= deadline_s:
                raise StillOnTheWay(
                    f"Remittance {remittance_id} is still {status} after {timeout_s:g} s. The payment was made and is"
                    " not lost: ask the anchor again later, by this id."
                )
            await asyncio.sleep(STATUS_INTERVAL_S)


def _network_of(passphrase: str) -> NetworkProfile | None:
    return next((profile for profile in profiles() if profile.passphrase == passphrase), None)


def _choose(offers: tuple[Offer, ...], asset_code: str | None, home_domain: str) -> Offer:
    if asset_code is None:
        return offers[0]
    for offer in offers:
        if offer.asset_code == asset_code:
            return offer
    raise BadInput(
        f"{home_domain} does not receive {asset_code}: it receives {', '.join(o.asset_code for o in offers)}."
    )
