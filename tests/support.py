"""Small picture files, folders and archives of them, for the tests of data sets."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image

from animekit.data.dataset import Dataset
from animekit.data.pack import Pack


def picture(value: int = 0, size: int = 8, format: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (size, size), (value, 0, 255 - value)).save(buffer, format)
    return buffer.getvalue()


def fill(folder: Path, *names: str) -> Path:
    """Write a picture of its own colour under each name."""
    for index, name in enumerate(names):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(picture(index))
    return folder


def zipped(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def names(dataset: Dataset) -> list[str]:
    return [dataset.name_of(index) for index in range(len(dataset))]


def reasons(dataset: Dataset | Pack) -> dict[str, str]:
    return {item.name: item.reason for item in dataset.skipped}


def words(dataset: Dataset, index: int) -> list[str]:
    """Return the names of the labels that an image has."""
    labels = dataset[index][1]
    vocabulary = dataset.spec(8).labels
    return [] if labels is None else [vocabulary[i] for i in np.flatnonzero(labels)]
