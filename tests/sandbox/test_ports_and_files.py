from __future__ import annotations

import json
import socket
import stat
from pathlib import Path

import pytest

from roadstead.errors import ConfigurationError
from roadstead.sandbox.ports import LOOPBACK, choose_free, is_free, require_free
from roadstead.sandbox.ready import ReadyFile


class TestPorts:
    def test_a_chosen_port_is_free_and_not_among_those_taken(self) -> None:
        first = choose_free(taken=())
        second = choose_free(taken={first})

        assert is_free(first)
        assert first != second

    def test_a_port_somebody_listens_on_is_refused_by_its_number_and_purpose(self) -> None:
        with socket.socket() as other:
            other.bind((LOOPBACK, 0))
            other.listen()
            port = other.getsockname()[1]

            assert not is_free(port)
            with pytest.raises(
                ConfigurationError, match=rf"Port {port} for the API .* Choose another by --api-port"
            ):
                require_free(port, purpose="the API", remedy="Choose another by --api-port.")


class TestTheReadyFile:
    def test_is_complete_json_that_only_its_owner_can_read(self, tmp_path: Path) -> None:
        path = tmp_path / "new" / "ready.json"

        ReadyFile(path).write({"api": "http://127.0.0.1:1"})

        assert json.loads(path.read_text()) == {"api": "http://127.0.0.1:1"}
        assert stat.S_IMODE(path.stat().st_mode) == 0o600

    def test_is_made_private_even_where_an_open_file_was_left(self, tmp_path: Path) -> None:
        path = tmp_path / "ready.json"
        for old in (path, tmp_path / ".ready.json.new"):
            old.write_text("old")
            old.chmod(0o644)

        ReadyFile(path).write({})

        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert sorted(file.name for file in tmp_path.iterdir()) == ["ready.json"]

    def test_can_be_removed_twice(self, tmp_path: Path) -> None:
        path = tmp_path / "ready.json"
        path.write_text("stale")
        ready = ReadyFile(path)

        ready.remove()
        ready.remove()

        assert not path.exists()

    def test_a_path_that_cannot_be_written_is_refused_by_name(self, tmp_path: Path) -> None:
        blocked = tmp_path / "file"
        blocked.write_text("")

        ready = ReadyFile(blocked / "ready.json")

        for attempt in (ready.prepare, lambda: ready.write({})):
            with pytest.raises(ConfigurationError, match=r"ready\.json cannot be written"):
                attempt()

    def test_a_stale_one_goes_when_the_next_is_prepared(self, tmp_path: Path) -> None:
        path = tmp_path / "ready.json"
        path.write_text("stale")

        ReadyFile(path).prepare()

        assert list(tmp_path.iterdir()) == []

    def test_a_folder_in_its_place_is_refused_and_kept(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigurationError, match="cannot be removed"):
            ReadyFile(tmp_path).remove()

        assert tmp_path.is_dir()
