"""Graph: a model as one function of tensors, with examples of what it takes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from animekit.errors import UnusableError
from animekit.models.abilities import Classifies, Generates, Translates
from animekit.models.base import Model
from animekit.nn.chance import RandomLayer

SIDES = (1, 3)  # height and width of examples, in multiples of what a translator needs
LEAST = 32  # px: layers halve the sides


class _Network(nn.Module):
    """A model whose forward pass is what is exported."""

    model: Any

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model


class _Draw(_Network):
    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        found: Tensor = self.model.sample(z, labels)
        return found


class _Translate(_Network):
    def __init__(self, model: Any, direction: str) -> None:
        super().__init__(model)
        self.direction = direction

    def forward(self, images: Tensor) -> Tensor:
        found: Tensor = self.model.translate(images, self.direction)
        return found


class _Edit(_Network):
    def forward(self, images: Tensor, labels: Tensor) -> Tensor:
        found: Tensor = self.model.translate(images, labels)
        return found


class _Classify(_Network):
    def forward(self, images: Tensor) -> Tensor:
        found: Tensor = self.model.classify(images)
        return found


@dataclass(frozen=True)
class Graph:
    """A function of tensors: its names, and the axes that may have any length.

    `free` are the axes of each input that may have any length: the batch, and of a translator's
    images the sides, in multiples of `multiple`.
    """

    network: nn.Module
    kind: str
    """What it does: "generate", "translate", or "classify"."""
    inputs: tuple[str, ...]
    output: str
    free: tuple[tuple[int, ...], ...]
    model: Any
    direction: str = ""
    multiple: int = 1

    def examples(self, count: int, *, seed: int = 0, larger: bool = False) -> tuple[Tensor, ...]:
        """Return inputs of `count` images from a seed; of another size if `larger`."""
        chance = torch.Generator().manual_seed(seed)
        labels = torch.zeros(count, len(self.model.spec.labels))
        start = 0
        for width in self.model.spec.groups:
            chosen = torch.randint(width, (count,), generator=chance)
            labels[torch.arange(count), start + chosen] = 1
            start += width
        if self.kind == "generate":
            given = [self.model.noise(count, chance).float()]
        else:
            height, wide = self._sides(larger=larger)
            shape = (count, self.model.spec.channels, height, wide)
            given = [torch.rand(shape, generator=chance) * 2 - 1]
        return tuple([*given, labels][: len(self.inputs)])

    def _sides(self, *, larger: bool) -> tuple[int, int]:
        size = self.model.spec.size
        if self.kind == "classify":
            return size, size
        unit = self.multiple * max(1, -(-LEAST // self.multiple))
        return (2 * unit, 3 * unit) if larger else (unit + self.multiple, 2 * unit)


def graphs_of(model: Model) -> Iterator[Graph]:
    """Yield what a model does as functions; of a translator one a direction.

    Raises UnusableError for a model that does none of it, and for one that draws chance inside.
    """
    chance = [each for each in model.modules() if isinstance(each, RandomLayer)]
    active = [each for each in chance if getattr(each, "sampling", True)]
    if active:
        raise UnusableError(
            f"{model.name} draws noise or dropout inside when it samples: no graph holds that",
            "train it without g_noise and g_dropout_sampling",
            code="export.chance",
        )
    labelled = bool(model.spec.labels)
    if isinstance(model, Generates):
        names = ("z", "labels") if labelled else ("z",)
        yield Graph(_Draw(model), "generate", names, "images", ((0,),) * len(names), model)
    elif isinstance(model, Translates) and model.directions:
        for direction in model.directions:
            network = _Translate(model, direction)
            yield _translating(network, ("images",), model, direction)
    elif isinstance(model, Translates):
        yield _translating(_Edit(model), ("images", "labels"), model, "")
    elif isinstance(model, Classifies):
        yield Graph(_Classify(model), "classify", ("images",), "logits", ((0,),), model)
    else:
        raise UnusableError(
            f"{model.name} neither draws, translates nor reads images",
            "animekit plugins lists the models",
            code="export.nothing",
        )


def _translating(network: nn.Module, inputs: tuple[str, ...], model: Any, direction: str) -> Graph:
    free = ((0, 2, 3), (0,))[: len(inputs)]
    multiple = int(model.multiple)
    return Graph(network, "translate", inputs, "translated", free, model, direction, multiple)
