"""Bodies and queries that nobody honest would send: refused with a reason, never our fault."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.fixtures.asgi import Caller, Reply
from tests.fixtures.customers import (
    CUSTOMER,
    RECEIVER,
    SENDER,
)

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=10,
)
NAMES = st.sampled_from(
    [
        *SENDER,
        *RECEIVER,
        "id",
        "memo",
        "memo_type",
        "account",
        "type",
        "transaction_id",
        "birth_date",
        "address",
    ]
)
HOSTILE = settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def answers_properly(reply: Reply) -> bool:
    """A registration that worked, or a refusal that says why; never our fault."""
    if reply.status == 202:
        return set(reply.json) == {"id"}
    return reply.status in (400, 403, 404) and bool(reply.error)


class TestHostileBodies:
    @HOSTILE
    @given(content=JSON_VALUES)
    async def test_any_json_is_answered_properly(self, partner: Caller, content: object) -> None:
        assert answers_properly(await partner.send_json("PUT", CUSTOMER, content))

    @HOSTILE
    @given(content=st.dictionaries(NAMES, st.text(max_size=60) | JSON_VALUES, max_size=5))
    async def test_any_value_of_a_known_field_is_answered_properly(
        self, partner: Caller, content: dict[str, object]
    ) -> None:
        assert answers_properly(await partner.send_json("PUT", CUSTOMER, content))

    @HOSTILE
    @given(
        body=st.binary(max_size=300),
        content_type=st.sampled_from(
            [
                "application/json",
                "application/json; charset=utf-16",
                "application/x-www-form-urlencoded",
                "multipart/form-data; boundary=border",
                "multipart/form-data; boundary=",
                "multipart/form-data",
                "text/plain",
                "",
            ]
        ),
    )
    async def test_any_bytes_are_answered_properly(
        self, partner: Caller, body: bytes, content_type: str
    ) -> None:
        assert answers_properly(await partner.send("PUT", CUSTOMER, body=body, content_type=content_type))

    @HOSTILE
    @given(
        head=st.text(st.characters(codec="latin-1"), max_size=80),
        value=st.binary(max_size=80),
    )
    async def test_any_part_of_a_multipart_form_is_answered_properly(
        self, partner: Caller, head: str, value: bytes
    ) -> None:
        body = b"".join((b"--b\r\n", head.encode("latin-1"), b"\r\n\r\n", value, b"\r\n--b--\r\n"))

        reply = await partner.send("PUT", CUSTOMER, body=body, content_type="multipart/form-data; boundary=b")

        assert answers_properly(reply)

    @HOSTILE
    @given(query=st.dictionaries(NAMES, st.text(max_size=60), max_size=5))
    async def test_any_query_is_answered_properly(self, partner: Caller, query: dict[str, str]) -> None:
        reply = await partner.send("GET", CUSTOMER, query=query)

        assert reply.status in (200, 400, 403, 404)

    @pytest.mark.parametrize(
        "body",
        [
            b"[]",
            b'"text"',
            b"null",
            b"{",
            b'{"first_name": {"nested": "Ann"}}',
            b'{"first_name": ["Ann"]}',
            b'{"first_name": 1.5}',
            b'{"occupation": ' + b"9" * 5000 + b"}",
            b'{"occupation": 1e999}',
            b'{"occupation": NaN}',
            b'{"first_name": "\xff"}',
            b'{"first_name": "\\ud800"}',
            b"[" * 60_000,
            b'{"a":' * 10_000,
            json.dumps({"unknown": "x" * 10, "first_name": "x" * 201}).encode(),
        ],
    )
    async def test_what_is_no_customer_is_refused(self, partner: Caller, body: bytes) -> None:
        reply = await partner.send("PUT", CUSTOMER, body=body, content_type="application/json")

        assert reply.status == 400
        assert reply.error
