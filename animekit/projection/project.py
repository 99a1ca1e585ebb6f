"""Projection: the noise and labels by which a model draws a given picture, as near as it can."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from animekit import device as devices
from animekit import plugins
from animekit.data.dataset import Skipped, is_picture
from animekit.errors import DataError, NotFoundError, UsageError
from animekit.generation.draw import draw_recipe
from animekit.generation.recipe import NoiseFile, Recipe
from animekit.images.decode import ImageError, decode
from animekit.images.formats import EXTENSIONS
from animekit.images.pixels import resize, to_float
from animekit.labels import prompt as prompts
from animekit.labels.vocabulary import parts
from animekit.models import sampling
from animekit.models.tagger import BUNDLED, Classifier
from animekit.projection.result import FoundFace, Projection
from animekit.projection.search import Distance, Found, How, search
from animekit.runs.classifier import load_classifier
from animekit.runs.run import Loaded, Run, load_model
from animekit.text import Printed

if TYPE_CHECKING:
    from animekit.plugins import Registry

Picture = str | Path | np.ndarray
Progress = Callable[[str, float], None]
MOST_PICTURES, MOST_STEPS, MOST_STARTS = 1000, 20_000, 256


@dataclass(frozen=True)
class OwnPicture:
    """One picture at the model's size, uint8 [S, S, 3], and what it is called."""

    name: str
    pixels: np.ndarray


@dataclass(frozen=True)
class ProjectPlan(Printed):
    """What would be searched: the pictures, the model and how.

    `skipped` are pictures of a folder that cannot be read.
    """

    loaded: Loaded
    targets: tuple[OwnPicture, ...]
    how: How
    prompt: str | None = None
    classifier: str = BUNDLED
    skipped: tuple[Skipped, ...] = ()

    @property
    def text(self) -> str:
        """What would be done, in words."""
        count = len(self.targets)
        pictures = (
            f"{count} picture{'s' * (count != 1)} ({', '.join(t.name for t in self.targets)})"
        )
        limit = "" if self.how.seconds is None else f", at most {self.how.seconds:g} s each"
        return f"{pictures}, {self.how.steps} steps from {self.how.starts} starts{limit}"

    def as_table(self) -> list[Sequence[str]]:
        """Return what would be searched, and in which weights."""
        return [("would project", self.text), ("into", self.loaded.origin)]


def project(
    model: str | Path | Run | Loaded | None,
    images: Picture | Sequence[Picture],
    *,
    steps: int = 300,
    starts: int = 8,
    seed: int = 0,
    seconds: float | None = None,
    features: float = 0.5,
    prompt: str | None = None,
    classifier: str = BUNDLED,
    checkpoint: str | int = "best",
    device: str | None = None,
    threads: int | None = None,
    registry: Registry | None = None,
    progress: Progress | None = None,
) -> Projection:
    """Find the noise (and labels) by which a model draws pictures most alike.

    `images` are files, folders, or arrays uint8 [H, W, 3]; their centre is scaled to the model's
    size as training scales it. 256 draws are looked at; the `starts` nearest are improved by
    gradient descent, fewer and fewer of them, in `steps` in all or `seconds` for each picture.
    `features` is the weight of what a tagger (`classifier`) sees beside pixels: 0 gives a higher
    PSNR, more gives eyes and hair that are more alike. Noise stays no longer than drawn noise is.
    Pictures of a folder that cannot be read are left out (`skipped`); one that is named must be
    readable. A `prompt` gives labels that shall stay. The same `seed` gives the same search, alone
    and in a batch, on one machine with as many threads.

    Raises UnusableError for a model that draws nothing from noise, NotFoundError, DataError.
    """
    registry = registry if registry is not None else plugins.load()
    plan = plan_project(
        model,
        images,
        steps=steps,
        starts=starts,
        seed=seed,
        seconds=seconds,
        features=features,
        prompt=prompt,
        classifier=classifier,
        checkpoint=checkpoint,
        device=device,
        registry=registry,
    )
    with devices.threads(threads):
        return run_plan(plan, registry, progress)


