"""What integrators write themselves and name in the configuration: a function of a package beside Roadstead."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from roadstead.errors import ConfigurationError


def imported(path: str, *, named_by: str) -> Any:
    """Import what `package.module:function` names; `named_by` is the setting that names it.

    Raises:
        ConfigurationError: It cannot be imported.
    """
    module_name, _, attribute = path.partition(":")
    try:
        return getattr(import_module(module_name), attribute)
    except (ImportError, AttributeError) as error:
        raise ConfigurationError(
            f"{named_by} names {path}, which cannot be imported ({error}): install the package beside Roadstead and "
            "check the spelling."
        ) from error
