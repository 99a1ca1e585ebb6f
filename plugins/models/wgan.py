"""Wasserstein GAN with weight clipping (Arjovsky et al., 2017)."""

from collections.abc import Mapping

from pydantic import Field
from torch import Tensor

from animekit.data.batch import Batch
from animekit.hookspecs import hookimpl
from animekit.models import formulas
from animekit.models.adversarial import AdversarialModel, AdversarialParams, UpdateRule
from animekit.models.base import Losses, Paper
from animekit.nn import losses
from animekit.nn.accuracy import by_median
from animekit.nn.layers import clip_weights


class WGANParams(AdversarialParams):
    """The paper's update rule, and the clip."""

    topics = {"regularisers": ("clip",)}

    optimizer: UpdateRule = Field("rmsprop", description="update rule")
    lr: float = Field(5e-5, gt=0, description="learning rate")
    n_critic: int = Field(5, ge=1, description="critic updates per generator update")
    clip: float = Field(0.01, gt=0, description="critic weights are kept within +- this")


class WGAN(AdversarialModel):
    """Wasserstein GAN with weight clipping in the critic (Arjovsky et al., 2017)."""

    name = "wgan"
    paper = Paper(
        "Wasserstein GAN",
        2017,
        "Arjovsky, Chintala and Bottou",
        "https://arxiv.org/abs/1701.07875",
    )
    Params = WGANParams
    params: WGANParams
    aliases = {"d/wasserstein": "-w_est", "g/adv": "g"}
    notes = "w_est should fall as pictures improve; g alone means nothing."

    def d_loss(self, real: Batch, fake: Batch) -> Losses:
        """Return minus the estimated distance."""
        scores = self.scores(real, fake)
        return {"wasserstein": losses.wasserstein_d(*scores)}

    def g_loss(self, real: Batch, fake: Batch) -> Losses:
        """Return minus the critic's mean on fake."""
        return {"adv": losses.wasserstein_g(self.discriminator(fake.images))}

    def accuracy(self, real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
        """Return the shares on the right side of the median of a batch."""
        return by_median(real, fake)

    def after_d_step(self) -> None:
        """Clip every weight of the critic."""
        clip_weights(self.discriminator, self.params.clip)

    def formulas(self) -> Mapping[str, str]:
        """Return what each term is, with this model's numbers."""
        real, fake = formulas.scores(self)
        return {
            **super().formulas(),
            "d/wasserstein": formulas.wasserstein(real, fake),
            "g/adv": f"-E[{fake}]",
        }

    def rules(self) -> Mapping[str, str]:
        """Return how the critic is kept Lipschitz."""
        return {"d": formulas.clipped(self.params.clip)}


@hookimpl
def animekit_models() -> list[type[AdversarialModel]]:
    """Return the model of this module."""
    return [WGAN]
