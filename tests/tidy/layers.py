"""The layers of the house and the arrows between its modules."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter

from tests.tidy.tree import Module

LAYERS: tuple[frozenset[str], ...] = (
    frozenset({"money", "clock", "errors", "randomness", "boundaries", "messages"}),
    frozenset({"config"}),
    frozenset({"database", "stellar", "rails"}),
    frozenset({"ledger", "envelopes"}),
    frozenset({"partners", "customers", "quotes"}),
    frozenset({"screening"}),
    frozenset({"payments", "remittances", "batches"}),
    frozenset({"payouts", "refunds", "verification"}),
    frozenset({"treasury", "recovery", "statements"}),
    frozenset({"service"}),
    frozenset({"sep", "console", "launch", "contract"}),
    frozenset({"sandbox"}),
    frozenset({"cli", "__main__"}),
)
"""From the ground up. A part may import what is below its own layer, and its own layer unless that is shut."""

SHUT = frozenset({"database", "stellar", "rails"})
"""Parts of one layer that know nothing of each other."""

BESIDE = frozenset({"operations", "callbacks"})
"""Parts that stand beside the domain: they use the edges and any part of the domain uses them, or the other way."""

DOMAIN = frozenset().union(*LAYERS[3:9])
MAY_IMPORT_SANDBOX = frozenset({"cli"})
_LEVELS = {part: level for level, layer in enumerate(LAYERS) for part in layer}


def imports(module: Module, names: frozenset[str]) -> Iterator[tuple[str, int]]:
    """Yield the modules of ours that a module imports anywhere in it, each with its line."""
    for node in ast.walk(module.tree):
        match node:
            case ast.Import():
                yield from ((alias.name, node.lineno) for alias in node.names if alias.name in names)
            case ast.ImportFrom():
                base = _absolute(module, node)
                for alias in node.names:
                    target = f"{base}.{alias.name}"
                    if target in names or base in names:
                        yield target if target in names else base, node.lineno


def _absolute(module: Module, node: ast.ImportFrom) -> str:
    if not node.level:
        return node.module or ""
    parts = module.name.split(".")
    kept = parts[: len(parts) - node.level + module.is_package]
    return ".".join([*kept, *([node.module] if node.module else [])])


def part_of(name: str) -> str:
    """Return the part of the house that a module belongs to: the second word of its name."""
    return name.split(".")[1] if "." in name else ""


def wrong_arrows(modules: tuple[Module, ...]) -> list[str]:
    """List imports that run upwards, sideways where that is shut, or into the sandbox."""
    names = frozenset(module.name for module in modules)
    return [
        f"{module.path}:{line} imports {target}: {reason}"
        for module in modules
        for target, line in imports(module, names)
        if (reason := _wrong(part_of(module.name), part_of(target)))
    ]


def _wrong(source: str, target: str) -> str:
    if not target or source == target:
        return ""
    for part in (source, target):
        if part not in _LEVELS and part not in BESIDE:
            return f"{part or 'the root'} has no place in the layers"
    if target == "sandbox":
        return "" if source in MAY_IMPORT_SANDBOX else "only the command line may know the sandbox"
    if source in BESIDE or target in BESIDE:
        return _wrong_beside(source, target)
    if _LEVELS[target] > _LEVELS[source]:
        return f"{source} is below {target}"
    if _LEVELS[target] == _LEVELS[source] and source in SHUT:
        return f"{source} and {target} know nothing of each other"
    return ""


def _wrong_beside(source: str, target: str) -> str:
    if {source, target} <= BESIDE | DOMAIN:
        return ""
    if source in BESIDE and _LEVELS[target] < min(_LEVELS[part] for part in DOMAIN):
        return ""
    if target in BESIDE and _LEVELS[source] > max(_LEVELS[part] for part in DOMAIN):
        return ""
    return f"{source} is below {target}"


def circle(graph: Mapping[str, set[str]]) -> list[str]:
    """Return one circle of a graph, or nothing when it has none."""
    try:
        tuple(TopologicalSorter(graph).static_order())
    except CycleError as error:
        found: list[str] = error.args[1]
        return found
    return []


def module_graph(modules: tuple[Module, ...]) -> dict[str, set[str]]:
    """Map each module to those it imports; a package that names its own modules does not import itself."""
    names = frozenset(module.name for module in modules)
    return {module.name: {name for name, _ in imports(module, names)} - {module.name} for module in modules}


def part_graph(modules: tuple[Module, ...]) -> dict[str, set[str]]:
    """Map each part of the house to those it imports."""
    graph: dict[str, set[str]] = {}
    for name, targets in module_graph(modules).items():
        graph.setdefault(part_of(name), set()).update(part_of(target) for target in targets)
    return {part: targets - {part} for part, targets in graph.items()}
