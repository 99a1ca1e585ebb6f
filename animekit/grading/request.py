"""What is asked of a grading, checked before anything is read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from animekit.errors import UsageError
from animekit.grading.cells import COLUMNS, ROWS
from animekit.grading.execution import ScriptLimits, refuse_without_bash

PASS = 20
"""The course's: as many faces of 25 pass."""
LONGEST = 86_400.0  # seconds of a script


@dataclass(frozen=True)
class GradeRequest:
    """How pictures are graded, in the words of `animekit.grade`.

    Raises UsageError for numbers that cannot be, and an error where scripts cannot be run.
    """

    pictures: tuple[Path, ...]
    min_faces: int = PASS
    prompts: Path | Sequence[str] | None = None
    run: bool = False
    time_limit: float = 600.0
    write_limit: int = 2_000
    cascade: Path | str | None = None
    detector: str | None = None
    classifier: str | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot be."""
        if not 0 <= self.min_faces <= ROWS * COLUMNS:
            raise UsageError(
                f"{self.min_faces} faces of {ROWS * COLUMNS}", f"--min-faces 0 to {ROWS * COLUMNS}"
            )
        if not 0 < self.time_limit <= LONGEST:
            raise UsageError(
                f"a time limit of {self.time_limit:g} s", f"--time-limit up to {LONGEST:g}"
            )
        if not 1 <= self.write_limit <= 1_000_000:
            raise UsageError(f"{self.write_limit} MB to write", "--write-limit 1 to 1000000")
        if self.classifier is not None and self.prompts is None:
            raise UsageError("--classifier reads what prompts asked for", "--prompts FILE")
        if self.run:
            refuse_without_bash()
            if self.prompts is not None and not isinstance(self.prompts, Path):
                raise UsageError("run_cgan.sh takes a file", "give the testing text as a Path")

    @property
    def limits(self) -> ScriptLimits:
        """The limits of a script."""
        return ScriptLimits(self.time_limit, self.write_limit * 1_000_000)
