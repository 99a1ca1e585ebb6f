"""Every model keeps the contract, and every objective is that of its formula."""

from __future__ import annotations

import ast
import inspect
import math
import sys

import pytest
import torch
from pydantic import Field, create_model

from animekit import plugins
from animekit.config import Layer, parse_value, resolve
from animekit.data.batch import Batch
from animekit.errors import ConfigError
from animekit.testing.check import check_model, tiny_model, tiny_stepper
from animekit_plugins.models.gan import GAN

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
    check_model(MODELS[name], house_rules=True)


VARIANTS = {
    "course": {"architecture": "course"},
    "seed000": {"architecture": "seed000"},
    "resnet": {"architecture": "resnet"},
    "spectral norm": {"spectral_norm": True, "architecture": "resnet"},
    "batch statistics and soft labels": {"minibatch_std": True, "real_label": (0.7, 1.2)},
    "dropout, noise and uniform z": {"g_dropout": 0.5, "instance_noise": 0.1, "z": "uniform"},
    "lone pixels": {"r1_weight": 1.0, "dragan_weight": 1.0, "z": "sphere"},
    "decay and sgd": {"lr_schedule": "linear", "optimizer": "sgd", "d_lr": 0.01, "lr": 0.02},
    "max pool and layer norm": {"d_pool": "max", "d_norm": "layer", "g_norm": "instance"},
    "saturating": {"g_loss": "saturating", "g_activation": "selu", "d_activation": "lrelu:0.1"},
    "flipped": {"g_loss": "flipped", "optimizer": "rmsprop", "n_critic": 3},
    "modern": {"architecture": "modern", "attention": 16, "g_skip": True, "minibatch_std": True},
    "fastgan": {"architecture": "fastgan", "attention": 8, "r1_weight": 1.0, "g_dropout": 0.1},
    "attention": {"attention": 8, "spectral_norm": True, "d_norm": "none"},
    "augmented, rare penalties": {"augment": ("color", "translation", "cutout")}
    | {"augment_strength": 0.7, "r1_weight": 1.0, "r2_weight": 0.5, "penalty_every": 2},
    "dropout and noise in pictures": {"g_dropout": 0.5, "g_dropout_sampling": True, "g_noise": 0.1},
    "mixed batches and sigmoid": {"d_batches": "mixed", "g_output": "sigmoid", "d_norm": "batch"}
    | {"instance_noise": 0.1, "instance_noise_decay": "linear", "r1_weight": 1.0},
    "shuffles and pools": {
        "architecture": "infogan",
        "g_upsample": "pixelshuffle",
        "d_pool": "avg",
    },
    "rounds": {"n_critic_first": 3, "first_rounds": 1, "first_again": 2},
    "adaptive": {"augment": ("color",), "augment_strength": 0.5, "augment_target": 0.6},
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
        {"architecture": "seed000-text", "classifier": "separate", "objective": "difference"}
        | {"d_optimizer": "rmsprop", "d_lr": 1e-3},
    ),
    "heads behind 64 numbers": ("acgan", {"architecture": "seed002", "classifier": "separate"}),
    "dropout in D": ("acgan", {"architecture": "odena", "instance_noise": 0.1, "soft_labels": 0.1}),
    "residual, dragan": (
        "acgan",
        {"architecture": "srresnet", "dragan_weight": 0.5, "g_blocks": 1, "d_blocks": 1}
        | {"lr_schedule": "exponential", "d_betas": (0.0, 0.9)},
    ),
    "pre-activation, replay": (
        "acgan",
        {"architecture": "srresnet-pre", "objective": "wasserstein", "replay_size": 6}
        | {"g_blocks": 1, "d_blocks": 0, "truncation": 0.7},
    ),
    "no class term on fake": (
        "acgan",
        {"cls_fake_weight": 0.0, "replay_size": 2, "replay_share": 0.9},
    ),
    "mean of wrong pairs": ("cwgangp", {"mismatch": "mean", "r1_weight": 1.0}),
    "fakes alone": ("cwgangp", {"mismatch": "none", "dragan_weight": 0.5}),
    "one attribute changed": ("cwgangp", {"mismatch_labels": "one", "soft_labels": 0.1}),
    "cross-entropy of pairs": ("cwgangp", {"objective": "gan", "gp_weight": 0.25}),
    "projection, one block": (
        "cwgangp",
        {"architecture": "modern", "condition": "projection", "g_blocks": 1, "d_blocks": 1},
    ),
    "labels beside maps": ("crelativistic", {"condition": "concat", "d_norm": "layer"}),
    "modern pairs": ("crelativistic", {"architecture": "modern", "penalty_every": 2}),
    "margin, labels and a penalty": ("chinge", {"gp_weight": 1.0}),
    "clipped, mean of wrong pairs": ("cwgan", {"mismatch": "mean", "clip": 0.05}),
    "clipped, projection": ("cwgan", {"mismatch": "none", "condition": "projection"}),
    "conditional norms": ("chinge", {"g_norm": "conditional", "soft_labels": 0.1}),
    "conditional norms in blocks": ("chinge", {"architecture": "resnet", "g_norm": "conditional"}),
    "conditional norms and gates": ("chinge", {"architecture": "fastgan", "g_norm": "conditional"}),
    "pairs and classes": ("acgan", {"architecture": "modern", "objective": "relativistic"}),
    "margin and classes": ("acgan", {"objective": "hinge", "attention": 8}),
    "augmented pairs": (
        "cwgangp",
        {"augment": ("color", "cutout"), "r1_weight": 1.0, "r2_weight": 1.0, "penalty_every": 2},
    ),
    "augmented, with a classifier and past fakes": (
        "acgan",
        {"augment": ("translation",), "augment_strength": 0.5, "augment_target": 0.6}
        | {"architecture": "seed002", "classifier": "separate", "replay_size": 6}
        | {"r2_weight": 1.0},
    ),
}


