"""What the tips need of every adversarial model: mixed batches, pixels from 0, noise that fades."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from animekit import plugins
from animekit.data.batch import Batch
from animekit.data.spec import ImageSpec
from animekit.errors import ConfigError
from animekit.models.adversarial import AdversarialModel
from animekit.nn.architectures import ARCHITECTURES
from animekit.testing.tiny import tiny_model, tiny_stepper

MODELS = {
    name: cls
    for name, cls in plugins.load().all("model").items()
    if issubclass(cls, AdversarialModel)
}


def built(name: str, **values: Any) -> AdversarialModel:
    model = tiny_model(MODELS[name], **values)
    assert isinstance(model, AdversarialModel)
    return model


def test_mixed_batches_are_normalised_together() -> None:
    torch.manual_seed(0)
    model = built("gan", d_norm="batch", d_batches="mixed")
    dark, light = -torch.rand(4, 3, 32, 32), torch.rand(4, 3, 32, 32)
    found = model.both(model.discriminator, dark, light)
    expected = model.discriminator(torch.cat([dark, light]))
    assert torch.equal(torch.cat(found), expected)
    apart = built("gan", d_norm="batch")
    apart.load_state_dict(model.state_dict())
    separate = torch.cat(apart.both(apart.discriminator, dark, light))
    assert not torch.allclose(separate, expected, atol=1e-3)


@pytest.mark.parametrize("name", [*MODELS, "twostage"])
def test_mixed_batches_train_every_adversarial_model(name: str) -> None:
    apart, mixed = (
        tiny_stepper(plugins.load().get("model", name), d_batches=kind, n_critic=1)
        for kind in ("separate", "mixed")
    )
    for stepper in (apart, mixed):
        for _ in range(2):
            stepper.step()
        assert stepper.healthy()
    judge = getattr(mixed.model, "discriminator", nn.Module())
    norms = any(isinstance(each, nn.BatchNorm2d) for each in judge.modules())
    means = apart.stats.means(), mixed.stats.means()
    assert means[0].keys() == means[1].keys()
    assert not norms or means[0] != means[1]


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("end", ["tanh", "sigmoid"])
def test_every_architecture_ends_as_asked(architecture: str, end: str) -> None:
    model = built("gan", architecture=architecture, g_output=end).eval()
    z = 1e4 * torch.randn(4, model.params.z_dim)
    images = model.sample(z)
    assert images.abs().max() <= 1
    before = list(model.generator.main)[:-1]  # type: ignore[arg-type]
    x = z[:, :, None, None] if model.generator.spatial else z
    raw = nn.Sequential(*before)(x)
    expected = raw.tanh() if end == "tanh" else 2 * raw.sigmoid() - 1
    assert torch.allclose(images, expected, atol=1e-5)


def test_beside_a_sigmoid_the_discriminator_takes_pixels_from_0_to_1() -> None:
    seen: list[torch.Tensor] = []
    model = built("gan", g_output="sigmoid", r1_weight=1.0)
    model.discriminator.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    batch = Batch(2 * torch.rand(4, 3, 32, 32) - 1, z=torch.randn(4, 100))
    model.prepare(batch, ["d", "g"])
    for phase in model.phases():
        phase.loss(batch)
    assert len(seen) == 4
    assert all(0 <= images.min() < 0.4 and 0.6 < images.max() <= 1 for images in seen[:1])
    assert all(images.min() >= 0 for images in seen)
    assert batch.fake is not None and batch.fake.min() < 0, "elsewhere they are in [-1, 1]"


def test_a_discriminator_that_looks_through_a_network_keeps_its_pixels() -> None:
    with pytest.raises(ConfigError, match="takes pixels in"):
        built("projected", g_output="sigmoid")


@pytest.mark.parametrize(("done", "share"), [(0.0, 1.0), (0.75, 0.25), (1.0, 0.0)])
def test_noise_on_what_d_sees_fades_in_a_straight_line(done: float, share: float) -> None:
    model = built("gan", instance_noise=0.2, instance_noise_decay="linear")
    batch = Batch(torch.zeros(8, 3, 32, 32), progress=torch.tensor(done))
    seen = model._seen(batch, batch.images, None).images
    assert seen.std().item() == pytest.approx(0.2 * share, rel=0.05)


def test_the_noise_of_a_training_is_that_of_its_place_in_it() -> None:
    stepper = tiny_stepper(MODELS["gan"], instance_noise=0.2, instance_noise_decay="linear")
    found = [stepper.draw(step).progress for step in (1, 26, 100)]
    assert [float(each) for each in found if each is not None] == pytest.approx([0, 0.25, 0.99])


def test_grey_pictures_have_both_ends() -> None:
    cls = MODELS["gan"]
    params = cls.Params.model_validate({"g_channels": 4, "d_channels": 4, "g_output": "sigmoid"})
    model = cls(params, ImageSpec(32, channels=1))
    assert model.sample(torch.randn(2, 100)).shape == (2, 1, 32, 32)
