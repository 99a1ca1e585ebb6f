"""How pictures look as a set."""

from __future__ import annotations

import numpy as np
import pytest

from animekit.images.look import Look


def pictures(count: int, seed: int = 0) -> np.ndarray:
    """Return pictures of soft grey patches, uint8 [N, 3, 32, 32]."""
    coarse = np.random.default_rng(seed).integers(60, 180, (count, 1, 8, 8), dtype=np.uint8)
    return coarse.repeat(4, 2).repeat(4, 3).repeat(3, 1)


def test_a_look_is_in_grey_levels_and_shares() -> None:
    flat = np.full((4, 3, 16, 16), 100, np.uint8)
    flat[:, 0] = 130
    assert Look.of(flat) == Look(110.0, 30.0, 0.0, 0.0, 0.0)


@pytest.mark.parametrize("count", [1, 2, 40, 1500])
def test_brighter_paler_and_repeated_pictures_are_told_apart(count: int) -> None:
    real, other = pictures(count), pictures(count, seed=1)
    same = Look.of(other).beside(Look.of(real))
    brighter = Look.of(other + np.uint8(40)).beside(Look.of(real))
    pale = Look.of(other // 2 + 60).beside(Look.of(real))
    assert brighter.brighter == pytest.approx(same.brighter + 40, abs=0.1)
    assert brighter.contrast == pytest.approx(same.contrast)
    assert pale.contrast == pytest.approx(same.contrast / 2, rel=0.05)
    if count > 2:
        assert same[1:] == pytest.approx((1, 1, 1, 1), abs=0.15)
        assert pale.twins == pytest.approx(1, abs=0.15)
        repeated = Look.of(other[np.arange(count) % 8]).beside(Look.of(real))
        assert repeated.twins == 0
