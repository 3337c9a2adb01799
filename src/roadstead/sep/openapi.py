"""The API's own description, OpenAPI 3.1, made from the route table: what is not in the table is not served."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

import msgspec

from roadstead import __version__
from roadstead.config.anchor import Anchor, CustomerField, CustomerType, FieldKind
from roadstead.config.effective import Configuration
from roadstead.errors import InvariantViolated
from roadstead.sep.examples import EXAMPLES, Example
from roadstead.sep.idempotency import IDEMPOTENCY_KEY, REPLAYED
from roadstead.sep.routes import Answer, Audience, Call, Parameter, Route

PATH = "/openapi.json"

_JSON = "application/json"
_REFERENCE = "#/components/schemas/{name}"
_SCHEME = "sep10"
_SIGNATURE = "signature"
_CUSTOMER_FIELDS = "CustomerFields"
_STORING_METHODS = frozenset({"POST", "PUT", "PATCH"})
_PLACEHOLDER = re.compile(r"\{([^}]*)\}")
_WORD = re.compile(r"[A-Za-z0-9]+")

_AUDIENCES = {
    Audience.PUBLIC: "Open to everybody.",
    Audience.OPTIONAL: "Open to everybody; a SEP-10 token that is sent has to hold.",
    Audience.AUTHENTICATED: "Needs a SEP-10 token.",
    Audience.PARTNER: "Needs a SEP-10 token of an account that belongs to an active partner.",
    Audience.SIGNED: "Needs the sender's signature over the body; not for partners.",
}

_SECURITY: Mapping[Audience, list[dict[str, list[str]]]] = {
    Audience.PUBLIC: [],
    Audience.OPTIONAL: [{}, {_SCHEME: []}],
    Audience.AUTHENTICATED: [{_SCHEME: []}],
    Audience.PARTNER: [{_SCHEME: []}],
    Audience.SIGNED: [{_SIGNATURE: []}],
}

Schema = dict[str, Any]

_REPLAYED: Schema = {
    "description": "`true` when the answer was given before, to the same request with the same Idempotency-Key.",
    "schema": {"type": "string", "enum": [REPLAYED[1]]},
}


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """Why a request was not fulfilled, and what to do about it."""

    error: str
    """A sentence for people, or a word where a SEP defines one (`customer_info_needed`)."""
    type: str | msgspec.UnsetType = msgspec.UNSET
    """The customer type to complete, with `customer_info_needed`."""


def openapi_route(routes: Sequence[Route], configuration: Configuration) -> Route:
    """Return the route that serves the description of `routes` and of itself, written once, here."""
    content = b""

    async def describe(_call: Call) -> Answer:
        return Answer(content=content)

    route = Route(
        method="GET",
        path=PATH,
        audience=Audience.PUBLIC,
        handler=describe,
        source="OpenAPI 3.1",
        summary="This description.",
        refusals=(),
        tags=("Description",),
    )
    content = msgspec.json.encode(openapi_document([*routes, route], configuration))
    return route


def openapi_document(routes: Sequence[Route], configuration: Configuration) -> dict[str, Any]:
    """Describe the routes.

    Raises:
        InvariantViolated: Two routes are the same, or a path has a placeholder that no parameter describes.
    """
    structs = _structs(routes)
    written, components = msgspec.json.schema_components(structs, ref_template=_REFERENCE)
    schemas: dict[type, Schema] = dict(zip(structs, written, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        operations = paths.setdefault(route.path, {})
        if route.method.lower() in operations:
            raise InvariantViolated(f"{route.method} {route.path} stands in the route table twice.")
        operations[route.method.lower()] = _operation(route, schemas)
    return {
        "openapi": "3.1.0",
        "info": _info(configuration.anchor),
        "servers": [{"url": configuration.settings.public_url}],
        "tags": [{"name": tag} for tag in dict.fromkeys(tag for route in routes for tag in route.tags)],
        "paths": paths,
        "components": {
            "schemas": {
                **components,
                _CUSTOMER_FIELDS: _customer_fields(configuration.anchor.customer_types),
            },
            "securitySchemes": {
                _SCHEME: {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "JWT",
                    "description": "A token of SEP-10, from the WEB_AUTH_ENDPOINT named in stellar.toml.",
                },
                _SIGNATURE: {
                    "type": "apiKey",
                    "in": "header",
                    "name": "Signature",
                    "description": "A signature of the sender over the body, by a key that we were given beforehand.",
                },
            },
        },
    }


def _structs(routes: Iterable[Route]) -> list[type[msgspec.Struct]]:
    """Return every struct that a route reads or answers with, each once."""
    found: dict[type[msgspec.Struct], None] = {Refusal: None}
    for route in routes:
        if route.answer is not None:
            found[route.answer] = None
        if route.body is not None:
            found[route.body.struct] = None
    return list(found)


def _info(anchor: Anchor) -> dict[str, Any]:
    organization = anchor.organization
    contact = {"name": organization.name, "url": organization.url, "email": organization.support_email}
    return {
        "title": f"{organization.dba or organization.name}: receiving payments on Stellar",
        "summary": "SEP-31 payments, with SEP-1 discovery, SEP-10 authentication, SEP-12 customers and SEP-38 prices.",
        "version": __version__,
        "contact": {name: value for name, value in contact.items() if value is not None},
    }


def _operation(route: Route, schemas: Mapping[type, Schema]) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": "_".join(_WORD.findall(f"{route.method.lower()} {route.path}")),
        "summary": route.summary,
        "description": f"{route.source}. {_AUDIENCES[route.audience]}",
        "tags": list(route.tags),
        "security": _SECURITY[route.audience],
        "parameters": _parameters(route),
        "responses": _responses(route, schemas),
    }
    if route.body is not None:
        operation["requestBody"] = _request_body(route, schemas)
    return operation


def _parameters(route: Route) -> list[dict[str, Any]]:
    described = {parameter.name for parameter in route.parameters if parameter.place == "path"}
    placeholders = {match.partition(":")[0] for match in _PLACEHOLDER.findall(route.path)}
    if described != placeholders:
        raise InvariantViolated(
            f"{route.method} {route.path} has the placeholders {sorted(placeholders)}, and its parameters in the "
            f"path are {sorted(described)}: name them alike."
        )
    return [_parameter(parameter) for parameter in route.parameters]


def _parameter(parameter: Parameter) -> dict[str, Any]:
    written: dict[str, Any] = {
        "name": parameter.name,
        "in": parameter.place,
        "description": parameter.description,
        "required": parameter.required or parameter.place == "path",
        "schema": {"type": "string"},
    }
    if parameter.example is not None:
        written["example"] = parameter.example
    return written


def _request_body(route: Route, schemas: Mapping[type, Schema]) -> dict[str, Any]:
    body = route.body
    if body is None:
        raise InvariantViolated(f"{route.method} {route.path} has no body to describe.")
    storing = route.method in _STORING_METHODS
    schema = schemas[body.struct]
    if body.fields_open and storing:
        schema = {"allOf": [schema, {"$ref": _REFERENCE.format(name=_CUSTOMER_FIELDS)}]}
    return {
        "required": storing,
        "content": {
            encoding.value: _with_example(schema, _example(route).body) for encoding in body.encodings
        },
    }


def _responses(route: Route, schemas: Mapping[type, Schema]) -> dict[str, Any]:
    success = _success(route, schemas)
    if IDEMPOTENCY_KEY in route.parameters:
        success["headers"] = {REPLAYED[0]: _REPLAYED}
    responses = {str(route.status): success}
    refusals = {*route.refusals, HTTPStatus.TOO_MANY_REQUESTS}
    if route.audience is not Audience.PUBLIC:
        refusals.add(route.unauthenticated_status)
    if route.audience is Audience.PARTNER:
        refusals.add(HTTPStatus.FORBIDDEN)
    content = {_JSON: {"schema": schemas[Refusal]}}
    for status in sorted(refusals):
        responses[str(int(status))] = {"description": HTTPStatus(status).phrase, "content": content}
    responses["default"] = {
        "description": "Something went wrong on our side; the request may be repeated later.",
        "content": content,
    }
    return responses


def _success(route: Route, schemas: Mapping[type, Schema]) -> dict[str, Any]:
    if route.status == HTTPStatus.NO_CONTENT:
        return {"description": route.summary}
    if route.answer is not None:
        schema = schemas[route.answer]
    else:
        schema = {"type": "object" if route.media_type == _JSON else "string"}
    return {
        "description": route.summary,
        "content": {route.media_type: _with_example(schema, _example(route).answer)},
    }


def _example(route: Route) -> Example:
    return EXAMPLES.get(f"{route.method} {route.path}", Example())


def _with_example(schema: Schema, example: Any) -> dict[str, Any]:
    return {"schema": schema} if example is None else {"schema": schema, "example": example}


def _customer_fields(customer_types: Sequence[CustomerType]) -> Schema:
    """Describe the fields of SEP-9 that this anchor's customer types ask for."""
    asked: dict[str, list[tuple[CustomerType, CustomerField]]] = {}
    for customer_type in customer_types:
        for field in customer_type.fields:
            asked.setdefault(field.name, []).append((customer_type, field))
    return {
        "title": _CUSTOMER_FIELDS,
        "description": "Fields of SEP-9, each a text; names that are not listed are ignored.",
        "type": "object",
        "properties": {name: _customer_field(by) for name, by in asked.items()},
    }


def _customer_field(asked_by: Sequence[tuple[CustomerType, CustomerField]]) -> Schema:
    _, field = asked_by[0]
    types = ", ".join(customer_type.name for customer_type, _ in asked_by)
    schema: Schema = {"type": "string", "description": f"{field.description}. Asked of: {types}."}
    match field.kind:
        case FieldKind.DATE:
            schema["format"] = "date"
        case FieldKind.NUMBER:
            schema["type"] = ["string", "integer"]
        case FieldKind.BINARY:
            schema["contentEncoding"] = "base64"
        case FieldKind.STRING:
            pass
    if all(other.choices for _, other in asked_by):
        schema["enum"] = sorted({choice for _, other in asked_by for choice in other.choices})
    return schema
