"""Pixels of a packed store in parts: one file up to 20 GB, files of 2 GB each above that.

Disks and tools that stop at some size meet no file of it, a copy that breaks off is lost in one
part alone, and no reader sees a difference: rows are gathered from the parts that hold them.
"""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

import numpy as np

WHOLE_BYTES = 20 << 30
"""Bytes of pixels that are one file."""
PART_BYTES = 2 << 30
"""Bytes of each part of more."""
WHOLE = "images.npy"


def rows_of_a_part(total: int, row_bytes: int, part_bytes: int | None) -> int:
    """Return how many images each file has; `part_bytes` asks for parts of that size.

    >>> rows_of_a_part(1_000_000, 64 * 64 * 3, None), rows_of_a_part(10, 12, 50)
    (1000000, 4)
    """
    if part_bytes is None and total * row_bytes <= WHOLE_BYTES:
        return max(total, 1)
    return max((part_bytes or PART_BYTES) // row_bytes, 1)


def file_names(rows: Sequence[int]) -> list[str]:
    """Return the names of the files of parts, of which one alone is `images.npy`."""
    if len(rows) == 1:
        return [WHOLE]
    return [_part(number) for number in range(len(rows))]


def _part(number: int) -> str:
    return f"images-{number:05}.npy"


class PartWriter:
    """Writes images one after the other, into as many files as they need.

    `rows` says how many each file has, and `sha256` is that of all pixels, once all are written.
    """

    def __init__(self, folder: Path, side: int, rows: int) -> None:
        self.folder, self.side, self.most = folder, side, rows
        self.rows: list[int] = []
        self._digest = hashlib.sha256()
        self._file: BinaryIO | None = None

    def __enter__(self) -> PartWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end()
        if kind is None and len(self.rows) == 1:
            self._path(0).rename(self.folder / WHOLE)

    def write(self, image: np.ndarray) -> None:
        """Write one image uint8 [side, side, 3]."""
        if self._file is None or self.rows[-1] == self.most:
            self._end()
            self._file = self._path(len(self.rows)).open("wb")
            self._file.write(self._header(0))
            self.rows.append(0)
        self._file.write(image.data)
        self._digest.update(image.data)
        self.rows[-1] += 1

    @property
    def sha256(self) -> str:
        """The hash of all pixels that were written."""
        return self._digest.hexdigest()

    def _path(self, number: int) -> Path:
        return self.folder / _part(number)

    def _end(self) -> None:
        if self._file is not None:
            self._file.seek(0)
            self._file.write(self._header(self.rows[-1]))
            self._file.close()
            self._file = None

    def _header(self, rows: int) -> bytes:
        """Return the header of a uint8 .npy file, 128 bytes for any number of images."""
        buffer, shape = io.BytesIO(), (rows, self.side, self.side, 3)
        np.lib.format.write_array_header_1_0(
            buffer, {"descr": "|u1", "fortran_order": False, "shape": shape}
        )
        return buffer.getvalue()


class PartedImages:
    """Arrays uint8 [n, S, S, 3] of several files as one, gathered by rows."""

    dtype = np.dtype(np.uint8)

    def __init__(self, parts: Sequence[np.ndarray]) -> None:
        self.parts = [np.asarray(part) for part in parts]
        self._ends = np.cumsum([len(part) for part in parts])
        self.shape = (int(self._ends[-1]), *parts[0].shape[1:])

    def __len__(self) -> int:
        return self.shape[0]

    def __iter__(self) -> Iterator[np.ndarray]:
        return (image for part in self.parts for image in part)

    def __array__(self, dtype: Any = None, *, copy: bool | None = None) -> np.ndarray:
        return np.concatenate(self.parts).astype(dtype or self.dtype, copy=False)

    def __getitem__(self, rows: Any) -> np.ndarray:
        """Return one image [S, S, 3], or those of a slice, of a mask or of numbers."""
        if isinstance(rows, int | np.integer):
            row = range(len(self))[int(rows)]
            part, start = self._place(row)
            image: np.ndarray = self.parts[part][row - start]
            return image
        if isinstance(rows, slice):
            return self.take(np.arange(len(self))[rows])
        chosen = np.asarray(rows)
        return self.take(np.flatnonzero(chosen) if chosen.dtype == bool else chosen)

    def take(self, rows: np.ndarray) -> np.ndarray:
        """Return images by their numbers, uint8 [len(rows), S, S, 3]."""
        found = np.empty((len(rows), *self.shape[1:]), self.dtype)
        for part, start, places in self.places(rows):
            found[places] = self.parts[part][rows[places] - start]
        return found

    def places(self, rows: np.ndarray) -> Iterator[tuple[int, int, np.ndarray]]:
        """Yield each part that holds some rows, its first row, and their places."""
        owners = np.searchsorted(self._ends, rows, "right")
        for part in np.unique(owners):
            yield int(part), self._start(int(part)), np.flatnonzero(owners == part)

    def _place(self, row: int) -> tuple[int, int]:
        part = int(np.searchsorted(self._ends, row, "right"))
        return part, self._start(part)

    def _start(self, part: int) -> int:
        return int(self._ends[part]) - len(self.parts[part])


Pixels = np.ndarray | PartedImages
"""Images uint8 [N, S, S, 3]: of one file, or of several."""


def open_parts(folder: Path, rows: Sequence[int] | None) -> Pixels:
    """Map the pixels of a store into memory; ValueError where they do not fit.

    `rows` says how many images each file has, None for one file.
    """
    if rows is None:
        return _opened(folder / WHOLE)
    parts = [_opened(folder / name) for name in file_names(rows)]
    if [len(part) for part in parts] != list(rows) or len({part.shape[1:] for part in parts}) != 1:
        raise ValueError("the manifest does not fit the parts")
    return parts[0] if len(parts) == 1 else PartedImages(parts)


def link_parts(images: Pixels, source: Path, folder: Path) -> list[int] | None:
    """Give the files of pixels second names in another folder.

    Return how many images each has, None where the disk has no links.
    """
    parts = images.parts if isinstance(images, PartedImages) else [images]
    rows = [len(part) for part in parts]
    try:
        for name in file_names(rows):
            os.link(source / name, folder / name)
    except (OSError, NotImplementedError):
        for name in file_names(rows):
            (folder / name).unlink(missing_ok=True)
        return None
    return rows


def _opened(path: Path) -> np.ndarray:
    images = np.load(path, mmap_mode="r", allow_pickle=False)
    if images.dtype != np.uint8 or not images.flags.c_contiguous:
        raise ValueError("the manifest does not fit the images")
    found: np.ndarray = images
    return found


def plain(images: Pixels) -> Pixels:
    """Return mapped images as a view: a memmap makes memmaps of every result."""
    return images if isinstance(images, PartedImages) else np.asarray(images)


def gathered(images: Pixels, rows: np.ndarray) -> np.ndarray:
    """Return images by their numbers, uint8 [len(rows), S, S, 3], as a copy."""
    if isinstance(images, PartedImages):
        return images.take(rows)
    return np.take(images, rows, axis=0)