def plan_project(
    model: str | Path | Run | Loaded | None,
    images: Picture | Sequence[Picture],
    *,
    prompt: str | None = None,
    classifier: str = BUNDLED,
    checkpoint: str | int = "best",
    device: str | None = None,
    registry: Registry | None = None,
    **how: Any,
) -> ProjectPlan:
    """Return what `project` would search; pictures and the model are read."""
    asked = How(**how)
    for name, value, least, most in (
        ("steps", asked.steps, 1, MOST_STEPS),
        ("starts", asked.starts, 1, MOST_STARTS),
        ("features", asked.features, 0.0, 100.0),
        ("seconds", 1.0 if asked.seconds is None else asked.seconds, 0.1, 1e6),
    ):
        if not least <= value <= most:
            raise UsageError(f"{name} {value} is out of range", f"use {least:g} to {most:g}")
    loaded = model if isinstance(model, Loaded) else None
    if loaded is None:
        registry = registry if registry is not None else plugins.load()
        loaded = load_model(model, registry, checkpoint=checkpoint, able="sample")  # type: ignore[arg-type]
    generating = sampling.as_generating(loaded.model)
    if device is not None:
        loaded.model.to(devices.choose_device(device))
    targets, skipped = _targets(images, generating.spec.size)
    if prompt is not None:
        _known(generating, prompt)
    return ProjectPlan(loaded, targets, asked, prompt, classifier, skipped)


def run_plan(plan: ProjectPlan, registry: Registry, progress: Progress | None = None) -> Projection:
    """Search for what a plan says."""
    reader = load_classifier(registry, plan.classifier)
    found = []
    count = len(plan.targets)
    for index, target in enumerate(plan.targets):

        def tell(share: float, done: int = index, name: str = target.name) -> None:
            if progress is not None:
                progress(f"projecting {name}", (done + share) / count)

        found.append(_one(plan, target, reader, tell))
    return Projection(tuple(found), plan.loaded, plan.how, plan.classifier, plan.skipped)


def _one(
    plan: ProjectPlan, target: OwnPicture, reader: Classifier, tell: Callable[[float], None]
) -> FoundFace:
    """Search for one picture, and draw what was found as `generate` draws it."""
    loaded: Loaded = plan.loaded
    model: Any = sampling.as_generating(loaded.model)
    place = sampling.device_of(model)
    goal = to_float(torch.from_numpy(target.pixels[None])).to(place)
    if model.spec.channels == 1:
        goal = goal.mean(1, keepdim=True)
    read = _read(reader, target.pixels, model.spec) if model.spec.labels else None
    networks = [model, reader.extractor.network]
    with _searching([each for each in networks if each is not None], place):
        best: Found = search(
            model,
            Distance(goal, reader.extractor, plan.how.features),
            plan.how,
            frequencies=loaded.frequencies(),
            read=read,
            known=None if plan.prompt is None else _known(model, plan.prompt),
            progress=tell,
        )
    attributes = sampling.attributes_of(model)
    attrs = None if best.labels is None else [attributes.read(best.labels[0])]
    recipe = Recipe(
        version=version("animekit"),
        model=loaded.weights,
        mode="noise",
        noise=NoiseFile.of(best.z, whole=True),
        attrs=attrs,
    )
    drawn = draw_recipe(loaded, recipe, best.z)
    off = float(np.square(drawn.images[0].astype(np.float64) - target.pixels).mean())
    psnr = 10 * math.log10(255**2 / max(off, 1e-6))
    return FoundFace(target.name, target.pixels, drawn, psnr, best.length, best.steps)


