"""Forms with files that nobody honest would send, in every encoding: refused with a reason, and nothing is stored."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.fixtures.asgi import Caller, Reply
from tests.fixtures.customers import CUSTOMER, PARTNER, RECEIVER, SENDER, rows
from tests.fixtures.documents import heic, jpeg, mp4, multipart, pdf, png

from roadstead.database.pool import Database
from roadstead.sep.application import build_application
from roadstead.sep.sep12 import ROUTES
from roadstead.sep.sep12_changes import ROUTES as MORE_ROUTES
from roadstead.sep.sep12_files import ROUTES as FILE_ROUTES
from roadstead.sep.services import Services

HOSTILE = settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
FIELDS = st.sampled_from(
    [
        "photo_id_front",
        "proof_of_liveness",
        "organization.photo_proof_address",
        "first_name",
        "file",
        "memo",
        "id",
        "type",
        "photo_id_front_file_id",
        "photo_id_front_verification",
        "email_address_verification",
        "x",
        "",
    ]
)
SOUND = st.sampled_from([png(), jpeg(), pdf(), heic(), mp4()])
CONTENT = (
    st.binary(max_size=200)
    | SOUND
    | st.builds(lambda content, kept: content[: kept % len(content)], SOUND, st.integers(0, 10_000))
    | st.builds(lambda head, tail: head[:16] + tail, SOUND, st.binary(max_size=100))
)
LABELS = st.none() | st.sampled_from(
    ["image/png", "image/jpeg", "application/pdf", "text/html", "\u00e9/;=,"]
)
TARGETS = st.sampled_from([("PUT", CUSTOMER), ("POST", f"{CUSTOMER}/files"), ("PUT", f"{CUSTOMER}/callback")])


@pytest.fixture
def partner(services: Services) -> Caller:
    routes = (*ROUTES, *MORE_ROUTES, *FILE_ROUTES)
    return Caller(application=build_application(routes, services), token=PARTNER)


def answers_properly(reply: Reply) -> bool:
    """It was done, or refused with a reason; never our fault."""
    if reply.status in (200, 202):
        return isinstance(reply.json, dict)
    return reply.status in (400, 403, 404, 413, 429) and bool(reply.error)


class TestHostileForms:
    @HOSTILE
    @given(
        target=TARGETS,
        texts=st.dictionaries(
            FIELDS, st.text(st.characters(codec="utf-8", exclude_characters='"\r\n'), max_size=40), max_size=4
        ),
        files=st.dictionaries(FIELDS, st.tuples(CONTENT, LABELS), max_size=3),
    )
    async def test_any_form_is_answered_properly(
        self,
        partner: Caller,
        database: Database,
        target: tuple[str, str],
        texts: dict[str, str],
        files: dict[str, tuple[bytes, str | None]],
    ) -> None:
        before = await rows(database, "SELECT count(*) FROM customer_files")

        reply = await partner.send(
            *target, body=multipart(texts, files), content_type="multipart/form-data; boundary=border"
        )

        assert answers_properly(reply), reply
        if reply.status >= 400:
            assert await rows(database, "SELECT count(*) FROM customer_files") == before

    @HOSTILE
    @given(
        head=st.binary(max_size=60),
        body=st.binary(max_size=200),
        boundary=st.sampled_from(["border", "b" * 70, "b" * 2000, "", '"', "é"]),
    )
    async def test_any_bytes_of_a_form_are_answered_properly(
        self, partner: Caller, head: bytes, body: bytes, boundary: str
    ) -> None:
        content = (
            b'--border\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n'
            + head
            + b"\r\n\r\n"
            + body
        )
        for path in (CUSTOMER, f"{CUSTOMER}/files"):
            reply = await partner.send(
                "PUT" if path == CUSTOMER else "POST",
                path,
                body=content,
                content_type=f"multipart/form-data; boundary={boundary}",
            )
            assert answers_properly(reply), reply

    @HOSTILE
    @given(
        fields=st.dictionaries(
            FIELDS, st.text(max_size=30) | st.integers() | st.booleans() | st.none(), max_size=5
        ),
        path=st.sampled_from([CUSTOMER, f"{CUSTOMER}/verification", f"{CUSTOMER}/callback"]),
    )
    async def test_any_code_or_reference_is_answered_properly(
        self, partner: Caller, fields: dict[str, object], path: str
    ) -> None:
        assert answers_properly(await partner.send_json("PUT", path, fields))

    async def test_base64_as_a_transfer_encoding_is_decoded_or_refused(self, partner: Caller) -> None:
        body = (
            b'--b\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n'
            b"Content-Transfer-Encoding: base64\r\n\r\nnot=base64!\r\n--b--\r\n"
        )
        reply = await partner.send(
            "POST", f"{CUSTOMER}/files", body=body, content_type="multipart/form-data; boundary=b"
        )
        assert answers_properly(reply)


class TestAtOnce:
    async def test_many_registrations_of_one_customer_at_once_leave_one_whole_customer(
        self, partner: Caller, database: Database
    ) -> None:
        replies = await asyncio.gather(
            *(
                partner.send(
                    "PUT",
                    CUSTOMER,
                    body=multipart({**SENDER, **RECEIVER}, {"photo_id_front": (png(64 + number, 64), None)}),
                    content_type="multipart/form-data; boundary=border",
                )
                for number in range(10)
            )
        )

        assert {reply.status for reply in replies} == {202}
        assert len({reply.json["id"] for reply in replies}) == 1
        assert len(await rows(database, "SELECT 1 FROM customers")) == 1
        assert len(await rows(database, "SELECT 1 FROM customer_files")) == 1
        check = """
            SELECT 1 FROM customer_files AS f WHERE NOT EXISTS
                (SELECT FROM customer_fields WHERE customer_id = f.customer_id AND name = f.field)"""
        assert await rows(database, check) == []
