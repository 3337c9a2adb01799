"""One setting of the environment: its variable, its form, its default, an example and what it is for."""

from __future__ import annotations

from dataclasses import dataclass

from roadstead.config.schema import Form

DEFAULT = "default"
NETWORK_DEFAULT = "network default"


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """One environment variable."""

    variable: str
    """Its name; `<CODE>` and `<NAME>` stand for an asset's code and a rail's name in capital letters."""
    field: str
    """The attribute of `Settings` (or of `RailSettings`) that holds it."""
    form: Form
    required: bool = False
    """Whether every start needs it."""
    default: str | None = None
    """The value when none is given, in the form of the variable itself."""
    default_words: str = ""
    """What the default is, where it is not a fixed value."""
    secret: bool = False
    """Whether its value is never shown, and may be given as the path of a file in the variable `..._FILE`."""
    description: str
    example: str

    @property
    def expected(self) -> str:
        """What it must look like, with an example."""
        return f"It must be {self.form.words}, for example: {self.variable}={self.example}"
