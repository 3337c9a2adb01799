"""What `roadstead send` refuses before it calls anybody."""

from __future__ import annotations

from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from roadstead.cli import send

SEED = "SAAACAQDAQCQMBYIBEFAWDANBYHRAEISCMKBKFQXDAMRUGY4DUPB6NKI"
NOBODY = ("--to", "localhost:1", "--amount", "10")


def run(*arguments: str, environ: dict[str, str] | None = None, typed: str | None = None) -> Result:
    app = typer.Typer(add_completion=False)
    send.register(app)
    cleared: dict[str, str | None] = {"ROADSTEAD_SENDER_SECRET": None, "ROADSTEAD_SENDER_SECRET_FILE": None}
    return CliRunner().invoke(app, list(arguments), env={**cleared, **(environ or {})}, input=typed)


class TestTheSecret:
    def test_is_asked_for_with_the_ways_to_give_it(self) -> None:
        result = run(*NOBODY)

        assert result.exit_code == 1
        assert "ROADSTEAD_SENDER_SECRET" in result.output
        assert "--secret-file" in result.output

    def test_is_refused_when_it_is_given_twice(self, tmp_path: Path) -> None:
        path = tmp_path / "seed"
        path.write_text(SEED)

        result = run(*NOBODY, "--secret-file", str(path), environ={"ROADSTEAD_SENDER_SECRET": SEED})

        assert result.exit_code == 1
        assert "needed, once" in result.output

    @pytest.mark.parametrize("wrong", ["S-not-a-seed", SEED[:-1] + "A", SEED.lower()])
    def test_is_not_repeated_when_it_is_wrong(self, wrong: str) -> None:
        result = run(*NOBODY, environ={"ROADSTEAD_SENDER_SECRET": wrong})

        assert result.exit_code == 1
        assert "not a Stellar secret seed" in result.output
        assert wrong not in result.output

    def test_can_come_from_standard_input(self) -> None:
        result = run(*NOBODY, "--secret-file", "-", typed=f"{SEED}\n")

        assert result.exit_code == 1
        assert "got no answer" in result.output
        assert SEED not in result.output

    def test_in_a_file_that_is_not_there_is_told_by_its_path(self, tmp_path: Path) -> None:
        result = run(*NOBODY, "--secret-file", str(tmp_path / "none"))

        assert result.exit_code == 1
        assert "cannot be read from" in result.output


class TestTheCustomersFields:
    def test_are_name_and_value(self) -> None:
        result = run(*NOBODY, "--sender", "first_name", environ={"ROADSTEAD_SENDER_SECRET": SEED})

        assert result.exit_code == 1
        assert "FIELD=VALUE" in result.output

    def test_may_name_a_document_which_has_to_be_there(self, tmp_path: Path) -> None:
        result = run(
            *NOBODY,
            *("--receiver", f"photo_id_front=@{tmp_path}/none.png"),
            environ={"ROADSTEAD_SENDER_SECRET": SEED},
        )

        assert result.exit_code == 1
        assert "none.png cannot be read" in result.output


class TestTheAmount:
    @pytest.mark.parametrize("amount", ["ten", "-1", "1e3", "1,000", "NaN", "0.0"])
    def test_is_a_plain_number(self, amount: str) -> None:
        result = run("--to", "localhost:1", "--amount", amount, environ={"ROADSTEAD_SENDER_SECRET": SEED})

        assert result.exit_code == 1
        assert "is not valid" in result.output or "is zero" in result.output
