"""One data set by its name or path, with its own labels or with those that are asked for."""

from __future__ import annotations

import hashlib
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from animekit.contract import NAME
from animekit.data.dataset import Dataset, nothing_at, siblings
from animekit.data.places import exists
from animekit.data.spec import ImageSpec
from animekit.errors import DataError, NotFoundError
from animekit.images.decode import Header
from animekit.images.formats import head_of, what_it_is
from animekit.labels.plan import LabelPlan, Vectors, key_of

if TYPE_CHECKING:
    from animekit.plugins import Registry


class Relabelled(Dataset):
    """Another data set whose labels are the words of a plan.

    Everything else is that data set's own.
    """

    def __init__(self, whole: Dataset, plan: LabelPlan) -> None:
        super().__init__(whole.where, whole.params, whole.tags)
        self.whole, self.plan = whole, plan
        self.skipped, self.label_use = whole.skipped, whole.label_use
        self.label_notes = whole.label_notes
        self.own = whole.spec(16)  # of any size: the labels are the same
        self.said = {key_of(name): 1 for name in self.own.labels}
        self._seen: dict[int, np.ndarray | None] = {}  # labels of items that were drawn

    def _arranged(self, labels: np.ndarray, mask: np.ndarray) -> Vectors:
        return self.plan.arranged(Vectors(self.own.labels, self.own.groups, labels, mask))

    @cached_property
    def _empty(self) -> Vectors:
        nothing = np.zeros((1, len(self.own.labels)), np.uint8)
        return self._arranged(nothing, nothing)

    @property
    def description(self) -> str:
        """The words of the data set, and which labels are taken."""
        return f"{self.whole.description}, labels {self.plan}"

    def spec(self, size: int) -> ImageSpec:
        """Return what a model sees at a size."""
        return ImageSpec(size, self.own.channels, self._empty.names, self._empty.groups)

    def __len__(self) -> int:
        return len(self.whole)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray | None]:
        return self._kept(index, *self.whole[index])

    def render(self, index: int, size: int) -> tuple[np.ndarray, np.ndarray | None]:
        """Return an image uint8 [size, size, 3] and its labels uint8 [L] or None."""
        return self._kept(index, *self.whole.render(index, size))

    def mask_of(self, index: int) -> np.ndarray | None:
        """Return uint8 [L], 1 where a label is known; None where none is."""
        if index not in self._seen:
            self._seen[index] = self.whole.labels_of(index)
        labels = self._seen[index]
        return None if labels is None else self._pair(index, labels).mask[0]

    def labels_of(self, index: int) -> np.ndarray | None:
        """Return the words of the plan that an item is, uint8 [L] or None."""
        labels = self._seen[index] = self.whole.labels_of(index)
        return None if labels is None else self._pair(index, labels).labels[0]

    def _kept(
        self, index: int, image: np.ndarray, labels: np.ndarray | None
    ) -> tuple[np.ndarray, np.ndarray | None]:
        self._seen[index] = labels
        return image, None if labels is None else self._pair(index, labels).labels[0]

    def _pair(self, index: int, labels: np.ndarray) -> Vectors:
        mask = self.whole.mask_of(index)
        known = np.ones_like(labels) if mask is None else mask
        return self._arranged(np.asarray(labels)[None], known[None])

    def header(self, index: int) -> Header | None:
        """Return the size and format of a file; None where it has none or cannot be read."""
        return self.whole.header(index)

    def file_of(self, index: int) -> bytes | None:
        """Return the bytes of a picture's file; None where it has none."""
        return self.whole.file_of(index)

    def name_of(self, index: int) -> str:
        """Return the name of an item."""
        return self.whole.name_of(index)

    def labelled(self) -> int:
        """Return how many images have labels."""
        return self.whole.labelled()

    def fingerprint(self) -> str:
        """Return a hex hash of the content and of the words of the plan."""
        own = f"{self.whole.fingerprint()} {self.plan}"
        return hashlib.blake2b(own.encode(), digest_size=32).hexdigest()

    def pictures(self) -> str:
        """Return the hash of the pictures, which are those of the data set."""
        return self.whole.pictures()


def open_one(
    where: str, registry: Registry, tags: Path | None = None, labels: str | None = None
) -> Dataset:
    """Open "NAME:PATH", or a path with the first data set that matches it.

    `animekit.data.joined.open_dataset` opens several too. `labels` are the words to learn in place
    of those that it has: "hair,long hair|short hair", as `LabelPlan.parse` reads them. Raises
    NotFoundError where there is no such path or name, and DataError where nothing in it can be
    used; both say what was seen.
    """
    where = str(where)
    if tags is not None and not Path(tags).exists():
        raise NotFoundError(
            f"no tags file {tags}", siblings(Path(tags)) or "give --tags a CSV file"
        )
    name, colon, rest = where.partition(":")
    named = registry.find("dataset", name) if colon else None
    if colon and named is None and len(name) > 1 and NAME.fullmatch(name):
        named = None if exists(where) else registry.get("dataset", name)
    if named is not None:
        return _opened(named, rest, tags, labels)
    if not exists(where):
        raise nothing_at(where)
    for dataset in registry.all("dataset").values():
        if dataset.matches(where):
            return _opened(dataset, where, tags, labels)
    what = what_it_is(head_of(where))
    raise DataError(
        f"{where} is not a data set{f': it is {what}' if what else ''}",
        "give a folder of images, a .zip, .parquet or .tar of them, or synthetic:",
    )


def _opened(cls: type[Dataset], where: str, tags: Path | None, labels: str | None) -> Dataset:
    if labels is None:
        return cls(where, tags=tags)
    plan = LabelPlan.parse(labels)
    if cls.takes_plan:
        return cls(where, tags=tags, plan=plan)  # type: ignore[call-arg]
    return Relabelled(cls(where, tags=tags), plan)
