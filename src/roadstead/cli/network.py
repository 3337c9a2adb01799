"""`roadstead network`: the offline Stellar network alone, and its stage for rehearsing what the real one may do."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer

from roadstead.cli.context import console, run

app = typer.Typer(
    no_args_is_help=True,
    help="The offline Stellar network alone, and the failures that it can be told to have.",
)

Horizon = Annotated[
    str,
    typer.Option(
        envvar="ROADSTEAD_HORIZON_URLS",
        help="Address of the offline network.",
        metavar="URL",
        show_default="http://127.0.0.1:8000",
    ),
]
HORIZON_DEFAULT = "http://127.0.0.1:8000"
Seconds = Annotated[int, typer.Option(min=1, max=86_400, help="For how long.")]


@app.command(
    "run",
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []},
)
def run_command(context: typer.Context) -> None:
    """Run the network in the foreground; its own options are listed by --help."""
    from roadstead.sandbox.network.process import main

    sys.exit(main(context.args))


@app.command("close")
def close_command(
    count: Annotated[int, typer.Option(min=1, max=1000, help="How many ledgers.")] = 1,
    horizon: Horizon = HORIZON_DEFAULT,
) -> None:
    """Close ledgers now, also while closing is stopped."""
    _stage(horizon, "POST", "ledgers", {"count": count})


@app.command("pause")
def pause_command(horizon: Horizon = HORIZON_DEFAULT) -> None:
    """Stop closing ledgers."""
    _stage(horizon, "POST", "closing", {"paused": True})


@app.command("resume")
def resume_command(horizon: Horizon = HORIZON_DEFAULT) -> None:
    """Go on closing ledgers."""
    _stage(horizon, "POST", "closing", {"paused": False})


@app.command("clock")
def clock_command(
    advance_s: Annotated[
        int, typer.Argument(metavar="SECONDS", help="How far to jump; a negative number goes back.")
    ],
    horizon: Horizon = HORIZON_DEFAULT,
) -> None:
    """Jump ahead or back in time."""
    _stage(horizon, "POST", "clock", {"advance_s": advance_s})


@app.command("fail")
def fail_command(
    status: Annotated[int, typer.Argument(min=400, max=599, help="The status to answer with, such as 503.")],
    seconds: Seconds = 10,
    requests: Annotated[int | None, typer.Option(min=1, help="At most for so many requests.")] = None,
    path: Annotated[str | None, typer.Option(help="Only under this path, such as /payments.")] = None,
    horizon: Horizon = HORIZON_DEFAULT,
) -> None:
    """Answer requests with a failure for a while."""
    order: dict[str, Any] = {"status": status, "seconds": seconds, "requests": requests, "path": path}
    _stage(horizon, "POST", "failures", {name: value for name, value in order.items() if value is not None})


@app.command("lose-answers")
def lose_answers_command(
    count: Annotated[int, typer.Option(min=1, max=1000, help="Of how many transactions.")] = 1,
    horizon: Horizon = HORIZON_DEFAULT,
) -> None:
    """Take the next transactions, but time out their answers: they will be in a ledger."""
    _stage(horizon, "POST", "lost-answers", {"count": count})


@app.command("streams")
def streams_command(
    drop_after: Annotated[
        int | None, typer.Option(min=0, help="Break the next stream off after so many events.")
    ] = None,
    duplicate: Annotated[int | None, typer.Option(min=1, help="Send the next so many events twice.")] = None,
    skip: Annotated[int | None, typer.Option(min=1, help="Leave the next so many events out.")] = None,
    horizon: Horizon = HORIZON_DEFAULT,
) -> None:
    """Disturb event streams."""
    order = {"drop_after": drop_after, "duplicate": duplicate, "skip": skip}
    _stage(horizon, "POST", "streams", {name: value for name, value in order.items() if value is not None})


@app.command("lag")
def lag_command(
    ledgers: Annotated[int, typer.Argument(min=0, help="How many ledgers late history is; 0 catches up.")],
    horizon: Horizon = HORIZON_DEFAULT,
) -> None:
    """Let history lag behind the ledgers that close."""
    _stage(horizon, "POST", "lag", {"ledgers": ledgers} if ledgers else {})


@app.command("recover")
def recover_command(horizon: Horizon = HORIZON_DEFAULT) -> None:
    """End every staged failure, lag and disturbance."""
    _stage(horizon, "DELETE", "failures", None)


@app.command("reset")
def reset_command(horizon: Horizon = HORIZON_DEFAULT) -> None:
    """Start a new network with the same passphrase, as the public test network does every quarter."""
    _stage(horizon, "POST", "reset", {})


def _stage(horizon: str, method: str, matter: str, order: dict[str, Any] | None) -> None:
    run(_call(horizon.rstrip("/"), method, matter, order))


async def _call(horizon: str, method: str, matter: str, order: dict[str, Any] | None) -> None:
    import msgspec

    from roadstead.errors import BadInput
    from roadstead.sandbox.calls import Calls

    async with Calls(patience_s=0) as calls:
        answer = await calls.once(method, f"{horizon}/sandbox/{matter}", json=order)
    if answer.status == 404:  # noqa: PLR2004 - HTTP
        raise BadInput(f"{horizon} is not an offline network of Roadstead's: it has no stage for failures.")
    if answer.status >= 400:  # noqa: PLR2004 - the class of the status
        raise BadInput(f"{horizon} refused: {answer.body[:500].decode(errors='replace')}")
    console.print_json(msgspec.json.format(answer.body, indent=2).decode() if answer.body else "{}")
