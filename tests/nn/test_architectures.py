"""Architectures: parameter counts, layer shapes of the seeds' tables, sizes, precision, presets."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.nn import functional

from animekit import config, plugins
from animekit.data.spec import ImageSpec
from animekit.errors import ConfigError
from animekit.models.abilities import Generates
from animekit.models.adversarial import AdversarialModel
from animekit.models.base import Need
from animekit.nn.architectures import ARCHITECTURES, Shape
from animekit.nn.layers import (
    MinibatchStd,
    ResBlock,
    Same,
    Skip,
    activation_layer,
    initialise,
    norm_layer,
    pool_layer,
)
from animekit.testing.check import tiny_model
from animekit.training import presets, recipe
from animekit_plugins.models.gan import GAN, GANParams

REGISTRY = plugins.load()
MODELS = REGISTRY.all("model")
PRESETS = [
    (name, preset) for name, cls in MODELS.items() for preset in sorted(presets.presets_of(cls))
]


def build(network, architecture, size=64, width=64, **more):
    """A network on the meta device: shapes without memory or time."""
    with torch.device("meta"):
        shape = Shape(size=size, channels=3, width=width, **more)
        return getattr(ARCHITECTURES[architecture], network)(shape)


LABELS = ImageSpec(64, 3, tuple(f"label {i}" for i in range(23)), (12, 10, 1))


def of_preset(name, model, size=None, labels=LABELS):
    """What a preset resolves to, and its model for labels of three attributes."""
    made = recipe.make_recipe(model, REGISTRY, preset=name)
    spec = ImageSpec(size or made.options.size)
    if made.model.data is Need.LABELLED:
        spec = replace(labels, size=spec.size)
    with torch.device("meta"):
        return made, made.model(made.params, spec)


def count(network):
    return sum(parameter.numel() for parameter in network.parameters())


def trace(network, *shape):
    """What each layer of `main` makes of a batch of two: (its class, its output's shape)."""
    seen = []
    hooks = [
        layer.register_forward_hook(
            lambda layer, _, output: seen.append((type(layer).__name__, tuple(output.shape[1:])))
        )
        for layer in network.main
    ]
    network(torch.empty(2, *shape, device="meta"))
    for hook in hooks:
        hook.remove()
    return seen


def shapes(network, *shape, skip=()):
    """The trace as text, layer by layer, without the layers that are named."""
    layers = [(kind, size) for kind, size in trace(network, *shape) if kind not in skip]
    return [f"{kind} {'x'.join(map(str, size))}" for kind, size in layers]


# Counts and keys


def test_dcgan_has_the_parameters_and_the_keys_of_the_published_one():
    generator = build("generator", "dcgan", norm="batch")
    discriminator = build("discriminator", "dcgan", norm="batch")
    assert count(generator) == 3_576_704
    assert count(discriminator) == 2_765_568
    convolutions = {"main.0.weight", "main.3.weight", "main.6.weight", "main.9.weight"}
    norms = {
        f"main.{index}.{name}"
        for index in (1, 4, 7, 10)
        for name in ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
    }
    assert set(generator.state_dict()) == convolutions | norms | {"main.12.weight"}
    assert generator.main[0].weight.shape == (100, 512, 4, 4)
    assert generator.main[12].weight.shape == (64, 3, 4, 4)
    keys = discriminator.state_dict().keys()
    assert [key for key in keys if discriminator.state_dict()[key].ndim == 4] == [
        f"main.{index}.weight" for index in (0, 2, 5, 8, 11)
    ]
    assert discriminator.main[11].weight.shape == (1, 512, 4, 4)


def test_the_course_baseline_has_the_parameters_of_its_tables():
    dense, convolution = (lambda a, b: a * b + b), (lambda a, b: a * b * 16 + b)
    generator = build("generator", "course", width=64)
    assert count(generator) == (
        dense(100, 128 * 16 * 16)
        + convolution(128, 128)
        + convolution(128, 64)
        + convolution(64, 3)
    )
    discriminator = build("discriminator", "course", width=32)
    assert count(discriminator) == (
        convolution(3, 32)
        + convolution(32, 64)
        + convolution(64, 128)
        + convolution(128, 256)
        + dense(256 * 9 * 9, 1)
    )


def test_the_residual_networks_have_the_parameters_of_the_paper():
    def block(last, width, middle):
        norms = 2 * last + 2 * middle
        return norms + 9 * last * middle + (9 * middle * width + width) + (last * width + width)

    generator = build("generator", "resnet", z_dim=128)
    pairs = ((512, 512), (512, 256), (256, 128), (128, 64))
    expected = 128 * 8192 + 8192 + sum(block(a, b, b) for a, b in pairs)
    assert count(generator) == expected + 2 * 64 + 9 * 64 * 3 + 3
    discriminator = build("discriminator", "resnet")
    pairs = ((64, 128), (128, 256), (256, 512), (512, 512))
    expected = 9 * 3 * 64 + 64 + sum(block(a, b, a) for a, b in pairs)
    assert count(discriminator) == expected + 512 * 16 + 1


# Layer tables of the seeds


def test_the_course_generator_is_the_table_of_the_slides():
    network = build("generator", "course", width=64)
    assert shapes(network, 100, skip=("Same", "Unflatten")) == [
        "Linear 32768",
        "ReLU 32768",
        "Upsample 128x32x32",
        "Conv2d 128x32x32",
        "ReLU 128x32x32",
        "Upsample 128x64x64",
        "Conv2d 64x64x64",
        "ReLU 64x64x64",
        "Conv2d 3x64x64",
        "Tanh 3x64x64",
    ]
    assert {layer.kernel_size for layer in network.main if isinstance(layer, nn.Conv2d)} == {(4, 4)}


def test_the_course_discriminator_goes_from_64_to_32_16_17_9_and_9_pixels():
    network = build("discriminator", "course", width=32)
    assert shapes(network, 3, 64, 64) == [
        "ZeroPad2d 3x66x66",
        "Conv2d 32x32x32",
        "ReLU 32x32x32",
        "ZeroPad2d 32x34x34",
        "Conv2d 64x16x16",
        "ZeroPad2d 64x17x17",
        "ReLU 64x17x17",
        "ZeroPad2d 64x20x20",
        "Conv2d 128x9x9",
        "ReLU 128x9x9",
        "ZeroPad2d 128x12x12",
        "Conv2d 256x9x9",
        "ReLU 256x9x9",
        "Flatten 20736",
        "Linear 1",
    ]
    pads = [layer.padding for layer in network.main if isinstance(layer, nn.ZeroPad2d)]
    # TensorFlow's "same": what is odd goes to the right and to the bottom
    assert pads == [(1, 1, 1, 1), (1, 1, 1, 1), (0, 1, 0, 1), (1, 2, 1, 2), (1, 2, 1, 2)]


def test_seed_000_is_its_third_table():
    generator = build("generator", "seed000")
    assert shapes(generator, 100, skip=("Same", "Unflatten")) == [
        "Linear 32768",
        "SELU 32768",
        "BatchNorm2d 128x16x16",
        "ConvTranspose2d 128x32x32",
        "SELU 128x32x32",
        "Conv2d 128x32x32",
        "SELU 128x32x32",
        "ConvTranspose2d 64x64x64",
        "SELU 64x64x64",
        "BatchNorm2d 64x64x64",
        "Conv2d 3x64x64",
        "Tanh 3x64x64",
    ]
    kernels = [layer.kernel_size[0] for layer in generator.main if hasattr(layer, "kernel_size")]
    assert kernels == [16, 4, 4, 4]
    discriminator = build("discriminator", "seed000")
    assert shapes(discriminator, 3, 64, 64, skip=("Same",)) == [
        "Conv2d 64x64x64",
        "ReLU 64x64x64",
        "AvgPool2d 64x32x32",
        "Conv2d 64x32x32",
        "ReLU 64x32x32",
        "AvgPool2d 64x16x16",
        "Conv2d 128x16x16",
        "ReLU 128x16x16",
        "AvgPool2d 128x8x8",
        "Conv2d 256x8x8",
        "ReLU 256x8x8",
        "AvgPool2d 256x4x4",
        "Flatten 4096",
        "Linear 1024",
        "ReLU 1024",
        "Linear 1024",
        "ReLU 1024",
        "Linear 1",
    ]
    kernels = [layer.kernel_size[0] for layer in discriminator.main if isinstance(layer, nn.Conv2d)]
    assert kernels == [8, 6, 4, 3]


def test_the_first_table_of_seed_000_has_no_norms_and_other_kernels():
    _, model = of_preset("seed000-i", "wgangp")
    named = [layer for layer in model.modules() if hasattr(layer, "kernel_size")]
    kernels = [layer.kernel_size for layer in named if isinstance(layer.kernel_size, tuple)]
    assert [kernel[0] for kernel in kernels] == [2, 4, 2, 4, 8, 6, 4, 4]
    assert not any("BatchNorm" in type(layer).__name__ for layer in model.modules())
    assert shapes(model.generator, 100)[-1] == "Tanh 3x64x64"


def test_seed_002_is_a_dcgan_of_twice_the_width_without_norms():
    _, model = of_preset("seed002", "gan")
    assert shapes(model.generator, 100) == [
        "ConvTranspose2d 1024x4x4",
        "ReLU 1024x4x4",
        "ConvTranspose2d 512x8x8",
        "ReLU 512x8x8",
        "ConvTranspose2d 256x16x16",
        "ReLU 256x16x16",
        "ConvTranspose2d 128x32x32",
        "ReLU 128x32x32",
        "ConvTranspose2d 3x64x64",
        "Tanh 3x64x64",
    ]
    assert shapes(model.discriminator, 3, 64, 64) == [
        "Conv2d 128x32x32",
        "LeakyReLU 128x32x32",
        "Conv2d 256x16x16",
        "LeakyReLU 256x16x16",
        "Conv2d 512x8x8",
        "LeakyReLU 512x8x8",
        "Conv2d 1024x4x4",
        "LeakyReLU 1024x4x4",
        "Conv2d 1x1x1",
    ]
    slopes = {m.negative_slope for m in model.modules() if isinstance(m, nn.LeakyReLU)}
    assert slopes == {0.2}


@pytest.mark.parametrize("model", ["gan", "wgan"])
def test_seed_003_has_four_and_five_convolutions_with_norm_and_leaky_relu(model):
    _, built = of_preset("seed003", model)
    kinds = [kind for kind, _ in trace(built.generator, 100)]
    assert kinds == [
        *["ConvTranspose2d", "BatchNorm2d", "LeakyReLU"] * 4,
        "ConvTranspose2d",
        "Tanh",
    ]
    kinds = [kind for kind, _ in trace(built.discriminator, 3, 64, 64)]
    assert kinds == ["Conv2d", "LeakyReLU", *["Conv2d", "BatchNorm2d", "LeakyReLU"] * 3, "Conv2d"]


def test_the_residual_networks_halve_and_double_the_side_in_four_blocks():
    generator = build("generator", "resnet", z_dim=128)
    assert shapes(generator, 128) == [
        "Linear 8192",
        "Unflatten 512x4x4",
        "ResBlock 512x8x8",
        "ResBlock 256x16x16",
        "ResBlock 128x32x32",
        "ResBlock 64x64x64",
        "BatchNorm2d 64x64x64",
        "ReLU 64x64x64",
        "Conv2d 3x64x64",
        "Tanh 3x64x64",
    ]
    assert shapes(build("discriminator", "resnet"), 3, 64, 64) == [
        "Conv2d 64x64x64",
        "ResBlock 128x32x32",
        "ResBlock 256x16x16",
        "ResBlock 512x8x8",
        "ResBlock 512x4x4",
        "Flatten 8192",
        "Linear 1",
    ]


# Presets


@pytest.mark.parametrize(("model", "name"), PRESETS)
def test_every_preset_builds_for_each_of_its_models(model, name):
    made, built = of_preset(name, model)
    built.validate()
    assert {phase.name for phase in built.phases()}
    if isinstance(built, Generates):
        labels = torch.empty(2, len(built.spec.labels), device="meta")
        images = built.sample(built.noise(2).to("meta"), labels)
        assert images.shape == (2, 3, made.options.size, made.options.size)
        if (
            isinstance(built, AdversarialModel)
            and built.generator(built_input(built)).shape[1] == 3
        ):
            assert built.critic(labels)(images).shape == (2,)


def built_input(model):
    """What a generator begins with, for two images."""
    return torch.empty(2, model.params.z_dim + model.conditions, device="meta")


def test_the_presets_of_the_seeds_are_there_for_the_objectives_of_the_seeds():
    assert {
        ("gan", "course"),
        ("gan", "dcgan"),
        ("gan", "seed002"),
        ("gan", "seed003"),
        ("acgan", "seed000"),
        ("acgan", "seed002"),
        ("acgan", "seed003"),
        ("acgan", "makegirlsmoe"),
        ("acgan", "paper"),
        ("cwgangp", "seed001"),
        ("wgan", "seed000"),
        ("wgan", "seed003"),
        ("wgangp", "seed000"),
        ("wgangp", "resnet"),
    } <= set(PRESETS)


PRINTED = {  # what the seeds and papers print
    ("wgangp", "seed000"): {
        "optimizer": "rmsprop",
        "lr": 2e-4,
        "batch_size": 200,
        "gp_weight": 1.0,
    },
    ("wgan", "seed000-i"): {"optimizer": "rmsprop", "lr": 2e-4, "batch_size": 200},
    ("wgan", "seed000"): {"optimizer": "rmsprop", "lr": 2e-4, "batch_size": 200},
    ("gan", "seed002"): {"n_critic": 1, "g_channels": 128, "d_channels": 128},
    ("wgan", "seed003"): {
        "optimizer": "adam",
        "betas": (0.5, 0.999),
        "d_optimizer": "rmsprop",
        "n_critic": 3,
        "clip": 0.01,
    },
    ("gan", "course"): {"optimizer": "adam", "lr": 2e-4, "betas": (0.5, 0.999), "d_channels": 32},
    ("wgan", "course"): {"optimizer": "rmsprop", "n_critic": 5, "clip": 0.01},
    ("gan", "dcgan"): {"optimizer": "adam", "lr": 2e-4, "betas": (0.5, 0.999), "batch_size": 64},
    ("wgan", "dcgan"): {"optimizer": "rmsprop", "lr": 5e-5, "n_critic": 5, "clip": 0.01},
    ("wgangp", "resnet"): {"lr": 1e-4, "betas": (0.0, 0.9), "n_critic": 5, "gp_weight": 10.0},
}


@pytest.mark.parametrize(("model", "name"), PRINTED)
def test_presets_hold_what_their_sources_print(model, name):
    made, _ = of_preset(name, model)
    found = {**made.params.model_dump(), **made.options.model_dump()}
    expected = PRINTED[model, name]
    assert {key: found[key] for key in expected} == expected
    assert all(made.origins[key] in (f"preset {name}", "default") for key in expected)


def test_the_dcgan_preset_is_the_published_network():
    _, model = of_preset("dcgan", "gan")
    assert (count(model.generator), count(model.discriminator)) == (3_576_704, 2_765_568)


# Sizes


@pytest.mark.parametrize("size", [32, 64, 128, 256])
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_every_architecture_does_every_size(architecture, size):
    generator = build("generator", architecture, size, width=2, z_dim=5)
    images = generator(torch.empty(3, 5, device="meta"))
    assert images.shape == (3, 3, size, size)
    assert build("discriminator", architecture, size, width=2)(images).shape == (3,)


@pytest.mark.parametrize("pool", ["stride", "avg", "max"])
@pytest.mark.parametrize("architecture", ["dcgan", "course", "seed000", "seed000-i"])
@pytest.mark.parametrize("size", [32, 64])
def test_every_way_to_halve_the_side_fits(architecture, pool, size):
    discriminator = build("discriminator", architecture, size, width=2, pool=pool)
    assert discriminator(torch.empty(4, 3, size, size, device="meta")).shape == (4,)
    kinds = {type(layer).__name__ for layer in discriminator.main}
    assert ("MaxPool2d" in kinds, "AvgPool2d" in kinds) == (pool == "max", pool == "avg")


@pytest.mark.parametrize("size", [32, 64, 128, 256])
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_every_architecture_names_labels_beside_its_logit(architecture, size):
    more = {"labels": 5, "groups": (3, 2)}
    images = torch.empty(3, 3, size, size, device="meta")
    logits, classes = build("discriminator", architecture, size, width=2, **more).judge(images)
    assert (logits.shape, classes.shape) == ((3,), (3, 5))
    logits, classes = build("discriminator", architecture, size, width=2).judge(images)
    assert (logits.shape, classes.shape) == ((3,), (3, 0))
    z = torch.empty(3, 12, device="meta")
    assert build("generator", architecture, size, width=2, z_dim=7, labels=5)(z).shape[2] == size


@pytest.mark.parametrize("architecture", ["course", "seed000", "seed000-i"])
def test_architectures_without_powers_of_two_do_48_and_96_pixels(architecture):
    for size in (48, 96):
        ARCHITECTURES[architecture].check(size)
        images = build("generator", architecture, size, width=2)(torch.empty(2, 100, device="meta"))
        assert images.shape == (2, 3, size, size)
        assert build("discriminator", architecture, size, width=2)(images).shape == (2,)


def test_larger_images_begin_wider_up_to_sixteen_times():
    widths = {
        size: [
            layer.out_channels
            for layer in build("generator", "dcgan", size, width=10).main
            if isinstance(layer, nn.ConvTranspose2d)
        ]
        for size in (32, 64, 128, 256)
    }
    assert widths == {
        32: [40, 20, 10, 3],
        64: [80, 40, 20, 10, 3],
        128: [160, 80, 40, 20, 10, 3],
        256: [160, 160, 80, 40, 20, 10, 3],
    }


# Errors


@pytest.mark.parametrize(
    ("architecture", "size", "hint"),
    [
        ("dcgan", 48, "use --size 32, 64, 128 or 256"),
        ("dcgan", 16, "use --size 32, 64, 128 or 256"),
        ("resnet", 512, "use --size 32, 64, 128 or 256"),
        ("course", 50, "use --size a multiple of 16, 32 to 256"),
        ("seed000", 272, "use --size a multiple of 16, 32 to 256"),
    ],
)
def test_an_impossible_size_is_one_clear_line(architecture, size, hint):
    with pytest.raises(ConfigError) as caught:
        tiny_model(GAN, size, architecture=architecture)
    assert caught.value.message == (f"architecture {architecture} cannot make images of {size} px")
    assert caught.value.hint == hint


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        (
            "architecture",
            "dcgn",
            f'known architectures are {", ".join(ARCHITECTURES)}. Did you mean "dcgan"?',
        ),
        ("g_activation", "rleu", "use auto, relu, selu, lrelu or lrelu:SLOPE"),
        ("d_activation", "lrelu:steep", "use auto, relu, selu, lrelu or lrelu:SLOPE"),
        ("g_activation", "relu:0.1", "use auto, relu, selu, lrelu or lrelu:SLOPE"),
        ("g_norm", "bach", 'Did you mean "batch"?'),
    ],
)
def test_an_unknown_name_is_one_clear_line_with_what_is_known(key, value, message):
    with pytest.raises(ConfigError) as caught:
        config.resolve(GANParams, [config.parse_set([f"{key}={value}"])])
    assert caught.value.message.startswith(f"{key} = {value}: ")
    assert message in caught.value.message
    assert "\n" not in caught.value.message


