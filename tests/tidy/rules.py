"""Rules of this repository that no general linter knows: each looks at one module and lists its violations."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator

from tests.tidy.tree import Module

MODULE_LINES_MAX = 400
FUNCTION_LINES_MAX = 70
LONG_MODULES: frozenset[str] = frozenset()
"""Modules that are one table or the SQL of one part, and may be longer."""
LONG_FUNCTIONS = frozenset({"cli/send.py:send"})
"""Functions that are one table (of a command's options) or one statement of SQL, as `path:name`."""

_MONEY = ("money.py", "ledger/", "payouts/", "remittances/", "quotes/", "refunds/", "treasury/")
_TELLS_TIME = ("clock.py", "sandbox/", "database/embedded/home.py")
"""The sandbox keeps its network's time; the embedded database names a folder by the time it was set aside."""
_READS_ENVIRONMENT = (
    "cli/",
    "service/lifeline.py",
    "database/embedded/",
    "sandbox/bank/process.py",
    "sandbox/network/process.py",
    "sandbox/verifier/process.py",
    "sandbox/options.py",
)
"""Where processes start; the configuration itself is handed the environment as a mapping."""
_KNOWS_NETWORKS = ("config/networks.py",)
_NETWORK_NAMES = frozenset({"sandbox", "testnet", "mainnet", "pubnet", "futurenet"})
_NETWORK_MEMBERS = frozenset({"SANDBOX", "TESTNET", "MAINNET"})
_NOW = frozenset({"now", "utcnow", "today", "fromtimestamp", "utcfromtimestamp"})
_NAIVE_BY_NATURE = frozenset({"utcnow", "today", "utcfromtimestamp"})

Rule = Callable[[Module], Iterator[str]]


def no_floats_near_money(module: Module) -> Iterator[str]:
    """Money is whole units or Decimal: no float literal, no `float(...)` where it is counted."""
    if not module.path.startswith(_MONEY):
        return
    for node in ast.walk(module.tree):
        match node:
            case ast.Constant(value=float()):
                yield f"{node.lineno}: the float {node.value!r} stands near money; use int or Decimal"
            case ast.Call(func=ast.Name(id="float")):
                yield f"{node.lineno}: float(...) stands near money; use int or Decimal"


def no_naive_moments(module: Module) -> Iterator[str]:
    """Every moment carries its time zone."""
    for node in ast.walk(module.tree):
        match node:
            case ast.Call(func=ast.Attribute(attr=name)) if name in _NAIVE_BY_NATURE and _is_datetime(
                node.func
            ):
                yield f"{node.lineno}: {name}() has no time zone"
            case ast.Call(func=ast.Attribute(attr="now"), args=[], keywords=[]) if _is_datetime(node.func):
                yield f"{node.lineno}: now() has no time zone"
            case ast.Call(func=ast.Attribute(attr="fromtimestamp"), args=[_], keywords=[]) if _is_datetime(
                node.func
            ):
                yield f"{node.lineno}: fromtimestamp() has no time zone"


def time_is_injected(module: Module) -> Iterator[str]:
    """Nobody but the clock asks the system for the time of day."""
    if module.path.startswith(_TELLS_TIME):
        return
    for node in ast.walk(module.tree):
        match node:
            case ast.Call(func=ast.Attribute(attr="now" | "utcnow" | "today")) if _is_datetime(node.func):
                yield f"{node.lineno}: the time is asked of the system; take a Clock"
            case ast.Call(func=ast.Attribute(value=ast.Name(id="time"), attr="time" | "time_ns")):
                yield f"{node.lineno}: the time is asked of the system; take a Clock"


def no_assertions(module: Module) -> Iterator[str]:
    """What must hold raises: `python -O` removes assertions."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Assert):
            yield f"{node.lineno}: assert disappears with python -O; raise an error of the tree"


def environment_is_read_at_the_door(module: Module) -> Iterator[str]:
    """Settings are read once, where a process starts."""
    if module.path.startswith(_READS_ENVIRONMENT):
        return
    for node in ast.walk(module.tree):
        match node:
            case ast.Attribute(value=ast.Name(id="os"), attr="environ" | "environb" | "getenv" | "putenv"):
                yield f"{node.lineno}: the environment is touched here; take the value as an argument"
            case ast.ImportFrom(module="os", names=names) if {"environ", "getenv"} & {
                name.name for name in names
            }:
                yield f"{node.lineno}: the environment is touched here; take the value as an argument"


def boundaries_are_named(module: Module) -> Iterator[str]:
    """A boundary has a literal name, so that a test can list them all; watching them is for test programs."""
    if module.path in ("boundaries.py", "database/watching.py"):
        return
    for node in ast.walk(module.tree):
        match node:
            case ast.Call(func=ast.Name(id="boundary"), args=[ast.Constant(value=str() as name)]):
                if not name.endswith((".before", ".after")):
                    yield f"{node.lineno}: the boundary {name} is neither before nor after something"
            case ast.Call(func=ast.Name(id="boundary")):
                yield f"{node.lineno}: a boundary has no literal name"
            case ast.ImportFrom(names=names) if any(alias.name == "watched_by" for alias in names):
                yield f"{node.lineno}: only a test program watches boundaries"


def modules_are_short(module: Module) -> Iterator[str]:
    """A module fits into a head."""
    lines = len(module.text.splitlines())
    if lines > MODULE_LINES_MAX and module.path not in LONG_MODULES:
        yield f"{lines}: the module has {lines} lines, more than {MODULE_LINES_MAX}; split it by what it does"


def functions_are_short(module: Module) -> Iterator[str]:
    """A function fits on a screen."""
    for name, line, lines in functions(module):
        if lines > FUNCTION_LINES_MAX and f"{module.path}:{name}" not in LONG_FUNCTIONS:
            yield f"{line}: {name} has {lines} lines, more than {FUNCTION_LINES_MAX}"


def functions(module: Module) -> Iterator[tuple[str, int, int]]:
    """Yield each function's name, its first line and its number of lines."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name, node.lineno, (node.end_lineno or node.lineno) - node.lineno + 1


def networks_are_not_told_apart(module: Module) -> Iterator[str]:
    """What a network allows is asked of its profile; its name decides nothing."""
    if module.path.startswith(_KNOWS_NETWORKS):
        return
    for node in ast.walk(module.tree):
        match node:
            case ast.Compare(left=left, comparators=comparators):
                operands = [left, *comparators]
            case ast.MatchValue(value=value):
                operands = [value]
            case _:
                continue
        if any(_names_network(operand) for operand in operands):
            yield f"{node.lineno}: a network is told by its name; ask its profile"


def _names_network(node: ast.expr) -> bool:
    match node:
        case ast.Constant(value=str() as text):
            return text in _NETWORK_NAMES
        case ast.Attribute(value=ast.Name(id="Network") | ast.Attribute(attr="Network"), attr=name):
            return name in _NETWORK_MEMBERS
        case ast.Tuple(elts=elements) | ast.List(elts=elements) | ast.Set(elts=elements):
            return any(_names_network(element) for element in elements)
        case _:
            return False


def _is_datetime(node: ast.expr) -> bool:
    match node:
        case ast.Attribute(value=ast.Name(id="datetime" | "date" | "dt"), attr=name):
            return name in _NOW
        case ast.Attribute(value=ast.Attribute(attr="datetime" | "date"), attr=name):
            return name in _NOW
        case _:
            return False


RULES: tuple[Rule, ...] = (
    no_floats_near_money,
    no_naive_moments,
    time_is_injected,
    no_assertions,
    environment_is_read_at_the_door,
    boundaries_are_named,
    modules_are_short,
    functions_are_short,
    networks_are_not_told_apart,
)
