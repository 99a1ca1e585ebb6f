"""Conditional Wasserstein GAN with gradient penalty and mismatched conditions (seed 001)."""

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor

from animekit import losses
from animekit.conditional import ConditionalModel, ConditionalParams
from animekit.hookspecs import hookimpl
from animekit.model import Batch, Losses
from animekit.networks import MatchingDiscriminator


class CWGANGPParams(ConditionalParams):
    """The report's values, and what becomes of the two kinds of wrong pairs."""

    mismatch: Literal["max", "mean", "none"] = Field(
        "max", description="wrong pairs: the larger score, the mean of both, or fakes alone"
    )
    wrong: Literal["all", "one"] = Field(
        "all", description="wrong labels: those of another image, or one attribute changed"
    )
    optimizer: Literal["adam", "rmsprop", "sgd"] = Field("rmsprop", description="update rule")
    n_critic: int = Field(5, ge=1, description="critic updates per generator update")
    gp_weight: float = Field(10.0, ge=0, description="weight of the gradient penalty")
    c_channels: int = Field(128, ge=1, description="width where images and labels meet")


class CWGANGP(ConditionalModel):
    """Wasserstein GAN whose critic also refuses wrong labels (Reed et al., 2016).

    The critic scores an image together with labels. Against real images with their own labels
    stand fakes with theirs and real images with those of another image: `max` takes, pair by pair,
    the larger of the two scores, so that the critic gains nothing by telling fakes alone.
    """

    name = "cwgangp"
    Params = CWGANGPParams
    params: CWGANGPParams
    penalised = True
    aliases = {"d/wasserstein": "-w_est", "d/gp": "gp", "g/adv": "g"}
    notes = "w_est is real minus wrong pairs; it falls as fakes and their labels improve."

    def build_discriminator(self) -> torch.nn.Module:
        """Return the critic: images [N, C, S, S], labels [N, L] -> scores [N]."""
        trunk = super().build_discriminator()
        return MatchingDiscriminator(
            trunk, self.spec.size, len(self.spec.labels), self.params.c_channels
        )

    def d_loss(self, real: Batch, fake: Batch) -> Losses:
        """Return minus the distance of right and wrong pairs, and the weighted penalty."""
        critic, asked = self.discriminator, self.soften(fake.labels)
        seen = critic.features(real.images)
        right, generated = critic.score(seen, asked), critic(fake.images, asked)
        wrong = generated
        if self.params.mismatch != "none":
            other = critic.score(seen, self.soften(self.wrong_labels(fake.labels)))
            larger = self.params.mismatch == "max"
            wrong = torch.maximum(generated, other) if larger else (generated + other) / 2
        penalty = losses.gradient_penalty(lambda x: critic(x, asked), real.images, fake.images)
        return {
            "wasserstein": losses.wasserstein_d(right, wrong),
            "gp": self.params.gp_weight * penalty,
        }

    def g_loss(self, real: Batch, fake: Batch) -> Losses:
        """Return minus the critic's mean on fakes with what was asked."""
        scores = self.discriminator(fake.images, self.soften(fake.labels))
        return {"adv": losses.wasserstein_g(scores)}

    def wrong_labels(self, labels: Tensor) -> Tensor:
        """Return labels [N, L] that are wrong in at least one attribute of each image."""
        groups = labels.split(self.spec.groups, 1)
        picked = torch.randint(len(groups), (len(labels), 1), device=labels.device)
        changed = [
            torch.where(picked == index, _another(group), group)
            for index, group in enumerate(groups)
        ]
        one = torch.cat(changed, 1)
        if self.params.wrong == "one":
            return one
        others = labels[torch.randperm(len(labels), device=labels.device)]
        return torch.where((others == labels).all(1, keepdim=True), one, others)


def _another(labels: Tensor) -> Tensor:
    """Return another value for each row [N, K]: others of one attribute, or the opposite of one."""
    width = labels.shape[1]
    if width == 1:
        return 1 - labels
    shift = torch.randint(1, width, (len(labels), 1), device=labels.device)
    places = torch.arange(width, device=labels.device)
    return labels.gather(1, (places - shift) % width)


@hookimpl
def animekit_models() -> list[type[ConditionalModel]]:
    """Return the model of this module."""
    return [CWGANGP]
