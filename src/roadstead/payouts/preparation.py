"""Preparing an attempt: the gate once more, the receiving client's data, the rail's own check, then fixed bytes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from roadstead.config.anchor import Anchor
from roadstead.customers import store as customers
from roadstead.customers.telling import tell_status
from roadstead.customers.vault import Vault, WrappedKey
from roadstead.database.pool import Connection
from roadstead.errors import BadInput, InvariantViolated
from roadstead.payouts import content, store
from roadstead.payouts.asking import ask_customer
from roadstead.payouts.desk import Desk
from roadstead.payouts.holding import pays_digest
from roadstead.payouts.identifiers import attempt_key
from roadstead.payouts.reasons import Reason, reason_of
from roadstead.payouts.states import PayoutStatus
from roadstead.rails.checks import INFORMATION_MAX
from roadstead.rails.protocol import FieldProblem, PayoutAttempt
from roadstead.rails.written import read_attempt, write_attempt
from roadstead.remittances import cancellation, gate
from roadstead.remittances import store as remittances
from roadstead.remittances.demands import sides_of
from roadstead.remittances.states import RemittanceStatus

BEING_VERIFIED = "The data of a customer are being verified. The payout follows; nothing is asked of you now."
"""What a partner is told meanwhile."""
REJECTED = "rejected"
"""What the digest of a payout carries whose customer was rejected, so that no other approval lets it out."""
REJECTED_APPROVALS = 2
"""How many people have to let out money of a customer who was rejected."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """An attempt that may go out, and its sealed content."""

    attempt: PayoutAttempt
    number: int
    sealed: bytes
    pays: str
    """Digest of what it pays, under the receiving client's key."""
    approvals: int
    """How many people have to let exactly this out first; 0 when nobody has to."""
    why: str = ""
    """Why they have to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NotReady:
    """A customer's data have to be completed or corrected first; names SEP-9 fields, never values."""

    fields: tuple[str, ...]
    wrong: Mapping[str, bytes] = field(default_factory=dict)
    """Ciphertexts of accepted fields of the receiving client that the rail would refuse."""
    why: str = ""
    """What the partner is told before it, a whole sentence of the catalogue."""


class Verifying:
    """Somebody verifies a customer; nothing has to be sent meanwhile."""


VERIFYING = Verifying()


class Corrected:
    """The partner still has to correct fields of the transaction."""


CORRECTED_LATER = Corrected()


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """The rail would refuse it, for a reason that no other data of the customers change."""

    reason: Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Impossible:
    """Nobody can be paid; a person has to decide."""

    why: str


Readiness = Prepared | NotReady | Verifying | Corrected | Refusal | Impossible


async def prepare(desk: Desk, payout: store.Payout) -> Readiness:
    """Put together the next attempt of a payout; nothing is written or sent yet.

    Raises:
        InvariantViolated: The payout has no remittance, or the receiving client's data cannot be decrypted.
        Unavailable: The database or the keeper of the keys does not answer.
    """
    async with desk.database.connection() as connection:
        remittance = await remittances.by_id(connection, payout.remittance_id)
        if remittance is None:
            raise InvariantViolated(f"Payout {payout.id} has no remittance.")
        if remittance.status is RemittanceStatus.PENDING_TRANSACTION_INFO_UPDATE:
            return CORRECTED_LATER
        now = desk.clock.now()
        accepted = await gate.accepted_fields(connection, remittance.id, now)
        number = 1 + len(await store.attempts(connection, payout.id))
        word = await _ask_the_gate(connection, desk, remittance, accepted)
        sealed = await sealed_fields(connection, remittance.receiver_id)
    if remittance.status.is_final:
        return Impossible(why=f"the remittance is {remittance.status}")
    if sealed is None or remittance.receiver_id is None:
        return Impossible(why="the receiving client is not known any more")
    if not isinstance(word, gate.GateWord):
        return word
    wrapped_key, ciphertexts = sealed
    data_key = await desk.keys.unwrap(wrapped_key, customer_id=remittance.receiver_id)
    vault = Vault(remittance.receiver_id, data_key)
    values = {name: vault.open(name, ciphertext) for name, ciphertext in ciphertexts.items()}
    creditor = content.creditor(values)
    if isinstance(creditor, content.Incomplete):
        return NotReady(fields=creditor.fields)
    attempt = PayoutAttempt(
        key=attempt_key(payout.id, number),
        end_to_end_id=payout.end_to_end_id,
        amount=payout.amount,
        creditor=creditor,
        information=_information(desk.configuration.anchor, remittance),
    )
    if problems := [*_beyond_limits(desk.configuration.anchor, payout), *desk.rail.check(attempt)]:
        return _unfit(problems, ciphertexts)
    pays = pays_digest(payout, attempt, data_key, caution=REJECTED if word.is_rejected else "")
    approvals, why = _approvals(desk.configuration.anchor, remittance, payout, accepted, word)
    plain = write_attempt(attempt).decode()
    return Prepared(
        attempt=attempt,
        number=number,
        sealed=vault.seal(sealed_name(attempt.key), plain, desk.randomness),
        pays=pays,
        approvals=0 if payout.approved_digest == pays else approvals,
        why=why,
    )


