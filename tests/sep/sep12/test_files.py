"""Documents (SEP-12 /customer/files, and files in PUT /customer)."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from tests.fixtures.asgi import Caller
from tests.fixtures.customers import CUSTOMER, PARTNER, SENDER, STRANGER, registered, rows
from tests.fixtures.documents import heic, jpeg, mp4, pdf, png, send_files

from roadstead.clock import ManualClock
from roadstead.config.anchor import Anchor, CustomerField, FieldKind
from roadstead.customers.files import open_file, purge_unused
from roadstead.customers.vault import Vault, WrappedKey
from roadstead.database.pool import Database
from roadstead.partners.subjects import encode_muxed
from roadstead.sep.application import build_application
from roadstead.sep.sep12 import ROUTES
from roadstead.sep.sep12_files import ROUTES as FILE_ROUTES
from roadstead.sep.services import Services

FILES = f"{CUSTOMER}/files"
FRONT = "photo_id_front"
STRANGE_ID = "3f1a1f0e-9d55-4a0a-8a53-0d5a6f9f2b11"


def asking_for_documents(anchor: Anchor) -> Anchor:
    """The same anchor, whose senders have to show their papers."""
    paper = CustomerField(name=FRONT, description="Front of the identity document", kind=FieldKind.BINARY)
    types = tuple(
        replace(kind, fields=(*kind.fields, paper)) if kind.name == "sep31-sender" else kind
        for kind in anchor.customer_types
    )
    return replace(anchor, customer_types=types)


@pytest.fixture
def services(services: Services) -> Services:
    configuration = services.configuration
    anchor = replace(
        asking_for_documents(configuration.anchor),
        limits=replace(
            configuration.anchor.limits, file_bytes_max=100_000, form_bytes_max=250_000, unused_files_max=5
        ),
    )
    return replace(services, configuration=replace(configuration, anchor=anchor))


@pytest.fixture
def partner(services: Services) -> Caller:
    return Caller(application=build_application((*ROUTES, *FILE_ROUTES), services), token=PARTNER)


async def uploaded(caller: Caller, content: bytes | None = None) -> str:
    reply = await send_files(caller, "POST", FILES, {}, file=content or png())
    assert reply.status == 200, reply.body
    return str(reply.json["file_id"])


async def document(services: Services, customer_id: str, field: str = FRONT) -> bytes:
    """What a verifier would see of a customer's document."""
    (row,) = await rows(
        services.database, "SELECT wrapped_key, key_version FROM customers WHERE id = $1", UUID(customer_id)
    )
    wrapped = WrappedKey(ciphertext=row["wrapped_key"], version=row["key_version"])
    key = await services.keys.unwrap(wrapped, customer_id=UUID(customer_id))
    async with services.database.connection() as connection:
        return (await open_file(connection, Vault(UUID(customer_id), key), UUID(customer_id), field)).content


class TestUploading:
    @pytest.mark.clause("SEP-12/files/post")
    @pytest.mark.parametrize(
        ("content", "media_type"),
        [(png(), "image/png"), (jpeg(), "image/jpeg"), (pdf(), "application/pdf"), (heic(), "image/heic")],
    )
    async def test_it_is_told_what_was_stored_and_until_when(
        self, partner: Caller, content: bytes, media_type: str
    ) -> None:
        reply = await send_files(partner, "POST", FILES, {}, file=content)

        assert reply.status == 200
        assert set(reply.json) == {"file_id", "content_type", "size", "expires_at"}
        assert reply.json["file_id"].startswith("file_")
        assert (reply.json["content_type"], reply.json["size"]) == (media_type, len(content))

    @pytest.mark.clause("SEP-12/files/content")
    async def test_nothing_of_it_can_be_read_in_the_database(
        self, partner: Caller, database: Database
    ) -> None:
        await uploaded(partner, png(text=b"Recognisable Remark"))

        (row,) = await rows(database, "SELECT * FROM customer_files")
        assert b"Recognisable" not in row["content"]
        assert row["customer_id"] is None

    @pytest.mark.clause("SEP-12/files/too-large")
    async def test_a_file_over_the_limit_is_413_and_names_its_field(
        self, partner: Caller, database: Database
    ) -> None:
        large = png(text=b"x" * 100_001)
        for reply in (
            await send_files(partner, "POST", FILES, {}, file=large),
            await send_files(partner, "PUT", CUSTOMER, SENDER, photo_id_front=large),
        ):
            assert reply.status == 413
            assert "is too large" in reply.error
        assert (await send_files(partner, "POST", FILES, {}, file=png(text=b"x" * 250_001))).status == 413
        assert await rows(database, "SELECT 1 FROM customer_files") == []
        assert await rows(database, "SELECT 1 FROM customers") == []

    async def test_other_bodies_keep_their_own_limit(self, partner: Caller) -> None:
        reply = await partner.send_json("PUT", CUSTOMER, {"first_name": "x" * 70_000})
        assert reply.status == 413

    @pytest.mark.clause("SEP-12/files/refused")
    @pytest.mark.parametrize(
        "file",
        [b"", b"not a picture", png()[:-4], (png(), "image/jpeg"), png(8, 8), b"\x89PNG\r\n\x1a\n"],
    )
    @pytest.mark.parametrize("field", ["file", FRONT])
    async def test_what_is_no_document_is_refused_by_its_field_and_nothing_is_stored(
        self, partner: Caller, database: Database, file: bytes | tuple[bytes, str], field: str
    ) -> None:
        method, path = ("POST", FILES) if field == "file" else ("PUT", CUSTOMER)
        reply = await send_files(partner, method, path, SENDER, **{field: file})

        assert reply.status == 400
        assert reply.error.startswith(f"'{field}' ")
        assert await rows(database, "SELECT 1 FROM customer_files UNION ALL SELECT 1 FROM customers") == []

    async def test_a_form_without_a_file_is_refused(self, partner: Caller) -> None:
        for reply in (
            await partner.send_multipart("POST", FILES, {"file": "text"}),
            await partner.send("POST", FILES),
            await partner.send_json("POST", FILES, {"file": "text"}),
        ):
            assert reply.status == 400
            assert reply.error

    async def test_an_account_stores_only_so_many_that_nobody_uses(self, partner: Caller) -> None:
        replies = await asyncio.gather(
            *(send_files(partner, "POST", FILES, {}, file=png()) for _ in range(8))
        )
        assert sorted(reply.status for reply in replies) == [200] * 5 + [429] * 3
        stranger = partner.with_token(STRANGER)
        assert await uploaded(stranger)