@pytest.mark.parametrize("variant", CONDITIONAL)
def test_the_options_of_conditional_models_keep_the_contract(variant):
    name, values = CONDITIONAL[variant]
    check_model(with_defaults(MODELS[name], **values), sizes=(32,))


def lines_of(name):
    source = inspect.getsource(sys.modules[MODELS[name].__module__])
    lines = {number for number, line in enumerate(source.splitlines(), 1) if line.strip()}
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef)
    docstrings = [n.body[0] for n in ast.walk(ast.parse(source)) if isinstance(n, documented)]
    texts = [n for n in docstrings if isinstance(n, ast.Expr) and isinstance(n.value, ast.Constant)]
    told = [n for n in ast.walk(ast.parse(source)) if tells_of_itself(n)]

    def of(nodes):
        return {number for n in nodes for number in range(n.lineno, (n.end_lineno or 0) + 1)}

    return len(lines - of(told)), len(lines - of(told) - of(texts))


TELLING = {"formulas", "rules", "accuracy", "measure"}


def tells_of_itself(node):
    """Say whether a statement is there to explain or to measure the objective, not to be it."""
    if isinstance(node, ast.Assign):
        return [target.id for target in node.targets if isinstance(target, ast.Name)] == ["paper"]
    return isinstance(node, ast.FunctionDef) and node.name in TELLING


@pytest.mark.parametrize("name", ["gan", "lsgan", "wgan", "wgangp", "hinge", "relativistic"])
def test_every_objective_without_labels_is_a_plugin_of_at_most_50_lines(name):
    assert lines_of(name)[0] <= 50


@pytest.mark.parametrize("name", ["acgan", "cwgan", "cwgangp"])
def test_every_objective_with_labels_is_a_plugin_of_at_most_100_lines_of_code(name):
    assert lines_of(name)[1] <= 100


def test_a_batch_norm_beside_a_gradient_penalty_is_taken_off_unless_it_was_asked_for():
    for name, changes in (("wgangp", {}), ("gan", {"r1_weight": 1.0}), ("gan", {"gp_weight": 1.0})):
        asked = tiny_model(MODELS[name], d_norm="batch", **changes)
        assert "d_norm=none" in asked.cautions()[0]
        assert any(isinstance(each, torch.nn.BatchNorm2d) for each in asked.discriminator.modules())
        assert tiny_model(MODELS[name], **changes).cautions() == []
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
    ("gan", {"r2_weight": 7.0}, {"d/r2": 7 * NORM**2 / 2, "d/fake": softplus(-1)}),
    ("gan", {"r1_weight": 2.0, "penalty_every": 4}, {"d/r1": 4 * 2 * NORM**2 / 2}),
    ("hinge", {"weight": 0.75}, {"d/adv": 0 + 0.25, "g/adv": 0.75}),
    ("relativistic", {}, {"d/adv": softplus(-3), "g/adv": softplus(3)}),
    (
        "relativistic",
        {"r1_weight": 0.5, "r2_weight": 0.25},
        {"d/r1": NORM**2 / 4, "d/r2": NORM**2 / 8},
    ),
    ("gan", {"dragan_weight": 7.0}, {"d/dragan": 7 * (NORM - 1) ** 2, "d/fake": softplus(-1)}),
    ("gan", {"gp_weight": 7.0}, {"d/gp": 7 * (NORM - 1) ** 2, "d/real": softplus(-2)}),
    ("lsgan", {"gp_weight": 2.0, "weight": 0.5 / NORM}, {"d/gp": 2 * 0.25}),
    ("hinge", {"gp_weight": 2.0, "penalty_every": 4}, {"d/gp": 4 * 2 * (NORM - 1) ** 2}),
]


