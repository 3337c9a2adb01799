"""What integrators write themselves is imported by its name, or the setting that names it is told."""

from __future__ import annotations

import pytest

from roadstead.config.extensions import imported
from roadstead.errors import ConfigurationError


def test_a_function_is_imported_by_its_name() -> None:
    assert imported("roadstead.config.extensions:imported", named_by="ROADSTEAD_SCREENER") is imported


@pytest.mark.parametrize(
    "path", ["no_such_package:screener", "roadstead.config:no_such_function", "no_such_package", "roadstead"]
)
def test_what_cannot_be_imported_is_told_with_the_setting_that_names_it(path: str) -> None:
    with pytest.raises(
        ConfigurationError, match=f"^ROADSTEAD_SCREENER names {path}, which cannot be imported"
    ):
        imported(path, named_by="ROADSTEAD_SCREENER")
