"""Relativistic pairing GAN (Jolicoeur-Martineau, 2018; Huang et al., 2024)."""

from collections.abc import Mapping

from pydantic import Field
from torch import Tensor

from animekit.data.batch import Batch
from animekit.hookspecs import hookimpl
from animekit.models import formulas
from animekit.models.adversarial import AdversarialModel, AdversarialParams
from animekit.models.base import Losses, Paper
from animekit.models.conditional import ToldModel, ToldParams
from animekit.nn import losses
from animekit.nn.accuracy import by_pairs


class RelativisticParams(AdversarialParams):
    """The penalties without which pairing does not settle, and its update rule."""

    betas: tuple[float, float] = Field((0.0, 0.99), description="Adam betas")
    r1_weight: float = Field(1.0, ge=0, description="weight of the R1 gradient penalty, on real")
    r2_weight: float = Field(1.0, ge=0, description="weight of the R2 gradient penalty, on fake")


class Relativistic(AdversarialModel):
    """GAN that scores pairs of a real and a fake image (Huang et al., 2024)."""

    name = "relativistic"
    paper = Paper(
        "The GAN is dead; long live the GAN! A Modern GAN Baseline",
        2024,
        "Huang, Gokaslan, Kuleshov and Tompkin",
        "https://arxiv.org/abs/2501.05441",
    )
    Params = RelativisticParams
    notes = "d and g near 0.69 (ln 2): D cannot tell; d near 0 for long: G has lost."

    def d_loss(self, real: Batch, fake: Batch) -> Losses:
        """Return how little real is above fake."""
        return {"adv": losses.relativistic(*self.scores(real, fake))}

    def g_loss(self, real: Batch, fake: Batch) -> Losses:
        """Return how little fake is above real."""
        critic = self.critic(fake.labels)
        return {"adv": losses.relativistic(critic(fake.images), critic(real.images))}

    def accuracy(self, real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
        """Return the share of pairs in which real is above fake, twice."""
        return by_pairs(real, fake)

    def formulas(self) -> Mapping[str, str]:
        """Return what each term is, with this model's numbers."""
        real, fake = formulas.scores(self)
        return {
            **super().formulas(),
            "d/adv": formulas.paired(real, fake),
            "g/adv": formulas.paired(fake, real),
        }


class ConditionalRelativisticParams(RelativisticParams, ToldParams):
    """What the pairing loss and its labels can be told."""


class ConditionalRelativistic(ToldModel, Relativistic):
    """Pairs of a real and a fake image with the same labels (Huang et al., 2024)."""

    name = "crelativistic"
    Params = ConditionalRelativisticParams
    params: ConditionalRelativisticParams


@hookimpl
def animekit_models() -> list[type[AdversarialModel]]:
    """Return the models of this module."""
    return [Relativistic, ConditionalRelativistic]
