"""Pays on Stellar from one account, once, whatever answers get lost on the way."""

from __future__ import annotations

import asyncio
import base64
import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from roadstead.config.strkey import public_key_of
from roadstead.errors import BadInput, NotFound, Unavailable
from roadstead.sandbox.calls import Answer, Calls, Refused

if TYPE_CHECKING:
    from stellar_sdk import TransactionBuilder, TransactionEnvelope
    from stellar_sdk.memo import Memo

FEE_STROOPS = 10_000
"""What is offered at least per operation, and at most twice that; the network takes no more than it needs."""

VALID_FOR_S = 120
CONTEST_S = 60.0
"""How long to try for a sequence number that other programs want too."""

_POLL_INTERVAL_S = 0.25
_MARGIN_S = 5.0
_OK = 200
_BAD_REQUEST = 400
_NOT_FOUND = 404

EXPLANATIONS = {
    "op_underfunded": "the account does not hold that much",
    "op_no_trust": "the receiving account does not trust this asset",
    "op_src_no_trust": "the sending account does not trust this asset",
    "op_no_destination": "the receiving account does not exist on this network",
    "op_no_issuer": "the asset's issuer does not exist on this network",
    "op_line_full": "the receiving account may not hold that much",
    "tx_insufficient_balance": "the account has too few lumens for the fee",
    "tx_bad_auth": "the signature does not fit the account, or belongs to another network",
    "tx_insufficient_fee": "the network is busy and wants a higher fee",
}


class TransactionRefused(BadInput):
    """The network refused a transaction for good: nothing was paid."""

    code = "transaction_refused"


class OutcomeUnknown(Unavailable):
    """Whether a transaction was applied could not be learned; the message carries its hash."""

    code = "outcome_unknown"


