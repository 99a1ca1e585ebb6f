"""Abilities: what a model can do beside training, as protocols."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor

from animekit.data.batch import Batch
from animekit.data.spec import ImageSpec


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
