"""The page of a grading: a table of all pictures, then each with its frames; it has no script."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from animekit.grading.framed import LEGEND, framed
from animekit.grading.picture import PictureGrade, Verdict
from animekit.grading.verdict import Grade
from animekit.images.figures import PageFigure
from animekit.images.page import render

LONGEST = 720  # px of a picture in the page
QUALITY = 80
CLASSES = {"pass": "keep", "fail": "reject", "ungraded": "review"}


def grade_page(
    grades: Sequence[Grade],
    *,
    counts: Mapping[Verdict, int],
    min_faces: int,
    by: str,
    notes: Sequence[str],
) -> str:
    """Return a grading as one page of HTML that needs nothing else."""
    return render(
        "grade.html",
        counts=counts,
        total=len(grades),
        min_faces=min_faces,
        by=by,
        legend=LEGEND,
        notes=notes,
        grades=[_values(number, grade) for number, grade in enumerate(grades, 1)],
    )


def _values(number: int, grade: Grade) -> dict[str, Any]:
    return {
        "anchor": f"s{number}",
        "name": grade.name,
        "verdict": grade.verdict,
        "class": CLASSES[grade.verdict],
        "lines": list(grade.lines()),
        "remarks": grade.remarks,
        "pictures": [_picture(each) for each in grade.pictures],
        "reruns": [
            {"words": each.words(), "good": each.good, "facts": each.facts()}
            for each in grade.reruns
        ],
    }


def _picture(picture: PictureGrade) -> dict[str, Any]:
    figure = None
    if picture.pixels is not None:
        figure = PageFigure.of(picture.name, framed(picture), quality=QUALITY, longest=LONGEST)
    return {
        "name": picture.name,
        "words": picture.words(),
        "class": CLASSES[picture.verdict],
        "figure": figure,
        "remarks": sorted(picture.remarks, key=lambda each: not each.fault),
        "found": list(_found(picture)),
        "prompts": [] if picture.reading is None else picture.reading.rows,
        "by": "" if picture.reading is None else picture.reading.by,
    }


def _found(picture: PictureGrade) -> Iterator[tuple[str, str]]:
    """Yield what was found in a picture, as pairs of words."""
    counts, layout = picture.counts, picture.layout
    if "cascade" in counts:
        yield "faces on the picture as it is", str(counts["cascade"])
    if "figure" in counts:
        yield "drawn as the course's figure", str(counts["figure"])
    if "detector" in counts:
        of = "" if layout is None else f" of {layout.count}"
        yield "images with a face, by the detector", f"{counts['detector']}{of}"
    if layout is not None:
        yield "layout", layout.words()
    if picture.variety is not None:
        yield "variety", picture.variety.words()
    if picture.reading is not None:
        yield "prompts", picture.reading.words()
    if picture.size is not None:
        yield "file", f"{picture.format} {picture.size[0]}x{picture.size[1]}"
