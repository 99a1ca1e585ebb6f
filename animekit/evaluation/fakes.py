"""Contender: what is evaluated, a model that draws its images or a set that has them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from animekit.containers.opened import is_container
from animekit.device import choose_device
from animekit.errors import NotFoundError, UnusableError
from animekit.evaluation.image_set import ImageSet, LabelTable, open_images
from animekit.evaluation.request import EvaluateRequest
from animekit.files import Progress, is_file
from animekit.images.formats import FORMATS, HEAD_BYTES, sniff
from animekit.labels import conditions
from animekit.models import sampling
from animekit.models.collapse import Training
from animekit.models.sampling import attributes_of
from animekit.runs.checkpoint import MODEL
from animekit.runs.names import meanings
from animekit.runs.options import options_of
from animekit.runs.run import Loaded, Run, load_model
from animekit.seeds import derive_seed
from animekit.text import number, typed

if TYPE_CHECKING:
    from animekit.plugins import Registry

BATCH = 64  # images of a step where nobody knows
PART = 256  # images drawn between two words of progress

Drawn = tuple[np.ndarray, LabelTable | None]


class Contender(Protocol):
    """Something that gives fakes uint8 [n, 3, S, S] with their labels or None."""

    @property
    def name(self) -> str:
        """A short name for a column."""

    @property
    def origin(self) -> str:
        """A sentence that says what is used."""

    @property
    def size(self) -> int:
        """Side of the images in pixels."""

    @property
    def limit(self) -> int | None:
        """How many images there are at most; None where any number can be drawn."""

    @property
    def run(self) -> Run | None:
        """The run that it is of, if any."""

    @property
    def words(self) -> tuple[str, ...]:
        """The names of the labels that images were asked to have; () without any."""

    def training(self) -> Training | None:
        """How long a model was trained, as far as it is known."""

    def draw(
        self, count: int, repeat: int, progress: Progress, asked: LabelTable | None = None
    ) -> Drawn:
        """Return the images of a repeat; others have others, as far as there are any.

        A conditional model is asked for what `asked` has, as often as it occurs there.
        """

    def facts(self) -> dict[str, Any]:
        """Return where the images come from, for the record."""


@dataclass(frozen=True)
class ModelContender:
    """A model that draws: image i of repeat r has seed first + r * count + i."""

    loaded: Loaded
    first: int = 0
    truncation: float | None = None
    """Factor of z; None is the model's own, as `generate` has it."""

    @property
    def name(self) -> str:
        """A short name for a column."""
        run = self.loaded.run
        return self.loaded.name if run is None else "-".join(run.id.split("-")[:2])

    @property
    def origin(self) -> str:
        """A sentence that says which weights are used."""
        return self.loaded.origin

    @property
    def size(self) -> int:
        """Side of the images in pixels."""
        return self.loaded.model.spec.size

    @property
    def limit(self) -> int | None:
        """How many images there are at most: any number."""
        return None

    @property
    def run(self) -> Run | None:
        """The run that the weights are of, if any."""
        return self.loaded.run

    @property
    def words(self) -> tuple[str, ...]:
        """The names of the labels that the model is told."""
        return self.loaded.model.spec.labels

    @property
    def factor(self) -> float:
        """What z is multiplied by."""
        own = sampling.own_truncation(self.loaded.model)
        return own if self.truncation is None else self.truncation

    def draw(
        self, count: int, repeat: int, progress: Progress, asked: LabelTable | None = None
    ) -> Drawn:
        """Return images of fresh seeds."""
        model = sampling.as_generating(self.loaded.model)
        attributes = attributes_of(model)
        start = self.first + repeat * count
        seeds = range(start, start + count)
        labels = self._labels(start, count, asked)
        side = self.size
        found = np.empty((count, 3, side, side), np.uint8)
        for at in range(0, count, PART):
            z = sampling.noise_of_seeds(model, seeds[at : at + PART])
            z = attributes.truncated(z, self.factor)
            given = None if labels is None else labels[at : at + PART]
            found[at : at + PART] = sampling.draw(model, z, given).transpose(0, 3, 1, 2)
            progress(min(at + PART, count), count)
        if labels is None:
            return found, None
        return found, LabelTable(self.words, labels, np.ones_like(labels))

    def _labels(self, start: int, count: int, asked: LabelTable | None) -> np.ndarray | None:
        """Return label vectors float32 [count, L] of a conditional model, None for another."""
        spec = self.loaded.model.spec
        if not spec.labels:
            return None
        labels, mask = np.zeros((2, count, len(spec.labels)), np.uint8)
        if asked is not None:
            rng = np.random.default_rng(derive_seed("labels", start))
            rows = rng.integers(len(asked.labels), size=count)
            columns = {name: column for column, name in enumerate(asked.names)}
            for place, name in enumerate(spec.labels):
                if name in columns:
                    labels[:, place] = asked.labels[rows, columns[name]]
                    mask[:, place] = asked.mask[rows, columns[name]]
        _open_where_none(labels, mask, spec.parts())
        seeds = range(start, start + count)
        return conditions.filled(labels, mask, spec.groups, seeds, self.loaded.frequencies())

    def training(self) -> Training | None:
        """Return how long the model was trained; an unknown batch counts as 64."""
        run, step = self.loaded.run, self.loaded.step
        if run is None:
            return Training(step, step * BATCH) if step else None
        batch = options_of(run).get("batch_size")
        reports = [row for row in run.metrics() if 0 < row.get("step", 0) <= step]
        losses = {k: v for row in reports for k, v in row.items() if re.match("[dg]/", k)}
        words = ", ".join(f"{key} {number(value)}" for key, value in losses.items())
        return Training(step, step * (batch if isinstance(batch, int) else BATCH), words)

    def facts(self) -> dict[str, Any]:
        """Return the weights, the seeds and the truncation."""
        return {
            "kind": "model",
            "name": self.loaded.name,
            "model": self.loaded.model.name,
            "step": self.loaded.step,
            "sha256": self.loaded.sha256,
            "run": None if self.loaded.run is None else self.loaded.run.id,
            "size": self.size,
            "first_seed": self.first,
            "truncation": self.factor,
            "batch_norm": "running statistics",
        }


