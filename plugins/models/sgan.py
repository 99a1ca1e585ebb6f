"""Semi-supervised GAN (Odena, 2016): labels teach the discriminator what to look at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Literal

from pydantic import Field
from torch import Tensor, nn

from animekit.data.batch import Batch
from animekit.data.spec import ImageSpec
from animekit.hookspecs import hookimpl
from animekit.models import formulas
from animekit.models.adversarial import AdversarialModel
from animekit.models.base import ATTRIBUTES, Losses, Need, Paper, Phase
from animekit.models.conditional import labels_of
from animekit.models.label_noise import (
    CrossEntropyParams,
    cross_entropy_d,
    cross_entropy_g,
    right_of,
)
from animekit.nn import losses
from animekit.nn.architectures import Discriminator
from animekit.nn.layers import full_precision


class SGANParams(CrossEntropyParams):
    """What tells real from fake, and what labels weigh beside it."""

    topics = {"update rule": ("attributes",)}

    objective: Literal["gan", "hinge", "relativistic"] = Field(
        "relativistic", description="what tells real from fake; gan as Odena has it"
    )
    cls_weight: float = Field(1.0, ge=0, description="weight of the class term on real")
    sure_weight: float = Field(
        0.25, ge=0, description="weight of how unsure D is of a fake's labels, in the generator"
    )
    attributes: str = Field("", description=ATTRIBUTES)
    betas: tuple[float, float] = Field((0.0, 0.99), description="Adam betas")
    r1_weight: float = Field(1.0, ge=0, description="weight of the R1 gradient penalty, on real")
    r2_weight: float = Field(1.0, ge=0, description="weight of the R2 gradient penalty, on fake")


class SGAN(AdversarialModel):
    """GAN in which labels teach the discriminator alone (Odena, 2016).

    A discriminator that names the colour of hair and eyes sees a face whose eyes are of two. A fake
    is to be surely one value of each attribute, whichever (Springenberg, 2016, arXiv 1511.06390).
    Images whose labels are not known teach the rest. It draws as a model without labels does.
    """

    name = "sgan"
    paper = Paper(
        "Semi-Supervised Learning with Generative Adversarial Networks",
        2016,
        "Odena",
        "https://arxiv.org/abs/1606.01583",
    )
    Params = SGANParams
    params: SGANParams
    data = Need.LABELLED
    takes_labels = False
    discriminator: Discriminator
    notes = (
        "d/real_cls: D reads real labels; g/unsure: fakes are clearly of some. Both should fall."
    )

    def __init__(self, params: SGANParams, spec: ImageSpec) -> None:
        super().__init__(params, spec)
        width = self.discriminator.width(spec.channels, spec.size)
        self.classifier = nn.Sequential(nn.Flatten(), nn.Linear(width, len(spec.labels)))
        self.initialise(self.classifier)

    def phases(self) -> list[Phase]:
        """Return "d" and "g"; the classifier moves with the discriminator."""
        d, g = super().phases()
        return [replace(d, networks=[self.discriminator, self.classifier]), g]

    def read(self, features: Tensor) -> Tensor:
        """Return label logits [N, L] of what the discriminator's last layer sees."""
        return full_precision(self.classifier(features))

    def d_loss(self, real: Batch, fake: Batch) -> Losses:
        """Return the adversarial terms, and how badly real labels are read."""
        p, d = self.params, self.discriminator
        of_real, of_fake = self.both(d.features, real.images, fake.images)
        on_real, on_fake = real.scored(d.score(of_real)), fake.scored(d.score(of_fake))
        groups = self.learned.groups
        read = losses.attribute_loss(self.read(of_real), labels_of(real), groups, real.mask)
        terms = {"real_cls": p.cls_weight * read}
        if p.objective == "gan":
            return terms | cross_entropy_d(p, on_real, on_fake)
        return terms | {"adv": losses.D_SIDE[p.objective](on_real, on_fake)}

    def g_loss(self, real: Batch, fake: Batch) -> Losses:
        """Return the adversarial term, and how unsure D is of what fakes show."""
        p, d = self.params, self.discriminator
        features = d.features(fake.images)
        on_fake = d.score(features)
        if p.objective == "gan":
            adv = cross_entropy_g(p, on_fake)
        else:
            against = d(real.images) if p.objective == "relativistic" else on_fake
            adv = losses.G_SIDE[p.objective](on_fake, against)
        unsure = losses.attribute_entropy(self.read(features), self.learned.groups)
        return {"adv": adv, "unsure": p.sure_weight * unsure}

    def accuracy(self, real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
        """Return the shares that are right by the sense of the objective."""
        return right_of(self.params, real, fake, self.params.objective)

    def formulas(self) -> Mapping[str, str]:
        """Return what each term is, with this model's numbers."""
        p, (real, fake) = self.params, formulas.scores(self)
        d_side = {
            "gan": formulas.cross_entropy_d(p, real, fake),
            "hinge": {"adv": formulas.hinge(real, fake)},
            "relativistic": {"adv": formulas.paired(real, fake)},
        }
        g_side = {
            "gan": formulas.cross_entropy_g(p, fake),
            "hinge": f"-E[{fake}]",
            "relativistic": formulas.paired(fake, real),
        }
        return {
            **super().formulas(),
            "d/real_cls": formulas.weighted(p.cls_weight, "E[H(c, C(x))]"),
            **{f"d/{name}": formula for name, formula in d_side[p.objective].items()},
            "g/adv": g_side[p.objective],
            "g/unsure": formulas.weighted(p.sure_weight, "E[H(C(G(z)))]"),
        }


@hookimpl
def animekit_models() -> list[type[AdversarialModel]]:
    """Return the model of this module."""
    return [SGAN]
