"""Verdict: what one submission got, all its pictures and scripts together."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from animekit.grading.picture import PictureGrade, Verdict
from animekit.grading.remark import Remark, joined
from animekit.grading.rerun import Rerun


@dataclass(frozen=True)
class Grade:
    """What one submission got: its pictures, its scripts, and what else is wrong."""

    name: str
    place: Path
    pictures: list[PictureGrade]
    reruns: list[Rerun] = field(default_factory=list)
    remarks: list[Remark] = field(default_factory=list)

    @property
    def verdict(self) -> Verdict:
        """Whether all of it passes, some of it fails, or something could not be graded."""
        if any(not each.good for each in self.reruns):
            return "fail"
        if any(each.verdict == "fail" for each in self.pictures):
            return "fail"
        lacks = any(each.code in ("missing", "link") for each in self.remarks)
        if lacks or not self.pictures or any(each.faces is None for each in self.pictures):
            return "ungraded"
        return "pass"

    def lines(self) -> Iterator[tuple[str, str, str]]:
        """Yield name, verdict and details of each picture, script, and remark of its own."""
        for picture in self.pictures:
            yield picture.name, picture.words(), picture.details()
        for each in self.reruns:
            verdict = "" if each.picture is None and each.good else _reproduced(each)
            yield each.name, verdict, each.words()
        if self.remarks:
            missing = any(each.code == "missing" for each in self.remarks)
            yield self.name, "not graded" if missing else "", joined(self.remarks)

    def why(self) -> str:
        """Return in a few words why it did not pass."""
        for each in self.reruns:
            if not each.good:
                return joined(remark for remark in each.remarks if remark.fault)
        for picture in self.pictures:
            if picture.verdict != "pass":
                faults = joined(each for each in picture.remarks if each.fault)
                return faults if picture.faces is None else picture.words()
        return joined(self.remarks)

    def facts(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {
            "submission": self.name,
            "place": str(self.place),
            "verdict": self.verdict,
            "pictures": [each.facts() for each in self.pictures],
            "reruns": [each.facts() for each in self.reruns],
            "remarks": [each.facts() for each in self.remarks],
        }


def _reproduced(each: Rerun) -> str:
    return "reproduced" if each.good and each.reproduced else "not reproduced"
