"""Where alerts go: complete or not at all, and over wires that nobody else reads."""

from __future__ import annotations

import pytest

from roadstead.clock import ManualClock
from roadstead.config.load import load_configuration
from roadstead.config.secrets import Secret
from roadstead.errors import ConfigurationError
from roadstead.operations.delivery import ChannelName
from roadstead.service.operating import open_channels

WEBHOOK = {
    "ROADSTEAD_ALERT_WEBHOOK_URL": "https://alerts.bank.example/in?token=1",
    "ROADSTEAD_ALERT_WEBHOOK_SECRET": "one more secret of more than thirty-two bytes",
}
MAIL = {
    "ROADSTEAD_SMTP_URL": "smtp://user:word@mail.bank.example:587",
    "ROADSTEAD_ALERT_EMAIL_FROM": "roadstead@bank.example",
    "ROADSTEAD_ALERT_EMAIL_TO": "on-call@bank.example, treasury@bank.example",
}


def refused(environment: dict[str, str]) -> str:
    with pytest.raises(ConfigurationError) as refusal:
        load_configuration(environment)
    return refusal.value.message


class TestChannels:
    def test_nothing_said_is_nothing_sent(self, mainnet: dict[str, str]) -> None:
        assert open_channels(load_configuration(mainnet), ManualClock()) == []

    def test_each_is_opened_when_it_is_said(self, mainnet: dict[str, str]) -> None:
        configuration = load_configuration(mainnet | WEBHOOK | MAIL)

        assert [channel.name for channel in open_channels(configuration, ManualClock())] == [
            ChannelName.WEBHOOK,
            ChannelName.EMAIL,
        ]
        assert configuration.settings.alert_email_to == ("on-call@bank.example", "treasury@bank.example")
        assert configuration.settings.smtp_url == Secret(MAIL["ROADSTEAD_SMTP_URL"])

    @pytest.mark.parametrize("group", [WEBHOOK, MAIL], ids=["webhook", "mail"])
    def test_half_of_one_is_refused_by_the_name_of_what_lacks(
        self, group: dict[str, str], mainnet: dict[str, str]
    ) -> None:
        for lacking in group:
            told = refused(mainnet | {name: value for name, value in group.items() if name != lacking})
            assert f"{lacking} is missing" in told


class TestWhereAlertsGo:
    @pytest.mark.parametrize("host", ["127.0.0.1:9000", "10.1.2.3", "[fd00::1]:8080", "localhost"])
    def test_a_private_address_may_be_plain(self, host: str, mainnet: dict[str, str]) -> None:
        url = {"ROADSTEAD_ALERT_WEBHOOK_URL": f"http://{host}/alerts"}

        assert load_configuration(mainnet | WEBHOOK | url).settings.alert_webhook_url is not None

    def test_a_public_one_may_not(self, mainnet: dict[str, str]) -> None:
        url = {"ROADSTEAD_ALERT_WEBHOOK_URL": "http://alerts.bank.example/in?token=hidden"}

        told = refused(mainnet | WEBHOOK | url)
        assert "must be https, or a private IP address" in told
        assert "hidden" not in told

    @pytest.mark.parametrize(
        ("variable", "value"),
        [
            ("ALERT_WEBHOOK_URL", "ftp://alerts.example/"),
            ("ALERT_WEBHOOK_URL", "https://user:hidden@alerts.example/"),
            ("ALERT_WEBHOOK_SECRET", "hidden"),
            ("SMTP_URL", "mail.example"),
            ("SMTP_URL", "smtp://hidden@mail.example"),
            ("SMTP_URL", "smtp://mail.example/hidden"),
            ("ALERT_EMAIL_TO", "nobody"),
            ("ALERT_EMAIL_TO", "a@b.example,"),
            ("ALERT_EMAIL_FROM", "a@b.example\nBcc: c@d.example"),
        ],
    )
    def test_what_is_malformed_is_refused_and_no_secret_repeated(
        self, variable: str, value: str, mainnet: dict[str, str]
    ) -> None:
        told = refused(mainnet | WEBHOOK | MAIL | {f"ROADSTEAD_{variable}": value})

        assert f"ROADSTEAD_{variable} " in told
        assert "hidden" not in told
