"""Alerts: what a person has to know, opened once per kind and subject, counted up, and delivered outside."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from roadstead.database.pool import Connection

MESSAGE_MAX = 500
SUBJECT_MAX = 200


class AlertKind(StrEnum):
    """What alerts are about; the subject names the thing."""

    OUTGOING_STOPPED = "outgoing_stopped"
    """Somebody stopped payouts or refunds; the subject is the stop."""
    BOOKS_UNSOUND = "books_unsound"
    """A check of the books found something; the subject is the check."""
    UNMATCHED_OLD = "unmatched_old"
    """Payments wait too long for a person; the subject is the asset."""
    RATE_AWAITED = "rate_awaited"
    """Paid remittances wait long for a rate; the subject is the pair."""
    NOTHING_TO_DELIVER = "nothing_to_deliver"
    """A paid remittance is worth less than the smallest unit that can be delivered; the subject is the remittance."""
    OPERATOR_CHANGED = "operator_changed"
    """An operator was added, disabled or got a new token; the subject is the operator."""
    CLAWBACK = "clawback"
    """The issuer took tokens out of the distribution account; the subject is the operation."""
    CLAIMABLE_BALANCE = "claimable_balance"
    """Somebody set a balance aside for us; the subject is the account that may claim it."""
    CHAIN_RESET = "chain_reset"
    """The network began anew; the subject is the cursor."""
    CHAIN_GAP = "chain_gap"
    """No Horizon keeps the history that was not read yet; the subject is the cursor."""
    WRONG_NETWORK = "wrong_network"
    """Horizon shows another network than the one that is configured; the subject is the cursor."""
    UNREADABLE_RECORD = "unreadable_record"
    """Records of the chain could not be understood; the subject is the cursor."""
    REFUND_HELD = "refund_held"
    """A refund was refused by the network for good; the subject is the refund."""
    REFUND_STUCK = "refund_stuck"
    """A signed refund is not in a ledger yet; the subject is the refund."""
    DISTRIBUTION_ACCOUNT_LACKS = "distribution_account_lacks"
    """Our account lacks what a refund needs; the subject is the network's word for it, with the asset."""
    PAYOUT_HELD = "payout_held"
    """A payout waits until people let it go on or give it up; the subject is the payout."""
    PAYOUT_UNKNOWN = "payout_unknown"
    """Nobody can say what became of an attempt, or the bank contradicts itself; the subject is the payout."""
    PAYOUT_RETURNED = "payout_returned"
    """Settled money came back from the bank; the subject is the payout."""
    PAYOUT_PAID_TWICE = "payout_paid_twice"
    """The bank says that it paid what was refunded or paid by another attempt; the subject is the payout."""
    BANK_FUNDS = "bank_funds"
    """The bank refuses payouts because our account has not enough money; the subject is the rail."""
    CODES_NOT_SENT = "codes_not_sent"
    """Codes with which customers confirm an address cannot be sent; the subject is the field."""
    BATCH_STUCK = "batch_stuck"
    """A file of payments cannot be sent to the bank; the subject is the rail."""
    BATCH_WITHHELD = "batch_withheld"
    """After a restore nobody can say whether a file of payments was sent; the subject is the batch."""
    BATCH_REFUSED = "batch_refused"
    """The bank refused a whole file of payments; the subject is the batch."""
    BATCH_DUPLICATE = "batch_duplicate"
    """The bank says that it has a file or a payment already; the subject is the batch or the attempt."""
    BANK_CHANNEL = "bank_channel"
    """The bank's files cannot be fetched; the subject is the rail."""
    BANK_FILE = "bank_file"
    """A file of the bank cannot be understood, or says what we cannot place; the subject is the file, or the rail."""
    RAIL_AVOIDED = "rail_avoided"
    """Payouts leave a rail that refuses the form of our instructions; the subject is the rail."""
    STATEMENT_BROKEN = "statement_broken"
    """Statements do not follow one another, and their lines wait; the subject is the rail."""
    STATEMENT_LINE_UNCLEAR = "statement_line_unclear"
    """A line names a payout and is not what was expected of it; the subject is the line."""
    SUSPENSE_OLD = "suspense_old"
    """Lines of a bank stand in suspense for too long; the subject is the rail."""
    VERIFIER_SILENT = "verifier_silent"
    """Whoever verifies customers gives no answer; the subject is the verifier."""
    VERIFIER_NOT_UNDERSTOOD = "verifier_not_understood"
    """Whoever verifies customers sent what cannot be understood; the subject is the verifier."""
    VERIFICATION_WAITS = "verification_waits"
    """A customer has waited for a decision for long; the subject is the case."""
    VERIFIER_REMEMBERS = "verifier_remembers"
    """Whoever verified customers has not said that it forgot those who were erased; the subject is the verifier."""
    SCREENING_HIT = "screening_hit"
    """A customer is like somebody on a sanctions list, and people have to decide; the subject is the customer."""
    SCREENING_CONFIRMED = "screening_confirmed"
    """People decided that a customer stands on a sanctions list; the subject is the customer."""
    SCREENING_LIST_STALE = "screening_list_stale"
    """A list that is needed is missing or too old, and no payout goes out; the subject is the list."""
    DECISION_NOT_APPLIED = "decision_not_applied"
    """What people decided cannot be done any more; the subject is what they decided about."""


