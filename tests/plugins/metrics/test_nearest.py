"""Copies of real pictures among fakes, found mirrored, recompressed and noisy."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from animekit.errors import DataError
from animekit_plugins.metrics import nearest
from tests.support import refuses

SIDE = 32


def fields(count: int, seed: int) -> np.ndarray:
    """Return random pictures of 8 x 8 soft patches, each unlike the others."""
    random = np.random.default_rng(seed)
    coarse = random.integers(0, 256, (count, 8, 8, 3), dtype=np.uint8)
    bilinear = Image.Resampling.BILINEAR
    images = [Image.fromarray(each).resize((SIDE, SIDE), bilinear) for each in coarse]
    return np.stack([np.asarray(image) for image in images]).transpose(0, 3, 1, 2)


def recompressed(pictures: np.ndarray, quality: int) -> np.ndarray:
    result = []
    for picture in pictures.transpose(0, 2, 3, 1):
        file = io.BytesIO()
        Image.fromarray(picture).save(file, "JPEG", quality=quality, subsampling=0)
        result.append(np.asarray(Image.open(file)))
    return np.stack(result).transpose(0, 3, 1, 2)


def noisy(pictures: np.ndarray) -> np.ndarray:
    noise = np.random.default_rng(0).normal(0, 8, pictures.shape)
    return np.clip(pictures + noise, 0, 255).astype(np.uint8)


def slow(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return the distances of 32 px pictures from their definition: float64 [N, M]."""
    flat = [pictures - pictures.mean((1, 2, 3), keepdims=True) for pictures in (first, second)]
    both = [flat[1], flat[1][..., ::-1]]
    gaps = [[((other - one) ** 2).mean((1, 2, 3)) ** 0.5 for one in flat[0]] for other in both]
    return np.minimum(*map(np.stack, gaps))


REAL, NEW = fields(300, 1), fields(200, 2)


@pytest.fixture(scope="module")
def reals() -> nearest.RealHalves:
    """Return the real pictures, prepared."""
    return nearest.Nearest().prepare(REAL)


def measure(real: np.ndarray | nearest.RealHalves, fake: np.ndarray) -> dict[str, float]:
    return nearest.Nearest().compute(real, fake)


def test_new_pictures_of_the_same_kind_are_as_far_as_real_ones_from_each_other(
    reals: nearest.RealHalves,
) -> None:
    result = measure(reals, NEW)
    assert result["nn_ratio"] == pytest.approx(1, abs=0.03)
    assert result["nn_copies"] == 0
    assert result["nn_distance"] == pytest.approx(reals.apart * result["nn_ratio"])


