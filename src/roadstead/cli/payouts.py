"""`roadstead payouts`: where every payout stands, what was tried, and what waits for people."""

from __future__ import annotations

from typing import Annotated

import typer

from roadstead.cli.context import configuration_from_environment, console, open_configured_database, run
from roadstead.cli.options import AsJson, Limit, read_id
from roadstead.cli.output import write_json, write_table
from roadstead.config.effective import Configuration
from roadstead.errors import NotFound
from roadstead.payouts.states import PayoutStatus

app = typer.Typer(no_args_is_help=True, help="Where every payout stands, and what waits for people.")

REASON_MAX = 500
LISTED_BY = "roadstead payouts list"


@app.command("list")
def list_command(
    status: Annotated[PayoutStatus | None, typer.Option(help="Only those of one status.")] = None,
    limit: Limit = 50,
    as_json: AsJson = False,
) -> None:
    """List payouts, those first that changed last."""
    run(_list(configuration_from_environment(), status, limit, as_json=as_json))


async def _list(
    configuration: Configuration, status: PayoutStatus | None, limit: int, *, as_json: bool
) -> None:
    from roadstead.payouts.listing import latest

    async with open_configured_database(configuration) as database, database.connection() as connection:
        payouts = await latest(connection, status=status, limit=limit)
    if as_json:
        write_json(payouts)
        return
    write_table(
        ("Since", "Payout", "Status", "Amount", "Rail", "Tries", "Reason", "Remittance"),
        [
            (
                payout.status_at,
                payout.id,
                payout.status,
                payout.amount,
                payout.rail,
                payout.attempts,
                payout.reason,
                payout.remittance_id,
            )
            for payout in payouts
        ],
    )


@app.command("show")
def show_command(
    payout_id: Annotated[str, typer.Argument(metavar="ID", help="The id of a payout or of its remittance.")],
    as_json: AsJson = False,
) -> None:
    """Show one payout with its attempts, what people are asked about it, and everything that happened."""
    run(_show(configuration_from_environment(), payout_id, as_json=as_json))


async def _show(configuration: Configuration, text: str, *, as_json: bool) -> None:
    from roadstead.payouts.listing import open_questions, shown_attempts, summary
    from roadstead.payouts.timeline import timeline

    identifier = read_id(text, listed_by=LISTED_BY)
    async with open_configured_database(configuration) as database, database.connection() as connection:
        payout = await summary(connection, identifier)
        if payout is None:
            raise NotFound(f"There is no payout {identifier}: see roadstead payouts list.")
        attempts = await shown_attempts(connection, payout.id)
        questions = await open_questions(connection, payout)
        events = await timeline(connection, payout.remittance_id)
    if as_json:
        write_json({"payout": payout, "attempts": attempts, "holds": questions, "timeline": events})
        return
    reason = f": {payout.reason}" if payout.reason else ""
    console.print(
        f"Payout {payout.id} is {payout.status}{reason}", style="bold", highlight=False, markup=False
    )
    console.print(
        f"{payout.amount} over {payout.rail} for remittance {payout.remittance_id}", highlight=False
    )
    write_table(
        ("Attempt", "Rail", "Status", "Written", "Reference", "Reason", "Came back"),
        [
            (
                attempt.key,
                attempt.rail,
                attempt.status,
                attempt.written_at,
                attempt.reference,
                attempt.reason,
                attempt.returned,
            )
            for attempt in attempts
        ],
    )
    for question in questions:
        console.print(
            f"Hold {question.id} ({question.kind}) is {question.status}: {question.reason}",
            style="yellow",
            highlight=False,
            markup=False,
        )
    write_table(
        ("When (UTC)", "Where", "What", "Detail"),
        [(f"{event.at:%Y-%m-%d %H:%M:%S.%f}"[:-3], event.part, event.what, event.detail) for event in events],
    )


@app.command("give-up")
def give_up_command(
    remittance_id: Annotated[str, typer.Argument(metavar="ID", help="The id of the remittance.")],
    reason: Annotated[str, typer.Option(help="Why its payer should get the money back.")],
) -> None:
    """Ask people to decide that a payout is given up and the money goes back; nothing is sent by this alone."""
    if not 0 < len(reason.strip()) <= REASON_MAX:
        raise typer.BadParameter(
            f"Give the reason in at most {REASON_MAX} characters.", param_hint="--reason"
        )
    run(_give_up(configuration_from_environment(), remittance_id, reason.strip()))


async def _give_up(configuration: Configuration, text: str, reason: str) -> None:
    from roadstead.cli.people import actor
    from roadstead.operations.roles import Right
    from roadstead.payouts.deciding import ask_for_refund
    from roadstead.remittances.policies import policies_of
    from roadstead.remittances.store import by_id

    remittance_id = read_id(text, listed_by=LISTED_BY)
    hold_id = None
    async with open_configured_database(configuration) as database:
        who = await actor(database, Right.PROPOSE)
        async with database.transaction() as connection:
            remittance = await by_id(connection, remittance_id)
            if remittance is not None:
                approvals = policies_of(configuration).approvals(remittance.amount_in)
                hold_id = await ask_for_refund(
                    connection, remittance_id, why=reason, approvals=approvals, actor=who
                )
    if hold_id is None:
        raise NotFound(
            f"Nothing has arrived for a remittance {remittance_id}: there is nothing to send back."
        )
    console.print(f"Hold {hold_id} asks whether remittance {remittance_id} is refunded.", highlight=False)