class Severity(StrEnum):
    """How much it hurries."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"


class AlertStatus(StrEnum):
    """Where an alert stands."""

    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    CLOSED = "closed"


async def open_alert(
    connection: Connection,
    *,
    kind: AlertKind,
    subject: str,
    message: str,
    severity: Severity = Severity.WARNING,
) -> None:
    """Open an alert in the caller's transaction, or count the open one of this kind and subject up.

    Its delivery is written with it and sent later, so the caller neither waits nor fails for it. A repetition keeps the
    last message, and is delivered again only when it is more severe than before; it never becomes milder. The message
    says what happened and what to do next and carries ids only, no personal data; what is too long is cut off. Open it
    late in the transaction: the row stays locked until the end.
    """
    await connection.execute(
        """
        INSERT INTO alerts AS a (kind, subject, severity, message) VALUES ($1, $2, $3, $4)
        ON CONFLICT (kind, subject) WHERE status <> 'closed' DO UPDATE SET
            count = least(a.count, 2147483646) + 1, last_at = now(), message = EXCLUDED.message,
            severity = CASE WHEN 'critical' IN (a.severity, EXCLUDED.severity) THEN 'critical'
                WHEN 'warning' IN (a.severity, EXCLUDED.severity) THEN 'warning' ELSE 'info' END,
            status = CASE WHEN a.severity <> 'critical' AND EXCLUDED.severity = 'critical' THEN 'open' ELSE a.status END
        """,
        kind,
        subject[:SUBJECT_MAX],
        severity,
        message[:MESSAGE_MAX],
    )


async def close_alert(connection: Connection, kind: AlertKind, subject: str, *, reason: str) -> None:
    """Close the open alert of a kind and subject, because what it told of is over; nothing happens without one."""
    await connection.execute(
        """
        UPDATE alerts SET status = 'closed', closed_at = now(), closed_reason = $3
        WHERE kind = $1 AND subject = $2 AND status <> 'closed'
        """,
        kind,
        subject[:SUBJECT_MAX],
        reason[:MESSAGE_MAX],
    )


async def keep_alerts(
    connection: Connection, kind: AlertKind, messages: Mapping[str, str], *, over: str
) -> None:
    """Let exactly these alerts of a kind be open, by subject: open those that are missing, close those that are over.

    For whoever looks at everything of a kind again and again; what is open already is left as it is. `over` is the
    reason with which alerts are closed.
    """
    rows = await connection.fetch(
        "SELECT subject FROM alerts WHERE kind = $1 AND status <> 'closed' FOR UPDATE", kind
    )
    known = {row["subject"] for row in rows}
    for subject in sorted(known - messages.keys()):
        await close_alert(connection, kind, subject, reason=over)
    for subject in sorted(messages.keys() - known):
        await open_alert(connection, kind=kind, subject=subject, message=messages[subject])
