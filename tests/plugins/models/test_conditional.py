"""Conditional models: tables of the seeds, objectives by hand, wrong labels, replay, presets."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.optim import Adam, RMSprop

from animekit import config, plugins
from animekit.data.batch import Batch
from animekit.data.spec import ImageSpec
from animekit.errors import ConfigError
from animekit.models import conditional
from animekit.nn.layers import Skip
from animekit.nn.memory import Replay
from animekit.testing.check import tiny_dataset, tiny_model, tiny_stepper
from animekit.training import presets, recipe
from tests.nn.test_architectures import LABELS, count, of_preset, shapes, trace

MODELS = plugins.load().all("model")
ACGAN, CWGANGP = MODELS["acgan"], MODELS["cwgangp"]
L = 23  # labels of the tables below: 12 colours of hair, 10 of eyes, and one attribute


def softplus(x):
    return math.log1p(math.exp(x))


def convolution(last, width, kernel, *, norm=False, bias=True):
    return last * width * kernel**2 + (width if bias else 0) + (2 * width if norm else 0)


def dense(last, width):
    return last * width + width


# Layer tables


def test_seed_000_draws_text_in_four_transposed_convolutions():
    _, model = of_preset("seed000", "acgan")
    assert shapes(model.generator, 100 + L, skip=("Flatten",)) == [
        "Conv2d 2048x1x1",
        "SELU 2048x1x1",
        "Unflatten 512x2x2",
        "ConvTranspose2d 256x4x4",
        "SELU 256x4x4",
        "BatchNorm2d 256x4x4",
        "ConvTranspose2d 128x8x8",
        "SELU 128x8x8",
        "ConvTranspose2d 64x32x32",
        "SELU 64x32x32",
        "BatchNorm2d 64x32x32",
        "ConvTranspose2d 32x64x64",
        "SELU 32x64x64",
        "Conv2d 3x64x64",
        "Tanh 3x64x64",
    ]
    steps = [(m.kernel_size[0], m.stride[0]) for m in model.generator.main if hasattr(m, "stride")]
    assert steps == [(1, 1), (4, 2), (4, 2), (9, 4), (5, 2), (1, 1)]
    assert count(model.generator) == (
        dense(123, 2048)
        + convolution(512, 256, 4, norm=True)
        + convolution(256, 128, 4)
        + convolution(128, 64, 9, norm=True)
        + convolution(64, 32, 5)
        + dense(32, 3)
    )


def test_seed_000_has_one_extractor_and_a_head_for_each_attribute():
    _, model = of_preset("seed000", "acgan")
    network = model.discriminator
    assert shapes(network, 3, 64, 64, skip=("Same",)) == [
        "Conv2d 256x32x32",
        "LeakyReLU 256x32x32",
        "Conv2d 192x32x32",
        "LeakyReLU 192x32x32",
        "AvgPool2d 192x16x16",
        "Conv2d 128x16x16",
        "LeakyReLU 128x16x16",
        "Conv2d 64x8x8",
        "LeakyReLU 64x8x8",
        "Flatten 4096",
        "Linear 256",
        "LeakyReLU 256",
    ]
    kernels = [m.kernel_size[0] for m in network.main if isinstance(m, nn.Conv2d)]
    assert kernels == [5, 3, 3, 3]

    def widths(head):
        return [m.out_features for m in head if isinstance(m, nn.Linear)]

    assert widths(network.critic) == [128, 64, 1]
    assert [widths(head) for head in network.heads] == [[128, 12], [128, 10], [128, 1]]
    body = convolution(3, 256, 5) + convolution(256, 192, 3) + convolution(192, 128, 3)
    body += convolution(128, 64, 3) + dense(4096, 256)
    heads = 4 * dense(256, 128) + dense(128, 64) + dense(64, 1)
    assert count(network) == body + heads + dense(128, 12) + dense(128, 10) + dense(128, 1)


def test_seed_001_tiles_the_condition_over_4x4_maps():
    _, model = of_preset("seed001", "cwgangp")
    assert shapes(model.generator, 100 + L) == [
        *("ConvTranspose2d 512x4x4", "BatchNorm2d 512x4x4", "ReLU 512x4x4"),
        *("ConvTranspose2d 256x8x8", "BatchNorm2d 256x8x8", "ReLU 256x8x8"),
        *("ConvTranspose2d 128x16x16", "BatchNorm2d 128x16x16", "ReLU 128x16x16"),
        *("ConvTranspose2d 64x32x32", "BatchNorm2d 64x32x32", "ReLU 64x32x32"),
        *("ConvTranspose2d 3x64x64", "Tanh 3x64x64"),
    ]
    critic = model.discriminator
    critic.main = critic.trunk
    assert shapes(replace_forward(critic), 3, 64, 64) == [
        *("Conv2d 32x32x32", "LeakyReLU 32x32x32", "Conv2d 64x16x16", "LeakyReLU 64x16x16"),
        *("Conv2d 128x8x8", "LeakyReLU 128x8x8", "Conv2d 256x4x4", "LeakyReLU 256x4x4"),
    ]
    head = [(type(m).__name__, *getattr(m, "weight", torch.empty(0)).shape) for m in critic.head]
    assert head == [
        ("Conv2d", 128, 256 + L, 1, 1),
        ("LeakyReLU", 0),
        ("Conv2d", 1, 128, 4, 4),
    ]
    trunk = sum(convolution(a, b, 4) for a, b in ((3, 32), (32, 64), (64, 128), (128, 256)))
    assert count(critic) == trunk + dense(256 + L, 128) + convolution(128, 1, 4)


def replace_forward(critic):
    """The trunk alone, as `trace` wants to call it."""
    network = nn.Module()
    network.main = critic.trunk
    network.forward = critic.trunk.forward
    return network


def test_seed_002_ends_in_64_numbers_and_two_heads():
    _, model = of_preset("seed002", "acgan")
    assert shapes(model.discriminator, 3, 64, 64) == [
        *("Conv2d 128x32x32", "LeakyReLU 128x32x32"),
        *("Conv2d 256x16x16", "BatchNorm2d 256x16x16", "LeakyReLU 256x16x16"),
        *("Conv2d 512x8x8", "BatchNorm2d 512x8x8", "LeakyReLU 512x8x8"),
        *("Conv2d 1024x4x4", "BatchNorm2d 1024x4x4", "LeakyReLU 1024x4x4"),
        *("Conv2d 64x1x1", "Flatten 64"),
    ]
    assert model.discriminator.critic.weight.shape == (1, 64)
    assert [head.weight.shape for head in model.discriminator.heads] == [(L, 64)]
    kinds = [kind for kind, _ in trace(model.generator, 100 + L)]
    assert kinds == [*["ConvTranspose2d", "BatchNorm2d", "ReLU"] * 4, "ConvTranspose2d", "Tanh"]
    body = convolution(3, 128, 4, bias=False) + convolution(1024, 64, 4)
    for width in (128, 256, 512):
        body += convolution(width, 2 * width, 4, norm=True, bias=False)
    assert count(model.discriminator) == body + dense(64, 1) + dense(64, L)


def test_seed_002_works_with_a_single_yes_or_no():
    smiling = ImageSpec(64, 3, ("Smiling",), (1,))
    made, model = of_preset("seed002", "acgan", labels=smiling)
    assert model.generator.main[0].in_channels == made.params.z_dim + 1 == 101
    assert [head.weight.shape for head in model.discriminator.heads] == [(1, 64)]
    assert [phase.every for phase in model.phases()] == [1, 2]


@pytest.mark.parametrize("size", [64, 128])
def test_the_generator_of_makegirlsmoe_is_16_blocks_and_three_shuffles(size):
    made, model = of_preset("makegirlsmoe", "acgan", size)
    side = size // 8
    assert made.params.z_dim == 128
    assert shapes(model.generator, 128 + L) == [
        f"Linear {64 * side * side}",
        *(f"{kind} 64x{side}x{side}" for kind in ("Unflatten", "BatchNorm2d", "ReLU", "Skip")),
        *(
            f"{kind} {width}x{at}x{at}"
            for factor in (2, 4, 8)
            for kind, width, at in (
                ("Conv2d", 256, side * factor // 2),
                *((kind, 64, side * factor) for kind in ("PixelShuffle", "BatchNorm2d", "ReLU")),
            )
        ),
        *(f"{kind} 3x{size}x{size}" for kind in ("Conv2d", "Tanh")),
    ]
    trunk = list(model.generator.main[4].main)
    assert [type(layer) for layer in trunk] == [*[Skip] * 16, nn.BatchNorm2d, nn.ReLU]
    kinds = [type(layer).__name__ for layer in trunk[0].main]
    assert kinds == ["Conv2d", "BatchNorm2d", "ReLU", "Conv2d", "BatchNorm2d"]
    assert model.generator.main[-2].kernel_size == (9, 9)
    block = 2 * convolution(64, 64, 3, norm=True, bias=False)
    shuffles = 3 * (convolution(64, 256, 3) + 2 * 64)
    ends = dense(128 + L, 64 * side * side) + 2 * 64 + 2 * 64 + convolution(64, 3, 9)
    assert count(model.generator) == 16 * block + shuffles + ends


@pytest.mark.parametrize(("size", "end"), [(64, 1), (128, 2)])
def test_the_discriminator_of_makegirlsmoe_halves_six_times_without_norms(size, end):
    _, model = of_preset("makegirlsmoe", "acgan", size)
    network = model.discriminator
    seen = [x for x in shapes(network, 3, size, size) if not x.startswith("LeakyReLU")]
    expected = []
    for index, blocks in enumerate((2, 4, 4, 4, 4, 0)):
        side = size // 2 ** (index + 1)
        places = f"{32 * 2**index}x{side}x{side}"
        expected += [f"Conv2d {places}", *[f"Skip {places}"] * blocks]
    assert seen == [*expected, f"Flatten {1024 * end * end}"]
    kernels = [m.kernel_size[0] for m in network.main if isinstance(m, nn.Conv2d)]
    assert kernels == [4, 4, 4, 3, 3, 3]
    assert not any(isinstance(m, nn.BatchNorm2d) for m in network.modules())
    assert {m.negative_slope for m in network.modules() if isinstance(m, nn.LeakyReLU)} == {0.2}
    halvings = convolution(3, 32, 4) + convolution(32, 64, 4) + convolution(64, 128, 4)
    halvings += sum(convolution(a, 2 * a, 3) for a in (128, 256, 512))
    blocks = sum(
        2 * n * convolution(a, a, 3) for n, a in ((2, 32), (4, 64), (4, 128), (4, 256), (4, 512))
    )
    heads = dense(1024 * end * end, 1) + dense(1024 * end * end, L)
    assert count(network) == halvings + blocks + heads


def test_seed_003_has_the_blocks_of_he_and_others():
    _, model = of_preset("seed003", "acgan")
    _, other = of_preset("makegirlsmoe", "acgan")
    block = model.generator.main[4].main[0]
    kinds = [type(layer).__name__ for layer in block.main]
    assert kinds == ["BatchNorm2d", "ReLU", "Conv2d"] * 2
    block = next(m for m in model.discriminator.main if isinstance(m, Skip))
    kinds = [type(layer).__name__ for layer in block.main]
    assert kinds == ["LeakyReLU", "Conv2d"] * 2
    for size in (64, 128):  # nothing else differs in shape
        _, model = of_preset("seed003", "acgan", size)
        _, other = of_preset("makegirlsmoe", "acgan", size)
        mine, theirs = (
            [shapes(network, *at) for network, at in ((m.generator, (128 + L,)),)]
            for m in (model, other)
        )
        assert mine == theirs
        assert count(model.discriminator) == count(other.discriminator)


def test_the_paper_of_acgan_at_its_size():
    _, model = of_preset("paper", "acgan", 128)
    seen = [x for x in shapes(model.generator, 100 + L) if "Linear" in x or "Transpose" in x]
    assert seen == [
        "Linear 12288",
        "ConvTranspose2d 384x8x8",
        "ConvTranspose2d 256x16x16",
        "ConvTranspose2d 192x32x32",
        "ConvTranspose2d 64x64x64",
        "ConvTranspose2d 3x128x128",
    ]
    seen = shapes(model.discriminator, 3, 128, 128, skip=("LeakyReLU", "Dropout"))
    sides = (64, 64, 32, 32, 16, 16)
    expected = ["Conv2d 16x64x64"]
    for index, side in enumerate(sides[1:], 1):
        places = f"{16 * 2**index}x{side}x{side}"
        expected += [f"Conv2d {places}", f"BatchNorm2d {places}"]
    assert seen == [*expected, "Flatten 131072"]


PRINTED = {
    ("acgan", "seed000"): {
        "objective": "difference",
        "classifier": "separate",
        "optimizer": "adam",
        "lr": 1e-4,
        "d_optimizer": "rmsprop",
        "d_lr": 1e-4,
    },
    ("acgan", "seed002"): {"objective": "gan", "z_dim": 100, "n_critic": 2, "cls_fake_weight": 1},
    ("acgan", "seed003"): {"objective": "wasserstein", "architecture": "srresnet-pre"},
    ("acgan", "makegirlsmoe"): {
        "adv_weight": 34,
        "dragan_weight": 0.5,
        "lr": 2e-4,
        "betas": (0.5, 0.999),
        "batch_size": 64,
        "steps": 100_000,
        "lr_schedule": "exponential",
        "cls_fake_weight": 34,
    },
    ("acgan", "paper"): {"lr": 2e-4, "betas": (0.5, 0.999), "batch_size": 100, "init": "auto"},
    ("cwgangp", "seed001"): {
        "mismatch": "max",
        "optimizer": "rmsprop",
        "lr": 2e-4,
        "n_critic": 5,
        "gp_weight": 10,
    },
    ("cwgan", "seed001"): {"mismatch": "max", "optimizer": "rmsprop", "lr": 2e-4, "clip": 0.01},
}


@pytest.mark.parametrize(("model", "name"), PRINTED)
def test_presets_hold_what_their_sources_print(model, name):
    made, _ = of_preset(name, model)
    found = {**made.params.model_dump(), **made.options.model_dump()}
    assert {key: found[key] for key in PRINTED[model, name]} == PRINTED[model, name]


NARROW = {"g_channels": 4, "d_channels": 4, "g_blocks": 1, "d_blocks": 1, "replay_size": 8}
OWN = [
    (name, preset)
    for name in ("acgan", "cwgangp")
    for preset in sorted(presets.presets_of(MODELS[name]))
]


def steps_of(model, preset, **changes):
    """Two updates of the generator on drawn faces; every term that was seen."""
    made = recipe.make_recipe(model, plugins.load(), preset=preset)
    given = {**made.params.model_dump(), **changes}
    stepper = tiny_stepper(MODELS[model], 64, **given)
    for _ in range(2 * given["n_critic"]):
        stepper.step()
    assert stepper.healthy() and stepper.updates == 2
    return stepper.stats.means()


@pytest.mark.parametrize(("model", "preset"), OWN)
def test_every_preset_runs_on_64_pixels(model, preset):
    wanted = {
        key: value for key, value in NARROW.items() if key in MODELS[model].Params.model_fields
    }
    assert all(map(math.isfinite, steps_of(model, preset, **wanted, n_critic=2).values()))


@pytest.mark.slow
@pytest.mark.parametrize(("model", "preset"), OWN)
def test_every_preset_runs_at_its_width(model, preset):
    assert all(map(math.isfinite, steps_of(model, preset).values()))


# What every conditional model does


def test_unknown_attributes_of_a_target_are_drawn_and_known_ones_kept():
    model = tiny_model(ACGAN)
    labels = torch.tensor([[1.0, 1, 0, 0, 1], [0, 0, 0, 0, 1], [0, 0, 0, 0, 0]]).repeat(200, 1)
    mask = torch.tensor([[1.0, 1, 1, 1, 1], [0, 0, 0, 1, 1], [0, 0, 0, 0, 0]]).repeat(200, 1)
    torch.manual_seed(0)
    found = model.targets(Batch(torch.empty(0), labels, mask=mask))
    assert torch.equal(found[mask > 0], labels[mask > 0])  # two colours of hair at once stay two
    drawn = found[1::3, :3]
    assert torch.equal(drawn.sum(1), torch.ones(200))
    assert drawn.mean(0).min() > 0.2  # every value comes up
    assert torch.equal(found[2::3, 3:].sum(1), torch.ones(200))
    assert model.targets(Batch(torch.empty(0), labels)) is labels


def test_an_unknown_yes_or_no_is_drawn_too():
    model = tiny_model(ACGAN)
    model.spec = replace(model.spec, labels=("a", "b"), groups=(1, 1))
    labels, mask = torch.ones(300, 2), torch.tensor([[1.0, 0.0]]).repeat(300, 1)
    found = model.targets(Batch(torch.empty(0), labels, mask=mask))
    assert (found[:, 0] == 1).all()
    assert set(found[:, 1].tolist()) == {0.0, 1.0}


def test_the_generator_sees_z_and_softened_labels_side_by_side():
    model = tiny_model(ACGAN, soft_labels=0.2, z_dim=3)
    model.generator = nn.Identity()
    labels = torch.tensor([[1.0, 1, 0, 0, 1]])
    seen = model.sample(torch.tensor([[7.0, 8, 9]]), labels)
    assert seen.tolist()[0] == pytest.approx([7, 8, 9, 0.9, 0.9, 0.1, 0.1, 0.9])
    assert torch.equal(tiny_model(ACGAN).soften(labels), labels)
    with pytest.raises(ConfigError, match="draws nothing without labels"):
        model.sample(torch.zeros(1, 3))


def test_labels_of_a_batch_are_there():
    labels = torch.ones(2, 3)
    assert conditional.labels_of(Batch(torch.empty(0), labels)) is labels


# ACGAN


class Fixed(nn.Module):
    """A discriminator that says what it was told, for real (positive) and fake images."""

    def __init__(self):
        super().__init__()
        self.on = {True: (2.0, [3.0, 0, 0, 1, 0]), False: (-1.0, [0.0, 1, 0, 0, 2])}

    def judge(self, images):
        logit, classes = self.on[bool(images.mean() > 0)]
        n = len(images)
        return torch.full((n,), logit), torch.tensor([classes]).repeat(n, 1)

    def forward(self, images):
        return images.flatten(1).sum(1)


def xent(logits, value):
    return math.log(sum(math.exp(x) for x in logits)) - logits[value]


REAL_READ = (xent([3, 0, 0], 0) + xent([1, 0], 1)) / 2
FAKE_READ = (xent([0, 1, 0], 0) + xent([0, 2], 1)) / 2
NORM = (3 * 32 * 32) ** 0.5
SIGMOID = {x: 1 / (1 + math.exp(-x)) for x in (2, -1)}
TERMS = [
    (
        {},
        {
            "d/real_cls": REAL_READ,
            "d/fake_cls": FAKE_READ,
            "d/real": softplus(-2),
            "d/fake": softplus(-1),
            "g/adv": softplus(1),
            "g/cls": FAKE_READ,
        },
    ),
    (
        {"adv_weight": 34.0, "cls_weight": 2.0, "cls_fake_weight": 3.0, "g_cls_weight": 5.0},
        {
            "d/real_cls": 2 * REAL_READ,
            "d/fake_cls": 3 * FAKE_READ,
            "d/real": 34 * softplus(-2),
            "d/fake": 34 * softplus(-1),
            "g/adv": 34 * softplus(1),
            "g/cls": 5 * FAKE_READ,
        },
    ),
    (
        {"objective": "wasserstein", "adv_weight": 3.0, "gp_weight": 2.0, "cls_fake_weight": 0.0},
        {
            "d/real_cls": REAL_READ,
            "d/wasserstein": 3 * -3,
            "d/gp": 2 * (NORM - 1) ** 2,
            "g/adv": 3 * 1,
            "g/cls": FAKE_READ,
        },
    ),
    (
        {"objective": "difference", "adv_weight": 2.0},
        {
            "d/real_cls": REAL_READ,
            "d/fake_cls": FAKE_READ,
            "d/difference": 2 * (SIGMOID[-1] - SIGMOID[2]),
            "g/adv": -2 * SIGMOID[-1],
            "g/cls": FAKE_READ,
        },
    ),
    (
        {"classifier": "separate", "architecture": "seed000-text", "cls_weight": 3.0},
        {
            "d/real": softplus(-2),
            "d/fake": softplus(-1),
            "c/real_cls": 3 * REAL_READ,
            "g/adv": softplus(1),
            "g/cls": FAKE_READ,
        },
    ),
]


@pytest.mark.parametrize(("changes", "expected"), TERMS)
def test_the_terms_of_acgan_are_those_of_its_formula(changes, expected):
    model = tiny_model(ACGAN, **changes)
    phases = model.phases()
    model.discriminator = Fixed()
    labels = torch.tensor([[1.0, 0, 0, 0, 1]]).repeat(4, 1)
    images = torch.full((4, 3, 32, 32), 0.5)
    found = {}
    for phase in phases:
        batch = Batch(images, labels, mask=torch.ones(4, 5), fake=-images, target=labels)
        found |= {f"{phase.name}/{key}": v.item() for key, v in phase.loss(batch).items()}
    assert found == pytest.approx(expected, rel=1e-4)


def test_unknown_labels_of_real_images_teach_the_classifier_nothing():
    model = tiny_model(ACGAN)
    labels = torch.tensor([[1.0, 0, 0, 0, 1]]).repeat(2, 1)
    mask = torch.tensor([[1.0, 1, 1, 0, 0], [0, 0, 0, 0, 0]])
    model.discriminator = Fixed()
    images = torch.full((2, 3, 32, 32), 0.5)
    real = Batch(images, labels, mask=mask)
    terms = model.d_loss(real, Batch(-images, labels))
    assert terms["real_cls"].item() == pytest.approx(xent([3, 0, 0], 0))


def test_three_update_rules_move_three_sets_of_networks():
    made = recipe.make_recipe("acgan", plugins.load(), preset="seed000")
    model = tiny_model(ACGAN, 64, **made.params.model_dump() | NARROW)
    network, phases = model.discriminator, {phase.name: phase for phase in model.phases()}
    assert list(phases) == ["d", "c", "g"]
    assert phases["d"].networks == [network.main, network.critic]
    assert phases["c"].networks == [network.main, network.heads]
    assert phases["g"].networks == [model.generator]
    rules = {name: phase.optimizer(phase.parameters()) for name, phase in phases.items()}
    assert [type(rule) for rule in rules.values()] == [RMSprop, Adam, Adam]
    assert {rule.param_groups[0]["lr"] for rule in rules.values()} == {1e-4}


def test_the_classifier_alone_waits_for_no_generator():
    model = tiny_model(ACGAN, architecture="seed002", classifier="separate", n_critic=7)
    assert [(phase.name, phase.every) for phase in model.phases()] == [("d", 1), ("c", 1), ("g", 7)]


def test_a_classifier_of_its_own_needs_heads_of_its_own():
    with pytest.raises(ConfigError, match="dcgan has no class heads of their own") as caught:
        tiny_model(ACGAN, classifier="separate")
    assert "seed000-text" in caught.value.hint


# Replay


def fakes(values, spec):
    images = torch.tensor(values).view(-1, 1, 1, 1).expand(-1, *spec.shape)
    labels = torch.tensor(values).view(-1, 1).expand(-1, len(spec.labels))
    return images.contiguous(), labels.contiguous()


SPEC = tiny_dataset().spec(32)


def test_a_memory_shows_every_fake_with_its_labels_now_or_later():
    torch.manual_seed(0)
    memory, shown, given = Replay(6, 0.5, SPEC), [], []
    for step in range(200):
        values = [(4 * step + i) / 1000 for i in range(4)]
        given += values
        images, labels = memory.exchange(*fakes(values, SPEC))
        means = images.mean((1, 2, 3))
        assert torch.allclose(means, labels[:, 0], atol=0.51 / 127.5)  # each with its own labels
        shown += labels[:, 0].tolist()
        if step:  # half of them new, half of them from before
            assert labels[2:, 0].tolist() == pytest.approx(values[2:])
            assert max(labels[:2, 0].tolist()) < values[0]
        else:
            assert labels[:, 0].tolist() == pytest.approx(values)
    assert memory.filled == 6
    late = {round(x, 3) for x in memory.labels[:, 0].tolist()}
    assert late <= {round(x, 3) for i, x in enumerate(given) if i % 4 < 2}
    again = sum(round(x, 3) in {round(v, 3) for v in given[::4] + given[1::4]} for x in shown)
    assert again > 390  # first halves are shown, by way of the memory


def test_a_full_memory_forgets_at_random():
    torch.manual_seed(0)
    memory = Replay(32, 0.5, SPEC)
    for step in range(40):
        memory.exchange(*fakes([step / 100] * 4, SPEC))
    ages = 39 - memory.labels[:, 0] * 100
    assert ages.max() > 20 > ages.median()  # a queue would hold the last 16 steps and no older


def test_a_memory_is_in_the_state_and_moves_with_the_model():
    model = tiny_model(ACGAN, replay_size=8)
    keys = {key for key in model.state_dict() if key.startswith("memory.")}
    assert keys == {"memory.images", "memory.labels", "memory.filled"}
    assert model.state_dict()["memory.images"].dtype == torch.uint8
    assert not list(model.memory.parameters())
    assert not any("memory" in key for key in tiny_model(ACGAN).state_dict())


def test_images_come_back_as_near_as_8_bits_hold_them():
    memory = Replay(4, 0.5, SPEC)
    images = torch.rand(8, *SPEC.shape) * 2 - 1
    labels = torch.rand(8, len(SPEC.labels))
    memory.exchange(images, labels)
    again, theirs = memory.exchange(images, labels)
    for row, own in zip(again[:4], theirs[:4], strict=True):
        place = (labels[:4] - own).abs().sum(1).argmin()
        assert (images[place] - row).abs().max() <= 0.5 / 127.5 + 1e-6


@pytest.mark.parametrize("share", [0.25, 0.75])
def test_the_discriminator_sees_the_share_of_past_fakes_and_the_generator_none(share):
    model = tiny_model(ACGAN, replay_size=8, replay_share=share)
    seen = {}
    model.d_loss = lambda real, fake: seen.update(d=fake) or {}
    model.g_loss = lambda real, fake: seen.update(g=fake) or {}
    d, g = model.phases()
    for value in (0.25, 0.5):
        images, labels = fakes([value] * 8, SPEC)
        batch = Batch(images, labels, fake=images, target=labels)
        d.loss(batch), g.loss(batch)
    past = (seen["d"].labels[:, 0] == 0.25).sum()
    assert past == 8 * share
    assert torch.equal(seen["g"].labels, labels) and torch.equal(seen["g"].images, images)


# Deviation at sampling


def test_a_lower_deviation_is_for_pictures_and_not_for_training():
    model = tiny_model(ACGAN, truncation=0.7)
    assert model.default_truncation == 0.7
    assert tiny_model(ACGAN).default_truncation == 1.0
    z = model.noise(500, torch.Generator().manual_seed(0))
    assert z.std() == pytest.approx(1.0, abs=0.01)
    made, built = of_preset("seed003", "acgan")
    assert built.default_truncation == made.params.truncation < 1


# Update rules


def test_each_network_may_have_a_rule_of_its_own():
    d, g = tiny_model(ACGAN, d_optimizer="rmsprop", d_lr=3e-4, lr=1e-4, d_betas=(0.1, 0.2)).phases()
    assert type(d.optimizer(d.parameters())) is RMSprop
    rule = g.optimizer(g.parameters())
    assert (type(rule), rule.param_groups[0]["lr"]) == (Adam, 1e-4)
    d, g = tiny_model(ACGAN, d_betas=(0.1, 0.2), betas=(0.5, 0.9)).phases()
    found = [p.optimizer(p.parameters()).param_groups[0]["betas"] for p in (d, g)]
    assert found == [(0.1, 0.2), (0.5, 0.9)]


def test_exponential_decay_begins_half_way_and_ends_at_a_hundredth():
    schedule = tiny_model(ACGAN, lr_schedule="exponential").phases()[0].schedule
    found = [schedule(x) for x in (0.0, 0.5, 0.75, 1.0)]
    assert found == pytest.approx([1, 1, 0.1, 0.01])


# CWGANGP


class Pairs(nn.Module):
    """A critic that adds what it is told of images (their mean) and of labels (their weights)."""

    weights = torch.tensor([0.0, 1, 2, 0, 10])

    def features(self, images):
        return images.flatten(1).mean(1)

    def score(self, features, labels):
        return features + labels @ self.weights

    def forward(self, images, labels):
        return self.score(self.features(images), labels)


HAIR = torch.eye(3)
EYES = torch.eye(2)
ASKED = torch.cat([HAIR[[0, 1, 2]], EYES[[1, 1, 0]]], 1)  # scores 10, 11, 2
WRONG = torch.cat([HAIR[[0, 0, 1]], EYES[[0, 1, 1]]], 1)  # scores 0, 10, 11
# real images add 0.5 and fakes -0.5: right 10.5 11.5 2.5; fakes 9.5 10.5 1.5; wrong .5 10.5 11.5
PAIR_TERMS = [
    ({}, {"d/wasserstein": (9.5 + 10.5 + 11.5) / 3 - 24.5 / 3}),
    ({"mismatch": "mean"}, {"d/wasserstein": (21.5 + 22.5) / 6 - 24.5 / 3}),
    ({"mismatch": "none"}, {"d/wasserstein": 21.5 / 3 - 24.5 / 3}),
    ({"gp_weight": 3.0}, {"d/gp": 3 * (1 / NORM - 1) ** 2, "g/adv": -21.5 / 3}),
    (
        {"objective": "gan"},
        {
            "d/right": sum(softplus(-x) for x in (10.5, 11.5, 2.5)) / 3,
            "d/wrong": (
                sum(softplus(x) for x in (9.5, 10.5, 1.5))
                + 2 * sum(softplus(x) for x in (0.5, 10.5, 11.5))
            )
            / 9,
            "g/adv": sum(softplus(-x) for x in (9.5, 10.5, 1.5)) / 3,
        },
    ),
]


PENALISED = [("cwgangp", *each) for each in PAIR_TERMS]
CLIPPED = [("cwgan", *each) for each in PAIR_TERMS[:3]]


@pytest.mark.parametrize(("name", "changes", "expected"), [*PENALISED, *CLIPPED])
def test_the_terms_of_wrong_pairs_are_those_of_their_formula(name, changes, expected):
    model = tiny_model(MODELS[name], **changes)
    model.discriminator = Pairs()
    model.wrong_labels = lambda labels, mask: WRONG
    images = torch.full((3, 3, 32, 32), 0.5)
    found = {}
    for phase in model.phases():
        batch = Batch(images, ASKED, fake=-images, target=ASKED)
        found |= {f"{phase.name}/{key}": v.item() for key, v in phase.loss(batch).items()}
    assert {key: found[key] for key in expected} == pytest.approx(expected, rel=1e-4)


def test_clipping_holds_all_weights_of_a_conditional_critic_and_none_of_the_generator():
    stepper = tiny_stepper(MODELS["cwgan"], clip=0.003)
    stepper.step()
    critic = torch.cat([p.flatten() for p in stepper.model.discriminator.parameters()])
    assert critic.abs().max().item() == pytest.approx(0.003)
    assert max(p.abs().max().item() for p in stepper.model.generator.parameters()) > 0.003


def test_max_is_taken_pair_by_pair_and_pulls_on_the_larger_alone():
    model = tiny_model(CWGANGP)
    model.discriminator = Pairs()
    model.wrong_labels = lambda labels, mask: WRONG
    fake = torch.full((3, 3, 32, 32), -0.5).requires_grad_()
    real = torch.full((3, 3, 32, 32), 0.5).requires_grad_()
    terms = model.d_loss(Batch(real, ASKED), Batch(fake, ASKED))
    terms["wasserstein"].backward()
    # image 1: the fake scores higher; 2: both alike, half each; 3: the wrong label does
    assert fake.grad.flatten(1).sum(1).tolist() == pytest.approx([1 / 3, 1 / 6, 0])
    assert real.grad.flatten(1).sum(1).tolist() == pytest.approx([-1 / 3, -1 / 6, 0], abs=1e-6)


class Scaled(Pairs):
    """A critic whose gradient at an image is that image times the score of its labels."""

    def forward(self, images, labels):
        return labels @ self.weights * images.flatten(1).square().sum(1) / 2


@pytest.mark.parametrize("name", ["gp", "r1"])
def test_penalties_look_at_images_beside_what_they_are_asked_to_be(name):
    model = tiny_model(CWGANGP, r1_weight=1.0, gp_weight=1.0)
    model.discriminator = Scaled()
    images = torch.randn(3, 3, 32, 32) * torch.tensor([0.1, 0.2, 0.3]).view(3, 1, 1, 1)
    # between an image and itself there is one point only
    batch = Batch(images, ASKED, fake=images, target=ASKED)
    found = model.phases()[0].loss(batch)[name].item()
    norms = images.flatten(1).norm(dim=1) * torch.tensor([10.0, 11, 2])
    expected = {"gp": (norms - 1).square().mean(), "r1": norms.square().mean() / 2}[name]
    assert found == pytest.approx(expected.item(), rel=1e-4)


def random_labels(groups, kind, n=200):
    parts = []
    for width in groups:
        hot = torch.rand(n, width).argmax(1)
        one = (
            nn.functional.one_hot(hot, width).float()
            if width > 1
            else torch.randint(2, (n, 1)).float()
        )
        two = (torch.rand(n, width) < 0.5).float()
        parts.append({"one": one, "many": two, "none": torch.zeros(n, width)}[kind])
    return torch.cat(parts, 1)


@pytest.mark.parametrize("kind", ["one", "many", "none"])
@pytest.mark.parametrize("wrong", ["all", "one"])
@pytest.mark.parametrize("groups", [(12, 10), (2,), (1, 1, 1), (3, 1, 4)])
def test_wrong_labels_are_never_right(groups, wrong, kind):
    torch.manual_seed(0)
    model = tiny_model(CWGANGP, mismatch_labels=wrong)
    model.spec = replace(model.spec, groups=groups, labels=("",) * sum(groups))
    for _ in range(20):
        labels = random_labels(groups, kind)
        mask = torch.cat([(torch.rand(200, 1) < 0.6).float().expand(-1, k) for k in groups], 1)
        assert (model.wrong_labels(labels) != labels).any(1).all()
        found = model.wrong_labels(labels, mask)
        anything = mask.any(1)
        # where something is known they differ in that, and not in what nobody knows
        assert ((found != labels) & (mask > 0)).any(1)[anything].all()
        if wrong == "one":
            parts = zip(found.split(groups, 1), labels.split(groups, 1), strict=True)
            changed = torch.stack([(a != b).any(1) for a, b in parts], 1)
            assert (changed.sum(1) == 1).all()


def test_a_wrong_value_is_any_that_the_image_has_not():
    torch.manual_seed(0)
    model = tiny_model(CWGANGP, mismatch_labels="one")
    model.spec = replace(model.spec, groups=(5,))
    labels = torch.tensor([[0.0, 1, 0, 1, 0]]).repeat(600, 1)
    found = model.wrong_labels(labels).mean(0)
    assert found.tolist() == pytest.approx([1 / 3, 0, 1 / 3, 0, 1 / 3], abs=0.06)


def test_wrong_labels_are_those_of_other_images_of_the_batch():
    torch.manual_seed(0)
    model = tiny_model(CWGANGP)
    labels = torch.cat([HAIR[[0, 1, 2]], EYES[[0, 1, 0]]], 1).repeat(50, 1)
    found = model.wrong_labels(labels)
    rows = {tuple(row) for row in labels.tolist()}
    assert sum(tuple(row) in rows for row in found.tolist()) > 90  # two of three draws differ


def test_a_critic_of_pairs_needs_maps():
    for architecture in ("seed000", "seed000-text"):
        with pytest.raises(ConfigError, match="ends in dense layers"):
            tiny_model(CWGANGP, 64, architecture=architecture)
    for architecture in ("course", "resnet", "seed002", "odena", "srresnet"):
        model = tiny_model(CWGANGP, 64, architecture=architecture, d_norm="none", d_blocks=1)
        scores = model.discriminator(torch.zeros(2, 3, 64, 64), torch.zeros(2, 5))
        assert scores.shape == (2,)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ("classifier=mine", "Did you mean|input should be"),
        ("replay_size=-1", "greater than or equal to 0"),
        ("replay_share=1", "less than 1"),
        ("truncation=0", "greater than 0"),
        ("d_optimizer=adamm", 'Did you mean "adam"'),
    ],
)
def test_a_wrong_value_is_one_clear_line(values, message):
    with pytest.raises(ConfigError, match=message) as caught:
        config.resolve(ACGAN.Params, [config.parse_set([values])])
    assert "\n" not in caught.value.message


def test_the_labels_of_the_tables_are_one_for_each_attribute():
    assert sum(LABELS.groups) == len(LABELS.labels) == L
