"""Every boundary that the code has, read from the code itself."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from tests.tidy.tree import Module, modules

from roadstead.database.watching import OPENERS

_OUTSIDE = ("sandbox/", "database/")
"""The sandbox is no part of the product; the pool and the migrations have no caller whose name could be taken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A place that opens a transaction or borrows a connection, by the name that its commits have."""

    name: str
    where: str


def commit_sites() -> list[Site]:
    """List every place of the product that commits, or might."""
    return [site for module in _product() for site in sites_in(module)]


def effects() -> frozenset[str]:
    """Name every boundary that is written into the product: those around effects on the outside."""
    return frozenset(
        str(node.args[0].value)
        for module in _product()
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "boundary"
        and node.args
        and isinstance(node.args[0], ast.Constant)
    )


def unseen(module: Module) -> Iterator[str]:
    """List what could commit past the boundaries: connections of one's own, and transactions outside of any."""
    for node in ast.walk(module.tree):
        match node:
            case ast.Attribute(value=ast.Name(id="asyncpg"), attr="connect" | "create_pool"):
                yield f"{module.path}:{node.lineno} opens connections of its own: use open_database"
            case ast.Call(func=ast.Attribute(attr="acquire", value=pool)) if _last_word(pool).endswith(
                "pool"
            ):
                yield f"{module.path}:{node.lineno} takes a connection of a pool past Database"
            case ast.Call(func=ast.Attribute(attr="transaction", value=opener)) if not _last_word(
                opener
            ).endswith(("database", "connection", "history", "network")):
                yield f"{module.path}:{node.lineno} opens a transaction on what is not called a database"


def sites_in(module: Module) -> Iterator[Site]:
    """List the places of one module."""
    prefix = module.name.removeprefix("roadstead.")
    opened: defaultdict[tuple[ast.AST, ...], dict[int, bool]] = defaultdict(dict)
    for node, scope in _with_scopes(module.tree, ()):
        if isinstance(node, ast.Attribute) and node.attr in OPENERS and node.end_lineno is not None:
            is_database = _last_word(node.value).endswith("database")
            opened[scope][node.end_lineno] = opened[scope].get(node.end_lineno, False) or is_database
    for scope, lines in opened.items():
        for number, (line, is_database) in enumerate(sorted(lines.items()), start=1):
            if is_database:
                name = f"{prefix}.{_qualified(scope)}" + (f".{number}" if number > 1 else "")
                yield Site(name=name, where=f"{module.path}:{line}")


def _product() -> list[Module]:
    return [module for module in modules() if not module.path.startswith(_OUTSIDE)]


def _with_scopes(node: ast.AST, scope: tuple[ast.AST, ...]) -> Iterator[tuple[ast.AST, tuple[ast.AST, ...]]]:
    for child in ast.iter_child_nodes(node):
        yield child, scope
        is_scope = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        yield from _with_scopes(child, (*scope, child) if is_scope else scope)


def _qualified(scope: tuple[ast.AST, ...]) -> str:
    """Write a scope as Python writes a qualified name."""
    parts: list[str] = []
    for place, node in enumerate(scope):
        assert isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        parts.append(node.name)
        if not isinstance(node, ast.ClassDef) and place < len(scope) - 1:
            parts.append("<locals>")
    return ".".join(parts)


def _last_word(node: ast.expr) -> str:
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case _:
            return ""