@pytest.mark.parametrize(("name", "changes", "expected"), TERMS)
def test_the_terms_of_an_objective_are_those_of_its_formula(name, changes, expected):
    found, _ = terms_of(name, **changes)
    assert {key: found[key] for key in expected} == pytest.approx(expected, rel=1e-4, abs=1e-6)


def test_penalties_that_were_not_asked_for_are_no_terms():
    assert set(terms_of("gan")[0]) == {"d/real", "d/fake", "g/adv"}
    assert set(terms_of("gan", r1_weight=1.0)[0]) == {"d/real", "d/fake", "d/r1", "g/adv"}


def test_rare_penalties_come_in_the_steps_that_their_interval_divides():
    stepper = tiny_stepper(GAN, r1_weight=1.0, r2_weight=1.0, penalty_every=3)
    seen = []
    for _ in range(6):
        stepper.step()
        seen.append({"d/r1", "d/r2"} <= set(stepper.stats.means()))
    assert seen == [False, False, True, False, False, True]


def test_rare_penalties_count_the_updates_of_a_stage_that_moves_seldom():
    stepper = tiny_stepper(MODELS["twostage"], r1_weight=1.0, penalty_every=3, c_every=2)
    seen = []
    for step in range(1, 13):
        stepper.step()
        means = stepper.stats.means()
        seen += [(name, step) for name in ("d/r1", "cd/r1") if name in means]
    assert [step for name, step in seen if name == "d/r1"] == [3, 6, 9, 12]
    assert [step for name, step in seen if name == "cd/r1"] == [6, 12]


def test_noise_on_images_reaches_all_that_the_discriminator_sees():
    _, model = terms_of("gan", instance_noise=0.3)
    assert len(model.discriminator.seen) == 3  # real and fake, and fake for the generator
    for images in model.discriminator.seen:
        assert images.std().item() == pytest.approx(0.3, rel=0.05)
    assert {images.std().item() for images in terms_of("gan")[1].discriminator.seen} == {0.0}


def test_all_that_the_discriminator_sees_is_augmented_by_one_function():
    marked = []

    class Marked(torch.nn.Module):
        adapts = False

        def forward(self, images):
            marked.append(images)
            return images + 5

    model = tiny_model(MODELS["relativistic"], r1_weight=1.0, r2_weight=1.0)
    model.discriminator, model.augmentation = Sum(1.0), Marked()
    batch = Batch(torch.zeros(4, 3, 32, 32), z=torch.zeros(4, 100))
    batch.fake = torch.ones(4, 3, 32, 32)
    for phase in model.phases():
        phase.loss(batch)
    assert [images.mean().item() for images in marked] == [0, 1, 0, 1]  # both, in both phases
    seen = [images.mean().item() for images in model.discriminator.seen]
    assert sorted(seen) == [5, 5, 5, 6, 6, 6]  # the penalties of R1 and R2 among them


def test_augment_takes_what_people_type_and_keeps_one_order():
    def kinds(value):
        return resolve(GAN.Params, [Layer("--set", {"augment": value})]).params.augment

    for typed in ("cutout,color", ("cutout", "color"), ["color", "cutout"], "color, cutout,color"):
        assert kinds(typed) == ("color", "cutout")
    assert kinds("color") == kinds(parse_value("color")) == ("color",)
    assert kinds("none") == kinds(None) == kinds("") == kinds(()) == ()
    for wrong, near in (("colour", 'Did you mean "color"'), ("color,blur", "cutout"), (3, "tuple")):
        with pytest.raises(ConfigError, match=near):
            kinds(wrong)
    with pytest.raises(ConfigError, match="no augmentation to adapt"):
        tiny_model(GAN, augment_target=0.6)


@pytest.mark.parametrize(
    ("objective", "d", "g"),
    [("hinge", 0.0, 1.0), ("relativistic", softplus(-3), softplus(3))],
)
def test_a_classifier_goes_with_a_margin_and_with_pairs(objective, d, g):
    model = tiny_model(MODELS["acgan"], objective=objective)
    model.discriminator = Sum(1.0)
    model.discriminator.judge = lambda images: (model.discriminator(images), torch.zeros(4, 5))
    pixels, labels = 3 * 32 * 32, torch.tensor([[1.0, 0, 0, 1, 0]] * 4)
    real, fake = (Batch(torch.full((4, 3, 32, 32), x / pixels), labels) for x in (2, -1))
    assert model.d_loss(real, fake)[objective].item() == pytest.approx(d, rel=1e-4, abs=1e-6)
    assert model.g_loss(real, fake)["adv"].item() == pytest.approx(g, rel=1e-4)


