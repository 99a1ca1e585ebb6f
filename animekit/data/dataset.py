"""Dataset, the base of every way to read images, and what is said where there are none."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from animekit.config import Params
from animekit.data.spec import ImageSpec
from animekit.errors import DataError, NotFoundError
from animekit.images.decode import Header
from animekit.images.formats import EXTENSIONS, UNREAD_ENDING, convert_hint
from animekit.images.pixels import resize
from animekit.labels.ids import LabelUse
from animekit.plugins import Component, broken
from animekit.text import did_you_mean

REASONS = 3  # reasons for which files are left out that an error names


@dataclass(frozen=True)
class Skipped:
    """An item that was found and cannot be used, and why."""

    name: str
    reason: str


class Dataset(Component):
    """Images, with or without labels, that can be counted, read and recognised.

    `where` is the path, or what follows `NAME:`. `skipped` lists what was found and left out.
    `label_use` says what became of the rows of a label file, `label_notes` which others were seen.
    With a plan (`takes_plan`), its words are the labels: `said` counts what the label file says
    word by word, `clashes` the pictures of which it says several words of a group.
    """

    takes_plan: ClassVar[bool] = False
    """Whether `__init__` takes `plan`, since its labels can be others than those it has."""
    must_define = ("__len__", "__getitem__", "fingerprint")

    def __init__(self, where: str, params: Params | None = None, tags: Path | None = None) -> None:
        self.where = where
        self.params = params if params is not None else self.Params()
        self.tags = tags
        self.skipped: list[Skipped] = []
        self.label_use: LabelUse | None = None
        self.label_notes: list[str] = []
        self.said: Mapping[str, int] = {}
        self.clashes: Mapping[str, int] = {}

    @classmethod
    def matches(cls, where: str) -> bool:
        """Say whether this class reads such a path without being named."""
        return False

    @property
    def label_uses(self) -> list[LabelUse]:
        """What became of the rows of its label file, or of several."""
        return [] if self.label_use is None else [self.label_use]

    @property
    def description(self) -> str:
        """A few words for the user: how many images, and where."""
        return f"{len(self):,} images"

    def spec(self, size: int) -> ImageSpec:
        """Return what a model sees of these images at a size."""
        return ImageSpec(size=size)

    def __len__(self) -> int:
        raise NotImplementedError

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray | None]:
        """Return an image uint8 [H, W, 3] and its labels uint8 [L] or None.

        Raises DataError where the item cannot be decoded.
        """
        raise NotImplementedError

    def __iter__(self) -> Iterator[tuple[np.ndarray, np.ndarray | None]]:
        return (self[index] for index in range(len(self)))  # or it would never end

    def render(self, index: int, size: int) -> tuple[np.ndarray, np.ndarray | None]:
        """Return an image uint8 [size, size, 3] and its labels uint8 [L] or None.

        A data set that draws its images may draw at the size instead of scaling.
        """
        item = self[index]
        if not isinstance(item, tuple) or len(item) != 2 or not is_picture(item[0]):
            raise broken(self, "__getitem__", item, "an image uint8 [H, W, 3] and labels or None")
        return resize(item[0], size), item[1]

    def mask_of(self, index: int) -> np.ndarray | None:
        """Return uint8 [L], 1 where a label is known; None where all or none are."""
        return None

    def labels_of(self, index: int) -> np.ndarray | None:
        """Return the labels of an item, uint8 [L] or None.

        A data set that can tell them without decoding a picture is quicker.
        """
        return self[index][1]

    def header(self, index: int) -> Header | None:
        """Return the size and format of a file; None where it has none or cannot be read."""
        return None

    def file_of(self, index: int) -> bytes | None:
        """Return the bytes of a picture's file; None where it has none.

        Raises DataError where it cannot be read.
        """
        return None

    def name_of(self, index: int) -> str:
        """Return the file name relative to the data set, or another name for the item."""
        return str(index)

    def weight_of(self, name: str) -> float:
        """Return how often the image of a name is drawn, beside others of weight 1."""
        return 1.0

    def labelled(self) -> int:
        """Return how many images have labels; all, where a data set does not say."""
        return len(self)

    def fingerprint(self) -> str:
        """Return a hex hash of all content, names and labels, but not of the place."""
        raise NotImplementedError

    def pictures(self) -> str:
        """Return a hex hash of content and names alone; "" where it is not known.

        Where it is that of a packed store, whatever its labels are, its pixels are used again.
        """
        return ""


def is_picture(value: object) -> bool:
    """Say whether something is an array uint8 [H, W, 3]."""
    if not isinstance(value, np.ndarray) or value.dtype != np.uint8 or value.ndim != 3:
        return False
    return value.shape[2] == 3 and value.size > 0


def looked_for() -> str:
    """Return the file extensions that are read, in words."""
    return " ".join(EXTENSIONS) + " (first frame), recursively"


def seen(names: Iterable[str], limit: int = 8) -> str:
    """Count file names by extension, the commonest first.

    >>> seen(["a.txt", "b.TXT", "README"])
    '2 .txt, 1 without extension'
    """
    counts = Counter(Path(name).suffix.lower() or "without extension" for name in names)
    if not counts:
        return "0 files"
    parts = [f"{count:,} {kind}" for kind, count in counts.most_common(limit)]
    if len(counts) > limit:
        parts.append(f"{len(counts) - limit} other kinds")
    return ", ".join(parts)


def no_images(
    where: str, others: Iterable[str], skipped: Iterable[Skipped], folder: str = ""
) -> DataError:
    """Return the error of a place without a picture that is read.

    It says what is there instead. `folder` is where pictures of other formats can be converted.
    """
    skipped = list(skipped)
    left = Counter(item.reason for item in skipped)
    found = seen([*others, *(item.name for item in skipped)])
    if left:
        found += "; left out: "
        found += ", ".join(f"{count:,} ({reason})" for reason, count in left.most_common(REASONS))
        found += " ..." if len(left) > REASONS else ""
    hint = f"looked for {looked_for()}; no data yet? animekit demo"
    unread = [item.name for item in skipped if item.reason.endswith(UNREAD_ENDING)]
    if unread:
        hint = convert_hint(unread, folder)
    elif "encrypted" in left or any(reason.startswith("packed with") for reason in left):
        hint = "unpack it (with its password, if it has one) and give the folder"
    elif any("archive" in reason for reason in left):
        hint = "unpack the archive and give the folder that it makes"
    return DataError(f"no images in {where}: found {found}", hint)


def nothing_at(where: str) -> NotFoundError:
    """Return the error for a path that does not exist: it says what is near."""
    hints = (
        siblings(Path(where)),
        f"looked for {looked_for()}",
        "no data yet? animekit demo",
    )
    return NotFoundError(
        f"no images in {where}: there is no such file or folder",
        "; ".join(filter(None, hints)),
        code="data.not_found",
    )


def siblings(path: Path) -> str:
    """Return what is near a path that is not there: a did-you-mean, or all."""
    parent = path.parent
    while not parent.is_dir() and parent != parent.parent:
        path, parent = parent, parent.parent
    try:
        names = sorted(item.name for item in parent.iterdir() if not item.name.startswith("."))
    except OSError:
        return ""
    near = did_you_mean(path.name, names).strip()
    if near:
        return near.replace('"', f'"{parent}/' if str(parent) != "." else '"', 1).lower()
    shown = ", ".join(names[:8]) + (", ..." if len(names) > 8 else "")
    return f"{parent}/ holds {shown}" if names else f"{parent}/ is empty"
