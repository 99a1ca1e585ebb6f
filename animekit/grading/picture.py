"""Picture: one that was handed in, graded: faces, cells, variety, prompts, and what is wrong."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from PIL import Image

from animekit.errors import AnimekitError
from animekit.files import as_error
from animekit.grading.cells import COLUMNS, ROWS, SIDE, CellLayout, blank, find_layout
from animekit.grading.jury import NO_BOXES, Jury
from animekit.grading.reading import PromptReading, read_prompts_of
from animekit.grading.remark import Remark, hint, joined
from animekit.grading.submission import Kind, is_plain_file
from animekit.grading.variety import Variety, measure_variety
from animekit.images.decode import (
    ImageError,
    decode_whole,
    header,
    read_image_file,
    read_with,
    upright,
)
from animekit.images.layout import course_figure

MOST_PIXELS = 4_000_000  # of a picture that is graded: 5x5 of 400 px
LEAST = 24  # px of a picture's side in which a face is looked for
GREY = 2  # levels by which the channels of a grey picture differ at most

Verdict = Literal["pass", "fail", "ungraded"]


@dataclass(frozen=True)
class PictureGrade:
    """What was found in one picture.

    `faces` is the number that the gate looks at, None where the picture cannot be graded; `counts`
    holds all numbers: `cascade` on the picture as it is, `figure` on the course's figure of its
    cells, `detector` cells with a face. `sha256` is that of the file, `pixels` what it shows.
    """

    name: str
    kind: Kind
    source: Literal["handed in", "run"] = "handed in"
    sha256: str = ""
    format: str = ""
    size: tuple[int, int] | None = None
    layout: CellLayout | None = None
    faces: int | None = None
    passed: bool = False
    counts: dict[str, int] = field(default_factory=dict)
    variety: Variety | None = None
    reading: PromptReading | None = None
    remarks: tuple[Remark, ...] = ()
    pixels: np.ndarray | None = field(default=None, repr=False, compare=False)
    boxes: np.ndarray = field(default_factory=lambda: NO_BOXES, repr=False, compare=False)
    faceless: tuple[int, ...] = ()

    @property
    def verdict(self) -> Verdict:
        """Whether it passes the gate, fails it, or could not be graded."""
        if self.faces is None:
            return "ungraded"
        return "pass" if self.passed else "fail"

    def words(self) -> str:
        """Return the verdict in words, as in "24 faces: pass"."""
        if self.faces is None:
            return "not graded"
        return f"{self.faces} face{'' if self.faces == 1 else 's'}: {self.verdict}"

    def details(self) -> str:
        """Return the rest of its line: what is wrong first, then what was found."""
        parts = [joined(self.remarks)] if self.remarks else []
        if self.layout is not None and "cascade" in self.counts and "detector" in self.counts:
            parts.append(f"{self.counts['detector']} of {self.layout.count} by the detector")
        if self.layout is not None and self.layout.is_course:
            parts.append(self.layout.words())
        if self.variety is not None and not self.variety.collapsed:
            parts.append(self.variety.words())
        if self.reading is not None:
            parts.append(self.reading.words())
        return "; ".join(parts)

    def facts(self) -> dict[str, Any]:
        """Return it as plain values."""
        width, height = self.size or (None, None)
        return {
            "picture": self.name,
            "kind": self.kind,
            "source": self.source,
            "sha256": self.sha256,
            "format": self.format,
            "width": width,
            "height": height,
            "layout": None if self.layout is None else self.layout.facts(),
            "faces": self.faces,
            "verdict": self.verdict,
            "counts": dict(self.counts),
            "faceless": list(self.faceless),
            "variety": None if self.variety is None else self.variety.facts(),
            "prompts": None if self.reading is None else self.reading.facts(),
            "remarks": [each.facts() for each in self.remarks],
        }


def grade_file(
    path: Path, name: str, kind: Kind, jury: Jury, least: int, **more: Any
) -> PictureGrade:
    """Grade a file; what makes that impossible becomes its remark.

    `least` faces pass. `more` are fields of the result.
    """
    try:
        if not is_plain_file(path):
            words = "a folder" if path.is_dir() else "no file but a pipe or a device"
            return _ungraded(name, kind, "no_file", words, **more)
        data = read_image_file(path)
    except OSError as error:
        return _ungraded(name, kind, "unreadable", as_error(error).message, **more)
    except ImageError as error:
        return _ungraded(name, kind, error.code.removeprefix("image."), error.reason, **more)
    return grade_bytes(data, name, kind, jury, least, **more)


def grade_bytes(
    data: bytes, name: str, kind: Kind, jury: Jury, least: int, **more: Any
) -> PictureGrade:
    """Grade the bytes of a picture, as `grade_file` does."""
    known = {"sha256": hashlib.sha256(data).hexdigest(), **more}
    head = header(data)
    if head is not None:
        known |= {"format": head.format, "size": (head.width, head.height)}
        if head.width * head.height > MOST_PIXELS:
            words = f"{head.width}x{head.height} pixels are far too many for {ROWS}x{COLUMNS} faces"
            return _ungraded(name, kind, "too_large", words, **known)
    try:
        shown, clear, moves = decode_whole(data)
        seen = read_with(_without_alpha, data, "") if clear else shown
    except ImageError as error:
        return _ungraded(name, kind, error.code.removeprefix("image."), error.reason, **known)
    known["size"] = shown.shape[1], shown.shape[0]
    if min(shown.shape[:2]) < LEAST:
        words = f"{shown.shape[1]}x{shown.shape[0]} pixels are too few for a face"
        return _ungraded(name, kind, "too_small", words, **known)
    remarks = list(
        _of_the_file(data, str(known.get("format", "")), shown, clear=clear, moves=moves)
    )
    return _graded(seen, shown, name, kind, jury, least, remarks, known)


def _ungraded(name: str, kind: Kind, code: str, words: str, **more: Any) -> PictureGrade:
    remarks = (*more.pop("remarks", ()), Remark(code, words))
    return PictureGrade(name, kind, remarks=remarks, **more)


def _without_alpha(image: Image.Image) -> np.ndarray:
    """Return RGB as `cv2.imread` gives it to the course's loop: an alpha is left out."""
    return np.ascontiguousarray(np.asarray(upright(image))[..., :3])