def test_what_an_architecture_cannot_do_is_refused():
    for changes, says in (
        ({"architecture": "course", "attention": 8}, "course has no attention"),
        ({"g_skip": True}, "dcgan has no g_skip"),
        ({"attention": 7}, "no maps of 32 px images have the side"),
        ({"attention": 32}, "use 8, 16, or 0"),
        ({"g_norm": "conditional"}, "gan has none"),
    ):
        with pytest.raises(ConfigError) as error:
            tiny_model(GAN, **changes)
        assert says in f"{error.value.message} {error.value.hint}"
    with pytest.raises(ConfigError, match="norms cannot follow labels"):
        tiny_model(MODELS["acgan"], architecture="modern", g_norm="conditional")


def test_generators_without_a_squashing_end_learn_unclamped_and_draw_clamped():
    model = tiny_model(GAN, architecture="modern")
    torch.nn.init.constant_(model.generator.main[-1].bias, 3.0)
    batch = Batch(torch.zeros(2, 3, 32, 32), z=model.noise(2))
    model.prepare(batch, ["d", "g"])
    assert batch.fake.max() > 1  # else G would learn nothing from there
    assert model.sample(batch.z).max() == 1


def test_the_generator_learns_through_the_augmentation():
    model = tiny_model(GAN, augment=("color", "translation", "cutout"))
    batch = Batch(torch.zeros(4, 3, 32, 32), z=model.noise(4))
    model.prepare(batch, ["d", "g"])
    sum(model.phases()[1].loss(batch).values()).backward()
    gradients = [parameter.grad for parameter in model.generator.parameters()]
    assert all(gradient is not None and gradient.abs().max() > 0 for gradient in gradients)


def test_a_classifier_with_an_update_of_its_own_sees_augmented_images():
    model = tiny_model(MODELS["acgan"], architecture="seed002", classifier="separate")
    plain = Batch(torch.full((4, 3, 32, 32), -1.0), torch.eye(5)[:4], z=model.noise(4))
    model.augmentation = torch.nn.ReLU()  # black becomes grey
    before, model.augmentation = model.c_loss(plain)["real_cls"], torch.nn.Identity()
    assert model.c_loss(plain)["real_cls"] != before


def test_colours_are_compared_with_real_ones_that_nobody_augmented():
    def l1_of(**changes):
        torch.manual_seed(0)
        stepper = tiny_stepper(MODELS["twostage"], c_every=1, n_critic=1, **changes)
        stepper.step()
        return stepper.stats.means()["cg/l1"]

    assert l1_of(augment=("color",), d_lr=1e-9) == pytest.approx(l1_of(d_lr=1e-9), rel=1e-3)


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
    schedule = tiny_model(GAN, lr_schedule="linear").phases()[0].schedule
    assert [schedule(x) for x in (0.0, 0.5, 0.75, 1.0)] == [1.0, 1.0, 0.5, 0.0]
    assert tiny_model(GAN).phases()[0].schedule is None


def test_the_generator_moves_more_often_and_penalties_follow_the_discriminator():
    stepper = tiny_stepper(GAN, n_critic=1, n_gen=2, r1_weight=1.0, penalty_every=2)
    for _ in range(8):
        stepper.step()
    counts = stepper.stats.counts
    assert (counts["g/adv"], counts["d/real"], counts["d/r1"]) == (8, 4, 2)


def test_a_schedule_of_critic_updates_begins_with_more_of_them():
    model = tiny_model(GAN, n_critic=2, n_critic_first=5, first_rounds=2)
    generator = model.phases()[1]
    assert [step for step in range(1, 17) if generator.due(step)] == [5, 10, 12, 14, 16]
    assert generator.updates(16) == 5
    assert generator.rhythm == "every 2 steps, every 5 in the first 2 rounds"


@pytest.mark.parametrize(
    ("values", "word"),
    [
        ({"n_gen": 2, "n_critic": 2}, "n_gen=2"),
        ({"n_gen": 2, "n_critic_first": 9, "n_critic": 1}, "n_gen=2"),
        ({"first_again": 500}, "n_critic_first"),
    ],
)
def test_rhythms_that_contradict_each_other_are_refused(values, word):
    with pytest.raises(ConfigError, match=word):
        tiny_model(GAN, **values)
