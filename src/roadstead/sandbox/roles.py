"""The processes of a sandbox: what runs, with what, and how each tells that it is ready.

`base` is the environment that all of them share, without any variable of Roadstead's.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

from roadstead.sandbox.keys import Keys
from roadstead.sandbox.ports import LOOPBACK
from roadstead.sandbox.probes import answers_ok, says
from roadstead.sandbox.supervisor import Role
from roadstead.sandbox.verifier.process import SECRET_VARIABLE

DATABASE = "database"
NETWORK = "network"
BANK = "bank"
VERIFIER = "verifier"
OBSERVER = "observer"
WORKER = "worker"
SERVER_ROLES = ("api", OBSERVER, WORKER, "scheduler")

PURPOSES = {
    "api": "the API (--api-port)",
    NETWORK: "the Stellar network (--stellar-port)",
    BANK: "the bank (--bank-port)",
    DATABASE: "the database",
    VERIFIER: "the simulated verifier",
    **{f"{role}-internal": f"health and metrics of the {role}" for role in SERVER_ROLES},
}
"""Every port of a sandbox, with what it is for."""

DATABASE_URL_BEGINNING = "postgresql://"
_SERVER_STAGE = 1
_DATABASE_STOP_S = 30.0
_DATABASE_READY_S = 180.0


def local_url(port: int) -> str:
    """Return the base URL of a server on this machine."""
    return f"http://{LOOPBACK}:{port}"


def database_role(base: Mapping[str, str], *, state_folder: Path, keys: Keys) -> Role:
    """Describe the embedded PostgreSQL; when it is ready, its log tells the URL."""
    port = str(keys.ports[DATABASE])
    return Role(
        name=DATABASE,
        command=_python("roadstead.database.embedded", "--state", str(state_folder), "--port", port),
        environment=base,
        probe=says(DATABASE_URL_BEGINNING),
        ready_within_s=_DATABASE_READY_S,
        stop_within_s=_DATABASE_STOP_S,
    )


def network_role(base: Mapping[str, str], *, state_folder: Path, keys: Keys, close: str) -> Role:
    """Describe the offline Stellar network."""
    port = keys.ports[NETWORK]
    return Role(
        name=NETWORK,
        command=_python(
            "roadstead.sandbox.network",
            *("--port", str(port), "--state", str(state_folder / NETWORK)),
            *("--passphrase", keys.passphrase, "--close", close),
        ),
        environment=base,
        probe=answers_ok(f"{local_url(port)}/"),
    )


def bank_role(base: Mapping[str, str], *, state_folder: Path, keys: Keys) -> Role:
    """Describe the simulated bank."""
    port = keys.ports[BANK]
    return Role(
        name=BANK,
        command=_python("roadstead.sandbox.bank", "--port", str(port), "--state", str(state_folder / BANK)),
        environment=base,
        probe=answers_ok(f"{local_url(port)}/health"),
    )


def verifier_role(
    base: Mapping[str, str], *, state_folder: Path, keys: Keys, secret: str, notify: str
) -> Role:
    """Describe the simulated provider that verifies customers."""
    port = keys.ports[VERIFIER]
    return Role(
        name=VERIFIER,
        command=_python(
            "roadstead.sandbox.verifier",
            *("--port", str(port), "--state", str(state_folder / VERIFIER), "--notify", notify),
        ),
        environment={**base, SECRET_VARIABLE: secret},
        probe=answers_ok(f"{local_url(port)}/health"),
    )


def server_role(name: str, base: Mapping[str, str], *, keys: Keys, settings: Mapping[str, str]) -> Role:
    """Describe one of the anchor's own processes; the worker alone holds the key to the money."""
    port = keys.ports[f"{name}-internal"]
    own = {"ROADSTEAD_DISTRIBUTION_SECRET": keys.distribution_seed} if name == WORKER else {}
    return Role(
        name=name,
        command=_python("roadstead", "serve", name),
        environment={**base, **settings, **own, "ROADSTEAD_INTERNAL_PORT": str(port)},
        probe=answers_ok(f"{local_url(port)}/ready"),
        stage=_SERVER_STAGE,
    )


def _python(module: str, *arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-m", module, *arguments)