def _of_the_file(
    data: bytes, format: str, shown: np.ndarray, *, clear: bool, moves: bool
) -> Iterator[Remark]:
    """Yield what is odd in a file that can be read."""
    if format != "PNG":
        yield Remark("not_png", f"{format}, not PNG")
    elif data[24] == 16:
        yield Remark("deep", "16 bits a channel, read as 8")
    if clear:
        yield Remark("transparent", "partly transparent: the course's loop sees what is under it")
    if moves:
        yield Remark("moves", "the first of several frames")
    spread = shown.max(axis=2).astype(int) - shown.min(axis=2)
    if shown.std() < 1:
        yield Remark("flat", "one colour all over")
    elif spread.max() <= GREY:
        yield Remark("grey", "grey, without colour")


def _graded(
    seen: np.ndarray,
    shown: np.ndarray,
    name: str,
    kind: Kind,
    jury: Jury,
    least: int,
    remarks: list[Remark],
    known: dict[str, Any],
) -> PictureGrade:
    """Return the grade of a picture: as the course sees it, and as it is shown."""
    layout = find_layout(shown)
    cells = [] if layout is None else layout.cut(shown)
    boxes = jury.by_cascade(seen)
    counts = {} if boxes is None else {"cascade": len(boxes)}
    inside = [jury.by_detector(cell) for cell in cells]
    found = [len(each) > 0 for each in inside]
    if jury.detector is not None:
        counts["detector"] = sum(found) if cells else len(jury.by_detector(shown))
    if layout is not None and layout.count <= ROWS * COLUMNS and layout.style != "figure":
        figure = jury.by_cascade(course_figure(np.stack(cells))[..., :3])
        counts |= {} if figure is None else {"figure": len(figure)}
    faces = counts[jury.decides]
    variety = measure_variety(cells, jury.registry) if len(cells) > 1 else None
    reading = None
    if cells and jury.classifier is not None and kind == "cgan" and len(cells) >= len(jury.prompts):
        reading = read_prompts_of(cells, jury.prompts, jury.classifier)
    remarks += _of_the_cells(layout, cells, counts, least, jury)
    if variety is not None and variety.collapsed:
        remarks.append(hint("collapse", variety.words()))
    if kind == "cgan" and 0 < len(cells) < len(jury.prompts):
        remarks.append(Remark("prompts", f"{len(cells)} images for {len(jury.prompts)} prompts"))
    return PictureGrade(
        name,
        kind,
        layout=layout,
        faces=faces,
        passed=faces >= least,
        counts=counts,
        variety=variety,
        reading=reading,
        remarks=tuple(remarks),
        pixels=shown,
        boxes=_placed(layout, inside) if boxes is None else boxes,
        faceless=tuple(
            i for i, has in enumerate(found, 1) if not has and jury.detector is not None
        ),
        **known,
    )


