"""Boundaries: the moments around every commit and every effect on the outside, where a crash shows what it can break.

The code names each such moment by calling `boundary`. Nothing happens there, unless a test program has installed a
watcher before it started the server: one that counts, or one that kills the process. No setting, file or request can
install one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

Watcher = Callable[[str], None]
"""Hears the name of every boundary as it is passed; it may raise, and it need not return."""

_watchers: list[Watcher] = []


def boundary(name: str) -> None:
    """Pass a boundary: `<effect>.before` just before something cannot be taken back, `<effect>.after` just after it.

    The name is a stable literal. Costs less than a tenth of a microsecond when nobody watches.
    """
    for watcher in _watchers:
        watcher(name)


def is_watched() -> bool:
    """Whether anybody watches, so that what only a watcher wants to know is not found out for nobody."""
    return bool(_watchers)


@contextmanager
def watched_by(watcher: Watcher) -> Iterator[None]:
    """Let a test's watcher hear of every boundary while the block runs. The product never calls this."""
    _watchers.append(watcher)
    try:
        yield
    finally:
        _watchers.remove(watcher)