class TestTelling:
    @pytest.mark.clause("SEP-12/files/get")
    async def test_a_file_and_those_of_a_customer(self, partner: Caller) -> None:
        file_id = await uploaded(partner)
        assert [file["file_id"] for file in (await partner.get(FILES, file_id=file_id)).json["files"]] == [
            file_id
        ]

        customer_id = await registered(partner, {**SENDER, f"{FRONT}_file_id": file_id})

        for query in ({"file_id": file_id}, {"customer_id": customer_id}):
            (file,) = (await partner.get(FILES, **query)).json["files"]
            assert (file["file_id"], file["customer_id"]) == (file_id, customer_id)
            assert "expires_at" not in file

    @pytest.mark.clause("SEP-12/files/own")
    async def test_nobody_else_sees_it(self, partner: Caller) -> None:
        file_id = await uploaded(partner)
        customer_id = await registered(partner, SENDER)
        for caller, query in (
            (partner.with_token(STRANGER), {"file_id": file_id}),
            (partner.with_token(STRANGER), {"customer_id": customer_id}),
            (partner.with_token(encode_muxed(PARTNER, 5)), {"file_id": file_id}),
            (partner, {"file_id": f"file_{uuid4()}"}),
            (partner, {"file_id": "../../etc/passwd"}),
            (partner, {"file_id": file_id, "customer_id": customer_id}),
            (partner, {"customer_id": "no id"}),
        ):
            reply = await caller.get(FILES, **query)
            assert (reply.status, reply.json) == (200, {"files": []})

    async def test_one_of_the_two_has_to_be_named(self, partner: Caller) -> None:
        assert (await partner.get(FILES)).status == 400

    @pytest.mark.clause("SEP-12/files/never-served")
    async def test_no_endpoint_gives_a_document_out(self) -> None:
        media_types = {route.media_type for route in (*ROUTES, *FILE_ROUTES)}
        assert media_types == {"application/json"}


