"""Every model keeps the contract, and each check of the contract can fail."""

from __future__ import annotations

import math

import pytest
import torch
from pydantic import ConfigDict, Field, create_model

from animekit import plugins
from animekit.data.batch import Batch
from animekit.data.spec import ImageSpec
from animekit.errors import ConfigError
from animekit.models.abilities import Generates
from animekit.models.base import Model, Phase
from animekit.testing import contract
from animekit.testing.check import TinyFaces, check_model, tiny_dataset, tiny_model, tiny_stepper
from animekit_plugins.models.gan import GAN, GANParams

MODELS = plugins.load().all("model")


def with_defaults(cls, **values):
    """The same model with other defaults, as a user of --set sees it."""
    fields = {
        key: (field.annotation, Field(values[key], description=field.description))
        for key, field in cls.Params.model_fields.items()
        if key in values
    }
    assert fields.keys() == values.keys()
    params = create_model("Params", __base__=cls.Params, **fields)
    return type(cls.__name__, (cls,), {"Params": params, "__doc__": cls.__doc__})


@pytest.mark.parametrize("name", MODELS)
def test_every_model_keeps_the_contract(name):
    check_model(MODELS[name])


VARIANTS = {
    "course": {"architecture": "course"},
    "seed000": {"architecture": "seed000"},
    "resnet": {"architecture": "resnet"},
    "spectral norm": {"spectral_norm": True, "architecture": "resnet"},
    "batch statistics and soft labels": {"minibatch_std": True, "real_label": (0.7, 1.2)},
    "dropout, noise and uniform z": {"g_dropout": 0.5, "d_noise": 0.1, "z": "uniform"},
    "lone pixels": {"r1_weight": 1.0, "dragan_weight": 1.0, "z": "sphere"},
    "decay and sgd": {"lr_decay": "linear", "optimizer": "sgd", "d_lr": 0.01, "lr": 0.02},
    "max pool and layer norm": {"d_pool": "max", "d_norm": "layer", "g_norm": "instance"},
    "saturating": {"g_loss": "saturating", "g_activation": "selu", "d_activation": "lrelu:0.1"},
    "flipped": {"g_loss": "flipped", "optimizer": "rmsprop", "n_critic": 3},
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_parameters_that_all_objectives_share_keep_the_contract(variant):
    check_model(with_defaults(GAN, **VARIANTS[variant]), sizes=(32,))


@pytest.mark.parametrize("architecture", ["course", "seed000", "resnet"])
def test_the_gradient_penalty_keeps_the_contract_on_each_architecture(architecture):
    check_model(with_defaults(MODELS["wgangp"], architecture=architecture), sizes=(32,))


CONDITIONAL = {
    "pooled extractor, three rules": (
        "acgan",
        {"architecture": "seed000-text", "classifier": "own", "objective": "difference"}
        | {"d_optimizer": "rmsprop", "d_lr": 1e-3},
    ),
    "heads behind 64 numbers": ("acgan", {"architecture": "seed002", "classifier": "own"}),
    "dropout in D": ("acgan", {"architecture": "odena", "d_noise": 0.1, "soft_labels": 0.1}),
    "residual, dragan": (
        "acgan",
        {"architecture": "srresnet", "dragan_weight": 0.5, "g_blocks": 1, "d_blocks": 1}
        | {"lr_decay": "exponential", "d_betas": (0.0, 0.9)},
    ),
    "pre-activation, replay": (
        "acgan",
        {"architecture": "srresnet-pre", "objective": "wasserstein", "replay": 6}
        | {"g_blocks": 1, "d_blocks": 0, "sample_std": 0.7},
    ),
    "no class term on fake": ("acgan", {"cls_fake_weight": 0.0, "replay": 2, "replay_share": 0.9}),
    "mean of wrong pairs": ("cwgangp", {"mismatch": "mean", "r1_weight": 1.0}),
    "fakes alone": ("cwgangp", {"mismatch": "none", "dragan_weight": 0.5}),
    "one attribute changed": ("cwgangp", {"wrong": "one", "soft_labels": 0.1}),
    "cross-entropy of pairs": ("cwgangp", {"objective": "gan", "gp_weight": 0.25}),
}


@pytest.mark.parametrize("variant", CONDITIONAL)
def test_the_options_of_conditional_models_keep_the_contract(variant):
    name, values = CONDITIONAL[variant]
    check_model(with_defaults(MODELS[name], **values), sizes=(32,))


def lines_of(name):
    import ast
    import inspect
    import sys

    source = inspect.getsource(sys.modules[MODELS[name].__module__])
    lines = {number for number, line in enumerate(source.splitlines(), 1) if line.strip()}
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef)
    docstrings = [n.body[0] for n in ast.walk(ast.parse(source)) if isinstance(n, documented)]
    texts = [n for n in docstrings if isinstance(n, ast.Expr) and isinstance(n.value, ast.Constant)]
    inside = {number for n in texts for number in range(n.lineno, (n.end_lineno or 0) + 1)}
    return len(lines), len(lines - inside)


