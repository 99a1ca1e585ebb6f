"""Conditional Wasserstein GAN with weight clipping and mismatched conditions (seed 001)."""

from collections.abc import Mapping

from pydantic import Field
from torch import Tensor

from animekit.data.batch import Batch
from animekit.hookspecs import hookimpl
from animekit.models import formulas
from animekit.models.base import Losses, Paper
from animekit.models.conditional import labels_of
from animekit.nn import losses
from animekit.nn.accuracy import by_median
from animekit.nn.layers import clip_weights

from ._mismatch import MismatchModel, MismatchParams


class CWGANParams(MismatchParams):
    """What becomes of wrong pairs, the rate of WGAN, and the clip."""

    topics = {"regularisers": ("clip",)}

    lr: float = Field(5e-5, gt=0, description="learning rate")
    clip: float = Field(0.01, gt=0, description="critic weights are kept within +- this")


class CWGAN(MismatchModel):
    """Wasserstein GAN with clipped weights that also refuses wrong labels (seed 001).

    What seed 001 began with and holds its penalty against (figure 1): the two wrong pairs of Reed
    et al. (2016), and every weight of the critic within +-clip (Arjovsky et al., 2017).
    """

    name = "cwgan"
    paper = Paper(
        "Wasserstein GAN",
        2017,
        "Arjovsky, Chintala and Bottou",
        "https://arxiv.org/abs/1701.07875",
    )
    Params = CWGANParams
    params: CWGANParams

    def d_loss(self, real: Batch, fake: Batch) -> Losses:
        """Return minus how far right and wrong pairs are apart."""
        pairs = self.pairs(real, fake, 0 if self.params.mismatch == "none" else 1)
        return {"wasserstein": self.distance(*pairs)}

    def g_loss(self, real: Batch, fake: Batch) -> Losses:
        """Return how little the critic makes of fakes with what was asked."""
        scores = self.discriminator(fake.images, self.soften(labels_of(fake)))
        return {"adv": losses.wasserstein_g(scores)}

    def accuracy(self, real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
        """Return the shares on the right side of the median of a batch."""
        return by_median(real, fake)

    def after_d_step(self) -> None:
        """Clip every weight of the critic."""
        clip_weights(self.discriminator, self.params.clip)

    def formulas(self) -> Mapping[str, str]:
        """Return what each term is, with this model's numbers."""
        _, fake = formulas.scores(self)
        terms = {"d/wasserstein": self.distance_formula(), "g/adv": f"-E[{fake}]"}
        return {**super().formulas(), **terms}

    def rules(self) -> Mapping[str, str]:
        """Return how the critic is kept Lipschitz."""
        return {"d": formulas.clipped(self.params.clip)}


@hookimpl
def animekit_models() -> list[type[MismatchModel]]:
    """Return the model of this module."""
    return [CWGAN]
