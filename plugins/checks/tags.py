"""Check of tags: no row, no known colour, or two colours where there can be one."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from animekit.cleaning.check import Check, Context, Finding, Reason
from animekit.config import Params
from animekit.errors import AnimekitError, ConfigError
from animekit.hookspecs import hookimpl
from animekit.labels.tags import GROUPS, NAMES, read_tags
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
        self._labels: dict[str, np.ndarray] = {}
        self._unknown: dict[str, str] = {}

    def missing(self, context: Context) -> AnimekitError | None:
        """Return an error where no tags file was given."""
        if context.tags is not None:
            return None
        return ConfigError("the tags check needs a tags file", "--tags FILE", code="tags.not_given")

    def begin(self, context: Context) -> None:
        """Read the tags file, and say what of it could not be used."""
        assert context.tags is not None, "missing comes first"
        tags = read_tags(context.tags)
        self._labels = dict(zip(tags.frame.index, tags.frame.to_numpy(np.uint8), strict=True))
        ids = _ids_by_row(context.tags)
        self._unknown = {
            ids[skipped.row]: skipped.reason
            for skipped in tags.skipped
            if "no known" in skipped.reason and skipped.row in ids
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
        found = []
        readable = table[table["width"] > 0]
        for row, name in zip(readable.index, readable["name"], strict=True):
            verdict = self._verdict(name)
            if verdict is not None:
                found.append(Finding(row, self.reason(verdict[0]), note=verdict[1]))
        return found

    def _verdict(self, name: str) -> tuple[str, str] | None:
        path = PurePosixPath(name)
        keys = (name, path.name, path.stem)  # as Tags.labels looks an image up
        labels = next((self._labels[key] for key in keys if key in self._labels), None)
        if labels is None:
            reason = next((self._unknown[key] for key in keys if key in self._unknown), None)
            return ("tag_missing", "") if reason is None else ("tag_unknown", reason)
        unknown = []
        for part, noun in zip(parts(GROUPS), ("hair", "eyes"), strict=True):
            on = np.flatnonzero(labels[part]) + part.start
            if len(on) > 1:
                return "tag_conflict", " and ".join(NAMES[index] for index in on)
            if len(on) == 0:
                unknown.append(noun)
        return ("tag_half", f"no known {unknown[0]} colour") if unknown else None


def _ids_by_row(path: Path) -> dict[int, str]:
    """Return the id of each row of a tags file that has one row a line, counted from 1."""
    text = path.read_bytes().decode("utf-8-sig")
    lines = enumerate(re.split(r"\r\n|\n|\r", text), start=1)
    return {number: line.partition(",")[0].strip().strip('"') for number, line in lines}


@hookimpl
def animekit_checks() -> list[type[Check]]:
    """Bring the check in."""
    return [TagProblems]
