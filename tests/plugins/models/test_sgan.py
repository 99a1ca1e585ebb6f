"""Semi-supervised GAN: labels teach the discriminator alone, and pictures are clearly of some."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch

import animekit as ak
from animekit.data.batch import Batch
from animekit.errors import UnusableError
from animekit.nn import losses
from animekit.runs.run import load_model
from animekit.testing.check import tiny_model
from animekit_plugins.models.relativistic import Relativistic
from animekit_plugins.models.sgan import SGAN
from tests.support import call

SMALL = {"g_channels": 4, "d_channels": 4, "z_dim": 8}


def pair(model):
    """A batch of real images, half of them without a known second attribute, and fakes."""
    images = torch.rand(6, 3, 32, 32) * 2 - 1
    labels = torch.zeros(6, sum(model.learned.groups))
    labels[:, 0] = 1
    mask = torch.ones_like(labels)
    mask[3:, model.learned.groups[0] :] = 0
    return Batch(images, labels, mask=mask), Batch(images.flip(0))


def test_certainty_is_the_mean_entropy_of_the_attributes():
    logits = torch.tensor([[math.log(3.0), 0.0, 0.0], [30.0, 0.0, -30.0]])
    first = -(0.75 * math.log(0.75) + 0.25 * math.log(0.25))
    found = losses.attribute_entropy(logits, [2, 1])
    assert found.item() == pytest.approx((first + math.log(2) + 0 + 0) / 4, abs=1e-6)


@pytest.mark.parametrize("objective", ["gan", "hinge", "relativistic"])
def test_the_losses_are_those_of_the_objective_and_of_the_labels(objective):
    model = tiny_model(SGAN, objective=objective, sure_weight=0.5, cls_weight=2.0)
    real, fake = pair(model)
    d = model.discriminator
    on_real, on_fake = d(real.images), d(fake.images)
    read = model.read(d.features(real.images)), model.read(d.features(fake.images))
    groups = model.learned.groups
    terms = model.d_loss(real, fake)
    wanted = 2 * losses.attribute_loss(read[0], real.labels, groups, real.mask)
    assert terms.pop("real_cls").item() == pytest.approx(wanted.item(), rel=1e-5)
    softplus = torch.nn.functional.softplus
    d_side = {
        "gan": softplus(-on_real) + softplus(on_fake),
        "hinge": (1 - on_real).relu() + (1 + on_fake).relu(),
        "relativistic": softplus(on_fake - on_real),
    }
    assert sum(terms.values()).item() == pytest.approx(d_side[objective].mean().item(), rel=1e-5)
    g_side = {
        "gan": softplus(-on_fake),
        "hinge": -on_fake,
        "relativistic": softplus(on_real - on_fake),
    }
    made = model.g_loss(real, fake)
    assert made["adv"].item() == pytest.approx(g_side[objective].mean().item(), rel=1e-5)
    unsure = 0.5 * losses.attribute_entropy(read[1], groups)
    assert made["unsure"].item() == pytest.approx(unsure.item(), rel=1e-5)


def test_labels_that_are_not_known_teach_nothing():
    model = tiny_model(SGAN)
    real, fake = pair(model)
    before = model.d_loss(real, fake)["real_cls"]
    real.labels = real.labels.clone()
    real.labels[3:, model.learned.groups[0] :] = 1
    assert model.d_loss(real, fake)["real_cls"].item() == before.item()


def test_labels_move_the_discriminator_and_its_certainty_the_generator():
    model = tiny_model(SGAN)
    real, fake = pair(model)
    model.d_loss(real, fake)["real_cls"].backward()
    assert all(p.grad is not None and p.grad.any() for p in model.classifier.parameters())
    body, last = model.discriminator.main[0], model.discriminator.main[-1]
    assert body.weight.grad.any() and last.weight.grad is None
    fake.images = model.generator(model.noise(6))
    model.g_loss(real, fake)["unsure"].backward()
    assert all(p.grad.any() for p in model.generator.parameters() if p.ndim > 1)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of pairs, and one of sgan that begins with it, in a folder."""
    where = tmp_path_factory.mktemp("sgan")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(where)
        assert call("data", "synth", "faces", "--num", 24, "--size", 32).exit_code == 0
        told = {"data": "faces", "steps": 2, "size": 32, "batch_size": 4, "params": SMALL}
        ak.train("relativistic", **told)
        ak.train("sgan", pretrained="1", **told)
    return where


def test_a_run_of_pairs_is_gone_on_with_in_both_networks(trained: Path):
    run = ak.Run(trained / "runs" / "0002-sgan-faces32")
    assert run.config["pretrained"]["fresh"] == ["classifier"]
    assert len(run.config["spec"]["labels"]) > 4


def test_it_draws_as_a_model_without_labels(trained: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(trained)
    assert call("generate", "2", "--seeds", "0-3", "-o", "a.png").exit_code == 0
    refused = call("generate", "2", "--prompt", "blue hair", "-o", "b.png")
    assert refused.exit_code == 4
    assert "0002-sgan-faces32 is a sgan, whose generator is told no labels" in refused.stderr
    assert "0002-sgan-faces32 cfaces64" not in refused.stderr
    assert call("generate", "--prompt", "blue hair", "-o", "b.png").exit_code == 0  # not by it


def test_a_classifier_of_other_labels_is_refused(trained: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(trained)
    told = {"data": "faces", "steps": 1, "size": 32, "batch_size": 4, "params": SMALL}
    with pytest.raises(UnusableError, match="it learned"):
        ak.train("sgan", pretrained="2", labels="hair", **told)
    run = ak.train("relativistic", pretrained="2", **told)
    assert isinstance(load_model(str(run.path), None).model, Relativistic)