def _information(anchor: Anchor, remittance: remittances.Remittance) -> str:
    """Write what the receiving client reads: what the partner corrected, else who pays and for which remittance."""
    corrected = " ".join(
        value
        for name in ("purpose", "reference")
        if (value := " ".join(remittance.transaction_fields.get(name, "").split()))
    )
    return (corrected or f"{anchor.organization.name[:60]} {remittance.id}")[:INFORMATION_MAX].strip()


def _beyond_limits(anchor: Anchor, payout: store.Payout) -> Sequence[FieldProblem]:
    """Compare the amount with what we ourselves send over the payout's rail."""
    if anchor.rail(payout.rail).carries(payout.amount):
        return []
    return [FieldProblem(field="amount", message=f"We do not send {payout.amount} over {payout.rail}.")]


def _unfit(problems: Sequence[FieldProblem], ciphertexts: Mapping[str, bytes]) -> Readiness:
    """Turn what the rail would refuse into what the bank would have said."""
    named = {problem.field for problem in problems}
    if "amount" in named:
        return Refusal(reason=reason_of("AM02"))
    if unknown := named - {*content.CREDITOR_FIELDS, "information"}:
        return Impossible(why=f"the rail does not take {', '.join(sorted(unknown))}")
    if named <= {"information"}:
        return Refusal(reason=reason_of("RR07"))
    fields = named - {"information"}
    if fields & {*content.NAME_FIELDS}:
        fields |= {*content.NAME_FIELDS} & ciphertexts.keys()
    asked = tuple(name for name in content.CREDITOR_FIELDS if name in fields)
    return NotReady(fields=asked, wrong={name: ciphertexts[name] for name in asked if name in ciphertexts})


def _approvals(
    anchor: Anchor,
    remittance: remittances.Remittance,
    payout: store.Payout,
    accepted: gate.AcceptedFields,
    word: gate.GateWord,
) -> tuple[int, str]:
    method, rail = anchor.funding_method(remittance.funding_method), anchor.rail(payout.rail)
    if word.is_rejected:
        people = max(method.approvals, REJECTED_APPROVALS)
        return people, "the verification of a customer ended in a rejection"
    asked = [
        (one.approvals, f"{payout.amount} is above {one.approval_above:f} {how} {one.name}")
        for one, how in ((method, "by"), (rail, "over"))
        if one.approval_above is not None and payout.amount.decimal > one.approval_above
    ]
    if asked:
        return max(asked, key=lambda one: one[0])
    if not accepted.partner_is_active:
        return method.approvals, "its partner is disabled"
    return 0, ""


async def _ask_the_gate(
    connection: Connection, desk: Desk, remittance: remittances.Remittance, accepted: gate.AcceptedFields
) -> gate.GateWord | NotReady | Verifying | Impossible:
    """Tell what the gate says of both customers where it lets the payout on, or why it does not."""
    configuration = desk.configuration
    verified = gate.Verified(types=configuration.verified_types, now=desk.clock.now())
    try:
        sides = sides_of(remittance, configuration.anchor, accepted, verified)
    except BadInput as error:
        return Impossible(why=f"what is asked of its customers is not in anchor.toml any more: {error}")
    await gate.begin_cases(connection, sides, verified.now)
    word = gate.gate_word(sides)
    if word.is_rejected:
        # Nobody is told that a customer was rejected by being asked for something: people decide.
        return word
    if missing := _missing(word, accepted):
        return NotReady(fields=missing)
    return VERIFYING if word.is_verifying else word


def _missing(word: gate.GateWord, accepted: gate.AcceptedFields) -> tuple[str, ...]:
    rejected = [name for name in content.CREDITOR_FIELDS if name in accepted.receiver_rejected]
    return tuple(dict.fromkeys([*word.lacking, *rejected]))


