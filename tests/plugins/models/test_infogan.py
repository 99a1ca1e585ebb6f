"""InfoGAN: its codes in z, what Q reads of them, who moves Q, and the tables it comes from."""

from __future__ import annotations

import math

import pytest
import torch
from pydantic import Field, create_model
from torch import nn

from animekit import plugins
from animekit.data.batch import Batch
from animekit.data.spec import ImageSpec
from animekit.errors import ConfigError, UnusableError
from animekit.testing.check import check_model, tiny_model, tiny_stepper
from animekit.testing.tiny import small_params
from animekit.training import recipe

REGISTRY = plugins.load()
INFOGAN = REGISTRY.get("model", "infogan")


def layers(network):
    kinds = (nn.Conv2d, nn.ConvTranspose2d)
    found = []
    for module in network.modules():
        if isinstance(module, kinds):
            sizes = (module.in_channels, module.out_channels, module.kernel_size[0])
            found.append((type(module).__name__, *sizes, module.stride[0]))
        elif isinstance(module, nn.Linear):
            found.append(("Linear", module.in_features, module.out_features))
        elif isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d)):
            found.append("norm")
    return found


def of_preset(name):
    made = recipe.make_recipe("infogan", REGISTRY, preset=name)
    return made, INFOGAN(made.params, ImageSpec(made.options.size))


def changed(**values):
    """The same model with other defaults."""
    fields = {
        key: (INFOGAN.Params.model_fields[key].annotation, Field(value, description="changed"))
        for key, value in values.items()
    }
    params = create_model("Params", __base__=INFOGAN.Params, **fields)
    return type("Changed", (INFOGAN,), {"__doc__": INFOGAN.__doc__, "Params": params})


# codes


def test_noise_ends_in_one_hot_codes_behind_noise_and_continuous_ones():
    model = tiny_model(INFOGAN, z_dim=5, codes=3, code_size=4, continuous=2)
    z = model.noise(2000, torch.Generator().manual_seed(0))
    assert model.codes == (4, 4, 4)
    assert model.noise_dim == 5
    assert z.shape == (2000, 5 + 2 + 12)
    assert z[:, :5].std().item() == pytest.approx(1, abs=0.03)
    values = z[:, 5:7]
    assert -1 <= values.min() < -0.99 and 0.99 < values.max() <= 1
    codes = z[:, 7:].reshape(2000, 3, 4)
    assert set(codes.unique().tolist()) == {0.0, 1.0}
    assert (codes.sum(2) == 1).all()
    assert torch.allclose(codes.mean(0), torch.full((3, 4), 0.25), atol=0.04)
    first, second = codes[:, 0].argmax(1), codes[:, 1].argmax(1)
    assert (first == second).float().mean().item() == pytest.approx(0.25, abs=0.05)


def test_the_scale_of_z_leaves_codes_alone():
    model = tiny_model(INFOGAN, z_dim=50, codes=2, code_size=3, continuous=1, z_std=0.1)
    z = model.noise(500, torch.Generator().manual_seed(0))
    assert z[:, :50].std().item() == pytest.approx(0.1, abs=0.01)
    assert z[:, 51:].max() == 1 and z[:, 50].abs().max() > 0.9


def test_the_seed_has_228_numbers_and_the_default_is_the_seed():
    assert tiny_model(INFOGAN).noise(1).shape == (1, 228)


def test_a_model_without_codes_is_refused():
    with pytest.raises(ConfigError, match="infogan without codes is a gan"):
        recipe.make_recipe("infogan", REGISTRY, values={"codes": 0})


# terms


class Told(nn.Module):
    """A Q that says what it was built to say."""

    def __init__(self, *answer):
        super().__init__()
        self.answer = torch.tensor([answer])

    def forward(self, features):
        return self.answer.expand(len(features), -1)


def test_the_terms_of_codes_are_nats_unread_and_half_squared_errors():
    model = tiny_model(
        INFOGAN,
        z_dim=2,
        codes=2,
        code_size=2,
        continuous=2,
        mi_weight=3.0,
        continuous_weight=0.5,
    )
    model.recogniser = Told(0.5, -0.5, math.log(3), 0.0, 0.0, 0.0)
    z = torch.tensor([[9.0, 9.0, 1.0, 0.5, 1.0, 0.0, 0.0, 1.0]])
    terms = {key: value.item() for key, value in model.code_terms(torch.zeros(1, 1), z).items()}
    assert terms["info"] == pytest.approx(-3 * math.log(2 * 0.75), rel=1e-5)
    assert terms["continuous"] == pytest.approx(0.5 * 0.5 * (0.25 + 1.0))


def test_codes_are_terms_of_the_discriminator_only_where_asked():
    for asked in (False, True):
        model = tiny_model(INFOGAN, mi_in_d=asked)
        z = model.noise(4, torch.Generator().manual_seed(0))
        batch = Batch(torch.zeros(4, 3, 32, 32), z=z)
        model.prepare(batch, ["d", "g"])
        d, g = (phase.loss(batch) for phase in model.phases())
        assert set(d) == {"real", "fake"} | ({"info"} if asked else set())
        assert set(g) == {"adv", "info"}


