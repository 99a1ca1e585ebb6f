"""Faces found in generated images: the course's check, and a detector that needs no download."""

from __future__ import annotations

from functools import cached_property
from typing import ClassVar, NamedTuple

import numpy as np
from pydantic import Field

from animekit.cleaning.cascade import (
    NEIGHBOURS,
    SCALE,
    SMALLEST,
    Cascade,
    equalised,
    find_cascade,
    framed,
)
from animekit.cleaning.detector import Detector, boxes_of
from animekit.config import Params
from animekit.errors import AnimekitError
from animekit.evaluation.metric import Exhibit, Metric
from animekit.hookspecs import hookimpl
from animekit.images.layout import course_figure, grid
from animekit.images.pixels import resize

from ._common import checked

CELLS, COLUMNS, CELL = 25, 5, 64  # images of a figure, in a row of it, and their side in pixels
OWN = "own"
SETTING = f"equalizeHist, scale {SCALE}, neighbours {NEIGHBOURS}, smallest {SMALLEST} px"


class FacesParams(Params):
    """How many figures are judged, and by what."""

    figures: int = Field(20, ge=1, description="figures of 25 images that are judged, at most")
    cascade: str | None = Field(None, description="cascade XML, else the one of animekit models")
    detector: str | None = Field(
        None, description="detector that judges images one by one, else own where it is installed"
    )


class Judges(NamedTuple):
    """Who counts faces here, and the error of each who cannot."""

    cascade: Cascade | None
    detector: Detector | None
    errors: list[AnimekitError]


