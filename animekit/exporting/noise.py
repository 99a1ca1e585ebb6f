"""Noise: how a model draws z from a seed, as steps that a page in a browser repeats."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from animekit.models.abilities import Generates
from animekit.models.sampling import noise_of_seeds

Step = tuple[str, int, float]
"""Kind ("normal", "uniform" in [-1, 1], "sphere", "choice"), how many numbers, and a factor."""
SEEDS = (7, 2**33 + 1)


def steps_of(model: Generates) -> list[Step] | None:
    """Return the steps that draw a model's z from a seed; None where none do.

    They give each number as the model does. A model says them in `noise_steps`; of one that does
    not, plain normal and uniform z are tried.
    """
    wanted = noise_of_seeds(model, SEEDS)  # [2, ...]
    count, own = wanted[0].size, getattr(model, "noise_steps", None)
    tried = [own()] if own else [[(kind, count, 1.0)] for kind in ("normal", "uniform", "sphere")]
    for steps in tried:
        given = [step for step in steps if step[1]]
        found = np.stack([drawn(given, seed) for seed in SEEDS])
        if np.array_equal(found, wanted.reshape(found.shape[0], -1)):
            return given
    return None


def drawn(steps: Sequence[Step], seed: int) -> np.ndarray:
    """Return z [D] of a seed by steps, as torch draws it.

    >>> drawn([("normal", 1, 1.0), ("choice", 3, 1.0)], 7).tolist()
    [-0.1467..., 0.0, 1.0, 0.0]
    """
    chance = torch.Generator().manual_seed(seed)
    rows = [_drawn(kind, count, chance) * factor for kind, count, factor in steps]
    return torch.cat(rows, 1)[0].numpy()


def _drawn(kind: str, count: int, chance: torch.Generator) -> Tensor:
    """Return one step [1, count]."""
    if kind == "uniform":
        return 2 * torch.rand((1, count), generator=chance) - 1
    if kind == "choice":
        return functional.one_hot(torch.randint(count, (1,), generator=chance), count).float()
    z = torch.randn((1, count), generator=chance)
    return functional.normalize(z) * count**0.5 if kind == "sphere" else z