@contextmanager
def _searching(networks: Sequence[nn.Module], place: torch.device) -> Iterator[None]:
    """Hold the weights of networks still, and have them where pictures are."""
    moving = [p for each in networks for p in each.parameters() if p.requires_grad]
    before = [sampling.device_of(each) for each in networks]
    for network in networks:
        network.to(place)
    for parameter in moving:
        parameter.requires_grad_(False)
    try:
        with torch.enable_grad(), torch.random.fork_rng(devices=[]):
            yield
    finally:
        for parameter in moving:
            parameter.requires_grad_(True)
        for network, was in zip(networks, before, strict=True):
            network.to(was)


def _targets(
    images: Picture | Sequence[Picture], side: int
) -> tuple[tuple[OwnPicture, ...], tuple[Skipped, ...]]:
    """Return the pictures that are asked for, each under a name of its own, and what is left out.

    That is what cannot be read of a folder; DataError where nothing of it can, or a picture that
    is named cannot.
    """
    given = [images] if isinstance(images, (str, Path, np.ndarray)) else list(images)
    files: list[Path | np.ndarray] = []
    for each in given:
        files += [each] if isinstance(each, np.ndarray) else _files(Path(each))
    if not 1 <= len(files) <= MOST_PICTURES:
        raise UsageError(f"{len(files):,} pictures", f"name 1 to {MOST_PICTURES:,}")
    named = {Path(each) for each in given if not isinstance(each, np.ndarray)}
    taken: set[str] = set()
    targets, skipped = list[OwnPicture](), list[Skipped]()
    for number, each in enumerate(files, 1):
        stem = f"picture{number}" if isinstance(each, np.ndarray) else each.stem
        try:
            pixels = each if isinstance(each, np.ndarray) else decode(each)
        except ImageError as error:
            if each in named:
                raise
            skipped.append(Skipped(str(each), error.reason))
            continue
        name = stem if stem.casefold() not in taken else f"{stem}-{number}"
        taken.add(name.casefold())
        if not is_picture(pixels):
            raise DataError(
                f"{name} is no picture uint8 [H, W, 3]", "decode it, and drop its alpha"
            )
        targets.append(OwnPicture(name, resize(pixels, side)))
    if not targets:
        raise DataError(
            f"none of {len(files):,} pictures can be read, such as {skipped[0].name}:"
            f" {skipped[0].reason}",
            "animekit clean FOLDER finds damaged files",
            code="image.all_failed",
        )
    return tuple(targets), tuple(skipped)


def _files(path: Path) -> list[Path]:
    """Return a picture file, or those of a folder in the order of their names."""
    if path.is_dir():
        found = sorted(each for each in path.iterdir() if each.suffix.lower() in EXTENSIONS)
        if not found:
            raise DataError(f"{path} holds no pictures", f"read are: {' '.join(EXTENSIONS)}")
        return found
    if not path.is_file():
        raise NotFoundError(f"no picture {path}", "name a picture file", code="path.not_found")
    return [path]


def _read(reader: Classifier, pixels: np.ndarray, spec: Any) -> Tensor:
    """Return labels [L] that a tagger sees, NaN where it does not know them."""
    found = torch.full((len(spec.labels),), torch.nan)
    logits = reader.extractor.logits(pixels.transpose(2, 0, 1)[None])[0]
    seen = dict(zip(reader.labels, logits.tolist(), strict=True))
    for part in parts(spec.groups):
        names = spec.labels[part]
        if not all(name in seen for name in names):
            continue
        own = torch.tensor([seen[name] for name in names])
        on = (own > 0).float() if len(own) == 1 else torch.zeros(len(own))
        if len(own) > 1:
            on[own.argmax()] = 1
        found[part] = on
    return found


def _known(model: Any, text: str) -> Tensor:
    """Return labels and mask [2, L] of a prompt; UsageError where there are no labels."""
    vocabulary = sampling.attributes_of(model).vocabulary
    if not vocabulary.labels:
        raise UsageError(
            "a prompt is for a model with labels, and this one has none", "leave it out"
        )
    return torch.from_numpy(np.stack(prompts.parse(text, vocabulary)).astype(np.float32))
