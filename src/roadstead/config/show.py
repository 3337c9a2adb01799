"""The configuration in effect as rows for people: every value, and where it comes from. Secrets stay masked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass
from decimal import Decimal
from urllib.parse import urlsplit

from roadstead.config.definition import DEFAULT, NETWORK_DEFAULT
from roadstead.config.definitions import RAIL_SETTINGS, SETTINGS
from roadstead.config.effective import Configuration
from roadstead.config.secrets import MASK, Secret
from roadstead.money import Asset

ANCHOR_ORIGIN = "anchor.toml"
UNSET = "(none)"
_NAMED_BY = ("code", "name")


@dataclass(frozen=True, slots=True)
class Row:
    """One value of the configuration, fit for being shown."""

    name: str
    value: str
    origin: str
    """`environment`, `file PATH`, `default`, `network default` or `anchor.toml`."""


def effective_rows(configuration: Configuration) -> list[Row]:
    """List the whole configuration: first the environment's settings, then what `anchor.toml` says."""
    return [*_settings(configuration), *_rails(configuration), *_anchor(configuration)]


def _settings(configuration: Configuration) -> Iterator[Row]:
    settings = configuration.settings
    for definition in SETTINGS:
        value = getattr(settings, definition.field)
        yield Row(definition.variable, _shown(value), settings.origins.get(definition.variable, DEFAULT))
    for code, issuer in settings.issuers.items():
        variable = f"ROADSTEAD_ASSET_{code}_ISSUER"
        yield Row(variable, issuer, settings.origins.get(variable, DEFAULT))


def _rails(configuration: Configuration) -> Iterator[Row]:
    for rail in configuration.rails:
        for definition in RAIL_SETTINGS:
            variable = definition.variable.replace("<NAME>", rail.name.upper())
            by_default = NETWORK_DEFAULT if definition.field == "kind" else DEFAULT
            origin = configuration.settings.origins.get(variable, by_default)
            yield Row(variable, _shown(getattr(rail, definition.field)), origin)


def _anchor(configuration: Configuration) -> Iterator[Row]:
    for path, value in _flattened("", configuration.anchor):
        yield Row(path, value, ANCHOR_ORIGIN)


def _flattened(path: str, value: object) -> Iterator[tuple[str, str]]:
    if isinstance(value, Asset):
        yield path, value.id
    elif is_dataclass(value):
        for field in fields(value):
            yield from _flattened(f"{path}.{field.name}".lstrip("."), getattr(value, field.name))
    elif isinstance(value, tuple) and any(is_dataclass(item) for item in value):
        for index, item in enumerate(value):
            yield from _flattened(f"{path}[{_label(item, index)}]", item)
    elif value is not None and value != ():
        yield path, _shown(value)


def _label(item: object, index: int) -> str:
    names = (getattr(item, name, None) for name in _NAMED_BY)
    return next((str(name) for name in names if name), str(index))


def _shown(value: object) -> str:
    match value:
        case None:
            return UNSET
        case Secret():
            return _masked(value)
        case bool():
            return str(value).lower()
        case Decimal():
            return f"{value:f}"
        case tuple():
            return ", ".join(str(item) for item in value)
        case _:
            return str(value)


def _masked(secret: Secret) -> str:
    """Mask a secret; of a database's URL only the password and the options, which may carry one, are kept back."""
    parts = urlsplit(secret.reveal())
    if parts.scheme not in ("postgresql", "postgres"):
        return MASK
    user, separator, host = parts.netloc.rpartition("@")
    credentials = f"{user.partition(':')[0]}:{MASK}{separator}" if separator else ""
    options = f"?{MASK}" if parts.query else ""
    return f"{parts.scheme}://{credentials}{host}{parts.path}{options}"
