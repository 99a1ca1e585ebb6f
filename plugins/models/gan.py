"""Generative adversarial network (Goodfellow et al., 2014) on convolutional networks."""

from collections.abc import Mapping

from torch import Tensor

from animekit.data.batch import Batch
from animekit.hookspecs import hookimpl
from animekit.models import formulas
from animekit.models.adversarial import AdversarialModel
from animekit.models.adversarial_params import InterpolatedParams
from animekit.models.base import Losses, Paper
from animekit.models.label_noise import (
    CrossEntropyParams,
    cross_entropy_d,
    cross_entropy_g,
    right_of,
)


class GANParams(CrossEntropyParams, InterpolatedParams):
    """The generator's objective, the labels of real and fake, and a penalty."""


class GAN(AdversarialModel):
    """The original GAN, with the cross-entropy objective (Goodfellow et al., 2014)."""

    name = "gan"
    paper = Paper(
        "Generative Adversarial Networks",
        2014,
        "Goodfellow et al.",
        "https://arxiv.org/abs/1406.2661",
    )
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

    def formulas(self) -> Mapping[str, str]:
        """Return what each term is, with this model's numbers."""
        real, fake = formulas.scores(self)
        told = formulas.cross_entropy_d(self.params, real, fake)
        return {
            **super().formulas(),
            **{f"d/{key}": term for key, term in told.items()},
            "g/adv": formulas.cross_entropy_g(self.params, fake),
        }


@hookimpl
def animekit_models() -> list[type[AdversarialModel]]:
    """Return the model of this module."""
    return [GAN]