class Faces(Metric):
    """Faces found of 25 images, by the course's check (2018) and by a detector.

    `faces_figure` is the course's number: the boxes that the LBP cascade finds on its figure of 25
    images, 640x480 with white between them, at the course's setting; 20 pass. `faces_tight` is the
    same on the images side by side, where their borders hide faces from the cascade: the higher
    number is the fairer one. `faces_own` counts images, of 25, in which a detector that needs no
    download finds a face. All are means over figures, with the spread over figures as `_sd`.
    """

    name = "faces"
    better = "higher"
    protocol: ClassVar[str] = "faces/mlds2018"
    fewest = CELLS
    uses_real = False
    gate: ClassVar[tuple[str, ...]] = ("faces_figure", "faces_own")
    """Numbers that a gate on faces looks at: the first that there is."""
    PASS: ClassVar[int] = 20
    """The course's: as many faces of 25 pass."""
    Params = FacesParams
    params: FacesParams

    @cached_property
    def judges(self) -> Judges:
        """Return the cascade and the detector, where they can be had.

        Raises the error of one that was asked for and cannot.
        """
        errors: list[AnimekitError] = []
        cascade, detector = None, None
        try:
            cascade = Cascade(find_cascade(self.params.cascade))
        except AnimekitError as error:
            if self.params.cascade is not None:
                raise
            errors.append(error)
        try:
            detector = self.context.plugins().get("detector", self.params.detector or OWN)()
            if (missing := detector.missing()) is not None:
                raise missing
        except AnimekitError as error:
            if self.params.detector is not None:
                raise
            detector = None
            errors.append(error)
        return Judges(cascade, detector, errors)

    def missing(self) -> AnimekitError | None:
        """Return the error of what was asked for, or that nothing here can judge."""
        try:
            cascade, detector, errors = self.judges
        except AnimekitError as error:
            return error
        return errors[0] if cascade is None and detector is None else None

    def definition(self, count: int) -> str:
        """Return one line: whose check, on how many figures, and by what."""
        cascade, detector, _ = self.judges
        figures = min(count // CELLS, self.params.figures)
        parts = [self.protocol, f"{figures} figures of {CELLS}"]
        if cascade is not None:
            parts += [SETTING, f"{cascade.path.name} by {cascade.backend}"]
        if detector is not None:
            parts.append(f"faces_own by detector {detector.name}")
        return ", ".join([*parts, f"n {count:,}"])

    def compute(
        self, real: object, fake: np.ndarray, labels: np.ndarray | None = None
    ) -> dict[str, float]:
        """Return mean faces of 25 and their spread; uint8 [N, 3, H, W], N >= 25.

        Raises the error that `missing` returns.
        """
        if (missing := self.missing()) is not None:
            raise missing
        cascade, detector, errors = self.judges
        for error in errors:
            self.context.warn(f"{error.message}: {error.hint}")
        if cascade is not None and cascade.note:
            self.context.warn(cascade.note)
        counts: dict[str, list[int]] = {}
        figures = self._figures(fake)
        for number, figure in enumerate(figures, 1):
            for key, count in _count(figure, cascade, detector).items():
                counts.setdefault(key, []).append(count)
            self.context.progress(number / len(figures))
        return _summary(counts)

    def illustrate(
        self, real: object, fake: np.ndarray, labels: np.ndarray | None = None
    ) -> list[Exhibit]:
        """Return the first figure and the same images, with frames round faces."""
        cascade, detector, _ = self.judges
        figure = self._figures(fake)[0]
        shown = []
        if cascade is not None:
            for name, picture in _pictures(figure).items():
                boxes = cascade.detect(equalised(picture))
                caption = f"{len(boxes)} faces of {CELLS} by {cascade.path.name}"
                shown.append(Exhibit(name, caption, framed(picture, boxes)))
        if detector is not None:
            boxes, found = _boxes_on_grid(figure, detector)
            caption = f"a face in {found} of {CELLS} images by detector {detector.name}"
            picture = _pictures(figure)["faces_tight"]
            shown.append(Exhibit("faces_own", caption, framed(picture, boxes)))
        return shown

    def _figures(self, fake: np.ndarray) -> np.ndarray:
        """Return the images that are judged, uint8 [figures, 25, H, W, 3]."""
        pictures = checked(fake, "fake", CELLS)
        figures = min(len(pictures) // CELLS, self.params.figures)
        chosen = pictures[: figures * CELLS].transpose(0, 2, 3, 1)
        return chosen.reshape(figures, CELLS, *chosen.shape[1:])


def _pictures(figure: np.ndarray) -> dict[str, np.ndarray]:
    """Return 25 images as the course's figure and side by side, uint8 [H, W, 3]."""
    cells = np.stack([resize(image, CELL) for image in figure])
    return {
        "faces_figure": course_figure(figure)[..., :3],
        "faces_tight": grid(cells, COLUMNS),
    }


def _count(
    figure: np.ndarray, cascade: Cascade | None, detector: Detector | None
) -> dict[str, int]:
    counts = {}
    if cascade is not None:
        for name, picture in _pictures(figure).items():
            counts[name] = len(cascade.detect(equalised(picture)))
    if detector is not None:
        found = [len(boxes_of(detector, np.ascontiguousarray(image))) > 0 for image in figure]
        counts["faces_own"] = sum(found)
    return counts


def _summary(counts: dict[str, list[int]]) -> dict[str, float]:
    result = {}
    for name, values in counts.items():
        result[name] = float(np.mean(values))
        if len(values) > 1:
            result[f"{name}_sd"] = float(np.std(values, ddof=1))
    return result


def _boxes_on_grid(figure: np.ndarray, detector: Detector) -> tuple[np.ndarray, int]:
    """Return a detector's boxes where the images lie on the grid, and in how many it found any."""
    boxes, found = [np.zeros((0, 4))], 0
    height, width = figure.shape[1:3]
    side = min(height, width)  # of the square that the grid shows
    for index, image in enumerate(figure):
        faces = boxes_of(detector, np.ascontiguousarray(image))[:, :4].astype(float)
        found += len(faces) > 0
        faces[:, :2] -= [(width - side) // 2, (height - side) // 2]
        faces *= CELL / side
        ends = np.clip(faces[:, :2] + faces[:, 2:], 0, CELL - 1)
        starts = np.clip(faces[:, :2], 0, CELL - 1)
        row, column = divmod(index, COLUMNS)
        corner = np.array([column, row]) * CELL
        boxes.append(np.concatenate([starts + corner, ends - starts], axis=1))
    return np.rint(np.concatenate(boxes)).astype(int), found


@hookimpl
def animekit_metrics() -> list[type[Metric]]:
    """Bring the metric in."""
    return [Faces]
