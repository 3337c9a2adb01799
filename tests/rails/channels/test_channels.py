"""Both channels keep the FileChannel protocol: what is half done is never taken for done, and nothing is replaced."""

import os
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.fixtures.sftp_server import SftpServer, new_key, sftp_server

from roadstead.errors import BadInput, ConfigurationError, Conflict, NotFound, TooLarge, Unavailable
from roadstead.rails.channels.folder import FolderChannel
from roadstead.rails.channels.protocol import FileChannel, Whereabouts, is_offered
from roadstead.rails.channels.sftp import SftpChannel

TEMPORARY, NAME = ".20260928-B1.xml.abc.part", "20260928-B1.xml"


def names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    for name in ("out", "in", "archive"):
        (tmp_path / name).mkdir()
    return tmp_path


@pytest.fixture(params=["folder", "sftp"])
async def channel(request: pytest.FixtureRequest, folders: Path) -> AsyncIterator[FileChannel]:
    if request.param == "folder":
        yield FolderChannel(outgoing=folders / "out", incoming=folders / "in", archive=folders / "archive")
        return
    async with sftp_server(folders) as server:
        opened = server.channel()
        yield opened
        await opened.close()


class TestSending:
    async def test_a_staged_file_is_not_under_its_name_until_it_is_published(
        self, channel: FileChannel, folders: Path
    ) -> None:
        await channel.stage(TEMPORARY, b"content")
        assert not (folders / "out" / NAME).exists()
        assert await channel.whereabouts(TEMPORARY, NAME) is Whereabouts.STAGED

        await channel.publish(TEMPORARY, NAME)

        assert (folders / "out" / NAME).read_bytes() == b"content"
        assert names(folders / "out") == [NAME]
        assert await channel.whereabouts(TEMPORARY, NAME) is Whereabouts.PUBLISHED

    async def test_a_file_that_the_bank_took_away_is_gone(self, channel: FileChannel, folders: Path) -> None:
        await channel.stage(TEMPORARY, b"content")
        await channel.publish(TEMPORARY, NAME)
        (folders / "out" / NAME).unlink()

        assert await channel.whereabouts(TEMPORARY, NAME) is Whereabouts.GONE

    async def test_a_name_that_is_taken_is_never_replaced(self, channel: FileChannel, folders: Path) -> None:
        (folders / "out" / NAME).write_bytes(b"first")
        await channel.stage(TEMPORARY, b"second")

        with pytest.raises(Conflict):
            await channel.publish(TEMPORARY, NAME)

        assert (folders / "out" / NAME).read_bytes() == b"first"

    async def test_publishing_what_is_not_staged_is_a_conflict(self, channel: FileChannel) -> None:
        with pytest.raises(Conflict):
            await channel.publish(TEMPORARY, NAME)

    async def test_staging_again_writes_the_whole_file_anew(
        self, channel: FileChannel, folders: Path
    ) -> None:
        await channel.stage(TEMPORARY, b"a longer content than the next")
        await channel.stage(TEMPORARY, b"short")

        assert (folders / "out" / TEMPORARY).read_bytes() == b"short"

    async def test_what_is_discarded_is_gone_and_may_be_discarded_again(
        self, channel: FileChannel, folders: Path
    ) -> None:
        await channel.stage(TEMPORARY, b"content")
        await channel.discard(TEMPORARY)
        await channel.discard(TEMPORARY)

        assert names(folders / "out") == []

    @pytest.mark.parametrize("name", ["../evil.xml", "/etc/x", "a/b.xml", "", "..", "a b"])
    async def test_our_own_names_are_looked_at_once_more(self, channel: FileChannel, name: str) -> None:
        with pytest.raises(BadInput):
            await channel.stage(name, b"content")

    async def test_a_folder_that_is_not_there_tells_nothing_of_a_file(
        self, channel: FileChannel, folders: Path
    ) -> None:
        (folders / "out").rmdir()

        with pytest.raises(Unavailable):
            await channel.whereabouts(TEMPORARY, NAME)