class TestInRegistrations:
    @pytest.mark.clause("SEP-12/put/binary")
    async def test_a_document_in_the_form_is_kept_with_the_customer_s_key(
        self, partner: Caller, services: Services
    ) -> None:
        await registered(partner, SENDER, type="sep31-sender")
        state = (await partner.get(CUSTOMER)).json
        assert (state["status"], list(state["fields"])) == ("NEEDS_INFO", [FRONT])
        assert state["fields"][FRONT]["type"] == "binary"

        reply = await send_files(partner, "PUT", CUSTOMER, {}, photo_id_front=(png(), "image/png"))

        assert reply.status == 202
        state = (await partner.get(CUSTOMER)).json
        assert state["status"] == "ACCEPTED"
        assert state["provided_fields"][FRONT]["status"] == "ACCEPTED"
        assert await document(services, reply.json["id"]) == png()

    async def test_a_new_customer_may_come_with_one(self, partner: Caller, services: Services) -> None:
        reply = await send_files(partner, "PUT", CUSTOMER, SENDER, photo_id_front=pdf())
        assert await document(services, reply.json["id"]) == pdf()

    @pytest.mark.clause("SEP-12/files/reference")
    async def test_a_file_uploaded_before_is_referred_to(self, partner: Caller, services: Services) -> None:
        file_id = await uploaded(partner, jpeg())
        fields = {**SENDER, f"{FRONT}_file_id": file_id}

        first = await registered(partner, fields, type="sep31-sender")
        again = await registered(partner, fields)

        assert first == again
        assert (await partner.get(CUSTOMER)).json["status"] == "ACCEPTED"
        assert await document(services, first) == jpeg()

    async def test_a_later_document_takes_the_place_of_the_earlier(
        self, partner: Caller, services: Services, database: Database
    ) -> None:
        customer_id = await registered(partner, {f"{FRONT}_file_id": await uploaded(partner)})
        await registered(partner, {f"{FRONT}_file_id": await uploaded(partner, pdf())})

        assert await document(services, customer_id) == pdf()
        assert len(await rows(database, "SELECT 1 FROM customer_files")) == 1

    async def test_a_file_is_used_once(self, partner: Caller) -> None:
        file_id = await uploaded(partner)
        await registered(partner, {f"{FRONT}_file_id": file_id}, memo="1")

        for named in (
            {"memo": "2", f"{FRONT}_file_id": file_id},
            {"memo": "1", "photo_id_back_file_id": file_id},
        ):
            reply = await partner.send_json("PUT", CUSTOMER, named)
            assert reply.status == 400
            assert "names no file that can be used" in reply.error

    async def test_two_registrations_at_once_share_no_file(self, partner: Caller, database: Database) -> None:
        file_id = await uploaded(partner)
        replies = await asyncio.gather(
            *(
                partner.send_json("PUT", CUSTOMER, {"memo": str(number), f"{FRONT}_file_id": file_id})
                for number in range(6)
            )
        )
        assert sorted(reply.status for reply in replies) == [202, 400, 400, 400, 400, 400]
        assert len(await rows(database, "SELECT 1 FROM customers")) == 1

    @pytest.mark.parametrize("text", ["file_x", "x", STRANGE_ID, f"file_{STRANGE_ID}"])
    async def test_what_is_no_file_is_refused(self, partner: Caller, text: str) -> None:
        reply = await partner.send_json("PUT", CUSTOMER, {f"{FRONT}_file_id": text})
        assert reply.status == 400
        assert f"'{FRONT}_file_id'" in reply.error

    async def test_somebody_else_s_file_is_refused(self, partner: Caller) -> None:
        file_id = await uploaded(partner.with_token(STRANGER))
        reply = await partner.send_json("PUT", CUSTOMER, {f"{FRONT}_file_id": file_id})
        assert reply.status == 400

    async def test_a_text_as_a_file_and_a_document_twice_are_refused(self, partner: Caller) -> None:
        refused: list[tuple[dict[str, str], dict[str, bytes]]] = [
            ({}, {"first_name": b"Ann"}),
            ({f"{FRONT}_file_id": await uploaded(partner)}, {FRONT: png()}),
            ({FRONT: "text"}, {FRONT: png()}),
            ({FRONT: "iVBORw0KGgo="}, {}),
        ]
        for fields, files in refused:
            reply = await send_files(partner, "PUT", CUSTOMER, fields, **files)
            assert reply.status == 400
            assert reply.error

    async def test_a_film_is_taken_for_liveness_and_refused_where_a_picture_belongs(
        self, partner: Caller, database: Database
    ) -> None:
        film = await uploaded(partner, mp4())
        for refused in (
            await send_files(partner, "PUT", CUSTOMER, SENDER, photo_id_front=mp4()),
            await partner.send_json("PUT", CUSTOMER, {**SENDER, f"{FRONT}_file_id": film}),
        ):
            assert refused.status == 400
            assert "is a film" in refused.error
        assert await rows(database, "SELECT 1 FROM customers") == []
        await registered(partner, {"proof_of_liveness_file_id": film})
        (row,) = await rows(database, "SELECT field FROM customer_files")
        assert row["field"] == "proof_of_liveness"

    async def test_files_of_unknown_names_are_ignored(self, partner: Caller, database: Database) -> None:
        reply = await send_files(partner, "PUT", CUSTOMER, SENDER, portrait=b"anything")
        assert reply.status == 202
        assert await rows(database, "SELECT 1 FROM customer_files") == []


class TestExpiring:
    @pytest.mark.clause("SEP-12/files/expiry")
    async def test_what_nobody_refers_to_is_deleted_and_the_rest_is_kept(
        self, services: Services, database: Database
    ) -> None:
        clock = ManualClock()
        services = replace(services, clock=clock)
        partner = Caller(application=build_application((*ROUTES, *FILE_ROUTES), services), token=PARTNER)
        kept, lost = await uploaded(partner), await uploaded(partner)
        customer_id = await registered(partner, {f"{FRONT}_file_id": kept})

        clock.advance(timedelta(seconds=86_399))
        assert await purge_unused(database, clock) == 0
        clock.advance(timedelta(seconds=1))
        refused = await partner.send_json("PUT", CUSTOMER, {"photo_id_back_file_id": lost})
        assert refused.status == 400
        assert await purge_unused(database, clock) == 1

        assert (await partner.get(FILES, file_id=lost)).json == {"files": []}
        assert await document(services, customer_id) == png()
