"""GAN with the hinge loss (Lim and Ye, 2017)."""

from collections.abc import Mapping

from animekit.data.batch import Batch
from animekit.hookspecs import hookimpl
from animekit.models import formulas
from animekit.models.adversarial import AdversarialModel
from animekit.models.adversarial_params import InterpolatedParams
from animekit.models.base import Losses, Paper
from animekit.models.conditional import ToldModel, ToldParams
from animekit.nn import losses


class Hinge(AdversarialModel):
    """GAN whose discriminator forgets what is beyond a margin (Lim and Ye, 2017)."""

    name = "hinge"
    paper = Paper("Geometric GAN", 2017, "Lim and Ye", "https://arxiv.org/abs/1705.02894")
    Params = InterpolatedParams
    notes = "d near 2: D cannot tell; near 0 for long: G has lost; g alone means little."

    def d_loss(self, real: Batch, fake: Batch) -> Losses:
        """Return how far logits are from the right side of the margin."""
        return {"adv": losses.hinge_d(*self.scores(real, fake))}

    def g_loss(self, real: Batch, fake: Batch) -> Losses:
        """Return minus the discriminator's mean on fake."""
        return {"adv": losses.hinge_g(self.critic(fake.labels)(fake.images))}

    def formulas(self) -> Mapping[str, str]:
        """Return what each term is, with this model's numbers."""
        real, fake = formulas.scores(self)
        return {
            **super().formulas(),
            "d/adv": formulas.hinge(real, fake),
            "g/adv": f"-E[{fake}]",
        }


class ConditionalHingeParams(InterpolatedParams, ToldParams):
    """What the hinge loss and its labels can be told."""


class ConditionalHinge(ToldModel, Hinge):
    """The hinge loss on images with their labels (Miyato and Koyama, 2018)."""

    name = "chinge"
    paper = Paper(
        "cGANs with Projection Discriminator",
        2018,
        "Miyato and Koyama",
        "https://arxiv.org/abs/1802.05637",
    )
    Params = ConditionalHingeParams
    params: ConditionalHingeParams


@hookimpl
def animekit_models() -> list[type[AdversarialModel]]:
    """Return the models of this module."""
    return [Hinge, ConditionalHinge]
