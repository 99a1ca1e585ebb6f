"""Building a packed store: every image decoded and resized, in blocks, beside its place."""

from __future__ import annotations

import csv
import json
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from animekit.data.dataset import Dataset, Skipped, is_picture
from animekit.data.store.parts import PartWriter, Pixels, link_parts, rows_of_a_part
from animekit.errors import DataError, DeviceError
from animekit.files import FULL, Progress, cores
from animekit.images.decode import ImageError
from animekit.plugins import broken

VERSION = 2  # raise it when decoding, resizing or the layout of the files change
STALE_SECONDS = 24 * 3600
BLOCK_BYTES = 32 * 1024 * 1024
TEMPORARY = ".tmp-"

Item = tuple[int, np.ndarray | None, np.ndarray | None, np.ndarray | None, str]


@contextmanager
def workplace(root: Path, prefix: str = TEMPORARY) -> Iterator[Path]:
    """Give a folder to build in; DeviceError where the disk cannot be written."""
    temporary = None
    try:
        root.mkdir(parents=True, exist_ok=True)
        _sweep(root)
        temporary = Path(tempfile.mkdtemp(prefix=prefix, dir=root))
        yield temporary
    except OSError as error:
        if temporary is not None and error.errno not in FULL:
            raise
        raise DeviceError(
            f"cannot write packed images to {root}: {error.strerror or error}",
            ("free some space, or " if error.errno in FULL else "")
            + "set ANIMEKIT_HOME to a folder that can be written",
        ) from None
    finally:
        if temporary is not None:
            shutil.rmtree(temporary, ignore_errors=True)


@dataclass(frozen=True)
class SamePictures:
    """A whole store of the same pictures, whose pixels serve a store of other labels."""

    folder: Path
    images: Pixels
    names: Sequence[str]
    left_out: Mapping[str, str]
    """The reasons of items that could not be used, by name."""
    sha256: str

    def fits(self, dataset: Dataset) -> bool:
        """Say whether it holds what a data set has, in its order."""
        names = map(dataset.name_of, range(len(dataset)))
        return self.names == [name for name in names if name not in self.left_out]

    def items(self, dataset: Dataset) -> Iterator[Item]:
        """Yield every item in order; its pixels are those of the store."""
        images = iter(range(len(self.names)))
        for index in range(len(dataset)):
            reason = self.left_out.get(dataset.name_of(index))
            if reason is not None:
                yield index, None, None, None, reason
            else:
                image = self.images[next(images)]
                yield index, image, dataset.labels_of(index), dataset.mask_of(index), ""


def build(
    dataset: Dataset,
    size: int,
    fingerprint: str,
    folder: Path,
    progress: Progress | None,
    part_bytes: int | None = None,
    same: SamePictures | None = None,
) -> None:
    """Write the files of a store into a folder; DataError where no image can be used.

    With a store of the same pictures, its files of pixels are linked and nothing is decoded.
    """
    linked = None if same is None else link_parts(same.images, same.folder, folder)
    if same is not None and linked is not None:
        names, skipped = _write_rest(dataset, size, folder, same.items(dataset), None)
        rows, sha256 = linked, same.sha256
    else:
        most = rows_of_a_part(len(dataset), size * size * 3, part_bytes)
        with PartWriter(folder, size, most) as file:
            items = _decoded(dataset, size, progress)
            names, skipped = _write_rest(dataset, size, folder, items, file)
        rows, sha256 = file.rows, file.sha256
    spec = dataset.spec(size)
    manifest = {
        "version": VERSION,
        "shape": [names, size, size, 3],
        "spec": asdict(spec),
        "labelled": bool(spec.labels),
        "resize": "centre square, area down, bicubic up",
        "fingerprint": fingerprint,
        "pictures": dataset.pictures(),
        "sha256": sha256,
        "sealed": True,
        "meta_bytes": (folder / "meta.csv").stat().st_size,
        "found": len(dataset) + len(dataset.skipped),
        "skipped": [asdict(item) for item in skipped],
    }
    if len(rows) > 1:
        manifest["parts"] = rows
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=1), "utf-8")


