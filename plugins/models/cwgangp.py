"""Conditional Wasserstein GAN with gradient penalty and mismatched conditions (seed 001)."""

from collections.abc import Mapping
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor

from animekit.data.batch import Batch
from animekit.hookspecs import hookimpl
from animekit.models import formulas
from animekit.models.base import Losses, Paper
from animekit.models.conditional import labels_of
from animekit.models.label_noise import (
    CrossEntropyParams,
    cross_entropy_d,
    cross_entropy_g,
    right_of,
)
from animekit.nn import losses

from ._mismatch import MismatchModel, MismatchParams


class CWGANGPParams(CrossEntropyParams, MismatchParams):
    """What becomes of wrong pairs, by which objective, and the penalty."""

    topics = {"regularisers": ("gp_weight",)}

    objective: Literal["wasserstein", "gan"] = Field(
        "wasserstein", description="gan: cross-entropy; all wrong pairs weigh as much as the right"
    )
    gp_weight: float = Field(10.0, ge=0, description="weight of the gradient penalty")


class CWGANGP(MismatchModel):
    """Wasserstein GAN whose critic also refuses wrong labels (Reed et al., 2016).

    The critic scores an image together with labels. Against real images with their own labels
    stand fakes with theirs and real images with those of another image: `max` takes, pair by pair,
    the larger of the two scores, so that the critic gains nothing by telling fakes alone.
    """

    name = "cwgangp"
    paper = Paper(
        "Generative Adversarial Text to Image Synthesis",
        2016,
        "Reed et al.",
        "https://arxiv.org/abs/1605.05396",
    )
    Params = CWGANGPParams
    params: CWGANGPParams
    penalised = True

    def d_loss(self, real: Batch, fake: Batch) -> Losses:
        """Return how far right and wrong pairs are apart, and the weighted penalty."""
        p, labels = self.params, self.told_of_real(real, fake)
        kinds = 0 if p.mismatch == "none" else 1 if p.objective == "wasserstein" else 2
        right, wrong = self.pairs(real, fake, kinds)
        penalty = losses.gradient_penalty(self.critic(labels), real.images, fake.images)
        terms = {"gp": p.gp_weight * penalty}
        if p.objective == "gan":
            told = cross_entropy_d(p, right, torch.cat(wrong))
            return terms | {"right": told["real"], "wrong": told["fake"]}
        return {"wasserstein": self.distance(right, wrong), **terms}

    def g_loss(self, real: Batch, fake: Batch) -> Losses:
        """Return how little the critic makes of fakes with what was asked."""
        scores = self.discriminator(fake.images, self.soften(labels_of(fake)))
        if self.params.objective == "wasserstein":
            return {"adv": losses.wasserstein_g(scores)}
        return {"adv": cross_entropy_g(self.params, scores)}

    def accuracy(self, real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
        """Return the shares of real and of generated pairs that are right."""
        return right_of(self.params, real, fake, self.params.objective)

    def formulas(self) -> Mapping[str, str]:
        """Return what each term is, with this model's numbers."""
        p, (real, fake) = self.params, formulas.scores(self)
        found = {
            **super().formulas(),
            "d/gp": formulas.gradient_penalty(p.gp_weight, labels=True),
        }
        if p.objective == "gan":
            several = "" if p.mismatch == "none" else ", the same of D(x, c')"
            told = formulas.cross_entropy_d(p, real, fake)
            found |= {"d/right": told["real"], "d/wrong": told["fake"] + several}
            return {**found, "g/adv": formulas.cross_entropy_g(p, fake)}
        return {**found, "d/wasserstein": self.distance_formula(), "g/adv": f"-E[{fake}]"}


@hookimpl
def animekit_models() -> list[type[MismatchModel]]:
    """Return the model of this module."""
    return [CWGANGP]
