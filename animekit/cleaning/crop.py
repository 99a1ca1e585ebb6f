"""Crops: square pictures of the faces in whole illustrations, each with where it came from."""

from __future__ import annotations

import hashlib
import json
from collections import deque
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from animekit import plugins
from animekit.cleaning.check import FOREIGN, UNOPENED
from animekit.cleaning.crop_list import (
    AGAIN,
    KEY,
    Crop,
    Cropped,
    read_crop,
    refuse,
    stem,
    still_there,
    write_list,
)
from animekit.cleaning.detector import boxes_of
from animekit.data.dataset import Skipped
from animekit.data.manifest import newest_manifest, read_manifest
from animekit.data.survey import ARCHIVE, File, survey
from animekit.device import threads
from animekit.errors import DataError, UsageError
from animekit.files import Progress, as_error, cores
from animekit.images.decode import ImageError, decode, read_image_file
from animekit.images.pixels import resize as resize_square
from animekit.images.write import write_png
from animekit.signals import StopSignals

if TYPE_CHECKING:
    from animekit.cleaning.detector import Detector
    from animekit.plugins import Registry

MARGIN = 0.3
"""Share of a face's box that is added on each side of it."""
MIN_SIZE = 64
"""Pixels of the side of the smallest crops, before they are resized."""
AHEAD = 2
"""Pictures a worker that wait for it, as names: only those in work are in memory."""

Faces = Literal["all", "largest"]


def crop(
    source: Path | str,
    out: Path | str,
    *,
    detector: str = "own",
    margin: float = MARGIN,
    resize: int | None = None,
    faces: Faces = "all",
    min_score: float = 0.0,
    min_size: int = MIN_SIZE,
    boxes: Mapping[str, Any] | None = None,
    workers: int | None = None,
    registry: Registry | None = None,
    progress: Progress | None = None,
    overwrite: bool = False,
) -> Cropped:
    """Cut the faces out of all pictures of a folder, as square PNGs in another one.

    The k-th face from the left of `a/b.jpg` becomes `a/b_k.png`: the box of the detector, larger by
    `margin` of itself on each side, made square. At the border the square moves inside, and where
    the picture is too small for it, it shrinks: no pixel is invented. `resize` then scales as
    training does. Faces with a lower score than `min_score`, and crops whose side would be below
    `min_size`, are counted alone. Pictures that the newest manifest of the source rejects are left
    out. `boxes` are known already, by the sha256 of the file, as `face.boxes` of a cleaning.

    `crops.csv` and `crops.json` in `out` say where each crop came from and what gave none. Raises
    UsageError, UnusableError or DataError, all before anything is written, where names would
    collide or something is in the way, and DataError where no face was found at all.
    """
    source, out = Path(source), Path(out)
    job = _Job(source, out, detector, margin, resize, faces, min_score, min_size, boxes or {})
    found = survey(source)
    rejected = _rejected(source)
    files = [file for file in found.files if file.name not in rejected]
    made = Cropped(out, len(found.files), settings=job.settings())
    made.rejected = sorted(file.name for file in found.files if file.name in rejected)
    made.failed = [item for item in found.skipped if item.reason != ARCHIVE]
    listed = refuse(source, out, [file.name for file in files], overwrite=overwrite)
    registry = plugins.load() if registry is None else registry
    job.ready(registry)
    try:
        _run(job, files, made, cores() if workers is None else workers, progress)
        if not made.crops:
            raise _nothing(made)
        made.stale = still_there(out, listed - {each.crop for each in made.crops})
        write_list(made)
    except OSError as error:
        raise as_error(error, AGAIN) from None
    return made


def square(
    box: Sequence[float] | np.ndarray, margin: float, width: int, height: int
) -> tuple[int, int, int]:
    """Return left, top and side of the square that is cut out round a box x, y, w, h.

    >>> square((10, 10, 20, 20), 0.5, 100, 100), square((0, 0, 20, 20), 0.5, 100, 30)
    ((0, 0, 40), (0, 0, 30))
    """
    x, y, w, h = (float(value) for value in box[:4])
    side = max(1, min(round(max(w, h) * (1 + 2 * margin)), width, height))
    left = min(max(round(x + w / 2 - side / 2), 0), width - side)
    top = min(max(round(y + h / 2 - side / 2), 0), height - side)
    return left, top, side


