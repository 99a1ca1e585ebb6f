"""What a test of a plugin needs: a check of any model, and a tiny data set drawn by code.

from animekit.testing import check_model


def test_my_model_keeps_the_contract():
    check_model(MyModel)
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from animekit.models.base import Model
from animekit.testing import contract
from animekit.testing.house_rules import check_house_rules
from animekit.testing.tiny import TinyFaces, small_params, tiny_dataset, tiny_model, tiny_stepper
from animekit.testing.translation_contract import check_translations

__all__ = [
    "TinyFaces",
    "check_model",
    "small_params",
    "tiny_dataset",
    "tiny_model",
    "tiny_stepper",
]


def check_model(
    cls: type[Model], *, sizes: Sequence[int] = (32, 64), house_rules: bool = False
) -> None:
    """Raise AssertionError where a model breaks the contract, and say how to mend it.

    Builds it at each size and trains a few steps at the first, on drawn faces. Parameters that are
    called `*_channels` are set small; all others have their defaults. What animekit asks of its
    own models alone, such as a source in the docstring, is checked only with `house_rules`.
    """
    with torch.random.fork_rng(devices=[]):
        for check in (*contract.CHECKS, check_translations):
            check(cls, sizes)
        if house_rules:
            check_house_rules(cls, sizes)
