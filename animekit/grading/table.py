"""Table: the grades as CSV, a row for each picture, safe to be opened in a spreadsheet."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from typing import Any

from animekit.grading.picture import PictureGrade
from animekit.grading.remark import Remark
from animekit.grading.verdict import Grade
from animekit.text import printable

COLUMNS = (
    *("submission", "picture", "verdict", "faces", "by_cascade", "as_figure", "by_detector"),
    *("rows", "columns", "cell_width", "cell_height", "layout", "different", "ms_ssim"),
    *("hair_right", "hair_asked", "eyes_right", "eyes_asked"),
    *("reproduced", "as_handed_in", "seconds", "faults", "hints", "sha256"),
)
FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""How a cell begins that a spreadsheet would compute."""


def as_csv(grades: Sequence[Grade]) -> str:
    """Return a row for each picture, and for each submission without one."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for grade in grades:
        for row in _rows(grade):
            writer.writerow({key: _cell(value) for key, value in row.items()})
    return text.getvalue()


def _rows(grade: Grade) -> Iterator[dict[str, Any]]:
    """Yield the rows of a submission; what is of all of it stands in each."""
    own = [*grade.remarks, *(remark for each in grade.reruns for remark in each.remarks)]
    if not grade.pictures:
        yield {"submission": grade.name, "verdict": grade.verdict, **_remarks(own)}
    for picture in grade.pictures:
        row: dict[str, Any] = {"submission": grade.name, **_remarks([*picture.remarks, *own])}
        for each in grade.reruns:
            if each.kind == picture.kind and each.executions:
                row["reproduced"] = each.reproduced
                row["as_handed_in"] = each.as_handed_in
                row["seconds"] = round(max(done.seconds for done in each.executions), 1)
        yield row | _of_a_picture(picture)


def _remarks(remarks: Sequence[Remark]) -> dict[str, str]:
    return {
        "faults": "; ".join(each.text for each in remarks if each.fault),
        "hints": "; ".join(each.text for each in remarks if not each.fault),
    }


def _of_a_picture(picture: PictureGrade) -> dict[str, Any]:
    counts, layout, variety = picture.counts, picture.layout, picture.variety
    row: dict[str, Any] = {
        "picture": picture.name,
        "verdict": picture.verdict,
        "faces": picture.faces,
        "by_cascade": counts.get("cascade"),
        "as_figure": counts.get("figure"),
        "by_detector": counts.get("detector"),
        "sha256": picture.sha256,
    }
    if layout is not None:
        facts = layout.facts()
        row |= {key: facts[key] for key in ("rows", "columns", "cell_width", "cell_height")}
        row["layout"] = layout.style
    if variety is not None:
        row["different"] = variety.different
        row["ms_ssim"] = None if variety.ms_ssim is None else f"{variety.ms_ssim:.4f}"
    if picture.reading is not None:
        for name, (right, asked) in picture.reading.shares().items():
            row |= {f"{name}_right": right, f"{name}_asked": asked}
    return row


def _cell(value: Any) -> Any:
    """Return a value as a spreadsheet may show it: names that begin as a formula are quoted.

    >>> _cell("=1+1"), _cell(None), _cell(True), _cell(-3)
    ("'=1+1", '', 'yes', -3)
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        text = printable(value)
        return f"'{text}" if text.startswith(FORMULA) else text
    return value
