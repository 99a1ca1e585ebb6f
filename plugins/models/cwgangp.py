"""Conditional Wasserstein GAN with gradient penalty and mismatched conditions (seed 001)."""

from collections.abc import Mapping
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor

from animekit.data.batch import Batch
from animekit.hookspecs import hookimpl
from animekit.models import formulas
from animekit.models.adversarial import UpdateRule
from animekit.models.base import Losses, Paper
from animekit.models.conditional import ToldModel, ToldParams, labels_of
from animekit.models.label_noise import (
    CrossEntropyParams,
    cross_entropy_d,
    cross_entropy_g,
    right_of,
)
from animekit.nn import losses
from animekit.nn.architectures import MatchingDiscriminator, ProjectionDiscriminator


class CWGANGPParams(CrossEntropyParams, ToldParams):
    """The report's values, and what becomes of the two kinds of wrong pairs."""

    old_names = {"wrong": "mismatch_labels"}
    topics = {"regularisers": ("gp_weight",)}

    objective: Literal["wasserstein", "gan"] = Field(
        "wasserstein", description="gan: cross-entropy; all wrong pairs weigh as much as the right"
    )
    mismatch: Literal["max", "mean", "none"] = Field(
        "max", description="wrong pairs: the larger score, the mean of both, or fakes alone"
    )
    mismatch_labels: Literal["all", "one"] = Field(
        "all", description="wrong labels: those of another image, or one attribute changed"
    )
    optimizer: UpdateRule = Field("rmsprop", description="update rule")
    n_critic: int = Field(5, ge=1, description="critic updates per generator update")
    gp_weight: float = Field(10.0, ge=0, description="weight of the gradient penalty")
    condition: Literal["projection", "concat"] = Field(
        "concat", description="how D is told labels: by an inner product, or beside its maps"
    )


class CWGANGP(ToldModel):
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
    discriminator: MatchingDiscriminator | ProjectionDiscriminator
    penalised = True
    aliases = {"d/wasserstein": "-w_est", "d/gp": "gp", "g/adv": "g"}
    notes = "w_est is real minus wrong pairs; it falls as fakes and their labels improve."

    def d_loss(self, real: Batch, fake: Batch) -> Losses:
        """Return how far right and wrong pairs are apart, and the weighted penalty."""
        p, critic, labels = self.params, self.discriminator, self.told_of_real(real, fake)
        assert labels is not None
        seen, drawn = self.both(critic.features, real.images, fake.images)
        right = real.scored(critic.score(seen, self.soften(labels)))
        generated = fake.scored(critic.score(drawn, self.soften(labels_of(fake))))
        kinds = 0 if p.mismatch == "none" else 1 if p.objective == "wasserstein" else 2
        wrong = [generated] + [
            critic.score(seen, self.soften(self.wrong_labels(labels, real.mask)))
            for _ in range(kinds)
        ]
        penalty = losses.gradient_penalty(self.critic(labels), real.images, fake.images)
        terms = {"gp": p.gp_weight * penalty}
        if p.objective == "gan":
            told = cross_entropy_d(p, right, torch.cat(wrong))
            return terms | {"right": told["real"], "wrong": told["fake"]}
        reduced = torch.stack(wrong).amax(0) if p.mismatch == "max" else torch.stack(wrong).mean(0)
        return {"wasserstein": losses.wasserstein_d(right, reduced), **terms}

    def g_loss(self, real: Batch, fake: Batch) -> Losses:
        """Return how little the critic makes of fakes with what was asked."""
        scores = self.discriminator(fake.images, self.soften(labels_of(fake)))
        if self.params.objective == "wasserstein":
            return {"adv": losses.wasserstein_g(scores)}
        return {"adv": cross_entropy_g(self.params, scores)}

    def accuracy(self, real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
        """Return the shares of real and of generated pairs that are right."""
        return right_of(self.params, real, fake, self.params.objective)

    def wrong_labels(self, labels: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return labels [N, L] that are wrong in an attribute that is known.

        Of an image of which nothing is known, they differ in any attribute.
        """
        sizes = self.spec.groups
        mask = torch.ones_like(labels) if mask is None else mask
        known = torch.stack([part[:, 0] for part in mask.split(sizes, 1)], 1)
        picked = (torch.rand_like(known) + known).argmax(1, keepdim=True)
        changed = [
            torch.where(picked == index, _another(group), group)
            for index, group in enumerate(labels.split(sizes, 1))
        ]
        one = torch.cat(changed, 1)
        if self.params.mismatch_labels == "one":
            return one
        others = labels[torch.randperm(len(labels), device=labels.device)]
        right = ((others == labels) | (mask == 0)).all(1, keepdim=True)
        return torch.where(right, one, others)

    def formulas(self) -> Mapping[str, str]:
        """Return what each term is, with this model's numbers."""
        p, (real, fake) = self.params, formulas.scores(self)
        wrong = "D(x, c')"
        found = {
            **super().formulas(),
            "d/gp": formulas.gradient_penalty(p.gp_weight, labels=True),
        }
        if p.objective == "gan":
            several = "" if p.mismatch == "none" else f", the same of {wrong}"
            told = formulas.cross_entropy_d(p, real, fake)
            found |= {"d/right": told["real"], "d/wrong": told["fake"] + several}
            return {**found, "g/adv": formulas.cross_entropy_g(p, fake)}
        scored = {
            "max": f"max({fake}, {wrong})",
            "mean": f"({fake} + {wrong})/2",
            "none": fake,
        }[p.mismatch]
        found["d/wasserstein"] = formulas.wasserstein(real, scored)
        return {**found, "g/adv": f"-E[{fake}]"}


def _another(labels: Tensor) -> Tensor:
    """Return one value for each row [N, K] that it has not, or the opposite where K is 1."""
    if labels.shape[1] == 1:
        return 1 - labels
    drawn = torch.rand_like(labels).masked_fill(labels > 0, -1).argmax(1)
    return torch.nn.functional.one_hot(drawn, labels.shape[1]).to(labels.dtype)


@hookimpl
def animekit_models() -> list[type[ToldModel]]:
    """Return the model of this module."""
    return [CWGANGP]
