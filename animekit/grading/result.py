"""Grading: the grades of all submissions, as lines, a table, plain values, and files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from animekit.errors import AnimekitError, GateError, PartialError, UnusableError
from animekit.grading.page import grade_page
from animekit.grading.picture import Verdict
from animekit.grading.table import as_csv
from animekit.grading.verdict import Grade
from animekit.grading.written import may_write, write_framed, write_texts
from animekit.text import Printed, printable


@dataclass(frozen=True)
class Grading(Printed):
    """The grades of all submissions, and who counted."""

    grades: list[Grade]
    min_faces: int
    by: str
    jury: dict[str, Any]
    notes: list[str] = field(default_factory=list)

    def counts(self) -> dict[Verdict, int]:
        """Return how many submissions passed, failed and could not be graded."""
        found: dict[Verdict, int] = {"pass": 0, "fail": 0, "ungraded": 0}
        for each in self.grades:
            found[each.verdict] += 1
        return found

    def as_table(self) -> list[Sequence[str]]:
        """Return a line for each picture and script."""
        rows: list[Sequence[str]] = [("picture", "verdict", "details")]
        return rows + [[printable(cell) for cell in line] for line in self._lines()]

    def _lines(self) -> Iterator[tuple[str, str, str]]:
        for each in self.grades:
            yield from each.lines()

    def words(self) -> str:
        """Say in one line how it went."""
        counts = self.counts()
        end = f", {counts['ungraded']} not graded" if counts["ungraded"] else ""
        return f"{counts['pass']} pass, {counts['fail']} fail{end} (of {len(self.grades)})"

    def facts(self) -> dict[str, Any]:
        """Return it as plain values, the data of `--json`."""
        return {
            "min_faces": self.min_faces,
            "by": self.by,
            "jury": dict(self.jury),
            "counts": dict(self.counts()),
            "submissions": [each.facts() for each in self.grades],
            "notes": list(self.notes),
        }

    def as_csv(self) -> str:
        """Return a row for each picture, and for each submission without one."""
        return as_csv(self.grades)

    def as_html(self) -> str:
        """Return one page that needs nothing else."""
        return grade_page(
            self.grades,
            counts=self.counts(),
            min_faces=self.min_faces,
            by=self.by,
            notes=self.notes,
        )

    def failure(self) -> AnimekitError | None:
        """Return the error of what did not pass or was not graded; None if all is well.

        UnusableError where nothing could be graded, PartialError where something could not,
        GateError where all could and something fails.
        """
        counts = self.counts()
        if not counts["ungraded"] and not counts["fail"]:
            return None
        worst: Verdict = "ungraded" if counts["ungraded"] else "fail"
        first = next(each for each in self.grades if each.verdict == worst)
        said = f"{first.name}: {first.why()}"
        if counts["ungraded"] == len(self.grades):
            return UnusableError(said, "animekit grade takes PNGs of 25 faces", code="grade.none")
        if counts["ungraded"]:
            text = f"{counts['ungraded']} of {len(self.grades)} could not be graded, such as {said}"
            return PartialError(text, "the others are graded", code="grade.partial")
        several = f"{counts['fail']} of {len(self.grades)} fail, such as "
        text = said if len(self.grades) == 1 else several + said
        hint = f"--min-faces {self.min_faces} is the gate"
        if not any(each.verdict == "fail" for each in first.pictures):
            hint = "a script has to make the same picture twice, in a copy of its folder"
        return GateError(text, hint, code="grade.fail")

    def save(self, folder: Path | str, *, overwrite: bool = False) -> dict[str, Path]:
        """Write the page, the CSV and a framed picture each; return their paths.

        Raises UnusableError where a file there is not of animekit, unless `overwrite`.
        """
        folder = Path(folder)
        may_write(folder, overwrite=overwrite)
        pictures = [picture for grade in self.grades for picture in grade.pictures]
        paths = write_framed(pictures, folder, overwrite=overwrite)
        texts = {"csv": self.as_csv(), "page": self.as_html()}
        return {**write_texts(texts, folder), **paths}
