"""The events that are posted, and the form of each posting's idempotency key, as data."""

from __future__ import annotations

from collections.abc import Mapping

_OPERATION = "[0-9]{1,20}"
_NUMBER = "[0-9]{1,20}"
_TIMES = "[0-9]{1,5}"
_UUID = "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_ATTEMPT = "[A-Za-z0-9]{1,30}"

EVENTS: Mapping[str, str] = {
    "payment_matched": f"payment:{_OPERATION}",
    "payment_waiting": f"payment:{_OPERATION}",
    "payment_unmatched": f"payment:{_OPERATION}",
    "payment_own": f"payment:{_OPERATION}",
    "payment_excess": f"payment:{_OPERATION}:excess",
    "suspense_matched": f"payment:{_OPERATION}:matched",
    "suspense_waiting": f"payment:{_OPERATION}:matched",
    "clawed_back": f"clawback:{_OPERATION}",
    "rate_fixed": f"rate:{_UUID}",
    "payout_submitted": f"attempt:{_ATTEMPT}:submitted",
    "payout_refused": f"attempt:{_ATTEMPT}:refused",
    "payout_settled": f"attempt:{_ATTEMPT}:settled",
    "payout_found_settled": f"attempt:{_ATTEMPT}:found_settled",
    "payout_returned": f"attempt:{_ATTEMPT}:returned",
    "refund_owed_for_delivery": f"refund:{_UUID}:owed",
    "refund_owed_for_waiting": f"refund:{_UUID}:owed",
    "refund_owed_for_suspense": f"refund:{_UUID}:owed",
    "bank_opened": f"opening:{_NUMBER}",
    "bank_credited": f"line:{_NUMBER}",
    "bank_debited": f"line:{_NUMBER}",
    "line_resolved": f"line:{_NUMBER}:resolved:{_TIMES}",
    "line_matched": f"line:{_NUMBER}:matched:{_TIMES}",
    "line_corrected": f"line:{_NUMBER}:corrected:{_TIMES}",
    "refund_sent": f"refund:{_UUID}:sent",
}
"""Every event of `postings`, with the regular expression that the whole idempotency key of its postings fits."""
