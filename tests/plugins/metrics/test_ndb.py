"""The bins of real pictures, and the fakes that miss some of them."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from scipy import ndimage
from scipy.stats import norm

from animekit_plugins.metrics import _bins, _common, _reduced, ndb
from tests.support import refuses

SIDE = 32


@cache
def fields(count: int, seed: int, side: int = SIDE) -> np.ndarray:
    """Return smooth random pictures of any colours, each unlike the others."""
    random = np.random.default_rng(seed)
    coarse = random.standard_normal((count, 3, 4, 4)).repeat(side // 4, 2).repeat(side // 4, 3)
    smooth = ndimage.uniform_filter(coarse, (1, 1, side // 4, side // 4), mode="nearest")
    return np.clip(128 + 50 * smooth, 0, 255).astype(np.uint8)


def collapsed(pictures: np.ndarray, modes: int, seed: int = 0) -> np.ndarray:
    """Return as many pictures, but copies of the first few with a little noise."""
    random = np.random.default_rng(seed)
    copies = pictures[np.arange(len(pictures)) % modes]
    return np.clip(copies + random.normal(0, 2, copies.shape), 0, 255).astype(np.uint8)


REAL, FAKE = fields(1200, 1), fields(1200, 2)


@pytest.fixture(scope="module")
def prepared() -> ndb.Bins:
    """Return the bins of 1,200 pictures: 60, since each bin is for 20 of them."""
    return ndb.NDB().prepare(REAL)


def measure(bins: ndb.Bins | np.ndarray, fake: np.ndarray, **params: float) -> dict[str, float]:
    return ndb.NDB(ndb.NDBParams.model_validate(params)).compute(bins, fake)


def test_two_halves_of_one_distribution_differ_in_about_as_many_bins_as_the_level_says(
    prepared: ndb.Bins,
) -> None:
    strict, usual, loose = (
        np.mean([measure(prepared, fields(1200, seed), level=level)["ndb"] for seed in range(2, 8)])
        for level in (0.001, 0.05, 0.5)
    )
    assert strict < 0.02
    assert 0.01 < usual < 0.1
    assert 0.35 < loose < 0.65
    same = measure(prepared, FAKE)
    assert same["ndb_lost"] < 0.03
    assert 0 < same["ndb_js"] < 0.02


def test_fakes_of_eight_pictures_lose_nearly_all_modes(prepared: ndb.Bins) -> None:
    result = measure(prepared, collapsed(FAKE, 8))
    assert result["ndb"] > 0.95
    assert result["ndb_lost"] > 0.8
    assert 0.4 < result["ndb_js"] < np.log(2)


def test_more_modes_lose_less(prepared: ndb.Bins) -> None:
    lost = [measure(prepared, collapsed(FAKE, modes))["ndb_lost"] for modes in (2, 8, 32, 1200)]
    assert lost == sorted(lost, reverse=True)
    assert lost[0] > 0.9 > lost[2] > 0.1 > lost[3]


def test_the_share_of_a_missing_half_is_the_share_that_is_lost() -> None:
    dark, light = REAL // 3, 170 + REAL // 3
    real = np.concatenate([dark[:600], light[:600]])
    result = measure(real, np.concatenate([dark[600:], dark[600:]]))
    assert result["ndb_lost"] == pytest.approx(0.5, abs=0.01)
    assert result["ndb"] > 0.7  # 0.75 to 0.85, by how a processor rounds in k-means
    assert measure(real, np.concatenate([dark[600:], light[600:]]))["ndb_lost"] < 0.05


def test_swapped_sets_give_other_numbers() -> None:
    few = collapsed(FAKE, 8)
    lost = measure(few, REAL)
    assert measure(REAL, few)["ndb_lost"] > 0.8 > 0.5 > lost["ndb_lost"]
    assert measure(REAL, few)["ndb"] != lost["ndb"]


def test_the_order_of_pictures_and_sizes_of_tasks_change_no_digit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fake = collapsed(FAKE, 100)
    expected = measure(REAL, fake)
    order = np.random.default_rng(0).permutation(len(REAL))
    assert measure(REAL[order], fake[order[::-1]]) == expected
    monkeypatch.setattr(_reduced, "TILE", 100)
    assert measure(REAL, fake) == expected
    assert measure(REAL, fake, seed=1) != expected


def test_sets_may_be_of_different_number_and_size_in_pixels(prepared: ndb.Bins) -> None:
    many = np.concatenate([FAKE, fields(1200, 3)])
    assert measure(prepared, many)["ndb_lost"] < 0.03
    assert measure(prepared, FAKE[:300])["ndb"] < 0.2
    twice = many.repeat(2, axis=2).repeat(2, axis=3)
    assert measure(prepared, twice) == pytest.approx(measure(prepared, many), abs=1e-6)
    assert measure(prepared, torch.from_numpy(many)) == measure(prepared, many)


def test_the_z_test_is_that_of_two_proportions() -> None:
    random = np.random.default_rng(0)
    real, fake = random.integers(0, 60, 50), random.integers(0, 40, 50)
    real[:2] = fake[:2] = 0
    test = ndb.proportions(real, fake, 0.05)
    for index in range(2, 50):
        pooled = (real[index] + fake[index]) / (real.sum() + fake.sum())
        variance = pooled * (1 - pooled) * (1 / real.sum() + 1 / fake.sum())
        z = (real[index] / real.sum() - fake[index] / fake.sum()) / variance**0.5
        assert test.z[index] == pytest.approx(z)
        assert test.differs[index] == (2 * norm.sf(abs(z)) < 0.05)
    assert test.z[:2].tolist() == [0, 0]
    assert not test.differs[:2].any()


def test_bins_are_means_of_their_pictures_and_none_is_small(prepared: ndb.Bins) -> None:
    assert len(prepared.counts) == 60
    assert prepared.counts.sum() == len(REAL)
    assert prepared.counts.min() >= _bins.FEWEST_IN_BIN
    with _common.workers() as run:
        small = _reduced.reduced(REAL, 16, run)
        points = ((small - prepared.mean) / prepared.scale).flatten(1)
        members = _bins.nearest(points, prepared.centres, run)
    assert points.mean(0).abs().max() < 1e-4
    assert torch.allclose(points.std(0, correction=0), torch.ones(points.shape[1]), atol=1e-3)
    assert np.array_equal(np.bincount(members), prepared.counts)
    for index in range(60):
        inside = points[torch.from_numpy(members == index)]
        assert torch.allclose(inside.mean(0), prepared.centres[index], atol=2e-3)


def test_outliers_do_not_get_bins_of_their_own() -> None:
    outliers = np.random.default_rng(0).integers(0, 256, (12, 3, SIDE // 8, SIDE // 8))
    outliers = outliers.repeat(8, 2).repeat(8, 3).astype(np.uint8)
    real = np.concatenate([REAL[:400] // 4 + 90, outliers])
    bins = ndb.NDB().prepare(real)
    assert len(bins.counts) == 20
    assert bins.counts.min() >= _bins.FEWEST_IN_BIN


def test_bins_of_copies_are_fewer_than_asked() -> None:
    bins = ndb.NDB(ndb.NDBParams(bins=10)).prepare(REAL[np.arange(400) % 4])
    assert sorted(bins.counts.tolist()) == [100] * 4


def test_the_bins_can_be_kept_as_arrays_without_the_pictures(prepared: ndb.Bins) -> None:
    metric, fake = ndb.NDB(), collapsed(FAKE, 100)
    arrays = metric.export(prepared)
    assert all(array.dtype in (np.float16, np.float32, np.int32) for array in arrays.values())
    assert max(array.size for array in arrays.values()) < REAL.size / 50
    again = metric.restore({name: array.copy() for name, array in arrays.items()})
    assert metric.compute(again, fake) == metric.compute(prepared, fake) == measure(REAL, fake)
    other = ndb.NDB(ndb.NDBParams(side=8, bins=7))  # bins that exist are taken as they are
    assert other.compute(again, fake) == metric.compute(prepared, fake)


def test_the_exhibit_shows_lost_bins_above_crowded_ones(prepared: ndb.Bins) -> None:
    (exhibit,) = ndb.NDB().illustrate(REAL, collapsed(FAKE, 8))
    assert exhibit.image is not None
    assert exhibit.image.dtype == np.uint8
    assert exhibit.image.shape[0] > 10 * 64
    assert exhibit.image.shape[1] > 10 * 64
    assert exhibit.table is not None
    z = exhibit.table["z"]
    assert z == sorted(z, reverse=True)
    assert len(z) == 60
    assert sum(exhibit.table["real_share"]) == pytest.approx(1)
    assert "5 rows" in exhibit.caption
    few = ndb.NDB(ndb.NDBParams(level=1e-9))
    assert few.illustrate(REAL, FAKE) == []


def test_the_definition_names_the_bins_that_so_many_pictures_make() -> None:
    metric = ndb.NDB()
    assert metric.definition(10_000).startswith("ndb/richardson2018, bins 100, seed 0, side 16")
    assert "bins 25," in metric.definition(500)
    assert metric.definition(500).endswith("n 500")


@pytest.mark.parametrize(
    ("real", "fake", "words"),
    [
        (REAL[:39], FAKE, "real pictures: 39, where at least 40 are needed"),
        (REAL[[0] * 60], FAKE, "real pictures: too few of the 60 are different"),
        (REAL, FAKE[:1], "fake pictures: 1, where at least 2 are needed"),
    ],
)
def test_ndb_says_which_pictures_it_cannot_use(
    real: np.ndarray, fake: np.ndarray, words: str
) -> None:
    refuses(measure, real, fake, words)


def test_any_side_is_averaged_by_area() -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (3, 3, 20, 28), dtype=np.uint8)
    with _common.workers() as run:
        eighth, fifth = (_reduced.reduced(pictures, side, run).numpy() for side in (4, 8))
    exact = pictures.reshape(3, 3, 4, 5, 4, 7).mean((3, 5))
    assert eighth == pytest.approx(exact, abs=1e-3)
    fine = pictures.repeat(8, 2).repeat(8, 3).reshape(3, 3, 8, 20, 8, 28).mean((3, 5))
    assert fifth == pytest.approx(fine, abs=1e-3)


@pytest.mark.data
def test_real_faces_fill_the_bins_of_others_and_eight_of_them_do_not(shared_data: Path) -> None:
    names = sorted((shared_data / "mlds_faces" / "faces").glob("*.jpg"))[:1200]
    images = [Image.open(name).convert("RGB").resize((32, 32)) for name in names]
    faces = np.stack([np.asarray(image) for image in images]).transpose(0, 3, 1, 2)
    bins = ndb.NDB().prepare(faces[::2])
    same = measure(bins, faces[1::2])
    assert same["ndb"] < 0.2
    assert same["ndb_lost"] < 0.05
    few = measure(bins, collapsed(faces[1::2], 8))
    assert few["ndb"] > 0.8
    assert few["ndb_lost"] > 0.5