def _placed(layout: CellLayout | None, inside: Sequence[np.ndarray]) -> np.ndarray:
    """Return the first box of each cell where it lies in the picture, int [N, 4]."""
    if layout is None:
        return NO_BOXES
    corners = [(left, top, 0, 0) for top, _ in layout.rows for left, _ in layout.columns]
    pairs = zip(corners, inside, strict=True)
    return np.array([each[0] + corner for corner, each in pairs if len(each)]).reshape(-1, 4)


def _of_the_cells(
    layout: CellLayout | None,
    cells: Sequence[np.ndarray],
    counts: dict[str, int],
    least: int,
    jury: Jury,
) -> Iterator[Remark]:
    """Yield what is wrong with the grid, and where the numbers need a word."""
    if layout is None:
        yield Remark("no_grid", "no grid of images is seen in it")
        return
    if not layout.is_course:
        asked = f"not {ROWS}x{COLUMNS} of {SIDE}x{SIDE}"
        yield Remark("layout", f"{layout.words()}, {asked}")
    if empty := blank(cells):
        numbers = ", ".join(map(str, empty)) if len(empty) < len(cells) else "all"
        yield Remark("blank", f"images of one colour: {numbers}")
    if counts.get("cascade", 0) > len(cells):
        yield hint("more_faces", f"more faces than its {len(cells)} images")
    figure = counts.get("figure", 0)
    if jury.decides == "cascade" and counts["cascade"] < least <= figure:
        yield hint("figure", f"{figure} faces if drawn as the course's figure")


class Apart(NamedTuple):
    """How two pictures differ: words, "" for equal bytes, and mean levels."""

    words: str
    levels: float

    @property
    def same(self) -> bool:
        """Whether they show the same."""
        return self.levels == 0


def difference(first: bytes, second: bytes) -> Apart:
    """Hold two files against each other; what cannot be compared is far apart."""
    if first == second:
        return Apart("", 0.0)
    try:
        one, other = decode_whole(first).pixels, decode_whole(second).pixels
    except AnimekitError as error:
        return Apart(f"one cannot be read: {error.message}", math.inf)
    if one.shape != other.shape:
        sizes = " and ".join(f"{each.shape[1]}x{each.shape[0]}" for each in (one, other))
        return Apart(f"{sizes} pixels", math.inf)
    apart = np.abs(one.astype(int) - other)
    if not apart.any():
        return Apart("the same pixels in other bytes", 0.0)
    share = 100 * float((apart.max(axis=2) > 0).mean())
    mean = float(apart.mean())
    return Apart(f"{share:.0f} % of pixels differ, by {mean:.2g} levels in the mean", mean)
