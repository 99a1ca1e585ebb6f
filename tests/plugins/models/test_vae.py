"""The VAE: its terms in closed form, the layers of seed 002's table, and what it can do."""

from __future__ import annotations

import math

import pytest
import torch
from pydantic import Field, create_model
from torch import nn

from animekit import plugins
from animekit.data.batch import Batch
from animekit.data.spec import ImageSpec
from animekit.errors import ConfigError
from animekit.models.abilities import Diverges, Encodes, Generates, Reconstructs
from animekit.nn.variational import divergence, reparameterised, unread_information
from animekit.testing.check import check_model, tiny_model, tiny_stepper
from animekit.training import recipe

REGISTRY = plugins.load()
VAE = REGISTRY.get("model", "vae")


def seeded(preset):
    made = recipe.make_recipe("vae", REGISTRY, preset=preset)
    with torch.device("meta"):
        return made, VAE(made.params, ImageSpec(made.options.size))


def layers(network):
    kinds = (nn.Conv2d, nn.ConvTranspose2d)
    return [
        (type(m).__name__, m.in_channels, m.out_channels, m.kernel_size[0], m.stride[0])
        for m in network.modules()
        if isinstance(m, kinds)
    ]


# terms


def test_the_divergence_is_that_of_the_closed_form_summed_over_the_code():
    mu, logvar = torch.tensor([[0.0, 2.0, -1.0]]), torch.tensor([[0.0, math.log(4.0), -2.0]])
    one = [0.0, (4 + 4 - 1 - math.log(4)) / 2, (1 + math.exp(-2) - 1 + 2) / 2]
    assert divergence(mu, logvar).tolist() == pytest.approx([sum(one)])
    assert divergence(torch.zeros(3, 7), torch.zeros(3, 7)).tolist() == [0, 0, 0]


def test_the_divergence_is_what_drawing_many_codes_shows():
    mu, logvar = torch.tensor([[0.7, -1.2]]), torch.tensor([[0.9, -0.4]])
    torch.manual_seed(0)
    z = reparameterised(mu.expand(200_000, 2), logvar.expand(200_000, 2))
    own = torch.distributions.Normal(mu, (0.5 * logvar).exp()).log_prob(z)
    prior = torch.distributions.Normal(0, 1).log_prob(z)
    assert (own - prior).sum(1).mean().item() == pytest.approx(divergence(mu, logvar).item(), 0.02)
    assert z.mean(0).tolist() == pytest.approx([0.7, -1.2], abs=0.02)
    assert z.var(0).tolist() == pytest.approx(logvar.exp()[0].tolist(), rel=0.02)


def test_unread_information_is_minus_the_nats_that_are_read():
    codes = torch.eye(3).repeat(1, 2)  # two codes of three values
    assert unread_information(torch.zeros(3, 6), codes, (3, 3)).item() == pytest.approx(0, abs=1e-6)
    assert unread_information(50 * codes, codes, (3, 3)).item() == pytest.approx(-2 * math.log(3))
    logits = torch.tensor([[math.log(6.0), math.log(2.0), 0.0, math.log(0.25)]])
    wanted = torch.tensor([[1.0, 0.0, 1.0, 0.0]])
    read = math.log(2 * 0.75) + math.log(2 * 0.8)
    assert unread_information(logits, wanted, (2, 2)).item() == pytest.approx(-read, rel=1e-5)
    assert unread_information(-50 * codes, codes, (3, 3)).item() > 50  # wrong is worse than blind


def test_the_loss_is_the_mean_error_of_a_pixel_and_the_weighted_divergence():
    model = tiny_model(VAE, z_dim=4, kl_weight=0.5).train()
    with torch.no_grad():
        for head in (model.encoder.mu, model.encoder.logvar):
            head.weight.zero_()
            head.bias.zero_()
        model.encoder.mu.bias[:] = torch.tensor([1.0, 0.0, 0.0, 2.0])
    model.decoder.forward = lambda z: torch.full((len(z), 3, 32, 32), 0.25)
    images = torch.full((2, 3, 32, 32), -0.25)
    images[0] = 1.25
    terms = {key: value.item() for key, value in model.loss(Batch(images)).items()}
    assert terms == pytest.approx({"mse": (1.0 + 0.25) / 2, "kl": 0.5 * 2.5, "nats": 2.5})


