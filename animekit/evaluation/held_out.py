"""Test images: real pictures as a model sees them, those first that it was not trained on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from animekit.data.joined import open_dataset
from animekit.data.pack import Pack, pack
from animekit.data.places import is_here
from animekit.data.spec import ImageSpec
from animekit.errors import NotFoundError, UnusableError
from animekit.files import Progress
from animekit.runs.options import options_of
from animekit.runs.run import Loaded

if TYPE_CHECKING:
    from animekit.plugins import Registry

DEFAULT_DATA = "data/faces"


@dataclass(frozen=True)
class TestImages:
    """Real images uint8 [N, S, S, 3], and what they were to the model.

    `part` is "held out" (kept out of training), "trained on", or "others" where the data are not
    those that the model was trained on.
    """

    __test__ = False  # pytest takes every class of such a name for tests

    where: str
    images: np.ndarray
    names: list[str]
    spec: ImageSpec
    labels: np.ndarray | None
    mask: np.ndarray | None
    part: str
    fingerprint: str
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.images)

    @property
    def words(self) -> str:
        """Say which images these are."""
        which = {
            "held out": "kept out of training",
            "trained on": "that the model was trained on",
            "others": "that are not the model's own data",
        }[self.part]
        return f"{len(self):,} images of {self.where} {which}"

    def facts(self) -> dict[str, Any]:
        """Return which images these are, for the record."""
        return {
            "where": self.where,
            "fingerprint": self.fingerprint,
            "part": self.part,
            "n": len(self),
        }


def find(
    loaded: Loaded,
    data: str | Path | None,
    registry: Registry,
    *,
    tags: Path | None = None,
    progress: Progress | None = None,
) -> TestImages:
    """Return the images to test a model on: `data`, else what it was trained on.

    Of the model's own data those are taken that its run held out, all of them where it held out
    none. Raises NotFoundError that says what was looked for.
    """
    options = options_of(loaded.run)
    where = str(data) if data is not None else _own(loaded, options)
    if tags is None and where == options.get("data") and options.get("tags"):
        tags = Path(options["tags"])
    spec = loaded.model.spec
    labels = options.get("labels") if where == options.get("data") else None
    dataset = open_dataset(where, registry, tags, labels)
    packed = pack(dataset, spec.size + options.get("crop", 0), progress=progress)
    if packed.spec.channels != spec.channels:
        raise UnusableError(
            f"{where} has images of {packed.spec.channels} channels, the model {spec.channels}",
            "name other images",
        )
    about = (loaded.config or {}).get("data", {})
    own = about.get("fingerprint") == packed.content
    share = options.get("holdout", 0.0) if own else 0.0
    rows = np.flatnonzero(packed.held_out(share)) if share else np.arange(len(packed))
    if not len(rows):
        raise UnusableError(
            f"--holdout {share:g} kept none of {len(packed):,} images out of training",
            "name other images",
        )
    part = ("held out" if share else "trained on") if own else "others"
    return _taken(where, packed, rows, spec.size, part)


def _own(loaded: Loaded, options: dict[str, Any]) -> str:
    """Return the data of the model's run if they are here, else the default place."""
    looked = [each for each in (options.get("data"), DEFAULT_DATA) if each]
    for where in looked:
        if is_here(where):
            return where
    raise NotFoundError(
        f"no images to test {loaded.name} on: looked for {', '.join(looked)}",
        "name them: animekit reconstruct MODEL DATA",
        code="data.not_found",
    )


def _taken(where: str, packed: Pack, rows: np.ndarray, size: int, part: str) -> TestImages:
    edge = (packed.spec.size - size) // 2
    window = slice(edge, edge + size)
    names = packed.names
    return TestImages(
        where=where,
        images=np.asarray(packed.images[rows])[:, window, window],
        names=[names[row] for row in rows],
        spec=packed.spec,
        labels=None if packed.labels is None else packed.labels[rows],
        mask=None if packed.mask is None else packed.mask[rows],
        part=part,
        fingerprint=packed.fingerprint,
        notes=packed.notes,
    )
