"""One verdict on mode collapse, from two metrics and what real images get."""

from __future__ import annotations

import numpy as np
import pytest

from animekit.evaluation.collapse import Verdict, collapse
from animekit_plugins.metrics.ms_ssim import MSSSIM
from animekit_plugins.metrics.ndb import NDB

REAL = {"ms_ssim": 0.44, "ndb": 0.06, "ndb_lost": 0.01}
SPREAD = {"ms_ssim": 0.004}


def judge(**fake: float) -> Verdict:
    result = collapse(REAL, SPREAD, fake, SPREAD)
    assert result is not None
    return result


def test_the_sentence_gives_the_numbers_and_the_conclusion() -> None:
    result = judge(ms_ssim=0.62, ndb=0.71, ndb_lost=0.43)
    assert result.level == "collapse"
    assert result.text == (
        "MS-SSIM 0.62 against 0.44 of real images (+0.18, 32 sd); ndb: 71 % of bins differ"
        " (real 6 %), 43 % of real images lie in modes that are gone: mode collapse"
    )


@pytest.mark.parametrize(
    ("level", "fake"),
    [
        ("none", {"ms_ssim": 0.44}),
        ("none", {"ms_ssim": 0.485}),
        ("risk", {"ms_ssim": 0.505}),
        ("collapse", {"ms_ssim": 0.545}),
        ("none", {"ms_ssim": 0.35}),
        ("risk", {"ms_ssim": 0.06}),
        ("none", {"ndb": 0.9, "ndb_lost": 0.04}),
        ("none", {"ndb": 0.2, "ndb_lost": 0.105}),
        ("risk", {"ndb": 0.2, "ndb_lost": 0.115}),
        ("risk", {"ndb": 0.2, "ndb_lost": 0.5}),
        ("collapse", {"ndb": 0.2, "ndb_lost": 0.52}),
        ("collapse", {"ms_ssim": 0.44, "ndb": 0.2, "ndb_lost": 0.52}),
        ("collapse", {"ms_ssim": 0.56, "ndb": 0.1, "ndb_lost": 0.0}),
        ("risk", {"ms_ssim": 0.06, "ndb": 1.0, "ndb_lost": 1.0}),
    ],
)
def test_levels_follow_from_either_metric(level: str, fake: dict[str, float]) -> None:
    assert judge(**fake).level == level


def test_less_alike_than_real_images_is_never_praised() -> None:
    noise = judge(ms_ssim=0.06, ndb=1.0, ndb_lost=1.0)
    assert "less alike than real images" in noise.text
    assert "noise?" in noise.text
    assert "better" not in noise.text
    assert "(-0.38, 67 sd)" in noise.text


def test_a_rise_that_may_be_an_accident_is_not_held_against_the_fakes() -> None:
    wide = {"ms_ssim": 0.04}
    for fake in ({"ms_ssim": 0.56}, {"ms_ssim": 0.28}):
        result = collapse(REAL, wide, fake, wide)
        assert result is not None
        assert result.level == "none"
    known = collapse(REAL, {}, {"ms_ssim": 0.56, "ms_ssim_se": 0.04}, {})
    assert known is not None
    assert known.level == "none"
    assert "3 sd" in known.text


def test_without_a_floor_the_numbers_stand_alone() -> None:
    result = collapse({}, {}, {"ms_ssim": 0.9, "ndb": 0.5, "ndb_lost": 0.3}, {})
    assert result is not None
    assert result.level == "risk"
    assert result.text == (
        "ndb: 50 % of bins differ, 30 % of real images lie in modes that are gone: risk of mode"
        " collapse"
    )


@pytest.mark.parametrize(
    ("real", "fake"),
    [
        ({}, {}),
        (REAL, {"swd_avg": 3.0}),
        ({}, {"ms_ssim": 0.9}),
        (REAL, {"ms_ssim": float("nan"), "ndb": float("nan"), "ndb_lost": float("nan")}),
    ],
)
def test_nothing_is_said_where_nothing_was_measured(
    real: dict[str, float], fake: dict[str, float]
) -> None:
    assert collapse(real, {}, fake, {}) is None


def patterns(count: int, seed: int) -> np.ndarray:
    """Return pictures of 4 x 4 soft patches round a common one, so that they are a bit alike."""
    random = np.random.default_rng(seed)
    common = np.random.default_rng(0).normal(0, 40, (1, 3, 4, 4))
    coarse = 128 + common + random.normal(0, 35, (count, 3, 4, 4))
    return np.clip(coarse.repeat(4, 2).repeat(4, 3), 0, 255).astype(np.uint8)


def test_pictures_that_have_collapsed_are_judged_so_from_end_to_end() -> None:
    real, other, new = (patterns(800, seed) for seed in (1, 2, 3))
    random = np.random.default_rng(0)
    few = new[np.arange(800) % 4].astype(int) + random.integers(-2, 3, new.shape)
    noise = random.integers(0, 256, new.shape, dtype=np.uint8)
    bins, metric = NDB().prepare(real), MSSSIM()

    def numbers(pictures: np.ndarray) -> dict[str, float]:
        return metric.compute(None, pictures) | NDB().compute(bins, pictures)

    floor = numbers(other)
    for pictures, level in (
        (new, "none"),
        (np.clip(few, 0, 255).astype(np.uint8), "collapse"),
        (noise, "risk"),
    ):
        result = collapse(floor, {}, numbers(pictures), {})
        assert result is not None
        assert result.level == level, result.text
