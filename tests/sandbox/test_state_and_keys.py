from __future__ import annotations

import os
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from roadstead.config.generated import is_generated
from roadstead.errors import ConfigurationError
from roadstead.randomness import SystemRandomness
from roadstead.sandbox.keys import PARTNER_NAMES, KeyFile, make_keys, with_issuers, with_ports
from roadstead.sandbox.state import SWEEP_AGE_S, TEMPORARY_PREFIX, open_state, sweep

HOLDING = """
import pathlib, sys, time
from roadstead.sandbox.state import open_state
state = open_state(pathlib.Path(sys.argv[1]))
print("held", flush=True)
time.sleep(600)
"""


class TestTheStateFolder:
    def test_is_refused_to_a_second_sandbox_by_the_first_ones_process(self, tmp_path: Path) -> None:
        first = open_state(tmp_path / "state")

        with pytest.raises(ConfigurationError, match=rf"Another sandbox \(process {os.getpid()}\)"):
            open_state(tmp_path / "state")

        first.close()
        open_state(tmp_path / "state").close()

    def test_is_free_again_when_its_holder_was_killed(self, tmp_path: Path) -> None:
        holder = subprocess.Popen(
            [sys.executable, "-c", HOLDING, str(tmp_path)],
            stdout=subprocess.PIPE,
        )
        with holder:
            assert holder.stdout is not None
            assert holder.stdout.readline() == b"held\n"
            holder.kill()
            holder.wait()

            open_state(tmp_path).close()

    def test_that_was_named_is_kept(self, tmp_path: Path) -> None:
        state = open_state(tmp_path / "state")
        (state.folder / "ledger").write_text("kept")

        state.close()

        assert (tmp_path / "state" / "ledger").read_text() == "kept"

    def test_that_is_temporary_goes_at_the_end(self, tmp_path: Path) -> None:
        state = open_state(None, temporary_in=tmp_path)
        assert state.folder.is_dir()

        state.close()
        state.close()

        assert not state.folder.exists()

    def test_a_temporary_one_left_by_a_killed_sandbox_is_swept_away(self, tmp_path: Path) -> None:
        left, young, used = (tmp_path / f"{TEMPORARY_PREFIX}{name}" for name in ("left", "young", "used"))
        for folder in (left, young, used):
            folder.mkdir()
        holder = open_state(used)
        long_ago_s = time.time() - SWEEP_AGE_S - 1
        for folder in (left, used):
            os.utime(folder, (long_ago_s, long_ago_s))

        sweep(temporary_in=tmp_path)
        holder.close()

        assert {path.name for path in tmp_path.iterdir()} == {young.name, used.name}

    def test_a_file_in_its_place_is_refused_by_name(self, tmp_path: Path) -> None:
        blocked = tmp_path / "file"
        blocked.write_text("")

        with pytest.raises(ConfigurationError, match=r"state folder .*file.* cannot be used"):
            open_state(blocked / "state")


class TestTheKeys:
    def test_come_back_from_their_file_which_only_the_owner_reads(self, tmp_path: Path) -> None:
        keys = make_keys(SystemRandomness(), passphrase="Rehearsal ; 1")
        keys = with_ports(with_issuers(keys, SystemRandomness(), ["EURX", "USDC"]), {"api": 20_001})
        file = KeyFile(tmp_path)

        file.save(keys)

        assert file.load() == keys
        assert stat.S_IMODE(file.path.stat().st_mode) == 0o600

    def test_carry_the_mark_that_real_networks_refuse(self) -> None:
        keys = with_issuers(make_keys(SystemRandomness(), passphrase="x"), SystemRandomness(), ["EURX"])

        secrets = [
            *(keys.signing_seed, keys.distribution_seed, keys.jwt_secret, keys.data_key),
            *(*keys.issuer_seeds.values(), *keys.partner_seeds.values()),
        ]

        assert all(is_generated(secret) for secret in secrets)
        assert len(set(secrets)) == 4 + 1 + len(PARTNER_NAMES)

    def test_an_asset_that_was_there_keeps_its_issuer_when_another_joins(self) -> None:
        keys = with_issuers(make_keys(SystemRandomness(), passphrase="x"), SystemRandomness(), ["EURX"])

        more = with_issuers(keys, SystemRandomness(), ["EURX", "USDC"])

        assert more.issuer_seeds["EURX"] == keys.issuer_seeds["EURX"]
        assert set(more.issuers) == {"EURX", "USDC"}

    def test_a_damaged_file_is_named_and_not_replaced(self, tmp_path: Path) -> None:
        file = KeyFile(tmp_path)
        file.path.write_text('{"passphrase": ')

        with pytest.raises(ConfigurationError, match=r"sandbox\.json is damaged"):
            file.load()

        assert file.path.read_text() == '{"passphrase": '
