"""Auxiliary classifier GAN (Odena et al., 2017)."""

from typing import Literal

from pydantic import Field

from animekit import losses
from animekit.conditional import ConditionalModel, ConditionalParams
from animekit.hookspecs import hookimpl
from animekit.model import Batch, ImageSpec, Losses


class ACGANParams(ConditionalParams):
    """The two objectives that the class term goes with, and its weights."""

    objective: Literal["gan", "wasserstein"] = Field(
        "gan", description="cross-entropy, or Wasserstein with a gradient penalty"
    )
    adv_weight: float = Field(1.0, gt=0, description="weight of real against fake")
    cls_weight: float = Field(1.0, ge=0, description="weight of the class term on real")
    cls_fake_weight: float = Field(1.0, ge=0, description="the same on fake, in D")
    g_cls_weight: float = Field(1.0, ge=0, description="the same in the generator")
    gp_weight: float = Field(10.0, ge=0, description="weight of the Wasserstein gradient penalty")


class ACGAN(ConditionalModel):
    """GAN whose discriminator also names the labels of an image (Odena et al., 2017)."""

    name = "acgan"
    Params = ACGANParams
    params: ACGANParams
    notes = "d/real_cls: D reads real labels; g/cls: fakes show what was asked. Both should fall."

    def __init__(self, params: ACGANParams, spec: ImageSpec) -> None:
        self.classes = len(spec.labels)
        self.penalised = params.objective == "wasserstein"
        super().__init__(params, spec)

    def d_loss(self, real: Batch, fake: Batch) -> Losses:
        """Return the adversarial terms and the class terms on real and fake."""
        p, groups = self.params, self.spec.groups
        on_real, real_classes = self.discriminator.judge(real.images)
        on_fake, fake_classes = self.discriminator.judge(fake.images)
        terms = {
            "real_cls": p.cls_weight
            * losses.attribute_loss(real_classes, real.labels, groups, real.mask)
        }
        if p.cls_fake_weight:
            read = losses.attribute_loss(fake_classes, fake.labels, groups)
            terms["fake_cls"] = p.cls_fake_weight * read
        if p.objective == "wasserstein":
            penalty = losses.gradient_penalty(self.discriminator, real.images, fake.images)
            terms["wasserstein"] = p.adv_weight * losses.wasserstein_d(on_real, on_fake)
            terms["gp"] = p.gp_weight * penalty
        else:
            terms["real"] = p.adv_weight * losses.cross_entropy(on_real, 1.0)
            terms["fake"] = p.adv_weight * losses.cross_entropy(on_fake, 0.0)
        return terms

    def g_loss(self, real: Batch, fake: Batch) -> Losses:
        """Return the adversarial term, and how far fakes are from what was asked."""
        logits, classes = self.discriminator.judge(fake.images)
        wasserstein = self.params.objective == "wasserstein"
        adv = losses.wasserstein_g(logits) if wasserstein else losses.nonsaturating_g(logits)
        cls = losses.attribute_loss(classes, fake.labels, self.spec.groups)
        return {"adv": self.params.adv_weight * adv, "cls": self.params.g_cls_weight * cls}


@hookimpl
def animekit_models() -> list[type[ConditionalModel]]:
    """Return the model of this module."""
    return [ACGAN]