class TestAServerThatFails:
    @pytest.fixture
    async def server(self, folders: Path) -> AsyncIterator[SftpServer]:
        async with sftp_server(folders) as running:
            yield running

    @pytest.fixture
    async def over_sftp(self, server: SftpServer) -> AsyncIterator[SftpChannel]:
        opened = server.channel()
        yield opened
        await opened.close()

    async def test_one_that_does_not_let_us_look_has_not_said_that_a_file_is_gone(
        self, server: SftpServer, over_sftp: SftpChannel
    ) -> None:
        """Taken for gone, it would be taken for sent, and nobody would be paid."""
        await over_sftp.stage(TEMPORARY, b"content")
        server.faults.refuses_to_look = True

        with pytest.raises(Unavailable):
            await over_sftp.whereabouts(TEMPORARY, NAME)

    async def test_one_that_does_not_say_what_a_file_is_has_it_all_the_same(
        self, server: SftpServer, over_sftp: SftpChannel, folders: Path
    ) -> None:
        server.faults.tells_no_kinds = True
        await over_sftp.stage(TEMPORARY, b"content")
        assert await over_sftp.whereabouts(TEMPORARY, NAME) is Whereabouts.STAGED
        (folders / "out" / NAME).write_bytes(b"another")

        with pytest.raises(Conflict):
            await over_sftp.publish(TEMPORARY, NAME)

        assert (folders / "out" / NAME).read_bytes() == b"another"

    async def test_a_connection_that_is_lost_after_the_rename_leaves_it_to_be_asked(
        self, server: SftpServer, over_sftp: SftpChannel
    ) -> None:
        await over_sftp.stage(TEMPORARY, b"content")
        server.faults.loses_answers_to_renames = True

        with pytest.raises(Unavailable):
            await over_sftp.publish(TEMPORARY, NAME)

        assert await over_sftp.whereabouts(TEMPORARY, NAME) is Whereabouts.PUBLISHED


