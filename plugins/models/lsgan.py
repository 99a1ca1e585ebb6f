"""Least-squares GAN (Mao et al., 2017)."""

from pydantic import Field

from animekit.data.batch import Batch
from animekit.hookspecs import hookimpl
from animekit.models.adversarial import AdversarialModel, AdversarialParams
from animekit.models.base import Losses
from animekit.nn import losses


class LSGANParams(AdversarialParams):
    """The three labels of the least-squares objective."""

    a: float = Field(0.0, description="what the discriminator should say of fake")
    b: float = Field(1.0, description="what the discriminator should say of real")
    c: float = Field(1.0, description="what the generator wants to be told")


class LSGAN(AdversarialModel):
    """GAN with squared distances in place of cross-entropy (Mao et al., 2017)."""

    name = "lsgan"
    Params = LSGANParams
    params: LSGANParams
    notes = "d near 0.25 means that D cannot tell (with labels 0 and 1); d near 0, that G has lost."

    def d_loss(self, real: Batch, fake: Batch) -> Losses:
        """Return the squared distances of real to b and of fake to a."""
        scores = self.discriminator(real.images), self.discriminator(fake.images)
        return {"adv": losses.least_squares_d(*scores, self.params.a, self.params.b)}

    def g_loss(self, real: Batch, fake: Batch) -> Losses:
        """Return the squared distance of fake to c."""
        return {"adv": losses.least_squares_g(self.discriminator(fake.images), self.params.c)}


@hookimpl
def animekit_models() -> list[type[AdversarialModel]]:
    """Return the model of this module."""
    return [LSGAN]