def test_a_pool_that_the_architecture_does_not_have_is_refused():
    with pytest.raises(ConfigError, match="resnet has no d_pool"):
        tiny_model(GAN, architecture="resnet", d_pool="max")


# Layers


def test_the_minibatch_deviation_is_that_of_each_group_of_four():
    x = torch.zeros(8, 1, 1, 2)
    x[:, 0, 0, 0] = torch.tensor([0.0, 1, 2, 3, 4, 5, 6, 9])
    found = MinibatchStd()(x)
    assert found.shape == (8, 2, 1, 2)
    assert torch.equal(found[:, :1], x)
    # groups are images 0 2 4 6 and 1 3 5 7; the second pixel never varies
    first, second = math.sqrt(5) / 2, math.sqrt(8.75) / 2
    for pixel in (0, 1):
        expected = torch.tensor([first, second] * 4)
        assert torch.allclose(found[:, 1, 0, pixel], expected, atol=1e-4)


@pytest.mark.parametrize(("n", "group"), [(1, 1), (6, 2), (7, 1), (12, 4)])
def test_the_minibatch_deviation_takes_any_batch(n, group):
    x = torch.randn(n, 3, 4, 4, generator=torch.Generator().manual_seed(n))
    found = MinibatchStd()(x)[:, 3]
    grouped = x.view(group, n // group, 3, 4, 4)
    expected = grouped.var(0, correction=0).add(1e-8).sqrt().mean((1, 2, 3)).repeat(group)
    assert torch.allclose(found, expected.view(n, 1, 1).expand(n, 4, 4), atol=1e-5)


def test_layer_norm_is_over_the_whole_image():
    x = torch.randn(4, 6, 5, 5) * torch.arange(1, 7).view(6, 1, 1)
    (layer,) = norm_layer("layer", 6)
    assert torch.allclose(layer(x), functional.layer_norm(x, (6, 5, 5)), atol=1e-5)
    (layer,) = norm_layer("instance", 6)
    assert torch.allclose(layer(x), functional.instance_norm(x), atol=1e-5)
    assert norm_layer("none", 6) == []


def test_activations_have_the_slope_that_they_say():
    x = torch.tensor([-10.0])
    assert activation_layer("lrelu")(x).item() == pytest.approx(-2)
    assert activation_layer("lrelu:0.1")(x).item() == pytest.approx(-1)
    assert activation_layer("relu")(x).item() == 0
    assert activation_layer("selu")(x).item() == pytest.approx(-1.758, abs=0.001)


def test_average_pools_do_not_count_the_padding():
    assert pool_layer("avg", 3)(torch.ones(1, 1, 8, 8)).unique().tolist() == [1.0]
    assert pool_layer("avg", 3)(torch.ones(1, 1, 8, 8)).shape == (1, 1, 4, 4)
    assert pool_layer("max", 3)(-torch.ones(1, 1, 8, 8)).unique().tolist() == [-1.0]


@pytest.mark.parametrize("kernel", [1, 3, 4, 6, 8])
def test_same_padding_keeps_the_size_and_pads_the_end_more(kernel):
    x = torch.ones(1, 1, 9, 9)
    padded = Same(kernel)(x)
    assert nn.Conv2d(1, 1, kernel)(padded).shape == x.shape
    before = int(padded[0, 0, :, 4].argmax())
    assert before == (kernel - 1) // 2


def test_a_residual_block_adds_its_shortcut():
    torch.manual_seed(0)
    for resample, side in (("up", 8), ("down", 2)):
        block = ResBlock(3, 5, resample=resample, norm="none", act="relu")
        x = torch.randn(2, 3, 4, 4)
        assert block(x).shape == (2, 5, side, side)
        nn.init.zeros_(block.main[-1 if resample == "up" else -2].weight)
        nn.init.zeros_(block.main[-1 if resample == "up" else -2].bias)
        assert torch.equal(block(x), block.shortcut(x))


def test_a_skip_adds_what_its_layers_make():
    doubling = nn.Conv2d(2, 2, 1, bias=False)
    nn.init.dirac_(doubling.weight)
    x = torch.randn(3, 2, 4, 4)
    assert torch.equal(Skip(doubling, nn.ReLU())(x), x + x.clamp(min=0))
    assert torch.equal(Skip()(x), 2 * x)


@pytest.mark.parametrize("architecture", ["srresnet", "srresnet-pre"])
def test_residual_blocks_begin_as_nothing_and_can_learn(architecture):
    torch.manual_seed(0)
    model = tiny_model(GAN, architecture=architecture, g_blocks=2, d_blocks=2, d_norm="none")
    for network in (model.generator, model.discriminator):
        blocks = [m for m in network.modules() if isinstance(m, Skip)]
        inner = [m for m in blocks if not any(isinstance(x, Skip) for x in m.main)]
        assert inner
        for block in inner:
            width = next(m.in_channels for m in block.main if isinstance(m, nn.Conv2d))
            x = torch.randn(2, width, 4, 4)
            assert torch.equal(block(x), x)
    model.discriminator(model.generator(torch.randn(4, 100))).sum().backward()
    for network in (model.generator, model.discriminator):
        for skip in (m for m in network.modules() if isinstance(m, Skip)):
            weights = [p.grad.abs().sum() for p in skip.parameters() if p.grad is not None]
            assert sum(weights) > 0


@pytest.mark.parametrize(("kind", "spread"), [("normal", 0.02), ("he", (2 / 576) ** 0.5)])
def test_first_weights_have_the_spread_of_their_source(kind, spread):
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(64, 64, 3), nn.BatchNorm2d(64), nn.Linear(576, 100))
    initialise(network, kind)
    for layer in (network[0], network[2]):
        assert layer.weight.std().item() == pytest.approx(spread, rel=0.05)
        assert layer.weight.mean().item() == pytest.approx(0, abs=spread / 50)
        assert layer.bias.abs().max() == 0
    scale = network[1].weight
    if kind == "normal":
        assert 0.01 < scale.std() < 0.03
        assert scale.mean().item() == pytest.approx(1, abs=0.01)
    else:
        assert scale.unique().tolist() == [1.0]


