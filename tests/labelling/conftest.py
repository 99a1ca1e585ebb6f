"""A classifier that reads its answer in the colours of a picture, for tests of labelling."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from animekit.models.features import Extractor
from animekit.models.tagger import Classifier

SIZE = 8
WORDS = ("twintail", "Long Hair", "bob cut", "smile")
GROUPS = (3, 1)


def _logits(pixels: Tensor) -> Tensor:
    """Return logits [N, 4]: red is which of three, and how sure; blue is a smile, or none."""
    red, blue = pixels[:, 0].mean((1, 2)), pixels[:, 2].mean((1, 2))
    which = (red / 64).long().clamp(max=2)  # 0..63, 64..127 and 128 to 255
    sure = (red % 64 < 32) * 10.0
    found = torch.zeros(len(pixels), 4)
    found[torch.arange(len(pixels)), which] = sure
    found[:, 3] = (blue - 127.5) / 8
    return found


@pytest.fixture
def reader() -> Callable[..., Classifier]:
    """Return a classifier of labels of one's own, whose answers are known."""

    def made(labels: tuple[str, ...] = WORDS, groups: tuple[int, ...] = GROUPS) -> Classifier:
        extractor = Extractor("told", "0" * 64, SIZE, _logits, _logits, groups=groups)
        return Classifier(extractor, labels, groups)

    return made
