"""How far off reconstructions are, and the codes that a model has for images."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from animekit.errors import UnusableError
from animekit.images.pixels import to_float, to_uint8
from animekit.models.abilities import Diverges, Encodes, Reconstructs
from animekit.models.sampling import device_of, refuse_nan

CHUNK = 64  # images that pass through a network at once
SSIM_MOST = 1_000  # images whose SSIM is computed: it takes longer than the model
PEAK = 2.0  # of pixels in [-1, 1]


@dataclass(frozen=True)
class Scores:
    """How far reconstructions are from `n` images.

    `mse` is the mean over images, pixels and colours in [-1, 1]; `psnr` in dB is that of the mean
    squared error (peak 2); `ssim` is the mean over `ssim_n` images (Wang et al., 2004: Gaussian
    windows, colours apart); `nats` the mean KL of a code, None for codes without one.
    """

    n: int
    mse: float
    psnr: float
    ssim: float
    ssim_n: int
    nats: float | None = None


def as_reconstructing(model: object, name: str) -> Reconstructs:
    """Return the model if it reconstructs images; UnusableError if it does not."""
    if isinstance(model, Reconstructs):
        return model
    kind = getattr(model, "name", type(model).__name__)
    raise UnusableError(
        f"{name} is a {kind}, which does not reconstruct images",
        "animekit plugins lists the models; animekit train vae makes one that does",
        code="model.not_reconstructing",
    )


def measure(
    model: Reconstructs, images: np.ndarray, progress: Callable[[float], None] | None = None
) -> Scores:
    """Return the scores of a model over images uint8 [N, S, S, 3].

    Raises UnusableError where the model makes NaN.
    """
    from skimage.metrics import structural_similarity

    count = len(images)
    compared = set(np.linspace(0, count - 1, min(SSIM_MOST, count)).astype(int).tolist())
    squares, nats, similar = 0.0, 0.0, []
    with torch.inference_mode():
        for part in _parts(np.arange(count)):
            real, copies = _pair(model, images[part])
            squares += float((copies.double() - real.double()).square().mean((1, 2, 3)).sum())
            if isinstance(model, Diverges):
                nats += float(model.nats(real).double().sum())
            for row, copy in zip(part, to_uint8(copies), strict=True):
                if row in compared:
                    similar.append(
                        structural_similarity(
                            images[row],
                            copy,
                            channel_axis=2,
                            gaussian_weights=True,
                            sigma=1.5,
                            use_sample_covariance=False,
                            data_range=255,
                        )
                    )
            if progress is not None:
                progress((part[-1] + 1) / count)
    mse = squares / count
    return Scores(
        n=count,
        mse=mse,
        psnr=10 * math.log10(PEAK**2 / max(mse, 1e-12)),
        ssim=float(np.mean(similar)),
        ssim_n=len(similar),
        nats=nats / count if isinstance(model, Diverges) else None,
    )


def as_encoding(model: object) -> Encodes:
    """Return the model if it has codes; UnusableError if it has none."""
    if isinstance(model, Encodes):
        return model
    raise UnusableError(
        f"{getattr(model, 'name', 'this model')} has no codes to draw a map of",
        "leave --map away, or name a model that encodes, such as a vae",
        code="model.not_encoding",
    )


def codes_of(model: object, images: np.ndarray) -> np.ndarray:
    """Return codes float32 [N, Z] of uint8 [N, S, S, 3]; UnusableError if none."""
    encoding = as_encoding(model)
    with torch.inference_mode():
        parts = [
            refuse_nan(encoding.encode(_on_device(model, images[part]))).flatten(1).float().cpu()
            for part in _parts(np.arange(len(images)))
        ]
    return torch.cat(parts).numpy()


def _parts(rows: np.ndarray) -> Iterator[np.ndarray]:
    for start in range(0, len(rows), CHUNK):
        yield rows[start : start + CHUNK]


def _on_device(model: object, images: np.ndarray) -> Tensor:
    return to_float(torch.from_numpy(np.ascontiguousarray(images)).to(device_of(model)))


def _pair(model: Reconstructs, images: np.ndarray) -> tuple[Tensor, Tensor]:
    real = _on_device(model, images)
    return real, refuse_nan(model.reconstruct(real)).float()


def copies_of(model: Reconstructs, images: np.ndarray) -> np.ndarray:
    """Return what a model makes of images: both uint8 [N, S, S, 3]."""
    with torch.inference_mode():
        parts = [_pair(model, images[part])[1].cpu() for part in _parts(np.arange(len(images)))]
    return to_uint8(torch.cat(parts))