# Precision and range


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_bfloat16_inside_is_float32_outside(architecture):
    torch.manual_seed(0)  # whichever architectures were built before
    model = tiny_model(GAN, architecture=architecture, minibatch_std=True).eval()
    with torch.autocast("cpu", torch.bfloat16), torch.no_grad():
        images = model.generator(torch.randn(4, 100))
        logits = model.discriminator(images)
    assert images.dtype == logits.dtype == torch.float32
    assert images.abs().max() <= 1
    with torch.no_grad():
        exact = model.discriminator(images)
    assert not torch.equal(exact, logits)  # bfloat16 did run
    assert torch.allclose(exact, logits, atol=0.05)


def test_networks_of_double_precision_stay_double():
    model = tiny_model(GAN).double()
    images = model.generator(torch.randn(4, 100, dtype=torch.float64))
    assert images.dtype == model.discriminator(images).dtype == torch.float64


def test_grey_images_have_one_channel():
    model = GAN(GANParams(g_channels=4, d_channels=4), ImageSpec(32, channels=1))
    images = model.sample(torch.randn(2, 100))
    assert images.shape == (2, 1, 32, 32)
    assert model.discriminator(images).shape == (2,)


def test_dropout_is_in_the_generator_where_it_was_asked_for():
    for architecture in ARCHITECTURES:
        for rate in (0.0, 0.3):
            model = tiny_model(GAN, architecture=architecture, g_dropout=rate)
            found = [m.p for m in model.generator.modules() if isinstance(m, nn.Dropout)]
            assert set(found) == ({rate} if rate else set())
            found = [m.p for m in model.discriminator.modules() if isinstance(m, nn.Dropout)]
            assert found == ([0.5] * 6 if architecture == "odena" else [])  # as its paper prints


