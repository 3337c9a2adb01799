from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
import requests

TIMEOUT_S = 20
HELLO = b'retry: 1000\nevent: open\ndata: "hello"\n\n'
BYEBYE = b'retry: 10\nevent: close\ndata: "byebye"\n\n'
STREAM = {"Accept": "text/event-stream"}


@pytest.fixture
def url(start: Callable[..., Any]) -> str:
    return str(start("--close", "manual").url)


def close(url: str, count: int = 1) -> None:
    requests.post(f"{url}/sandbox/ledgers", json={"count": count}, timeout=TIMEOUT_S)


class TestFrames:
    def test_a_stream_says_hello_sends_ids_and_says_byebye_at_its_limit(self, url: str) -> None:
        close(url, 3)
        answer = requests.get(f"{url}/ledgers?cursor=0&limit=2", headers=STREAM, timeout=TIMEOUT_S)
        assert answer.headers["Content-Type"] == "text/event-stream; charset=utf-8"
        assert answer.headers["Cache-Control"] == "no-cache"
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert answer.content.startswith(HELLO + b'id: 8589934592\ndata: {"_links":')
        assert answer.content.endswith(b"}\n\n" + BYEBYE)
        assert answer.content.count(b"\nid: ") == 2

    def test_the_last_event_id_is_stronger_than_the_cursor(self, url: str) -> None:
        close(url, 3)
        answer = requests.get(
            f"{url}/ledgers?cursor=now&limit=1",
            headers={**STREAM, "Last-Event-ID": str(3 << 32)},
            timeout=TIMEOUT_S,
        )
        assert f"id: {4 << 32}\n".encode() in answer.content

    def test_a_new_record_is_pushed_when_its_ledger_closes(self, url: str) -> None:
        with requests.get(
            f"{url}/ledgers?cursor=now&limit=1", headers=STREAM, stream=True, timeout=TIMEOUT_S
        ) as answer:
            lines = answer.iter_lines()
            assert next(lines) == b"retry: 1000"
            closing = threading.Thread(target=close, args=(url,))
            closing.start()
            assert f"id: {3 << 32}".encode() in list(lines)
            closing.join()

    @pytest.mark.parametrize("path", ["/fee_stats", "/ledgers/2", "/paths", "/assets"])
    def test_what_is_not_a_list_of_events_is_not_acceptable_as_one(self, url: str, path: str) -> None:
        answer = requests.get(f"{url}{path}", headers=STREAM, timeout=TIMEOUT_S)
        assert answer.status_code == 406
        assert answer.json()["type"].endswith("not_acceptable")
