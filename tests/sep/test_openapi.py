"""The description of the API: complete, consistent, and of OpenAPI's form."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import jsonschema_rs
import pytest
from tests.fixtures.authentication import configured
from tests.fixtures.environment import PUBLIC_URL

from roadstead.errors import InvariantViolated
from roadstead.sep.examples import EXAMPLES
from roadstead.sep.openapi import openapi_document
from roadstead.sep.routes import Audience, Call, Route
from roadstead.sep.table import route_table

ROUTES = route_table(configured())
TABLE = ROUTES[:-1]
COMPONENT_NAME = re.compile(r"[A-Za-z0-9._-]+", re.ASCII)


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    written = json.loads(json.dumps(openapi_document(ROUTES, configured())))
    assert isinstance(written, dict)
    return written


def operation_of(document: dict[str, Any], route: Route) -> dict[str, Any]:
    operation = document["paths"][route.path][route.method.lower()]
    assert isinstance(operation, dict)
    return operation


def nodes(value: object) -> Iterator[dict[str, Any]]:
    """Every object inside a document."""
    match value:
        case dict():
            yield value
            for inner in value.values():
                yield from nodes(inner)
        case list():
            for inner in value:
                yield from nodes(inner)


def of_each_route(test: Any) -> Any:
    names = [f"{route.method} {route.path}" for route in ROUTES]
    return pytest.mark.parametrize("route", ROUTES, ids=names)(test)


class TestTheWholeTable:
    def test_nothing_is_described_that_is_not_in_the_table(self, document: dict[str, Any]) -> None:
        described = {
            (method.upper(), path) for path, operations in document["paths"].items() for method in operations
        }
        assert described == {(route.method, route.path) for route in ROUTES}

    @of_each_route
    def test_a_route_is_described_with_its_status_and_its_refusals(
        self, document: dict[str, Any], route: Route
    ) -> None:
        responses = operation_of(document, route)["responses"]
        success = responses[str(route.status)]
        assert list(success.get("content", {})) == ([] if route.status == 204 else [route.media_type])
        expected = {"429"} | {str(status) for status in route.refusals}
        if route.audience is not Audience.PUBLIC:
            expected.add(str(route.unauthenticated_status))
        if route.audience is Audience.PARTNER:
            expected.add("403")
        assert set(responses) == {str(route.status), "default"} | expected
        for status in (*expected, "default"):
            schema = responses[status]["content"]["application/json"]["schema"]
            assert schema == {"$ref": "#/components/schemas/Refusal"}

    @of_each_route
    def test_a_route_demands_a_token_unless_it_is_public(
        self, document: dict[str, Any], route: Route
    ) -> None:
        security = operation_of(document, route)["security"]
        expected: dict[Audience, list[dict[str, list[str]]]] = {
            Audience.PUBLIC: [],
            Audience.OPTIONAL: [{}, {"sep10": []}],
            Audience.SIGNED: [{"signature": []}],
        }
        assert security == expected.get(route.audience, [{"sep10": []}])

    @of_each_route
    def test_a_body_is_described_in_each_of_its_encodings(
        self, document: dict[str, Any], route: Route
    ) -> None:
        body = operation_of(document, route).get("requestBody")
        if route.body is None:
            assert body is None
            return
        assert body is not None
        assert set(body["content"]) == {str(encoding) for encoding in route.body.encodings}

    @of_each_route
    def test_every_placeholder_is_a_parameter(self, document: dict[str, Any], route: Route) -> None:
        parameters = operation_of(document, route)["parameters"]
        in_path = {parameter["name"] for parameter in parameters if parameter["in"] == "path"}
        assert in_path == set(re.findall(r"\{(\w+)\}", route.path))
        assert all(parameter["required"] for parameter in parameters if parameter["in"] == "path")
        assert len({(parameter["in"], parameter["name"]) for parameter in parameters}) == len(parameters)


class TestForm:
    def test_the_top_is_that_of_openapi_3_1(self, document: dict[str, Any]) -> None:
        assert document["openapi"] == "3.1.0"
        assert set(document) == {"openapi", "info", "servers", "tags", "paths", "components"}
        assert {"title", "version"} <= set(document["info"])
        assert document["servers"] == [{"url": PUBLIC_URL}]

    def test_every_reference_leads_somewhere(self, document: dict[str, Any]) -> None:
        references = [node["$ref"] for node in nodes(document) if "$ref" in node]
        assert references
        for reference in references:
            place, name = reference.rsplit("/", 1)
            assert place == "#/components/schemas"
            assert name in document["components"]["schemas"]

    def test_every_component_has_an_allowed_name_and_is_a_schema(self, document: dict[str, Any]) -> None:
        for name, schema in document["components"]["schemas"].items():
            assert COMPONENT_NAME.fullmatch(name)
            assert schema.get("type") == "object" or {"$ref", "enum"} & set(schema)
            assert set(schema.get("required", [])) <= set(schema.get("properties", {}))

    def test_every_security_requirement_names_a_scheme(self, document: dict[str, Any]) -> None:
        schemes = document["components"]["securitySchemes"]
        assert schemes["sep10"]["scheme"] == "bearer"
        for operations in document["paths"].values():
            for operation in operations.values():
                assert all(set(demand) <= set(schemes) for demand in operation["security"])

    def test_operation_ids_are_unique(self, document: dict[str, Any]) -> None:
        ids = [
            operation["operationId"]
            for operations in document["paths"].values()
            for operation in operations.values()
        ]
        assert len(set(ids)) == len(ids)

    def test_every_operation_is_under_a_declared_tag(self, document: dict[str, Any]) -> None:
        declared = {tag["name"] for tag in document["tags"]}
        for operations in document["paths"].values():
            for operation in operations.values():
                assert set(operation["tags"]) <= declared

    def test_types_are_those_of_json_schema(self, document: dict[str, Any]) -> None:
        known = {"string", "number", "integer", "boolean", "object", "array", "null"}
        for node in nodes(document["components"]["schemas"]):
            if isinstance(node.get("type"), str):
                assert node["type"] in known


class TestExamples:
    @of_each_route
    def test_every_body_and_every_answer_has_one(self, document: dict[str, Any], route: Route) -> None:
        operation = operation_of(document, route)
        media = list(operation["responses"][str(route.status)].get("content", {}).values())
        media += operation.get("requestBody", {"content": {}})["content"].values()
        assert all("example" in described for described in media)

    @of_each_route
    def test_each_is_of_its_schema(self, document: dict[str, Any], route: Route) -> None:
        operation = operation_of(document, route)
        media = list(operation["responses"][str(route.status)].get("content", {}).values())
        media += operation.get("requestBody", {"content": {}})["content"].values()
        for described in media:
            schema = described["schema"] | {"components": document["components"]}
            jsonschema_rs.validator_for(schema).validate(described["example"])

    def test_an_example_of_the_wrong_form_would_be_found(self, document: dict[str, Any]) -> None:
        schema = document["components"]["schemas"]["TransactionRequest"] | {
            "components": document["components"]
        }
        with pytest.raises(jsonschema_rs.ValidationError):
            jsonschema_rs.validator_for(schema).validate({"amount": [], "asset_code": 7})

    def test_there_are_none_of_routes_that_are_not_there(self) -> None:
        assert set(EXAMPLES) == {f"{route.method} {route.path}" for route in ROUTES}


class TestCustomerFields:
    def test_every_field_of_the_configured_types_is_named(self, document: dict[str, Any]) -> None:
        types = configured().anchor.customer_types
        properties = document["components"]["schemas"]["CustomerFields"]["properties"]
        assert set(properties) == {field.name for kind in types for field in kind.fields}

    def test_they_are_part_of_the_body_that_registers_a_customer(self, document: dict[str, Any]) -> None:
        content = document["paths"]["/kyc/customer"]["put"]["requestBody"]["content"]
        for encoded in content.values():
            assert {"$ref": "#/components/schemas/CustomerFields"} in encoded["schema"]["allOf"]


class TestRefusedTables:
    def test_a_route_that_stands_there_twice(self) -> None:
        with pytest.raises(InvariantViolated, match="twice"):
            openapi_document([*TABLE, TABLE[0]], configured())

    def test_a_placeholder_that_no_parameter_describes(self) -> None:
        with pytest.raises(InvariantViolated, match="name them alike"):
            openapi_document([replace(TABLE[0], path="/things/{id}")], configured())


async def test_the_route_serves_the_document_that_was_built(document: dict[str, Any]) -> None:
    route = ROUTES[-1]
    answer = await route.handler(
        Call(services=None, request_id="1", path={}, query={}, headers={})  # type: ignore[arg-type]
    )
    assert (route.path, answer.media_type) == ("/openapi.json", "application/json")
    assert json.loads(answer.content) == document
