"""`roadstead send` in a terminal: the steps of one payment, or one JSON document for machines."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import AsyncIterator, Mapping
from typing import Any

from rich.console import Console
from rich.markup import escape

from roadstead.errors import RoadsteadError
from roadstead.sandbox.progress import Progress, Step
from roadstead.sandbox.sender import SendingAnchor, SendOrder

_NEXT: dict[Step | None, str] = {
    None: "looking for the anchor",
    Step.FOUND: "authenticating",
    Step.AUTHENTICATED: "registering customers",
    Step.REGISTERED: "opening the remittance",
    Step.OPENED: "paying, and waiting for the next ledger",
    Step.PAID: "waiting for the anchor",
    Step.STATUS: "waiting for the anchor and its bank",
    Step.CORRECTED: "waiting for the anchor to try again",
}
"""What is waited for after each step."""


async def run_send(console: Console, anchor: SendingAnchor, order: SendOrder, *, as_json: bool) -> int:
    """Send one payment and show it; return 0 when it was completed, 1 when it came to another end or to none.

    With `as_json` one line goes to standard output: `status`, `completed`, `error`, the anchor's `remittance` and the
    `steps` with their times, whatever the outcome.
    """
    steps: list[dict[str, Any]] = []
    last: Progress | None = None
    remittance: Any = None
    error: RoadsteadError | None = None
    try:
        async with anchor:
            async for elapsed_s, progress in narrated(console, anchor, order):
                steps.append({"step": progress.step, "elapsed_s": round(elapsed_s, 3), **progress.details})
                remittance = progress.remittance or remittance
                last = progress
    except RoadsteadError as raised:
        error = raised
        sys.stderr.write(f"{raised.message}\n")
    completed = last is not None and last.step is Step.FINISHED and last.details.get("status") == "completed"
    if as_json:
        document = {
            "completed": completed,
            "status": (remittance or {}).get("status"),
            "error": None if error is None else {"code": error.code, "message": error.message},
            "remittance": remittance,
            "steps": steps,
        }
        sys.stdout.write(json.dumps(document) + "\n")
        sys.stdout.flush()
    return 0 if completed else 1


async def narrated(
    console: Console, anchor: SendingAnchor, order: SendOrder
) -> AsyncIterator[tuple[float, Progress]]:
    """Send one payment, print each step when it is done and, in a terminal, what is waited for meanwhile.

    Yields each step with the seconds since the beginning; raises what `SendingAnchor.send` raises.
    """
    started_s = time.monotonic()
    with console.status(_NEXT[None], spinner=spinner_name(console)) as waiting:
        async for progress in anchor.send(order):
            elapsed_s = time.monotonic() - started_s
            _show(console, elapsed_s, progress)
            waiting.update(_NEXT.get(progress.step, _NEXT[None]))
            yield elapsed_s, progress


def spinner_name(console: Console) -> str:
    """Return a spinner that this terminal can draw."""
    return "dots" if console.encoding.startswith("utf") else "line"


def _show(console: Console, elapsed_s: float, progress: Progress) -> None:
    """Print one step, and below it what is worth knowing of it."""
    details = progress.details
    notes: list[str] = []
    match progress.step:
        case Step.OPENED:
            remittance = progress.remittance or {}
            notes.append(f"pay to {details['account']}, memo {details['memo']}")
            notes.append(
                f"{_amount(remittance, 'amount_in')} in, {_amount(remittance, 'amount_fee')} fee,"
                f" {_amount(remittance, 'amount_out')} out"
            )
        case Step.PAID:
            notes.append(f"transaction {details['transaction_hash']}")
        case Step.STATUS if progress.remittance is not None:
            reference = progress.remittance.get("external_transaction_id")
            notes += [f"bank reference {reference}"] if reference else []
        case Step.CORRECTED:
            said = {name: why for name, why in details.items() if name not in {"role", "id"}}
            notes += [f"the anchor had said of {name}: {why}" for name, why in said.items()]
        case Step.FINISHED:
            return
    colour = "green" if progress.step is not Step.STATUS or details.get("status") == "completed" else "yellow"
    console.print(
        f"[dim]{elapsed_s:5.1f} s[/dim]  [{colour}]{progress.step.value:<13}[/{colour}]  {escape(progress.message)}",
        highlight=False,
        soft_wrap=True,
    )
    for note in notes:
        console.print(f"{'':24}[dim]{escape(note)}[/dim]", highlight=False, soft_wrap=True)


def _amount(remittance: Mapping[str, Any], name: str) -> str:
    """Write an amount with its asset's code, as far as the anchor tells them."""
    parts = str(remittance.get(f"{name}_asset", "")).split(":")
    code = parts[1] if len(parts) > 1 else ""
    return f"{remittance.get(name, 'unknown')} {code}".strip()
