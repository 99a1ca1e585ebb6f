"""The two stages of twostage: one that draws in grey, and one that colours what it is given."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor

from animekit.data.batch import Batch
from animekit.data.spec import ImageSpec
from animekit.models import formulas
from animekit.models.base import Losses
from animekit.models.conditional import ConditionalModel, ConditionalParams, labels_of
from animekit.models.label_noise import (
    CrossEntropyParams,
    cross_entropy_d,
    cross_entropy_g,
    right_of,
)
from animekit.nn import losses
from animekit.nn.architectures import Discriminator
from animekit_plugins.models._colorizer import Colorizer


class TwoStageParams(CrossEntropyParams, ConditionalParams):
    """What both stages are told; what begins with c is the coloriser's own."""

    old_names = {"replay": "replay_size"}
    topics = {
        "networks": ("c_channels", "cd_channels"),
        "noise": ("c_z_dim",),
        "regularisers": ("gp_weight", "l1_weight"),
    }

    objective: Literal["gan", "wasserstein"] = Field(
        "wasserstein", description="Wasserstein with a gradient penalty, or cross-entropy"
    )
    cls_weight: float = Field(1.0, ge=0, description="weight of the class term on real, in D")
    g_cls_weight: float = Field(1.0, ge=0, description="weight of the class term in the generators")
    gp_weight: float = Field(10.0, ge=0, description="weight of the Wasserstein gradient penalty")
    replay_size: int = Field(
        0, ge=0, description="past fakes that each stage keeps to show D again"
    )
    grey_labels: bool = Field(True, description="tell the grey stage the labels too")
    grey_cls: float = Field(
        0.3, ge=0, description="share of the class weights in grey, where little can be read"
    )
    c_z_dim: int = Field(8, ge=1, description="numbers of z behind z_dim, for the colours")
    c_channels: int = Field(64, ge=2, description="width of the coloriser near the image")
    cd_channels: int = Field(64, ge=1, description="width of the discriminator of colours")
    c_every: int = Field(2, ge=1, description="the colour stage moves in steps that it divides")
    generated: float = Field(
        0.5, ge=0, le=1, description="share of the coloriser's pictures that the grey stage drew"
    )
    l1_weight: float = Field(
        10.0, ge=0, description="weight of |coloured - real| where the grey picture is a real one"
    )


