"""Information maximising GAN (Chen et al., 2016): codes that must show in the image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from pydantic import Field, model_validator
from torch import Tensor
from torch.nn import functional

from animekit import config
from animekit.data.batch import Batch
from animekit.data.spec import ImageSpec
from animekit.errors import ConfigError
from animekit.hookspecs import hookimpl
from animekit.labels.vocabulary import Vocabulary
from animekit.models import formulas
from animekit.models.adversarial import AdversarialModel
from animekit.models.base import ATTRIBUTES, Losses, Need, Paper, Phase
from animekit.models.label_noise import (
    CrossEntropyParams,
    cross_entropy_d,
    cross_entropy_g,
    right_of,
)
from animekit.nn import losses
from animekit.nn.architectures import ARCHITECTURES, Discriminator
from animekit.nn.variational import unread_information

from ._infogan import OpenDiscriminator, Recogniser


class InfoGANParams(CrossEntropyParams):
    """The codes behind the noise, and how they are read back."""

    topics = {
        "networks": ("q_channels",),
        "noise": ("codes", "code_size", "continuous"),
        "update rule": ("warmup_steps", "attributes"),
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
    warmup_steps: int = Field(
        0, ge=0, description="first steps in which codes are labels of real images; Q learns both"
    )
    attributes: str = Field("", description=ATTRIBUTES)
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

    With `warmup_steps` the first codes stand for the attributes of labelled images, in their order
    (an idea of seed 002). At first a fake has the labels of the real image beside it for codes, and
    Q and D's layers learn real labels; then all codes are random. Prompts set these codes.
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
    labels_for = " for warmup_steps"
    discriminator: OpenDiscriminator
    aliases = {"g/info": "-mi", "d/info": "-d_mi"}
    notes = "mi: nats that pictures tell of their codes, from 0 to codes x ln(code_size)."

    def __init__(self, params: InfoGANParams, spec: ImageSpec) -> None:
        self.widths = (params.code_size,) * params.codes
        self.named = len(spec.groups) if params.warmup_steps else 0
        self.codes = self.widths[self.named :]  # those that no label has a name for
        self.conditions = params.continuous + sum(self.widths)
        super().__init__(params, spec)
        self.recogniser = Recogniser(self.width, params.q_channels, self.conditions)
        self.initialise(self.recogniser)

    @classmethod
    def needs(cls, params: config.Params) -> Need:
        """Return that a warm-up needs labels."""
        return Need.LABELLED if getattr(params, "warmup_steps", 0) else Need.IMAGES

    def validate(self) -> None:
        """Refuse labels that do not fit the codes, and what does not go together."""
        super().validate()
        p, values = self.params, [max(2, width) for width in self.spec.groups]
        if p.attributes and not p.warmup_steps:
            raise ConfigError(
                "attributes say what a warm-up of the codes learns, and there is none",
                "add --set warmup_steps=1000",
            )
        if self.named > p.codes:
            raise ConfigError(
                f"the data have {self.named} attributes, and there are {p.codes} codes for them",
                f"--set codes={self.named}, or name what is to be learned: --set attributes=hair",
            )
        if self.named and max(values) > p.code_size:
            raise ConfigError(
                f"an attribute of the data has {max(values)} values, a code has {p.code_size}",
                f"--set code_size={max(values)}",
            )

    def cautions(self) -> list[str]:
        """Return which codes stand for labels, and what else a user should know."""
        found = super().cautions()
        if self.named:
            names = Vocabulary(self.spec.labels, self.spec.groups).attributes
            found.append(
                f"the first {self.named} of {len(self.widths)} codes stand for"
                f" {', '.join(names)}: real labels for {self.params.warmup_steps:,} steps, then"
                " random"
            )
        return found

    @property
    def noise_dim(self) -> int:
        """How many numbers at the head of z are plain noise."""
        return self.params.z_dim

    def build_discriminator(self) -> torch.nn.Module:
        """Return the discriminator, cut open for Q."""
        whole = super().build_discriminator()
        assert isinstance(whole, Discriminator)
        self.width = whole.width(self.spec.channels, self.spec.size)
        return OpenDiscriminator(whole)

    def phases(self) -> list[Phase]:
        """Return "d" and "g"; Q moves with the generator, and where asked with D too."""
        d, g = super().phases()
        for phase in (d, g) if self.params.mi_in_d or self.named else (g,):
            phase.networks = [*phase.networks, self.recogniser]
        return [d, g]

    def d_loss(self, real: Batch, fake: Batch) -> Losses:
        """Return the cross-entropy on real and fake, and the codes if D learns them."""
        d = self.discriminator
        features, of_real = self.both(d.features, fake.images, real.images)
        on_real, on_fake = real.scored(d.logits(of_real)), fake.scored(d.logits(features))
        terms = cross_entropy_d(self.params, on_real, on_fake)
        if self.named and warms(real, self.params.warmup_steps):
            terms["label"] = self.params.mi_weight * self.label_term(of_real, real)
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
            terms["info"] = p.mi_weight * unread_information(logits, codes, self.widths)
        if p.continuous:
            error = 0.5 * (means - values).square().sum(1).mean()
            terms["continuous"] = p.continuous_weight * error
        return terms

    def label_term(self, features: Tensor, real: Batch) -> Tensor:
        """Return how badly Q reads the known labels of real images from D's features."""
        assert real.labels is not None
        size = self.params.code_size
        logits = self.recogniser(features)[:, self.params.continuous :][:, : self.named * size]
        codes, known = label_codes(real.labels, real.mask, self.spec.groups, size)
        mask = known.repeat_interleave(size, 1).to(logits.dtype)
        return losses.attribute_loss(logits, codes, (size,) * self.named, mask)

    def prepare(self, batch: Batch, due: Sequence[str]) -> None:
        """Draw the fakes of a step; in a warm-up, of the labels of its real images."""
        if self.named and warms(batch, self.params.warmup_steps):
            assert batch.z is not None
            batch.z = self.placed(batch.z, batch.labels, batch.mask)
        super().prepare(batch, due)

    def placed(self, z: Tensor, labels: Tensor | None, mask: Tensor | None = None) -> Tensor:
        """Return z [N, Z] whose first codes are labels [N, L], where those are known."""
        if labels is None or not self.named:
            return z
        size, start = self.params.code_size, self.params.z_dim + self.params.continuous
        codes, known = label_codes(labels, mask, self.spec.groups, size)
        head, own, tail = z.split(
            (start, self.named * size, z.shape[1] - start - self.named * size), 1
        )
        told = torch.where(known.repeat_interleave(size, 1), codes.to(z.dtype), own)
        return torch.cat([head, told, tail], 1)

    def sample(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """Return images [N, C, S, S] in [-1, 1] for z; labels set their codes."""
        return super().sample(self.placed(z, labels))

    def _seen(self, batch: Batch, images: Tensor, labels: Tensor | None) -> Batch:
        seen = super()._seen(batch, images, labels)
        seen.step = batch.step
        return seen

    def noise(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        """Draw z [n, Z] on the CPU: noise, codes in [-1, 1], one-hot codes."""
        parts = [super().noise(n, generator)]
        parts += [2 * torch.rand(n, self.params.continuous, generator=generator) - 1]
        for width in self.widths:
            chosen = torch.randint(width, (n,), generator=generator)
            parts += [functional.one_hot(chosen, width).to(parts[0].dtype)]
        return torch.cat(parts, 1)

    def noise_steps(self) -> list[tuple[str, int, float]]:
        """Return how `noise` draws, for programs that draw the same."""
        continuous = [("uniform", self.params.continuous, 1.0)]
        return [*super().noise_steps(), *continuous, *(("choice", n, 1.0) for n in self.widths)]

    def formulas(self) -> Mapping[str, str]:
        """Return what each term is, with this model's numbers."""
        p, (real, fake) = self.params, formulas.scores(self)
        told = formulas.cross_entropy_d(p, real, fake)
        most = f"{len(self.widths)} ln {p.code_size}"
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
            **({"d/label": self._label_formula()} if self.named else {}),
        }

    def _label_formula(self) -> str:
        read = formulas.weighted(self.params.mi_weight, "E[H(c, Q(x))]")
        return f"{read}, in the first {self.params.warmup_steps:,} steps"


def label_codes(
    labels: Tensor, mask: Tensor | None, groups: Sequence[int], size: int
) -> tuple[Tensor, Tensor]:
    """Return labels [N, L] as codes [N, G * size], and which of the G are known.

    A yes or no is value 1 or 0 of its code. Without a mask, one of several values is known where
    any is set.
    """
    codes, known = [], []
    masks = [None] * len(groups) if mask is None else mask.split(tuple(groups), 1)
    for part, seen in zip(labels.split(tuple(groups), 1), masks, strict=True):
        code = torch.cat([1 - part, part], 1) if part.shape[1] == 1 else part
        codes.append(functional.pad(code, (0, size - code.shape[1])))
        given = seen if seen is not None else code
        known.append((given > 0).any(1, keepdim=True))
    return torch.cat(codes, 1), torch.cat(known, 1)


@torch.compiler.disable
def warms(batch: Batch, steps: int) -> bool:
    """Say whether a step is one of the first; a compiler must not look inside."""
    return batch.step <= steps


@hookimpl
def animekit_models() -> list[type[AdversarialModel]]:
    """Return the model of this module."""
    return [InfoGAN]