def _open_where_none(labels: np.ndarray, mask: np.ndarray, parts: Iterable[slice]) -> None:
    """Unset the mask of one of several values where the model knows none that was asked."""
    for part in parts:
        if part.stop - part.start > 1:
            mask[:, part] &= labels[:, part].any(axis=1, keepdims=True)


@dataclass(frozen=True)
class SetContender:
    """A folder or another set of images that are there already."""

    images: ImageSet

    @property
    def run(self) -> Run | None:
        """The run that they are of: none."""
        return None

    @property
    def words(self) -> tuple[str, ...]:
        """The names of the labels that images have."""
        table = self.images.table
        return () if table is None else table.names

    @property
    def name(self) -> str:
        """A short name for a column."""
        return Path(self.images.name).name or self.images.name

    @property
    def origin(self) -> str:
        """A sentence that says which images are used."""
        return f"using {len(self.images):,} images in {self.images.name}"

    @property
    def size(self) -> int:
        """Side of the images in pixels."""
        return int(self.images.images.shape[1])

    @property
    def limit(self) -> int | None:
        """How many images there are."""
        return len(self.images)

    def draw(
        self, count: int, repeat: int, progress: Progress, asked: LabelTable | None = None
    ) -> Drawn:
        """Return a subset that is drawn anew for each repeat, in its order."""
        rng = np.random.default_rng(derive_seed("subset", repeat))
        rows = np.sort(rng.permutation(len(self.images))[:count])
        progress(count, count)
        return self.images.take(rows)

    def training(self) -> None:
        """Return nothing: whoever drew them."""

    def facts(self) -> dict[str, Any]:
        """Return the path and the content's hash."""
        return {"kind": "images", "name": self.name, **self.images.facts}


def contender(
    where: str | Path | Run | Loaded | ImageSet | Contender | None,
    registry: Registry,
    request: EvaluateRequest | None = None,
    progress: Progress | None = None,
    words: str | None = None,
) -> Contender:
    """Return what is evaluated: a run, a checkpoint, weights, or a set of images.

    `words` are the labels that images are to have, as --labels says them; by default their own.
    None means the newest run that has a checkpoint, else the bundled weights.
    """
    asked = request if request is not None else EvaluateRequest()
    if isinstance(where, (ModelContender, SetContender)):
        return where
    if isinstance(where, ImageSet):
        return SetContender(where)
    if isinstance(where, Loaded):
        return ModelContender(where, truncation=asked.truncation)
    if where is not None and not isinstance(where, Run) and _is_images(str(where)):
        images = open_images(str(where), asked.size, registry, asked.tags, progress, labels=words)
        return SetContender(images)
    assert where is None or isinstance(where, (str, Path, Run))
    if where is not None and not isinstance(where, Run):
        _refuse_picture(Path(where))
    try:
        loaded = load_model(where, registry, checkpoint=asked.checkpoint, able="sample")
    except NotFoundError as error:
        if error.code != "model.not_found" or where is None:
            raise
        raise NotFoundError(
            f'no run, checkpoint, weights or folder of images "{where}"',
            error.hint,
            code=error.code,
        ) from None
    sampling.as_generating(loaded.model)
    if asked.size not in (None, loaded.model.spec.size):
        raise UnusableError(
            f"{loaded.name} makes images of {loaded.model.spec.size} px, not {asked.size}",
            "leave --size out, or write its images with animekit generate --save-each DIR"
            f" --image-size {asked.size} and evaluate that folder",
        )
    loaded.model.to(choose_device(asked.device))
    return ModelContender(loaded, truncation=asked.truncation)


def _refuse_picture(path: Path) -> None:
    """Raise UnusableError for a single picture, which another command judges."""
    if not is_file(path):
        return
    with path.open("rb") as file:
        is_picture = sniff(file.read(HEAD_BYTES)) in FORMATS
    if is_picture:
        raise UnusableError(
            f"{path} is a picture, and numbers need a model or a folder of images",
            f"to judge the 25 faces on it: animekit grade {typed(path)}",
            code="path.picture",
        )


def _is_images(where: str) -> bool:
    """Say whether a word names images, and no run, checkpoint or weights."""
    path = Path(where)
    first = next(iter(meanings(where)), None)
    if first is not None and (first.weights is not None or first.run is not None):
        return False
    if path.is_dir():
        return not ((path / "config.json").is_file() or (path / MODEL).is_file())
    return (
        path.suffix.lower() == ".zip" or is_container(path) or bool(re.match(r"[a-z]\w+:", where))
    )


def asked_labels(images: ImageSet) -> LabelTable | None:
    """Return the labels of the images that have any, to draw conditions from."""
    given = images.table
    if given is None or not given.mask.any():
        return None
    rows = given.mask.any(axis=1)
    return LabelTable(given.names, given.labels[rows], given.mask[rows])
