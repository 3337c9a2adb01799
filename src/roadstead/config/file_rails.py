"""What the environment says of a rail that pays by file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class FileSettings:
    """How files are exchanged with a bank, who we are there, and when a batch is closed."""

    channel: str | None = None
    """`sftp://user@host:port/path`, or the path of a folder."""
    outgoing: str = "out"
    """The folder for the bank, within the channel."""
    incoming: str = "in"
    """The folder from the bank."""
    archive: str = "archive"
    """The folder to which files are moved that were read."""
    host_key: str | None = None
    """The SFTP server's public key; no other one is accepted."""
    client_key: Path | None = None
    """The file with our private key."""
    account: str | None = None
    """Our account at the bank: an IBAN, or its national number."""
    account_name: str | None = None
    """The holder of the account, as the bank knows us."""
    bic: str | None = None
    """The bank's BIC."""
    batch_items_max: int = 10_000
    batch_age_max_s: int = 900
    """How long a batch takes payouts before it is closed, in seconds."""
    files_interval_s: int = 60
    """How often the bank's folder is looked into, in seconds."""
    files_kept_days: int = 180
    """How long the contents of files are kept."""
