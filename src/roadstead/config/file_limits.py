"""How large and how many the documents of customers may be: a part of the table `[limits]`."""

from __future__ import annotations

from roadstead.config.forms import whole
from roadstead.config.schema import Key


def _may(name: str, minimum: int, maximum: int, description: str, example: str) -> Key:
    return Key(name=name, form=whole(minimum, maximum), description=description, example=example)


FILE_LIMITS = (
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