@pytest.mark.parametrize("name", ["gan", "lsgan", "wgan", "wgangp"])
def test_every_objective_without_labels_is_a_plugin_of_at_most_50_lines(name):
    assert lines_of(name)[0] <= 50


@pytest.mark.parametrize("name", ["acgan", "cwgangp"])
def test_every_objective_with_labels_is_a_plugin_of_at_most_100_lines_of_code(name):
    assert lines_of(name)[1] <= 100


def test_the_tiny_faces_are_the_same_everywhere_and_their_labels_are_exact():
    faces = tiny_dataset(40)
    assert len(faces) == 40
    assert (faces[3][0] == TinyFaces("9")[3][0]).all()
    assert not (faces[3][0] == faces[4][0]).all()
    spec = faces.spec(64)
    for index in range(40):
        image, labels = faces[index]
        names = [spec.labels[i] for i in labels.nonzero()[0]]
        assert len(names) == 2
        assert names[0].endswith("hair") and names[1].endswith("eyes")
        top, eyes = image[:20].reshape(-1, 3).astype(int), image[20:50].reshape(-1, 3).astype(int)
        for name, wanted in zip(names, ((60, 90, 210), (200, 30, 40)), strict=True):
            seen = (abs((top if "hair" in name else eyes) - wanted).sum(1) == 0).any()
            assert seen == (name in ("blue hair", "red eyes"))


def test_a_pack_of_tiny_faces_needs_no_disk():
    pack = tiny_dataset(5).pack(32)
    assert pack.images.shape == (5, 32, 32, 3)
    assert pack.images.dtype == "uint8"
    assert pack.labels.shape == pack.mask.shape == (5, 5)
    assert pack.spec == ImageSpec(32, 3, pack.spec.labels, (3, 2))


def test_a_check_leaves_the_random_numbers_of_the_caller_alone():
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    check_model(GAN, sizes=(32,))
    assert torch.equal(torch.rand(3), expected)


def test_gradient_penalties_refuse_a_batch_norm_in_the_discriminator():
    for name, changes in (("wgangp", {}), ("gan", {"r1_weight": 1.0})):
        with pytest.raises(ConfigError, match="without batch normalisation"):
            tiny_model(MODELS[name], d_norm="batch", **changes)
        kinds = {type(module).__name__ for module in tiny_model(MODELS[name], **changes).modules()}
        assert "BatchNorm2d" in kinds  # the generator keeps its own
        norms = tiny_model(MODELS[name], **changes).discriminator.modules()
        assert "BatchNorm2d" not in {type(module).__name__ for module in norms}


class Sum(torch.nn.Module):
    """A critic of one weight: logits are weight x the sum of an image, gradients the weight."""

    def __init__(self, weight):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.tensor(weight))
        self.seen = []

    def forward(self, images):
        self.seen.append(images)
        return self.weight * images.flatten(1).sum(1)


def terms_of(name, weight=1.0, **changes):
    """The terms of both phases where D says 2 x weight of real and -1 x weight of fake."""
    model = tiny_model(MODELS[name], **changes)
    model.discriminator = Sum(weight)
    pixels = 3 * 32 * 32
    real, fake = torch.full((4, 3, 32, 32), 2 / pixels), torch.full((4, 3, 32, 32), -1 / pixels)
    found = {}
    for phase in model.phases():
        batch = Batch(real, z=torch.zeros(4, 100), fake=fake)
        found |= {f"{phase.name}/{key}": v.item() for key, v in phase.loss(batch).items()}
    return found, model


def softplus(x):
    return math.log1p(math.exp(x))


NORM = (3 * 32 * 32) ** 0.5  # of the gradient of Sum(1)
TERMS = [
    ("gan", {}, {"d/real": softplus(-2), "d/fake": softplus(-1), "g/adv": softplus(1)}),
    ("gan", {"g_loss": "saturating"}, {"d/real": softplus(-2), "g/adv": -softplus(-1)}),
    (
        "gan",
        {"g_loss": "flipped"},
        {"d/real": softplus(2), "d/fake": softplus(1), "g/adv": softplus(-1)},
    ),
    (
        "gan",
        {"real_label": (0.9, 0.9), "fake_label": (0.2, 0.2)},
        {"d/real": softplus(2) - 0.9 * 2, "d/fake": softplus(-1) + 0.2, "g/adv": softplus(1)},
    ),
    ("lsgan", {}, {"d/adv": 0.5 * (1 + 1), "g/adv": 0.5 * 4}),
    ("lsgan", {"a": 1.0, "b": 4.0, "c": 2.0}, {"d/adv": 0.5 * (4 + 4), "g/adv": 0.5 * 9}),
    ("wgan", {}, {"d/wasserstein": -3, "g/adv": 1}),
    ("wgangp", {}, {"d/wasserstein": -3, "d/gp": 10 * (NORM - 1) ** 2, "g/adv": 1}),
    ("wgangp", {"gp_weight": 3.0, "one_sided": True}, {"d/gp": 3 * (NORM - 1) ** 2}),
    ("wgangp", {"weight": 0.5 / NORM, "gp_weight": 3.0}, {"d/gp": 3 * 0.25}),
    ("wgangp", {"weight": 0.5 / NORM, "gp_weight": 3.0, "one_sided": True}, {"d/gp": 0}),
    ("gan", {"r1_weight": 7.0}, {"d/r1": 7 * NORM**2 / 2, "d/real": softplus(-2)}),
    ("gan", {"dragan_weight": 7.0}, {"d/dragan": 7 * (NORM - 1) ** 2, "d/fake": softplus(-1)}),
]


