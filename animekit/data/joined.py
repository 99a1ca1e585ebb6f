"""Several data sets joined into one: faces+extra, each with its own labels and its own weight."""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from animekit.data.dataset import Dataset, Skipped, nothing_at
from animekit.data.places import PLUS, DataPlace, exists, places_of, refuse_pair
from animekit.data.relabelled import open_one
from animekit.data.spec import ImageSpec
from animekit.errors import DataError, UsageError
from animekit.images.decode import Header
from animekit.labels.ids import LabelUse

if TYPE_CHECKING:
    from animekit.plugins import Registry


def open_dataset(
    where: str, registry: Registry, tags: Path | None = None, labels: str | None = None
) -> Dataset:
    """Open a data set: "NAME:PATH", a path, or several of them joined by "+".

    `labels` are the words to learn in place of those that it has, as for `open_one`. `tags` of
    several are as many files, joined in the same order; what is empty is a set's own. Raises
    NotFoundError where there is no such path or name, and DataError where nothing in it can be
    used; both say what was seen.
    """
    places = places_of(str(where))
    if len(places) == 1:
        refuse_pair(str(where))
        return open_one(str(where), registry, tags, labels)
    if not any(exists(place.where) or ":" in place.where for place in places):
        raise nothing_at(str(where))
    files = [None] * len(places) if tags is None else _tag_files(str(tags), len(places))
    sets = [
        open_one(place.where, registry, file, labels)
        for place, file in zip(places, files, strict=True)
    ]
    return Joined(str(where), places, sets)


class Joined(Dataset):
    """Several data sets as one, in their order.

    Labels that have a name in common are one attribute; what a set does not know of an image stays
    unknown. An image of a set of weight 2 is drawn twice as often as one of weight 1.
    """

    name = "joined"

    def __init__(self, where: str, places: Sequence[DataPlace], sets: Sequence[Dataset]) -> None:
        super().__init__(where)
        self.places, self.sets = tuple(places), tuple(sets)
        self._ends = list(accumulate(len(each) for each in sets))
        specs = [each.spec(1) for each in sets]
        self._labels, self._groups, self._columns = _united(specs, where)
        self._owner = np.repeat(np.arange(len(self._groups)), self._groups)
        short = [Path(place.where).name or place.where for place in self.places]
        names = short if len(set(short)) == len(short) else [p.where for p in self.places]
        self.titles = tuple(f"{number}:{name}" for number, name in enumerate(names, start=1))
        self.said = sum((Counter(each.said) for each in sets), Counter[str]())
        self.clashes = sum((Counter(each.clashes) for each in sets), Counter[str]())
        self.skipped = [
            Skipped(f"{title}/{item.name}", item.reason)
            for title, each in zip(self.titles, sets, strict=True)
            for item in each.skipped
        ]
        self.label_notes = [
            f"{place.where}: {note}"
            for place, each in zip(self.places, sets, strict=True)
            for note in each.label_notes
        ]

    @property
    def label_uses(self) -> list[LabelUse]:
        """What became of the rows of each label file."""
        return [use for each in self.sets for use in each.label_uses]

    @property
    def description(self) -> str:
        """How many images of how many sets, and what each of those says of itself."""
        parts = [
            f"{place}: {each.description}"
            for place, each in zip(self.places, self.sets, strict=True)
        ]
        return f"{len(self):,} images of {len(parts)} sets ({'; '.join(parts)})"

    def spec(self, size: int) -> ImageSpec:
        """Return what a model sees of these images at a size."""
        channels = max(each.spec(size).channels for each in self.sets)
        return ImageSpec(size, channels, self._labels, self._groups)

    def __len__(self) -> int:
        return self._ends[-1]

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray | None]:
        number, place = self._at(index)
        image, labels = self.sets[number][place]
        return image, self._in_all(number, labels)

    def render(self, index: int, size: int) -> tuple[np.ndarray, np.ndarray | None]:
        """Return an image uint8 [size, size, 3] and its labels uint8 [L] or None."""
        number, place = self._at(index)
        image, labels = self.sets[number].render(place, size)
        return image, self._in_all(number, labels)

    def labels_of(self, index: int) -> np.ndarray | None:
        """Return the labels of an image among those of all sets, uint8 [L] or None."""
        number, place = self._at(index)
        return self._in_all(number, self.sets[number].labels_of(place))

    def mask_of(self, index: int) -> np.ndarray | None:
        """Return uint8 [L], 1 where the image's own set knows the attribute."""
        number, place = self._at(index)
        columns = self._columns[number]
        known = self.sets[number].mask_of(place)
        known = np.ones(len(columns), np.uint8) if known is None else known
        seen = np.zeros(len(self._groups), np.uint8)
        np.maximum.at(seen, self._owner[columns], np.asarray(known, np.uint8))
        return seen[self._owner]

    def header(self, index: int) -> Header | None:
        """Return the size and format of a file; None where it has none or cannot be read."""
        number, place = self._at(index)
        return self.sets[number].header(place)

    def file_of(self, index: int) -> bytes | None:
        """Return the bytes of a picture's file; None where it has none."""
        number, place = self._at(index)
        return self.sets[number].file_of(place)

    def name_of(self, index: int) -> str:
        """Return the number and name of the set, and the image's name in it."""
        number, place = self._at(index)
        return f"{self.titles[number]}/{self.sets[number].name_of(place)}"

    def weight_of(self, name: str) -> float:
        """Return how often an image is drawn, by its name here."""
        return self.places[int(name.partition(":")[0]) - 1].weight

    def fingerprint(self) -> str:
        """Return a hex hash of all content and labels, in the order of the sets."""
        text = ",".join(["joined", *(each.fingerprint() for each in self.sets)])
        return hashlib.blake2b(text.encode(), digest_size=32).hexdigest()

    def pictures(self) -> str:
        """Return a hex hash of the pictures of all sets, in their order."""
        found = [each.pictures() for each in self.sets]
        if not all(found):
            return ""
        return hashlib.blake2b(",".join(found).encode(), digest_size=32).hexdigest()

    def unlabelled(self) -> list[str]:
        """Say of each set how many of its images have no label, where some have none."""
        found = []
        for place, each in zip(self.places, self.sets, strict=True):
            without = len(each) - (each.labelled() if each.spec(1).labels else 0)
            if without:
                found.append(f"{place.where}: {without:,} of {len(each):,} images have no labels")
        return found

    def labelled(self) -> int:
        """Return how many images have labels."""
        return sum(each.labelled() for each in self.sets if each.spec(1).labels)

    def _at(self, index: int) -> tuple[int, int]:
        """Return the set of an image, and its place in it."""
        if not -len(self) <= index < len(self):
            raise IndexError(index)
        index %= len(self)
        number = bisect_right(self._ends, index)
        return number, index - (self._ends[number - 1] if number else 0)

    def _in_all(self, number: int, labels: np.ndarray | None) -> np.ndarray | None:
        if labels is None or not self._labels:
            return None
        found = np.zeros(len(self._labels), np.uint8)
        found[self._columns[number]] = labels
        return found


