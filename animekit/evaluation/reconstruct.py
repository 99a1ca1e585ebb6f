"""Reconstruction: real images, what a model makes of them, and by how much it is off."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from animekit.errors import UnusableError, UsageError
from animekit.evaluation import held_out, latent_map
from animekit.evaluation.held_out import TestImages
from animekit.evaluation.latent_map import LatentMap
from animekit.images.layout import grid
from animekit.images.pixels import resize, to_float, to_uint8
from animekit.images.write import KEY, may_replace, write_png
from animekit.models.abilities import Diverges, Encodes, Reconstructs
from animekit.models.sampling import device_of
from animekit.runs.run import Loaded, Run, load_model

if TYPE_CHECKING:
    from animekit.plugins import Registry

CHUNK = 64  # images that pass through a network at once
SSIM_MOST = 1_000  # images whose SSIM is computed: it takes longer than the model
COLUMNS = 10  # pairs in a row of the sheet
PEAK = 2.0  # of pixels in [-1, 1]
Progress = Callable[[str, float], None]
"""Told what is going on, and the share of it that is done."""


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


@dataclass(frozen=True)
class Reconstruction:
    """Pairs of real images and reconstructions, and the scores of all test images.

    `originals` and `copies` are uint8 [P, S, S, 3]; `names` are those of the originals.
    """

    originals: np.ndarray
    copies: np.ndarray
    names: tuple[str, ...]
    scores: Scores
    model: dict[str, Any]
    data: dict[str, Any]
    origin: str
    map: LatentMap | None = None
    warnings: tuple[str, ...] = ()

    def picture(self, tile: int | None = None) -> np.ndarray:
        """Return the pairs as one picture, originals above, up to ten pairs in a row."""
        side = tile or self.originals.shape[1]
        above, below = (
            np.stack([_scaled(image, side) for image in images])
            for images in (self.originals, self.copies)
        )
        pairs = np.concatenate([above, below], 1)
        return grid(pairs, columns=min(COLUMNS, len(pairs)), gap=2)

    def save(self, path: Path | str, *, tile: int | None = None, overwrite: bool = False) -> Path:
        """Write the pairs as one PNG that says what it shows; return its path.

        `tile` is the side of an image. A file that animekit did not make is replaced only if
        `overwrite` is true.
        """
        path = Path(path)
        may_replace(path, ".png", overwrite=overwrite)
        write_png(path, self.picture(tile), {KEY: json.dumps(self.facts(), ensure_ascii=True)})
        return path

    def facts(self) -> dict[str, Any]:
        """Return what was reconstructed and how well, as plain values."""
        return {
            "version": version("animekit"),
            "mode": "reconstruct",
            "model": self.model,
            "data": self.data,
            "scores": vars(self.scores),
            "names": list(self.names),
        }


def reconstruct(
    model: str | Path | Run | Loaded | None = None,
    data: str | Path | None = None,
    *,
    num: int = 10,
    attribute: str | None = None,
    map_num: int = 1_000,
    tags: Path | None = None,
    seed: int = 0,
    checkpoint: str | int = "best",
    registry: Registry | None = None,
    progress: Progress | None = None,
) -> Reconstruction:
    """Let a model reconstruct real images and measure how far off it is.

    `model` is a run, a checkpoint, weights, or None for the newest run; `data` a folder or another
    data set, by default the images that the run held out, else those that it was trained on. `num`
    pairs are kept to be shown. With an `attribute` ("hair", "eyes", any label) the codes of up to
    `map_num` images are laid out in two dimensions by t-SNE. Raises UnusableError for a model that
    does not reconstruct.
    """
    if num < 1 or map_num < latent_map.FEWEST:
        raise UsageError(f"--num is at least 1, --map-num at least {latent_map.FEWEST}")
    loaded = (
        model if isinstance(model, Loaded) else load_model(model, registry, checkpoint=checkpoint)
    )
    reconstructing = as_reconstructing(loaded.model, loaded.name)
    from animekit import plugins

    tell = progress or (lambda words, share: None)
    shown = held_out.find(
        loaded,
        data,
        registry if registry is not None else plugins.load(),
        tags=tags,
        progress=lambda done, total: tell("reading", done / max(total, 1)),
    )
    points = None
    if attribute is not None:
        points = latent_map.choose(shown, attribute, map_num, seed)
    rows = np.sort(np.random.default_rng(seed).permutation(len(shown))[:num])
    scores = measure(reconstructing, shown.images, lambda share: tell("reconstructing", share))
    found = None
    if points is not None:
        tell("laying out", 0.0)
        found = latent_map.lay_out(points, codes_of(loaded.model, points.images), seed)
    with torch.inference_mode():
        copies = [_copies(reconstructing, shown.images[part]) for part in _parts(rows)]
    return Reconstruction(
        originals=shown.images[rows],
        copies=to_uint8(torch.cat(copies)),
        names=tuple(shown.names[row] for row in rows),
        scores=scores,
        model=loaded.weights.model_dump(),
        data=shown.facts(),
        origin=f"{loaded.origin}; {shown.words}",
        map=found,
        warnings=_warnings(shown),
    )


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
    if not math.isfinite(mse):
        raise UnusableError("the model makes NaN: its weights are spoilt", "use another checkpoint")
    return Scores(
        n=count,
        mse=mse,
        psnr=10 * math.log10(PEAK**2 / max(mse, 1e-12)),
        ssim=float(np.mean(similar)),
        ssim_n=len(similar),
        nats=nats / count if isinstance(model, Diverges) else None,
    )


def codes_of(model: object, images: np.ndarray) -> np.ndarray:
    """Return codes float32 [N, Z] of uint8 [N, S, S, 3]; UnusableError if none."""
    if not isinstance(model, Encodes):
        raise UnusableError(
            f"{getattr(model, 'name', 'this model')} has no codes to draw a map of",
            "leave --map away, or name a model that encodes, such as a vae",
            code="model.not_encoding",
        )
    with torch.inference_mode():
        parts = [
            model.encode(_on_device(model, images[part])).flatten(1).float().cpu()
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
    return real, model.reconstruct(real).float()


def _copies(model: Reconstructs, images: np.ndarray) -> Tensor:
    return _pair(model, images)[1]


def _scaled(image: np.ndarray, side: int) -> np.ndarray:
    return image if image.shape[0] == side else resize(image, side)


def _warnings(shown: TestImages) -> tuple[str, ...]:
    if shown.part != "trained on":
        return ()
    return (
        "these images were trained on, so the numbers are too good: train with --holdout 0.1, or"
        " name other images",
    )