@pytest.mark.parametrize(("name", "changes", "expected"), TERMS)
def test_the_terms_of_an_objective_are_those_of_its_formula(name, changes, expected):
    found, _ = terms_of(name, **changes)
    assert {key: found[key] for key in expected} == pytest.approx(expected, rel=1e-4, abs=1e-6)


def test_penalties_that_were_not_asked_for_are_no_terms():
    assert set(terms_of("gan")[0]) == {"d/real", "d/fake", "g/adv"}
    assert set(terms_of("gan", r1_weight=1.0)[0]) == {"d/real", "d/fake", "d/r1", "g/adv"}


def test_noise_on_images_reaches_all_that_the_discriminator_sees():
    _, model = terms_of("gan", d_noise=0.3)
    assert len(model.discriminator.seen) == 3  # real and fake, and fake for the generator
    for images in model.discriminator.seen:
        assert images.std().item() == pytest.approx(0.3, rel=0.05)
    assert {images.std().item() for images in terms_of("gan")[1].discriminator.seen} == {0.0}


def test_spectral_norm_is_on_every_layer_of_the_discriminator_and_on_no_other():
    model = tiny_model(GAN, spectral_norm=True)
    normed = {name for name, module in model.named_modules() if hasattr(module, "parametrizations")}
    kinds = (torch.nn.Conv2d, torch.nn.Linear)
    layers = {
        name for name, module in model.discriminator.named_modules() if isinstance(module, kinds)
    }
    assert normed == {f"discriminator.{name}" for name in layers}
    assert not any("parametrizations" in key for key in tiny_model(GAN).state_dict())


def test_weight_clipping_bounds_the_critic_and_nothing_else():
    stepper = tiny_stepper(MODELS["wgan"], clip=0.003)
    stepper.step()
    weights = torch.cat([p.detach().flatten() for p in stepper.model.discriminator.parameters()])
    assert weights.abs().max() == pytest.approx(0.003)
    assert stepper.model.generator.main[0].weight.abs().max() > 0.03


def test_noise_has_the_distribution_that_was_asked_for():
    model = tiny_model(GAN, z="uniform")
    z = model.noise(400, torch.Generator().manual_seed(0))
    assert z.shape == (400, 100)
    assert -1 <= z.min() < -0.99 and 0.99 < z.max() <= 1
    assert z.std() == pytest.approx(3**-0.5, abs=0.01)
    z = tiny_model(GAN, z="sphere", z_dim=7, z_std=2.0).noise(50)
    assert torch.allclose(z.norm(dim=1), torch.full((50,), 2 * 7**0.5))
    z = tiny_model(GAN, z_std=0.5).noise(400, torch.Generator().manual_seed(0))
    assert z.std() == pytest.approx(0.5, abs=0.01)


def test_the_learning_rate_of_the_discriminator_may_be_its_own():
    rates = {
        phase.name: phase.optimizer(phase.parameters()).param_groups[0]["lr"]
        for phase in tiny_model(GAN, lr=1e-3, d_lr=4e-3).phases()
    }
    assert rates == {"d": 4e-3, "g": 1e-3}


def test_linear_decay_falls_to_zero_over_the_second_half():
    schedule = tiny_model(GAN, lr_decay="linear").phases()[0].schedule
    assert [schedule(x) for x in (0.0, 0.5, 0.75, 1.0)] == [1.0, 1.0, 0.5, 0.0]
    assert tiny_model(GAN).phases()[0].schedule is None


# Models that break one rule each.


class Shouting(GAN):
    """A model with a name that cannot be typed in a shell (Nobody, 2020)."""

    name = "My GAN!"


class Mumbling(GAN):
    """gan"""


class Unsourced(GAN):
    """A model of which nobody knows who made it."""


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
    Shouting: ("_check_name", "is no slug"),
    Mumbling: ("_check_docstring", "not a sentence"),
    Unsourced: ("_check_docstring", "names no source"),
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
