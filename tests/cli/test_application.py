"""How the commands are put together: all of them, or only those that were asked for."""

from __future__ import annotations

import subprocess
import sys

import pytest
from typer.main import get_group

from roadstead.cli import application

WORDS = sorted(get_group(application()).commands)


class TestThePartThatIsPutTogether:
    @pytest.mark.parametrize("word", WORDS)
    def test_has_the_command_that_was_asked_for(self, word: str) -> None:
        assert word in get_group(application(word)).commands

    @pytest.mark.parametrize("word", ["nonsense", "--help", ""])
    def test_is_all_where_nothing_was_asked_for_that_exists(self, word: str) -> None:
        assert sorted(get_group(application(word)).commands) == WORDS

    def test_leaves_the_other_commands_out(self) -> None:
        program = (
            "import sys; from roadstead.cli import application; application('serve'); print(*sys.modules)"
        )
        ended = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, check=True, text=True, timeout=60
        )
        loaded = {name for name in ended.stdout.split() if name.startswith("roadstead.cli.")}

        assert "roadstead.cli.serve" in loaded
        assert "roadstead.cli.holds" not in loaded
