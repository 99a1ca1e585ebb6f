"""ImageSet: images of one size to be measured, with what is known and what is odd about them."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from animekit.data.joined import open_dataset
from animekit.data.pack import pack
from animekit.data.store.parts import Pixels, plain
from animekit.errors import DataError
from animekit.images.decode import Header
from animekit.labels import tags
from animekit.labels.plan import key_of

if TYPE_CHECKING:
    from animekit.plugins import Registry

LOSSY = ("JPEG",)
PART = 1024  # images that are turned at once: no second copy of all of them


class Oddity(NamedTuple):
    """Something about the images that a reader of the numbers should know."""

    code: str
    message: str


class LabelTable(NamedTuple):
    """Labels and mask uint8 [N, L] of a data set, and the names of columns."""

    names: tuple[str, ...]
    labels: np.ndarray
    mask: np.ndarray

    def columns(self, words: Iterable[str]) -> np.ndarray | None:
        """Return what images are known to be, uint8 [N, K], by some words.

        "no smile" is on where "smile" is known to be off. None where no word is among the names.
        """
        places = {key_of(name): place for place, name in enumerate(self.names)}
        found = []
        for word in map(key_of, words):
            place = places.get(word)
            off = None if place is not None else places.get(word.removeprefix("no "))
            on = np.zeros(len(self.labels), bool)
            if place is not None:
                on = (self.labels[:, place] > 0) & (self.mask[:, place] > 0)
            elif off is not None:
                on = (self.labels[:, off] == 0) & (self.mask[:, off] > 0)
            found.append((on, place is not None or off is not None))
        known = any(is_known for _, is_known in found)
        return np.stack([on for on, _ in found], 1).astype(np.uint8) if known else None


@dataclass(frozen=True)
class ImageSet:
    """Images uint8 [N, S, S, 3] and, where they are known, labels uint8 [N, 23].

    Labels are in the order of `animekit.labels.tags.NAMES`, all 0 for an attribute that is not
    known; `given` are all labels that the data set has.
    """

    name: str
    images: Pixels
    labels: np.ndarray | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    oddities: tuple[Oddity, ...] = ()
    given: LabelTable | None = None

    def __len__(self) -> int:
        return len(self.images)

    @property
    def table(self) -> LabelTable | None:
        """All labels by name; those of colours where nothing else is said."""
        if self.given is not None or self.labels is None:
            return self.given
        mask = np.stack([tags.known(row) for row in self.labels])
        return LabelTable(tags.NAMES, self.labels, mask)

    @cached_property
    def digests(self) -> np.ndarray:
        """Hashes of the pixels of each image, uint64 [N]: equal images have equal ones."""
        hashes = (hashlib.blake2b(each.tobytes(), digest_size=8).digest() for each in self.images)
        return np.frombuffer(b"".join(hashes), np.uint64)

    def take(self, rows: np.ndarray) -> tuple[np.ndarray, LabelTable | None]:
        """Return some images as metrics want them, uint8 [n, 3, S, S], and their labels."""
        chosen = np.empty((len(rows), 3, *self.images.shape[1:3]), np.uint8)
        for at in range(0, len(rows), PART):
            some = rows[at : at + PART]
            chosen[at : at + PART] = self.images[some].transpose(0, 3, 1, 2)
        table = self.table
        if table is None:
            return chosen, None
        return chosen, LabelTable(table.names, table.labels[rows], table.mask[rows])


def open_images(
    where: str,
    size: int | None,
    registry: Registry,
    labels_file: Path | None = None,
    progress: Callable[[int, int], None] | None = None,
    *,
    labels: str | None = None,
) -> ImageSet:
    """Read a folder, a zip or another data set as images of one size.

    `labels` are words as `open_dataset` takes them. Without `size`, that of the images, which must
    then be square and of one size. Raises NotFoundError and DataError that say what was seen.
    """
    dataset = open_dataset(where, registry, labels_file, labels)
    kinds = Counter(dataset.header(index) for index in range(len(dataset)))
    sizes = Counter[tuple[int, int]]()
    for kind, count in kinds.items():
        if kind is not None:
            sizes[kind.width, kind.height] += count
    side = size or _side(where, sizes)
    packed = pack(dataset, side, progress=progress)
    names, known, mask = packed.spec.labels, packed.labels, packed.mask
    facts = {
        "path": where,
        "fingerprint": packed.fingerprint,
        "n": len(packed),
        "found": packed.found,
        "skipped": [[item.name, item.reason] for item in packed.skipped],
        "sizes": {f"{w}x{h}": count for (w, h), count in sizes.most_common(10)},
        "size": side,
        "alpha": sum(count for kind, count in kinds.items() if kind is not None and kind.alpha),
        "resize": "centre square, area down, bicubic up",
    }
    return ImageSet(
        name=where,
        images=plain(packed.images),
        labels=None if known is None else known_colours(known, names),
        facts=facts,
        oddities=(
            *(Oddity("data.repacked", note) for note in packed.notes),
            *_oddities(where, side, sizes, kinds, len(packed.skipped)),
        ),
        given=None if known is None or mask is None else LabelTable(names, known, mask),
    )


def known_colours(labels: np.ndarray, names: Iterable[str]) -> np.ndarray | None:
    """Return labels [N, L] of any names as uint8 [N, 23]; None without a colour."""
    return LabelTable(tuple(names), labels, np.ones_like(labels)).columns(tags.NAMES)


def _side(where: str, sizes: Counter[tuple[int, int]]) -> int:
    if len(sizes) == 1:
        (width, height), _ = sizes.most_common(1)[0]
        if width == height:
            return width
    seen = ", ".join(f"{count:,} of {w}x{h}" for (w, h), count in sizes.most_common(3))
    raise DataError(
        f"{where} has images of several sizes or none that can be told: {seen or 'no headers'}",
        "say to which side they are to be brought: --size 64",
        code="data.sizes",
    )


def _oddities(
    where: str,
    side: int,
    sizes: Counter[tuple[int, int]],
    kinds: Counter[Header | None],
    skipped: int,
) -> Iterable[Oddity]:
    total = sum(sizes.values())
    other = total - sizes[side, side]
    if other:
        common = ", ".join(f"{w}x{h}" for (w, h), _ in sizes.most_common(3))
        more = f" and {len(sizes) - 3} other sizes" if len(sizes) > 3 else ""
        yield Oddity(
            "data.resized",
            f"{where}: {other:,} of {total:,} images were brought to {side}x{side} from"
            f" {common}{more}: resizing moves every number",
        )
    if any(kind is not None and kind.format in LOSSY for kind in kinds):
        yield Oddity(
            "data.jpeg", f"{where}: JPEG files; compression moves SWD and Fréchet distances"
        )
    alpha = sum(count for kind, count in kinds.items() if kind is not None and kind.alpha)
    if alpha:
        words = f"{where}: {alpha:,} images can be transparent; what is so was put on white"
        yield Oddity("data.transparent", words)
    moves = sum(count for kind, count in kinds.items() if kind is not None and kind.moves)
    if moves:
        yield Oddity("data.animated", f"{where}: {moves:,} animations; the first frame was taken")
    if skipped:
        yield Oddity("data.skipped", f"{where}: {skipped:,} files could not be read")


def compare(real: ImageSet, fake: ImageSet) -> Iterable[Oddity]:
    """Say what is odd about two sets: copies inside one, and in both."""
    if len(real) == len(fake) and np.array_equal(np.sort(real.digests), np.sort(fake.digests)):
        yield Oddity(
            "data.same", f"{fake.name} holds the same pictures as {real.name}: compare others"
        )
        return
    copies = len(fake) - len(np.unique(fake.digests))
    if copies:
        yield Oddity("data.duplicates", f"{fake.name}: {copies:,} images are copies of others")
    taken = int(np.isin(fake.digests, real.digests).sum())
    if taken:
        yield Oddity(
            "data.copied", f"{fake.name}: {taken:,} images are, pixel for pixel, in {real.name}"
        )
