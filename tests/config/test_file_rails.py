"""What the environment says of rails that pay by file, and what keeps a server from starting with it."""

from pathlib import Path

import pytest
from tests.fixtures.sftp_server import new_key, public_line

from roadstead.config import file_forms as forms
from roadstead.config.file_rails import FileSettings
from roadstead.config.load import load_configuration
from roadstead.config.schema import Unfit
from roadstead.errors import ConfigurationError
from roadstead.rails.channels.folder import FolderChannel
from roadstead.rails.channels.opening import open_channel
from roadstead.rails.channels.sftp import SftpChannel

COMPLETE = {
    "ROADSTEAD_RAIL_SEPA_KIND": "iso20022",
    "ROADSTEAD_RAIL_SEPA_CHANNEL": "sftp://anchor@files.bank.example/payments",
    "ROADSTEAD_RAIL_SEPA_ACCOUNT": "DE02 1203 0000 0000 2020 51",
    "ROADSTEAD_RAIL_SEPA_ACCOUNT_NAME": "Example Anchor GmbH",
}
KEYS = {
    "ROADSTEAD_RAIL_SEPA_HOST_KEY": "ssh-ed25519 " + "A" * 68,
    "ROADSTEAD_RAIL_SEPA_CLIENT_KEY": "/etc/roadstead/bank_ed25519",
}


class TestForms:
    @pytest.mark.parametrize(
        "channel",
        [
            "relative/path",
            "ftp://a@b",
            "sftp://b/path",
            "sftp://a:secret@b",
            "sftp://a@b/x?y",
            "sftp://a@b/../x",
            "sftp://a@b:99999",
        ],
    )
    def test_a_channel_that_is_none_is_refused_and_no_password_repeated(self, channel: str) -> None:
        with pytest.raises(Unfit) as told:
            forms.CHANNEL.read(channel)
        assert "secret" not in str(told.value)

    @pytest.mark.parametrize("channel", ["/srv/bank", "sftp://a@b", "sftp://a@b:2222/x/y"])
    def test_a_channel_is_read(self, channel: str) -> None:
        assert forms.CHANNEL.read(channel) == channel

    @pytest.mark.parametrize("account", ["DE02120300000000202052", "x", "DE 1!", "A" * 35])
    def test_an_account_whose_check_digits_do_not_hold_is_refused(self, account: str) -> None:
        with pytest.raises(Unfit):
            forms.OWN_ACCOUNT.read(account)

    @pytest.mark.parametrize("folder", ["../out", "/out", "a/../b", "", "out/"])
    def test_a_folder_stays_within_the_channel(self, folder: str) -> None:
        with pytest.raises(Unfit):
            forms.FOLDER.read(folder)

    def test_a_line_of_ssh_keyscan_is_read_without_its_comment(self) -> None:
        line = public_line(new_key())
        assert forms.HOST_KEY.read(f"{line} comment") == " ".join(line.split()[:2])

    @pytest.mark.parametrize("key", ["", "AAAA", "ssh-dss AAAA", "ssh-ed25519 short"])
    def test_what_is_no_host_key_is_refused(self, key: str) -> None:
        with pytest.raises(Unfit):
            forms.HOST_KEY.read(key)


class TestTheWhole:
    @pytest.mark.parametrize("network", ["sandbox", "mainnet"])
    def test_starts_when_all_is_said(self, mainnet: dict[str, str], network: str) -> None:
        named = mainnet | COMPLETE | KEYS | {"ROADSTEAD_NETWORK": network}
        rail = next(rail for rail in load_configuration(named).rails if rail.name == "sepa")
        assert rail.account == "DE02120300000000202051"
        assert (rail.outgoing, rail.batch_items_max, rail.files_kept_days) == ("out", 10_000, 180)

    @pytest.mark.parametrize("network", ["sandbox", "testnet", "mainnet"])
    @pytest.mark.parametrize("lacks", [*list(COMPLETE)[1:], *KEYS])
    def test_names_what_lacks_on_every_network(
        self, mainnet: dict[str, str], network: str, lacks: str
    ) -> None:
        named = mainnet | COMPLETE | KEYS | {"ROADSTEAD_NETWORK": network}
        if lacks.endswith("_CHANNEL"):
            named = {name: value for name, value in named.items() if name not in KEYS}
        named.pop(lacks)
        with pytest.raises(ConfigurationError, match=f"{lacks} is missing"):
            load_configuration(named)

    def test_two_rails_do_not_read_one_folder(self, mainnet: dict[str, str]) -> None:
        """The first to look would put away what is for the other, which would never hear of it."""
        wire = {name.replace("_SEPA_", "_WIRE_"): value for name, value in (COMPLETE | KEYS).items()}
        named = mainnet | COMPLETE | KEYS | wire
        named["ROADSTEAD_RAIL_WIRE_CHANNEL"] += "/"
        with pytest.raises(ConfigurationError, match="sepa and wire read the same folder"):
            load_configuration(named)
        load_configuration(named | {"ROADSTEAD_RAIL_WIRE_INCOMING": "in-usd"})

    @pytest.mark.parametrize("two", [("INCOMING", "ARCHIVE"), ("OUTGOING", "INCOMING")])
    def test_one_folder_is_not_for_two_things(self, mainnet: dict[str, str], two: tuple[str, str]) -> None:
        named = {f"ROADSTEAD_RAIL_SEPA_{each}": "files" for each in two}
        with pytest.raises(ConfigurationError, match="one folder for two things"):
            load_configuration(mainnet | COMPLETE | KEYS | named)

    def test_a_folder_needs_no_keys(self, mainnet: dict[str, str]) -> None:
        load_configuration(mainnet | COMPLETE | {"ROADSTEAD_RAIL_SEPA_CHANNEL": "/srv/bank"})


class TestOpening:
    def test_a_folder_needs_no_keys(self) -> None:
        assert isinstance(open_channel(FileSettings(channel="/srv/bank")), FolderChannel)

    def test_sftp_is_opened_with_both_keys(self, tmp_path: Path) -> None:
        path = tmp_path / "key"
        path.write_bytes(new_key().export_private_key())
        settings = FileSettings(
            channel="sftp://anchor@files.bank.example:2222/x",
            host_key=public_line(new_key()),
            client_key=path,
        )
        assert isinstance(open_channel(settings), SftpChannel)

    @pytest.mark.parametrize("lacks", ["host_key", "client_key", "file"])
    def test_sftp_without_a_pinned_key_is_refused(self, tmp_path: Path, lacks: str) -> None:
        path = tmp_path / "key"
        if lacks != "file":
            path.write_bytes(new_key().export_private_key())
        settings = FileSettings(
            channel="sftp://anchor@files.bank.example",
            host_key=None if lacks == "host_key" else public_line(new_key()),
            client_key=None if lacks == "client_key" else path,
        )
        with pytest.raises(ConfigurationError):
            open_channel(settings)
