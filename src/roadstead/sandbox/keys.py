"""What a sandbox keeps from one start to the next: its keys, its ports and the name of its network."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec

from roadstead.config.generated import generate_data_key, generate_seed, generate_text_secret
from roadstead.config.strkey import public_key_of
from roadstead.errors import ConfigurationError
from roadstead.randomness import Randomness
from roadstead.sandbox.files import write_private

FILE_NAME = "sandbox.json"
PARTNER_NAMES = ("Harbour Remit", "Lighthouse Transfers")
"""The sending anchors that the sandbox's anchor has agreed with; the first is the one that examples use."""


class Keys(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The secrets and choices of one sandbox. Every secret carries the mark by which real networks refuse it."""

    passphrase: str
    signing_seed: str
    distribution_seed: str
    issuer_seeds: dict[str, str]
    """Seeds of the issuing accounts by asset code."""
    partner_seeds: dict[str, str]
    """Seeds of the partners by name, in the order of `PARTNER_NAMES`."""
    jwt_secret: str
    data_key: str
    ports: dict[str, int]
    """Ports by what listens on them."""

    @property
    def issuers(self) -> dict[str, str]:
        """The issuing accounts G... by asset code."""
        return {code: public_key_of(seed) for code, seed in self.issuer_seeds.items()}

    @property
    def distribution_account(self) -> str:
        """The account G... that receives payments."""
        return public_key_of(self.distribution_seed)

    @property
    def signing_key(self) -> str:
        """The public key G... of challenges and callbacks."""
        return public_key_of(self.signing_seed)


class KeyFile:
    """The file in the state folder that holds the keys; only its owner may read it."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE_NAME

    def load(self) -> Keys | None:
        """Return what an earlier start kept, or None before the first.

        Raises:
            ConfigurationError: The file is there and cannot be used.
        """
        try:
            return msgspec.json.decode(self.path.read_bytes(), type=Keys)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise ConfigurationError(
                f"{self.path} cannot be read ({error.strerror}): start as its owner."
            ) from error
        except msgspec.MsgspecError as error:
            raise ConfigurationError(
                f"{self.path} is damaged ({error}): restore it from a copy, or choose another state folder."
            ) from error

    def save(self, keys: Keys) -> None:
        """Keep the keys, in one step."""
        write_private(self.path, msgspec.json.format(msgspec.json.encode(keys)).decode() + "\n")


def make_keys(randomness: Randomness, *, passphrase: str) -> Keys:
    """Make the keys of a new sandbox, yet without assets and ports."""
    return Keys(
        passphrase=passphrase,
        signing_seed=generate_seed(randomness),
        distribution_seed=generate_seed(randomness),
        issuer_seeds={},
        partner_seeds={name: generate_seed(randomness) for name in PARTNER_NAMES},
        jwt_secret=generate_text_secret(randomness),
        data_key=generate_data_key(randomness),
        ports={},
    )


def with_issuers(keys: Keys, randomness: Randomness, codes: Iterable[str]) -> Keys:
    """Return the keys with an issuing account for each asset code that had none."""
    missing = {code: generate_seed(randomness) for code in codes if code not in keys.issuer_seeds}
    return msgspec.structs.replace(keys, issuer_seeds={**keys.issuer_seeds, **missing})


def with_ports(keys: Keys, ports: Mapping[str, int]) -> Keys:
    """Return the keys with these ports beside those that were kept."""
    return msgspec.structs.replace(keys, ports={**keys.ports, **ports})
