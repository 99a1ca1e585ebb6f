"""Projected GAN: frozen features, heads on every scale, and who must not judge it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from animekit import plugins
from animekit.errors import CheckpointError, NotFoundError
from animekit.evaluation.evaluate import evaluate
from animekit.models import weights
from animekit.runs.checkpoint import AVERAGE, newest_sound
from animekit.runs.run import Run, load_model
from animekit.testing.check import tiny_model, tiny_stepper
from animekit.training.train import train
from animekit_plugins.models.projected import ConditionalProjected, Projected

TAGGER = {"extractor": "tagger", "extractor_size": 32, "mix_channels": 4}


def test_features_and_their_mixing_stay_what_they_were() -> None:
    stepper = tiny_stepper(Projected, 32, **TAGGER)
    discriminator = stepper.model.discriminator
    network = discriminator.extractor.network
    before = {name: value.clone() for name, value in network.state_dict().items()}
    mixing = {name: value.clone() for name, value in discriminator.named_buffers()}
    for _ in range(2):
        stepper.step()
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    kept = dict(discriminator.named_buffers())
    frozen = [name for name in mixing if name.startswith(("across", "between"))]
    assert len(frozen) == 8 and all(torch.equal(kept[name], mixing[name]) for name in frozen)
    assert not network.training
    own = sum(value.numel() for value in stepper.model.state_dict().values())
    assert own < sum(value.numel() for value in before.values()) / 2  # they are not saved
    saved = {name.removeprefix("discriminator.") for name in stepper.model.state_dict()}
    assert set(frozen) <= saved


def test_a_head_on_the_largest_scale_sees_the_deepest_features_too() -> None:
    torch.manual_seed(0)
    discriminator = tiny_model(Projected, 32, **TAGGER).discriminator.eval()
    seen = discriminator._maps(torch.zeros(1, 3, 32, 32))
    maps = [torch.zeros(1, *each.shape[1:]) for each in seen]
    assert [each.shape[2] for each in maps] == [16, 8, 4, 2]
    discriminator._maps = lambda images: maps
    before = discriminator._mixed(torch.zeros(1, 3, 32, 32))
    maps[-1] = maps[-1] + 1
    after = discriminator._mixed(torch.zeros(1, 3, 32, 32))
    assert all((a != b).any() for a, b in zip(before, after, strict=True))
    maps[-1], maps[0] = torch.zeros_like(maps[-1]), maps[0] + 1
    top = discriminator._mixed(torch.zeros(1, 3, 32, 32))
    assert [bool((a != b).any()) for a, b in zip(before, top, strict=True)] == [True, *[False] * 3]


def test_each_head_has_a_hinge_of_its_own() -> None:
    model = tiny_model(Projected, 32, **TAGGER)
    logits = torch.tensor([[3.0, 0.0, -1.0, 1.0]])
    model.discriminator.judge = lambda images, labels: logits if images.mean() > 0 else logits - 2
    model.augmentation = torch.nn.Identity()
    on_real, on_fake = (0 + 1 + 2 + 0) / 4, (2 + 0 + 0 + 0) / 4
    assert model.d_loss(_batch(1.0), _batch(-1.0))["adv"].item() == on_real + on_fake
    assert model.g_loss(_batch(1.0), _batch(-1.0))["adv"].item() == -(1 - 2 - 3 - 1) / 4


def _batch(value: float) -> Any:
    from animekit.data.batch import Batch

    return Batch(torch.full((1, 3, 32, 32), value))


def test_the_generator_learns_through_the_features() -> None:
    stepper = tiny_stepper(Projected, 32, **TAGGER)
    batch = stepper.draw(1)
    stepper.model.prepare(batch, ["d", "g"])
    sum(stepper.model.phases()[1].loss(batch).values()).backward()
    gradients = [parameter.grad for parameter in stepper.model.generator.parameters()]
    assert all(gradient is not None and gradient.abs().max() > 0 for gradient in gradients)


def test_heads_of_labels_score_the_same_image_otherwise_with_other_labels() -> None:
    model = tiny_model(ConditionalProjected, 32, **TAGGER).eval()
    images = torch.randn(2, 3, 32, 32).clamp(-1, 1)
    one, other = (model.critic(row.expand(2, -1))(images) for row in torch.eye(5)[:2])
    assert (one != other).all()


def test_without_its_extractor_a_model_draws_and_does_not_train(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    registry = plugins.load()
    file = newest_sound(_trained(tmp_path, registry).path) / AVERAGE
    torch.manual_seed(0)
    z = torch.randn(1, 8)
    with torch.inference_mode():
        expected = load_model(file, registry).model.sample(z)

    def gone(name: str) -> Any:
        raise NotFoundError(f"no extractor {name}", "install it")

    monkeypatch.setattr("animekit_plugins.models.projected.load_extractor", gone)
    with torch.inference_mode():
        assert torch.equal(load_model(file, registry).model.sample(z), expected)
    with pytest.raises(NotFoundError, match="no extractor tagger"):
        _trained(tmp_path / "again", registry)


def test_an_extractor_that_is_not_there_says_what_to_do() -> None:
    with pytest.raises(NotFoundError) as error:
        tiny_model(Projected, 32, extractor="nothing.safetensors")
    assert "nothing.safetensors" in error.value.message and "tagger" in error.value.hint
    with pytest.raises(Exception, match="unknown extractor"):
        tiny_model(Projected, 32, extractor="resnet")


def test_weights_that_learned_on_other_features_are_refused() -> None:
    first, other = (tiny_model(Projected, 32, **TAGGER) for _ in range(2))
    state = first.discriminator.state_dict()
    state["sha256"] = torch.zeros_like(state["sha256"])
    other.discriminator.load_state_dict(state)
    with pytest.raises(CheckpointError, match="learned on an extractor of sha256 00000000"):
        other.discriminator(torch.zeros(2, 3, 32, 32))


def test_a_file_of_the_same_network_is_the_same_judge() -> None:
    path = str(weights.bundled()["tagger"])
    model = tiny_model(Projected, 32, **{**TAGGER, "extractor": path})
    assert model.learned_from[1] == tiny_model(Projected, 32, **TAGGER).learned_from[1]
    assert tiny_model(plugins.load().get("model", "gan"), 32).learned_from is None


def _trained(folder: Path, registry: Any) -> Run:
    small = {"g_channels": 2, "d_channels": 2, "z_dim": 8, **TAGGER}
    options = {"size": 32, "steps": 1, "batch_size": 4, "eval_every": 0, "threads": 1}
    return train(
        "projected", "synthetic:64", params=small, registry=registry, runs=folder, **options
    )


def test_evaluate_leaves_out_what_the_extractor_would_say(tmp_path: Path) -> None:
    registry = plugins.load()
    run = _trained(tmp_path, registry)
    found = evaluate(
        run, "synthetic:64", metrics=["fd", "swd"], num=32, registry=registry, illustrate=False
    )
    column = found.columns[1]
    assert column.values["fd_tagger"].value is None
    assert "trained on the features of tagger" in column.values["fd_tagger"].reason
    assert "trained on" not in (column.values["swd_avg"].reason or "")
    assert any("cannot judge it" in oddity.message for oddity in found.oddities)
    assert found.columns[0].values["fd_tagger"].value is not None  # real pictures learned nothing
