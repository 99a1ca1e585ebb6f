"""Each check of the contract can fail, and says how to mend the model."""

from __future__ import annotations

import pytest
import torch
from pydantic import ConfigDict, Field

from animekit.data.spec import ImageSpec
from animekit.errors import ConfigError
from animekit.models.abilities import Generates
from animekit.models.base import Model, Phase
from animekit.testing import contract
from animekit.testing.check import check_model, tiny_model
from animekit_plugins.models.gan import GAN, GANParams


class Shouting(GAN):
    """A model with a name that cannot be typed in a shell (Nobody, 2020)."""

    name = "My GAN!"


class Mumbling(GAN):
    __doc__ = None


class Unexplained(GAN):
    """A model with a parameter that says nothing (Nobody, 2020)."""

    class Params(GANParams):
        warmth: float = 1.0


class Demanding(GAN):
    """A model with a parameter that everybody has to give (Nobody, 2020)."""

    class Params(GANParams):
        warmth: float = Field(description="how warm")


class Changeable(GAN):
    """A model with parameters that can be changed (Nobody, 2020)."""

    class Params(GANParams):
        model_config = ConfigDict(frozen=False)


class Open(GAN):
    """A model that swallows misspelt parameters (Nobody, 2020)."""

    class Params(GANParams):
        model_config = ConfigDict(extra="allow")


class Rigid(GAN):
    """A model that can do images of 32 px alone (Nobody, 2020)."""

    def validate(self):
        if self.spec.size != 32:
            raise ConfigError(f"no {self.spec.size} px here")


class Idle(GAN):
    """A model without any phase (Nobody, 2020)."""

    def phases(self):
        return []


class Twins(GAN):
    """A model with two phases of one name (Nobody, 2020)."""

    def phases(self):
        first, second = super().phases()
        return [first, Phase("d", second.networks, second.loss, second.optimizer)]


class Smuggler(GAN):
    """A model that trains a network which no checkpoint holds (Nobody, 2020)."""

    def __init__(self, params, spec):
        super().__init__(params, spec)
        self.hidden = [torch.nn.Linear(1, 1)]

    def phases(self):
        first, second = super().phases()
        first.networks = [*first.networks, *self.hidden]
        return [first, second]


class Forgetful(GAN):
    """A model that trains only a part of itself (Nobody, 2020)."""

    def __init__(self, params, spec):
        super().__init__(params, spec)
        self.extra = torch.nn.Linear(2, 2)


class Nameless(GAN):
    """A model with a loss that has no name (Nobody, 2020)."""

    def g_loss(self, real, fake):
        return super().g_loss(real, fake)["adv"]


class Stiff(GAN):
    """A model whose generator makes images of 32 px alone (Nobody, 2020)."""

    def build_generator(self):
        self.spec, spec = ImageSpec(32), self.spec
        generator = super().build_generator()
        self.spec = spec
        return generator


class Wide(GAN):
    """A model with a loss for each image (Nobody, 2020)."""

    def g_loss(self, real, fake):
        return {"adv": -self.discriminator(fake.images)}


class Infinite(GAN):
    """A model that divides by nothing (Nobody, 2020)."""

    def g_loss(self, real, fake):
        return {"adv": super().g_loss(real, fake)["adv"] / 0.0}


class Detached(GAN):
    """A model whose generator hears nothing (Nobody, 2020)."""

    def g_loss(self, real, fake):
        fake.images = fake.images.detach()
        return super().g_loss(real, fake)


class Undoing(GAN):
    """A model that takes its steps back (Nobody, 2020)."""

    def prepare(self, batch, due):
        self.before = [p.detach().clone() for p in self.discriminator.parameters()]
        super().prepare(batch, due)

    @torch.no_grad()
    def after_d_step(self):
        for parameter, old in zip(self.discriminator.parameters(), self.before, strict=True):
            parameter.copy_(old)


class Meddling(GAN):
    """A model whose discriminator phase clips the generator (Nobody, 2020)."""

    @torch.no_grad()
    def after_d_step(self):
        for parameter in self.generator.parameters():
            parameter.clamp_(-0.01, 0.01)


class Deaf(GAN):
    """A model that has n_critic and does not heed it (Nobody, 2020)."""

    def phases(self):
        first, second = super().phases()
        second.every = 1
        return [first, second]


class Impatient(GAN):
    """A model with a phase that runs whenever it likes (Nobody, 2020)."""

    class Eager(Phase):
        def due(self, step):
            return True

    def phases(self):
        first, second = super().phases()
        eager = self.Eager("g", second.networks, second.loss, second.optimizer, second.every)
        return [first, eager]


class Restless(GAN):
    """A model that draws its noise from anywhere (Nobody, 2020)."""

    def noise(self, n, generator=None):
        return torch.randn(n, self.params.z_dim)


