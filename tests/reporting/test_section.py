"""Sections: what cannot be made is said, and spoils nothing else."""

from __future__ import annotations

from animekit.errors import UnusableError
from animekit.reporting.section import Section


def test_what_cannot_be_made_is_said() -> None:
    def fail() -> None:
        raise UnusableError("there is none")

    section = Section("faces")
    section.attempt("a", fail, "pictures")
    section.attempt("b", lambda: 5, "numbers")
    assert section.values == {"a": None, "b": 5} and section.absent == ["pictures: there is none"]
    assert section.title == "Faces"
