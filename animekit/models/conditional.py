"""ConditionalModel: an adversarial model whose generator is told which labels to draw."""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor

from animekit import config
from animekit.data.batch import Batch
from animekit.data.spec import ImageSpec
from animekit.errors import ConfigError
from animekit.models.adversarial import AdversarialModel, AdversarialParams
from animekit.models.base import ATTRIBUTES, Need
from animekit.nn import losses
from animekit.nn.architectures import (
    Discriminator,
    MatchingDiscriminator,
    ProjectionDiscriminator,
)


class ConditionalParams(AdversarialParams):
    """What every conditional objective can be told."""

    attributes: str = Field("", description=ATTRIBUTES)
    soft_labels: float = Field(
        0.0, ge=0, lt=1, description="conditions are pulled towards 1/2 by this share"
    )


class ConditionalModel(AdversarialModel):
    """A generator that is told labels: a subclass says two losses.

    The generator sees z and the label vector side by side. In training a fake is asked to be what
    the real image beside it is; where that is not known, a random value of the attribute.
    """

    data = Need.LABELLED
    Params: ClassVar[type[config.Params]] = ConditionalParams
    params: ConditionalParams

    def __init__(self, params: config.Params, spec: ImageSpec) -> None:
        self.conditions = len(spec.labels)
        super().__init__(params, spec)

    def targets(self, batch: Batch) -> Tensor:
        """Return the labels of the batch, each unknown attribute with a random value."""
        if batch.mask is None:
            return labels_of(batch)
        parts = []
        pairs = zip(
            labels_of(batch).split(self.spec.groups, 1),
            batch.mask.split(self.spec.groups, 1),
            strict=True,
        )
        for labels, known in pairs:
            parts.append(torch.where(known > 0, labels, _random_like(labels)))
        return torch.cat(parts, 1)

    def fakes(self, z: Tensor, target: Tensor | None) -> Tensor:
        """Return the images [N, C, S, S] of a step, with their graph."""
        if target is None:
            raise ConfigError(f"model {self.name} draws nothing without labels", "give a prompt")
        images: Tensor = self.generator(torch.cat([z, self.soften(target).to(z.dtype)], 1))
        return images

    def soften(self, labels: Tensor) -> Tensor:
        """Return labels pulled towards 1/2 by the share `soft_labels`."""
        share = self.params.soft_labels
        return labels * (1 - share) + share / 2 if share else labels


class ToldParams(ConditionalParams):
    """How the discriminator is told labels."""

    topics = {"networks": ("condition", "c_channels")}

    condition: Literal["projection", "concat"] = Field(
        "projection", description="how D is told labels: by an inner product, or beside its maps"
    )
    c_channels: int = Field(
        128, ge=1, description="width where images and labels meet (condition=concat)"
    )


class ToldModel(ConditionalModel):
    """A conditional model whose discriminator scores images together with labels.

    Derive from it and from an objective that asks `critic`; both then see the labels that fakes are
    asked to be, so that a pair differs in the image alone.
    """

    Params: ClassVar[type[config.Params]] = ToldParams
    params: ToldParams

    def build_discriminator(self) -> torch.nn.Module:
        """Return the discriminator: images [N, C, S, S], labels [N, L] -> scores [N]."""
        trunk = super().build_discriminator()
        assert isinstance(trunk, Discriminator)
        return self.tell(trunk)

    def tell(self, trunk: Discriminator) -> MatchingDiscriminator | ProjectionDiscriminator:
        """Return a discriminator of images as one of images together with labels."""
        size, labels = self.spec.size, len(self.spec.labels)
        if self.params.condition == "projection":
            return ProjectionDiscriminator(trunk, size, labels)
        return MatchingDiscriminator(trunk, size, labels, self.params.c_channels)

    def critic(self, labels: Tensor | None) -> losses.Discriminator:
        """Return images [N, C, S, S] -> scores [N] beside the same labels."""
        assert labels is not None
        asked = self.soften(labels)
        return lambda images: self.discriminator(images, asked)


def labels_of(batch: Batch) -> Tensor:
    """Return the labels [N, L] of a batch; those of labelled data all have them."""
    assert batch.labels is not None
    return batch.labels


def _random_like(labels: Tensor) -> Tensor:
    """Return one random value for each row: one-hot [N, K], or 0 and 1 where K is 1."""
    count, width = labels.shape
    if width == 1:
        return torch.randint(2, (count, 1), device=labels.device).to(labels.dtype)
    chosen = torch.randint(width, (count,), device=labels.device)
    return torch.nn.functional.one_hot(chosen, width).to(labels.dtype)
