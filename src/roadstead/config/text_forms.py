"""The forms of the values of environment variables. No message repeats a value that may be a secret."""

from __future__ import annotations

import base64
import binascii
import ipaddress
import re
from enum import StrEnum
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from roadstead.config import strkey
from roadstead.config.ed25519 import private_key_from, public_key_from
from roadstead.config.schema import Form, Unfit
from roadstead.config.secrets import Secret

SIMULATED = "simulated"
"""The one kind of rail that comes with Roadstead and pays nobody."""
MESSENGER_FILE = "file"
"""The kind of messenger that writes into a file and reaches nobody."""
MESSENGER_SMTP = "smtp"
SIGNED_HTTP = "http"
"""The kind of rail that speaks the signed payout API."""
FILES = "iso20022"
"""The kind of rail that pays by files of ISO 20022, over a folder or SFTP."""
RAIL_KINDS = (SIMULATED, SIGNED_HTTP, FILES)
"""The kinds of rails that come with Roadstead."""
BUILT_IN = "built-in"
"""The screener that comes with Roadstead."""
JWT_SECRET_BYTES_MIN = 32
DATA_KEY_BYTES = 32
_PORT_MAX = 65_535
_SECRET_TEXT_MAX = 4_096
_DISTINCT_MIN = 8
_SHOWN_MAX = 60
_LISTED_MAX = 20
_LABELS = (
    r"(?=[^:]{1,253}(?::|$))[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*"
)
_HOST = re.compile(_LABELS, re.ASCII)
_HOST_AND_PORT = re.compile(rf"{_LABELS}(?::[1-9][0-9]{{0,4}})?", re.ASCII)
_EMAIL = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@" + _LABELS.replace("a-z", "a-zA-Z"), re.ASCII)
_EMAIL_MAX = 254
_ADDRESS = re.compile(r"[0-9a-fA-F:]+", re.ASCII)
_DOTTED_PATH = re.compile(r"[A-Za-z_][\w]*(?:\.[A-Za-z_][\w]*)*:[A-Za-z_][\w]*", re.ASCII)
_LIST_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,39}", re.ASCII)
IpNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network
_BOOLEANS = {"true": True, "1": True, "false": False, "0": False}


def _str(value: object) -> str:
    return value if isinstance(value, str) else str(value)


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN_MAX else f"{text[:_SHOWN_MAX]}..."


def _home_domain(value: object) -> str:
    text = _str(value)
    if not _HOST_AND_PORT.fullmatch(text) or int(text.partition(":")[2] or 0) > _PORT_MAX:
        raise Unfit(f"is {_shown(text)}")
    return text


def _host(value: object) -> str:
    text = _str(value)
    if not (_HOST.fullmatch(text) or _ADDRESS.fullmatch(text)):
        raise Unfit(f"is {_shown(text)}")
    return text


def _split(text: str) -> SplitResult:
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError as error:
        raise Unfit("is no URL") from error
    return parts


def _base_url(value: object) -> str:
    text = _str(value)
    parts = _split(text)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise Unfit(f"is {_shown(text)}")
    if parts.username is not None or parts.password is not None:
        raise Unfit("carries a user or a password, which would be published or logged")
    if parts.query or parts.fragment or text.endswith(("/", "?", "#")):
        raise Unfit(f"is {_shown(text)}, which has something after its path, or a slash at the end")
    return text


def _webhook_url(value: object) -> Secret:
    text = _str(value)
    parts = _split(text)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise Unfit("is no URL of http or https")
    if parts.username is not None or parts.password is not None or parts.fragment:
        raise Unfit("carries a user, a password or a fragment (#)")
    return Secret(text)


def _smtp_url(value: object) -> Secret:
    text = _str(value)
    parts = _split(text)
    if parts.scheme not in ("smtp", "smtps") or not parts.hostname:
        raise Unfit("is no URL of smtp or smtps")
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise Unfit("has something after the host and its port")
    if (parts.username is None) != (parts.password is None):
        raise Unfit("has a user without a password, or a password without a user")
    return Secret(text)


def _email(value: object) -> str:
    text = _str(value).strip()
    if len(text) > _EMAIL_MAX or not _EMAIL.fullmatch(text):
        raise Unfit(f"is {_shown(text)}")
    return text


def _emails(value: object) -> tuple[str, ...]:
    return tuple(dict.fromkeys(_email(part) for part in _listed(value)))


