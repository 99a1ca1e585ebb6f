"""What a data set holds: counts, sizes, formats, labels, copies and the state of its manifest."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from animekit import plugins
from animekit.data.dataset import Dataset, Skipped
from animekit.data.joined import Joined, open_dataset
from animekit.data.manifest import DECISIONS, newest_manifest, read_manifest
from animekit.errors import DataError
from animekit.files import Progress, cores
from animekit.images.decode import Header, ImageError, decode, header, read_image_file
from animekit.labels.ids import LabelUse

if TYPE_CHECKING:
    from animekit.plugins import Registry

SIDES = (32, 64, 96, 128, 256, 512, 1024)
"""Where the bars of the histogram of shorter sides begin; below the first is one more."""
BLOCK = 1024
"""Pictures that are handed to the workers at a time."""


@dataclass
class DataInfo:
    """What `describe` found.

    `sizes` and `formats` count what the files say of themselves, `sides` their shorter sides, by
    the words of the bar; `unreadable` are files that say nothing, with why in `reasons`. `alpha`
    counts pictures that can be transparent, which is put on white, and `animated` those of which
    the first frame is read. `labels` counts pictures, None where they are drawn by code. `rows`
    says what became of the rows of the file that labels come from, `notes` which other files of
    labels were seen, and why they are not used. `copies` counts files that repeat another one, byte
    for byte; None where the files cannot be read one by one. Pictures that the manifest leaves out
    do not count. `parts` are the sets of several that are joined, with rows and manifest of each.
    """

    where: str
    description: str
    images: int
    fingerprint: str = ""
    formats: dict[str, int] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)
    sides: dict[str, int] = field(default_factory=dict)
    unreadable: list[str] = field(default_factory=list)
    reasons: dict[str, str] = field(default_factory=dict)
    alpha: int = 0
    animated: int = 0
    skipped: list[Skipped] = field(default_factory=list)
    copies: int | None = None
    labelled: int | None = None
    labels: dict[str, int | None] = field(default_factory=dict)
    rows: LabelUse | None = None
    notes: list[str] = field(default_factory=list)
    manifest: dict[str, Any] | None = None
    parts: list[DataInfo] = field(default_factory=list)

    def facts(self) -> dict[str, Any]:
        """Return all of it as plain values."""
        return asdict(self)


def describe(
    where: Path | str,
    *,
    tags: Path | None = None,
    labels: str | None = None,
    registry: Registry | None = None,
    progress: Progress | None = None,
) -> DataInfo:
    """Look at every file of a data set and say what is there.

    Sizes are read from the headers of the files; pictures are decoded only where they have labels.
    `animekit clean` is what finds damaged ones. `labels` are words to count in place of those that
    the data have, as `train` learns them. Raises as `open_dataset`.
    """
    registry = plugins.load() if registry is None else registry
    dataset = open_dataset(str(where), registry, tags, labels)
    progress = progress or (lambda done, total: None)
    if not isinstance(dataset, Joined):
        return _described(dataset, str(where), progress)[0]
    return _of_several(dataset, str(where), progress)


def _described(dataset: Dataset, where: str, progress: Progress) -> tuple[DataInfo, list[_Look]]:
    """Return what is known of one set, and what was seen of each item."""
    info = DataInfo(where, dataset.description, len(dataset), skipped=list(dataset.skipped))
    info.rows, info.notes = dataset.label_use, list(dataset.label_notes)
    vocabulary = dataset.spec(SIDES[0]).labels
    counts = np.zeros(len(vocabulary), np.int64)
    looks = list(_looks(dataset, progress))
    if any(look.is_file for look in looks):
        _count(info, looks)
        for look in looks:
            counts += 0 if look.labels is None else look.labels
        info.labelled = sum(look.labels is not None for look in looks)
    known = info.labelled is not None
    info.labels = {
        name: int(count) if known else None for name, count in zip(vocabulary, counts, strict=True)
    }
    info.manifest = _manifest(Path(dataset.where))
    info.fingerprint = dataset.fingerprint()
    return info, looks


def _of_several(dataset: Joined, where: str, progress: Progress) -> DataInfo:
    """Return what is known of sets that are joined: of all together, and of each."""
    info = DataInfo(where, dataset.description, len(dataset), skipped=list(dataset.skipped))
    seen: list[_Look] = []
    counts = Counter[str]()
    for place, title, each in zip(dataset.places, dataset.titles, dataset.sets, strict=True):
        part, looks = _described(each, str(place), progress)
        info.parts.append(part)
        seen += [look._replace(name=f"{title}/{look.name}") for look in looks]
        counts.update({name: count or 0 for name, count in part.labels.items()})
    if any(look.is_file for look in seen):
        _count(info, seen)
    known = [part.labelled for part in info.parts if part.labelled is not None]
    info.labelled = sum(known) if known else None
    info.labels = {name: counts[name] if known else None for name in dataset.spec(SIDES[0]).labels}
    info.notes = list(dataset.label_notes)
    info.fingerprint = dataset.fingerprint()
    return info


def bar(side: int) -> str:
    """Return the words of the bar that a shorter side falls into.

    >>> bar(20), bar(64), bar(95), bar(3000)
    ('under 32', '64-95', '64-95', '1024 and more')
    """
    if side < SIDES[0]:
        return f"under {SIDES[0]}"
    for low, high in pairwise(SIDES):
        if side < high:
            return f"{low}-{high - 1}"
    return f"{SIDES[-1]} and more"


class _Look(NamedTuple):
    """One item: its name, header, hash (None: not a file of its own) and labels."""

    name: str
    header: Header | None
    sha256: bytes | None
    labels: np.ndarray | None
    is_file: bool
    reason: str = ""  # why it has no header


def _looks(dataset: Dataset, progress: Progress) -> Iterator[_Look]:
    total, has_labels = len(dataset), bool(dataset.spec(SIDES[0]).labels)
    # what is drawn by code has neither files nor headers: one look says so
    if _look(dataset, 0, with_labels=False).is_file:
        with ThreadPoolExecutor(cores(), thread_name_prefix="animekit-info") as pool:
            for start in range(0, total, BLOCK):
                part = range(start, min(start + BLOCK, total))
                yield from pool.map(lambda i: _look(dataset, i, with_labels=has_labels), part)
                progress(part.stop, total)


def _look(dataset: Dataset, index: int, *, with_labels: bool) -> _Look:
    name = dataset.name_of(index)
    path = Path(dataset.where) / name
    sha256, said, reason = None, None, ""
    is_plain = path.is_file()
    if is_plain:
        try:
            data = read_image_file(path, name)
            said, sha256 = header(data), hashlib.sha256(data).digest()
            if said is None:
                decode(data, name)  # it knows the words for what is wrong
        except ImageError as error:
            reason = error.reason
    else:
        said = dataset.header(index)
        reason = "" if said is not None else _problem(dataset, index)
    labels = None
    if with_labels and said is not None:
        with suppress(DataError):  # it may be damaged behind its header
            labels = dataset[index][1]
    is_file = is_plain or said is not None or Path(dataset.where).is_file()
    return _Look(name, said, sha256, labels, is_file, reason)


def _problem(dataset: Dataset, index: int) -> str:
    """Return why an item that says nothing cannot be read; "" for what is drawn by code."""
    try:
        if Path(dataset.where).is_file():
            dataset[index]
    except ImageError as error:
        return error.reason
    return ""


def _count(info: DataInfo, looks: list[_Look]) -> None:
    headers = [look.header for look in looks if look.header is not None]
    formats = Counter(each.format for each in headers)
    sizes = Counter(f"{each.width}x{each.height}" for each in headers)
    sides = Counter(bar(min(each.width, each.height)) for each in headers)
    order = [bar(side) for side in (0, *SIDES)]
    info.formats = dict(formats.most_common())
    info.sizes = dict(sizes.most_common())
    info.sides = {words: sides[words] for words in order if sides[words]}
    info.unreadable = [look.name for look in looks if look.header is None]
    info.reasons = {look.name: look.reason for look in looks if look.header is None}
    info.alpha = sum(each.alpha for each in headers)
    info.animated = sum(each.moves for each in headers)
    hashes = [look.sha256 for look in looks if look.sha256 is not None]
    info.copies = len(hashes) - len(set(hashes)) if hashes else None


def _manifest(folder: Path) -> dict[str, Any] | None:
    path = newest_manifest(folder)
    if path is None:
        return None
    decisions = read_manifest(path, ["decision"])["decision"].value_counts()
    counts = {name: int(decisions.get(name, 0)) for name in DECISIONS}
    return {"path": str(path), "number": path.parent.name, **counts}
