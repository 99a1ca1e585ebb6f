"""Perceptual hashes, their neighbours, and groups."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from animekit.cleaning.check import Picture
from animekit_plugins.checks import _phash
from animekit_plugins.checks._phash import near_pairs, perceptual_hash, stars, thumbnail

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


@pytest.mark.parametrize("bits", [0, 1, 4, 6, 7, 10, 16])
def test_exactly_the_near_pairs_are_found(bits: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_phash, "BLOCK", 1000)
    hashes = crowded(600, seed=bits)
    first, second = np.triu_indices(len(hashes), 1)
    near = np.bitwise_count(hashes[first] ^ hashes[second]) <= bits
    expected = np.stack([first[near], second[near]], axis=1)
    assert len(expected) > 200
    assert np.array_equal(near_pairs(hashes, bits), expected)


def test_no_hash_and_one_hash_have_no_pairs() -> None:
    for count in (0, 1):
        pairs = near_pairs(np.zeros(count, np.uint64), 4)
        assert pairs.shape == (0, 2)


def test_a_chain_of_neighbours_does_not_go_as_one() -> None:
    chain = np.array([[0, 1], [1, 2], [2, 3], [3, 4]])
    assert stars(chain, rank=[0, 1, 2, 3, 4]) == {1: 0, 3: 2}
    assert stars(chain, rank=[4, 3, 0, 1, 2]) == {1: 2, 3: 2}


def test_the_best_picture_of_a_star_is_kept_whatever_the_order_of_the_pairs() -> None:
    star = np.array([[0, 1], [0, 2], [0, 3]])
    assert stars(star, rank=[3, 2, 1, 0]) == {0: 3}
    assert stars(star[::-1], rank=[0, 3, 2, 1]) == {1: 0, 2: 0, 3: 0}


def test_everything_that_goes_is_near_what_is_kept_for_it() -> None:
    hashes = crowded(300, seed=3)
    pairs = near_pairs(hashes, 10)
    goes = stars(pairs, rank=list(np.random.default_rng(1).permutation(len(hashes))))
    assert goes
    known = set(map(tuple, pairs.tolist()))
    for item, kept in goes.items():
        assert kept not in goes
        assert (min(item, kept), max(item, kept)) in known
    left = set(range(len(hashes))) - set(goes)
    assert not [pair for pair in known if set(pair) <= left]


def test_a_picture_is_hashed_by_what_it_shows_and_not_by_its_size() -> None:
    def hashed(side: int) -> int:
        buffer = io.BytesIO()
        Image.fromarray(rings(side)).save(buffer, "PNG")
        return perceptual_hash(Picture("x", buffer.getvalue()).small_grey)

    assert (hashed(96) ^ hashed(700)).bit_count() <= 4
