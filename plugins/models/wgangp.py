"""Wasserstein GAN with gradient penalty (Gulrajani et al., 2017)."""

from collections.abc import Mapping

from pydantic import Field
from torch import Tensor

from animekit.data.batch import Batch
from animekit.hookspecs import hookimpl
from animekit.models import formulas
from animekit.models.adversarial import AdversarialModel, AdversarialParams
from animekit.models.base import Losses, Paper
from animekit.nn import losses
from animekit.nn.accuracy import by_median


class WGANGPParams(AdversarialParams):
    """The paper's update rule, and the penalty."""

    topics = {"regularisers": ("gp_weight", "one_sided", "gp_share")}

    lr: float = Field(1e-4, gt=0, description="learning rate")
    betas: tuple[float, float] = Field((0.0, 0.9), description="Adam betas")
    n_critic: int = Field(5, ge=1, description="critic updates per generator update")
    gp_weight: float = Field(10.0, ge=0, description="weight of the gradient penalty")
    one_sided: bool = Field(False, description="penalise only norms above 1")
    gp_share: float = Field(
        1.0,
        gt=0,
        le=1,
        description="share of a batch that the penalty looks at: less is faster, and noisier",
    )


class WGANGP(AdversarialModel):
    """Wasserstein GAN with a gradient penalty on the critic (Gulrajani et al., 2017)."""

    name = "wgangp"
    paper = Paper(
        "Improved Training of Wasserstein GANs",
        2017,
        "Gulrajani, Ahmed, Arjovsky, Dumoulin and Courville",
        "https://arxiv.org/abs/1704.00028",
    )
    Params = WGANGPParams
    params: WGANGPParams
    penalised = True
    aliases = {"d/wasserstein": "-w_est", "d/gp": "gp", "g/adv": "g"}
    notes = "w_est peaks early, then should fall as pictures improve; g alone means nothing."

    def d_loss(self, real: Batch, fake: Batch) -> Losses:
        """Return minus the estimated distance, and the weighted penalty."""
        p, critic = self.params, self.discriminator
        first = slice(max(1, round(p.gp_share * len(real.images))))  # of a batch in random order
        x, y = real.images[first], fake.images[first]
        penalty = losses.gradient_penalty(critic, x, y, one_sided=p.one_sided)
        return {
            "wasserstein": losses.wasserstein_d(*self.scores(real, fake)),
            "gp": p.gp_weight * penalty,
        }

    def g_loss(self, real: Batch, fake: Batch) -> Losses:
        """Return minus the critic's mean on fake."""
        return {"adv": losses.wasserstein_g(self.discriminator(fake.images))}

    def accuracy(self, real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
        """Return the shares on the right side of the median of a batch."""
        return by_median(real, fake)

    def formulas(self) -> Mapping[str, str]:
        """Return what each term is, with this model's numbers."""
        p, (real, fake) = self.params, formulas.scores(self)
        return {
            **super().formulas(),
            "d/wasserstein": formulas.wasserstein(real, fake),
            "d/gp": formulas.gradient_penalty(p.gp_weight, one_sided=p.one_sided, share=p.gp_share),
            "g/adv": f"-E[{fake}]",
        }


@hookimpl
def animekit_models() -> list[type[AdversarialModel]]:
    """Return the model of this module."""
    return [WGANGP]
