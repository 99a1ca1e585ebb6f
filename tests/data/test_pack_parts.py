"""Packed pixels in several files: no reader sees a difference."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from animekit.data.pack import pack
from animekit.data.sampler import Loader
from animekit.data.store.parts import PartedImages, open_parts, rows_of_a_part
from animekit_plugins.datasets.folder import Folder

ROW = 16 * 16 * 3


@pytest.fixture
def both(pictures: Path, tmp_path: Path) -> list[Loader]:
    """Return loaders of one set that is packed whole, and in parts of five pictures."""
    found = []
    for name, part_bytes in (("whole", None), ("parts", 5 * ROW + 7)):
        store = pack(Folder(str(pictures)), 16, folder=tmp_path / name, part_bytes=part_bytes)
        found.append(Loader(store, 7, 3, flip=True, crop=0))
    return found


def test_a_store_in_parts_is_the_same_store(both: list[Loader]) -> None:
    whole, parts = (loader.pack for loader in both)
    files = sorted(path.name for path in parts.folder.glob("*.npy") if "images" in path.name)
    assert files == [f"images-{i:05}.npy" for i in range(5)]
    assert [np.load(parts.folder / name).shape[0] for name in files] == [5, 5, 5, 5, 4]
    assert parts.folder.name == whole.folder.name
    assert parts.pixels == whole.pixels
    assert parts.images.shape == whole.images.shape
    assert np.array_equal(np.asarray(parts.images), whole.images)
    assert np.array_equal(parts.held_out(0.5), whole.held_out(0.5))
    assert parts.verify()


@pytest.mark.parametrize("crop", [0, 4])
def test_batches_are_the_same_bits(both: list[Loader], crop: int) -> None:
    whole, parts = (Loader(each.pack, 7, 3, flip=True, crop=crop) for each in both)
    for step in range(1, 12):
        assert whole.batch(step).images.equal(parts.batch(step).images)


def test_rows_are_taken_in_every_way_that_arrays_have(both: list[Loader]) -> None:
    whole, parts = (loader.pack.images for loader in both)
    assert isinstance(parts, PartedImages)
    rows = np.array([23, 0, 4, 5, 5, 9, 10])
    mask = np.arange(24) % 3 == 0
    for key in (0, -1, np.int64(7), slice(3, 17, 2), slice(None), rows, mask):
        assert np.array_equal(parts[key], whole[key])
    assert all(np.array_equal(a, b) for a, b in zip(parts, whole, strict=True))
    with pytest.raises(IndexError):
        parts[24]


def test_a_part_that_is_cut_short_or_gone_is_seen_and_made_again(
    pictures: Path, tmp_path: Path
) -> None:
    def packed() -> list[str]:
        store = pack(Folder(str(pictures)), 16, folder=tmp_path, part_bytes=5 * ROW)
        assert len(store.images) == 24
        return list(store.notes)

    assert packed() == []
    [part] = tmp_path.glob("*/images-00002.npy")
    part.write_bytes(part.read_bytes()[:-9])
    assert "images-00002.npy has 3,959 of 3,968 bytes" in packed()[0]
    part.unlink()
    assert "were damaged" in packed()[0]
    assert packed() == []


def test_a_manifest_that_lies_about_its_parts_is_refused(both: list[Loader]) -> None:
    with pytest.raises(ValueError, match="does not fit the parts"):
        open_parts(both[1].pack.folder, [5, 5, 5, 4, 5])


def test_more_than_20_gb_are_parts_of_2_gb() -> None:
    assert rows_of_a_part(1_700_000, 64 * 64 * 3, None) == 1_700_000
    rows = rows_of_a_part(1_000_000, 128 * 128 * 3, None)
    assert 1.9 * 2**30 < rows * 128 * 128 * 3 <= 2 * 2**30
