"""Label vectors that a model is asked for: what a text leaves open is drawn from a seed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from animekit.sampler import derive_seed


def filled(
    labels: np.ndarray,
    mask: np.ndarray | None,
    groups: Sequence[int],
    seeds: Sequence[int],
    weights: np.ndarray | None = None,
) -> np.ndarray:
    """Return float32 [N, L]: each attribute that is unknown gets a value drawn from its own seed.

    `mask` [N, L] is 0 on an unknown attribute; without it, one of several values is unknown where
    none is set. `weights` [L] say how often each value is drawn, all alike by default.
    """
    found = np.array(labels, dtype=np.float32)
    starts = np.cumsum([0, *groups])
    for row, seed in enumerate(seeds):
        for index, width in enumerate(groups):
            part = slice(starts[index], starts[index + 1])
            open_ = (
                not found[row, part].any() and width > 1
                if mask is None
                else not mask[row, part].any()
            )
            if open_:
                found[row, part] = _drawn(
                    seed, index, width, None if weights is None else weights[part]
                )
    return found


def _drawn(seed: int, index: int, width: int, weights: np.ndarray | None) -> np.ndarray:
    rng = np.random.default_rng(derive_seed(seed, "label", index))
    if width == 1:
        return np.array([rng.random() < (0.5 if weights is None else weights[0])], np.float32)
    shares = np.full(width, 1 / width) if weights is None else weights / weights.sum()
    value = np.zeros(width, np.float32)
    value[rng.choice(width, p=shares)] = 1
    return value