def _database_url(value: object) -> Secret:
    text = _str(value)
    parts = _split(text)
    if parts.scheme not in ("postgresql", "postgres") or not parts.path.strip("/"):
        raise Unfit("is no PostgreSQL URL with the name of a database")
    return Secret(text)


def _seed(value: object) -> Secret:
    text = _str(value)
    if strkey.is_public_key(text):
        raise Unfit("is a public key, where the secret seed belongs")
    if not strkey.is_seed(text):
        raise Unfit("is no secret seed: its length, letters or checksum are wrong")
    return Secret(text)


def _account(value: object) -> str:
    text = _str(value)
    if strkey.is_seed(text):
        raise Unfit("is a secret seed, which does not belong here: replace it, and treat that key as leaked")
    if not strkey.is_public_key(text):
        raise Unfit("is no Stellar address: its length, letters or checksum are wrong")
    return text


def _jwt_secret(value: object) -> Secret:
    text = _str(value)
    if not JWT_SECRET_BYTES_MIN <= len(text.encode()) <= _SECRET_TEXT_MAX:
        raise Unfit(f"has {len(text.encode())} bytes")
    if len(set(text)) < _DISTINCT_MIN:
        raise Unfit("repeats the same few characters and can be guessed")
    return Secret(text)


def _data_key(value: object) -> Secret:
    text = _str(value)
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Unfit("is not base64") from error
    if len(raw) != DATA_KEY_BYTES:
        raise Unfit(f"holds {len(raw)} bytes")
    if len(set(raw)) < _DISTINCT_MIN:
        raise Unfit("repeats the same few bytes and can be guessed")
    return Secret(text)


def _token(value: object) -> Secret:
    text = _str(value)
    if len(text) > _SECRET_TEXT_MAX or not text.isascii() or not text.isprintable():
        raise Unfit("is too long or has characters that no header can carry")
    return Secret(text)


def _private_key(value: object) -> Secret:
    text = _str(value)
    try:
        private_key_from(text)
    except ValueError as error:
        raise Unfit(str(error)) from None
    return Secret(text)


def _public_keys(value: object) -> tuple[str, ...]:
    keys = [part.strip() for part in _listed(value)]
    try:
        for key in keys:
            public_key_from(key)
    except ValueError as error:
        raise Unfit(str(error)) from error
    return tuple(dict.fromkeys(keys))


def _boolean(value: object) -> bool:
    text = _str(value).lower()
    if text not in _BOOLEANS:
        raise Unfit(f"is {_shown(value)}")
    return _BOOLEANS[text]


def _path(value: object) -> Path:
    text = _str(value)
    if "\0" in text:
        raise Unfit("is no path")
    return Path(text)


def _passphrase(value: object) -> str:
    text = _str(value)
    if text != text.strip():
        raise Unfit("begins or ends with a space, which would change every signature")
    return text


def _rail_kind(value: object) -> str:
    text = _str(value)
    if text not in RAIL_KINDS and not _DOTTED_PATH.fullmatch(text):
        raise Unfit(f"is {_shown(text)}")
    return text


def _messenger_kind(value: object) -> str:
    text = _str(value)
    if text not in (MESSENGER_FILE, MESSENGER_SMTP) and not _DOTTED_PATH.fullmatch(text):
        raise Unfit(f"is {_shown(text)}")
    return text


def _screener_kind(value: object) -> str:
    text = _str(value)
    if text != BUILT_IN and not _DOTTED_PATH.fullmatch(text):
        raise Unfit(f"is {_shown(text)}")
    return text


def _list_names(value: object) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(_listed(value)))
    for name in names:
        if not _LIST_NAME.fullmatch(name):
            raise Unfit(f"names the list {_shown(name)}")
    return names


def _home_domains(value: object) -> tuple[str, ...]:
    return tuple(_home_domain(part.strip()) for part in _listed(value))


def _base_urls(value: object) -> tuple[str, ...]:
    urls = tuple(_base_url(part.strip()) for part in _listed(value))
    if len(set(urls)) < len(urls):
        raise Unfit("names one URL twice")
    return urls


def _accounts(value: object) -> tuple[str, ...]:
    return tuple(_account(part.strip()) for part in _listed(value))


def _networks(value: object) -> tuple[IpNetwork, ...]:
    try:
        return tuple(ipaddress.ip_network(part.strip()) for part in _listed(value))
    except ValueError as error:
        raise Unfit(f"has something that is no range of addresses: {error}") from error


