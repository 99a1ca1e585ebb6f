"""Reading ahead: the disk is asked for the rows of the next step, and for no others."""

from __future__ import annotations

import ctypes
import os
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from animekit.data.pack import Pack
from animekit.data.sampler import Loader
from animekit.data.spec import ImageSpec
from animekit.data.store.ahead import Ahead
from animekit.data.store.parts import PartedImages, Pixels

SIDE = 128
COUNT = 200
PAGE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096


class Asked(Ahead):
    """Remembers what it is asked for."""

    def __init__(self, images: Pixels) -> None:
        super().__init__(images)
        self.rows: list[list[int]] = []

    def ask(self, rows: np.ndarray) -> None:
        self.rows.append(rows.tolist())
        super().ask(rows)


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """Return two files of random pictures, of which nothing is in memory."""
    found = []
    for number in range(2):
        found.append(tmp_path / f"{number}.npy")
        rng = np.random.default_rng(number)
        np.save(found[-1], rng.integers(0, 256, (COUNT, SIDE, SIDE, 3), np.uint8))
    return found


def mapped(path: Path) -> np.ndarray:
    return np.load(path, mmap_mode="r")


def store(images: Pixels) -> Pack:
    return Pack(Path(), ImageSpec(SIDE), images, None, None, "", [], len(images))


def in_memory(image: np.ndarray) -> bool:
    """Say whether all pages of a mapped image are in memory."""
    first = image.ctypes.data // PAGE * PAGE
    size = image.ctypes.data + image.nbytes - first
    pages = (ctypes.c_ubyte * -(-size // PAGE))()
    assert ctypes.CDLL(None).mincore(ctypes.c_void_p(first), ctypes.c_size_t(size), pages) == 0
    return all(page & 1 for page in pages)


@pytest.mark.skipif(not hasattr(os, "posix_fadvise"), reason="nothing can be put out of memory")
@pytest.mark.parametrize("in_parts", [False, True])
def test_rows_that_are_asked_for_come_into_memory_and_others_do_not(
    files: list[Path], in_parts: bool
) -> None:
    for path in files:
        with path.open("rb") as file:
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    images = PartedImages([mapped(path) for path in files]) if in_parts else mapped(files[0])
    rows = np.array([len(images) - 3, 7, 60])
    if in_memory(images[60]):
        pytest.skip("this disk is memory")
    Ahead(images).ask(rows)
    for _ in range(200):
        if all(in_memory(images[row]) for row in rows):
            break
        time.sleep(0.01)
    assert all(in_memory(images[row]) for row in rows)
    assert not any(in_memory(images[row]) for row in (0, 30, 100, 150))


@pytest.mark.parametrize("own", [None, np.array([3, 0])])
def test_the_next_step_is_asked_for_once_and_no_bit_changes(
    files: list[Path], own: np.ndarray | None
) -> None:
    pictures = store(mapped(files[0]))
    loader = Loader(pictures, 8, 5, flip=True, crop=0)
    plain = Loader(replace(pictures, images=np.array(pictures.images)), 8, 5, flip=True, crop=0)
    loader._ahead = asked = Asked(pictures.images)
    wanted = {step: loader.sampler.indices(step).numpy() for step in (1, 2, 3, 40, 41)}
    for step in (1, 2, 40):
        assert loader.batch(step, own).images.equal(plain.batch(step, own).images)
    rows = [wanted[step] if own is None else wanted[step][own] for step in (1, 2, 3, 40, 41)]
    assert asked.rows == [each.tolist() for each in rows]


def test_pixels_that_are_no_file_are_not_asked_for() -> None:
    images = np.zeros((4, 8, 8, 3), np.uint8)
    Ahead(images).ask(np.array([0, 3]))
    Ahead(PartedImages([images, images])).ask(np.array([7, 0]))
