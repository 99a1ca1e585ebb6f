"""The words of training: images and labels, batches, phases, and what a model can do."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, ClassVar, Protocol, runtime_checkable

import torch
from torch import Tensor, nn
from torch.nn import Parameter
from torch.optim import Optimizer

from animekit.components import Component
from animekit.config import Params

Losses = dict[str, Tensor]
"""Named, already weighted terms; their sum is minimised, each is logged as "phase/term"."""


class Need(Enum):
    """What a model needs of its data; it picks the loader."""

    IMAGES = "images"
    LABELLED = "labelled"
    UNPAIRED = "unpaired"


@dataclass(frozen=True)
class ImageSpec:
    """What images a model sees: their side in pixels, channels and labels.

    `labels` holds one name per entry of the label vector ("blue hair"); `groups` how many entries
    belong to each attribute, in order, so that sum(groups) == len(labels).
    """

    size: int
    channels: int = 3
    labels: tuple[str, ...] = ()
    groups: tuple[int, ...] = ()

    @property
    def shape(self) -> tuple[int, int, int]:
        """Shape of one image: (channels, size, size)."""
        return (self.channels, self.size, self.size)


@dataclass
class Batch:
    """One batch: images [N, C, H, W] in [-1, 1], labels [N, L], noise z.

    `others` are images of the second domain where the data are two unpaired sets.

    `target` [N, L] is what fakes are asked to be; in the batch of fakes that an objective sees,
    it is their `labels`.
    """

    images: Tensor
    labels: Tensor | None = None
    z: Tensor | None = None
    mask: Tensor | None = None  # [N, L], 1 where the label is known
    target: Tensor | None = None
    fake: Tensor | None = None  # [N, C, H, W], drawn once a step, with a graph if "g" is due
    others: Tensor | None = None  # [N, C, H, W]
    kept: dict[str, Tensor] = field(default_factory=dict)  # what else prepare() keeps for phases


@dataclass
class Phase:
    """One update rule: which networks move, what they minimise, how often.

    `every`: the phase is due in steps that it divides (steps count from 1). `after` runs behind
    each update. `schedule` maps progress in [0, 1] to a factor of the learning rate.
    """

    name: str
    networks: Sequence[nn.Module]
    loss: Callable[[Batch], Losses]
    optimizer: Callable[[Iterable[Parameter]], Optimizer]
    every: int = 1
    after: Callable[[], None] | None = None
    schedule: Callable[[float], float] | None = None

    def due(self, step: int) -> bool:
        """Say whether the phase runs in this step."""
        return step % self.every == 0

    def parameters(self) -> list[Parameter]:
        """Return the parameters that this phase moves, each once."""
        return list(dict.fromkeys(p for network in self.networks for p in network.parameters()))


class Model(nn.Module, Component):
    """A trainable thing: networks from parameters and a spec, and its phases.

    Anything carried from step to step must be a parameter, a buffer or an optimiser state, so that
    a resumed run equals an uninterrupted one.
    """

    data: ClassVar[Need] = Need.IMAGES
    keeps_all_labels: ClassVar[bool] = False
    """Whether labels that no image of the data has are learned all the same."""
    averaged: ClassVar[tuple[str, ...]] = ()
    """Names of the submodules whose moving average is kept and used to sample."""
    aliases: ClassVar[dict[str, str]] = {}
    """Names and order of terms for the user: {"d/wasserstein": "-w_est"} shows minus the term."""
    notes: ClassVar[str] = ""
    """How to read this model's losses, for the user."""

    def __init__(self, params: Params, spec: ImageSpec) -> None:
        super().__init__()
        self.params = params
        self.spec = spec

    def phases(self) -> list[Phase]:
        """Return the update rules, in the order in which they run within a step."""
        raise NotImplementedError

    def prepare(self, batch: Batch, due: Sequence[str]) -> None:
        """Draw what several phases of a step share; `due` names the phases of this step."""

    def validate(self) -> None:
        """Raise ConfigError where params and spec do not fit, before training starts."""


@runtime_checkable
class Generates(Protocol):
    """A model that turns noise into images."""

    spec: ImageSpec

    def noise(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        """Draw z for n images, on the CPU."""

    def sample(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """Return images [N, C, H, W] in [-1, 1] for z."""


@runtime_checkable
class Translates(Protocol):
    """A model that turns an image into another, of any size that `multiple` divides.

    A target is one of the names in `directions`; where there are none, it is a label vector [N, L]
    of `spec.labels`, in which a group of zeros leaves an attribute open.
    """

    spec: ImageSpec

    @property
    def directions(self) -> tuple[str, ...]:
        """Names of what can be asked for; () where the target is a label vector."""

    @property
    def multiple(self) -> int:
        """What height and width of images must be multiples of."""

    def translate(self, images: Tensor, target: Any) -> Tensor:
        """Return images [N, C, H, W] in [-1, 1] translated to the target."""

    def cycle(self, images: Tensor, target: Any, source: Any = None) -> Tensor:
        """Return images translated to the target and back; `source` is what they were.

        Raises UnusableError where the model does not know the way back.
        """


@runtime_checkable
class Illustrates(Protocol):
    """A model that shows what it does as rows of pictures."""

    def sheet(self, batch: Batch) -> Tensor:
        """Return rows [R, K, C, H, W] in [-1, 1]: real images, and what becomes of them."""


@runtime_checkable
class Reconstructs(Protocol):
    """A model that returns its own version of an image."""

    def reconstruct(self, images: Tensor) -> Tensor:
        """Return images [N, C, H, W] in [-1, 1] close to the given ones."""


@runtime_checkable
class Encodes(Protocol):
    """A model that turns an image into a code."""

    def encode(self, images: Tensor) -> Tensor:
        """Return codes [N, Z] of images [N, C, H, W] in [-1, 1]."""


@runtime_checkable
class Diverges(Protocol):
    """A model whose codes are distributions that are kept near N(0, 1)."""

    def nats(self, images: Tensor) -> Tensor:
        """Return the KL divergence of each image's code from N(0, 1): [N]."""


@runtime_checkable
class Classifies(Protocol):
    """A model that reads labels from an image, by way of features."""

    spec: ImageSpec

    def classify(self, images: Tensor) -> Tensor:
        """Return logits [N, L] of images [N, C, H, W]; each group is a softmax."""

    def features(self, images: Tensor) -> Tensor:
        """Return what the logits are made from: [N, D]."""


@dataclass
class Stats:
    """Sums of loss terms between two reports, on the device: no step waits."""

    sums: dict[str, Tensor] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)

    def add(self, phase: str, losses: Losses) -> None:
        """Add the terms of one update of a phase."""
        for name, value in losses.items():
            key = f"{phase}/{name}"
            value = value.detach().float()
            self.sums[key] = self.sums[key] + value if key in self.sums else value.clone()
            self.counts[key] = self.counts.get(key, 0) + 1

    def means(self) -> dict[str, float]:
        """Return the mean of each term, with one transfer, and begin anew."""
        if not self.sums:
            return {}
        values = torch.stack(list(self.sums.values())).tolist()
        means = {
            key: value / self.counts[key] for key, value in zip(self.sums, values, strict=True)
        }
        self.sums, self.counts = {}, {}
        return means
