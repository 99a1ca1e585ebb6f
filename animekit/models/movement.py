"""How far a translator moves pictures, how well they come back, and which set they resemble."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from animekit.errors import UnusableError
from animekit.images.pixels import to_float, to_uint8
from animekit.models.abilities import Translates
from animekit.models.sampling import device_of, refuse_nan

PIXELS = 1 << 18  # of pictures that pass at once: four of 256 px, 64 of 64 px
MOST_AT_ONCE = 64
EDGE = 8  # the border is this part of the side, on each side
LEAST_SIDE = 11  # px: the window of SSIM

ShareDone = Callable[[float], None]


@dataclass(frozen=True)
class Passed:
    """What became of N images: pictures uint8 [N, S, S, 3], and numbers [N].

    Distances are means of |difference| over pixels and colours in [-1, 1]. `back` and `cycle` are
    None where the model knows no way back, `structure` (SSIM of the grey pictures) where a picture
    is smaller than its window.
    """

    made: np.ndarray
    moved: np.ndarray
    border: np.ndarray
    structure: np.ndarray | None
    back: np.ndarray | None = None
    cycle: np.ndarray | None = None


def passed(
    model: Translates,
    images: np.ndarray,
    target: Any,
    source: np.ndarray | None = None,
    *,
    back: bool = True,
    progress: ShareDone = lambda share: None,
) -> Passed:
    """Translate images uint8 [N, S, S, 3], and measure.

    The target is a direction or labels float32 [N, L]. `source` are the labels float32 [N, L] that
    they had: the way back asks for them. Raises UnusableError where the model makes NaN.
    """
    count, side = len(images), images.shape[1]
    if not count:
        none = np.zeros(0)
        return Passed(images, none, none, none, images if back else None, none if back else None)
    step = max(1, min(MOST_AT_ONCE, PIXELS // side**2))
    parts: dict[str, list[np.ndarray]] = {}
    with torch.inference_mode():
        for start in range(0, count, step):
            rows = slice(start, start + step)
            real = to_float(torch.from_numpy(np.ascontiguousarray(images[rows])))
            real = real.contiguous().to(device_of(model))
            made = refuse_nan(model.translate(real, _of(target, rows, real))).float()
            home = _home(model, real, made, target, source, rows) if back else None
            for name, value in _measured(real, made, home).items():
                parts.setdefault(name, []).append(value)
            progress(min(1.0, (start + step) / count))
    whole = {name: np.concatenate(values) for name, values in parts.items()}
    structure = structures(images, whole["made"]) if side >= LEAST_SIDE else None
    return Passed(structure=structure, **whole)


def _measured(real: Tensor, made: Tensor, home: Tensor | None) -> dict[str, np.ndarray]:
    apart = (made - real).abs().mean(1)  # [n, S, S]
    edge = max(1, real.shape[2] // EDGE)
    inner = apart[:, edge:-edge, edge:-edge]
    outside = apart.sum((1, 2)) - inner.sum((1, 2))
    found = {
        "made": to_uint8(made),
        "moved": apart.mean((1, 2)).double().cpu().numpy(),
        "border": (outside / (apart[0].numel() - inner[0].numel())).double().cpu().numpy(),
    }
    if home is not None:
        found["back"] = to_uint8(home)
        found["cycle"] = (home - real).abs().mean((1, 2, 3)).double().cpu().numpy()
    return found


def _home(
    model: Translates,
    real: Tensor,
    made: Tensor,
    target: Any,
    source: np.ndarray | None,
    rows: slice,
) -> Tensor | None:
    """Return pictures there and back; None where the model knows no way back."""
    ways = model.directions
    try:
        if len(ways) == 2 and target in ways:  # the half that is done is not done again
            return refuse_nan(model.translate(made, ways[1 - ways.index(target)])).float()
        if not ways:
            return (
                None
                if source is None
                else refuse_nan(model.translate(made, _of(source, rows, made))).float()
            )
        return refuse_nan(model.cycle(real, target)).float()
    except UnusableError as error:
        if error.code == "model.nan":
            raise
        return None


def _of(target: Any, rows: slice, images: Tensor) -> Any:
    if isinstance(target, str):
        return target
    return torch.from_numpy(np.ascontiguousarray(target[rows], np.float32)).to(images.device)


def structures(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Return the SSIM [N] of the grey pictures of uint8 [N, S, S, 3]; 1 is equal.

    Wang et al., 2004: Gaussian windows of sigma 1.5, 255 levels.
    """
    from skimage.metrics import structural_similarity

    weights = np.array([0.299, 0.587, 0.114])
    return np.array(
        [
            structural_similarity(
                first @ weights,
                second @ weights,
                gaussian_weights=True,
                sigma=1.5,
                use_sample_covariance=False,
                data_range=255,
            )
            for first, second in zip(before, after, strict=True)
        ]
    )


@dataclass(frozen=True)
class NearerSet:
    """Tells of which of two sets a picture is: that whose mean is nearer.

    `source` and `target` are float32 [N, D] and [M, D].
    """

    source: np.ndarray
    target: np.ndarray

    def margins(self, seen: np.ndarray) -> np.ndarray:
        """Return [N]: how much nearer [N, D] is to the target's than the source's mean."""
        far, near = (
            np.linalg.norm(seen - each.mean(0, dtype=np.float64), axis=1)
            for each in (self.source, self.target)
        )
        return np.asarray(far - near)

    def of_source(self) -> np.ndarray:
        """Return the margins of the source's own pictures, each left out of its mean."""
        return -_alone(self.source, self.target)

    def of_target(self) -> np.ndarray:
        """Return the margins of the target's own pictures, each left out of its mean."""
        return _alone(self.target, self.source)


def _alone(own: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return how much nearer each is to the mean of the others of its set than to another's."""
    count = len(own)
    if count < 2:
        return np.zeros(count)
    means = (own.sum(0, dtype=np.float64) - own) / (count - 1)
    far = np.linalg.norm(own - other.mean(0, dtype=np.float64), axis=1)
    return np.asarray(far - np.linalg.norm(own - means, axis=1))
