"""Opening the channel that a setting names: `sftp://user@host:port/path`, or the path of a folder."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from roadstead.config.file_rails import FileSettings
from roadstead.errors import ConfigurationError
from roadstead.rails.channels.folder import FolderChannel
from roadstead.rails.channels.protocol import FileChannel

SFTP = "sftp://"
SFTP_PORT = 22


def open_channel(settings: FileSettings) -> FileChannel:
    """Make the channel of a rail; nothing is contacted yet.

    Raises:
        ConfigurationError: A setting is missing, or a key cannot be read.
    """
    if not settings.channel:
        raise ConfigurationError(
            "ROADSTEAD_RAIL_<NAME>_CHANNEL is missing: write sftp://user@host/path, or the path of a folder."
        )
    if not settings.channel.startswith(SFTP):
        base = Path(settings.channel)
        return FolderChannel(
            outgoing=base / settings.outgoing,
            incoming=base / settings.incoming,
            archive=base / settings.archive,
        )
    if settings.host_key is None or settings.client_key is None:
        raise ConfigurationError(
            "SFTP needs ROADSTEAD_RAIL_<NAME>_HOST_KEY, the server's public key, and ROADSTEAD_RAIL_<NAME>_CLIENT_KEY, "
            "our private one."
        )
    # Only those who use SFTP load the library for it.
    from roadstead.rails.channels.sftp import SftpAddress, SftpChannel  # noqa: PLC0415

    parts = urlsplit(settings.channel)
    base_path = parts.path.rstrip("/")
    return SftpChannel(
        SftpAddress(
            host=parts.hostname or "",
            port=parts.port or SFTP_PORT,
            user=parts.username or "",
            host_key=settings.host_key,
            client_key=_read(settings.client_key),
            outgoing=f"{base_path}/{settings.outgoing}",
            incoming=f"{base_path}/{settings.incoming}",
            archive=f"{base_path}/{settings.archive}",
        )
    )


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except (OSError, ValueError) as error:
        raise ConfigurationError(
            f"The key {path} for SFTP cannot be read ({type(error).__name__}): see that this user may read it, and "
            "that ROADSTEAD_RAIL_<NAME>_CLIENT_KEY names it."
        ) from error