def _listed(value: object) -> list[str]:
    parts = _str(value).split(",")
    if len(parts) > _LISTED_MAX:
        raise Unfit(f"has {len(parts)} entries")
    return parts


def whole_text(minimum: int, maximum: int) -> Form:
    """Return the form of a whole number in text, within limits, both included."""

    def read(value: object) -> int:
        text = _str(value)
        if not (text.isascii() and text.isdecimal()) or len(text) > len(str(maximum)):
            raise Unfit(f"is {_shown(text)}")
        number = int(text)
        if not minimum <= number <= maximum:
            raise Unfit(f"is {number}")
        return number

    return Form(words=f"a whole number from {minimum} to {maximum}", read=read)


def word_of(*choices: str) -> Form:
    """Return the form of a word out of a closed list."""

    def read(value: object) -> str:
        if value not in choices:
            raise Unfit(f"is {_shown(value)}")
        return _str(value)

    return Form(words=f"one of {', '.join(choices)}", read=read)


def kind_of(*shipped: str, what: str) -> Form:
    """Return the form of what stands behind a name: one of the kinds that are shipped, or an integrator's own."""

    def read(value: object) -> str:
        text = _str(value)
        if text not in shipped and not _DOTTED_PATH.fullmatch(text):
            raise Unfit(f"is {_shown(text)}")
        return text

    return Form(words=f"{', '.join(shipped)}, or package.module:function of {what} of your own", read=read)


def member_of(choices: type[StrEnum]) -> Form:
    """Return the form of a member of an enumeration."""

    def read(value: object) -> StrEnum:
        if value not in list(choices):
            raise Unfit(f"is {_shown(value)}")
        return choices(_str(value))

    return Form(words=f"one of {', '.join(choices)}", read=read)


HOME_DOMAIN = Form(words="a host name in small letters, with a port where it is not 443", read=_home_domain)
HOME_DOMAINS = Form(words="host names as above, with commas between them", read=_home_domains)
IP_NETWORKS = Form(words="IP addresses or ranges of them, with commas between them", read=_networks)
HOST = Form(words="a host name or an IP address", read=_host)
BASE_URLS = Form(
    words="URLs of http or https without slashes at their ends, with commas between them", read=_base_urls
)
BASE_URL = Form(words="a URL of http or https without a slash at the end", read=_base_url)
WEBHOOK_URL = Form(words="a URL of http or https", read=_webhook_url)
SMTP_URL = Form(words="smtp:// or smtps://, with user and password where they are needed", read=_smtp_url)
EMAIL = Form(words="an email address", read=_email)
EMAILS = Form(words="email addresses, with commas between them", read=_emails)
DATABASE_URL = Form(words="a PostgreSQL URL", read=_database_url)
SEED = Form(words="a Stellar secret seed of 56 characters that starts with S", read=_seed)
ACCOUNT = Form(words="a Stellar address of 56 characters that starts with G", read=_account)
ACCOUNTS = Form(words="Stellar addresses G..., with commas between them", read=_accounts)
JWT_SECRET = Form(words=f"a text of at least {JWT_SECRET_BYTES_MIN} random bytes", read=_jwt_secret)
DATA_KEY = Form(words=f"the base64 of {DATA_KEY_BYTES} random bytes", read=_data_key)
TOKEN = Form(words="a text of printable ASCII characters", read=_token)
BOOLEAN = Form(words="true or false", read=_boolean)
PATH = Form(words="a path", read=_path)
PASSPHRASE = Form(words="the passphrase of a Stellar network", read=_passphrase)
RAIL_KIND = Form(
    words=f"{', '.join(RAIL_KINDS)}, or package.module:function of a rail of your own", read=_rail_kind
)
SCREENER_KIND = Form(
    words=f"{BUILT_IN}, or package.module:function of a screener of your own", read=_screener_kind
)
LIST_NAMES = Form(words="names of lists, with commas between them", read=_list_names)
MESSENGER_KIND = Form(
    words=f"{MESSENGER_FILE}, {MESSENGER_SMTP}, or package.module:function of a messenger of your own",
    read=_messenger_kind,
)
PRIVATE_KEY = Form(words="a private key of Ed25519, as PEM or its one line of base64", read=_private_key)
PUBLIC_KEYS = Form(
    words="public keys of Ed25519, each the one line of base64 of its PEM file, with commas between them",
    read=_public_keys,
)
