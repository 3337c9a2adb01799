"""The reference page: the published description of the API, for people."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from roadstead.sep.markup import Markup, element, joined, page, table

Document = Mapping[str, Any]


def reference_page(document: Document) -> bytes:
    """Write an OpenAPI document as a page that needs nothing but itself."""
    info = document["info"]
    return page(
        info["title"],
        element("p", info["summary"]),
        element(
            "p",
            "Base address: ",
            element("code", document["servers"][0]["url"]),
            ". The same for machines: ",
            element("a", "openapi.json", href="openapi.json"),
            ". How to begin: ",
            element("a", "Integrate with us", href="integrate"),
            ".",
        ),
        element("nav", element("ul", *_contents(document))),
        *(_operation(*entry) for entry in _operations(document)),
        element("h2", "Structures"),
        *(_schema(name, schema) for name, schema in document["components"]["schemas"].items()),
    )


def _operations(document: Document) -> Iterator[tuple[str, str, Document]]:
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            yield method.upper(), path, operation


def _contents(document: Document) -> Iterator[Markup]:
    for method, path, operation in _operations(document):
        link = element("a", f"{method} {path}", href=f"#{operation['operationId']}")
        yield element("li", link, f" {operation['summary']}")


def _operation(method: str, path: str, operation: Document) -> Markup:
    parts: list[str] = [
        element("h2", element("span", method, class_="method"), element("code", path)),
        element("p", operation["summary"]),
        element("p", operation["description"]),
    ]
    if operation["parameters"]:
        parts.append(element("h3", "Parameters"))
        parts.append(table(("name", "in", "needed", "meaning", "example"), _parameters(operation)))
    if "requestBody" in operation:
        parts.append(element("h3", "Body"))
        parts.extend(_contents_of(operation["requestBody"]["content"]))
    parts.append(element("h3", "Answers"))
    for status, response in operation["responses"].items():
        is_good = status.startswith("2")
        line = (element("strong", status), f" {response['description']}")
        if is_good:
            parts.append(element("p", *line))
            parts.extend(_contents_of(response["content"]) if "content" in response else ())
    refused = [status for status in operation["responses"] if not status.startswith(("2", "d"))]
    said = ((status, operation["responses"][status]["description"]) for status in refused)
    parts.append(table(("refused with", "meaning"), said))
    return element("section", *parts, id=operation["operationId"])


def _parameters(operation: Document) -> Iterator[tuple[str, ...]]:
    for parameter in operation["parameters"]:
        yield (
            element("code", parameter["name"]),
            parameter["in"],
            "yes" if parameter["required"] else "no",
            parameter["description"],
            element("code", parameter.get("example", "")),
        )


def _contents_of(content: Document) -> Iterator[Markup]:
    """Describe what is written in several encodings once: the schema and the example are the same."""
    yield element("p", "Written as ", element("code", ", ".join(content)), ".")
    described = next(iter(content.values()))
    names = list(_references(described["schema"]))
    if names:
        links = [element("a", name, href=f"#schema-{name}") for name in names]
        yield element("p", "Structure: ", joined(_with_commas(links)), ".")
    if "example" in described:
        yield element("pre", element("code", _written(described["example"])))


def _with_commas(parts: list[Markup]) -> Iterator[str]:
    for index, part in enumerate(parts):
        yield part if index == 0 else joined((", ", part))


def _references(schema: Any) -> Iterator[str]:
    match schema:
        case {"$ref": str() as reference}:
            yield reference.rsplit("/", 1)[1]
        case dict():
            for inner in schema.values():
                yield from _references(inner)
        case list():
            for inner in schema:
                yield from _references(inner)


def _written(example: Any) -> str:
    return example if isinstance(example, str) else json.dumps(example, indent=2, ensure_ascii=False)


def _schema(name: str, schema: Document) -> Markup:
    required = set(schema.get("required", ()))
    rows = (
        (
            element("code", field),
            _type_of(described),
            "yes" if field in required else "no",
            described.get("description", ""),
        )
        for field, described in schema.get("properties", {}).items()
    )
    return element(
        "section",
        element("h3", name),
        element("p", schema.get("description", "")),
        table(("field", "type", "needed", "meaning"), rows),
        id=f"schema-{name}",
    )


def _type_of(schema: Document) -> str:
    match schema:
        case {"$ref": str() as reference}:
            name = reference.rsplit("/", 1)[1]
            return element("a", name, href=f"#schema-{name}")
        case {"enum": list() as choices}:
            return f"one of {', '.join(str(choice) for choice in choices)}"
        case {"type": "array", "items": dict() as items}:
            return joined(("list of ", _type_of(items)))
        case {"type": "object", "additionalProperties": dict() as values}:
            return joined(("names with ", _type_of(values)))
        case {"anyOf": list() as options} | {"oneOf": list() as options}:
            return joined(_with_commas([joined((_type_of(option),)) for option in options]))
        case {"type": list() as types}:
            return " or ".join(types)
        case _:
            return str(schema.get("type", "anything"))
