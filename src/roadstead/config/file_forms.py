"""The forms of the settings of rails that pay by file."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from stdnum import iban
from stdnum.exceptions import ValidationError as InvalidNumber

from roadstead.config.schema import Form, Unfit

SFTP = "sftp"
_FOLDER = re.compile(r"(?!.*\.\.)[A-Za-z0-9][A-Za-z0-9._/-]{0,99}", re.ASCII)
_HOST_KEY = re.compile(
    r"(?:ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(?:256|384|521)) [A-Za-z0-9+/]{60,2000}={0,2}", re.ASCII
)
_ACCOUNT = re.compile(r"[A-Za-z0-9]{4,34}", re.ASCII)
_IBAN = re.compile(r"[A-Z]{2}[0-9]{2}[A-Za-z0-9]+", re.ASCII)
_BIC = re.compile(r"[A-Z]{6}[A-Z0-9]{2}(?:[A-Z0-9]{3})?", re.ASCII)
_NAME_MAX = 70


def _channel(value: object) -> str:
    text = str(value)
    if text.startswith("/"):
        if "\0" in text:
            raise Unfit("is no path")
        return text.rstrip("/") or "/"
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise Unfit("is neither an absolute path nor a URL of sftp") from None
    if parts.scheme != SFTP or not parts.hostname or not parts.username or port == 0:
        raise Unfit("is neither an absolute path nor a URL of sftp with a user and a host")
    if parts.password is not None:
        raise Unfit("has a password, which is never used: keys are")
    if parts.query or parts.fragment or ".." in parts.path:
        raise Unfit("has more than a user, a host, a port and a path")
    return text.rstrip("/")


def _folder(value: object) -> str:
    text = str(value)
    if not _FOLDER.fullmatch(text) or text.endswith("/"):
        raise Unfit("is no name of a folder within the channel")
    return text


def _host_key(value: object) -> str:
    text = " ".join(str(value).split()[:2])
    if not _HOST_KEY.fullmatch(text):
        raise Unfit("is no public key of OpenSSH")
    return text


def _account(value: object) -> str:
    text = "".join(str(value).split())
    if not _ACCOUNT.fullmatch(text):
        raise Unfit("is no account number")
    if _IBAN.fullmatch(text):
        try:
            iban.validate(text)
        except InvalidNumber:
            raise Unfit("looks like an IBAN, and its check digits do not hold") from None
    return text


def _name(value: object) -> str:
    text = " ".join(str(value).split())
    if not 0 < len(text) <= _NAME_MAX or not text.isprintable():
        raise Unfit("has more characters than a bank carries, or strange ones")
    return text


def _bic(value: object) -> str:
    text = str(value).strip().upper()
    if not _BIC.fullmatch(text):
        raise Unfit("is no BIC")
    return text


CHANNEL = Form(words="an absolute path, or sftp://user@host:port/path", read=_channel)
FOLDER = Form(words="the name of a folder within the channel", read=_folder)
HOST_KEY = Form(words="one line of ssh-keyscan without the host's name", read=_host_key)
OWN_ACCOUNT = Form(words="an IBAN, or an account number of 4 to 34 letters and digits", read=_account)
OWN_NAME = Form(words=f"a name of 1 to {_NAME_MAX} characters", read=_name)
BIC = Form(words="a BIC of 8 or 11 characters", read=_bic)
