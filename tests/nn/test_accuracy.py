"""Accuracy of D: the share of images on the right side, counted by hand."""

from __future__ import annotations

import pytest
import torch

from animekit.nn.accuracy import BY_OBJECTIVE, by_median, by_pairs, by_sign


def shares(found: tuple[torch.Tensor, torch.Tensor]) -> list[float]:
    return [share.item() for share in found]


def test_real_is_above_zero_and_fake_below() -> None:
    real, fake = torch.tensor([3.0, 0.5, -1.0, 2.0]), torch.tensor([-2.0, 1.0, 4.0, -0.1])
    assert shares(by_sign(real, fake)) == [0.75, 0.5]


def test_who_cannot_tell_is_right_half_of_the_time() -> None:
    same = torch.full((6,), 0.0)
    for measure in (by_sign, by_median, by_pairs):
        assert shares(measure(same, same)) == [0.5, 0.5]


@pytest.mark.parametrize("offset", [0.0, -1e3, 50.0])
def test_a_critic_has_no_zero(offset: float) -> None:
    real, fake = torch.tensor([3.0, 1.0, -1.0]), torch.tensor([0.0, -2.0, 2.0])
    # sorted: -2f -1r 0f | 1r 2f 3r, so that two of three are right on both sides
    assert shares(by_median(real + offset, fake + offset)) == pytest.approx([2 / 3, 2 / 3])


def test_a_critic_that_tells_all_is_wholly_right_though_all_is_negative() -> None:
    real, fake = torch.tensor([-5.0, -6.0]), torch.tensor([-7.0, -8.0, -9.0])
    assert shares(by_median(real, fake))[1] == 1 or len(real) != len(fake)
    assert shares(by_median(real, fake[:2])) == [1, 1]


def test_pairs_are_judged_pair_by_pair() -> None:
    real, fake = torch.tensor([1.0, 5.0, 9.0, 2.0]), torch.tensor([0.0, 6.0, 8.0, 1.0])
    assert shares(by_pairs(real, fake)) == [0.75, 0.75]


def test_patches_and_low_precision_are_counted_alike() -> None:
    real = torch.tensor([[[1.0, -1.0]], [[2.0, 3.0]]], dtype=torch.bfloat16)
    for measure in BY_OBJECTIVE.values():
        assert shares(measure(real, -real))[0] in (0.75, 0.5)
    assert shares(by_sign(real, -real)) == [0.75, 0.75]