def _write_rest(
    dataset: Dataset, size: int, folder: Path, items: Iterator[Item], file: PartWriter | None
) -> tuple[int, list[Skipped]]:
    """Write pixels, if there is a file for them, labels and names.

    Return how many images were used, and what was left out.
    """
    spec = dataset.spec(size)
    total, width = len(dataset), len(spec.labels)
    skipped = list(dataset.skipped)
    names: list[str] = []
    labels, mask = np.zeros((2, total, width), np.uint8)
    for index, image, label, known, reason in items:
        name = dataset.name_of(index)
        if image is None:
            skipped.append(Skipped(name, reason))
            continue
        if width and label is not None:
            if np.shape(label) != (width,):
                raise broken(dataset, "__getitem__", label, f"{width} labels, as in its spec")
            labels[len(names)] = label
            mask[len(names)] = 1 if known is None else known
        names.append(name)
        if file is not None:
            file.write(image)
    if not names:
        raise _nothing(dataset, skipped)
    if width:
        np.save(folder / "labels.npy", labels[: len(names)])
        np.save(folder / "mask.npy", mask[: len(names)])
    with open_text(folder / "meta.csv", "w") as text:
        writer = csv.writer(text)
        writer.writerow(["index", "name"])
        writer.writerows(enumerate(names))
    return len(names), skipped


def _decoded(dataset: Dataset, size: int, progress: Progress | None) -> Iterator[Item]:
    """Decode every item in order, in blocks, so that memory stays bounded."""

    def work(indices: range) -> list[Item]:
        return [_item(dataset, index, size) for index in indices]

    total = len(dataset)
    workers = min(16, cores())
    block = max(workers, min(4096, BLOCK_BYTES // (size * size * 3)))
    part = max(1, min(64, block // workers))
    with ThreadPoolExecutor(workers, thread_name_prefix="animekit-pack") as pool:
        for start in range(0, total, block):
            stop = min(start + block, total)
            parts = [range(at, min(at + part, stop)) for at in range(start, stop, part)]
            for items in pool.map(work, parts):
                yield from items
            if progress is not None:
                progress(stop, total)


def _item(dataset: Dataset, index: int, size: int) -> Item:
    try:
        image, labels = dataset.render(index, size)
    except ImageError as error:
        return index, None, None, None, error.reason
    except DataError as error:
        return index, None, None, None, error.message
    if not is_picture(image) or image.shape[:2] != (size, size):
        raise broken(dataset, "render", image, f"an image uint8 [{size}, {size}, 3]")
    return index, image, labels, dataset.mask_of(index), ""


def _nothing(dataset: Dataset, skipped: list[Skipped]) -> DataError:
    reasons: dict[str, int] = {}
    for item in skipped:
        reasons[item.reason] = reasons.get(item.reason, 0) + 1
    common = sorted(reasons.items(), key=lambda pair: -pair[1])[:4]
    listed = "; ".join(f"{count:,} {reason}" for reason, count in common)
    return DataError(
        f"no usable image in {dataset.where}: of {len(skipped):,} found, {listed}",
        f"for example {skipped[0].name}; no data yet? animekit demo" if skipped else None,
    )


def open_text(path: Path, mode: str) -> Any:
    """Open a text that holds file names."""
    # File names need not be valid UTF-8.
    return path.open(mode, encoding="utf-8", errors="surrogateescape", newline="")


def _sweep(root: Path) -> None:
    """Remove what killed processes left behind; a running one is not that old."""
    for path in root.glob(f"{TEMPORARY}*"):
        try:
            if time.time() - path.stat().st_mtime > STALE_SECONDS:
                shutil.rmtree(path, ignore_errors=True)
        except OSError:
            continue
