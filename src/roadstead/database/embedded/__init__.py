"""PostgreSQL without an installation: for trying things out, for tests, and for small anchors."""

from __future__ import annotations

from roadstead.database.embedded.binaries import Binaries, find_binaries
from roadstead.database.embedded.locks import InUse
from roadstead.database.embedded.server import EmbeddedPostgres

__all__ = ["Binaries", "EmbeddedPostgres", "InUse", "find_binaries"]
