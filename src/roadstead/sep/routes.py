"""The one route table's vocabulary: what a route is, who may call it, and what its handler gets and gives.

Routing, authentication, limits and the published OpenAPI document all come from the same `Route` objects.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import msgspec

from roadstead.errors import InvariantViolated
from roadstead.messages.catalogue import Language
from roadstead.partners.principal import Principal
from roadstead.sep.services import Services


class Audience(StrEnum):
    """Who may call a route."""

    PUBLIC = "public"
    """Everybody."""
    OPTIONAL = "optional"
    """Everybody; but a token that is sent has to hold."""
    AUTHENTICATED = "authenticated"
    """Whoever holds a SEP-10 token."""
    PARTNER = "partner"
    """Whoever holds a SEP-10 token of an active partner's account."""
    SIGNED = "signed"
    """Whoever signed the very bytes of the body, which the handler verifies before it reads them."""


class Encoding(StrEnum):
    """How a request body may be written."""

    JSON = "application/json"
    FORM = "application/x-www-form-urlencoded"
    MULTIPART = "multipart/form-data"


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """A query or path parameter or a header, for the published document and for reading."""

    name: str
    description: str
    required: bool = False
    place: str = "query"
    example: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """What a request body is: its encodings and the struct that it becomes.

    With `fields_open` the body is a flat set of named texts (SEP-12, where the names depend on the configuration) and
    `struct` only documents the fixed part.
    """

    struct: type[msgspec.Struct]
    encodings: tuple[Encoding, ...] = (Encoding.JSON,)
    fields_open: bool = False
    bytes_max: int | None = None
    """None means the limit of anchor.toml."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request, after authentication and reading."""

    services: Services
    request_id: str
    path: Mapping[str, str]
    query: Mapping[str, str]
    headers: Mapping[str, str]
    caller: Principal | None = None
    payload: Any = None
    """The body: an instance of the route's struct, a `dict[str, str]` where the fields are open, or the bytes as they
    came where the sender signs them."""
    language: Language = Language.ENGLISH
    """The language of texts for people: what `lang` asks for, else what Accept-Language does, else English."""

    def say(self, text: str) -> str:
        """Return a text of the house in the caller's language, in English where it is not translated."""
        return self.services.catalogue.translate(text, self.language)

    @property
    def principal(self) -> Principal:
        """The authenticated caller.

        Raises:
            InvariantViolated: The route is public and its handler asked all the same.
        """
        if self.caller is None:
            raise InvariantViolated(
                "A handler of a public route asked who is calling: give the route an audience."
            )
        return self.caller


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a handler gives back: a struct or mapping to be written as JSON, or text as it is."""

    content: Any = None
    status: int = 200
    media_type: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()
    remittance_id: str | None = None
    """The remittance that the answer is about; for the log alone."""


Handler = Callable[[Call], Awaitable[Answer]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One row of the route table."""

    method: str
    path: str
    audience: Audience
    handler: Handler
    source: str
    """Where the route is specified: `SEP-31 POST /transactions`."""
    summary: str
    answer: type[msgspec.Struct] | None = None
    status: int = 200
    media_type: str = "application/json"
    body: Body | None = None
    parameters: tuple[Parameter, ...] = ()
    refusals: tuple[int, ...] = (400,)
    """Statuses of errors that callers have to expect, apart from those of authentication."""
    cost: int = 1
    """How many requests one of these counts as, where callers are limited by their address."""
    unauthenticated_status: int = 403
    """What a missing or invalid token is answered with; the SEPs differ (SEP-12: 401, SEP-31: 403)."""
    tags: tuple[str, ...] = field(default=())
