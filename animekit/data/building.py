"""Building a packed store: every image decoded and resized, in blocks, beside its place."""

from __future__ import annotations

import csv
import hashlib
import json
import shutil
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from animekit.data.dataset import Dataset, Skipped, is_picture
from animekit.data.store.parts import PartWriter, rows_of_a_part
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
            "free some space, or set ANIMEKIT_HOME to a folder on another disk",
        ) from None
    finally:
        if temporary is not None:
            shutil.rmtree(temporary, ignore_errors=True)


def build(
    dataset: Dataset,
    size: int,
    fingerprint: str,
    folder: Path,
    progress: Progress | None,
    part_bytes: int | None = None,
) -> None:
    """Write the files of a store into a folder; DataError where no image can be used."""
    spec = dataset.spec(size)
    total, width = len(dataset), len(spec.labels)
    skipped = list(dataset.skipped)
    names: list[str] = []
    labels, mask = np.zeros((2, total, width), np.uint8)
    digest = hashlib.sha256()
    rows = rows_of_a_part(total, size * size * 3, part_bytes)
    with PartWriter(folder, size, rows) as file:
        for index, image, label, known, reason in _decoded(dataset, size, progress):
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
            file.write(image)
            digest.update(image.data)
    if not names:
        raise _nothing(dataset, skipped)
    if width:
        np.save(folder / "labels.npy", labels[: len(names)])
        np.save(folder / "mask.npy", mask[: len(names)])
    with open_text(folder / "meta.csv", "w") as text:
        writer = csv.writer(text)
        writer.writerow(["index", "name"])
        writer.writerows(enumerate(names))
    manifest = {
        "version": VERSION,
        "shape": [len(names), size, size, 3],
        "spec": asdict(spec),
        "labelled": bool(width),
        "resize": "centre square, area down, bicubic up",
        "fingerprint": fingerprint,
        "sha256": digest.hexdigest(),
        "sealed": True,
        "meta_bytes": (folder / "meta.csv").stat().st_size,
        "found": total + len(dataset.skipped),
        "skipped": [asdict(item) for item in skipped],
    }
    if len(file.rows) > 1:
        manifest["parts"] = file.rows
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=1), "utf-8")


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
