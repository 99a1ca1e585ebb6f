"""AdversarialModel: a generator, a discriminator, and the two phases that most objectives share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, ClassVar, TypeVar, cast

import torch
from torch import Tensor
from torch.nn import Parameter, functional
from torch.optim import SGD, Adam, Optimizer, RMSprop

from animekit import config
from animekit.data.batch import Batch
from animekit.data.spec import ImageSpec
from animekit.models.adversarial_params import AdversarialParams, UpdateRule
from animekit.models.base import Losses, Model, Phase, falls_on
from animekit.models.compatibility import refuse_unfit
from animekit.models.formulas import penalties
from animekit.models.penalties import penalty_terms
from animekit.models.scores import ACCURACY, asked_scores, keep_scores, kept_scores
from animekit.models.tips import adversarial_tip
from animekit.nn import accuracy, losses
from animekit.nn.architectures import ARCHITECTURES, Shape
from animekit.nn.augment import ADAPT_EVERY, Augmentation
from animekit.nn.chance import seeded
from animekit.nn.layers import initialise, normalise_spectrally
from animekit.nn.memory import Replay
from animekit.nn.networks import ended
from animekit.nn.schedules import SCHEDULES, Rounds

__all__ = ["AdversarialModel", "AdversarialParams", "UpdateRule"]

T = TypeVar("T", bound=Tensor | tuple[Tensor, ...])


class AdversarialModel(Model):
    """A generator against a discriminator: a subclass says two losses.

    In a step where both phases are due the fakes are drawn once: the discriminator sees them
    detached, the generator through their graph.
    """

    Params: ClassVar[type[config.Params]] = AdversarialParams
    params: AdversarialParams
    averaged: ClassVar[tuple[str, ...]] = ("generator",)
    generator: torch.nn.Module
    discriminator: torch.nn.Module
    conditions: int = 0
    """How many labels the generator is told; a conditional model sets it before it builds."""
    classes: int = 0
    """How many labels the discriminator names beside its logit."""
    penalised: bool = False
    """Whether a penalty looks at single images, so that a batch norm in D would be wrong."""

    def __init__(self, params: config.Params, spec: ImageSpec) -> None:
        super().__init__(params, spec)
        self.generator = self.build_generator()
        self.discriminator = self.build_discriminator()
        p = self.params
        self.initialise(self.generator, self.discriminator)
        if p.spectral_norm:
            normalise_spectrally(self.discriminator)
        self.augmentation = Augmentation(p.augment, p.augment_strength, p.augment_target)
        self.memory = Replay(n, p.replay_share, spec) if (n := p.replay_size) else None

    def initialise(self, *networks: torch.nn.Module) -> None:
        """Draw the first weights of networks, as `init` or the architecture says."""
        p = self.params
        kind = ARCHITECTURES[p.architecture].init if p.init == "auto" else p.init
        for network in networks:
            initialise(network, kind)

    def build_generator(self) -> torch.nn.Module:
        """Return the generator: z [N, z_dim] -> images [N, C, S, S] in [-1, 1]."""
        p, architecture = self.params, ARCHITECTURES[self.params.architecture]
        architecture.check(self.spec.size)
        follows = p.g_norm != "conditional" or (architecture.tells and self.conditions)
        return ended(
            p.g_output,
            architecture.generator(
                Shape(
                    size=self.spec.size,
                    channels=self.spec.channels,
                    width=p.g_channels,
                    z_dim=p.z_dim,
                    labels=self.conditions,
                    groups=self.spec.groups,
                    blocks=p.g_blocks,
                    norm=p.g_norm if follows else "auto",  # validate() says what is wrong
                    activation=p.g_activation,
                    dropout=p.g_dropout,
                    dropout_sampling=p.g_dropout_sampling,
                    noise=p.g_noise,
                    attention=p.attention,
                    skip=p.g_skip,
                    upsample=p.g_upsample,
                )
            ),
        )

    def build_discriminator(self) -> torch.nn.Module:
        """Return the discriminator: images [N, C, S, S] -> logits [N]."""
        p, architecture = self.params, ARCHITECTURES[self.params.architecture]
        norm = architecture.d_norm if p.d_norm == "auto" else p.d_norm
        if p.d_norm == "auto" and norm == "batch" and self._looks_at_single_images():
            norm = "none"
        return architecture.discriminator(
            Shape(
                size=self.spec.size,
                channels=self.spec.channels,
                width=p.d_channels,
                norm=norm,
                activation=p.d_activation,
                pool=p.d_pool,
                minibatch_std=p.minibatch_std,
                labels=self.classes,
                groups=self.spec.groups,
                blocks=p.d_blocks,
                attention=p.attention,
            )
        )

    def d_loss(self, real: Batch, fake: Batch) -> Losses:
        """Return the discriminator's terms; fake carries no gradient to the generator."""
        raise NotImplementedError

    def g_loss(self, real: Batch, fake: Batch) -> Losses:
        """Return the generator's terms; fake images carry its graph."""
        raise NotImplementedError

    def formulas(self) -> Mapping[str, str]:
        """Return those of the penalties; a subclass adds its own."""
        return penalties(self.params, self)

    def phases(self) -> list[Phase]:
        """Return "d", every n_gen steps, and "g", every n_critic steps."""
        p, schedule = self.params, SCHEDULES[self.params.lr_schedule]
        rounds = (
            Rounds(p.n_critic, first, p.first_rounds, p.first_again)
            if (first := p.n_critic_first)
            else None
        )
        return [
            Phase(
                "d",
                [self.discriminator],
                self._d_phase,
                lambda parameters: self.optimizer(
                    parameters, p.d_lr or p.lr, p.d_optimizer, p.d_betas
                ),
                every=p.n_gen,
                after=self.after_d_step,
                schedule=schedule,
                measure=self.measure,
            ),
            Phase(
                "g",
                [self.generator],
                self._g_phase,
                lambda parameters: self.optimizer(parameters, p.lr),
                every=1 if rounds else p.n_critic,
                schedule=schedule,
                rounds=rounds,
            ),
        ]

    def optimizer(
        self,
        parameters: Iterable[Parameter],
        lr: float,
        rule: UpdateRule | None = None,
        betas: tuple[float, float] | None = None,
    ) -> Optimizer:
        """Return an optimiser, by default that of the parameters; Adam is fused."""
        rule = rule or self.params.optimizer
        if rule == "adam":
            return Adam(parameters, lr=lr, betas=betas or self.params.betas, fused=True)
        return {"rmsprop": RMSprop, "sgd": SGD}[rule](parameters, lr=lr)

    def accuracy(self, real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
        """Return the shares of real and of fake that D judges right, from its logits [N].

        By default those above and below 0; an objective for which 0 means nothing says another.
        """
        return accuracy.by_sign(real, fake)

    def measure(self, batch: Batch, terms: Losses) -> Losses:
        """Return D's accuracy, from the scores that were kept or by asking again."""

        def ask(labels: Tensor | None) -> losses.Discriminator:
            critic = self.critic(labels)
            return lambda images: critic(self.scaled(images))

        scores = kept_scores(batch) or asked_scores(ask, self.discriminator, batch)
        return {} if scores is None else dict(zip(ACCURACY, self.accuracy(*scores), strict=True))

    def after_d_step(self) -> None:
        """Run behind each discriminator update, as weight clipping does."""

    def prepare(self, batch: Batch, due: Sequence[str]) -> None:
        """Draw z's images once for all phases; with a graph if the generator moves."""
        assert batch.z is not None
        batch.target = self.targets(batch)
        with torch.set_grad_enabled("g" in due):
            batch.fake = self.fakes(batch.z, batch.target)

    def fakes(self, z: Tensor, target: Tensor | None) -> Tensor:
        """Return the images [N, C, S, S] of a step, with their graph."""
        fakes: Tensor = self.generator(z)
        return fakes

    def targets(self, batch: Batch) -> Tensor | None:
        """Return what the fakes of a batch are asked to be, [N, L]; None without labels."""
        return None

    def shown(self, images: Tensor, labels: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return fakes and labels as D sees them in this step: some may be past ones."""
        return (images, labels) if self.memory is None else self.memory.exchange(images, labels)

    def told_of_real(self, real: Batch, fake: Batch) -> Tensor | None:
        """Return the labels beside which D sees real images: past fakes have others."""
        return fake.labels if real.target is None else real.target

    def critic(self, labels: Tensor | None) -> losses.Discriminator:
        """Return what penalties look at: images -> logits beside their labels."""
        return cast(losses.Discriminator, self.discriminator)

    def scores(
        self,
        real: Batch,
        fake: Batch,
        critic: Callable[[Tensor | None], losses.Discriminator] | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Return what a critic, or D, says of real and fake beside their labels; keep it."""
        critic = critic or self.critic
        of_real = self.told_of_real(real, fake)
        if self.params.d_batches == "separate":
            on_real = real.scored(critic(of_real)(real.images))
            return on_real, fake.scored(critic(fake.labels)(fake.images))
        labels = None
        if of_real is not None and fake.labels is not None:
            labels = torch.cat([of_real, fake.labels])
        images = torch.cat([real.images, fake.images])
        on_real, on_fake = critic(labels)(images).tensor_split([len(real.images)])
        return real.scored(on_real), fake.scored(on_fake)

    def both(self, judge: Callable[[Tensor], T], first: Tensor, second: Tensor) -> tuple[T, T]:
        """Return what is said of two kinds of images: in a batch each or in one.

        That is a tensor [N, ...], or a tuple of them.
        """
        if self.params.d_batches == "separate":
            return judge(first), judge(second)
        said: Any = judge(torch.cat([first, second]))
        if isinstance(said, Tensor):
            said = said.tensor_split([len(first)])
            return said[0], said[1]
        parts: Any = zip(*(each.tensor_split([len(first)]) for each in said), strict=True)
        one, other = parts
        return one, other

    def _d_phase(self, batch: Batch) -> Losses:
        assert batch.fake is not None
        real = self._seen(batch, batch.images, batch.labels)
        fake = self._seen(batch, *self.shown(batch.fake.detach(), batch.target))
        terms = self.d_loss(real, fake)
        more = penalty_terms(self.params, self.critic, batch, real, fake)
        keep_scores(batch, real, fake)
        if self.augmentation.adapts and falls_on(batch, ADAPT_EVERY * self.params.n_gen):
            with torch.no_grad():
                on_real = self.critic(batch.target)(real.images)
                self.augmentation.adapt(on_real, self.critic(fake.labels)(fake.images))
        return {**terms, **more} if more else terms

    def _g_phase(self, batch: Batch) -> Losses:
        assert batch.fake is not None
        real = self._seen(batch, batch.images, batch.labels)
        return self.g_loss(real, self._seen(batch, batch.fake, batch.target))

    def _seen(self, batch: Batch, images: Tensor, labels: Tensor | None) -> Batch:
        """Return what D sees of images: with noise, then augmented; `plain` is without the last."""
        p = self.params
        if p.instance_noise:
            noise = p.instance_noise * torch.randn_like(images)
            if p.instance_noise_decay == "linear" and batch.progress is not None:
                noise = noise * (1 - batch.progress)
            images = images + noise
        seen = self.scaled(self.augmentation(images))
        return Batch(seen, labels, batch.z, batch.mask, batch.target, kept={"plain": images})

    def scaled(self, images: Tensor) -> Tensor:
        """Return images in [-1, 1] as D takes them: in [0, 1] beside a sigmoid."""
        return (images + 1) / 2 if self.params.g_output == "sigmoid" else images

    def noise(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        """Draw z [n, z_dim] on the CPU: normal, uniform or on a sphere (tip 3).

        The sphere has the radius sqrt(z_dim), where normal vectors of that length gather.
        """
        shape = (n, self.params.z_dim)
        if self.params.z == "uniform":
            z = 2 * torch.rand(shape, generator=generator) - 1
        else:
            z = torch.randn(shape, generator=generator)
        if self.params.z == "sphere":
            z = functional.normalize(z) * self.params.z_dim**0.5
        return z * self.params.z_std

    def noise_steps(self) -> list[tuple[str, int, float]]:
        """Return how `noise` draws, for programs that draw the same."""
        return [(self.params.z, self.params.z_dim, self.params.z_std)]

    @property
    def default_truncation(self) -> float:
        """Return the factor on z where a user names none; training knows nothing of it."""
        return self.params.truncation

    def sample(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """Return images [N, C, S, S] in [-1, 1] for z [N, z_dim] and labels."""
        with seeded(self.generator, z[:, : self.params.z_dim]):
            return self.cut(self.fakes(z, labels))

    def cut(self, images: Tensor) -> Tensor:
        """Return images within [-1, 1], where the generator does not see to it."""
        return images.clamp(-1, 1) if getattr(self.generator, "open", False) else images

    def validate(self) -> None:
        """Refuse parameters that do not go together."""
        refuse_unfit(self.params, self.spec, self.name, labels=self.conditions)

    @classmethod
    def tip(cls, number: int, params: config.Params, *, follow: bool) -> dict[str, Any]:
        """Return the parameters by which a tip is followed, or its opposite."""
        assert isinstance(params, AdversarialParams)
        own = cls.penalised or getattr(params, "objective", "") == "wasserstein"
        return adversarial_tip(cls.name, number, params, follow=follow, penalised=own)

    def cautions(self) -> list[str]:
        """Return what a user should know of parameters that go together badly."""
        if self.params.d_norm != "batch" or not self._looks_at_single_images():
            return []
        return [
            "d_norm=batch beside a gradient penalty: batch norm ties the images of a batch"
            " together, the penalty is meant for each alone (d_norm=none, layer or instance)"
        ]

    def _looks_at_single_images(self) -> bool:
        return self.penalised or self.params.penalised