@dataclass
class _Job:
    """What is asked for, and the work on one picture; called from several threads."""

    source: Path
    out: Path
    detector: str
    margin: float
    resize: int | None
    faces: Faces
    min_score: float
    min_size: int
    boxes: Mapping[str, Any]
    _finder: Detector | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.margin <= 10:
            raise UsageError(f"a margin of {self.margin:g} is no share", "give 0 to 10, as in 0.3")
        for words, side in (("resize to", self.resize), ("ask for crops of", self.min_size)):
            if side is not None and side < 1:
                raise UsageError(f"cannot {words} {side} pixels", "give 1 or more, as in 64")
        if self.faces not in ("all", "largest"):
            raise UsageError(f'cannot take "{self.faces}" of the faces', "give all or largest")

    def settings(self) -> dict[str, Any]:
        """Return what crops depend on, for crops.json."""
        names = ("detector", "margin", "resize", "faces", "min_score", "min_size")
        return {name: getattr(self, name) for name in names}

    def ready(self, registry: Registry) -> None:
        """Make the detector; raises its error where it cannot look."""
        self._finder = registry.get("detector", self.detector)()
        error = self._finder.missing()
        if error is not None:
            raise error

    def work(self, file: File) -> _Done:
        """Read one picture and write its crops."""
        name = file.name
        try:
            data = read_image_file(self.source / name, name)
            image = decode(data, name)
        except ImageError as error:
            return _Done(failed=Skipped(name, error.reason))
        sha256 = hashlib.sha256(data).hexdigest()
        height, width = image.shape[:2]
        boxes = self._find(image, sha256, name)
        sure = [box for box in boxes if box[4] >= self.min_score]
        cuts = [(box, square(box, self.margin, width, height)) for box in sure]
        large = [pair for pair in cuts if pair[1][2] >= self.min_size]
        done = _Done(faces=len(sure), unsure=len(boxes) - len(sure), small=len(sure) - len(large))
        if self.faces == "largest":
            large = sorted(large, key=lambda pair: -pair[0][2] * pair[0][3])[:1]
        for number, (box, cut) in enumerate(large, start=1):
            done.crops.append(self._cut(image, name, sha256, number, box, cut))
        return done

    def _find(self, image: np.ndarray, sha256: str, name: str) -> list[list[float]]:
        """Return the boxes from left to right."""
        known = self.boxes.get(sha256)
        if not isinstance(known, list):  # a table has NaN where nothing was measured
            assert self._finder is not None, "ready comes first"
            try:
                known = boxes_of(self._finder, image).tolist()
            except Exception as error:
                error.add_note(f"while detector {self.detector} looked at {name}")
                raise
        places = (1, 1, 1, 1, 3)  # as in a table of measures: what is known already, or not, agrees
        boxes = [[round(float(v), n) for v, n in zip(b, places, strict=True)] for b in known]
        return sorted(boxes)

    def _cut(
        self,
        image: np.ndarray,
        name: str,
        sha256: str,
        number: int,
        box: list[float],
        cut: tuple[int, int, int],
    ) -> Crop:
        x, y, w, h, score = box
        left, top, side = cut
        pixels = image[top : top + side, left : left + side]
        size = side if self.resize is None else self.resize
        place = f"{stem(name)}_{number}.png"
        made = Crop(
            *(place, name, sha256, x, y, w, h, score),
            *(self.detector, self.margin, left, top, side, size),
        )
        write_png(self.out / place, resize_square(pixels, size), {KEY: json.dumps(asdict(made))})
        return made


@dataclass
class _Done:
    """What came of one picture."""

    crops: list[Crop] = field(default_factory=list)
    faces: int = 0
    unsure: int = 0
    small: int = 0
    failed: Skipped | None = None


def _run(
    job: _Job, files: list[File], made: Cropped, workers: int, progress: Progress | None
) -> None:
    if workers < 1:
        raise UsageError(f"{workers} workers cannot work", "--workers 2, or leave it out")
    report = progress or (lambda done, total: None)
    report(0, len(files))
    with StopSignals() as signals, threads(1):  # torch's own threads would fight with ours
        for count, (file, done) in enumerate(_in_order(job, files, workers), start=1):
            made.crops += done.crops
            made.small += done.small
            made.unsure += done.unsure
            if done.failed is not None:
                made.failed.append(done.failed)
            elif not done.faces:
                made.faceless.append(file.name)
            report(count, len(files))
            if signals.received is not None and count < len(files):
                write_list(made)
                raise signals.received(
                    f"stopped after {count:,} of {len(files):,} pictures",
                    "--yes begins again and replaces the crops",
                )


def _in_order(job: _Job, files: list[File], workers: int) -> Iterator[tuple[File, _Done]]:
    """Yield what came of each picture in turn, while others are in work."""
    waiting: deque[tuple[File, Future[_Done]]] = deque()
    rest = iter(files)
    pool = ThreadPoolExecutor(workers, thread_name_prefix="animekit-crop")
    try:
        waiting.extend((file, pool.submit(job.work, file)) for file in islice(rest, workers))
        while waiting:
            for file in islice(rest, workers * (1 + AHEAD) - len(waiting)):
                waiting.append((file, pool.submit(job.work, file)))
            file, future = waiting.popleft()
            yield file, future.result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _nothing(made: Cropped) -> DataError:
    looked = made.sources - len(made.rejected)
    reasons = [
        f"{len(made.faceless):,} without a face" if made.faceless else "",
        f"{made.unsure:,} boxes below the score" if made.unsure else "",
        f"{made.small:,} faces too small" if made.small else "",
        f"{len(made.failed):,} damaged, such as {made.failed[0].name}" if made.failed else "",
        f"{len(made.rejected):,} rejected by the manifest" if made.rejected else "",
    ]
    return DataError(
        f"no face to cut out of {looked:,} pictures: {', '.join(filter(None, reasons))}",
        "try another --detector, a lower --min-score or a smaller --min-size",
        code="crop.none",
    )


def _rejected(source: Path) -> Collection[str]:
    path = newest_manifest(source)
    if path is None:
        return ()
    table = read_manifest(path, ["reasons"])
    unread = {reason.name for reason in (FOREIGN, UNOPENED)}
    columns = (table[name] for name in ("name", "decision", "reasons"))
    return {
        name
        for name, decision, reasons in zip(*columns, strict=True)
        if decision == "reject" or (decision == "review" and unread & set(reasons.split(";")))
    }


__all__ = ["Crop", "Cropped", "crop", "read_crop", "square"]
