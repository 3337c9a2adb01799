"""A FileChannel over SFTP: the server is known by its pinned key, we are known by ours, and nothing else is tried."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TypeVar

import asyncssh

from roadstead.errors import ConfigurationError, Conflict, NotFound, TooLarge, Unavailable
from roadstead.rails.channels.protocol import (
    LISTED_MAX,
    OfferedFile,
    Whereabouts,
    in_order,
    is_offered,
    our_name,
)

CONNECT_TIMEOUT_S = 10.0
TIMEOUT_S = 60.0
"""How long one step may take, with the bytes of a large file."""
ARCHIVED_OF_ONE_NAME_MAX = 100

_READ_BYTES = 256 * 1024
_NOTHING_THERE = (asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath)

_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True, kw_only=True)
class SftpAddress:
    """Where a bank's SFTP server is, how it proves itself, and how we do."""

    host: str
    port: int
    user: str
    host_key: str
    """The server's public key in OpenSSH's form: `ssh-ed25519 AAAA...`. No other one is accepted."""
    client_key: str = field(repr=False)
    """Our private key in OpenSSH's form."""
    outgoing: str
    incoming: str
    archive: str


class SftpChannel:
    """Exchanges files with an SFTP server over one connection, opened when it is needed. See `FileChannel`."""

    def __init__(self, address: SftpAddress, *, timeout_s: float = TIMEOUT_S) -> None:
        """Read the keys; nothing is contacted yet.

        Raises:
            ConfigurationError: One of the keys cannot be read.
        """
        self._address = address
        self._timeout_s = timeout_s
        try:
            self._host_key = asyncssh.import_public_key(address.host_key)
            self._client_key = asyncssh.import_private_key(address.client_key)
        except (asyncssh.KeyImportError, asyncssh.KeyEncryptionError, ValueError) as error:
            raise ConfigurationError(
                f"A key for the SFTP server {address.host} cannot be read ({type(error).__name__}): the host key is "
                "one line of ssh-keyscan without the host's name, our key a private one without a passphrase."
            ) from error
        self._lock = asyncio.Lock()
        self._connection: asyncssh.SSHClientConnection | None = None
        self._client: asyncssh.SFTPClient | None = None

    async def offered(self) -> Sequence[OfferedFile]:
        """List the files that are there for us.

        Raises:
            Unavailable: The server does not answer, or is not the one that we know.
        """

        async def look(client: asyncssh.SFTPClient) -> list[OfferedFile]:
            found: list[OfferedFile] = []
            async for entry in client.scandir(self._address.incoming):
                name = _text(entry.filename)
                if name is None or not is_offered(name):
                    continue
                if entry.attrs.type not in {asyncssh.FILEXFER_TYPE_REGULAR, asyncssh.FILEXFER_TYPE_UNKNOWN}:
                    continue
                found.append(_offered(name, entry.attrs))
                if len(found) >= LISTED_MAX:
                    break
            return in_order(found)

        return await self._run(look)

    async def read(self, name: str, *, bytes_max: int) -> bytes:
        """Return the bytes of an offered file.

        Raises:
            NotFound: It is gone.
            TooLarge: It has more bytes than allowed.
            Unavailable: The server does not answer, or is not the one that we know.
        """
        if not is_offered(name):
            raise NotFound("There is no such file.")

        async def fetch(client: asyncssh.SFTPClient) -> bytes:
            content = bytearray()
            try:
                async with client.open(f"{self._address.incoming}/{name}", "rb") as file:
                    while part := await file.read(_READ_BYTES):
                        content += part.encode() if isinstance(part, str) else part
                        if len(content) > bytes_max:
                            raise TooLarge(f"The file has more than {bytes_max} bytes.")
            except _NOTHING_THERE as error:
                raise NotFound("The file is gone.") from error
            return bytes(content)

        return await self._run(fetch)

    async def archive(self, file: OfferedFile) -> None:
        """Move an offered file to the archive; see `FileChannel.archive`."""
        if not is_offered(file.name):
            return

        async def move(client: asyncssh.SFTPClient) -> None:
            source = f"{self._address.incoming}/{file.name}"
            found = await _attributes(client, source)
            if found is None or _offered(file.name, found) != file:
                return
            for number in range(ARCHIVED_OF_ONE_NAME_MAX):
                target = f"{self._address.archive}/{file.name}" + (f".{number}" if number else "")
                if await _attributes(client, target) is not None:
                    continue
                try:
                    await client.rename(source, target)
                except _NOTHING_THERE as error:
                    # Either the file went away by itself, or there is no archive.
                    if await _attributes(client, source) is not None:
                        raise Unavailable("The archive of the bank's files is not there: make it.") from error
                return
            raise Unavailable("The archive of the bank's files holds too many of one name: clear it.")

        await self._run(move)

    async def stage(self, temporary_name: str, content: bytes) -> None:
        """Write a file whole under a temporary name, and compare its size with what was meant.

        Raises:
            Unavailable: The server does not answer, is not the one that we know, or has kept only a part.
        """
        path = f"{self._address.outgoing}/{our_name(temporary_name)}"

        async def write(client: asyncssh.SFTPClient) -> None:
            async with client.open(path, "wb") as file:
                await file.write(content)
                with suppress(asyncssh.SFTPError):
                    await file.fsync()
            if (await client.stat(path)).size != len(content):
                raise Unavailable("The SFTP server kept only a part of the file; it is written again.")

        await self._run(write)

    async def publish(self, temporary_name: str, name: str) -> None:
        """Give a staged file its own name; a rename of SFTP version 3 replaces nothing.

        Raises:
            Conflict: The name is taken, or the staged file is not there.
            Unavailable: The server does not answer, or is not the one that we know.
        """
        outgoing = self._address.outgoing
        source, target = f"{outgoing}/{our_name(temporary_name)}", f"{outgoing}/{our_name(name)}"

        async def rename(client: asyncssh.SFTPClient) -> None:
            if await _attributes(client, target) is not None:
                raise Conflict(f"{name} cannot be published: its name is taken.")
            try:
                await client.rename(source, target)
            except (*_NOTHING_THERE, asyncssh.SFTPFailure) as error:
                raise Conflict(
                    f"{name} cannot be published: it is not staged, or its name is taken."
                ) from error

        await self._run(rename)

    async def discard(self, temporary_name: str) -> None:
        """Remove a staged file that will never be published."""

        async def remove(client: asyncssh.SFTPClient) -> None:
            with suppress(*_NOTHING_THERE):
                await client.remove(f"{self._address.outgoing}/{our_name(temporary_name)}")

        await self._run(remove)

    async def whereabouts(self, temporary_name: str, name: str) -> Whereabouts:
        """Say where a file is that was staged whole; a server that does not let us look is `Unavailable`."""
        outgoing = self._address.outgoing

        async def look(client: asyncssh.SFTPClient) -> Whereabouts:
            if await _attributes(client, f"{outgoing}/{our_name(temporary_name)}") is not None:
                return Whereabouts.STAGED
            # A folder that is not there tells nothing of a file.
            await client.stat(outgoing)
            published = await _attributes(client, f"{outgoing}/{our_name(name)}")
            return Whereabouts.GONE if published is None else Whereabouts.PUBLISHED

        return await self._run(look)

    async def close(self) -> None:
        """Close the connection; the next call opens another."""
        connection, self._connection, self._client = self._connection, None, None
        if connection is not None:
            connection.close()
            with suppress(OSError, asyncssh.Error, TimeoutError):
                async with asyncio.timeout(CONNECT_TIMEOUT_S):
                    await connection.wait_closed()

    async def _run(self, step: Callable[[asyncssh.SFTPClient], Awaitable[_Result]]) -> _Result:
        """Run a step over the connection; after a fault it is given up, and the next step opens another."""
        async with self._lock:
            try:
                async with asyncio.timeout(self._timeout_s):
                    return await step(await self._opened())
            except asyncssh.HostKeyNotVerifiable as error:
                raise Unavailable(
                    f"The SFTP server {self._address.host} shows another key than the one that is pinned: nothing was "
                    "sent. Ask the bank whether it changed its key before you change the setting."
                ) from error
            except (OSError, asyncssh.Error, TimeoutError) as error:
                await self.close()
                raise Unavailable(
                    f"The SFTP server {self._address.host} does not do what was asked ({type(error).__name__}): check "
                    "the network, our key at the bank, and the folders."
                ) from error

    async def _opened(self) -> asyncssh.SFTPClient:
        if self._client is None:
            self._connection = await asyncssh.connect(
                self._address.host,
                self._address.port,
                username=self._address.user,
                client_keys=[self._client_key],
                known_hosts=([self._host_key], [], []),
                preferred_auth="publickey",
                agent_path=None,
                config=None,
                connect_timeout=CONNECT_TIMEOUT_S,
                login_timeout=CONNECT_TIMEOUT_S,
                keepalive_interval=15,
            )
            self._client = await self._connection.start_sftp_client()
        return self._client


async def _attributes(client: asyncssh.SFTPClient, path: str) -> asyncssh.SFTPAttrs | None:
    """Look at what is under a name, a link not followed; None only when the server says that nothing is there.

    `SFTPClient.exists` is no substitute: it also says no where the server refuses to look, or does not tell of what
    kind a file is, and a file that waits would be taken for one that was sent.
    """
    try:
        return await client.lstat(path)
    except _NOTHING_THERE:
        return None


def _offered(name: str, attributes: asyncssh.SFTPAttrs) -> OfferedFile:
    return OfferedFile(name=name, size_bytes=attributes.size or 0, modified_s=int(attributes.mtime or 0))


def _text(name: bytes | str) -> str | None:
    if isinstance(name, str):
        return name
    try:
        return name.decode()
    except UnicodeDecodeError:
        return None
