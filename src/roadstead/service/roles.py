"""The names of the roles that the server has."""

from __future__ import annotations

from enum import StrEnum


class Role(StrEnum):
    """The roles of the server. Any number of each may run on one database."""

    API = "api"
    OBSERVER = "observer"
    WORKER = "worker"
    SCHEDULER = "scheduler"
