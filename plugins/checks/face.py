"""Check for faces: none where there should be one, or too many."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from pydantic import Field, field_validator

from animekit.cleaning.check import Check, Context, Finding, Measures, Picture, Reason, parse_range
from animekit.cleaning.detector import Detector, boxes_of
from animekit.config import Params
from animekit.errors import AnimekitError
from animekit.hookspecs import hookimpl

if TYPE_CHECKING:
    import pandas as pd

STACKED = 4
"""Pictures of one shape from which on a detector that can is given all of them at once."""
MOST_BOXES = 64
"""Boxes of one picture that are kept, the best first."""


class FaceParams(Params):
    """Which detector looks, and how many faces a picture must have."""

    detector: str = Field("own", description="the detector that looks, by name")
    faces: str = Field("1..", description="how many faces a picture must have, as in 1.. or 1")

    @field_validator("faces")
    @classmethod
    def _is_range(cls, value: str) -> str:
        parse_range(value)
        return value


class Face(Check):
    """Find pictures without an anime face, or with more than were asked for.

    For a person to review, since every detector misses true faces. The manifest's `faces` counts
    what the detector looks for: `own` passes over faces that are small in a tight crop.
    """

    name = "face"
    reasons: ClassVar[tuple[Reason, ...]] = (
        Reason("no_face", "review", "no anime face", worst="lowest"),
        Reason("too_many_faces", "review", "too many faces"),
    )
    measures: ClassVar[tuple[str, ...]] = ("faces", "face", "boxes")
    shown: ClassVar[tuple[str, ...]] = ("face",)
    Params = FaceParams
    params: FaceParams

    def __init__(self, params: FaceParams | None = None) -> None:
        super().__init__(params)
        self._detector: Detector | None = None

    def missing(self, context: Context) -> AnimekitError | None:
        """Return the error of a detector that is unknown or lacks its weights."""
        try:
            return self._made(context).missing()
        except AnimekitError as error:
            return error

    def begin(self, context: Context) -> None:
        """Make the detector."""
        self._detector = self._made(context)
        self.forks = self._detector.forks

    def key(self) -> str:
        """Return the detector: its name and what identifies its weights and parameters."""
        detector: Any = self._detector
        if hasattr(detector, "identity"):
            known = detector.identity()
        else:
            known = f"{type(detector).__module__} {detector.params.model_dump_json()}"
        return f"{self.params.detector}-{hashlib.sha256(known.encode()).hexdigest()[:8]}"

    def measure_many(self, pictures: Sequence[Picture]) -> list[Measures]:
        """Return the number of faces, the best score, and the boxes with scores."""
        assert self._detector is not None, "begin comes first"
        several: Any = getattr(self._detector, "detect_many", None)
        shapes: dict[tuple[int, int], list[Picture]] = {}
        for picture in pictures:
            shapes.setdefault(picture.size, []).append(picture)
        found: dict[int, Measures] = {}
        for group in shapes.values():
            images = [picture.pixels for picture in group]
            # a stack may be of a fixed size: one picture of its own shape would fill it with air
            stacked = several is not None and len(group) >= STACKED
            boxes = (
                several(images) if stacked else [boxes_of(self._detector, each) for each in images]
            )
            found |= zip(map(id, group), map(_measures, boxes), strict=True)
        return [found[id(picture)] for picture in pictures]

    def measure(self, picture: Picture) -> Measures:
        """Return how many faces there are, the best score, and the boxes."""
        return self.measure_many([picture])[0]

    def judge(self, table: pd.DataFrame) -> list[Finding]:
        """Return the pictures with too few faces and with too many."""
        least, most = parse_range(self.params.faces)
        self.thresholds = {"least": least, "most": most}
        found = []
        seen = table[table["faces"].notna()]
        for row, faces, best in zip(seen.index, seen["faces"], seen["face"], strict=True):
            if faces < least:
                note = "" if least <= 1 else f"{faces:.0f} faces"
                found.append(Finding(row, self.reason("no_face"), float(best), note=note))
            elif faces > most:
                note = f"{faces:.0f} faces"
                reason = self.reason("too_many_faces")
                found.append(Finding(row, reason, float(faces), most, note))
        return found

    def _made(self, context: Context) -> Detector:
        made: Detector = context.registry.get("detector", self.params.detector)()
        return made


def _measures(boxes: np.ndarray) -> Measures:
    boxes = np.asarray(boxes, np.float64).reshape(-1, 5)
    best = float(boxes[:, 4].max()) if len(boxes) else 0.0
    # a batch may move the last bits of a float: they must not reach the manifest
    kept = [[*(round(v, 1) for v in box[:4]), round(box[4], 3)] for box in boxes.tolist()]
    return {"faces": len(boxes), "face": round(best, 3), "boxes": kept[:MOST_BOXES]}


@hookimpl
def animekit_checks() -> list[type[Check]]:
    """Bring the check in."""
    return [Face]
