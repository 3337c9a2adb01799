"""The demonstration: a sandbox, and one payment through it that is told while it happens."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape

from roadstead.config.secrets import Secret
from roadstead.errors import RoadsteadError
from roadstead.sandbox.calls import Calls
from roadstead.sandbox.options import SandboxOptions
from roadstead.sandbox.progress import Progress
from roadstead.sandbox.sample import iban_ending, random_iban
from roadstead.sandbox.sender import SendingAnchor, SendOrder
from roadstead.sandbox.sending import narrated
from roadstead.sandbox.session import sandbox_session, until_stopped

AMOUNT = "100"
PAYMENT_TIMEOUT_S = 90.0
REFUSED_ENDING = "990101"
"""What the number of an account ends with that the simulated bank refuses with AC01, the wrong account number."""


class Scenario(StrEnum):
    """What happens in a demonstration."""

    PAID = "paid"
    """Everything goes well."""
    REFUSED = "refused"
    """The bank refuses the account (AC01), the partner corrects it, and the anchor tries again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Script:
    introduction: str
    receiver_fields: Mapping[str, str] = field(default_factory=dict)
    corrections: Mapping[str, str] = field(default_factory=dict)


def _script(scenario: Scenario) -> _Script:
    if scenario is Scenario.PAID:
        return _Script(introduction="")
    wrong = iban_ending(REFUSED_ENDING)
    return _Script(
        introduction=(
            f"The account number that they were given, {wrong}, is well formed, but there is no such account.\n"
            "Nobody knows that before the bank has tried.\n"
        ),
        receiver_fields={"bank_account_number": wrong},
        corrections={"bank_account_number": random_iban()},
    )


async def run_demo(
    console: Console, options: SandboxOptions, *, once: bool, scenario: Scenario = Scenario.PAID
) -> int:
    """Start a sandbox, send one payment, and stay until cancelled, or end at once; return the exit status.

    Raises:
        RoadsteadError: The sandbox does not start.
    """
    console.print(
        "[bold]Roadstead[/bold]: a receiving anchor with its own Stellar network and bank, on this machine alone.\n"
        "Setting up. The money is not real, and nothing leaves this machine.\n"
    )
    async with sandbox_session(console, options) as sandbox:
        completed = await _one_payment(console, sandbox.ready, _script(scenario))
        if once:
            return 0 if completed else 1
        _suggest(console, sandbox.ready)
        await until_stopped(console)
        return 0 if completed else 1


async def _one_payment(console: Console, ready: Mapping[str, Any], script: _Script) -> bool:
    partner = ready["partner"]
    console.print(
        f"[bold]{escape(partner['name'])}[/bold], a sending anchor, sends {AMOUNT} {ready['assets'][0]['code']}"
        " for a customer of theirs\nto somebody with a bank account here.\n",
        highlight=False,
    )
    if script.introduction:
        console.print(script.introduction, highlight=False)
    last: Progress | None = None
    try:
        sender = SendingAnchor(
            home_domain=ready["home_domain"], secret=Secret(partner["secret"]), horizon_url=ready["horizon"]
        )
        async with sender:
            order = SendOrder(
                amount=AMOUNT,
                receiver_fields=script.receiver_fields,
                receiver_corrections=script.corrections,
                timeout_s=PAYMENT_TIMEOUT_S,
            )
            async for _, progress in narrated(console, sender, order):
                last = progress
    except RoadsteadError as error:
        console.print(f"\n[red]The payment did not complete:[/red] {escape(error.message)}", highlight=False)
        console.print(f"What each process said is in {ready['logs']}.", highlight=False)
        return False
    if last is None or last.details.get("status") != "completed":
        console.print("\n[red]The payment did not complete.[/red]", highlight=False)
        return False
    await _show_payout(console, ready, last)
    return True


async def _show_payout(console: Console, ready: Mapping[str, Any], last: Progress) -> None:
    """Print what the bank itself says that it refused, and that it paid."""
    async with Calls() as calls:
        content = await calls.expect("GET", f"{ready['bank']}/payouts")
        told = await calls.expect("GET", f"{ready['bank']}/events")
    reference = last.details.get("external_transaction_id")
    console.print()
    for event in told.get("events", []):
        if event["status"] == "refused":
            console.print(
                f"The bank refused attempt {event['key']} with [bold]{event['reason']}[/bold]"
                f" (end-to-end id {event['end_to_end_id']}).",
                highlight=False,
                soft_wrap=True,
            )
    for payout in content.get("payouts", []):
        if reference is None or reference in payout.values():
            console.print(
                f"The bank paid [bold]{payout['amount']} {payout['currency']}[/bold] to {payout['account']}"
                f" (end-to-end id {payout['end_to_end_id']}).",
                highlight=False,
                soft_wrap=True,
            )


def roadstead_command() -> str:
    """Return how the `roadstead` command is called from this shell."""
    found = shutil.which("roadstead")
    beside = Path(sys.executable).with_name("roadstead")
    return str(beside) if found is None and beside.exists() else "roadstead"


def suggestions(ready: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return what can be tried with a running sandbox: what for, and the command."""
    roadstead = roadstead_command()
    send = (
        f"{roadstead} send --to {ready['home_domain']} --amount 25 --horizon {ready['horizon']}"
        f" --secret-file {ready['partner_secret_file']}"
    )
    wrong, right = iban_ending(REFUSED_ENDING), random_iban()
    corrected = f"{send} --receiver bank_account_number={wrong} --correction bank_account_number={right}"
    return [
        ("Send another payment", send),
        ("Send one to a wrong account number, which the bank refuses, and correct it", corrected),
        ("See what the bank has paid", f"curl {ready['bank']}/payouts"),
        ("See how the anchor presents itself", f"curl {ready['api']}/.well-known/stellar.toml"),
        ("See what it accepts, at what fee", f"curl {ready['api']}/sep31/info"),
        (
            "See the payments on the Stellar network",
            f"curl '{ready['horizon']}/accounts/{ready['distribution_account']}/payments?order=desc'",
        ),
        (
            "See every remittance, as an operator",
            f"(set -a; . {ready['environment_file']}; {roadstead} remittances list)",
        ),
        ("Kill the worker: it comes back, nothing is lost", f"kill -9 {ready['pids'].get('worker')}"),
    ]


def _suggest(console: Console, ready: Mapping[str, Any]) -> None:
    console.print("\n[bold]Everything stays up.[/bold] In another terminal, try:\n")
    for purpose, command in suggestions(ready):
        console.print(f"  {escape(purpose)}:", highlight=False)
        console.print(f"    [cyan]{escape(command)}[/cyan]\n", highlight=False, soft_wrap=True)
    console.print(f"Logs: {ready['logs']}", highlight=False, soft_wrap=True)
    console.print("Press Ctrl-C to stop and clean up.")