def test_the_generator_hears_what_q_cannot_read():
    model = tiny_model(INFOGAN, mi_weight=1.0)
    batch = Batch(torch.zeros(4, 3, 32, 32), z=model.noise(4))
    model.prepare(batch, ["d", "g"])
    model.phases()[1].loss(batch)["info"].backward()
    assert model.generator.main[0].weight.grad.abs().sum() > 0
    assert model.recogniser.main[-1].weight.grad.abs().sum() > 0


# who moves


@pytest.mark.parametrize("asked", [False, True])
def test_q_moves_with_the_generator_and_with_d_where_asked(asked):
    model = tiny_model(INFOGAN, mi_in_d=asked)
    d, g = model.phases()
    assert (model.recogniser in d.networks) is asked
    assert model.recogniser in g.networks
    assert model.generator in g.networks and model.discriminator in d.networks
    assert model.discriminator not in g.networks


@pytest.mark.parametrize(
    "values",
    [
        {"codes": 2, "code_size": 3, "continuous": 2, "mi_in_d": True},
        {"continuous": 1, "codes": 0, "architecture": "dcgan"},
        {"architecture": "resnet", "r1_weight": 1.0},
    ],
    ids=str,
)
def test_codes_and_architectures_of_all_kinds_keep_the_contract(values):
    check_model(changed(**values), sizes=(32,))


@pytest.mark.parametrize("architecture", ["course", "seed002", "srresnet"])
def test_q_reads_the_features_of_any_discriminator(architecture):
    model = tiny_model(INFOGAN, architecture=architecture)
    batch = Batch(torch.zeros(2, 3, 32, 32), z=model.noise(2))
    model.prepare(batch, ["d", "g"])
    for phase in model.phases():
        assert all(torch.isfinite(value) for value in phase.loss(batch).values())


def test_a_few_steps_make_a_code_readable_and_without_the_term_none_is_read():
    sizes = {
        "codes": 1,
        "code_size": 2,
        "z_dim": 4,
        "g_channels": 8,
        "d_channels": 8,
        "q_channels": 0,
    }
    for weight, low, high in ((1.0, -0.7, -0.4), (0.0, 0.0, 0.0)):
        stepper = tiny_stepper(INFOGAN, init="he", lr=2e-3, mi_in_d=True, mi_weight=weight, **sizes)
        for step in range(90):
            stepper.step()
            if step == 59:
                stepper.stats.means()
        assert low <= stepper.stats.means()["g/info"] <= high  # of at most 0.69 nats


# tables


def test_the_preset_of_seed_002_has_the_layers_of_its_table():
    made, model = of_preset("seed002")
    assert layers(model.generator) == [
        *(("Linear", 228, 4 * 448), "norm"),
        *(("ConvTranspose2d", 448, 1024, 4, 2), "norm"),
        *(("ConvTranspose2d", 1024, 512, 4, 2), "norm"),
        *(("ConvTranspose2d", 512, 256, 4, 2), "norm"),
        *(("ConvTranspose2d", 256, 128, 4, 2), "norm"),
        ("ConvTranspose2d", 128, 3, 4, 2),
    ]
    assert layers(model.discriminator) == [
        ("Conv2d", 3, 64, 4, 2),
        *(("Conv2d", 64, 128, 4, 2), "norm"),
        *(("Conv2d", 128, 256, 4, 2), "norm"),
        *(("Conv2d", 256, 512, 4, 2), "norm"),
        ("Linear", 512 * 16, 1),
    ]
    assert layers(model.recogniser) == [("Linear", 512 * 16, 100)]
    slopes = {m.negative_slope for m in model.modules() if isinstance(m, nn.LeakyReLU)}
    assert slopes == {0.1}
    assert isinstance(model.generator.main[-1], nn.Tanh)
    assert (made.params.z_dim, made.params.codes, made.params.code_size) == (128, 10, 10)


def test_the_preset_of_the_paper_has_its_networks_for_32_pixels_and_its_rates():
    made, model = of_preset("paper")
    assert made.options.size == 32
    generator, discriminator = layers(model.generator), layers(model.discriminator)
    assert [layer[2] for layer in generator if layer != "norm"] == [1792, 256, 128, 64, 3]
    assert [layer[2] for layer in discriminator if layer != "norm"] == [64, 128, 256, 1]
    assert layers(model.recogniser) == [
        *(("Linear", 256 * 16, 128), "norm"),
        ("Linear", 128, 100),
    ]
    rates = {
        phase.name: phase.optimizer(phase.parameters()).param_groups[0]["lr"]
        for phase in model.phases()
    }
    assert rates == {"d": 2e-4, "g": 1e-3}
    assert made.params.mi_in_d


# warm-up: codes are labels at first


def warm(**changes):
    return tiny_model(INFOGAN, **{"warmup_steps": 2, "codes": 4, "code_size": 4, **changes})


