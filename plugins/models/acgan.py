"""Auxiliary classifier GAN (Odena et al., 2017)."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Literal

from pydantic import Field
from torch import Tensor

from animekit.data.batch import Batch
from animekit.data.spec import ImageSpec
from animekit.errors import ConfigError
from animekit.hookspecs import hookimpl
from animekit.models import formulas
from animekit.models.base import Losses, Paper, Phase
from animekit.models.conditional import ConditionalModel, ConditionalParams, labels_of
from animekit.models.label_noise import (
    CrossEntropyParams,
    cross_entropy_d,
    cross_entropy_g,
    right_of,
)
from animekit.nn import losses
from animekit.nn.architectures import Discriminator, HeadedDiscriminator


class ACGANParams(CrossEntropyParams, ConditionalParams):
    """The objectives that the class term goes with, its weights, and who learns it."""

    old_names = {"replay": "replay_size", "classifier=own": "classifier=separate"}
    topics = {"regularisers": ("gp_weight",)}

    objective: Literal["gan", "wasserstein", "difference", "hinge", "relativistic"] = Field(
        "gan", description="what tells real from fake; wasserstein has a penalty of its own"
    )
    classifier: Literal["shared", "separate"] = Field(
        "shared", description="separate: an update of its own for the class heads, on real alone"
    )
    adv_weight: float = Field(1.0, gt=0, description="weight of real against fake")
    cls_weight: float = Field(1.0, ge=0, description="weight of the class term on real")
    cls_fake_weight: float = Field(1.0, ge=0, description="the same on fake, in D")
    g_cls_weight: float = Field(1.0, ge=0, description="the same in the generator")
    gp_weight: float = Field(10.0, ge=0, description="weight of the Wasserstein gradient penalty")


class ACGAN(ConditionalModel):
    """GAN whose discriminator also names the labels of an image (Odena et al., 2017)."""

    name = "acgan"
    paper = Paper(
        "Conditional Image Synthesis with Auxiliary Classifier GANs",
        2017,
        "Odena, Olah and Shlens",
        "https://arxiv.org/abs/1610.09585",
    )
    Params = ACGANParams
    params: ACGANParams
    discriminator: Discriminator
    notes = "d/real_cls: D reads real labels; g/cls: fakes show what was asked. Both should fall."

    def __init__(self, params: ACGANParams, spec: ImageSpec) -> None:
        self.classes = len(spec.labels)
        self.penalised = params.objective == "wasserstein"
        super().__init__(params, spec)

    def phases(self) -> list[Phase]:
        """Return "d" and "g", and "c" between them for a classifier of its own.

        "c" then moves the body and the class heads by the rule of the generator.
        """
        d, g = super().phases()
        if (
            not isinstance(self.discriminator, HeadedDiscriminator)
            or self.params.classifier != "separate"
        ):
            return [d, g]
        body, heads = self.discriminator.main, self.discriminator.heads
        d = replace(d, networks=[body, self.discriminator.critic])
        c = replace(g, name="c", networks=[body, heads], loss=self.c_loss, every=1, rounds=None)
        return [d, c, g]

    def d_loss(self, real: Batch, fake: Batch) -> Losses:
        """Return the adversarial terms and the class terms on real and fake."""
        p, groups = self.params, self.spec.groups
        judged = self.both(self.discriminator.judge, real.images, fake.images)
        (on_real, real_classes), (on_fake, fake_classes) = judged
        real.scored(on_real)
        fake.scored(on_fake)
        terms = {}
        if p.classifier == "shared":
            read = losses.attribute_loss(real_classes, labels_of(real), groups, real.mask)
            terms["real_cls"] = p.cls_weight * read
            if p.cls_fake_weight:
                read = losses.attribute_loss(fake_classes, labels_of(fake), groups)
                terms["fake_cls"] = p.cls_fake_weight * read
        if p.objective == "gan":
            told = cross_entropy_d(p, on_real, on_fake)
            terms |= {name: p.adv_weight * term for name, term in told.items()}
        elif p.objective in losses.D_SIDE:
            terms[p.objective] = p.adv_weight * losses.D_SIDE[p.objective](on_real, on_fake)
        else:
            penalty = losses.gradient_penalty(self.discriminator, real.images, fake.images)
            terms["wasserstein"] = p.adv_weight * losses.wasserstein_d(on_real, on_fake)
            terms["gp"] = p.gp_weight * penalty
        return terms

    def accuracy(self, real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
        """Return the shares that are right by the sense of the objective."""
        return right_of(self.params, real, fake, self.params.objective)

    def measure(self, batch: Batch, terms: Losses) -> Losses:
        """Return D's accuracy and, of a critic, the estimate without its weight."""
        found = super().measure(batch, terms)
        if "wasserstein" in terms:
            found["w_est"] = -terms["wasserstein"] / self.params.adv_weight
        return found

    def c_loss(self, batch: Batch) -> Losses:
        """Return how badly the classifier reads real images."""
        _, classes = self.discriminator.judge(self.scaled(self.augmentation(batch.images)))
        read = losses.attribute_loss(classes, labels_of(batch), self.spec.groups, batch.mask)
        return {"real_cls": self.params.cls_weight * read}

    def g_loss(self, real: Batch, fake: Batch) -> Losses:
        """Return the adversarial term, and how far fakes are from what was asked."""
        p = self.params
        logits, classes = self.discriminator.judge(fake.images)
        cls = losses.attribute_loss(classes, labels_of(fake), self.spec.groups)
        against = self.discriminator(real.images) if p.objective == "relativistic" else logits
        side = {"gan": lambda fake, _: cross_entropy_g(p, fake), **losses.G_SIDE}[p.objective]
        return {"adv": p.adv_weight * side(logits, against), "cls": p.g_cls_weight * cls}

    def validate(self) -> None:
        """Refuse a classifier of its own where D has one last layer for all."""
        super().validate()
        own = self.params.classifier == "separate"
        if own and not isinstance(self.discriminator, HeadedDiscriminator):
            raise ConfigError(
                f"architecture {self.params.architecture} has no class heads of their own",
                "use architecture=seed000-text, seed002, odena or srresnet",
            )

    def formulas(self) -> Mapping[str, str]:
        """Return what each term is, with this model's numbers."""
        p, (real, fake) = self.params, formulas.scores(self)
        own = p.classifier == "separate"
        found = {**super().formulas()}
        found["c/real_cls" if own else "d/real_cls"] = formulas.weighted(
            p.cls_weight, "E[H(c, C(x))]"
        )
        if p.cls_fake_weight and not own:
            found["d/fake_cls"] = formulas.weighted(p.cls_fake_weight, "E[H(c, C(G(z, c)))]")
        d_side = {
            "gan": formulas.cross_entropy_d(p, real, fake),
            "wasserstein": {"wasserstein": f"({formulas.wasserstein(real, fake)})"},
            "difference": {"difference": f"(E[s({fake})] - E[s({real})])"},
            "hinge": {"hinge": f"({formulas.hinge(real, fake)})"},
            "relativistic": {"relativistic": formulas.paired(real, fake)},
        }
        g_side = {
            "gan": formulas.cross_entropy_g(p, fake),
            "difference": f"-E[s({fake})]",
            "relativistic": formulas.paired(fake, real),
        }
        for name, formula in d_side[p.objective].items():
            found[f"d/{name}"] = formulas.weighted(p.adv_weight, formula)
        if p.objective == "wasserstein":
            found["d/gp"] = formulas.gradient_penalty(p.gp_weight)
        adv = g_side.get(p.objective, f"-E[{fake}]")
        found["g/adv"] = formulas.weighted(p.adv_weight, adv)
        found["g/cls"] = formulas.weighted(p.g_cls_weight, "E[H(c, C(G(z, c)))]")
        return found


@hookimpl
def animekit_models() -> list[type[ConditionalModel]]:
    """Return the model of this module."""
    return [ACGAN]
