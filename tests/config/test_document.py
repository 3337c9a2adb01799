"""The page about the configuration is written by the configuration itself."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from roadstead.config.definitions import all_definitions
from roadstead.config.document import page
from roadstead.config.examples import EXAMPLE_VALUES
from roadstead.config.strkey import is_public_key, is_seed

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "configuration.md"
STRKEY = re.compile(r"\b[SG][A-Z2-7]{55}\b")


class TestThePage:
    def test_the_page_in_the_tree_is_up_to_date(self) -> None:
        written = subprocess.run(
            [sys.executable, "-m", "roadstead.config.document"], check=True, capture_output=True, timeout=60
        ).stdout.decode()

        assert written == PAGE.read_text(), "Run `make docs`."

    def test_every_setting_is_on_the_page(self) -> None:
        text = page()

        for definition in all_definitions():
            assert f"| `{definition.variable}` |" in text

    def test_every_key_that_is_printed_for_people_is_a_known_example(self) -> None:
        printed = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md"), *(ROOT / "examples").rglob("*.*")]
        printed = [path for path in printed if path.is_file() and path.suffix != ".pyc"]
        keys = {key for path in printed for key in STRKEY.findall(path.read_text())}
        real = {key for key in keys if is_seed(key) or is_public_key(key)}

        assert {key for key in real if is_seed(key)} <= EXAMPLE_VALUES
        assert real & EXAMPLE_VALUES
