"""Labels that a text leaves open: drawn from a seed, the same in any company."""

from __future__ import annotations

import numpy as np
import pytest

from animekit.labels.conditions import filled

GROUPS = (3, 2, 1)
SEEDS = range(4000)


def opened(**kwargs: object) -> np.ndarray:
    """Fill thousands of rows of which nothing is known."""
    empty = np.zeros((len(SEEDS), 6), np.uint8)
    return filled(empty, empty, GROUPS, SEEDS, **kwargs)  # type: ignore[arg-type]


def test_one_value_of_each_attribute_is_drawn_and_all_as_often() -> None:
    found = opened()
    assert found.dtype == np.float32
    assert (found[:, :3].sum(1) == 1).all()
    assert (found[:, 3:5].sum(1) == 1).all()
    assert set(found[:, 5]) == {0, 1}
    # five standard deviations of 4,000 draws
    assert found.mean(0) == pytest.approx([1 / 3, 1 / 3, 1 / 3, 1 / 2, 1 / 2, 1 / 2], abs=0.04)


def test_attributes_are_drawn_apart_from_each_other() -> None:
    found = opened()
    both = (found[:, 0] * found[:, 3]).mean(), (found[:, 3] * found[:, 5]).mean()
    assert both == pytest.approx((1 / 6, 1 / 4), abs=0.035)


def test_weights_say_how_often_and_only_their_ratio_counts() -> None:
    found = opened(weights=np.array([30, 10, 0, 0, 0, 0.9]))
    assert found.mean(0) == pytest.approx([0.75, 0.25, 0, 1 / 2, 1 / 2, 0.9], abs=0.04)
    assert not found[:, 2].any()


def test_what_is_known_stays() -> None:
    labels = np.array([[1, 1, 0, 0, 0, 0]] * 50, np.uint8)
    mask = np.array([[1, 1, 1, 0, 0, 1]] * 50, np.uint8)
    found = filled(labels, mask, GROUPS, range(50))
    assert (found[:, :3] == [1, 1, 0]).all()
    assert (found[:, 5] == 0).all()
    assert (found[:, 3:5].sum(1) == 1).all()
    assert len(np.unique(found[:, 3:5], axis=0)) == 2
    assert not labels[:, 3:5].any()


def test_without_a_mask_a_yes_or_no_is_known_and_an_empty_choice_is_open() -> None:
    found = filled(np.array([[0, 0, 0, 0, 1, 0]] * 50), None, GROUPS, range(50))
    assert (found[:, 3:] == [0, 1, 0]).all()
    assert (found[:, :3].sum(1) == 1).all()


def test_a_row_depends_on_its_seed_alone() -> None:
    whole = opened()
    empty = np.zeros((3, 6), np.uint8)
    assert np.array_equal(filled(empty, empty, GROUPS, [77, 5, 77]), whole[[77, 5, 77]])
    fixed = np.array([[0, 1, 0, 0, 0, 0]], np.uint8)
    known = np.array([[1, 1, 1, 0, 0, 0]], np.uint8)
    assert np.array_equal(filled(fixed, known, GROUPS, [77])[0, 3:], whole[77, 3:])
