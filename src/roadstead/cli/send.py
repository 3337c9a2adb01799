"""`roadstead send`: one payment as a sending anchor makes it, to any receiving anchor."""

from __future__ import annotations

import base64
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from roadstead.errors import BadInput

if TYPE_CHECKING:
    pass

_SECRET_BYTES_MAX = 1_024
_DOCUMENT_BYTES_MAX = 1_500_000

HomeDomain = Annotated[str, typer.Option(help="Home domain of the receiving anchor, such as anchor.example.")]
Amount = Annotated[str, typer.Option(help="How much to send, in whole assets, such as 100.50.")]
AssetCode = Annotated[
    str | None, typer.Option(help="Code of the asset.", show_default="the first that the anchor lists")
]
Seed = Annotated[
    str | None,
    typer.Option(
        envvar="ROADSTEAD_SENDER_SECRET",
        help="Secret seed S... of the sending account; better given by the variable or a file.",
    ),
]
SeedFile = Annotated[
    str | None,
    typer.Option(
        envvar="ROADSTEAD_SENDER_SECRET_FILE",
        help="File with the secret seed; - reads it from standard input.",
    ),
]
HorizonUrl = Annotated[
    str | None,
    typer.Option(help="Horizon server to pay through.", show_default="what the anchor or network names"),
]
Passphrase = Annotated[
    str | None, typer.Option(help="Passphrase of the network.", show_default="what the anchor names")
]
Fields = Annotated[
    list[str],
    typer.Option(
        metavar="FIELD=VALUE", help="A SEP-9 field of the customer; FIELD=@PATH sends a file. Repeatable."
    ),
]
Corrections = Annotated[
    list[str],
    typer.Option(
        metavar="FIELD=VALUE",
        help="A SEP-9 field that is sent when the anchor asks for other data of the receiver. Repeatable.",
    ),
]
CustomerId = Annotated[str | None, typer.Option(help="Id of a customer that was registered earlier.")]
Method = Annotated[
    str | None,
    typer.Option(help="How the money is delivered.", show_default="the first that the anchor lists"),
]
Timeout = Annotated[float, typer.Option(min=1, max=86_400, help="Seconds to wait for the end after paying.")]
AsJson = Annotated[
    bool, typer.Option("--json", help="Print one JSON document at the end; progress goes to standard error.")
]


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command()(send)


def send(
    *,
    to: HomeDomain,
    amount: Amount,
    asset: AssetCode = None,
    secret: Seed = None,
    secret_file: SeedFile = None,
    horizon: HorizonUrl = None,
    passphrase: Passphrase = None,
    sender: Fields = [],  # noqa: B006 - typer copies it
    receiver: Fields = [],  # noqa: B006 - typer copies it
    correction: Corrections = [],  # noqa: B006 - the same
    sender_id: CustomerId = None,
    receiver_id: CustomerId = None,
    funding_method: Method = None,
    timeout: Timeout = 300.0,
    as_json: AsJson = False,
) -> None:
    """Send a payment as a sending anchor: authenticate, register customers, open, pay, and wait until it is final.

    What the anchor asks of the customers and is not given here is invented, except on networks with real money.
    """
    from rich.console import Console

    from roadstead.config.secrets import Secret
    from roadstead.sandbox.foreground import refusal, run_in_foreground
    from roadstead.sandbox.sender import SendingAnchor, SendOrder
    from roadstead.sandbox.sending import run_send

    try:
        anchor = SendingAnchor(
            home_domain=to,
            secret=Secret(_secret(secret, secret_file)),
            horizon_url=horizon,
            network_passphrase=passphrase,
        )
        order = SendOrder(
            amount=amount,
            asset_code=asset,
            funding_method=funding_method,
            sender_id=sender_id,
            receiver_id=receiver_id,
            sender_fields=_fields("sender", sender),
            receiver_fields=_fields("receiver", receiver),
            receiver_corrections=_fields("correction", correction),
            timeout_s=timeout,
        )
    except BadInput as error:
        raise typer.Exit(refusal(error)) from error
    raise typer.Exit(run_in_foreground(run_send(Console(stderr=as_json), anchor, order, as_json=as_json)))


def _secret(given: str | None, path: str | None) -> str:
    if (given is None) == (path is None):
        raise BadInput(
            "The sending account's secret seed is needed, once: set ROADSTEAD_SENDER_SECRET, or name a file that holds"
            " it with --secret-file PATH (- for standard input)."
        )
    if given is not None:
        return given.strip()
    try:
        with sys.stdin if path == "-" else Path(str(path)).open() as file:
            return file.read(_SECRET_BYTES_MAX).strip()
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(
            f"The secret cannot be read from {path} ({error}): name a file that holds the seed S..."
        ) from error


def _fields(option: str, given: list[str]) -> dict[str, str]:
    fields: dict[str, str] = {}
    for text in given:
        name, separator, value = text.partition("=")
        if not separator or not name.strip():
            raise BadInput(
                f"--{option} is given as FIELD=VALUE, for example --{option} first_name=Ada; got {name!r}."
            )
        fields[name.strip()] = _document(value[1:]) if value.startswith("@") else value
    return fields


def _document(path: str) -> str:
    """Read a file for a binary field, as the sender carries it: in base64."""
    try:
        with Path(path).open("rb") as file:
            content = file.read(_DOCUMENT_BYTES_MAX + 1)
    except OSError as error:
        raise BadInput(f"The document {path} cannot be read ({error.strerror}).") from error
    if len(content) > _DOCUMENT_BYTES_MAX:
        raise BadInput(f"The document {path} is larger than {_DOCUMENT_BYTES_MAX} bytes.")
    return base64.b64encode(content).decode()
