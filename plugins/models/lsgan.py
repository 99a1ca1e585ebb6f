"""Least-squares GAN (Mao et al., 2017)."""

from collections.abc import Mapping

from torch import Tensor

from animekit.data.batch import Batch
from animekit.hookspecs import hookimpl
from animekit.models import formulas
from animekit.models.adversarial import AdversarialModel
from animekit.models.adversarial_params import InterpolatedParams
from animekit.models.base import Losses, Paper
from animekit.models.label_noise import LeastSquaresParams, least_squares_d, right_of_squares
from animekit.nn import losses


class LSGANParams(LeastSquaresParams, InterpolatedParams):
    """The labels of the least-squares objective, and a penalty."""


class LSGAN(AdversarialModel):
    """GAN with squared distances in place of cross-entropy (Mao et al., 2017)."""

    name = "lsgan"
    paper = Paper(
        "Least Squares Generative Adversarial Networks",
        2017,
        "Mao et al.",
        "https://arxiv.org/abs/1611.04076",
    )
    Params = LSGANParams
    params: LSGANParams
    notes = "d near 0.25 means that D cannot tell (with labels 0 and 1); d near 0, that G has lost."

    def d_loss(self, real: Batch, fake: Batch) -> Losses:
        """Return the squared distances of real to b and of fake to a."""
        scores = self.scores(real, fake)
        return {"adv": least_squares_d(self.params, *scores)}

    def g_loss(self, real: Batch, fake: Batch) -> Losses:
        """Return the squared distance of fake to c."""
        return {"adv": losses.least_squares_g(self.discriminator(fake.images), self.params.c)}

    def accuracy(self, real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
        """Return the shares that are nearer to their own label than to the other."""
        return right_of_squares(self.params, real, fake)

    def formulas(self) -> Mapping[str, str]:
        """Return what each term is, with this model's numbers."""
        real, fake = formulas.scores(self)
        p = self.params
        return {
            **super().formulas(),
            "d/adv": formulas.least_squares_d(p, real, fake),
            "g/adv": f"0.5 E[({fake} - {p.c:g})^2]",
        }


@hookimpl
def animekit_models() -> list[type[AdversarialModel]]:
    """Return the model of this module."""
    return [LSGAN]
