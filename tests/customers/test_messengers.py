"""The messengers that come with the server, and which one a configuration opens."""

from __future__ import annotations

import base64
import hashlib
import ssl
from pathlib import Path

import pytest
from tests.config.conftest import mainnet, sandbox
from tests.fixtures.environment import ANCHOR_FILE
from tests.fixtures.mail_server import mail_serving

from roadstead.clock import ManualClock
from roadstead.config import examples
from roadstead.config.confirmable import MessageChannel
from roadstead.config.effective import Configuration
from roadstead.config.load import load_configuration
from roadstead.customers.messages import CodeMessage, Messenger, NotSent
from roadstead.customers.messengers import (
    FileMessenger,
    MailMessenger,
    messages_path,
    open_messenger,
    read_messages,
)
from roadstead.errors import ConfigurationError
from roadstead.operations.mail import MailServer

__all__ = ["mainnet", "sandbox"]

MESSAGE = CodeMessage(
    id="7",
    channel=MessageChannel.EMAIL,
    address="ann@example.com",
    subject="Your code for Example",
    text="Your code is 123456.",
    language="en",
)


def own_messenger(configuration: Configuration) -> Messenger:
    """An integrator's own, as far as a configuration is concerned."""
    return FileMessenger(messages_path(configuration), ManualClock())


@pytest.fixture
def confirming(tmp_path: Path) -> Path:
    """An anchor.toml in which senders confirm their email address."""
    path = tmp_path / "anchor.toml"
    asked = 'name = "email_address"\n'
    path.write_text(ANCHOR_FILE.read_text().replace(asked, f"{asked}confirm = true\n"))
    return path


def mailing(port: int) -> MailMessenger:
    server = MailServer(host="127.0.0.1", port=port, tls_at_once=False, user=None, password=None)
    return MailMessenger(
        server=server,
        sender="no-reply@anchor.example",
        own_name="anchor.example",
        clock=ManualClock(),
        tls=ssl.create_default_context(),
    )


class TestMail:
    async def test_a_code_goes_to_its_customer_alone(self) -> None:
        async with mail_serving() as server:
            await mailing(server.port).send(MESSAGE)
        (mail,) = server.mails
        assert (mail.sender, mail.recipients) == ("no-reply@anchor.example", ("ann@example.com",))
        assert mail.text.strip() == "Your code is 123456."
        assert mail.message["Auto-Submitted"] == "auto-generated"

    @pytest.mark.parametrize("command", ["MAIL", "RCPT", "DATA"])
    async def test_what_the_server_does_not_take_is_not_sent_and_no_address_is_told(
        self, command: str
    ) -> None:
        async with mail_serving(answers={command: "550 no ann@example.com here"}) as server:
            with pytest.raises(NotSent) as refused:
                await mailing(server.port).send(MESSAGE)
        assert "ann@" not in refused.value.message

    async def test_nobody_there_and_no_telephone_are_not_sent(self) -> None:
        with pytest.raises(NotSent):
            await mailing(1).send(MESSAGE)
        phone = CodeMessage(
            id="8",
            channel=MessageChannel.PHONE,
            address="+4930123456",
            subject="",
            text="",
            language="en",
        )
        with pytest.raises(NotSent):
            await mailing(1).send(phone)


class TestAFile:
    async def test_it_is_for_its_owner_alone(self, tmp_path: Path) -> None:
        path = tmp_path / "state" / "messages.jsonl"
        assert read_messages(path) == []
        for _ in range(2):
            await FileMessenger(path, ManualClock()).send(MESSAGE)
        assert [line.address for line in read_messages(path)] == ["ann@example.com"] * 2
        assert path.stat().st_mode & 0o077 == 0

    async def test_what_cannot_be_written_is_not_sent(self, tmp_path: Path) -> None:
        with pytest.raises(NotSent):
            await FileMessenger(tmp_path, ManualClock()).send(MESSAGE)


