"""Projected GAN: a discriminator on frozen features (Sauer et al., 2021)."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from pydantic import Field
from torch import Tensor

from animekit.data.batch import Batch
from animekit.errors import ConfigError, NotFoundError
from animekit.hookspecs import hookimpl
from animekit.models import formulas
from animekit.models.adversarial import AdversarialModel, AdversarialParams
from animekit.models.base import Losses, Paper
from animekit.models.conditional import ConditionalModel, ConditionalParams
from animekit.nn import losses
from animekit.nn.architectures import ARCHITECTURES
from animekit.nn.augment import KINDS, Kind

from ._projected import NoDiscriminator, ProjectedDiscriminator, load_extractor


class ProjectedParams(AdversarialParams):
    """Whose features are looked at, how they are mixed, and the update rule."""

    topics = {"networks": ("extractor", "extractor_size", "mix_channels")}

    architecture: str = Field("fastgan", description="generator: " + ", ".join(ARCHITECTURES))
    betas: tuple[float, float] = Field((0.0, 0.99), description="Adam betas")
    augment: tuple[Kind, ...] = Field(
        KINDS, description="changes at random to all that D sees: color, translation, cutout"
    )
    spectral_norm: bool = Field(True, description="spectral norm in the heads")
    extractor: str = Field(
        "effnetlite0", description="network that D looks through: effnetlite0, tagger, or a file"
    )
    extractor_size: int | None = Field(
        None, ge=32, le=512, multiple_of=32, description="px at which it sees images (its own)"
    )
    mix_channels: int = Field(64, ge=1, description="channels of its maps when they are mixed")


class Projected(AdversarialModel):
    """GAN whose discriminator looks through a frozen network (Sauer et al., 2021).

    Heads on several scales learn; the features and their random mixing do not. The extractor must
    not judge what it taught: `evaluate` leaves such numbers out.
    """

    name = "projected"
    paper = Paper(
        "Projected GANs Converge Faster",
        2021,
        "Sauer, Chitta, Müller and Geiger",
        "https://arxiv.org/abs/2111.01007",
    )
    Params = ProjectedParams
    params: ProjectedParams
    discriminator: ProjectedDiscriminator
    notes = "d near 2: D cannot tell; near 0 for long: G has lost. Its extractor cannot judge it."

    def build_discriminator(self) -> torch.nn.Module:
        """Return the discriminator: images -> logits [N]; none without features."""
        p = self.params
        norm = "none" if self._looks_at_single_images() else "batch"
        try:
            extractor = load_extractor(p.extractor)
        except NotFoundError as error:
            return NoDiscriminator(error)
        return ProjectedDiscriminator(
            extractor,
            side=p.extractor_size,
            mix=p.mix_channels,
            width=p.d_channels,
            norm=norm if p.d_norm == "auto" else p.d_norm,
            labels=self.conditions,
        )

    @property
    def learned_from(self) -> tuple[str, str] | None:
        """Name and sha256 ("" where it is not here) of the extractor."""
        here = isinstance(self.discriminator, ProjectedDiscriminator)
        return self.params.extractor, self.discriminator.extractor.sha256 if here else ""

    def told(self, labels: Tensor | None) -> Tensor | None:
        """Return labels as D is told them."""
        return None

    def critic(self, labels: Tensor | None) -> losses.Discriminator:
        """Return images -> logits [N], the mean over scales."""
        return lambda images: self.discriminator(images, self.told(labels))

    def d_loss(self, real: Batch, fake: Batch) -> Losses:
        """Return the hinge loss of every head."""
        return {"adv": losses.hinge_d(*self.scores(real, fake, self._judged))}

    def g_loss(self, real: Batch, fake: Batch) -> Losses:
        """Return minus what the heads say of fakes, through the features."""
        return {"adv": losses.hinge_g(self._judged(fake.labels)(fake.images))}

    def accuracy(self, real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
        """Return the shares that the mean over scales puts on the right side of 0."""
        return super().accuracy(real.mean(1), fake.mean(1))

    def _judged(self, labels: Tensor | None) -> losses.Discriminator:
        return lambda images: self.discriminator.judge(images, self.told(labels))

    def validate(self) -> None:
        """Refuse to train without the features."""
        if isinstance(self.discriminator, NoDiscriminator):
            raise self.discriminator.error
        super().validate()
        if self.params.g_output == "sigmoid":
            raise ConfigError(
                "D looks through a network that takes pixels in [-1, 1]", "leave g_output out"
            )

    def formulas(self) -> Mapping[str, str]:
        """Return what each term is, with this model's numbers."""
        real, fake = formulas.scores(self)
        return {
            **super().formulas(),
            "d/adv": f"{formulas.hinge(real, fake)}, mean over the heads of D",
            "g/adv": f"-E[{fake}]",
        }


class ConditionalProjectedParams(ProjectedParams, ConditionalParams):
    """What a projected discriminator and its labels can be told."""


class ConditionalProjected(ConditionalModel, Projected):
    """Projected GAN whose heads and generator are told labels (Sauer et al., 2021)."""

    name = "cprojected"
    Params = ConditionalProjectedParams
    params: ConditionalProjectedParams

    def told(self, labels: Tensor | None) -> Tensor | None:
        """Return labels as D is told them."""
        assert labels is not None
        return self.soften(labels)


@hookimpl
def animekit_models() -> list[type[AdversarialModel]]:
    """Return the models of this module."""
    return [Projected, ConditionalProjected]
