"""Label vectors that a model is asked for: what a text leaves open is drawn from a seed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from animekit.labels.vocabulary import parts
from animekit.seeds import derive_seed


def filled(
    labels: np.ndarray,
    mask: np.ndarray | None,
    groups: Sequence[int],
    seeds: Sequence[int],
    weights: np.ndarray | None = None,
) -> np.ndarray:
    """Return float32 [N, L]: labels in which no attribute is open, for N seeds.

    `mask` [N, L] is 0 on an attribute that is open; without it, one of several values is open where
    none is set. Each open attribute gets a value drawn from the seed of its row and its place, so
    that a row is the same in any company. `weights` [L] say how often: shares among the values of
    one attribute, and the share of yes for a yes or no; all are alike by default, and where those
    of an attribute are all 0.

    >>> filled(np.zeros((2, 3)), None, (2, 1), [7, 7]).tolist()
    [[0.0, 1.0, 0.0], [0.0, 1.0, 0.0]]
    """
    found = np.array(labels, dtype=np.float32)
    for place, part in enumerate(parts(groups)):
        width = part.stop - part.start
        if mask is not None:
            is_open = ~np.asarray(mask[:, part], dtype=bool).any(axis=1)
        else:
            is_open = ~found[:, part].any(axis=1) & (width > 1)
        odds = None if weights is None else weights[part]
        for row in np.flatnonzero(is_open):
            found[row, part] = _drawn(int(seeds[int(row)]), place, width, odds)
    return found


def _drawn(seed: int, place: int, width: int, weights: np.ndarray | None) -> np.ndarray:
    """Return a value of the attribute at a place, 0 and 1 [width]."""
    rng = np.random.default_rng(derive_seed(seed, "label", place))
    if width == 1:
        return np.array([rng.random() < (0.5 if weights is None else weights[0])], np.float32)
    shares = np.ones(width) if weights is None else np.asarray(weights, np.float64)
    total = shares.sum()
    chosen = rng.choice(width, p=shares / total if total > 0 else None)
    return np.eye(width, dtype=np.float32)[chosen]