class TestOpening:
    def test_none_is_needed_where_nothing_is_confirmed(self, sandbox: dict[str, str]) -> None:
        assert open_messenger(load_configuration(sandbox), ManualClock()) is None

    def test_a_sandbox_writes_into_a_file(self, sandbox: dict[str, str], confirming: Path) -> None:
        configuration = load_configuration(sandbox | {"ROADSTEAD_ANCHOR_FILE": str(confirming)})
        assert isinstance(open_messenger(configuration, ManualClock()), FileMessenger)

    def test_where_money_is_real_it_has_to_be_said_and_to_reach_somebody(
        self, mainnet: dict[str, str], confirming: Path
    ) -> None:
        given = mainnet | {"ROADSTEAD_ANCHOR_FILE": str(confirming)}
        for kind in ({}, {"ROADSTEAD_MESSENGER_KIND": "file"}, {"ROADSTEAD_MESSENGER_KIND": "smtp"}):
            with pytest.raises(ConfigurationError, match="ROADSTEAD_"):
                load_configuration(given | kind)
        mail = {
            "ROADSTEAD_MESSENGER_KIND": "smtp",
            "ROADSTEAD_SMTP_URL": "smtp://user:word@mail.bank.example:587",
            "ROADSTEAD_ALERT_EMAIL_FROM": "roadstead@bank.example",
            "ROADSTEAD_ALERT_EMAIL_TO": "on-call@bank.example",
        }
        assert isinstance(open_messenger(load_configuration(given | mail), ManualClock()), MailMessenger)

    def test_mail_reaches_no_telephone(self, sandbox: dict[str, str], tmp_path: Path) -> None:
        path = tmp_path / "anchor.toml"
        asked = 'name = "mobile_number"\n'
        path.write_text(ANCHOR_FILE.read_text().replace(asked, f"{asked}confirm = true\n"))
        with pytest.raises(ConfigurationError, match="reaches no telephone"):
            load_configuration(
                sandbox | {"ROADSTEAD_ANCHOR_FILE": str(path), "ROADSTEAD_MESSENGER_KIND": "smtp"}
            )

    def test_an_own_one_is_imported(self, sandbox: dict[str, str], confirming: Path) -> None:
        given = sandbox | {"ROADSTEAD_ANCHOR_FILE": str(confirming)}
        own = given | {"ROADSTEAD_MESSENGER_KIND": f"{__name__}:own_messenger"}
        assert isinstance(open_messenger(load_configuration(own), ManualClock()), FileMessenger)
        unknown = given | {"ROADSTEAD_MESSENGER_KIND": "nowhere.to:find"}
        with pytest.raises(ConfigurationError, match="cannot be imported"):
            open_messenger(load_configuration(unknown), ManualClock())


class TestConfiguring:
    def test_only_addresses_are_confirmed_and_by_every_type(
        self, sandbox: dict[str, str], tmp_path: Path
    ) -> None:
        text = ANCHOR_FILE.read_text()
        for changed, problem in (
            (
                text.replace('name = "last_name"\n', 'name = "last_name"\nconfirm = true\n'),
                "no code can be sent",
            ),
            (
                text.replace('name = "email_address"\n', 'name = "email_address"\nconfirm = true\n', 1),
                "confirm = true",
            ),
        ):
            path = tmp_path / "anchor.toml"
            path.write_text(changed)
            with pytest.raises(ConfigurationError, match=problem):
                load_configuration(sandbox | {"ROADSTEAD_ANCHOR_FILE": str(path)})

    def test_key_versions_go_together(self, sandbox: dict[str, str]) -> None:
        previous = base64.b64encode(hashlib.sha256(b"previous").digest()).decode()
        given = sandbox | {"ROADSTEAD_DATA_KEY_PREVIOUS": previous}
        with pytest.raises(ConfigurationError, match="ROADSTEAD_DATA_KEY_VERSION"):
            load_configuration(given)
        configuration = load_configuration(given | {"ROADSTEAD_DATA_KEY_VERSION": "2"})
        assert configuration.data_key_previous == hashlib.sha256(b"previous").digest()
        same = given | {"ROADSTEAD_DATA_KEY_VERSION": "2", "ROADSTEAD_DATA_KEY_PREVIOUS": examples.DATA_KEY}
        with pytest.raises(ConfigurationError, match="the same secret"):
            load_configuration(same)

    def test_retention_is_read_from_the_file(self, sandbox: dict[str, str], tmp_path: Path) -> None:
        path = tmp_path / "anchor.toml"
        row = '\n[[retention]]\ncategory = "served"\ndays = 3653\nstart = "deletion"\n'
        path.write_text(ANCHOR_FILE.read_text() + row)
        anchor = load_configuration(sandbox | {"ROADSTEAD_ANCHOR_FILE": str(path)}).anchor
        assert [(terms.category, terms.days, terms.start) for terms in anchor.retention] == [
            ("served", 3653, "deletion")
        ]
        path.write_text(ANCHOR_FILE.read_text() + row + row)
        with pytest.raises(ConfigurationError, match="retention"):
            load_configuration(sandbox | {"ROADSTEAD_ANCHOR_FILE": str(path)})