def _united(
    specs: Sequence[ImageSpec], where: str
) -> tuple[tuple[str, ...], tuple[int, ...], list[np.ndarray]]:
    """Return labels and groups of all sets, and the columns that each set's labels have there."""
    groups: list[list[str]] = []
    for spec in specs:
        for part in spec.parts():
            names = list(spec.labels[part])
            shared = [group for group in groups if set(group) & set(names)]
            alone = len(names) == 1 and shared and shared[0] != names
            if len(shared) > 1 or alone or (shared and len(shared[0]) == 1 != len(names)):
                raise DataError(
                    f"the labels of {where} do not go together: one set has"
                    f" {_listed(names)} as one attribute, another {_listed(shared[0])}",
                    "give both the same labels (--tags), or train on one of them",
                )
            if shared:
                shared[0] += [name for name in names if name not in shared[0]]
            else:
                groups.append(names)
    labels = tuple(name for group in groups for name in group)
    place = {name: column for column, name in enumerate(labels)}
    columns = [np.array([place[name] for name in spec.labels], np.int64) for spec in specs]
    return labels, tuple(map(len, groups)), columns


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:4]) + (", ..." if len(names) > 4 else "")


def _tag_files(text: str, count: int) -> list[Path | None]:
    """Return a file of labels for each set, None for its own."""
    files = [text] if Path(text).exists() else [each.strip() for each in text.split(PLUS)]
    if len(files) != count:
        raise UsageError(
            f"{count} sets are joined, and --tags names {len(files)} file{'s' * (len(files) != 1)}:"
            " the ids of one set may be those of another",
            "leave --tags out where each has its own tags.csv, or give one each: a.csv+b.csv"
            " (an empty one is the set's own: +b.csv)",
        )
    return [Path(each) if each else None for each in files]
