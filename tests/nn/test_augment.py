"""Changes at random that a generator learns through: what they do, to whom, and how adaptive."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from animekit.nn import augment
from animekit.nn.augment import ADAPT_EVERY, ADAPT_IMAGES, KINDS, Augmentation

N = 256


def ramp(count: int = N, side: int = 32) -> Tensor:
    """Images without two equal pixels in a channel, none of them 0."""
    row = torch.linspace(0.1, 1, 3 * side * side, dtype=torch.float64)
    return row.view(1, 3, side, side).expand(count, -1, -1, -1)


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_is_differentiable_with_the_derivative_of_its_own_draws(kind: str) -> None:
    images = ramp(3, 8).clone().requires_grad_()

    def changed(x: Tensor) -> Tensor:
        torch.manual_seed(5)
        return augment.AUGMENTATIONS[kind](x)  # type: ignore[index]

    assert torch.autograd.gradcheck(changed, images)
    assert torch.autograd.gradgradcheck(changed, images)
    assert not torch.equal(changed(images), images)


@pytest.mark.parametrize("kind", KINDS)
def test_real_and_fake_are_changed_alike(kind: str) -> None:
    function = augment.AUGMENTATIONS[kind]  # type: ignore[index]
    images = ramp()
    torch.manual_seed(3)
    first = function(images)
    torch.manual_seed(3)
    assert torch.equal(function(images.clone().requires_grad_()), first)
    assert len({image.sum().item() for image in first}) > N / 8  # a draw for each image


def test_brightness_saturation_and_contrast_stay_in_the_bounds_of_the_paper() -> None:
    changed = augment.color(ramp())
    shift = changed.mean((1, 2, 3)) - ramp().mean()
    assert -0.5 <= shift.min() < -0.4 and 0.4 < shift.max() <= 0.5
    grey = changed.mean(1).flatten(1).std(1) / ramp(1).mean(1).std()  # contrast alone moves it
    assert 0.5 <= grey.min() < 0.55 and 1.45 < grey.max() <= 1.5
    chroma = (changed[:, 0] - changed[:, 1]).mean((1, 2)) / (ramp(1)[:, 0] - ramp(1)[:, 1]).mean()
    saturation = chroma / grey
    assert 0 <= saturation.min() < 0.1 and 1.9 < saturation.max() <= 2 + 1e-9


def test_a_translation_moves_all_of_an_image_by_whole_pixels_and_fills_with_grey() -> None:
    images = ramp()
    moved, shifts = augment.translation(images), set()
    for before, after in zip(images, moved, strict=True):
        row, column = (
            int((before[0] == after[0][after[0] > 0][0]).nonzero()[0, i]) for i in (0, 1)
        )
        new_row, new_column = (int((after[0] > 0).nonzero()[0, i]) for i in (0, 1))
        down, right = new_row - row, new_column - column
        shifts.add((down, right))
        expected = torch.zeros_like(before)
        to = (slice(max(down, 0), 32 + min(down, 0)), slice(max(right, 0), 32 + min(right, 0)))
        of = (slice(max(-down, 0), 32 + min(-down, 0)), slice(max(-right, 0), 32 + min(-right, 0)))
        expected[:, to[0], to[1]] = before[:, of[0], of[1]]
        assert torch.equal(after, expected)
    for axis in (0, 1):
        assert {shift[axis] for shift in shifts} == set(range(-4, 5))  # an eighth of 32


def test_a_cutout_is_one_grey_square_of_half_the_side_that_may_hang_over_the_edge() -> None:
    gone = augment.cutout(ramp()) == 0
    assert torch.equal(gone[:, 0], gone[:, 1]) and torch.equal(gone[:, 0], gone[:, 2])
    rows, columns = gone[:, 0].any(2).sum(1), gone[:, 0].any(1).sum(1)
    assert torch.equal(gone[:, 0].sum((1, 2)), rows * columns)  # a rectangle without holes
    assert rows.max() == columns.max() == 16
    assert {*rows.tolist(), *columns.tolist()} == set(range(8, 17))  # the middle is always inside


def test_nothing_is_drawn_where_no_kind_was_asked_for() -> None:
    torch.manual_seed(1)
    images = torch.rand(2, 3, 8, 8)
    assert Augmentation(())(images) is images
    after = torch.rand(1)
    torch.manual_seed(1)
    torch.rand(2, 3, 8, 8)
    assert torch.equal(torch.rand(1), after)
    assert not Augmentation(()).state_dict() and not Augmentation(("color",)).state_dict()


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_the_strength_is_the_share_of_images_that_a_kind_reaches(share: float) -> None:
    images = ramp(2000, 8)
    changed = (Augmentation(("color",), share)(images) != images).flatten(1).any(1)
    assert changed.double().mean().item() == pytest.approx(share, abs=0.04)


def test_an_adaptive_strength_grows_while_the_discriminator_tells_too_well() -> None:
    adaptive = Augmentation(("color",), 0.5, target=0.6)
    assert set(adaptive.state_dict()) == {"strength"}
    step = ADAPT_EVERY * 4 / ADAPT_IMAGES
    high, low = torch.tensor([3.0, 4.0, 5.0, 6.0]), torch.tensor([1.0, 2.0, 1.0, 2.0])
    adaptive.adapt(high, low)  # every pair told apart: 1 > 0.6
    assert adaptive.strength.item() == pytest.approx(0.5 + step, abs=1e-7)
    adaptive.adapt(high - 100, low)  # every pair wrong
    assert adaptive.strength.item() == pytest.approx(0.5, abs=1e-7)
    mixed = torch.tensor([3.0, 4.0, 5.0, 0.0])  # 12 of 16 pairs right: 12/16 - 4/16 = 0.5
    adaptive.adapt(mixed, low)
    assert adaptive.strength.item() == pytest.approx(0.5 - step, abs=1e-7)


def test_an_adaptive_strength_stays_a_share() -> None:
    for first, score in ((1.0, 1.0), (0.0, -1.0)):
        adaptive = Augmentation(("color",), first, target=0.6)
        adaptive.adapt(torch.full((64,), score), torch.zeros(64))
        assert adaptive.strength.item() == first
