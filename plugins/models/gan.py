"""Generative adversarial network (Goodfellow et al., 2014) on convolutional networks."""

from typing import Literal

from pydantic import Field

from animekit.data.batch import Batch
from animekit.hookspecs import hookimpl
from animekit.models.adversarial import AdversarialModel, AdversarialParams
from animekit.models.base import Losses
from animekit.nn import losses


class GANParams(AdversarialParams):
    """The generator's objective, and the labels of real and fake."""

    g_loss: Literal["nonsaturating", "saturating", "flipped"] = Field(
        "nonsaturating", description="max log D, min log(1 - D), or labels flipped for both"
    )
    real_label: tuple[float, float] = Field((1.0, 1.0), description="range of labels of real")
    fake_label: tuple[float, float] = Field((0.0, 0.0), description="range of labels of fake")


class GAN(AdversarialModel):
    """The original GAN, with the cross-entropy objective (Goodfellow et al., 2014)."""

    name = "gan"
    Params = GANParams
    params: GANParams
    notes = "real + fake near 1.39 (2 ln 2): D cannot tell; near 0 for long: G has lost."

    def d_loss(self, real: Batch, fake: Batch) -> Losses:
        """Return the cross-entropy on real and on fake, each against its (soft) label."""
        labels = self.params.real_label, self.params.fake_label
        for_real, for_fake = labels[::-1] if self.params.g_loss == "flipped" else labels
        return {
            "real": losses.soft_cross_entropy(self.discriminator(real.images), *for_real),
            "fake": losses.soft_cross_entropy(self.discriminator(fake.images), *for_fake),
        }

    def g_loss(self, real: Batch, fake: Batch) -> Losses:
        """Return the generator's side of the chosen form."""
        return {"adv": losses.GENERATOR[self.params.g_loss](self.discriminator(fake.images))}


@hookimpl
def animekit_models() -> list[type[AdversarialModel]]:
    """Return the model of this module."""
    return [GAN]
