"""Telling whose form a list file has, and reading it whole: what is only half understood is not imported."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from types import ModuleType

from roadstead.errors import BadInput
from roadstead.screening.lists import eu, ofac, un
from roadstead.screening.lists.entries import ENTRIES_MAX, Entry, ListFile
from roadstead.screening.lists.safe_xml import local, parse

FORMS: dict[str, ModuleType] = {"ofac": ofac, "un": un, "eu": eu}
"""The forms that are read, by the name of the list that has it."""


def read_list(data: bytes, *, name: str) -> ListFile:
    """Read a list file that is to be kept under a name; a name that belongs to a publisher takes only its form.

    Raises:
        BadInput: The file is hostile, broken, empty, of no known form, or of another publisher than its name says.
    """
    root = parse(data)
    form = next((form for form, reader in FORMS.items() if local(root) == reader.ROOT), None)
    if form is None:
        raise BadInput(
            f"The file begins with <{local(root)[:40]}>, which is no list that is read here: give the XML file of OFAC "
            "(sdnList), the United Nations (CONSOLIDATED_LIST) or the European Union (export)."
        )
    if name in FORMS and name != form:
        raise BadInput(f"The file is a list of {form}, not of {name}: check which file you named.")
    entries = _each_once(FORMS[form].entries(root))
    if not entries or len(entries) > ENTRIES_MAX:
        raise BadInput(f"The file has {len(entries)} entries: fetch it anew from its publisher.")
    return ListFile(
        form=form,
        published_on=FORMS[form].published_on(root),
        digest=hashlib.sha256(data).hexdigest(),
        entries=entries,
    )


def _each_once(entries: Iterable[Entry]) -> tuple[Entry, ...]:
    """Make one entry of those that have the same identifier, as some published files do; their order is kept."""
    found: dict[str, Entry] = {}
    for entry in entries:
        other = found.get(entry.id)
        found[entry.id] = entry if other is None else other.joined_with(entry)
    return tuple(found.values())
