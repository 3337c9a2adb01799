"""A receiving anchor as its partners see it: found by its home domain, spoken to by SEP-1, 10, 12 and 31."""

from __future__ import annotations

import asyncio
import base64
import secrets
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import msgspec

from roadstead.config.anchor import CustomerRole
from roadstead.errors import BadInput, Unavailable
from roadstead.sandbox.calls import Calls
from roadstead.sandbox.page import AnchorPage
from roadstead.sandbox.sample import decode_binary, invent

TOKEN_MARGIN_S = 60
KYC_TIMEOUT_S = 60.0
KYC_ROUNDS = 3
_POLL_INTERVAL_S = 0.5
_MEMO_BITS = 63


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """One asset of SEP-31's /info."""

    asset_code: str
    funding_methods: tuple[str, ...]
    sender_types: tuple[str, ...]
    """SEP-12 types for sending clients; empty when the anchor need not know them."""
    receiver_types: tuple[str, ...]
    quotes_required: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A remittance that waits for its payment."""

    id: str
    account: str
    memo_type: str
    memo: str


class Receiver:
    """One receiving anchor, on behalf of one partner account. Safe to share between concurrent payments."""

    def __init__(self, calls: Calls, page: AnchorPage, *, seed: str, network_passphrase: str) -> None:
        """Prepare; nothing is called yet.

        Args:
            calls: Open connections.
            page: What the anchor's stellar.toml says.
            seed: The partner's secret seed S...
            network_passphrase: The network on which the anchor is expected; challenges of another are refused.
        """
        self.page = page
        self._calls = calls
        self._seed = seed
        self._network_passphrase = network_passphrase
        self._token: str | None = None
        self._token_expires_at = 0.0
        self._authenticating = asyncio.Lock()

    async def authenticate(self) -> None:
        """Get a token by SEP-10, unless the one at hand is good for another minute.

        Raises:
            BadInput: The challenge is not one that may be signed, or the anchor refused it.
            Unavailable: The anchor does not answer.
        """
        async with self._authenticating:
            if time.time() < self._token_expires_at - TOKEN_MARGIN_S:
                return
            # Imported here because the SDK takes most of a second, which a mistyped option should not cost.
            from stellar_sdk import Keypair  # noqa: PLC0415

            endpoint = self.page.web_auth_endpoint
            query = {
                "account": Keypair.from_secret(self._seed).public_key,
                "home_domain": self.page.home_domain,
            }
            challenge = await self._calls.expect("GET", endpoint, query=query)
            signed = self._sign(challenge.get("transaction"))
            answer = await self._calls.expect("POST", endpoint, json={"transaction": signed})
            self._token = _token_of(answer)
            self._token_expires_at = _expiry_of(self._token)

    def _sign(self, challenge: object) -> str:
        """Check that a challenge can only be a challenge, then sign it."""
        from stellar_sdk import Keypair  # noqa: PLC0415 - see above
        from stellar_sdk.sep.exceptions import InvalidSep10ChallengeError  # noqa: PLC0415
        from stellar_sdk.sep.stellar_web_authentication import read_challenge_transaction  # noqa: PLC0415

        try:
            read = read_challenge_transaction(
                str(challenge),
                self.page.signing_key,
                self.page.home_domain,
                urlsplit(self.page.web_auth_endpoint).netloc,
                self._network_passphrase,
            )
        # The SDK lets several kinds of error out for a malformed transaction; none may be signed.
        except (InvalidSep10ChallengeError, ValueError, EOFError, AttributeError, TypeError) as error:
            raise BadInput(
                f"The challenge of {self.page.home_domain} is not a valid SEP-10 challenge and was not signed: {error}"
            ) from error
        envelope = read.transaction
        envelope.sign(Keypair.from_secret(self._seed))
        return str(envelope.to_xdr())

    async def offers(self) -> tuple[Offer, ...]:
        """Return the assets that the anchor receives, in its order (SEP-31 /info)."""
        content = await self._calls.expect("GET", f"{self.page.direct_payment_server}/info")
        receive = content.get("receive")
        if not isinstance(receive, dict) or not receive:
            raise BadInput(f"{self.page.home_domain} lists no asset in /info: it receives nothing now.")
        return tuple(_offer(code, terms) for code, terms in receive.items())

    async def register(
        self,
        role: CustomerRole,
        *,
        customer_type: str | None,
        given: Mapping[str, str],
        may_invent: bool,
        customer_id: str | None = None,
    ) -> str:
        """Register a new customer (SEP-12), wait until it is accepted, and return its id.

        With `customer_id`, that customer is completed for the type instead. Fields that the anchor requires and `given`
        lacks are invented, if they may be.

        Raises:
            BadInput: The anchor wants more or other data, or rejected the customer.
            Unavailable: The anchor did not decide within a minute, or does not answer.
        """
        qualifier = {"type": customer_type} if customer_type else {}
        named = {"id": customer_id} if customer_id else _new_memo()
        identity = {**named, **qualifier}
        state = await self._customer(identity)
        values: dict[str, str] = dict(given)
        identifier = ""
        for _ in range(KYC_ROUNDS):
            asked = _required_fields(state)
            missing = {name: about for name, about in asked.items() if name not in given}
            if missing and not may_invent:
                raise BadInput(f"The {role} lacks {', '.join(missing)}: give each with --{role} FIELD=VALUE.")
            values |= invent(role, missing)
            identifier = await self._put_customer(identity, values, asked)
            state = await self._decision({"id": identifier, **qualifier})
            if state.get("status") == "ACCEPTED":
                return identifier
            if state.get("status") == "REJECTED":
                break
        raise BadInput(_not_accepted(role, state))

    async def correct(
        self, customer_id: str, *, customer_type: str | None, fields: Mapping[str, str]
    ) -> Mapping[str, str]:
        """Send other data about a customer (SEP-12), and return why the anchor asked for each field that it asked for.

        Raises:
            BadInput: The anchor does not take them.
        """
        known = {"id": customer_id} | ({"type": customer_type} if customer_type else {})
        state = await self._customer(known)
        await self._put_customer(known, fields, {})
        return _reasons(state)

    async def open(self, request: Mapping[str, Any]) -> Opened:
        """Open a remittance (SEP-31 POST /transactions) and return where its payment must go.

        An answer that got lost is asked for again: a remittance opened twice is paid once, the other expires unpaid.
        """
        url = f"{self.page.direct_payment_server}/transactions"
        headers = await self._authorized()
        answer = await self._calls.expect("POST", url, statuses=(201,), headers=headers, json=dict(request))
        if answer.get("stellar_memo") is None:
            answer = {**answer, **await self._await_instructions(str(answer.get("id")))}
        return Opened(
            id=str(answer["id"]),
            account=str(answer["stellar_account_id"]),
            memo_type=str(answer["stellar_memo_type"]),
            memo=str(answer["stellar_memo"]),
        )

    async def remittance(self, remittance_id: str) -> dict[str, Any]:
        """Return the present state of a remittance (SEP-31 GET /transactions/:id)."""
        url = f"{self.page.direct_payment_server}/transactions/{remittance_id}"
        content = await self._calls.expect("GET", url, headers=await self._authorized())
        transaction = content.get("transaction")
        if not isinstance(transaction, dict) or not isinstance(transaction.get("status"), str):
            raise BadInput(f"{url} was answered without a transaction that has a status.")
        return transaction

    async def _await_instructions(self, remittance_id: str) -> dict[str, Any]:
        """Wait for account and memo, which an anchor may give later than its first answer (SEP-31 3.0)."""
        async with _limit(
            KYC_TIMEOUT_S, f"Remittance {remittance_id} was opened, but no account and memo came"
        ):
            while True:
                transaction = await self.remittance(remittance_id)
                if transaction.get("stellar_memo") is not None:
                    return transaction
                await asyncio.sleep(_POLL_INTERVAL_S)

    async def _customer(self, query: Mapping[str, str]) -> dict[str, Any]:
        headers = await self._authorized()
        content = await self._calls.expect(
            "GET", f"{self.page.kyc_server}/customer", headers=headers, query=query
        )
        return dict(content)

    async def _put_customer(
        self, identity: Mapping[str, str], values: Mapping[str, str], asked: Mapping[str, Mapping[str, Any]]
    ) -> str:
        url = f"{self.page.kyc_server}/customer"
        headers = await self._authorized()
        binary = {name for name, about in asked.items() if about.get("type") == "binary"}
        body: dict[str, Any] = {"json": {**identity, **values}}
        if binary:
            body = {"form": _multipart({**identity, **values}, binary)}
        answer = await self._calls.expect("PUT", url, statuses=(200, 202), headers=headers, **body)
        return str(answer.get("id"))

    async def _decision(self, query: Mapping[str, str]) -> dict[str, Any]:
        async with _limit(KYC_TIMEOUT_S, "The anchor is still examining the customer"):
            while True:
                state = await self._customer(query)
                if state.get("status") != "PROCESSING":
                    return state
                await asyncio.sleep(_POLL_INTERVAL_S)

    async def _authorized(self) -> dict[str, str]:
        await self.authenticate()
        return {"Authorization": f"Bearer {self._token}"}


@asynccontextmanager
async def _limit(timeout_s: float, what: str) -> AsyncIterator[None]:
    """Limit the time of a block; when it is over, say what is still open."""
    try:
        async with asyncio.timeout(timeout_s):
            yield
    except TimeoutError:
        raise Unavailable(f"{what} after {timeout_s:g} s: ask again later.") from None


def _new_memo() -> dict[str, str]:
    return {"memo": str(secrets.randbits(_MEMO_BITS)), "memo_type": "id"}


def _token_of(answer: Mapping[str, Any]) -> str:
    token = answer.get("token")
    if not isinstance(token, str):
        raise BadInput("The anchor accepted the signed challenge but sent no token.")
    return token


def _expiry_of(token: str) -> float:
    """Read when a token expires; the distant future when it does not say."""
    try:
        payload = token.split(".")[1]
        claims = msgspec.json.decode(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        return float(claims["exp"])
    except (IndexError, ValueError, KeyError, TypeError, msgspec.DecodeError):
        return float("inf")


def _offer(code: str, terms: Any) -> Offer:
    described = terms if isinstance(terms, dict) else {}
    sep12 = described.get("sep12")
    return Offer(
        asset_code=code,
        funding_methods=tuple(str(name) for name in described.get("funding_methods") or ()),
        sender_types=_types(sep12, CustomerRole.SENDER),
        receiver_types=_types(sep12, CustomerRole.RECEIVER),
        quotes_required=described.get("quotes_required") is True,
    )


def _types(sep12: Any, role: CustomerRole) -> tuple[str, ...]:
    side = sep12.get(role.value) if isinstance(sep12, dict) else None
    types = side.get("types") if isinstance(side, dict) else None
    return tuple(types) if isinstance(types, dict) else ()


def _required_fields(state: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    fields = state.get("fields")
    if not isinstance(fields, dict):
        return {}
    return {
        name: about for name, about in fields.items() if isinstance(about, dict) and not about.get("optional")
    }


def _multipart(values: Mapping[str, str], binary: set[str]) -> aiohttp.FormData:
    """Write a form with its files last, as SEP-12 wants it."""
    form = aiohttp.FormData(default_to_multipart=True)
    for name in sorted(values, key=lambda name: name in binary):
        if name in binary:
            form.add_field(
                name, decode_binary(values[name]), filename=f"{name}.png", content_type="image/png"
            )
        else:
            form.add_field(name, values[name])
    return form


def _reasons(state: Mapping[str, Any]) -> dict[str, str]:
    """Return what an anchor says of the fields that it does not accept, or lacks."""
    return {
        name: str(about.get("error") or about.get("description") or "no reason given")
        for part in ("fields", "provided_fields")
        for name, about in (state.get(part) or {}).items()
        if isinstance(about, dict)
        and (about.get("error") or (part == "fields" and not about.get("optional")))
    }


def _not_accepted(role: CustomerRole, state: Mapping[str, Any]) -> str:
    problems = [
        f"{name} ({about.get('error') or about.get('description') or 'no reason given'})"
        for part in ("fields", "provided_fields")
        for name, about in (state.get(part) or {}).items()
        if isinstance(about, dict) and (part == "fields" or about.get("error"))
    ]
    reason = state.get("message") or "; ".join(problems) or "no reason given"
    return (
        f"The anchor did not accept the {role} ({state.get('status')}): {reason}."
        f" Give fields with --{role} FIELD=VALUE."
    )
