"""Transferred: what became of the pictures, as an answer and as a record of failures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from animekit.errors import AnimekitError, PartialError, Stopped, UnusableError
from animekit.text import Printed

NAMED = 3  # failures that a message names


@dataclass(frozen=True)
class Item:
    """One file that was written, and the file that it came from.

    `before` and `back` are the small pictures of the page: the input, and the way back.
    """

    source: Path
    out: Path
    column: str
    width: int
    height: int
    frames: int = 1
    faces: int | None = None  # how many were found in it; None where none was looked for
    before: Path | None = None
    back: Path | None = None

    def facts(self) -> dict[str, Any]:
        """Return it for the JSON answer."""
        return {
            "in": str(self.source),
            "out": str(self.out),
            "to": self.column,
            "w": self.width,
            "h": self.height,
            "frames": self.frames,
            "faces": self.faces,
        }


@dataclass(frozen=True)
class FailedFile:
    """One file that could not be translated, and why."""

    path: Path
    code: str
    reason: str


@dataclass
class Transferred(Printed):
    """What a transfer did. `items` and `failed` are in the order of the inputs."""

    model: dict[str, Any]
    out: Path
    columns: Sequence[str]
    items: list[Item] = field(default_factory=list)
    failed: list[FailedFile] = field(default_factory=list)
    # pictures in which no face was found: there is no result of them
    faceless: list[Path] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    skipped: int = 0
    # files that were to be translated, those that failed among them
    pictures: int = 0
    folders: int = 0
    seconds: float = 0.0
    precision: str = "fp32"
    page: Path | None = None
    sheet: Path | None = None
    stopped: type[Stopped] | None = None
    # labels that the model was told of every picture though nobody said them: "no male"
    assumed: Sequence[str] = ()

    def as_table(self) -> list[Sequence[str]]:
        """Return what was written, and what failed and why."""
        rows: list[Sequence[str]] = [("in", "out", "to", "size")]
        for item in self.items:
            rows.append(
                (str(item.source), str(item.out), item.column, f"{item.width}x{item.height}")
            )
        return rows + [(str(each.path), "failed", each.reason, "") for each in self.failed]

    @property
    def done(self) -> int:
        """How many pictures became all that they were to become."""
        bad = {each.path for each in self.failed}
        return len({item.source for item in self.items} - bad)

    def facts(self) -> dict[str, Any]:
        """Return the data of the JSON answer."""
        return {
            "model": self.model,
            "columns": list(self.columns),
            "out": str(self.out),
            "done": self.done,
            "failed": [
                {"path": str(each.path), "code": each.code, "reason": each.reason}
                for each in self.failed
            ],
            "faceless": list(map(str, self.faceless)),
            "skipped": self.skipped,
            "items": [item.facts() for item in self.items],
            "assumed": list(self.assumed),
            "page": None if self.page is None else str(self.page),
            "sheet": None if self.sheet is None else str(self.sheet),
            "precision": self.precision,
            "seconds": round(self.seconds, 3),
        }

    def failure(self) -> AnimekitError | None:
        """Return the error with which a call ends: stopped, some failed, or all."""
        error: AnimekitError | None = None
        shown = ", ".join(f"{each.path} ({each.reason})" for each in self.failed[:NAMED])
        more = len(self.failed) - NAMED
        shown += f" and {more:,} more" if more > 0 else ""
        if self.stopped is not None:
            error = self.stopped(
                f"stopped after {self.done:,} of {self.pictures:,} pictures, each of them whole",
                "the same command with --skip-existing goes on",
            )
        elif self.failed and not self.items and not self.skipped:
            error = UnusableError(
                f"none of {self.pictures:,} pictures could be translated: {shown}",
                "animekit clean FOLDER finds damaged files",
                code="image.all_failed",
            )
        elif self.failed:
            error = PartialError(
                f"{len(self.failed):,} of {self.pictures:,} pictures failed: {shown}",
                "all others are done; failed.txt in the folder lists these",
                code="image.some_failed",
            )
        elif self.faceless and not self.items and not self.skipped:
            error = no_face(self.faceless)
        if error is not None:
            error.data = self.facts()
        return error


def no_face(pictures: Sequence[Path]) -> UnusableError:
    """Return the error that no face was found in any picture."""
    shown = ", ".join(map(str, pictures[:NAMED])) + (" ..." if len(pictures) > NAMED else "")
    what = "1 picture" if len(pictures) == 1 else f"any of {len(pictures):,} pictures"
    return UnusableError(
        f"no face found in {what}: {shown}",
        "--face off translates pictures whole; --detector lbp looks in another way",
        code="face.none",
    )
