"""The ready file: how other programs learn that the sandbox is up, and where."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from roadstead.errors import ConfigurationError
from roadstead.sandbox.files import write_private


class ReadyFile:
    """A JSON file that exists while the sandbox is ready. It holds a partner's seed, so only its owner may read it."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()

    def prepare(self) -> None:
        """Remove a stale file, and see now whether a new one can be written later.

        Raises:
            ConfigurationError: It cannot.
        """
        self.remove()
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            # Not at the path itself: whoever waits for the file must not find a first, empty one.
            with tempfile.TemporaryFile(dir=self.path.parent):
                pass
        except OSError as error:
            raise self._unwritable(error) from error

    def write(self, content: Mapping[str, Any]) -> None:
        """Write or replace the file in one step: a reader sees all of it or nothing.

        Raises:
            ConfigurationError: It cannot be written there.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            write_private(self.path, json.dumps(content, indent=2) + "\n")
        except OSError as error:
            raise self._unwritable(error) from error

    def remove(self) -> None:
        """Remove the file; safe to call when there is none.

        Raises:
            ConfigurationError: It is there and cannot be removed, so that a reader would be misled.
        """
        try:
            self.path.unlink(missing_ok=True)
        except NotADirectoryError:
            return
        except OSError as error:
            raise ConfigurationError(
                f"An old ready file at {self.path} cannot be removed ({error.strerror}): name another path."
            ) from error

    def _unwritable(self, error: OSError) -> ConfigurationError:
        return ConfigurationError(
            f"The ready file {self.path} cannot be written ({error.strerror}): name another path."
        )
