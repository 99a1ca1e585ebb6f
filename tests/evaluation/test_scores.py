"""How far off reconstructions are, by the definitions of the scores."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from animekit.data.spec import ImageSpec
from animekit.errors import UnusableError
from animekit.evaluation.scores import codes_of, copies_of, measure


class Grey(torch.nn.Module):
    """A model to which all images are grey, with two numbers for a code."""

    name = "grey"
    spec = ImageSpec(32)

    def reconstruct(self, images: torch.Tensor) -> torch.Tensor:
        return torch.zeros_like(images)

    def encode(self, images: torch.Tensor) -> torch.Tensor:
        return images.mean((2, 3))[:, :2]


def test_scores_are_those_of_their_definitions() -> None:
    images = np.zeros((3, 32, 32, 3), np.uint8)  # black: -1
    images[2, :16] = 255
    scores = measure(Grey(), images)
    assert (scores.n, scores.ssim_n, scores.nats) == (3, 3, None)
    assert scores.mse == pytest.approx(1.0)
    assert scores.psnr == pytest.approx(10 * math.log10(4))
    images[:] = 255 * 3 // 4  # 191 of 255 is 0.498
    assert measure(Grey(), images).mse == pytest.approx((191 / 127.5 - 1) ** 2)
    assert measure(Grey(), images).psnr > scores.psnr


def test_ssim_is_one_for_equal_images_and_taken_over_at_most_a_thousand(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Same(Grey):
        def reconstruct(self, images: torch.Tensor) -> torch.Tensor:
            return images

    images = np.random.default_rng(0).integers(0, 256, (5, 32, 32, 3), dtype=np.uint8)
    assert measure(Same(), images).ssim == pytest.approx(1)
    assert measure(Same(), images).mse < 1e-9
    assert measure(Grey(), images).ssim < 0.2
    monkeypatch.setattr("animekit.evaluation.scores.SSIM_MOST", 2)
    assert measure(Grey(), images).ssim_n == 2
    assert measure(Grey(), images).n == 5


def test_a_model_without_codes_has_no_map() -> None:
    images = np.zeros((3, 32, 32, 3), np.uint8)

    class Codeless(torch.nn.Module):
        name = "codeless"

    with pytest.raises(UnusableError, match="codeless has no codes"):
        codes_of(Codeless(), images)
    assert codes_of(Grey(), images).tolist() == [[-1, -1]] * 3


def test_nan_is_refused_in_pictures_and_codes_as_it_is_in_scores() -> None:
    class Spoilt(Grey):
        def reconstruct(self, images: torch.Tensor) -> torch.Tensor:
            return images * float("nan")

        encode = reconstruct

    images = np.zeros((3, 32, 32, 3), np.uint8)
    for asked in (measure, copies_of, codes_of):
        with pytest.raises(UnusableError, match="makes NaN"):
            asked(Spoilt(), images)
