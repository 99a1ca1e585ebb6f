"""The contract of a plugin of any kind, as one check that says what is wrong and how to mend it."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import numpy as np

from animekit import plugins
from animekit.cleaning.check import Check, Context, Picture
from animekit.cleaning.detector import Detector
from animekit.data.dataset import Dataset, is_picture
from animekit.errors import AnimekitError, NotFoundError, UnusableError
from animekit.evaluation.metric import Metric, MetricContext, build_metric, numbers_of
from animekit.images.write import png_bytes
from animekit.labels.tags import HAIR, NAMES
from animekit.models.base import Model
from animekit.plugins import Component, Registry
from animekit.runs.run import Run
from animekit.testing.check import check_model
from animekit.testing.tiny import TinyFaces
from animekit.training.logger import Logger

COUNT, SIDE = 64, 32  # images that a metric is shown, and their side in pixels
SHAPES = ((64, 64), (40, 90), (1, 1))  # height and width of what a detector looks at


def check_plugin(
    cls: type[Component],
    *,
    registry: Registry | None = None,
    where: str = "",
    sizes: Sequence[int] = (32, 64),
) -> None:
    """Raise AssertionError where a plugin breaks its contract; say how to mend it.

    A model is built at `sizes` and trained a few steps, as `check_model` does. All others are used
    as a command would use them, on drawn faces: metrics, checks, detectors, loggers, data sets.
    `where` is what a data set is opened with, as in NAME:WHERE. Raises NotFoundError where the
    component needs a file that is not here.
    """
    if issubclass(cls, Model):
        check_model(cls, sizes=sizes)
        return
    _check_words(cls)
    for base, check in CHECKS.items():
        if issubclass(cls, base):
            check(cls, where if base is Dataset else registry)
            return
    raise AssertionError(f"{cls.__name__}: it is no component; derive it from a base class")


def _require(condition: object, cls: type[Component], problem: str, remedy: str) -> None:
    if not condition:  # not an assert statement: python -O would leave those out
        raise AssertionError(f"{cls.name}: {problem}; {remedy}")


def _check_words(cls: type[Component]) -> None:
    """Its docstring and the descriptions of its parameters are what people read."""
    _require(cls.summary(), cls, "it has no docstring", "say in its first line what it is")
    for key, field in cls.Params.model_fields.items():
        remedy = "give it both: Field(default, description=...)"
        said = field.description and not field.is_required()
        _require(said, cls, f"parameter {key} lacks a description or a default", remedy)


def _faces(seed: int = 0) -> np.ndarray:
    """Return drawn faces uint8 [COUNT, 3, SIDE, SIDE]."""
    data = TinyFaces(str(COUNT))
    order = np.random.default_rng(seed).permutation(COUNT)
    return np.stack([data.render(int(index), SIDE)[0].transpose(2, 0, 1) for index in order])


@contextmanager
def _unchanged(cls: type[Component], method: str, *given: np.ndarray) -> Iterator[None]:
    """Say that a method wrote into what it was given."""
    before = [array.copy() for array in given]
    yield
    same = all(map(np.array_equal, before, given))
    _require(same, cls, f"{method}() changed its input", "work on a copy")


def _refuse_missing(error: AnimekitError | None, cls: type[Component]) -> None:
    if error is not None:
        raise NotFoundError(f"{cls.name} cannot be checked here: {error.message}", error.hint)


def _check_metric(cls: type[Metric], registry: Registry | None) -> None:
    """It gives the same finite numbers for the same images, and leaves them alone."""
    made = build_metric(cls, cls.Params(), MetricContext(registry=registry))
    _refuse_missing(made.missing(), cls)
    real, fake = _faces(0), _faces(1)
    fake[:, :, : SIDE // 4] //= 2  # not the real ones over again
    labels, rng = np.zeros((COUNT, len(NAMES)), np.uint8), np.random.default_rng(2)
    for columns in (range(len(HAIR)), range(len(HAIR), len(NAMES))):  # a hair and an eye colour
        labels[np.arange(COUNT), rng.choice(columns[:3], COUNT)] = 1
    given = {"labels": labels} if cls.conditional else {}

    def numbers() -> dict[str, float]:
        prepared = made.prepare(real)
        return numbers_of(made, made.compute(prepared, fake, **given))

    with _unchanged(cls, "compute", real, fake, labels):
        first, second = numbers(), numbers()
    _require(first, cls, "compute() gave no number", 'return at least one, as in {"mean": 0.5}')
    odd = [key for key, value in first.items() if not np.isfinite(float(value))]
    _require(not odd, cls, f"{', '.join(odd)} is not finite", "guard a division or a logarithm")
    _require(
        all(np.isclose(float(first[key]), float(second.get(key, np.nan))) for key in first),
        cls,
        "it gave other numbers for the same images",
        "take random numbers from a seed of your own: np.random.default_rng(0)",
    )


def _check_detector(cls: type[Detector], registry: Registry | None) -> None:
    """It gives boxes within any picture, best first, and the same ones again."""
    made = cls(cls.Params())
    _refuse_missing(made.missing(), cls)
    faces = [np.ascontiguousarray(face.transpose(1, 2, 0)) for face in _faces()[:2]]
    blank = [np.full((height, width, 3), 255, np.uint8) for height, width in SHAPES]
    for image in (*faces, *blank):
        height, width = image.shape[:2]
        with _unchanged(cls, "detect", image):
            found, again = made.detect(image), made.detect(image)
        boxes = np.asarray(found)
        shown = f"a picture of {width}x{height}"
        _require(
            boxes.ndim == 2 and boxes.shape[1] == 5 and boxes.dtype == np.float32,
            cls,
            f"detect() gave {boxes.dtype} {list(boxes.shape)} for {shown}",
            "return float32 [N, 5]: x, y, width, height, score; np.zeros((0, 5), np.float32)",
        )
        _require(np.isfinite(boxes).all(), cls, f"a box in {shown} is not finite", "leave it out")
        sorted_ = (np.diff(boxes[:, 4]) <= 0).all()
        _require(sorted_, cls, "boxes are not best first", "sort them by score, falling")
        same = np.array_equal(boxes, np.asarray(again))
        _require(
            same, cls, f"it found others in {shown} when asked again", "draw nothing at random"
        )


def _check_check(cls: type[Check], registry: Registry | None) -> None:
    """It measures what it says, and finds reasons that it names in rows that there are."""
    import pandas as pd

    made = cls(cls.Params())
    with tempfile.TemporaryDirectory() as folder:
        context = Context(Path(folder), registry or plugins.load())
        _refuse_missing(made.missing(context), cls)
        made.begin(context)
    images = [np.ascontiguousarray(face.transpose(1, 2, 0)) for face in _faces()[:8]]
    pictures = [Picture(f"{place}.png", png_bytes(image)) for place, image in enumerate(images)]
    rows = made.measure_many(pictures)
    for row in rows:
        seen, wanted = sorted(row), sorted(cls.measures)
        _require(
            seen == wanted,
            cls,
            f"measure() gave {', '.join(seen) or 'nothing'}, measures says {', '.join(wanted)}",
            "give the numbers that `measures` names",
        )
    one_by_one = [made.measure(picture) for picture in pictures]
    _require(
        all(_alike(row, other) for row, other in zip(rows, one_by_one, strict=True)),
        cls,
        "it measured a picture otherwise alone than among others",
        "let measure() depend on nothing but the picture",
    )
    table = pd.DataFrame(
        [
            {"name": each.name, "bytes": len(each.data), "sha256": each.sha256}
            | {"width": each.size[0], "height": each.size[1], "format": each.format}
            | {"error": "", "error_kind": "", "flagged": "", **row}
            for each, row in zip(pictures, rows, strict=True)
        ]
    )
    for finding in itertools.chain(made.judge(table), made.judge(table.iloc[:0])):
        there = finding.row in table.index and finding.reason in cls.reasons
        remedy = "find rows of the table, for one of its `reasons`"
        _require(there, cls, f"judge() found row {finding.row}, {finding.reason}", remedy)


def _alike(first: Any, second: Any) -> bool:
    return all(
        np.allclose(first[key], second[key], equal_nan=True)
        if isinstance(first[key], (int, float))
        else first[key] == second[key]
        for key in first
    )


def _check_dataset(cls: type[Dataset], where: str) -> None:
    """It can be counted, and reads the same picture and labels whenever it is asked."""
    made = cls(where, cls.Params())
    count = len(made)
    _require(count > 0, cls, f"it is empty when opened with {where!r}", "give check_plugin where=")
    spec = made.spec(SIDE)
    for index in sorted({0, count // 2, count - 1}):
        image, labels = made[index]
        again, _ = made[index]
        shape = "an image uint8 [H, W, 3]"
        _require(is_picture(image), cls, f"item {index} is no {shape[3:]}", f"return {shape}")
        same = np.array_equal(image, again)
        remedy = "take random numbers from the index: np.random.default_rng(index)"
        _require(same, cls, f"item {index} is another picture when asked again", remedy)
        named = labels is None or len(labels) == len(spec.labels)
        problem = f"item {index} has {0 if labels is None else len(labels)} labels"
        _require(named, cls, f"{problem}, spec() names {len(spec.labels)}", "name each of them")
    twice = cls(where, cls.Params()).fingerprint() == made.fingerprint()
    remedy = "let it follow from the content, not from the time or the place"
    _require(twice, cls, "it has another fingerprint when it is opened again", remedy)


def _check_logger(cls: type[Logger], registry: Registry | None) -> None:
    """It takes a run from start to end, and an end that comes at once."""
    stats = {"d/real": 0.5, "g/adv": 1.5, "seconds": 1.0, "images": 64.0, "img_s": 64.0}
    image = np.zeros((SIDE, SIDE, 3), np.uint8)
    with tempfile.TemporaryDirectory() as folder:
        run = Run.create("gan", "faces", {"model": "gan"}, Path(folder))
        try:
            made = cls(cls.Params())
        except UnusableError as error:  # for want of a package
            _refuse_missing(error, cls)
            raise
        made.start(run, {"model": "gan", "steps": 2})
        for step in (1, 2):
            made.log(step, dict(stats))
            made.picture(step, "samples", image, run.path / "samples.png")
            made.note(step, "checkpoint", "saved")
        made.close()
        ended = cls(cls.Params())
        ended.start(run, {"model": "gan", "steps": 2})
        ended.close(KeyboardInterrupt())


CHECKS: dict[type[Component], Callable[[Any, Any], None]] = {
    Metric: cast("Callable[[Any, Any], None]", _check_metric),
    Detector: _check_detector,
    Check: _check_check,
    Dataset: _check_dataset,
    Logger: _check_logger,
}
