"""Reconstruction: real images, what a model makes of them, and by how much it is off."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from animekit import device as devices
from animekit import plugins
from animekit.config import renamed_arguments
from animekit.errors import UsageError
from animekit.evaluation import held_out, latent_map, latent_picture
from animekit.evaluation.held_out import TestImages
from animekit.evaluation.latent_map import LatentMap, map_files
from animekit.evaluation.request import StageProgress
from animekit.evaluation.scores import (
    Scores,
    as_encoding,
    as_reconstructing,
    codes_of,
    copies_of,
    measure,
)
from animekit.images.layout import grid
from animekit.images.pixels import resize
from animekit.images.write import KEY, may_replace, write_png
from animekit.models.abilities import Reconstructs
from animekit.plugins import Registry
from animekit.runs.run import Loaded, Run, load_model
from animekit.text import Printed

COLUMNS = 10  # pairs in a row of the sheet


@dataclass(frozen=True)
class Reconstruction(Printed):
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

    def as_table(self) -> list[Sequence[str]]:
        """Return the scores, each with what it means."""
        scores = self.scores
        rows = [
            ("score", "value", "meaning"),
            (
                "MSE",
                f"{scores.mse:.5f}",
                "mean over pixels and colours in [-1, 1]; lower is better",
            ),
            ("PSNR", f"{scores.psnr:.2f} dB", "of that MSE; higher is better"),
            ("SSIM", f"{scores.ssim:.4f}", f"mean over {scores.ssim_n:,} images; 1 is equal"),
        ]
        if scores.nats is not None:
            meaning = "nats a code is from N(0, 1), mean over images"
            rows.append(("KL", f"{scores.nats:,.1f}", meaning))
        return [*rows]

    @renamed_arguments(tile="image_size")
    def picture(self, image_size: int | None = None) -> np.ndarray:
        """Return the pairs as one picture, originals above, up to ten pairs in a row."""
        side = image_size or self.originals.shape[1]
        above, below = (
            np.stack([_scaled(image, side) for image in images])
            for images in (self.originals, self.copies)
        )
        pairs = np.concatenate([above, below], 1)
        return grid(pairs, columns=min(COLUMNS, len(pairs)), gap=2)

    @renamed_arguments(tile="image_size")
    def save(
        self, path: Path | str, *, image_size: int | None = None, overwrite: bool = False
    ) -> Path:
        """Write the pairs as one PNG that says what it shows; return its path.

        `image_size` is the side of an image. A file that animekit did not make is replaced only if
        `overwrite` is true.
        """
        path = Path(path)
        may_replace(path, ".png", overwrite=overwrite)
        write_png(
            path, self.picture(image_size), {KEY: json.dumps(self.facts(), ensure_ascii=True)}
        )
        return path

    def save_map(
        self,
        path: Path | str,
        *,
        thumbnails: bool = False,
        coordinates: bool = False,
        overwrite: bool = False,
    ) -> list[Path]:
        """Write the map as PNG, and its coordinates as CSV beside it; return their paths.

        A path that ends in .csv asks for both. Files with something else in them are replaced only
        if `overwrite` is true. Raises UsageError where no map was drawn.
        """
        if self.map is None:
            raise UsageError("there is no map", "reconstruct with an attribute, such as hair")
        chart, table = map_files(path, coordinates=coordinates)
        may_replace(chart, ".png", overwrite=overwrite)
        if table is not None:
            self.map.save_coordinates(table, overwrite=overwrite)
        facts = self.facts()
        about = {key: facts[key] for key in ("version", "model", "data")}
        latent_picture.save_map(self.map, chart, about, thumbnails=thumbnails, overwrite=overwrite)
        return [chart] if table is None else [chart, table]

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


@dataclass(frozen=True)
class ReconstructRequest:
    """What is asked: `animekit.reconstruct` says what each field means."""

    num: int = 10
    attribute: str | None = None
    map_num: int = 1_000
    tags: Path | None = None
    seed: int = 0
    checkpoint: str | int = "best"
    device: str = "auto"
    threads: int | None = None

    def __post_init__(self) -> None:
        if self.num < 1 or self.map_num < latent_map.FEWEST:
            raise UsageError(f"--num is at least 1, --map-num at least {latent_map.FEWEST}")


@dataclass(frozen=True)
class ReconstructPlan:
    """A model that reconstructs, and the images that it is tested on."""

    request: ReconstructRequest
    loaded: Loaded
    model: Reconstructs
    shown: TestImages


@renamed_arguments(gpu="device")
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
    device: str = "auto",
    threads: int | None = None,
    registry: Registry | None = None,
    progress: StageProgress | None = None,
) -> Reconstruction:
    """Let a model reconstruct real images and measure how far off it is.

    `model` is a run, a checkpoint, weights, or None for the newest run; `data` a folder or another
    data set, by default the images that the run held out, else those that it was trained on. `num`
    pairs are kept to be shown. With an `attribute` ("hair", "eyes", any label) the codes of up to
    `map_num` images are laid out in two dimensions by t-SNE. Raises UnusableError for a model that
    does not reconstruct.
    """
    request = ReconstructRequest(num, attribute, map_num, tags, seed, checkpoint, device, threads)
    report = progress or (lambda words, share: None)
    with devices.threads(threads):
        plan = make_reconstruct_plan(
            model,
            data,
            request,
            registry if registry is not None else plugins.load(),
            lambda done, total: report("reading", done / max(total, 1)),
        )
        return _reconstructed(plan, report)


def make_reconstruct_plan(
    model: str | Path | Run | Loaded | None,
    data: str | Path | None,
    request: ReconstructRequest,
    registry: Registry,
    reading: Callable[[int, int], None] | None = None,
) -> ReconstructPlan:
    """Return what would be reconstructed; UnusableError where it cannot be."""
    loaded = open_model(model, request, registry)
    reconstructing = as_reconstructing(loaded.model, loaded.name)
    shown = held_out.find(loaded, data, registry, tags=request.tags, progress=reading)
    if request.attribute is not None:
        as_encoding(loaded.model)
    return ReconstructPlan(request, loaded, reconstructing, shown)


def open_model(
    model: str | Path | Run | Loaded | None, request: ReconstructRequest, registry: Registry
) -> Loaded:
    """Return the model where it is to compute; one that is loaded stays where it is."""
    if isinstance(model, Loaded):
        return model
    loaded = load_model(model, registry, checkpoint=request.checkpoint, able="reconstruct")
    loaded.model.to(devices.choose_device(request.device))
    return loaded


def _reconstructed(plan: ReconstructPlan, report: StageProgress) -> Reconstruction:
    request, shown, model = plan.request, plan.shown, plan.model
    points = None
    if request.attribute is not None:
        points = latent_map.choose(shown, request.attribute, request.map_num, request.seed)
    rows = np.sort(np.random.default_rng(request.seed).permutation(len(shown))[: request.num])
    scores = measure(model, shown.images, lambda share: report("reconstructing", share))
    found = None
    if points is not None:
        report("laying out", 0.0)
        codes = codes_of(plan.loaded.model, points.images)
        found = latent_map.lay_out(points, codes, request.seed)
    return Reconstruction(
        originals=shown.images[rows],
        copies=copies_of(model, shown.images[rows]),
        names=tuple(shown.names[row] for row in rows),
        scores=scores,
        model=plan.loaded.weights.model_dump(),
        data=shown.facts(),
        origin=f"{plan.loaded.origin}; {shown.words}",
        map=found,
        warnings=(*shown.notes, *_warnings(shown)),
    )


def _scaled(image: np.ndarray, side: int) -> np.ndarray:
    return image if image.shape[0] == side else resize(image, side)


def _warnings(shown: TestImages) -> tuple[str, ...]:
    if shown.part != "trained on":
        return ()
    return (
        "these images were trained on, so the numbers are too good: train with --holdout 0.1, or"
        " name other images",
    )