def of_step(model, step, labels, mask=None):
    z = model.noise(len(labels), torch.Generator().manual_seed(1))
    images = torch.randn(len(labels), 3, 32, 32, generator=torch.Generator().manual_seed(2))
    mask = torch.ones_like(labels) if mask is None else mask
    batch = Batch(images, labels, z, mask, step=step)
    model.prepare(batch, ["d", "g"])
    return batch, z


LABELS = torch.tensor([[0.0, 1, 0, 1, 0], [0, 0, 1, 0, 1]])  # two attributes of 3 and of 2 values


def test_codes_are_labels_in_a_warm_up_and_random_behind_it():
    model = warm()
    assert (model.named, model.codes) == (2, (4, 4))
    mask = torch.tensor([[1.0, 1, 1, 1, 1], [1, 1, 1, 0, 0]])
    batch, z = of_step(model, 2, LABELS, mask)
    head = model.params.z_dim + model.params.continuous
    assert batch.z[0, head : head + 8].tolist() == [0, 1, 0, 0, 1, 0, 0, 0]
    assert batch.z[1, head : head + 4].tolist() == [0, 0, 1, 0]
    assert torch.equal(batch.z[1, head + 4 :], z[1, head + 4 :])  # what is not known stays drawn
    assert torch.equal(batch.z[:, :head], z[:, :head])
    later, z = of_step(model, 3, LABELS, mask)
    assert torch.equal(later.z, z)


def test_q_and_d_learn_real_labels_in_a_warm_up_alone():
    model = warm(mi_weight=3.0)
    d, _ = model.phases()
    terms = d.loss(of_step(model, 2, LABELS)[0])
    assert set(terms) == {"real", "fake", "label"}
    terms["label"].backward()
    assert all(p.grad is not None for p in model.recogniser.parameters())
    assert all(p.grad is not None for p in model.discriminator.body.parameters())
    assert set(d.loss(of_step(model, 3, LABELS)[0])) == {"real", "fake"}
    model.recogniser.requires_grad_(False)
    for parameter in model.recogniser.parameters():
        parameter.zero_()
    blind = d.loss(of_step(model, 1, LABELS)[0])["label"].item()
    assert blind == pytest.approx(3 * math.log(4))
    nothing = d.loss(of_step(model, 1, LABELS, torch.zeros_like(LABELS))[0])["label"].item()
    assert nothing == 0


def test_prompts_set_the_codes_of_a_warmed_model_and_leave_what_they_do_not_name():
    model = warm().eval()
    z = model.noise(2, torch.Generator().manual_seed(0))
    told = torch.tensor([[0.0, 1, 0, 0, 0], [0, 0, 0, 0, 1]])
    placed = model.placed(z, told)
    head = model.params.z_dim
    assert placed[0, head : head + 4].tolist() == [0, 1, 0, 0]
    assert placed[1, head + 4 : head + 8].tolist() == [0, 1, 0, 0]
    assert torch.equal(placed[0, head + 4 :], z[0, head + 4 :])
    assert torch.equal(model.sample(z, told), model.sample(placed))
    plain = tiny_model(INFOGAN)
    z = plain.noise(2, torch.Generator().manual_seed(0))
    assert torch.equal(plain.sample(z, told), plain.sample(z))


def test_a_yes_or_no_is_one_of_two_values_of_its_code():
    model = INFOGAN(
        small_params(INFOGAN, warmup_steps=1, codes=1),
        ImageSpec(32, labels=("smile",), groups=(1,)),
    )
    z = torch.zeros(2, model.params.z_dim + 10)
    placed = model.placed(z, torch.tensor([[1.0], [0.0]]))[:, model.params.z_dim :]
    assert placed.argmax(1).tolist() == [1, 0] and placed.sum() == 2


def test_labels_that_do_not_fit_the_codes_are_refused_with_what_to_type():
    for changes, hint in (({"code_size": 2}, "--set code_size=3"), ({"codes": 1}, "--set codes=2")):
        with pytest.raises(ConfigError) as found:
            warm(**changes)
        assert str(found.value.hint).startswith(hint)
    assert "first 2 of 4 codes" in warm().cautions()[0]
    with pytest.raises(ConfigError, match="there is none"):
        tiny_model(INFOGAN, attributes="hair")


def test_a_warm_up_needs_tags_and_without_one_infogan_needs_none(tiny, pictures):
    with pytest.raises(UnusableError, match="infogan needs labels for warmup_steps") as found:
        tiny("infogan", warmup_steps=2, steps=1)
    assert "--tags" in str(found.value.hint)
    run = tiny("infogan", data="synthetic:24", warmup_steps=2, code_size=12, steps=3)
    assert run.config["spec"]["labels"] and any("d/label" in row for row in run.metrics())


@pytest.mark.parametrize("changes", [{}, {"mi_in_d": True, "continuous": 2}])
def test_a_warm_up_keeps_the_contract(changes):
    check_model(changed(warmup_steps=1, codes=3, code_size=4, **changes), sizes=(32,))
