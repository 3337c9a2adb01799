"""Reading request bodies: bounded, only after authentication, and refused with a message that helps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar
from urllib.parse import parse_qsl

import msgspec
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import FormParser, parse_options_header
from starlette.types import Receive

from roadstead.customers.submissions import SentFile
from roadstead.errors import BadInput, TooLarge, UnsupportedMediaType
from roadstead.sep.routes import Body, Encoding, Form

FORM_FIELDS_MAX = 100

_Value = TypeVar("_Value")


async def read_bytes(receive: Receive, headers: Mapping[str, str], bytes_max: int) -> bytes:
    """Read the whole body.

    Raises:
        TooLarge: It is, or says that it is, larger than `bytes_max`.
        BadInput: The caller went away before the end.
    """
    declared = headers.get("content-length", "0")
    if declared.isascii() and declared.isdigit() and int(declared) > bytes_max:
        raise TooLarge(f"The body has {declared} bytes: send at most {bytes_max}.")
    message = await receive()
    if not message.get("more_body", False):
        whole: bytes = message.get("body", b"")
        return _bounded(whole, bytes_max)
    parts = [message.get("body", b"")]
    size = len(parts[0])
    while message.get("more_body", False):
        message = await receive()
        if message["type"] == "http.disconnect":
            raise BadInput("The request ended before its body did: send it again.")
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > bytes_max:
            break
    return _bounded(b"".join(parts), bytes_max)


def _bounded(body: bytes, bytes_max: int) -> bytes:
    if len(body) > bytes_max:
        raise TooLarge(f"The body has more than {bytes_max} bytes: send less.")
    return body


class BodyReader:
    """Turns the bytes of one route's bodies into what its handler expects."""

    def __init__(self, body: Body) -> None:
        self._body = body
        self._decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(
            dict[str, Any] if body.fields_open else body.struct
        )

    def read(self, content: bytes, content_type: str) -> Any:
        """Return the struct, or the mapping of names to texts where the fields are open.

        Raises:
            BadInput: The body is not of the form that the route documents.
            UnsupportedMediaType: It is written in an encoding that the route does not read.
        """
        if not content and self._body.fields_open:
            # Where every field is optional, a request without a body names none (SEP-12 DELETE).
            return self._with_files({}, {})
        match self._encoding(content_type):
            case Encoding.JSON:
                return self._with_files(self._from_json(content), {})
            case Encoding.FORM:
                return self._with_files(self._from_fields(_form_fields(content)), {})
            case Encoding.MULTIPART:
                fields, files = _multipart(content, content_type, takes_files=self._body.takes_files)
                return self._with_files(self._from_fields(fields), files)

    def _with_files(self, payload: Any, files: Mapping[str, SentFile]) -> Any:
        return Form(fields=payload, files=files) if self._body.takes_files else payload

    def _encoding(self, content_type: str) -> Encoding:
        if content_type == Encoding.JSON:
            return Encoding.JSON
        media_type = content_type.partition(";")[0].strip().lower()
        for encoding in self._body.encodings:
            if media_type == encoding:
                return encoding
        raise UnsupportedMediaType(
            f"Content-Type {media_type[:80]!r} is not read here: use {' or '.join(self._body.encodings)}."
        )

    def _from_json(self, content: bytes) -> Any:
        try:
            decoded = self._decoder.decode(content)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise BadInput(f"The body is not as documented: {error}.") from error
        if not self._body.fields_open:
            return decoded
        return {name: _text(name, value) for name, value in decoded.items() if value is not None}

    def _from_fields(self, fields: dict[str, str]) -> Any:
        if self._body.fields_open:
            return fields
        try:
            return msgspec.convert(fields, self._body.struct, strict=False)
        except msgspec.MsgspecError as error:
            raise BadInput(f"The body is not as documented: {error}.") from error


def _text(name: str, value: object) -> str:
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case _:
            raise BadInput(f"Field {name[:60]!r} must be a text.")


def _form_fields(content: bytes) -> dict[str, str]:
    try:
        pairs = parse_qsl(
            content.decode("utf-8"),
            keep_blank_values=True,
            strict_parsing=bool(content),
            max_num_fields=FORM_FIELDS_MAX,
            errors="strict",
        )
    except ValueError as error:
        raise BadInput(
            "The form cannot be read: send application/x-www-form-urlencoded pairs in UTF-8."
        ) from error
    return _once(pairs)


def _multipart(
    content: bytes, content_type: str, *, takes_files: bool
) -> tuple[dict[str, str], dict[str, SentFile]]:
    """Return the texts and the files of a form; nothing of it is written to a disk on the way."""
    _, options = parse_options_header(content_type)
    boundary = options.get(b"boundary")
    if not boundary:
        raise BadInput("The form cannot be read: its Content-Type names no boundary.")
    pairs: list[tuple[str, str]] = []
    files: list[tuple[str, SentFile]] = []

    def on_field(part: Any) -> None:
        _require_room(len(pairs) + len(files))
        pairs.append(((part.field_name or b"").decode("utf-8"), (part.value or b"").decode("utf-8")))

    def on_file(part: Any) -> None:
        name = (part.field_name or b"").decode("utf-8", "replace")
        if not takes_files:
            raise BadInput(f"Field {name[:60]!r} came as a file: none is taken here, send it as text.")
        _require_room(len(pairs) + len(files))
        part.file_object.seek(0)
        files.append((name, SentFile(content=part.file_object.read(), label=part.content_type)))
        part.close()

    memory = {"MAX_MEMORY_FILE_SIZE": len(content) + 1}
    try:
        parser = FormParser("multipart/form-data", on_field, on_file, boundary=boundary, config=memory)
        parser.write(content)
        parser.finalize()
    except (FormParserError, UnicodeDecodeError) as error:
        raise BadInput("The form cannot be read: send well-formed multipart/form-data in UTF-8.") from error
    sent = _once(files)
    texts = _once(pairs)
    if sent.keys() & texts.keys():
        raise BadInput("The form names a field twice: send each once.")
    return texts, sent


def _require_room(parts: int) -> None:
    if parts >= FORM_FIELDS_MAX:
        raise BadInput(f"The form has more than {FORM_FIELDS_MAX} fields: send fewer.")


def _once(pairs: list[tuple[str, _Value]]) -> dict[str, _Value]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise BadInput("The form names a field twice: send each once.")
    return fields