# What "auto" means, and how sides double and halve

FIELDS = {
    "g_norm": ("generator", "norm"),
    "g_activation": ("generator", "activation"),
    "g_upsample": ("generator", "upsample"),
    "d_norm": ("discriminator", "norm"),
    "d_activation": ("discriminator", "activation"),
    "d_pool": ("discriminator", "pool"),
}


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_auto_is_what_the_architecture_says_it_is(name):
    known = {**ARCHITECTURES[name].autos, "d_norm": ARCHITECTURES[name].d_norm}
    assert ("d_pool" in known) == ARCHITECTURES[name].pools
    for key, (network, field) in FIELDS.items():
        value = known.get(key)
        if value not in (None, "glu"):
            assert repr(build(network, name, **{field: value})) == repr(build(network, name)), key
    end = "none" if build("generator", name).open else "tanh"
    assert known["g_output"] == end


@pytest.mark.parametrize("name", [n for n, each in ARCHITECTURES.items() if each.upsamples])
@pytest.mark.parametrize("kind", ["transposed", "nearest", "pixelshuffle"])
@pytest.mark.parametrize("size", [32, 64])
def test_generators_double_the_side_as_asked(name, kind, size):
    network = build("generator", name, size=size, width=8, upsample=kind)
    images = network(torch.empty(2, 100, device="meta"))
    assert images.shape == (2, 3, size, size)
    kinds = {type(module) for module in network.modules()}
    wanted = {"nearest": nn.Upsample, "pixelshuffle": nn.PixelShuffle}
    for other, layer in wanted.items():
        assert (layer in kinds) == (other == kind)


