"""The payout API as OpenAPI 3.1, made from the forms that the rail reads and writes.

Run `python -m roadstead.rails.payout_description > docs/integrating/payout-api.json`, or `make docs`.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from roadstead.rails import payout_forms as forms
from roadstead.rails.payout_api import EVENTS_MAX, STATEMENTS_MAX

Schema = dict[str, Any]

_FORMS = (
    forms.InstructionForm,
    forms.PayoutForm,
    forms.EventsForm,
    forms.BalancesForm,
    forms.StatementsForm,
    forms.PushForm,
    forms.ErrorForm,
)
_REFERENCE = "#/components/schemas/{name}"
_JSON = "application/json"
_ERRORS = {
    400: "`bad_input`: the call cannot be read. Of a payout: nothing was taken under this key, and nothing ever will.",
    401: "`unauthenticated`: the signature does not hold. Nothing was done.",
    404: "`not_found`: no payout was ever received under this key.",
    409: "`conflict`: the key is known with other content. Nothing was changed.",
    413: "`too_large`: the body exceeds what is read. Nothing was done.",
    429: "`too_many_requests`: later, please. Nothing was done.",
    503: "`unavailable`: nobody can say what became of the call. Ask, or repeat it.",
}
_KEY = {
    "name": "key",
    "in": "path",
    "required": True,
    "description": "The attempt's key.",
    "schema": {"type": "string", "pattern": "^[A-Za-z0-9]{1,36}$"},
    "example": "A01J5XDQ3V6M8R2",
}
_IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": True,
    "description": "The attempt's key: for ever, one key is one payout. It is part of what is signed.",
    "schema": {"type": "string", "pattern": "^[A-Za-z0-9]{1,36}$"},
    "example": "A01J5XDQ3V6M8R2",
}


def description() -> dict[str, Any]:
    """Return the whole document."""
    _, components = msgspec.json.schema_components(_FORMS, ref_template=_REFERENCE)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Payout API",
            "version": "1.0.0",
            "summary": "What a bank, or an adapter in front of one, offers so that Roadstead can pay through it.",
            "description": "docs/integrating/payout-api.md explains signatures, keys and what each answer means.",
        },
        "servers": [{"url": "https://bank.example/payout-api"}],
        "security": [{"signature": []}],
        "paths": {
            "/payouts": {"post": _submit()},
            "/payouts/{key}": {"get": _find()},
            "/events": {"get": _page("events", "What happened to payouts.", forms.EventsForm, EVENTS_MAX)},
            "/balances": {"get": _read("balances", "What the bank holds.", forms.BalancesForm)},
            "/statements": {
                "get": _page(
                    "statements", "What was booked, day by day.", forms.StatementsForm, STATEMENTS_MAX
                )
            },
        },
        "webhooks": {"events": {"post": _push()}},
        "components": {
            "schemas": components,
            "securitySchemes": {
                "signature": {
                    "type": "apiKey",
                    "in": "header",
                    "name": "Signature",
                    "description": "An RFC 9421 signature with Ed25519, with `Signature-Input` and `Content-Digest`.",
                }
            },
        },
    }


def _submit() -> Schema:
    return {
        "operationId": "submit_payout",
        "summary": "Pay. The same key with the same content is the same payout.",
        "parameters": [_IDEMPOTENCY_KEY],
        "requestBody": {"required": True, "content": _content(forms.InstructionForm)},
        "responses": {
            "201": {"description": "The payout was taken.", "content": _content(forms.PayoutForm)},
            "200": {"description": "It was known already.", "content": _content(forms.PayoutForm)},
            **_errors((400, 401, 409, 413, 429, 503)),
        },
    }


def _find() -> Schema:
    return {
        "operationId": "find_payout",
        "summary": "What became of a payout. Changes nothing.",
        "parameters": [_KEY],
        "responses": {
            "200": {"description": "The payout.", "content": _content(forms.PayoutForm)},
            **_errors((401, 404, 429, 503)),
        },
    }


def _page(name: str, summary: str, form: type[msgspec.Struct], limit_max: int) -> Schema:
    described = _read(name, f"{summary} Oldest first, after a cursor.", form)
    after = (
        "The cursor of the answer before; without it, or with one that is not the bank's, from the beginning."
    )
    described["parameters"] = [
        {
            "name": "after",
            "in": "query",
            "description": after,
            "schema": {"type": "string", "maxLength": 200},
        },
        {
            "name": "limit",
            "in": "query",
            "description": f"At most so many; Roadstead asks for {limit_max}.",
            "schema": {"type": "integer", "minimum": 1, "maximum": limit_max},
        },
    ]
    described["responses"] |= _errors((400,))
    return described


def _read(name: str, summary: str, form: type[msgspec.Struct]) -> Schema:
    return {
        "operationId": f"list_{name}",
        "summary": summary,
        "responses": {
            "200": {"description": summary, "content": _content(form)},
            **_errors((401, 429, 503)),
        },
    }


def _push() -> Schema:
    return {
        "operationId": "push_events",
        "summary": "The bank tells by itself. It may repeat, and may come in any order; events can be polled as well.",
        "requestBody": {"required": True, "content": _content(forms.PushForm)},
        "responses": {
            "204": {"description": "Stored; need not come again."},
            **_errors((400, 401, 413, 429)),
        },
    }


def _content(form: type[msgspec.Struct]) -> Mapping[str, Any]:
    return {_JSON: {"schema": {"$ref": _REFERENCE.format(name=form.__name__)}}}


def _errors(statuses: Sequence[int]) -> dict[str, Any]:
    return {
        str(status): {"description": _ERRORS[status], "content": _content(forms.ErrorForm)}
        for status in statuses
    }


def written() -> str:
    """Return the document as the file holds it."""
    return msgspec.json.format(msgspec.json.encode(description()), indent=2).decode() + "\n"


if __name__ == "__main__":
    sys.stdout.write(written())
