"""Generative adversarial network (Goodfellow et al., 2014) on convolutional networks."""

from torch import Tensor

from animekit.data.batch import Batch
from animekit.hookspecs import hookimpl
from animekit.models.adversarial import AdversarialModel
from animekit.models.base import Losses
from animekit.models.label_noise import (
    CrossEntropyParams,
    cross_entropy_d,
    cross_entropy_g,
    right_of,
)


class GANParams(CrossEntropyParams):
    """The generator's objective, and the labels of real and fake."""


class GAN(AdversarialModel):
    """The original GAN, with the cross-entropy objective (Goodfellow et al., 2014)."""

    name = "gan"
    Params = GANParams
    params: GANParams
    notes = "real + fake near 1.39 (2 ln 2): D cannot tell; near 0 for long: G has lost."

    def d_loss(self, real: Batch, fake: Batch) -> Losses:
        """Return the cross-entropy on real and on fake, each against its (soft) label."""
        logits = self.scores(real, fake)
        return cross_entropy_d(self.params, *logits)

    def g_loss(self, real: Batch, fake: Batch) -> Losses:
        """Return the generator's side of the chosen form."""
        return {"adv": cross_entropy_g(self.params, self.discriminator(fake.images))}

    def accuracy(self, real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
        """Return the shares on the right side of 0; flipped labels turn the sides."""
        return right_of(self.params, real, fake)


@hookimpl
def animekit_models() -> list[type[AdversarialModel]]:
    """Return the model of this module."""
    return [GAN]
