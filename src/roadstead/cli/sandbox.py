"""`roadstead sandbox`: the offline environment in the foreground."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

_FREE = "a free one, remembered with --state"
ApiPort = Annotated[
    int | None, typer.Option(min=1, max=65_535, help="Port of the anchor's API.", show_default=_FREE)
]
StellarPort = Annotated[
    int | None, typer.Option(min=1, max=65_535, help="Port of the Stellar network.", show_default=_FREE)
]
BankPort = Annotated[
    int | None, typer.Option(min=1, max=65_535, help="Port of the bank.", show_default=_FREE)
]

Horizon = Annotated[
    str | None,
    typer.Option(
        help="Horizon of somebody else's network to use instead; needs --passphrase.",
        metavar="URL",
        show_default="the sandbox's own network",
    ),
]
Friendbot = Annotated[
    str | None,
    typer.Option(
        help="Where that network funds accounts.", metavar="URL", show_default="/friendbot of --horizon"
    ),
]


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command()(sandbox)


def sandbox(
    *,
    state: Annotated[
        Path | None,
        typer.Option(
            help="Folder that keeps keys, ports, ledger, bank and database.",
            show_default="a temporary one",
            file_okay=False,
        ),
    ] = None,
    ready_file: Annotated[
        Path | None,
        typer.Option(
            help="Write addresses, keys and process ids here, as JSON, when everything is ready.",
            dir_okay=False,
        ),
    ] = None,
    api_port: ApiPort = None,
    stellar_port: StellarPort = None,
    bank_port: BankPort = None,
    passphrase: Annotated[
        str | None,
        typer.Option(help="Name of the Stellar network.", show_default="Roadstead's own sandbox network"),
    ] = None,
    horizon: Horizon = None,
    friendbot: Friendbot = None,
    close: Annotated[
        str, typer.Option(help="When ledgers close: auto:SECONDS, on-submit, or manual.", metavar="WHEN")
    ] = "auto:1",
    verify: Annotated[
        bool, typer.Option("--verify", help="Verify customers, by a simulated provider.")
    ] = False,
    restart: Annotated[bool, typer.Option(help="Start a role again when it ends.")] = True,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Show what each role logs.")] = False,
) -> None:
    """Run an anchor with its own Stellar network and bank, offline, until Ctrl-C."""
    from rich.console import Console

    from roadstead.sandbox.foreground import run_in_foreground
    from roadstead.sandbox.options import SandboxOptions
    from roadstead.sandbox.session import run_sandbox

    options = SandboxOptions(
        state=state,
        ready_file=ready_file,
        api_port=api_port,
        stellar_port=stellar_port,
        bank_port=bank_port,
        passphrase=passphrase,
        close=close,
        horizon=horizon,
        friendbot=friendbot,
        restart=restart,
        verify=verify,
    )
    raise typer.Exit(run_in_foreground(run_sandbox(Console(), options, verbose=verbose)))