class _StaleSequence(Exception):
    """The sequence number was used by another transaction: the envelope can never be applied."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Paid:
    """A transaction that is in a closed ledger."""

    transaction_hash: str
    ledger: int


def memo_from_text(kind: str, value: str) -> Memo:
    """Make a memo from its type and text as SEP-31 writes them: `id`, `text`, or `hash` in base64.

    Raises:
        BadInput: The type is none of these, or the value does not fit it.
    """
    from stellar_sdk import HashMemo, IdMemo, TextMemo  # noqa: PLC0415 - the SDK is slow to import

    try:
        match kind:
            case "id":
                return IdMemo(int(value))
            case "text":
                return TextMemo(value)
            case "hash":
                return HashMemo(base64.b64decode(value, validate=True))
    except ValueError as error:
        raise BadInput(f"The memo {value[:80]!r} is not of type {kind}: {error}.") from error
    raise BadInput(f"Memos of type {kind[:20]!r} are not known: use id, text or hash.")


class Wallet:
    """An account on Stellar that this process pays from. Payments started at once go out one after the other."""

    def __init__(self, calls: Calls, *, horizon_url: str, network_passphrase: str, seed: str) -> None:
        self.account = public_key_of(seed)
        self._calls = calls
        self._horizon_url = horizon_url.rstrip("/")
        self._network_passphrase = network_passphrase
        self._seed = seed
        self._turn = asyncio.Lock()

    async def pay(
        self, *, destination: str, asset_code: str, asset_issuer: str | None, amount: str, memo: Memo | None
    ) -> Paid:
        """Send an amount (plain decimal text) to an account; an asset without issuer means lumens.

        Raises:
            TransactionRefused: Nothing was paid.
            OutcomeUnknown: It may have been paid; look the hash up before paying again.
        """
        from stellar_sdk import Asset, Payment  # noqa: PLC0415 - the SDK is slow to import

        asset = Asset.native() if asset_issuer is None else Asset(asset_code, asset_issuer)
        return await self.submit(
            [Payment(destination=destination, asset=asset, amount=amount)], memo=memo, signers=()
        )

    async def submit(
        self, operations: Sequence[Any], *, memo: Memo | None = None, signers: Sequence[str] = ()
    ) -> Paid:
        """Apply operations of the SDK in one transaction of this account; `signers` are further secret seeds.

        Raises:
            TransactionRefused: Nothing was applied.
            OutcomeUnknown: It may have been applied.
        """
        async with self._turn:
            deadline_s = time.monotonic() + CONTEST_S
            while time.monotonic() < deadline_s:
                envelope = await self._build(operations, memo, signers)
                try:
                    return await self._see_through(envelope)
                except _StaleSequence:
                    await asyncio.sleep(_POLL_INTERVAL_S)
        raise TransactionRefused(
            f"Other programs pay from {self.account} all the time: nothing was paid in {CONTEST_S:g} s."
        )

    async def account_state(self) -> dict[str, Any]:
        """Return the account as Horizon shows it.

        Raises:
            NotFound: The account does not exist on this network.
        """
        return await account_state(self._calls, self._horizon_url, self.account)

    async def _build(
        self, operations: Sequence[Any], memo: Memo | None, signers: Sequence[str]
    ) -> TransactionEnvelope:
        from stellar_sdk import Account, TransactionBuilder  # noqa: PLC0415 - the SDK is slow to import

        state = await self.account_state()
        source = Account(self.account, int(state["sequence"]))
        # Two programs that pay the same at once must not make the same transaction, which would be paid once.
        fee_stroops = FEE_STROOPS + secrets.randbelow(FEE_STROOPS)
        builder: TransactionBuilder = TransactionBuilder(
            source, self._network_passphrase, base_fee=fee_stroops
        )
        for operation in operations:
            builder.append_operation(operation)
        if memo is not None:
            builder.add_memo(memo)
        builder.add_time_bounds(0, int(time.time()) + VALID_FOR_S)
        envelope = builder.build()
        for seed in (self._seed, *signers):
            envelope.sign(seed)
        return envelope

    async def _see_through(self, envelope: TransactionEnvelope) -> Paid:
        """Submit one envelope until it is in a ledger or can never be; the network applies it once at most."""
        transaction_hash = envelope.hash_hex()
        form = {"tx": envelope.to_xdr()}
        deadline_s = time.monotonic() + VALID_FOR_S + _MARGIN_S
        while time.monotonic() < deadline_s:
            try:
                answer = await self._calls.once("POST", f"{self._horizon_url}/transactions", form=form)
                if answer.status == _OK:
                    return _paid(answer)
                if answer.status == _BAD_REQUEST:
                    return await self._refused(answer, transaction_hash)
            except Unavailable:
                await asyncio.sleep(_POLL_INTERVAL_S)
            found = await self._find(transaction_hash)
            if found is not None:
                return found
            await asyncio.sleep(_POLL_INTERVAL_S)
        raise OutcomeUnknown(
            f"Whether transaction {transaction_hash} was applied is not known: {self._horizon_url} did not say in"
            f" {VALID_FOR_S} s. Look it up before paying again."
        )

    async def _refused(self, answer: Answer, transaction_hash: str) -> Paid:
        codes = _result_codes(answer.json())
        if "tx_bad_seq" in codes:
            # Either it is ours already, or its number was used by another: then it can never be applied.
            found = await self._find(transaction_hash)
            if found is not None:
                return found
            raise _StaleSequence
        reasons = [EXPLANATIONS[code] for code in codes if code in EXPLANATIONS]
        raise TransactionRefused(
            f"The network refused the transaction ({', '.join(codes) or 'no code given'})"
            + (f": {'; '.join(reasons)}." if reasons else ".")
        )

    async def _find(self, transaction_hash: str) -> Paid | None:
        try:
            answer = await self._calls.once("GET", f"{self._horizon_url}/transactions/{transaction_hash}")
        except Unavailable:
            return None
        if answer.status != _OK:
            return None
        if answer.json().get("successful") is False:
            raise TransactionRefused(
                f"Transaction {transaction_hash} failed when it was applied: nothing was paid."
            )
        return _paid(answer)


async def account_state(calls: Calls, horizon_url: str, account: str) -> dict[str, Any]:
    """Return an account as Horizon shows it.

    Raises:
        NotFound: The account does not exist on this network.
        Unavailable: Horizon does not answer.
    """
    try:
        content = await calls.expect("GET", f"{horizon_url.rstrip('/')}/accounts/{account}")
    except Refused as refused:
        if refused.status == _NOT_FOUND:
            raise NotFound(f"Account {account} does not exist on the network of {horizon_url}.") from refused
        raise
    return dict(content)


def _paid(answer: Answer) -> Paid:
    content: Mapping[str, Any] = answer.json()
    return Paid(transaction_hash=str(content["hash"]), ledger=int(content["ledger"]))


def _result_codes(content: Any) -> tuple[str, ...]:
    """Return Horizon's result codes of a failed transaction, its own first and then its operations'."""
    extras = content.get("extras") if isinstance(content, dict) else None
    codes = extras.get("result_codes") if isinstance(extras, dict) else None
    if not isinstance(codes, dict):
        return ()
    own = [str(codes["transaction"])] if codes.get("transaction") else []
    return tuple(own + [str(code) for code in codes.get("operations") or () if code != "op_success"])
