"""What the rest of the code calls a connection and a row."""

from __future__ import annotations

from typing import TypeAlias

import asyncpg
from asyncpg.pool import PoolConnectionProxy

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record] | PoolConnectionProxy[asyncpg.Record]"
"""A connection inside a transaction, or outside one where a function says so."""

Row: TypeAlias = asyncpg.Record
