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


class TestAServer:
    @pytest.mark.parametrize("words", [["serve"], ["serve", "api"], ["serve", "api", "worker"]])
    def test_starts_without_what_reads_the_arguments_of_commands(self, words: list[str]) -> None:
        """It does not start here, because nothing is configured; what it loads until then stays with it."""
        program = (
            f"import sys; sys.argv[1:] = {words}; from roadstead.cli import main\n"
            "try:\n    main()\nexcept SystemExit as end:\n    print(end.code, 'pydantic' in sys.modules)"
        )
        ended = subprocess.run(
            [sys.executable, "-c", program],
            capture_output=True,
            check=True,
            text=True,
            timeout=60,
            env={"HOME": "/home/operator"},
        )

        assert ended.stdout.split() == ["2", "False"]
        assert "ROADSTEAD_NETWORK" in ended.stderr

    @pytest.mark.parametrize("words", [["serve", "nonsense"], ["serve", "--nonsense"]])
    def test_is_not_started_by_what_names_no_role(self, words: list[str]) -> None:
        ended = subprocess.run(
            [sys.executable, "-m", "roadstead", *words],
            capture_output=True,
            check=False,
            text=True,
            timeout=60,
        )

        assert ended.returncode == 2
        assert "nonsense" in ended.stderr
