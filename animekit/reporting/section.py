"""Sections: what each part of a report shows, or why there is nothing to show."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from animekit.errors import AnimekitError

TITLES = {
    "card": "Run",
    "faces": "Faces",
    "timeline": "Timeline",
    "curves": "Curves",
    "honesty": "Variety and honesty",
    "conditions": "Conditions",
    "data": "Data",
    "reproduce": "Reproduce",
}
"""The sections of a report in their order, by name."""


@dataclass
class Section:
    """One part of a report: values for the template, and what is absent and why."""

    name: str
    values: dict[str, Any] = field(default_factory=dict)
    absent: list[str] = field(default_factory=list)

    @property
    def title(self) -> str:
        """What stands above it."""
        return TITLES[self.name]

    def attempt(self, key: str, make: Callable[[], Any], what: str) -> None:
        """Keep what `make` returns; what it cannot make is said, and spoils nothing else."""
        try:
            self.values[key] = make()
        except AnimekitError as error:
            self.values[key] = None
            self.absent.append(f"{what}: {error.message}")
