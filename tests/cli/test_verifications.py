"""Looking at a customer's documents at a terminal: what is listed, who may fetch one, and what is left behind."""

from __future__ import annotations

import asyncio
import base64
import stat
from pathlib import Path
from typing import Any

import pytest
from tests.fixtures.customers import PARTNER, SENDER
from tests.fixtures.documents import png
from tests.fixtures.environment import ANCHOR_FILE
from tests.fixtures.terminal import Terminal

from roadstead.clock import SystemClock
from roadstead.config import examples
from roadstead.config.anchor_file import load_anchor
from roadstead.customers.identity import Reference
from roadstead.customers.registry import CustomerRegistry
from roadstead.customers.submissions import SentFile
from roadstead.customers.vault import LocalKeyProvider
from roadstead.database.pool import open_database
from roadstead.partners.principal import Principal
from roadstead.randomness import SystemRandomness

FRONT = "photo_id_front"
PHOTO = png(text=b"Recognisable Remark")
ASKS = f"""
[[customer_types.fields]]
name = "{FRONT}"
description = "Front of the identity document"

"""
SECOND = base64.b64encode(bytes(range(40, 72))).decode()


class Desk(Terminal):
    """A terminal of an anchor whose senders have to show their papers."""

    anchor_file: Path = ANCHOR_FILE

    def types(self, person: str | None, *words: str, **environment: str) -> Any:
        return super().types(
            person, *words, **{"ROADSTEAD_ANCHOR_FILE": str(self.anchor_file), **environment}
        )

    def case_with_photo(self) -> str:
        """Register a customer with a photo, as a partner does, and return the id of the case."""

        async def register() -> None:
            database = await open_database(self.database_url, application="tests", connections_max=2)
            try:
                registry = CustomerRegistry(
                    anchor=load_anchor(self.anchor_file),
                    database=database,
                    keys=LocalKeyProvider(base64.b64decode(examples.DATA_KEY)),
                    clock=SystemClock(),
                    randomness=SystemRandomness(),
                    verified_types=frozenset({"sep31-sender"}),
                )
                await registry.register(
                    Principal(account=PARTNER),
                    Reference(memo="1", type="sep31-sender"),
                    SENDER,
                    {FRONT: SentFile(content=PHOTO)},
                )
            finally:
                await database.close()

        asyncio.run(register())
        ((case_id,),) = self.fetch("SELECT id::text FROM verification_cases")
        return str(case_id)

    def audited(self) -> list[tuple[object, ...]]:
        return self.fetch(
            "SELECT action, detail->>'field', detail->>'reason' FROM audit_log WHERE action LIKE 'verification.%'"
        )


@pytest.fixture
def desk(database_url: str, tmp_path: Path) -> Desk:
    made = Desk(database_url)
    made.anchor_file = tmp_path / "anchor.toml"
    before = '[[customer_types]]\nname = "sep31-receiver"\n'
    text = ANCHOR_FILE.read_text(encoding="utf-8")
    assert before in text
    made.anchor_file.write_text(text.replace(before, ASKS + before, 1), encoding="utf-8")
    made.lets_in("ada", "administrator", by=None)
    for name, role in (("vic", "viewer"), ("olga", "operator")):
        made.lets_in(name, role, by="ada")
    return made


def fetch(case_id: str, to: Path, *, field: str = FRONT) -> tuple[str, ...]:
    return ("verifications", "fetch", case_id, field, "--to", str(to), "--reason", "to compare the faces")


class TestDocuments:
    def test_are_listed_by_field_type_and_size(self, desk: Desk) -> None:
        case_id = desk.case_with_photo()
        assert desk.json(None, "verifications", "documents", case_id) == [
            {"field": FRONT, "media_type": "image/png", "size_bytes": len(PHOTO)}
        ]
        assert FRONT in desk.types(None, "verifications", "documents", case_id).output
        assert desk.audited() == []

    def test_one_is_fetched_to_a_file_that_nobody_else_reads_and_that_is_kept(
        self, desk: Desk, tmp_path: Path
    ) -> None:
        case_id, to = desk.case_with_photo(), tmp_path / "photo.png"
        result = desk.types("olga", *fetch(case_id, to))
        assert result.exit_code == 0, result.output
        assert to.read_bytes() == PHOTO
        assert stat.S_IMODE(to.stat().st_mode) == 0o600
        assert "Recognisable" not in result.output
        assert desk.audited() == [("verification.document_fetched", FRONT, "to compare the faces")]

    @pytest.mark.parametrize(("person", "field"), [("vic", FRONT), (None, FRONT), ("olga", "photo_id_back")])
    def test_who_may_not_or_names_none_gets_no_file_and_is_not_written_down(
        self, desk: Desk, tmp_path: Path, person: str | None, field: str
    ) -> None:
        case_id, to = desk.case_with_photo(), tmp_path / "photo.png"
        result = desk.types(person, *fetch(case_id, to, field=field))
        assert result.exit_code == 1
        assert not to.exists()
        assert desk.audited() == []

    def test_a_file_that_is_there_stays_as_it_is(self, desk: Desk, tmp_path: Path) -> None:
        case_id, to = desk.case_with_photo(), tmp_path / "photo.png"
        to.write_bytes(b"something else")
        result = desk.types("olga", *fetch(case_id, to))
        assert result.exit_code == 1
        assert "cannot be made" in result.output
        assert to.read_bytes() == b"something else"
        assert desk.audited() == []

    def test_are_read_after_the_master_key_was_changed_and_so_are_the_data(
        self, desk: Desk, tmp_path: Path
    ) -> None:
        case_id, to = desk.case_with_photo(), tmp_path / "photo.png"
        keys = {
            "ROADSTEAD_DATA_KEY": SECOND,
            "ROADSTEAD_DATA_KEY_VERSION": "2",
            "ROADSTEAD_DATA_KEY_PREVIOUS": examples.DATA_KEY,
        }
        assert desk.types("ada", "customers", "rotate-keys", **keys).exit_code == 0
        assert desk.types("olga", *fetch(case_id, to), **keys).exit_code == 0
        assert to.read_bytes() == PHOTO
        shown = desk.types("olga", "verifications", "reveal", case_id, "--reason", "To look", **keys)
        assert SENDER["first_name"] in shown.output
        assert "file_" not in shown.output