@pytest.mark.parametrize("name", [n for n, each in ARCHITECTURES.items() if each.pools])
@pytest.mark.parametrize("kind", ["stride", "avg", "max"])
@pytest.mark.parametrize("size", [32, 64])
def test_discriminators_halve_the_side_as_asked(name, kind, size):
    network = build("discriminator", name, size=size, width=8, pool=kind)
    assert network(torch.empty(2, 3, size, size, device="meta")).shape == (2,)
    kinds = {type(module) for module in network.modules()}
    for other, layer in {"avg": nn.AvgPool2d, "max": nn.MaxPool2d}.items():
        assert (layer in kinds) == (other == kind)


def test_an_architecture_that_doubles_in_one_way_refuses_another():
    with pytest.raises(ConfigError, match="modern has no g_upsample"):
        tiny_model(GAN, architecture="modern", g_upsample="nearest")


def test_the_dense_generator_has_four_layers_and_no_place_for_a_kernel() -> None:
    network = ARCHITECTURES["mlp"].generator(Shape(64, 3, 64))
    layers = [layer for layer in network.modules() if isinstance(layer, nn.Conv2d)]
    assert [layer.out_channels for layer in layers] == [512, 512, 512, 512, 3 * 64 * 64]
    assert {layer.kernel_size for layer in layers} == {(1, 1)}
    assert network(torch.randn(2, 100)).shape == (2, 3, 64, 64)
    with pytest.raises(ConfigError, match="no maps"):
        ARCHITECTURES["mlp"].generator(Shape(64, 3, 8, norm="instance"))
