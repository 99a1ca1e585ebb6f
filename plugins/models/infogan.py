"""Information maximising GAN (Chen et al., 2016): codes that must show in the image."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from pydantic import Field, model_validator
from torch import Tensor
from torch.nn import functional

from animekit.data.batch import Batch
from animekit.data.spec import ImageSpec
from animekit.hookspecs import hookimpl
from animekit.models import formulas
from animekit.models.adversarial import AdversarialModel
from animekit.models.base import Losses, Paper, Phase
from animekit.models.label_noise import (
    CrossEntropyParams,
    cross_entropy_d,
    cross_entropy_g,
    right_of,
)
from animekit.nn.architectures import ARCHITECTURES, Discriminator
from animekit.nn.layers import initialise
from animekit.nn.variational import unread_information

from ._infogan import OpenDiscriminator, Recogniser


class InfoGANParams(CrossEntropyParams):
    """The codes behind the noise, and how they are read back."""

    topics = {
        "networks": ("q_channels",),
        "noise": ("codes", "code_size", "continuous"),
    }

    architecture: str = Field("infogan", description="networks: " + ", ".join(ARCHITECTURES))
    z_dim: int = Field(128, ge=1, description="numbers of plain noise, at the head of z")
    codes: int = Field(10, ge=0, description="categorical codes, at the end of z")
    code_size: int = Field(10, ge=2, description="values of a categorical code")
    continuous: int = Field(0, ge=0, description="uniform codes in [-1, 1], behind the noise")
    g_channels: int = Field(128, ge=1, description="width of the generator near the image")
    q_channels: int = Field(0, ge=0, description="width of a hidden layer of Q (0: none)")
    mi_weight: float = Field(1.0, ge=0, description="weight of a nat about categorical codes")
    continuous_weight: float = Field(
        0.1, ge=0, description="weight of the half squared error of continuous codes"
    )
    mi_in_d: bool = Field(False, description="codes train Q and D's layers in D's phase too")
    lr: float = Field(1e-3, gt=0, description="learning rate of the generator and of Q")
    d_lr: float | None = Field(2e-4, gt=0, description="the discriminator's own learning rate")

    @model_validator(mode="after")
    def _some_code(self) -> InfoGANParams:
        if not self.codes and not self.continuous:
            raise ValueError("infogan without codes is a gan: set codes or continuous above 0")
        return self


class InfoGAN(AdversarialModel):
    """GAN with codes that can be read back from the image (Chen et al., 2016).

    z is noise, then continuous codes, then one-hot categorical codes, whose widths are `codes`.
    Q shares all layers of the discriminator but the last, and learns together with the generator.
    """

    name = "infogan"
    paper = Paper(
        "InfoGAN: Interpretable Representation Learning by Information Maximizing GANs",
        2016,
        "Chen et al.",
        "https://arxiv.org/abs/1606.03657",
    )
    Params = InfoGANParams
    params: InfoGANParams
    discriminator: OpenDiscriminator
    aliases = {"g/info": "-mi", "d/info": "-d_mi"}
    notes = "mi: nats that pictures tell of their codes, from 0 to codes x ln(code_size)."

    def __init__(self, params: InfoGANParams, spec: ImageSpec) -> None:
        self.codes = (params.code_size,) * params.codes
        self.conditions = params.continuous + sum(self.codes)
        super().__init__(params, spec)
        kind = ARCHITECTURES[params.architecture].init if params.init == "auto" else params.init
        width = self.discriminator.width(spec.channels, spec.size)
        self.recogniser = Recogniser(width, params.q_channels, self.conditions)
        initialise(self.recogniser, kind)

    @property
    def noise_dim(self) -> int:
        """How many numbers at the head of z are plain noise."""
        return self.params.z_dim

    def build_discriminator(self) -> torch.nn.Module:
        """Return the discriminator, cut open for Q."""
        whole = super().build_discriminator()
        assert isinstance(whole, Discriminator)
        return OpenDiscriminator(whole)

    def phases(self) -> list[Phase]:
        """Return "d" and "g"; Q moves with the generator, and where asked with D too."""
        d, g = super().phases()
        for phase in (d, g) if self.params.mi_in_d else (g,):
            phase.networks = [*phase.networks, self.recogniser]
        return [d, g]

    def d_loss(self, real: Batch, fake: Batch) -> Losses:
        """Return the cross-entropy on real and fake, and the codes if D learns them."""
        d = self.discriminator
        features, of_real = self.both(d.features, fake.images, real.images)
        on_real, on_fake = real.scored(d.logits(of_real)), fake.scored(d.logits(features))
        terms = cross_entropy_d(self.params, on_real, on_fake)
        if not self.params.mi_in_d:
            return terms
        assert fake.z is not None
        past = self.memory.exchanged(len(fake.z)) if self.memory else 0  # made from other codes
        return terms | self.code_terms(features[past:], fake.z[past:])

    def g_loss(self, real: Batch, fake: Batch) -> Losses:
        """Return the adversarial term, and how badly Q reads the codes from fakes."""
        features = self.discriminator.features(fake.images)
        adv = cross_entropy_g(self.params, self.discriminator.logits(features))
        return {"adv": adv} | self.code_terms(features, fake.z)

    def accuracy(self, real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
        """Return the shares on the right side of 0; flipped labels turn the sides."""
        return right_of(self.params, real, fake)

    def code_terms(self, features: Tensor, z: Tensor | None) -> Losses:
        """Return the terms of the codes in z [N, Z], as Q reads them from D's features."""
        p = self.params
        assert z is not None
        means, logits = self.recogniser(features).tensor_split([p.continuous], 1)
        values, codes = z[:, p.z_dim :].tensor_split([p.continuous], 1)
        terms = {}
        if p.codes:
            terms["info"] = p.mi_weight * unread_information(logits, codes, self.codes)
        if p.continuous:
            error = 0.5 * (means - values).square().sum(1).mean()
            terms["continuous"] = p.continuous_weight * error
        return terms

    def noise(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        """Draw z [n, Z] on the CPU: noise, codes in [-1, 1], one-hot codes."""
        parts = [super().noise(n, generator)]
        parts += [2 * torch.rand(n, self.params.continuous, generator=generator) - 1]
        for width in self.codes:
            chosen = torch.randint(width, (n,), generator=generator)
            parts += [functional.one_hot(chosen, width).to(parts[0].dtype)]
        return torch.cat(parts, 1)

    def formulas(self) -> Mapping[str, str]:
        """Return what each term is, with this model's numbers."""
        p, (real, fake) = self.params, formulas.scores(self)
        told = formulas.cross_entropy_d(p, real, fake)
        most = f"{len(self.codes)} ln {p.code_size}"
        codes = {}
        if p.codes:
            read = f"(E[H(codes of z, Q(G(z)))] - {most})"
            codes["info"] = formulas.weighted(p.mi_weight, read)
        if p.continuous:
            error = "0.5 E[|Q(G(z)) - codes of z|^2]"
            codes["continuous"] = formulas.weighted(p.continuous_weight, error)
        return {
            **super().formulas(),
            **{f"d/{key}": term for key, term in told.items()},
            "g/adv": formulas.cross_entropy_g(p, fake),
            **{f"g/{name}": formula for name, formula in codes.items()},
            **{f"d/{name}": formula for name, formula in codes.items() if p.mi_in_d},
        }


@hookimpl
def animekit_models() -> list[type[AdversarialModel]]:
    """Return the model of this module."""
    return [InfoGAN]
