"""What the sandbox's processes are told: their environment variables, and the same as a file for people and scripts."""

from __future__ import annotations

import hashlib
import hmac
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from roadstead.config.anchor import Anchor
from roadstead.config.networks import Network
from roadstead.sandbox.files import write_private
from roadstead.sandbox.keys import Keys

ANCHOR_FILE_VARIABLE = "ROADSTEAD_ANCHOR_FILE"
DATABASE_URL_VARIABLE = "ROADSTEAD_DATABASE_URL"
EXAMPLE_ANCHOR_FILE = Path(__file__).with_name("anchor.toml")

_PREFIX = "ROADSTEAD_"
_PASSED_ON = (
    "ROADSTEAD_LOG_LEVEL",
    "ROADSTEAD_LOG_FORMAT",
    "ROADSTEAD_DEBUG",
    "ROADSTEAD_DATABASE_POOL_MAX",
    "ROADSTEAD_DATABASE_OWNER_URL",
)
"""The settings of Roadstead that a user may choose for a sandbox too; all others are the sandbox's to make."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Addresses:
    """Where the parts of a sandbox are."""

    api_port: int
    horizon: str
    bank: str
    database_url: str
    state_folder: Path
    verifier: str | None = None
    """The simulated verifier, where customers are verified."""

    @property
    def home_domain(self) -> str:
        """The domain under which the sandbox's anchor is found."""
        return f"localhost:{self.api_port}"

    @property
    def api(self) -> str:
        """The base URL of the anchor's API."""
        return f"http://{self.home_domain}"


def plain_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Return an environment without any variable of Roadstead's."""
    return {name: value for name, value in environ.items() if not name.startswith(_PREFIX)}


def anchor_file(environ: Mapping[str, str]) -> Path:
    """Return the `anchor.toml` in use: the user's own, when the environment names one, else the example."""
    named = environ.get(ANCHOR_FILE_VARIABLE)
    return Path(named).absolute() if named else EXAMPLE_ANCHOR_FILE


def server_settings(
    environ: Mapping[str, str], *, anchor: Anchor, keys: Keys, addresses: Addresses
) -> dict[str, str]:
    """Return every setting of the anchor in this sandbox, secrets included; internal ports are left to the system."""
    settings = {name: environ[name] for name in _PASSED_ON if environ.get(name)}
    settings |= {
        "ROADSTEAD_NETWORK": Network.SANDBOX.value,
        "ROADSTEAD_NETWORK_PASSPHRASE": keys.passphrase,
        "ROADSTEAD_HORIZON_URLS": addresses.horizon,
        ANCHOR_FILE_VARIABLE: str(anchor_file(environ)),
        "ROADSTEAD_HOME_DOMAIN": addresses.home_domain,
        "ROADSTEAD_PUBLIC_URL": addresses.api,
        "ROADSTEAD_SIGNING_SECRET": keys.signing_seed,
        "ROADSTEAD_DISTRIBUTION_ACCOUNT": keys.distribution_account,
        "ROADSTEAD_JWT_SECRET": keys.jwt_secret,
        "ROADSTEAD_DATA_KEY": keys.data_key,
        DATABASE_URL_VARIABLE: addresses.database_url,
        "ROADSTEAD_STATE_DIR": str(addresses.state_folder),
        "ROADSTEAD_API_PORT": str(addresses.api_port),
        "ROADSTEAD_INTERNAL_PORT": "0",
    }
    for terms in anchor.assets:
        settings[f"ROADSTEAD_ASSET_{terms.code.upper()}_ISSUER"] = keys.issuers[terms.code]
    for rail in anchor.rails:
        prefix = f"ROADSTEAD_RAIL_{rail.name.upper()}"
        settings |= {f"{prefix}_KIND": "simulated", f"{prefix}_URL": addresses.bank}
    if addresses.verifier is not None:
        settings["ROADSTEAD_KYC_VALIDATION"] = "on"
        for verifier in anchor.verifiers[1:]:
            settings[f"ROADSTEAD_VERIFIER_{verifier.name.upper()}_KIND"] = "manual"
        for verifier in anchor.verifiers[:1]:
            prefix = f"ROADSTEAD_VERIFIER_{verifier.name.upper()}"
            settings |= {
                f"{prefix}_KIND": "http",
                f"{prefix}_URL": f"{addresses.verifier}/{verifier.name}",
                f"{prefix}_SECRET": verifier_secret(keys),
            }
    return settings


def verifier_secret(keys: Keys) -> str:
    """Return the secret that the simulated verifier and the anchor share; it is made from one that is kept."""
    return hmac.new(keys.jwt_secret.encode(), b"simulated verifier", hashlib.sha256).hexdigest()


def write_environment_file(path: Path, settings: Mapping[str, str]) -> None:
    """Write settings so that a shell can read them (`set -a; . FILE`); only the owner may read the file."""
    lines = [f"{name}={shlex.quote(value)}" for name, value in settings.items()]
    write_private(path, "\n".join(lines) + "\n")
