"""The fields of a SEP-10 challenge, read from base64 and XDR: strictly, each within its bounds, and nothing besides.

Of all that a transaction can be, a challenge is a small part: entries of data with a source of their own, time bounds,
a memo of type id or none. Whatever lies outside is refused here by its name. Each text that is accepted is the only one
with its meaning: base64 in its canonical form, padding of zeroes, nothing behind the end. Whether the fields hold what
they have to is decided in `challenge_rules`.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass

from roadstead.errors import BadInput
from roadstead.partners.challenge_envelope import (
    DATA_BYTES_MAX,
    HINT_BYTES,
    MANAGE_DATA,
    AccountType,
    EnvelopeType,
    MemoType,
    PreconditionType,
)

CHARACTERS_MAX = 4_096
"""A challenge with the twenty signatures that an envelope may carry has about 2,500."""
ENTRIES_MAX = 3
"""The home domain's, that of the authenticating server, and that of a client's domain (SEP-10)."""
SIGNATURES_MAX = 20
"""What XDR allows an envelope."""
AGAIN = "Ask for a new challenge and send it back unchanged but for your signatures."
"""What to do about a challenge that cannot be mended."""

_NUMBER_BYTES = 4
_LONG_BYTES = 8
_KEY_BYTES = 32
_SIGNATURE_BYTES = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """An account, as a transaction or an operation names it."""

    key: bytes
    muxed_id: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """An operation that sets an entry of an account's data (ManageData)."""

    source: Source
    name: bytes
    value: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """An ed25519 signature and the last bytes of the key that is said to have made it."""

    hint: bytes
    content: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class ChallengeEnvelope:
    """A transaction of the form that challenges have, and its signatures. Nothing about it is proven."""

    source: Source
    sequence: int
    min_time_s: int
    max_time_s: int
    memo: int | None
    entries: tuple[Entry, ...]
    transaction: bytes
    """The packed transaction without its envelope, which is what the signatures cover."""
    signatures: tuple[Signature, ...]


def read_envelope(text: str) -> ChallengeEnvelope:
    """Read an envelope from base64.

    Raises:
        BadInput: It is no envelope, or holds anything that no challenge has; the message gives the reason.
    """
    content = _decoded(text)
    _require_version_1(content[:_NUMBER_BYTES])
    fields = _Fields(content, place=_NUMBER_BYTES)
    source = _source(fields, "source account")
    fields.number("fee")
    sequence = fields.long("sequence number", signed=True)
    min_time_s, max_time_s = _time_bounds(fields)
    memo = _memo(fields)
    entries = tuple(
        _entry(fields, f"operation {place + 1}") for place in range(fields.count("operations", ENTRIES_MAX))
    )
    if fields.number("extension") != 0:
        raise BadInput(f"The challenge has an extension, which no version 1 transaction has. {AGAIN}")
    transaction = content[_NUMBER_BYTES : fields.place]
    signatures = tuple(_signature(fields) for _ in range(fields.count("signatures", SIGNATURES_MAX)))
    fields.end()
    return ChallengeEnvelope(
        source=source,
        sequence=sequence,
        min_time_s=min_time_s,
        max_time_s=max_time_s,
        memo=memo,
        entries=entries,
        transaction=transaction,
        signatures=signatures,
    )


class _Fields:
    """Takes one field after the other from packed bytes, and never reads beyond them."""

    def __init__(self, content: bytes, *, place: int) -> None:
        self._content = content
        self.place = place

    def take(self, count: int, name: str) -> bytes:
        taken = self._content[self.place : self.place + count]
        if len(taken) < count:
            raise BadInput(f"The challenge is cut off in its {name}: send it whole.")
        self.place += count
        return taken

    def number(self, name: str) -> int:
        return int.from_bytes(self.take(_NUMBER_BYTES, name), "big")

    def long(self, name: str, *, signed: bool = False) -> int:
        return int.from_bytes(self.take(_LONG_BYTES, name), "big", signed=signed)

    def count(self, name: str, most: int) -> int:
        count = self.number(f"number of {name}")
        if count > most:
            raise BadInput(f"The challenge has more than {most} {name}, which none of ours has. {AGAIN}")
        return count

    def present(self, name: str) -> bool:
        """Read whether an optional field follows."""
        match self.number(name):
            case 0:
                return False
            case 1:
                return True
            case _:
                raise BadInput(
                    f"The challenge cannot be read: its {name} is neither there nor left out. {AGAIN}"
                )

    def content(self, name: str, most: int) -> bytes:
        """Read bytes of any length up to a limit, and the zeroes that fill them up to four."""
        length = self.number(name)
        if length > most:
            raise BadInput(f"The challenge has more than {most} bytes in its {name}. {AGAIN}")
        content = self.take(length, name)
        if any(self.take(-length % _NUMBER_BYTES, name)):
            raise BadInput(
                f"The challenge is not in its canonical form: its {name} is not padded with zeroes. {AGAIN}"
            )
        return content

    def end(self) -> None:
        if self.place != len(self._content):
            raise BadInput("The challenge goes on after its last signature: send the envelope alone.")


