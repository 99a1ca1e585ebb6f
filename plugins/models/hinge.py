"""GAN with the hinge loss (Lim and Ye, 2017)."""

from animekit.data.batch import Batch
from animekit.hookspecs import hookimpl
from animekit.models.adversarial import AdversarialModel
from animekit.models.base import Losses
from animekit.models.conditional import ToldModel
from animekit.nn import losses


class Hinge(AdversarialModel):
    """GAN whose discriminator forgets what is beyond a margin (Lim and Ye, 2017)."""

    name = "hinge"
    notes = "d near 2: D cannot tell; near 0 for long: G has lost; g alone means little."

    def d_loss(self, real: Batch, fake: Batch) -> Losses:
        """Return how far logits are from the right side of the margin."""
        return {"adv": losses.hinge_d(*self.scores(real, fake))}

    def g_loss(self, real: Batch, fake: Batch) -> Losses:
        """Return minus the discriminator's mean on fake."""
        return {"adv": losses.hinge_g(self.critic(fake.labels)(fake.images))}


class ConditionalHinge(ToldModel, Hinge):
    """The hinge loss on images with their labels (Miyato and Koyama, 2018)."""

    name = "chinge"


@hookimpl
def animekit_models() -> list[type[AdversarialModel]]:
    """Return the models of this module."""
    return [Hinge, ConditionalHinge]
