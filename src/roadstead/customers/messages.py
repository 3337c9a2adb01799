"""What is sent to customers themselves: codes that confirm an address. The words, and the edge that brings them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Protocol

from roadstead.config.confirmable import CONFIRMABLE, MessageChannel
from roadstead.errors import Unavailable


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeMessage:
    """A code on its way to a customer."""

    id: str
    """The same for the same request, so that a receiver may know a repetition again."""
    channel: MessageChannel
    address: str = field(repr=False)
    subject: str
    text: str = field(repr=False)
    language: str


class NotSent(Unavailable):
    """A message was not taken, or nobody knows whether it was; another code is sent later."""

    code = "message_not_sent"


class Messenger(Protocol):
    """Brings messages to customers: by mail, by telephone, or as an integrator does it."""

    async def send(self, message: CodeMessage) -> None:
        """Hand a message over. The implementation sets its own deadline of at most `SEND_TIMEOUT_S`.

        Raises:
            NotSent: It was not taken, or nobody knows; the reason carries neither address nor code.
        """
        ...

    async def close(self) -> None:
        """Release what the messenger holds."""
        ...


SEND_TIMEOUT_S: Final = 30.0


def code_message(
    *,
    id: str,  # noqa: A002 - the field's name
    field_name: str,
    address: str,
    code: str,
    minutes: int,
    anchor: str,
    language: str,
    say: Callable[[str], str],
) -> CodeMessage:
    """Write the message that carries a code; `say` translates it."""
    return CodeMessage(
        id=id,
        channel=CONFIRMABLE[field_name],
        address=address,
        subject=say(f"Your code for {anchor}"),
        text=say(
            f"Your code for {anchor} is {code}. It holds for {minutes} minutes. Give it only to the service that "
            "you send or receive money with."
        ),
        language=language,
    )
