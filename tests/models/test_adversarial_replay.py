"""Past fakes for the discriminator, in every adversarial model."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn.functional import softplus

from animekit import plugins
from animekit.data.batch import Batch
from animekit.models.adversarial import AdversarialModel
from animekit.testing.check import tiny_model, tiny_stepper

MODELS = plugins.load().all("model")
ADVERSARIAL = [name for name, cls in MODELS.items() if issubclass(cls, AdversarialModel)]


class Swapped(nn.Module):
    """A memory that turns a batch of fakes round, each with its labels."""

    def exchange(self, images, labels):
        return images.flip(0), None if labels is None else labels.flip(0)


def d_terms(model, *, memory, seed=0):
    torch.manual_seed(seed)
    images = torch.rand(4, 3, 32, 32) * 2 - 1
    labels = torch.eye(5)[[0, 1, 2, 0]] + torch.eye(5)[[3, 4, 4, 3]]
    batch = Batch(images, labels, mask=torch.ones(4, 5), z=model.noise(4), step=1)
    model.prepare(batch, ["d"])
    model.memory = memory
    return {key: term.item() for key, term in model.phases()[0].loss(batch).items()}, batch


@pytest.mark.parametrize("name", ADVERSARIAL)
def test_every_adversarial_model_shows_past_fakes_where_asked(name):
    stepper = tiny_stepper(MODELS[name], replay_size=6)
    stepper.step(), stepper.step()
    assert stepper.model.memory.filled == 4  # half of two batches of 4
    assert stepper.model.memory.images.float().std() > 0
    plain = tiny_model(MODELS[name])
    assert plain.memory is None
    assert not any("memory" in key for key in plain.state_dict())


def test_fakes_without_labels_are_kept_without():
    stepper = tiny_stepper(MODELS["gan"], replay_size=6)
    shown, labels = stepper.model.memory.exchange(torch.zeros(4, 3, 32, 32), None)
    assert shown.shape == (4, 3, 32, 32) and labels is None


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("chinge", {"condition": "concat"}),
        ("cwgangp", {"mismatch": "none", "gp_weight": 0.0}),
        ("cprojected", {}),
    ],
)
def test_real_images_keep_their_labels_where_fakes_are_past_ones(name, values):
    # a mean over fakes does not ask for their order, so nothing may change but what goes with reals
    values = {"d_norm": "none", "augment": (), "init": "he", **values}
    model = tiny_model(MODELS[name], **values)
    if name == "cprojected":  # needs no features here
        model.discriminator = ByLabels()
    expected, _ = d_terms(model, memory=None)
    found, _ = d_terms(model, memory=Swapped())
    assert found == pytest.approx(expected, rel=1e-4)


class ByLabels(nn.Module):
    """Scores images beside labels, where a wrong label changes the score."""

    def judge(self, images, labels):
        return (images.mean((1, 2, 3)) * (labels @ torch.arange(1.0, 6.0))).requires_grad_()

    forward = judge


def test_pairs_of_past_fakes_see_two_kinds_of_labels():
    values = {
        "condition": "concat",
        "init": "he",
        "d_norm": "none",
        "r1_weight": 0.0,
        "r2_weight": 0.0,
    }
    model = tiny_model(MODELS["crelativistic"], **values)
    found, batch = d_terms(model, memory=Swapped())
    on_real = model.discriminator(batch.images, batch.target)
    on_fake = model.discriminator(batch.fake.flip(0), batch.target.flip(0))
    assert found["adv"] == pytest.approx(softplus(on_fake - on_real).mean().item(), rel=1e-4)


def test_codes_are_read_from_fakes_of_this_step_alone():
    model = tiny_model(MODELS["infogan"], mi_in_d=True, replay_size=6)
    read = []
    model.code_terms = lambda features, z: read.append((len(features), z)) or {}
    z = model.noise(4, torch.Generator().manual_seed(0))
    batch = Batch(torch.zeros(4, 3, 32, 32), z=z)
    model.prepare(batch, ["d"])
    model.phases()[0].loss(batch)
    assert read[0][0] == 2 and torch.equal(read[0][1], z[2:])