@pytest.mark.parametrize(
    ("name", "copies"),
    [
        ("as they are", REAL),
        ("mirrored", REAL[..., ::-1]),
        ("recompressed", recompressed(REAL, 75)),
        ("mirrored and recompressed", recompressed(REAL[..., ::-1], 75)),
        ("noisy", noisy(REAL)),
        ("brighter", REAL // 2 + 60),
    ],
)
def test_copies_are_found(reals: nearest.RealHalves, name: str, copies: np.ndarray) -> None:
    if name == "brighter":
        reals = nearest.Nearest().prepare(REAL // 2)
    result = measure(reals, copies[:150])
    assert result["nn_copies"] == 1
    assert result["nn_ratio"] < 0.2
    assert (result["nn_distance"] < 1e-3) == (name in ("as they are", "mirrored", "brighter"))


def test_a_few_copies_among_new_pictures_are_counted(reals: nearest.RealHalves) -> None:
    fake = np.concatenate([NEW[:190], recompressed(REAL[40:50, ..., ::-1], 75)])
    result = measure(reals, fake)
    assert result["nn_copies"] == pytest.approx(0.05)
    assert result["nn_ratio"] > 0.95


def test_the_distances_are_those_of_the_definition() -> None:
    real, fake = REAL[:90], np.concatenate([NEW[:30], noisy(REAL[:10, ..., ::-1])])
    reals, others = nearest.Nearest().prepare(real), slow(real, real)
    np.fill_diagonal(others, np.inf)
    assert reals.apart == pytest.approx(np.median(others.min(1)), rel=1e-5)
    expected = slow(fake, real).min(1)
    result = measure(reals, fake)
    assert result["nn_distance"] == pytest.approx(np.median(expected), rel=1e-5)
    copies = (expected < 0.25 * reals.apart).mean()
    assert result["nn_copies"] == pytest.approx(copies)
    assert copies == 0.25


def test_swapped_sets_give_other_numbers() -> None:
    few = np.concatenate([REAL[:50], NEW[:50]])  # half of these are copies of a sixth of REAL
    assert measure(REAL, few)["nn_copies"] == 0.5
    assert measure(few, REAL)["nn_copies"] == pytest.approx(50 / 300)


def test_copies_inside_the_real_set_count_once(reals: nearest.RealHalves) -> None:
    repeated = np.concatenate([REAL, REAL[:200], REAL[..., ::-1]])
    assert nearest.Nearest().prepare(repeated).apart == reals.apart
    assert measure(repeated, NEW) == measure(reals, NEW)
    assert nearest.distinct(repeated).tolist() == list(range(300))


def test_blocks_order_and_threads_change_nothing(
    reals: nearest.RealHalves, threads: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = np.concatenate([NEW, noisy(REAL[:37])])
    torch.set_num_threads(1)
    expected = measure(REAL, fake)
    torch.set_num_threads(3)
    assert measure(REAL, fake) == expected == measure(reals, fake)
    assert measure(REAL[::-1], fake[::-1]) == pytest.approx(expected, rel=1e-6)
    for rows, columns, told in ((17, 64, 100), (64, 17, 64)):
        monkeypatch.setattr(nearest, "ROWS", rows)
        monkeypatch.setattr(nearest, "COLUMNS", columns)
        monkeypatch.setattr(nearest, "REPORTED", told)
        assert measure(REAL, fake) == pytest.approx(expected, rel=1e-6)


def test_sets_may_be_of_different_size_in_pixels_or_grey(reals: nearest.RealHalves) -> None:
    fake = np.concatenate([NEW[:20], REAL[:20]])
    twice = fake.repeat(2, axis=2).repeat(2, axis=3)
    assert measure(reals, twice) == pytest.approx(measure(reals, fake), rel=1e-6)
    grey = fake[:, :1]
    assert measure(reals, grey) == measure(reals, grey.repeat(3, axis=1))
    assert measure(reals, torch.from_numpy(fake)) == measure(reals, fake)


def test_the_exhibit_puts_the_copies_first_beside_what_they_copy() -> None:
    fake = np.concatenate([NEW[:100], recompressed(REAL[[7, 9], ..., ::-1], 75)])
    (exhibit,) = nearest.Nearest().illustrate(REAL, fake)
    assert exhibit.table is not None
    assert sorted(exhibit.table["fake"][:2]) == [100, 101]
    assert sorted(exhibit.table["real"][:2]) == [7, 9]
    assert max(exhibit.table["distance"][:2]) < min(exhibit.table["distance"][2:])
    assert len(exhibit.table["fake"]) == 102
    assert "2 of 102" in exhibit.caption
    assert exhibit.image is not None
    first = exhibit.image[30:94, 12:76], exhibit.image[30:94, 88:152]  # fake, its nearest real
    source = REAL[exhibit.table["real"][0], :, :, ::-1].transpose(1, 2, 0).astype(int)
    for shown in first:
        assert np.abs(shown[::2, ::2].astype(int) - source).mean() < 8
    again = nearest.Nearest().illustrate(REAL, fake)[0]
    assert again.image is not None
    assert np.array_equal(again.image, exhibit.image)


def test_the_exhibit_of_few_fakes_shows_them_all() -> None:
    (exhibit,) = nearest.Nearest().illustrate(REAL[:3], NEW[:2])
    assert exhibit.image is not None
    assert exhibit.image.shape[0] < 3 * 110


@pytest.mark.parametrize(
    ("real", "fake", "words"),
    [
        (REAL[:1], NEW, "real pictures: 1, where at least 2 are needed"),
        (REAL[[0, 0, 0]], NEW, "most of the 3 are the same at 32 px"),
    ],
)
def test_nearest_says_which_pictures_it_cannot_use(
    real: np.ndarray, fake: np.ndarray, words: str
) -> None:
    refuses(measure, real, fake, words)


def test_a_flat_picture_is_no_copy_of_a_pale_one() -> None:
    real = REAL.copy()
    real[0] = 128 + (real[0].astype(int) - 128) // 20  # a contrast of about 3 grey levels
    flat = np.full_like(NEW[:10], 90)
    result = measure(real, flat)
    assert result["nn_ratio"] < 0.1
    assert result["nn_copies"] == 0
    assert measure(real, real[[0]])["nn_copies"] == 1


def test_pictures_that_differ_only_in_brightness_have_no_distance() -> None:
    steps = np.stack([np.full((3, SIDE, SIDE), level, np.uint8) for level in (0, 50, 100)])
    with pytest.raises(DataError) as caught:
        measure(steps, NEW)
    assert caught.value.code == "metric.undefined"


@pytest.mark.data
def test_real_faces_are_new_until_they_are_copied(shared_data: Path) -> None:
    names = sorted((shared_data / "mlds_faces" / "faces").glob("*.jpg"))[:600]
    images = [Image.open(name).convert("RGB").resize((64, 64)) for name in names]
    faces = np.stack([np.asarray(image) for image in images]).transpose(0, 3, 1, 2)
    reals = nearest.Nearest().prepare(faces[:400])
    new = measure(reals, faces[400:])
    assert 0.9 < new["nn_ratio"] < 1.1
    assert new["nn_copies"] < 0.03
    copies = measure(reals, recompressed(faces[:100, ..., ::-1], 75))
    assert copies["nn_copies"] == 1
    assert copies["nn_ratio"] < 0.2
