"""Every error that Roadstead raises on purpose.

    RoadsteadError
    ├── ConfigurationError      the start is refused: a setting, a file or a key is missing or wrong
    ├── BadInput                the caller sent something that cannot be accepted (400)
    │   ├── InvalidAmount       an amount that is no amount, or has too many decimals
    │   └── CustomerInfoNeeded  a customer has to be completed first (SEP-31)
    ├── Unauthenticated         no token, or one that does not hold (401, in some SEPs 403)
    ├── Forbidden               the caller is known and may not do this (403)
    ├── NotFound                no such thing, or not the caller's (404)
    ├── Conflict                the thing is no longer in the state the caller assumed (409)
    ├── TooLarge                a body over its limit (413)
    ├── UnsupportedMediaType    a content type that the endpoint does not read (415)
    ├── TooManyRequests         the caller asks faster than its limit allows (429)
    ├── Unavailable             something outside does not answer now; nothing is lost (503)
    │   └── LeadershipLost      another process leads now; what was not committed was not done
    └── InvariantViolated       our own books or states contradict each other; a person must look (500)

A message says what happened, to what, and what to do next. It never carries a secret or personal data, so that it may
be shown to the caller and logged. Anything that is not in this tree is a bug and answers 500.
"""

from __future__ import annotations

from typing import ClassVar


class RoadsteadError(Exception):
    """The root: carries a stable `code` for machines and a message for people."""

    code: ClassVar[str] = "error"
    http_status: ClassVar[int] = 500

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class ConfigurationError(RoadsteadError):
    """The start is refused because a setting, a file or a key is missing or wrong."""

    code = "configuration"


class BadInput(RoadsteadError):
    """The caller sent something that cannot be accepted; nothing was changed."""

    code = "bad_input"
    http_status = 400


class InvalidAmount(BadInput):
    """A text or number that is not an amount of its asset."""

    code = "invalid_amount"


class CustomerInfoNeeded(BadInput):
    """A customer has to be registered or completed before the remittance can be opened (SEP-31).

    `customer_type` is the SEP-12 type that has to be completed, when one is known.
    """

    code = "customer_info_needed"

    def __init__(self, customer_type: str | None) -> None:
        super().__init__("customer_info_needed")
        self.customer_type = customer_type


class Unauthenticated(RoadsteadError):
    """No token was sent, or the one that was sent does not hold."""

    code = "unauthenticated"
    http_status = 401


class Forbidden(RoadsteadError):
    """The caller is known and may not do this."""

    code = "forbidden"
    http_status = 403


class NotFound(RoadsteadError):
    """No such thing exists, or it belongs to somebody else; the answer is the same."""

    code = "not_found"
    http_status = 404


class Conflict(RoadsteadError):
    """The thing is no longer in the state that the caller assumed; nothing was changed."""

    code = "conflict"
    http_status = 409


class TooLarge(RoadsteadError):
    """A body, file or batch exceeds its limit."""

    code = "too_large"
    http_status = 413


class UnsupportedMediaType(RoadsteadError):
    """The endpoint does not read this content type."""

    code = "unsupported_media_type"
    http_status = 415


class TooManyRequests(RoadsteadError):
    """The caller asks faster than its limit allows; nothing was done.

    `retry_after_s` is the number of whole seconds after which the same request would be let in.
    """

    code = "too_many_requests"
    http_status = 429

    def __init__(self, message: str, *, retry_after_s: int) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class Unavailable(RoadsteadError):
    """Something outside this process does not answer now; the call may be repeated later."""

    code = "unavailable"
    http_status = 503


class LeadershipLost(Unavailable):
    """Another process holds the role's lease now; nothing of this step was committed."""

    code = "leadership_lost"


class InvariantViolated(RoadsteadError):
    """Our own books or states contradict each other; the step is undone and a person must look."""

    code = "invariant_violated"
