"""Check of tags: no row, no known colour, or two colours where there can be one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from animekit.cleaning.check import Check, Context, Finding, Reason
from animekit.config import Params
from animekit.data.survey import survey
from animekit.errors import AnimekitError, ConfigError
from animekit.hookspecs import hookimpl
from animekit.labels.ids import find_row, match
from animekit.labels.sources import tags_of_folder
from animekit.labels.tags import GROUPS, NAMES, Tags, read_tags
from animekit.labels.vocabulary import parts

if TYPE_CHECKING:
    import pandas as pd


class TagProblems(Check):
    """Find pictures whose tags are missing, unknown or contradict each other.

    A picture of which only the hair or only the eyes are known is kept, and noted: models that
    learn from labels take that half.
    """

    name = "tags"
    reasons: ClassVar[tuple[Reason, ...]] = (
        Reason("tag_missing", "review", "no tags"),
        Reason("tag_unknown", "review", "no known colour in the tags"),
        Reason("tag_conflict", "review", "tags contradict each other"),
        Reason("tag_half", "note", "hair or eye colour unknown"),
    )

    def __init__(self, params: Params | None = None) -> None:
        super().__init__(params)
        self._tags: Tags
        self._context: Context
        self._exactly = False
        self._twice: dict[str, str] = {}

    def missing(self, context: Context) -> AnimekitError | None:
        """Return an error where no tags file was given."""
        if context.tags is not None:
            return None
        return ConfigError("the tags check needs a tags file", "--tags FILE", code="tags.not_given")

    def begin(self, context: Context) -> None:
        """Read the tags file, and say what of it could not be used."""
        assert context.tags is not None, "missing comes first"
        tags, self._exactly = _read(context.tags)
        self._tags, self._context = tags, context
        self._twice = {
            each.id: f"row {each.first} and row {each.row} say other things"
            for each in tags.doubled
            if not each.same
        }
        if tags.skipped:
            first = tags.skipped[0]
            context.warnings.append(
                f"{len(tags.skipped):,} rows of {context.tags} were skipped;"
                f" row {first.row}: {first.reason}"
            )
        if tags.ignored:
            common = [f"{tag} ({count:,})" for tag, count in tags.ignored.most_common(5)]
            context.warnings.append(f"tags without a known colour: {', '.join(common)}")

    def judge(self, table: pd.DataFrame) -> list[Finding]:
        """Return the pictures whose row is missing, empty or in conflict with itself."""
        readable = table[table["width"] > 0]
        labels, use = match(
            self._tags,
            [file.name for file in survey(self._context.folder).files],  # of all shards
            file=str(self._context.tags),
            home=self._context.folder.absolute().as_posix(),
            exactly=self._exactly,
        )
        if use.unmatched.count:
            self._context.warnings.append(f"rows that name no picture here {use.unmatched}")
        found = []
        for row, name in zip(readable.index, readable["name"], strict=True):
            verdict = self._verdict(name, labels[name][0] if name in labels else None)
            if verdict is not None:
                found.append(Finding(row, self.reason(verdict[0]), note=verdict[1]))
        return found

    def _verdict(self, name: str, labels: np.ndarray | None) -> tuple[str, str] | None:
        twice = find_row(name, self._twice)
        if twice is not None:
            return "tag_conflict", self._twice[twice]
        if labels is None:
            key = find_row(name, self._tags.unknown)
            return ("tag_missing", "") if key is None else ("tag_unknown", self._tags.unknown[key])
        unknown = []
        for part, noun in zip(parts(GROUPS), ("hair", "eyes"), strict=True):
            on = np.flatnonzero(labels[part]) + part.start
            if len(on) > 1:
                return "tag_conflict", " and ".join(NAMES[index] for index in on)
            if len(on) == 0:
                unknown.append(noun)
        return ("tag_half", f"no known {unknown[0]} colour") if unknown else None


def _read(path: Path) -> tuple[Tags, bool]:
    """Return the tags of a file, or of what a folder holds, and whether ids are whole paths."""
    if path.is_dir() or path.suffix.lower() in (".jsonl", ".json"):
        tags, source = tags_of_folder(path)
        return tags, source.exactly
    return read_tags(path), False  # an id with two rows is a finding here, no error


@hookimpl
def animekit_checks() -> list[type[Check]]:
    """Bring the check in."""
    return [TagProblems]