def test_nats_are_shown_and_not_minimised():
    model = tiny_model(VAE, z_dim=4, kl_weight=0.0).train()
    terms = model.loss(Batch(torch.rand(2, 3, 32, 32)))
    assert not terms["nats"].requires_grad
    assert terms["kl"].item() == 0
    assert terms["nats"].item() > 0
    assert list(VAE.aliases) == ["v/mse", "v/nats", "v/kl"]


def test_training_draws_codes_and_reconstruction_takes_their_mean():
    model = tiny_model(VAE, z_dim=4).eval()
    images = torch.rand(2, 3, 32, 32)
    assert torch.equal(model.reconstruct(images), model.sample(model.encode(images)))
    torch.manual_seed(1)
    first = model.loss(Batch(images))["mse"]
    assert model.loss(Batch(images))["mse"] != first
    torch.manual_seed(1)
    assert model.loss(Batch(images))["mse"] == first


def test_codes_that_run_away_stay_finite():
    model = tiny_model(VAE, z_dim=4)
    with torch.no_grad():
        model.encoder.logvar.bias.fill_(1e4)
    terms = model.loss(Batch(torch.rand(2, 3, 32, 32)))
    assert all(torch.isfinite(value) for value in terms.values())


# networks


def test_the_preset_of_seed_002_has_the_layers_of_its_table():
    made, model = seeded("seed002")
    assert layers(model.encoder) == [
        ("Conv2d", 3, 32, 4, 2),
        ("Conv2d", 32, 64, 4, 2),
        ("Conv2d", 64, 128, 4, 2),
        ("Conv2d", 128, 256, 4, 2),
        ("Conv2d", 256, 1024, 4, 1),
        ("Conv2d", 256, 1024, 4, 1),
    ]
    assert layers(model.decoder) == [
        ("ConvTranspose2d", 1024, 256, 4, 1),
        ("ConvTranspose2d", 256, 128, 4, 2),
        ("ConvTranspose2d", 128, 64, 4, 2),
        ("ConvTranspose2d", 64, 32, 4, 2),
        ("ConvTranspose2d", 32, 3, 4, 2),
    ]
    kinds = {type(m).__name__ for m in model.modules() if not list(m.children())}
    assert kinds == {"Conv2d", "ConvTranspose2d", "ReLU", "Tanh"}
    assert (made.params.kl_weight, made.options.size) == (3e-6, 64)


@pytest.mark.parametrize("size", [32, 64, 128])
def test_codes_and_images_have_their_shapes_at_every_size(size):
    model = tiny_model(VAE, size, z_dim=6).eval()
    images = torch.rand(2, 3, size, size) * 2 - 1
    assert model.encode(images).shape == (2, 6)
    assert model.nats(images).shape == (2,)
    assert model.reconstruct(images).shape == images.shape
    assert model.sample(model.noise(3)).shape == (3, 3, size, size)
    for protocol in (Generates, Reconstructs, Encodes, Diverges):
        assert isinstance(model, protocol)


def test_a_size_that_does_not_halve_to_four_pixels_is_refused():
    with pytest.raises(ConfigError, match="cannot make images of 48 px"):
        tiny_model(VAE, 48)


@pytest.mark.parametrize("changes", [{"norm": "batch"}, {"activation": "lrelu", "norm": "layer"}])
def test_its_parameters_keep_the_contract(changes):
    fields = {
        key: (VAE.Params.model_fields[key].annotation, Field(value, description="changed"))
        for key, value in changes.items()
    }
    params = create_model("Params", __base__=VAE.Params, **fields)
    check_model(type("Fixed", (VAE,), {"__doc__": VAE.__doc__, "Params": params}), sizes=(32,))


def test_a_hundred_steps_bring_reconstructions_nearer():
    stepper = tiny_stepper(VAE, z_dim=16, e_channels=8, g_channels=8, lr=3e-3, kl_weight=1e-5)
    images = stepper.draw(1).images

    def error():
        with torch.inference_mode():
            return (stepper.model.reconstruct(images) - images).square().mean().item()

    before = error()
    for _ in range(100):
        stepper.step()
    assert error() < 0.4 * before