class Flat(GAN):
    """A model that forgets the channels of its samples (Nobody, 2020)."""

    def sample(self, z, labels=None):
        return super().sample(z)[:, 0]


class Bright(GAN):
    """A model whose images leave the range (Nobody, 2020)."""

    def sample(self, z, labels=None):
        return super().sample(z).atanh().nan_to_num(posinf=9.0, neginf=-9.0)


class Sociable(GAN):
    """A model whose images look at their neighbours (Nobody, 2020)."""

    def sample(self, z, labels=None):
        self.generator.train()
        return super().sample(z)


class Secretive(GAN):
    """A model that samples with what no checkpoint holds (Nobody, 2020)."""

    def __init__(self, params, spec):
        super().__init__(params, spec)
        self.register_buffer("shift", torch.randn(params.z_dim), persistent=False)

    def sample(self, z, labels=None):
        return super().sample(z + self.shift)


class Tied(GAN):
    """A model with two entries of one memory (Nobody, 2020)."""

    def __init__(self, params, spec):
        super().__init__(params, spec)
        self.register_buffer("first", torch.zeros(4))
        self.register_buffer("second", self.first.view(2, 2))


class Ageing(GAN):
    """A model that counts its steps where no checkpoint looks (Nobody, 2020)."""

    age = 0

    def d_loss(self, real, fake):
        self.age += 1
        return {key: value / self.age for key, value in super().d_loss(real, fake).items()}

    def g_loss(self, real, fake):
        return {"adv": super().g_loss(real, fake)["adv"] * self.discriminator.main[0].weight.norm()}


BROKEN = {
    Shouting: ("_check_name", "is refused when it loads"),
    Mumbling: ("_check_docstring", "has no docstring"),
    Unexplained: ("_check_params", "warmth has no description"),
    Demanding: ("_check_params", "warmth has no default"),
    Changeable: ("_check_params", "can be changed"),
    Open: ("_check_params", "take unknown keys"),
    Rigid: ("_check_build", "cannot be built at 64 px .no 64 px here"),
    Idle: ("_check_phases", r"its phases are \[\]"),
    Twins: ("_check_phases", r"its phases are \['d', 'd'\]"),
    Smuggler: ("_check_phases", "phase d moves a network that is no part of the model"),
    Forgetful: ("_check_phases", "no phase moves extra.bias"),
    Stiff: ("_check_losses", "phase d fails at 64 px"),
    Nameless: ("_check_losses", "the loss of phase g is no dictionary"),
    Wide: ("_check_losses", "the loss of phase g is no dictionary of named scalars"),
    Infinite: ("_check_losses", "the term g/adv is not finite"),
    Detached: ("_check_losses", "phase g gives generator.main.0.weight no finite gradient"),
    Undoing: ("_check_moves", "phase d moves nothing"),
    Meddling: ("_check_moves", "phase d moves generator.main.0.weight, which is not of its"),
    Deaf: ("_check_every", "n_critic=3 reaches none"),
    Impatient: ("_check_every", "with every=3, phase g is wrong in step 1"),
    Restless: ("_check_samples", "the same seed gives other numbers"),
    Flat: ("_check_samples", r"sample\(\) of 3 gives torch.float32 \[3, 32, 32\] at 32 px"),
    Bright: ("_check_samples", "samples reach "),
    Sociable: ("_check_samples", "another image alone than in a batch"),
    Secretive: ("_check_round_trip", "same saved weights gives other samples"),
    Tied: ("_check_round_trip", "cannot be saved and loaded"),
    Ageing: ("_check_resume", "5 steps are not 3 steps, a checkpoint and 2 more"),
}


@pytest.mark.parametrize("cls", BROKEN, ids=lambda cls: cls.__name__.lower())
def test_each_broken_model_is_caught_by_its_check_with_a_remedy(cls):
    check, message = BROKEN[cls]
    with pytest.raises(AssertionError, match=message) as caught:
        check_model(cls)
    assert check in [entry.name for entry in caught.traceback]
    name, _, rest = str(caught.value).partition(": ")
    assert name == cls.name
    assert "; " in rest  # what is wrong; how to mend it


def test_every_check_has_a_model_that_breaks_it():
    assert {check for check, _ in BROKEN.values()} == {c.__name__ for c in contract.CHECKS}


class Autoencoder(Model):
    """A model with one phase that makes no images from noise (Nobody, 2020)."""

    name = "autoencoder"

    def __init__(self, params, spec):
        super().__init__(params, spec)
        self.network = torch.nn.Conv2d(3, 3, 3, padding=1)

    def phases(self):
        return [Phase("all", [self.network], self.loss, lambda p: torch.optim.Adam(p, lr=0.01))]

    def loss(self, batch):
        return {"mse": (self.network(batch.images) - batch.images).square().mean()}


def test_a_model_of_another_kind_keeps_the_contract_too():
    assert not isinstance(tiny_model(Autoencoder), Generates)
    check_model(Autoencoder)
