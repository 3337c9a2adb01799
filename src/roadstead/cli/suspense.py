"""`roadstead statements suspense`, `line`, `resolve` and `correct`: what a bank booked and nobody has explained."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from roadstead.cli.context import configuration_from_environment, open_configured_database, run
from roadstead.cli.options import LIST_MAX, AsJson
from roadstead.cli.output import moment, write_json, write_line, write_table
from roadstead.cli.proposing import propose_release
from roadstead.config.effective import Configuration
from roadstead.errors import NotFound
from roadstead.statements.resolutions import Purpose

if TYPE_CHECKING:
    from roadstead.database.pool import Connection
    from roadstead.operations.operators import Operator
    from roadstead.statements.listing import ShownLine
    from roadstead.statements.suspense import PastResolution

_Line = Annotated[int, typer.Argument(metavar="LINE", help="The number of a line.")]
_Reason = Annotated[str, typer.Option(help="Why; others judge by it, and it is kept.")]


def register(app: typer.Typer) -> None:
    """Add the commands to those about statements."""
    app.command("suspense")(suspense_command)
    app.command("line")(line_command)
    app.command("resolve")(resolve_command)
    app.command("correct")(correct_command)


def suspense_command(
    rail: Annotated[str | None, typer.Option(help="Only those of one rail.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=LIST_MAX, help="How many, longest waiting first.")] = 50,
    as_json: AsJson = False,
) -> None:
    """List the lines in suspense, longest first; whom they name is not shown."""
    run(_suspense(configuration_from_environment(), rail, limit, as_json=as_json))


async def _suspense(configuration: Configuration, rail: str | None, limit: int, *, as_json: bool) -> None:
    from roadstead.statements.suspense import waiting

    async with open_configured_database(configuration) as database, database.connection() as connection:
        lines = await waiting(connection, rail=rail, limit=limit)
    if as_json:
        write_json(lines)
        return
    write_table(
        ("Since (UTC)", "Line", "Rail", "Day", "Amount", "Why", "End-to-end id", "Reference", "Hold"),
        [
            (
                f"{line.since:%Y-%m-%d %H:%M}",
                *(line.id, line.rail, line.booked_on, line.amount, line.why),
                *(line.end_to_end_id, line.bank_reference, line.hold_id),
            )
            for line in lines
        ],
        right={"Amount"},
    )


def line_command(
    line_id: _Line,
    reveal: Annotated[
        bool, typer.Option("--reveal", help="Also show whom it names and its text; needs --reason.")
    ] = False,
    reason: Annotated[str | None, typer.Option(help="Why you need to see them; it is kept.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show one line and how it was resolved; whom it names only with --reveal, which the audit log notes."""
    if reveal != bool(reason and reason.strip()):
        raise typer.BadParameter(
            "--reveal and --reason go together: say why you need to see whom the line names."
        )
    run(_line(configuration_from_environment(), line_id, reason, as_json=as_json))


async def _line(configuration: Configuration, line_id: int, reason: str | None, *, as_json: bool) -> None:
    from roadstead.cli.people import acting_operator
    from roadstead.operations.operators import require
    from roadstead.operations.roles import Right
    from roadstead.statements.listing import shown_line
    from roadstead.statements.suspense import history, reveal

    whom = None
    async with open_configured_database(configuration) as database:
        if reason is not None:
            by = await acting_operator(database)
            require(by, Right.REVEAL)
            async with database.transaction() as connection:
                whom = await reveal(connection, line_id, reason=reason.strip(), actor=by.actor)
        async with database.connection() as connection:
            line = await shown_line(connection, line_id)
            if line is None:
                raise NotFound(f"There is no statement line {line_id}: see roadstead statements suspense.")
            past = await history(connection, line_id)
    if as_json:
        write_json({"line": line, "history": past, **({} if whom is None else {"whom": whom})})
        return
    _tell_line(line)
    if whom is not None:
        write_line(
            f"names          {whom.counterparty_name or ''}  {whom.counterparty_account or ''}".rstrip()
        )
        write_line(f"text           {whom.information}".rstrip())
    if past:
        _tell_history(past)


def _tell_line(line: ShownLine) -> None:
    write_line(f"Line {line.id} of statement {line.statement_id} ({line.rail}) is {line.state}")
    for name, value in (
        ("amount", str(line.amount)),
        ("booked on", str(line.booked_on or "")),
        ("end-to-end id", line.end_to_end_id),
        ("reference", line.bank_reference),
        ("reason", line.reason),
        ("attempt", line.attempt_key),
    ):
        if value:
            write_line(f"{name:<15}{value}")


def _tell_history(past: list[PastResolution]) -> None:
    write_table(
        ("Resolved (UTC)", "As", "Account or attempt", "Hold", "Corrected by"),
        [
            (
                moment(one.resolved_at),
                one.purpose,
                one.account or one.attempt_key,
                *(one.hold_id, one.corrected_by),
            )
            for one in past
        ],
    )


def resolve_command(
    line_id: _Line,
    reason: _Reason,
    purpose: Annotated[Purpose | None, typer.Option("--as", help="What it is.")] = None,
    attempt: Annotated[
        str | None,
        typer.Option(metavar="KEY", help="The attempt of the payout whose debit or return it is."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Propose what a line in suspense is; above a limit, or where a payout moves by it, a second person agrees."""
    if (attempt is None) is (purpose in {None, Purpose.PAYOUT}):
        raise typer.BadParameter(
            "Say what it is with --as, or name the attempt of its payout with --attempt."
        )
    configuration = configuration_from_environment()

    async def place(connection: Connection, by: Operator) -> UUID:
        from roadstead.statements.resolutions import suspense_policies_of
        from roadstead.statements.resolving import ask_to_resolve

        return await ask_to_resolve(
            connection,
            line_id,
            purpose=purpose or Purpose.PAYOUT,
            attempt_key=attempt,
            policies=suspense_policies_of(configuration.anchor),
            reason=reason,
            actor=by.actor,
        )

    run(propose_release(configuration, place, reason=reason, as_json=as_json))


def correct_command(line_id: _Line, reason: _Reason, as_json: AsJson = False) -> None:
    """Propose that a line was resolved wrongly: a contrary posting puts it back into suspense."""
    configuration = configuration_from_environment()

    async def place(connection: Connection, by: Operator) -> UUID:
        from roadstead.statements.resolutions import suspense_policies_of
        from roadstead.statements.resolving import ask_to_correct

        return await ask_to_correct(
            connection,
            line_id,
            policies=suspense_policies_of(configuration.anchor),
            reason=reason,
            actor=by.actor,
        )

    run(propose_release(configuration, place, reason=reason, as_json=as_json))
