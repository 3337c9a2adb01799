"""What one registration brings: texts, documents, references to documents sent before, and codes. Pure rules."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import UUID

from roadstead.config.anchor import FieldKind
from roadstead.config.sep9 import STANDARD_FIELDS
from roadstead.customers.documents import MediaType, recognise
from roadstead.customers.formats import Unfit
from roadstead.customers.identity import read_id
from roadstead.customers.standard_fields import PROBLEMS_SHOWN_MAX, canonical_name
from roadstead.errors import BadInput, TooLarge

FILE_PREFIX = "file_"
"""How the id of a file begins, as SEP-12 writes it."""
_CODE_SUFFIX = "_verification"
_FILE_SUFFIX = "_file_id"


@dataclass(frozen=True, slots=True, kw_only=True)
class SentFile:
    """A part of a form that came as a file; nothing of it is checked yet."""

    content: bytes = field(repr=False)
    label: str | None = None
    """The media type that the sender named."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A file that was recognised."""

    content: bytes = field(repr=False)
    media_type: MediaType


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """What one registration brings, sorted; the texts are not checked yet."""

    texts: Mapping[str, str] = field(repr=False)
    documents: Mapping[str, Document]
    references: Mapping[str, UUID]
    """Files that were uploaded before, by the field that they are for."""
    codes: Mapping[str, str] = field(repr=False)
    """Codes by the field that they confirm."""


def sort_out(values: Mapping[str, str], files: Mapping[str, SentFile], *, file_bytes_max: int) -> Submission:
    """Tell texts, documents, references and codes apart. Names that are not of SEP-9 are left out.

    Raises:
        BadInput: A document is not of its form, a text came as a file or a document as a text, or one came twice.
        TooLarge: A document has more than `file_bytes_max` bytes.
    """
    problems: list[str] = []
    texts: dict[str, str] = {}
    references: dict[str, UUID] = {}
    codes: dict[str, str] = {}
    for sent, text in values.items():
        name = canonical_name(sent)
        if base := _base(sent, _CODE_SUFFIX):
            codes[base] = text.strip()
        elif (base := _base(sent, _FILE_SUFFIX)) and is_document(base):
            _take_reference(base, text.strip(), references, problems)
        elif not is_document(name):
            texts[sent] = text
        elif text.strip():
            problems.append(
                f"'{sent}' has to be sent as a file: use multipart/form-data, or POST /customer/files."
            )
    documents = _documents(files, file_bytes_max, problems)
    problems += [
        f"'{name}' was sent both as a file and as the id of one: send one."
        for name in references & documents.keys()
    ]
    if problems:
        raise BadInput(" ".join(problems[:PROBLEMS_SHOWN_MAX]))
    return Submission(texts=texts, documents=documents, references=references, codes=codes)


def read_document(name: str, sent: SentFile, *, file_bytes_max: int, field: str | None) -> Document:
    """Recognise one file that was sent under a name, for a field if somebody has said for which.

    Raises:
        TooLarge: It has more than `file_bytes_max` bytes.
        Unfit: It is of no type that is taken, or malformed.
    """
    if len(sent.content) > file_bytes_max:
        raise TooLarge(f"'{name[:60]}' is too large: a file may have at most {file_bytes_max} bytes.")
    return Document(content=sent.content, media_type=recognise(sent.content, field=field, label=sent.label))


def read_file_id(text: str) -> UUID | None:
    """Read the id of a file; None when it cannot be one of ours."""
    return read_id(text.removeprefix(FILE_PREFIX)) if text.startswith(FILE_PREFIX) else None


def write_file_id(file_id: UUID) -> str:
    """Write the id of a file as SEP-12 shows it."""
    return f"{FILE_PREFIX}{file_id}"


def _documents(
    files: Mapping[str, SentFile], file_bytes_max: int, problems: list[str]
) -> dict[str, Document]:
    documents: dict[str, Document] = {}
    for sent, file in files.items():
        name = canonical_name(sent)
        if name not in STANDARD_FIELDS:
            continue
        if not is_document(name):
            problems.append(f"'{sent}' came as a file: send it as text.")
            continue
        try:
            documents[name] = read_document(sent, file, file_bytes_max=file_bytes_max, field=name)
        except Unfit as unfit:
            problems.append(f"'{sent}' {unfit.reason}.")
    return documents


def _take_reference(name: str, text: str, references: dict[str, UUID], problems: list[str]) -> None:
    file_id = read_file_id(text)
    if file_id is not None:
        references[name] = file_id
    elif text:
        problems.append(
            f"'{name}_file_id' is not the id of a file: use the one that POST /customer/files gave."
        )


def _base(sent: str, suffix: str) -> str | None:
    """Return the field that a name with a suffix speaks of, or None when it has not the suffix or no such field is."""
    if not sent.endswith(suffix):
        return None
    name = canonical_name(sent.removesuffix(suffix))
    return name if name in STANDARD_FIELDS else None


def is_document(name: str) -> bool:
    """Tell whether a field of SEP-9 is sent as a file."""
    standard = STANDARD_FIELDS.get(name)
    return standard is not None and standard.kind is FieldKind.BINARY
