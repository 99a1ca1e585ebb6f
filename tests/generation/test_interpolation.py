"""Ways between points of noise, against what geometry says of them."""

from __future__ import annotations

import numpy as np
import pytest

from animekit.generation.interpolation import MODES, lerp, path_through, segments, slerp

A, B, C = np.random.default_rng(3).normal(size=(3, 64)) * [[1], [2], [1]]


def test_slerp_turns_evenly_and_changes_length_evenly() -> None:
    def angle(x: np.ndarray, y: np.ndarray) -> float:
        return float(np.arccos(min(1.0, x @ y / np.linalg.norm(x) / np.linalg.norm(y))))

    whole = angle(A, B)
    for t in (0.0, 0.25, 0.5, 0.9, 1.0):
        point = slerp(A, B, t)
        assert angle(A, point) == pytest.approx(t * whole, abs=1e-6)
        assert angle(point, B) == pytest.approx((1 - t) * whole, abs=1e-6)
        ends = np.linalg.norm(A), np.linalg.norm(B)
        assert np.linalg.norm(point) == pytest.approx(ends[0] + t * (ends[1] - ends[0]))


def test_slerp_keeps_the_length_that_lerp_loses() -> None:
    middle = np.linalg.norm(slerp(A, B, 0.5))
    assert np.linalg.norm(lerp(A, B, 0.5)) < 0.9 * middle


@pytest.mark.parametrize("nearly", [0.0, 1e-12, 1e-9, 1e-7, 1e-4])
@pytest.mark.parametrize("sign", [1, -1])
def test_parallel_and_opposite_vectors_have_a_way_too(nearly: float, sign: int) -> None:
    other = sign * A * 3 + nearly * B
    way = np.stack([slerp(A, other, t) for t in np.linspace(0, 1, 101)])
    lengths = np.linalg.norm(way, axis=1)
    expected = np.linspace(lengths[0], np.linalg.norm(other), 101)
    assert np.allclose(lengths, expected, rtol=1e-9)
    assert np.allclose(way[0], A)
    assert np.allclose(way[-1], other, atol=1e-6)
    steps = np.linalg.norm(np.diff(way, axis=0), axis=1)
    assert steps.max() < 0.05 * lengths.max()  # no jump anywhere


def test_exactly_opposite_vectors_turn_through_a_right_angle() -> None:
    middle = slerp(np.array([0.0, 2.0]), np.array([0.0, -4.0]), 0.5)
    assert np.allclose(np.abs(middle), [3.0, 0.0])


def test_a_zero_vector_is_left_in_a_straight_line() -> None:
    assert np.allclose(slerp(np.zeros(64), B, 0.25), B / 4)


def test_shapes_other_than_vectors_are_kept() -> None:
    a, b = A.reshape(4, 4, 4), B.reshape(4, 4, 4)
    assert np.allclose(slerp(a, b, 0.3).ravel(), slerp(A, B, 0.3))


@pytest.mark.parametrize("mode", MODES)
def test_a_loop_closes_without_a_jump_and_without_a_repeat(mode: str) -> None:
    points = [A, B, C]
    way = path_through(points, segments(3, 60, loop=True), MODES[mode])
    assert len(way) == 60
    around = np.concatenate([way, way[:1]])
    steps = np.linalg.norm(np.diff(around, axis=0), axis=1)
    assert steps[-1] == pytest.approx(steps[-2], rel=0.2)
    assert steps.min() > 0.2 * steps.max()
    for index, point in enumerate(points):
        assert np.array_equal(way[20 * index], point.astype(np.float32))


def test_an_open_way_ends_at_the_last_point() -> None:
    way = path_through([A, B], segments(2, 7, loop=False), slerp)
    assert len(way) == 7
    assert np.array_equal(way[-1], B.astype(np.float32))