async def sealed_fields(
    connection: Connection, receiver_id: UUID | None
) -> tuple[WrappedKey, dict[str, bytes]] | None:
    """Read what a payout is made from, still sealed; None when the receiving client is gone."""
    if receiver_id is None:
        return None
    return await customers.read_sealed(connection, receiver_id, content.CREDITOR_FIELDS)


async def write(connection: Connection, payout: store.Payout, prepared: Prepared, now: datetime) -> None:
    """Write a prepared attempt into the database, in the transaction after which it may be sent.

    The database refuses it while another attempt of the payout may still pay, and when the payout is cancelled.
    """
    await store.insert_attempt(
        connection,
        key=prepared.attempt.key,
        payout_id=payout.id,
        number=prepared.number,
        content=prepared.sealed,
        now=now,
    )
    await store.set_status(connection, payout, PayoutStatus.SUBMITTING, None, now)
    await note_complete(connection, payout, now)


async def note_complete(connection: Connection, payout: store.Payout, now: datetime) -> None:
    """Ask nothing more of the partner when the customers' data are complete."""
    remittance = await remittances.by_id(connection, payout.remittance_id, lock=True)
    if remittance is not None and remittance.status is RemittanceStatus.PENDING_CUSTOMER_INFO_UPDATE:
        await remittances.move(
            connection,
            remittances.Move(
                remittance_id=remittance.id,
                status_from=remittance.status,
                status_to=RemittanceStatus.PENDING_RECEIVER,
                cause="customer data complete",
            ),
            now,
        )


async def wait_for_customer(
    desk: Desk, connection: Connection, payout: store.Payout, lack: NotReady, now: datetime
) -> None:
    """Tell the partner which data stand in the way; the payout is ordered and is looked at again."""
    remittance = await remittances.by_id(connection, payout.remittance_id, lock=True)
    if remittance is None:
        return
    if lack.wrong and remittance.receiver_id is not None:
        await customers.reject_fields(connection, remittance.receiver_id, lack.wrong)
        await tell_status(
            connection,
            desk.configuration.anchor,
            remittance.receiver_id,
            now,
            verified_types=desk.configuration.verified_types,
        )
    await ask_customer(connection, remittance.id, lack.fields, now, why=lack.why)


async def wait_for_verifier(connection: Connection, payout: store.Payout) -> None:
    """Tell the partner that nothing is asked of it while somebody verifies; what was asked before stays asked."""
    remittance = await remittances.by_id(connection, payout.remittance_id, lock=True)
    if remittance is not None and remittance.status is RemittanceStatus.PENDING_RECEIVER:
        await cancellation.explain(connection, remittance.id, BEING_VERIFIED)


async def sealed_of(
    connection: Connection, payout: store.Payout
) -> tuple[WrappedKey, dict[str, bytes]] | None:
    """Read what a payout is made from, still sealed; None when the receiving client is gone."""
    remittance = await remittances.by_id(connection, payout.remittance_id)
    return await sealed_fields(connection, remittance.receiver_id if remittance else None)


async def open_vault(desk: Desk, payout: store.Payout) -> tuple[Vault, dict[str, bytes]]:
    """Open the vault of a payout's receiving client, with what is accepted of its data, still sealed.

    Raises:
        InvariantViolated: The receiving client is gone.
        Unavailable: The database or the keeper of the keys does not answer.
    """
    async with desk.database.connection() as connection:
        remittance = await remittances.by_id(connection, payout.remittance_id)
        receiver_id = remittance.receiver_id if remittance else None
        sealed = await sealed_fields(connection, receiver_id)
    if sealed is None or receiver_id is None:
        raise InvariantViolated(f"Payout {payout.id} has an attempt, but no receiving client to read it for.")
    wrapped_key, ciphertexts = sealed
    return Vault(receiver_id, await desk.keys.unwrap(wrapped_key, customer_id=receiver_id)), ciphertexts


async def unseal(desk: Desk, payout: store.Payout, written: store.Attempt) -> PayoutAttempt:
    """Read back an attempt as it was written, to send or ask after the very same one.

    Raises:
        InvariantViolated: The receiving client is gone, or the content cannot be decrypted.
        Unavailable: The database or the keeper of the keys does not answer.
    """
    vault, _ = await open_vault(desk, payout)
    return read_attempt(vault.open(sealed_name(written.key), written.content).encode())


def sealed_name(key: str) -> str:
    """Name the place of an attempt's content, to which its ciphertext is bound."""
    return f"payout_attempts.content:{key}"
