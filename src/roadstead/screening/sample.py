"""The sample list that comes with Roadstead: thirty real entries and some invented ones, to rehearse with."""

from __future__ import annotations

from pathlib import Path

SAMPLE_NAME = "sample"
"""The name under which it is kept."""
_FILE = Path(__file__).with_name("sample.xml")


def sample_list() -> bytes:
    """Return the file, in the form of OFAC's list."""
    return _FILE.read_bytes()
