"""The check of a model leaves everything else as it was."""

from __future__ import annotations

import torch

from animekit.testing.check import check_model
from animekit_plugins.models.gan import GAN


def test_a_check_leaves_the_random_numbers_of_the_caller_alone():
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    check_model(GAN, sizes=(32,))
    assert torch.equal(torch.rand(3), expected)
