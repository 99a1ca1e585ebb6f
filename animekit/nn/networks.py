"""What an architecture is: the shape it is told, and the two kinds of networks that it builds.

A generator maps z [N, z_dim] to images [N, C, S, S] in [-1, 1]; a discriminator maps images to
logits [N]. Both return float32 (or float64) whatever precision runs inside.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from animekit.errors import ConfigError
from animekit.nn.layers import full_precision, stack


@dataclass(frozen=True)
class Shape:
    """Everything that an architecture needs to know to build one network."""

    size: int
    channels: int  # of the image
    width: int  # of the layer nearest to the image; layers farther away are multiples of it
    z_dim: int = 100
    norm: str = "auto"
    activation: str = "auto"
    pool: str = "auto"
    upsample: str = "auto"
    dropout: float = 0.0
    dropout_sampling: bool = False  # whether that stays on in eval mode
    noise: float = 0.0  # standard deviation, on the maps of a generator
    minibatch_std: bool = False
    labels: int = 0  # a generator's inputs behind z, a discriminator's outputs behind the logit
    groups: tuple[int, ...] = ()  # how the labels fall into attributes, where that is known
    blocks: int | None = None  # residual blocks, where their number is free
    attention: int = 0  # side of the maps that attend to themselves, 0 for none
    skip: bool | None = None  # whether low maps gate high ones; None is the architecture's own way

    @property
    def inputs(self) -> int:
        """How many numbers a generator starts from: z, then labels."""
        return self.z_dim + self.labels

    @property
    def attributes(self) -> tuple[int, ...]:
        """How many labels each attribute has; one attribute where groups do not fit."""
        if sum(self.groups) == self.labels:
            return self.groups
        return (self.labels,) if self.labels else ()


@dataclass(frozen=True)
class Architecture:
    """A named pair of builders, and what sizes they can do."""

    name: str
    source: str
    generator: Callable[[Shape], Generator]
    discriminator: Callable[[Shape], Discriminator]
    d_norm: str = "none"  # what "auto" means for the discriminator
    autos: Mapping[str, str] = field(default_factory=dict)  # what it means for other parameters
    init: str = "normal"
    power_of_two: bool = True
    pools: bool = True  # whether the discriminator can halve the side in several ways
    attends: bool = False  # whether it has a place for self-attention
    skips: bool = False  # whether low maps of the generator can gate high ones
    tells: bool = False  # whether the generator's norms can follow the labels

    @property
    def upsamples(self) -> bool:
        """Whether the generator can double the side in several ways."""
        return "g_upsample" in self.autos

    def check(self, size: int) -> None:
        """Raise ConfigError where the architecture cannot do images of this size."""
        fits = size & (size - 1) == 0 if self.power_of_two else size % 16 == 0
        if not (fits and 32 <= size <= 256):
            sizes = "32, 64, 128 or 256" if self.power_of_two else "a multiple of 16, 32 to 256"
            raise ConfigError(
                f"architecture {self.name} cannot make images of {size} px", f"use --size {sizes}"
            )


def auto(value: str, default: str) -> str:
    """Return what "auto" stands for, or the value itself.

    >>> auto("auto", "relu"), auto("selu", "relu")
    ('relu', 'selu')
    """
    return default if value == "auto" else value


def doublings(size: int) -> int:
    """Return how often 4 pixels double to a side.

    >>> doublings(64)
    4
    """
    return int(math.log2(size)) - 2


class Generator(nn.Module):
    """A stack `main` from z [N, z_dim] to images [N, C, S, S] in [-1, 1].

    Where `main` is told the labels, it gets the last `labels` numbers of z beside z. Where it is
    `open`, ends in no tanh, its images are cut to [-1, 1] in eval mode alone: in training there
    would be no way back from beyond.
    """

    def __init__(
        self, main: nn.Sequential, *, spatial: bool, labels: int = 0, open: bool = False
    ) -> None:
        super().__init__()
        self.main = main
        self.spatial = spatial
        self.labels = labels
        self.open = open

    def forward(self, z: Tensor) -> Tensor:
        """Return images [N, C, S, S]."""
        x = z[:, :, None, None] if self.spatial else z
        images = self.main(x, z[:, -self.labels :]) if self.labels else self.main(x)
        images = full_precision(images)
        return images.clamp(-1, 1) if self.open and not self.training else images


class SigmoidEnd(nn.Module):
    """An end in a sigmoid, for pixels in [0, 1]; here they are handed on in [-1, 1]."""

    def forward(self, x: Tensor) -> Tensor:
        """Return 2 sigmoid(x) - 1."""
        return 2 * x.sigmoid() - 1


def ended(kind: str, generator: Generator) -> Generator:
    """Return a generator that ends in auto (its own way), tanh or sigmoid."""
    if kind == "auto":
        return generator
    end = nn.Tanh() if kind == "tanh" else SigmoidEnd()
    if generator.open:
        generator.main.append(end)
    else:
        assert isinstance(generator.main[-1], nn.Tanh)
        generator.main[-1] = end
    generator.open = False
    return generator


def generator_of(layers: Iterable[nn.Module], shape: Shape, *, spatial: bool) -> Generator:
    """Return a generator of layers, told the labels if norms are conditional."""
    told = shape.norm == "conditional"
    labels = shape.labels if told else 0
    return Generator(stack(layers, told=told), spatial=spatial, labels=labels)


class Discriminator(nn.Module):
    """A stack `main` that ends in one number an image, and one for each label."""

    def __init__(self, main: nn.Sequential) -> None:
        super().__init__()
        self.main = main

    def forward(self, images: Tensor) -> Tensor:
        """Return logits [N]: real or fake."""
        return self.judge(images)[0]

    def judge(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return logits [N], and label logits [N, L]."""
        outputs = full_precision(self.main(images)).flatten(1)
        return outputs[:, 0], outputs[:, 1:]

    def features(self, images: Tensor) -> Tensor:
        """Return what the last layer sees of images."""
        return self.main[:-1](images)

    def score(self, features: Tensor) -> Tensor:
        """Return logits [N] of features."""
        return full_precision(self.main[-1](features)).flatten(1)[:, 0]

    def width(self, channels: int, size: int) -> int:
        """Return how many numbers the features of an image are."""
        training = self.training
        with torch.no_grad():  # in eval mode: nothing of it goes into running statistics
            count = self.eval().features(torch.zeros(1, channels, size, size)).numel()
        self.train(training)
        return count


class HeadedDiscriminator(Discriminator):
    """A body `main` that ends in features [N, F]; a critic and class heads read them.

    So a classifier can learn apart from the critic: the body is shared, each head its own network.
    Without `heads` it names no labels.
    """

    def __init__(self, main: nn.Sequential, critic: nn.Module, heads: Iterable[nn.Module]) -> None:
        super().__init__(main)
        self.critic = critic
        self.heads = nn.ModuleList(heads)

    def forward(self, images: Tensor) -> Tensor:
        """Return logits [N]: real or fake."""
        return self.score(self.features(images))

    def features(self, images: Tensor) -> Tensor:
        """Return what the heads see of images, [N, F]."""
        return self.main(images)

    def score(self, features: Tensor) -> Tensor:
        """Return logits [N] of features."""
        return full_precision(self.critic(features)).flatten()

    def judge(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return logits [N], and label logits [N, L] in the order of the heads."""
        features = self.main(images)
        logits = full_precision(self.critic(features)).flatten()
        return logits, torch.cat(
            [logits.new_empty(len(logits), 0)]
            + [full_precision(head(features)) for head in self.heads],
            1,
        )