class Stage(ConditionalModel):
    """The terms of an auxiliary classifier GAN (Odena et al., 2017), for both.

    The class terms are on real images in the discriminator, and on fakes in the generator.
    """

    name = "twostage"
    Params = TwoStageParams
    params: TwoStageParams
    discriminator: Discriminator

    def __init__(self, params: TwoStageParams, spec: ImageSpec) -> None:
        self.classes = len(spec.labels)
        self.penalised = params.objective == "wasserstein"
        super().__init__(params, spec)

    def d_loss(self, real: Batch, fake: Batch) -> Losses:
        """Return the adversarial terms, and how well labels are read from real images."""
        p = self.params
        judged = self.both(self.discriminator.judge, real.images, fake.images)
        (on_real, classes), (on_fake, _) = judged
        real.scored(on_real)
        fake.scored(on_fake)
        read = losses.attribute_loss(classes, labels_of(real), self.spec.groups, real.mask)
        terms = {"real_cls": p.cls_weight * read}
        if p.objective == "wasserstein":
            penalty = losses.gradient_penalty(self.discriminator, real.images, fake.images)
            terms["wasserstein"] = losses.wasserstein_d(on_real, on_fake)
            terms["gp"] = p.gp_weight * penalty
        else:
            terms |= cross_entropy_d(p, on_real, on_fake)
        return terms

    def g_loss(self, real: Batch, fake: Batch) -> Losses:
        """Return the adversarial term, and how far fakes are from what was asked."""
        logits, classes = self.discriminator.judge(fake.images)
        wasserstein = self.params.objective == "wasserstein"
        adv = losses.wasserstein_g(logits) if wasserstein else cross_entropy_g(self.params, logits)
        cls = losses.attribute_loss(classes, labels_of(fake), self.spec.groups)
        return {"adv": adv, "cls": self.params.g_cls_weight * cls}

    def accuracy(self, real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
        """Return the shares that are right by the sense of the objective."""
        return right_of(self.params, real, fake, self.params.objective)

    def formulas(self) -> Mapping[str, str]:
        """Return what each term is, with this stage's numbers."""
        p, (real, fake) = self.params, formulas.scores(self)
        read, drawn = "E[H(c, C(x))]", "E[H(c, C(G(z, c)))]"
        found = {
            **super().formulas(),
            "d/real_cls": formulas.weighted(p.cls_weight, read),
            "g/cls": formulas.weighted(p.g_cls_weight, drawn),
        }
        if p.objective == "wasserstein":
            found["d/wasserstein"] = formulas.wasserstein(real, fake)
            found["d/gp"] = formulas.gradient_penalty(p.gp_weight)
            return {**found, "g/adv": f"-E[{fake}]"}
        told = formulas.cross_entropy_d(p, real, fake)
        found |= {f"d/{key}": term for key, term in told.items()}
        return {**found, "g/adv": formulas.cross_entropy_g(p, fake)}


class GreyStage(Stage):
    """Draws luminance [N, 1, S, S] from z and labels, or from z alone."""

    def __init__(self, params: TwoStageParams, spec: ImageSpec) -> None:
        share = params.grey_cls if params.grey_labels else 0.0
        weights = {key: share * getattr(params, key) for key in ("cls_weight", "g_cls_weight")}
        super().__init__(params.model_copy(update=weights), spec)

    def soften(self, labels: Tensor) -> Tensor:
        """Return the labels as the generator sees them: all 0 where it is told none."""
        return super().soften(labels) if self.params.grey_labels else torch.zeros_like(labels)


class ColourStage(Stage):
    """Colours grey pictures by labels and a few numbers of noise."""

    generator: Colorizer

    def __init__(self, params: TwoStageParams, spec: ImageSpec) -> None:
        own = {"z_dim": params.c_z_dim, "d_channels": params.cd_channels}
        super().__init__(params.model_copy(update=own), spec)
        self.generator.start()  # other networks begin otherwise

    def build_generator(self) -> Colorizer:
        """Return the coloriser: grey [N, 1, S, S] and labels with noise -> [N, 3, S, S]."""
        p = self.params
        norm = "batch" if p.g_norm == "auto" else p.g_norm
        return Colorizer(p.c_channels, p.c_z_dim + len(self.spec.labels), norm=norm)

    def paint(self, grey: Tensor, z: Tensor, labels: Tensor) -> Tensor:
        """Return grey [N, 1, S, S] in colours by labels [N, L] and z [N, c_z_dim]."""
        coloured: Tensor = self.generator(grey, torch.cat([z, self.soften(labels).to(z.dtype)], 1))
        return coloured

    def g_loss(self, real: Batch, fake: Batch) -> Losses:
        """Return the terms of a stage, and the distance to real colours.

        That is taken where the grey picture came from a real image and all its labels are known:
        the others have no right colours, or were told random ones.
        """
        terms = super().g_loss(real, fake)
        if self.params.l1_weight and self.params.generated < 1:
            rows = slice(self.drawn(len(real.images)), None)
            drawn, wanted = (each.kept.get("plain", each.images)[rows] for each in (fake, real))
            gap = (drawn - wanted).abs().mean((1, 2, 3))
            if real.mask is not None:
                gap = gap * (real.mask[rows] > 0).all(1)
            terms["l1"] = self.params.l1_weight * gap.mean()
        return terms

    def formulas(self) -> Mapping[str, str]:
        """Return what each term is; fakes are grey pictures in colour."""
        p = self.params
        found = {
            key: formula.replace("G(z, c)", "G(grey, z, c)")
            for key, formula in super().formulas().items()
        }
        if p.l1_weight and p.generated < 1:
            found["g/l1"] = formulas.weighted(p.l1_weight, "E|G(grey of x, z, c) - x|")
        return found

    def drawn(self, count: int) -> int:
        """Return how many grey pictures of a batch, the first ones, the grey stage draws."""
        return round(self.params.generated * count)
