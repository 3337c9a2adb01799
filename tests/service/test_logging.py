"""What a process writes to its log: one readable line an event, and never a secret."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roadstead.service.logging import mask

SEED = "SAAZI4TCR3TY5OJHCTJC2A4QSY6CJWJH5IAJTGKIN2ER7LBNVKOCCWN7"
TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJHQUJDIn0.c2lnbmF0dXJl"

PROGRAM = """
import asyncio, logging, sys, warnings
import structlog
from roadstead.service.logging import configure_logging
early = structlog.get_logger()
configure_logging(level="info", log_format=sys.argv[1], role="worker", version="1.2.3")
log = structlog.get_logger()
"""


def logged(program: str, log_format: str = "json") -> list[str]:
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM + program, log_format],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert ran.stdout == ""
    return ran.stderr.splitlines()


def entries(program: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in logged(program)]


class TestJson:
    def test_a_line_says_when_who_what(self) -> None:
        (entry,) = entries("log.info('payments_stored', count=2)")
        assert entry.pop("timestamp").endswith("Z")
        assert entry == {
            "level": "info",
            "role": "worker",
            "version": "1.2.3",
            "event": "payments_stored",
            "count": 2,
        }

    def test_what_is_less_severe_than_the_level_is_not_written(self) -> None:
        assert [entry["event"] for entry in entries("log.debug('a'); log.error('b')")] == ["b"]

    def test_a_logger_made_before_the_configuration_follows_it(self) -> None:
        assert [entry["event"] for entry in entries("early.info('a')")] == ["a"]

    def test_an_exception_is_one_line_without_the_row_that_postgresql_quotes(self) -> None:
        (entry,) = entries(
            "try:\n    raise ValueError('refused\\nDETAIL:  Failing row contains (Jane Doe).\\nHINT: no')\n"
            "except ValueError:\n    log.exception('failed')"
        )
        assert "Traceback" in entry["exception"]
        assert "HINT: no" in entry["exception"]
        assert "Jane" not in entry["exception"]

    def test_values_that_are_no_json_are_written_all_the_same(self) -> None:
        (first, second) = entries(
            "log.info('a', value={1, 2}, other=object); log.info('b', value='\\ud800', itself=[])"
        )
        assert first["event"] == "a"
        assert "b" in json.dumps(second)

    def test_libraries_and_warnings_go_the_same_way(self) -> None:
        found = entries(
            "logging.getLogger('uvicorn.error').info('Started %s', 'server')\n"
            "logging.getLogger('asyncio').error('Task exception')\n"
            "logging.getLogger('uvicorn.access').info('GET /')\n"
            "logging.getLogger('some.library').error('%d', 'no number')\n"
            "warnings.warn('old')"
        )
        assert [(entry["event"].split("\n")[0], entry["logger"]) for entry in found[:3]] == [
            ("Started server", "uvicorn.error"),
            ("Task exception", "asyncio"),
            ("log_record_malformed", "some.library"),
        ]
        assert found[3]["logger"] == "py.warnings"

    def test_nobody_reading_stops_nobody(self) -> None:
        assert logged("import os; os.close(2); log.info('a'); os._exit(0)") == []


class TestText:
    def test_a_line_for_people(self) -> None:
        (line,) = logged("log.warning('horizon_away', attempts=3)", "text")
        assert "warning" in line
        assert "[worker] horizon_away" in line
        assert "attempts=3" in line


class TestMask:
    @pytest.mark.parametrize(
        "program",
        [
            f"log.info('key is {SEED}')",
            f"log.info('a', secret='{SEED}')",
            f"log.info('a', inner={{'list': ['x {SEED}.']}})",
            f"log.info('a', text='line\\n{SEED}')",
            f"log.info('a', text='control \\x01{SEED}')",
            f"log.info('a', token='{TOKEN}')",
            "log.info('a', header='Authorization: Bearer 0123456789abcdef')",
            "log.info('a', url='postgresql://app:hunter2@db/x')",
            f"logging.getLogger('aiohttp').error('sent {TOKEN}')",
            f"try:\n    raise ValueError('{SEED}')\nexcept ValueError:\n    log.exception('failed')",
        ],
    )
    @pytest.mark.parametrize("log_format", ["json", "text"])
    def test_what_looks_like_a_secret_is_masked_wherever_it_stands(
        self, program: str, log_format: str
    ) -> None:
        written = "\n".join(logged(program, log_format))
        assert "[masked]" in written
        for secret in (SEED, TOKEN, TOKEN.rpartition(".")[2], "0123456789abcdef", "hunter2"):
            assert secret not in written

    @pytest.mark.parametrize(
        "harmless",
        [
            "G" + "S" * 55,
            "M" + "S" * 68,
            "f" * 64,
            "https://horizon.example:8000/accounts?cursor=1",
            "/sep31/transactions/6b1c6f0e",
            "bearer",
        ],
    )
    def test_addresses_hashes_and_urls_stay_readable(self, harmless: str) -> None:
        assert mask(harmless.encode()) == harmless.encode()

    @given(st.text())
    def test_a_line_stays_json_whatever_is_masked(self, text: str) -> None:
        line = json.dumps({"a": text, "b": f"{text} {SEED} Bearer {text}x", "c": f"x://u:{text}@h"}).encode()
        assert set(json.loads(mask(line))) == {"a", "b", "c"}
