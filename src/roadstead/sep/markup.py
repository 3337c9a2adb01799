"""HTML in a few functions: whatever is not markup already is escaped, and no page needs anything from outside."""

from __future__ import annotations

import base64
import hashlib
import html
from collections.abc import Iterable

STYLE = """
:root { color-scheme: light dark; --line: #8886; --soft: #8881; --accent: #1a5fb4; }
@media (prefers-color-scheme: dark) { :root { --accent: #8ab8f0; } }
* { box-sizing: border-box; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 0 auto; padding: 1rem 1rem 4rem; }
h1 { font-size: 1.7rem; } h2 { margin-top: 2.5rem; border-bottom: 1px solid var(--line); }
a { color: var(--accent); } nav li { margin: .15rem 0; }
code, pre { font: .9em/1.45 ui-monospace, monospace; }
pre { background: var(--soft); padding: .75rem; overflow-x: auto; border-radius: .4rem; }
code { overflow-wrap: anywhere; }
table { border-collapse: collapse; width: 100%; margin: .5rem 0; display: block; overflow-x: auto; }
th, td { border: 1px solid var(--line); padding: .3rem .5rem; text-align: left; vertical-align: top; }
th { background: var(--soft); }
section { margin: 1.5rem 0; } summary { cursor: pointer; }
.method { display: inline-block; min-width: 4.5rem; font-weight: 700; }
"""

POLICY = (
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; style-src 'sha256-"
    + base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
    + "'"
)
"""The Content-Security-Policy of every page: one style sheet, which is in the page, and nothing else."""


class Markup(str):
    """A text that is HTML already."""

    __slots__ = ()


def element(name: str, *children: str, **attributes: str) -> Markup:
    """Write an element; a trailing underscore of an attribute's name is dropped (`class_`)."""
    written = "".join(
        f' {key.rstrip("_")}="{html.escape(value, quote=True)}"' for key, value in attributes.items()
    )
    return Markup(f"<{name}{written}>{joined(children)}</{name}>")


def joined(parts: Iterable[str]) -> Markup:
    """Put parts together, escaping those that are plain text."""
    return Markup("".join(part if isinstance(part, Markup) else html.escape(part) for part in parts))


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> Markup:
    """Write a table."""
    heading = element("tr", *(element("th", cell, scope="col") for cell in head))
    body = (element("tr", *(element("td", cell) for cell in row)) for row in rows)
    return element("table", element("thead", heading), element("tbody", *body))


def page(title: str, *content: str) -> bytes:
    """Write a whole page."""
    head = element(
        "head",
        Markup('<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'),
        element("title", title),
        Markup(f"<style>{STYLE}</style>"),
    )
    body = element("body", element("main", element("h1", title), *content))
    return f"<!doctype html>{element('html', head, body, lang='en')}".encode()
