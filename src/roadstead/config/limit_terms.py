"""How much one request may ask of the server, and how large and many the documents of customers may be."""

from __future__ import annotations

from dataclasses import dataclass

from roadstead.config.forms import whole
from roadstead.config.schema import Key, Section


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much one request may ask of the server."""

    body_bytes_max: int = 65_536
    """Largest body of a request."""
    file_bytes_max: int = 10_485_760
    """Largest document of a customer."""
    form_bytes_max: int = 26_214_400
    """Largest body of a form that may carry documents."""
    unused_files_max: int = 200
    """Documents of one account that no customer refers to yet."""
    unused_files_bytes_max: int = 209_715_200
    """How large all of them together may be."""
    unused_file_lifetime_s: int = 86_400
    """How long a document waits for a customer to refer to it."""
    account_requests_per_minute: int = 60_000
    """Requests that one authenticated account may make in a minute, all at once if it likes."""
    address_requests_per_minute: int = 60_000
    """Requests without a token that holds that may come from one address in a minute."""


def _may(name: str, minimum: int, maximum: int, description: str, example: str) -> Key:
    return Key(name=name, form=whole(minimum, maximum), description=description, example=example)


_FILE_LIMITS = (
    _may("file_bytes_max", 1_024, 52_428_800, "Largest document of a customer.", "10485760"),
    _may(
        "form_bytes_max",
        1_024,
        209_715_200,
        "Largest body of a form that may carry documents (multipart/form-data).",
        "26214400",
    ),
    _may(
        "unused_files_max",
        1,
        100_000,
        "Most documents of one account that no customer refers to yet.",
        "200",
    ),
    _may(
        "unused_files_bytes_max",
        1_024,
        10_737_418_240,
        "How large all of them together may be.",
        "209715200",
    ),
    _may(
        "unused_file_lifetime_s",
        60,
        2_592_000,
        "Seconds that a document waits for a customer to refer to it.",
        "86400",
    ),
)

LIMITS = Section(
    name="limits",
    make=Limits,
    many=False,
    description="How much one request may ask of the server.",
    keys=(
        _may("body_bytes_max", 1_024, 1_048_576, "Largest body of a request.", "65536"),
        *_FILE_LIMITS,
        _may(
            "account_requests_per_minute",
            60,
            10_000_000,
            "Requests of one authenticated account in a minute, for each process of the API.",
            "60000",
        ),
        _may(
            "address_requests_per_minute",
            60,
            10_000_000,
            "Requests from one address without a valid token in a minute, for each process of the API.",
            "60000",
        ),
    ),
)