def _decoded(text: str) -> bytes:
    if len(text) > CHARACTERS_MAX:
        raise BadInput(
            f"The challenge has more than {CHARACTERS_MAX} characters, which none of ours has. {AGAIN}"
        )
    try:
        content = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadInput("The transaction is not base64; in a form, '+' has to be written as '%2B'.") from error
    if base64.b64encode(content).decode() != text:
        raise BadInput("The transaction is not base64 in its canonical form: encode the envelope again.")
    return content


def _require_version_1(packed_type: bytes) -> None:
    match int.from_bytes(packed_type, "big") if len(packed_type) == _NUMBER_BYTES else None:
        case EnvelopeType.VERSION_1:
            return
        case EnvelopeType.VERSION_0:
            reason = "It is of version 0: sign the envelope in the version in which it came."
        case EnvelopeType.FEE_BUMP:
            reason = "It is a fee bump: send the challenge itself."
        case _:
            reason = "Send the challenge as it came, with your signatures added."
    raise BadInput(f"The transaction is no envelope of a version 1 transaction. {reason}")


def _source(fields: _Fields, name: str) -> Source:
    match fields.number(name):
        case AccountType.ED25519:
            return Source(key=fields.take(_KEY_BYTES, name), muxed_id=None)
        case AccountType.MUXED_ED25519:
            muxed_id = fields.long(name)
            return Source(key=fields.take(_KEY_BYTES, name), muxed_id=muxed_id)
        case _:
            raise BadInput(f"The challenge has a {name} of an unknown kind. {AGAIN}")


def _time_bounds(fields: _Fields) -> tuple[int, int]:
    match fields.number("preconditions"):
        case PreconditionType.TIME:
            return fields.long("time bounds"), fields.long("time bounds")
        case PreconditionType.NONE:
            raise BadInput(f"The challenge has no time bounds. {AGAIN}")
        case PreconditionType.VERSION_2:
            raise BadInput(f"The challenge has other preconditions than its time bounds. {AGAIN}")
        case _:
            raise BadInput(f"The challenge has preconditions of an unknown type. {AGAIN}")


def _memo(fields: _Fields) -> int | None:
    match fields.number("memo"):
        case MemoType.NONE:
            return None
        case MemoType.ID:
            return fields.long("memo")
        case _:
            raise BadInput(f"The challenge has a memo that is not of type id. {AGAIN}")


def _entry(fields: _Fields, name: str) -> Entry:
    if not fields.present(f"source account of {name}"):
        raise BadInput(f"The challenge has no source account in {name}. {AGAIN}")
    source = _source(fields, f"source account of {name}")
    if fields.number(f"type of {name}") != MANAGE_DATA:
        raise BadInput(f"The challenge has another type than ManageData in {name}. {AGAIN}")
    entry_name = fields.content(f"name in {name}", DATA_BYTES_MAX)
    if not fields.present(f"value in {name}"):
        raise BadInput(f"The challenge has no value in {name}. {AGAIN}")
    return Entry(source=source, name=entry_name, value=fields.content(f"value in {name}", DATA_BYTES_MAX))


def _signature(fields: _Fields) -> Signature:
    hint = fields.take(HINT_BYTES, "signatures")
    if fields.number("signatures") != _SIGNATURE_BYTES:
        raise BadInput("The challenge carries a signature that is no ed25519 signature: take it off.")
    return Signature(hint=hint, content=fields.take(_SIGNATURE_BYTES, "signatures"))
