"""Seeing an envelope through: ask for it, submit the same one, and believe only ledgers and proofs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TypeAlias

import structlog

from roadstead.envelopes import evidence
from roadstead.envelopes.purposes import Dead, End, Failed, Succeeded
from roadstead.envelopes.store import Envelope
from roadstead.stellar.horizon import HorizonFault
from roadstead.stellar.outcomes import Applied
from roadstead.stellar.submissions import Answer, Refused, Submissions, Taken, Unreadable

log = structlog.get_logger()

LOOK_AGAIN_AFTER = timedelta(seconds=1)
ASK_AGAIN_AFTER = timedelta(seconds=5)
REFUSED_AGAIN_AFTER = timedelta(seconds=20)

UNCLEAR = "no_clear_answer"
WAITING = "waiting"
EXPIRED = "expired"
STOPPED = "stopped"
MALFORMED = "malformed"

_FEE_TOO_LOW = "tx_insufficient_fee"
_PASSING = frozenset({"tx_bad_seq", "tx_too_late", _FEE_TOO_LOW})
"""Refusals of the envelope as it stands, which say nothing of the payment."""
_TIMED_OUT = "status_504"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """Nothing is proven: the envelope stays open."""

    code: str
    """Why it is not applied: the network's word, or one of ours above."""
    due_in: timedelta
    is_submitted: bool = False
    wants_higher_fee: bool = False
    wants_other_server: bool = False


Sight: TypeAlias = End | Pending


async def see_through(server: Submissions, envelope: Envelope, content: bytes, *, is_stopped: bool) -> Sight:
    """Take an envelope as far as it goes now; `content` is the envelope itself or its highest fee bump.

    Raises:
        HorizonFault: The server gives no clear answer to a question; nothing is concluded from that.
    """
    found = await server.find(envelope.hash)
    if found is not None:
        return await _ended(server, found, content)
    root = await server.root()
    if root.latest_ledger_closed_at > envelope.valid_until:
        return await _prove_death(server, envelope)
    if is_stopped:
        return Pending(code=STOPPED, due_in=ASK_AGAIN_AFTER)
    try:
        answer = await server.submit(content)
    except HorizonFault as fault:
        log.warning("envelope_answer_unclear", hash=envelope.hash, reason=fault.reason)
        return Pending(
            code=UNCLEAR,
            due_in=ASK_AGAIN_AFTER,
            is_submitted=True,
            wants_higher_fee=fault.reason == _TIMED_OUT and envelope.submissions > 0,
            wants_other_server=True,
        )
    found = await server.find(envelope.hash)
    if found is not None:
        return await _ended(server, found, content)
    return await _judge(server, envelope, answer)


async def _judge(server: Submissions, envelope: Envelope, answer: Answer) -> Sight:
    """Say what an answer means for an envelope that no ledger shows."""
    match answer:
        case Taken():
            return Pending(code=WAITING, due_in=LOOK_AGAIN_AFTER, is_submitted=True)
        case Unreadable():
            return Pending(code=MALFORMED, due_in=REFUSED_AGAIN_AFTER, is_submitted=True)
        case Refused(transaction_code="tx_bad_seq"):
            return await _prove_death(server, envelope)
        case Refused():
            return Pending(
                code=answer.code,
                due_in=ASK_AGAIN_AFTER if answer.code in _PASSING else REFUSED_AGAIN_AFTER,
                is_submitted=True,
                wants_higher_fee=answer.code == _FEE_TOO_LOW,
            )


async def _ended(server: Submissions, found: Applied, content: bytes) -> End:
    if found.successful:
        return Succeeded(transaction_hash=found.hash, ledger=found.ledger)
    # What is in a ledger is answered from there: submitting it again only tells why it failed.
    answer = await server.submit(content)
    return Failed(code=answer.code if isinstance(answer, Refused) else "tx_failed", ledger=found.ledger)


async def _prove_death(server: Submissions, envelope: Envelope) -> Sight:
    proof = await _proof(server, envelope)
    if proof is None or await server.find(envelope.hash) is not None:
        return Pending(code=EXPIRED, due_in=LOOK_AGAIN_AFTER)
    refusal = None if envelope.reason in {None, UNCLEAR, WAITING, EXPIRED, STOPPED} else envelope.reason
    return Dead(proof=proof, code=None if refusal in _PASSING else refusal)


async def _proof(server: Submissions, envelope: Envelope) -> str | None:
    state = await server.account(envelope.account)
    if state is None or state.ledger is None:
        return None
    if state.sequence < envelope.sequence:
        closed_at = await server.closed_at(state.ledger)
        if evidence.has_expired(envelope, state, closed_at):
            return f"ledger {state.ledger} closed after its time without it"
        return None
    taker = evidence.successor(envelope, await server.listed(envelope.account, envelope.signed_ledger))
    return None if taker is None else f"transaction {taker.hash} took its sequence number"
