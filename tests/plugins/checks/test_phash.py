"""Perceptual hashes, their neighbours, and groups."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from animekit.cleaning.check import Picture
from animekit_plugins.checks import _phash
from animekit_plugins.checks._phash import perceptual_hash, replaced, thumbnail

# imagehash.phash 4.3.2 of the pictures below
GOLDEN = {"clouds": "a089f4e7adc9ce42", "rings": "a323646fa7789c64"}


def clouds(side: int = 96) -> np.ndarray:
    field = np.random.default_rng(5).integers(0, 256, (9, 9), dtype=np.uint8)
    return np.asarray(Image.fromarray(field).resize((side, side), Image.Resampling.BICUBIC))


def rings(side: int = 96) -> np.ndarray:
    rows, columns = np.mgrid[:side, :side] / side
    radius = np.hypot(rows - 0.3, columns - 0.6)
    return (127 + 120 * np.sin(20 * radius) * (1 - radius / 2)).astype(np.uint8)


def distance(first: np.ndarray, second: np.ndarray) -> int:
    return (perceptual_hash(first) ^ perceptual_hash(second)).bit_count()


@pytest.mark.parametrize("name", GOLDEN)
def test_the_hash_is_that_of_the_imagehash_package(name: str) -> None:
    # up to the filter that makes the 32x32 square: theirs is Lanczos, ours the mean of the area
    ours = perceptual_hash({"clouds": clouds, "rings": rings}[name]())
    assert (ours ^ int(GOLDEN[name], 16)).bit_count() <= 4


def test_the_hash_survives_jpeg_and_scaling_and_tells_pictures_apart() -> None:
    buffer = io.BytesIO()
    Image.fromarray(clouds()).save(buffer, "JPEG", quality=40)
    buffer.seek(0)
    assert distance(clouds(), np.asarray(Image.open(buffer))) <= 2
    assert distance(clouds(96), clouds(64)) <= 4
    assert distance(clouds(), rings()) > 15
    assert distance(clouds(), clouds().T) > 15
    assert distance(clouds(), 255 - clouds()) > 30


def test_a_thumbnail_is_the_mean_colour_of_each_part() -> None:
    image = np.zeros((16, 32, 3), np.uint8)
    image[:, 16:] = (200, 100, 50)
    thumb = thumbnail(image)
    assert thumb.shape == (8, 8, 3)
    assert (thumb[:, :4] == 0).all() and (thumb[:, 4:] == (200, 100, 50)).all()


def crowded(count: int, seed: int) -> np.ndarray:
    """Return hashes of which a third are equal to another one and a third are near one."""
    random = np.random.default_rng(seed)
    hashes = random.integers(0, 2**64, count // 3, dtype=np.uint64)
    near = hashes.copy()
    for index in range(len(near)):
        for bit in random.choice(64, size=index % 12, replace=False):
            near[index] ^= np.uint64(1 << int(bit))
    return random.permutation(np.concatenate([hashes, hashes, near]))


def by_hand(hashes: np.ndarray, bits: int) -> dict[int, int]:
    """Return who goes for whom, by a look at all pairs."""
    goes: dict[int, int] = {}
    for item, value in enumerate(hashes):
        if item not in goes:
            near = np.flatnonzero(np.bitwise_count(hashes ^ value) <= bits)
            goes |= {int(each): item for each in near if each > item and each not in goes}
    return dict(sorted(goes.items()))


@pytest.mark.parametrize("agree", [0, 1, 2, 3])
@pytest.mark.parametrize("bits", [0, 1, 4, 6, 7, 10, 16])
def test_every_search_finds_what_a_look_at_all_pairs_finds(
    bits: int, agree: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_phash, "BLOCK", 1000)
    monkeypatch.setattr(_phash, "AGREE", [agree])
    monkeypatch.setattr(_phash, "TABLES", 1 << 20)
    hashes = crowded(300 if bits < 16 else 60, seed=bits)
    expected = by_hand(hashes, bits)
    assert len(expected) > len(hashes) / 4
    assert replaced(hashes, bits) == expected


def test_few_hashes_are_held_against_all_and_many_by_bands() -> None:
    assert isinstance(_phash._tables(np.arange(100, dtype=np.uint64), 4)[0], _phash._Whole)
    for count, tables in ((5_000, 5), (20_000, 15)):  # one band of five, two of six
        assert len(_phash._tables(np.arange(count, dtype=np.uint64), 4)) == tables


def test_no_hash_and_one_hash_have_nothing_near() -> None:
    for count in (0, 1):
        assert replaced(np.zeros(count, np.uint64), 4) == {}


def test_many_copies_are_looked_at_once_and_not_all_with_all() -> None:
    hashes = np.full(20_000, 77, np.uint64)
    seen = []

    def alike(first: np.ndarray, second: np.ndarray) -> np.ndarray:
        seen.append(len(first))
        return np.ones(len(first), bool)

    assert replaced(hashes, 4, alike) == dict.fromkeys(range(1, 20_000), 0)
    assert sum(seen) < 100 * len(hashes)


def test_a_chain_of_neighbours_does_not_go_as_one() -> None:
    chain = np.array([0b0000, 0b0001, 0b0011, 0b0111, 0b1111], np.uint64)
    assert replaced(chain, 1) == {1: 0, 3: 2}
    best_in_the_middle = chain[[2, 3, 4, 0, 1]]
    assert replaced(best_in_the_middle, 1) == {1: 0, 4: 0}


def test_pairs_that_are_not_alike_stay() -> None:
    def alike(first: np.ndarray, second: np.ndarray) -> np.ndarray:
        return (first % 2) == (second % 2)

    assert replaced(np.zeros(5, np.uint64), 4, alike) == {2: 0, 3: 1, 4: 0}


def test_everything_that_goes_is_near_what_is_kept_for_it() -> None:
    hashes = crowded(300, seed=3)
    goes = replaced(hashes, 10)
    assert goes
    for item, kept in goes.items():
        assert kept not in goes
        assert int(hashes[item] ^ hashes[kept]).bit_count() <= 10
    left = hashes[[item for item in range(len(hashes)) if item not in goes]]
    assert (np.bitwise_count(left[:, None] ^ left) > 10).sum() == len(left) * (len(left) - 1)


def test_a_picture_is_hashed_by_what_it_shows_and_not_by_its_size() -> None:
    def hashed(side: int) -> int:
        buffer = io.BytesIO()
        Image.fromarray(rings(side)).save(buffer, "PNG")
        return perceptual_hash(Picture("x", buffer.getvalue()).small_grey)

    assert (hashed(96) ^ hashed(700)).bit_count() <= 4