class TestFetching:
    async def test_unfinished_and_hidden_files_are_not_offered(
        self, channel: FileChannel, folders: Path
    ) -> None:
        for name in ("a.xml", ".b.xml", "c.xml.part", "d.xml.filepart", "e.TMP", "~f.xml"):
            (folders / "in" / name).write_bytes(b"x")
        (folders / "in" / "folder").mkdir()

        assert [file.name for file in await channel.offered()] == ["a.xml"]

    async def test_files_come_in_the_order_in_which_they_were_written(
        self, channel: FileChannel, folders: Path
    ) -> None:
        for name, second in (("z.xml", 100), ("a-10.xml", 200), ("a-9.xml", 200)):
            path = folders / "in" / name
            path.write_bytes(b"x")
            os.utime(path, (second, second))

        assert [file.name for file in await channel.offered()] == ["z.xml", "a-9.xml", "a-10.xml"]

    async def test_a_link_to_elsewhere_is_not_followed(
        self, channel: FileChannel, folders: Path, tmp_path_factory: pytest.TempPathFactory
    ) -> None:
        secret = tmp_path_factory.mktemp("elsewhere") / "secret"
        secret.write_bytes(b"secret")
        (folders / "in" / "link.xml").symlink_to(secret)

        assert list(await channel.offered()) == []

    async def test_a_file_is_read_whole_or_refused(self, channel: FileChannel, folders: Path) -> None:
        (folders / "in" / "a.xml").write_bytes(b"x" * 1000)

        assert await channel.read("a.xml", bytes_max=1000) == b"x" * 1000
        with pytest.raises(TooLarge):
            await channel.read("a.xml", bytes_max=999)

    @pytest.mark.parametrize("name", ["gone.xml", "../out/a.xml", "/etc/passwd", ".hidden"])
    async def test_what_is_not_offered_cannot_be_read(
        self, channel: FileChannel, folders: Path, name: str
    ) -> None:
        (folders / "out" / "a.xml").write_bytes(b"x")

        with pytest.raises(NotFound):
            await channel.read(name, bytes_max=10)

    async def test_archived_files_of_one_name_are_all_kept(self, channel: FileChannel, folders: Path) -> None:
        for content in (b"first", b"second"):
            (folders / "in" / "a.xml").write_bytes(content)
            (offered,) = await channel.offered()
            await channel.archive(offered)
        await channel.archive(offered)

        kept = sorted(path.read_bytes() for path in (folders / "archive").iterdir())
        assert kept == [b"first", b"second"]
        assert list(await channel.offered()) == []

    async def test_another_file_that_came_under_the_same_name_is_not_put_away_unread(
        self, channel: FileChannel, folders: Path
    ) -> None:
        (folders / "in" / "a.xml").write_bytes(b"read")
        (offered,) = await channel.offered()
        (folders / "in" / "a.xml").write_bytes(b"not read by anybody")

        await channel.archive(offered)

        assert names(folders / "archive") == []
        assert [file.name for file in await channel.offered()] == ["a.xml"]

    async def test_an_archive_that_is_not_there_is_told_and_the_file_stays(
        self, channel: FileChannel, folders: Path
    ) -> None:
        (folders / "in" / "a.xml").write_bytes(b"x")
        (offered,) = await channel.offered()
        (folders / "archive").rmdir()

        with pytest.raises(Unavailable):
            await channel.archive(offered)

        assert list(await channel.offered()) == [offered]

    async def test_a_link_that_took_the_place_of_a_file_is_not_read(self, folders: Path) -> None:
        channel = FolderChannel(
            outgoing=folders / "out", incoming=folders / "in", archive=folders / "archive"
        )
        (folders / "secret").write_bytes(b"secret")
        (folders / "in" / "a.xml").symlink_to(folders / "secret")
        (folders / "in" / "folder.xml").mkdir()

        for name in ("a.xml", "folder.xml"):
            with pytest.raises(NotFound):
                await channel.read(name, bytes_max=10)

    @pytest.mark.parametrize("name", ["a\nb.xml", "a/b", "a\\b", "x" * 201, "", "\ud800.xml"])
    def test_strange_names_are_not_offered(self, name: str) -> None:
        assert not is_offered(name)


class TestWhoIsAtTheOtherEnd:
    async def test_a_server_with_another_key_is_sent_nothing(self, folders: Path) -> None:
        async with sftp_server(folders) as server:
            channel = SftpChannel(server.address(host_key=new_key()), timeout_s=10)

            with pytest.raises(Unavailable, match="another key than the one that is pinned"):
                await channel.stage(TEMPORARY, b"content")

            assert names(folders / "out") == []

    async def test_a_client_that_the_server_does_not_know_is_not_let_in(self, folders: Path) -> None:
        async with sftp_server(folders) as server:
            channel = SftpChannel(server.address(client_key=new_key()), timeout_s=10)

            with pytest.raises(Unavailable, match="PermissionDenied"):
                await channel.offered()

    async def test_a_server_that_went_away_is_found_again(self, folders: Path) -> None:
        async with sftp_server(folders) as server:
            channel = server.channel()
            assert list(await channel.offered()) == []
            await channel.close()
            (folders / "in" / "a.xml").write_bytes(b"x")

            assert [file.name for file in await channel.offered()] == ["a.xml"]
            await channel.close()

    async def test_nobody_at_the_port_is_unavailable(self, folders: Path) -> None:
        async with sftp_server(folders) as server:
            channel = server.channel()
        with pytest.raises(Unavailable):
            await channel.offered()

    @pytest.mark.parametrize(("field", "value"), [("host_key", "ssh-ed25519 AAAA"), ("client_key", "no key")])
    async def test_a_key_that_cannot_be_read_is_refused_at_the_start(
        self, folders: Path, field: str, value: str
    ) -> None:
        async with sftp_server(folders) as server:
            with pytest.raises(ConfigurationError, match="cannot be read"):
                SftpChannel(replace(server.address(), **{field: value}))  # type: ignore[arg-type]
