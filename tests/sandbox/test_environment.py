from __future__ import annotations

import shlex
import stat
from pathlib import Path

import pytest

from roadstead.config.anchor_file import load_anchor
from roadstead.config.load import load_configuration
from roadstead.errors import ConfigurationError
from roadstead.randomness import SystemRandomness
from roadstead.sandbox.environment import (
    EXAMPLE_ANCHOR_FILE,
    Addresses,
    plain_environment,
    server_settings,
    write_environment_file,
)
from roadstead.sandbox.keys import Keys, make_keys, with_issuers


@pytest.fixture
def keys() -> Keys:
    return with_issuers(
        make_keys(SystemRandomness(), passphrase="Rehearsal ; 1"), SystemRandomness(), ["EURX", "USDC"]
    )


def settings_of(keys: Keys, folder: Path, **environ: str) -> dict[str, str]:
    addresses = Addresses(
        api_port=20_001,
        horizon="http://127.0.0.1:20002",
        bank="http://127.0.0.1:20003",
        database_url="postgresql://roadstead:secret@127.0.0.1:20004/roadstead",
        state_folder=folder,
    )
    return server_settings(environ, anchor=load_anchor(EXAMPLE_ANCHOR_FILE), keys=keys, addresses=addresses)


class TestTheServersSettings:
    def test_are_a_configuration_that_the_server_starts_with(self, keys: Keys, tmp_path: Path) -> None:
        configuration = load_configuration(settings_of(keys, tmp_path))

        assert configuration.settings.home_domain == "localhost:20001"
        assert configuration.settings.network_passphrase == "Rehearsal ; 1"
        assert {asset.code: asset.issuer for asset in configuration.assets} == keys.issuers
        assert {rail.url for rail in configuration.rails} == {"http://127.0.0.1:20003"}

    def test_would_not_start_where_money_is_real(self, keys: Keys, tmp_path: Path) -> None:
        settings = settings_of(keys, tmp_path) | {"ROADSTEAD_NETWORK": "mainnet"}

        with pytest.raises(ConfigurationError, match="generated for a sandbox"):
            load_configuration(settings)

    def test_take_over_what_a_user_may_choose_and_nothing_else(self, keys: Keys, tmp_path: Path) -> None:
        settings = settings_of(
            keys,
            tmp_path,
            ROADSTEAD_LOG_LEVEL="debug",
            ROADSTEAD_NETWORK="mainnet",
            ROADSTEAD_SENDER_SECRET="S",
        )

        assert settings["ROADSTEAD_LOG_LEVEL"] == "debug"
        assert settings["ROADSTEAD_NETWORK"] == "sandbox"
        assert "ROADSTEAD_SENDER_SECRET" not in settings

    def test_leave_none_of_the_users_own_to_the_other_processes(self) -> None:
        assert plain_environment({"PATH": "/bin", "ROADSTEAD_SENDER_SECRET": "S"}) == {"PATH": "/bin"}


class TestTheEnvironmentFile:
    def test_can_be_read_by_a_shell_and_by_its_owner_alone(self, tmp_path: Path) -> None:
        path = tmp_path / "environment"

        write_environment_file(path, {"ROADSTEAD_NETWORK_PASSPHRASE": "It's ; $HOME"})

        assert shlex.split(path.read_text()) == ["ROADSTEAD_NETWORK_PASSPHRASE=It's ; $HOME"]
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
