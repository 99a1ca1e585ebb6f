"""Two stages: luminance is kept, each phase moves its own, labels colour, runs resume exactly."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from animekit.data.batch import Batch
from animekit.data.spec import ImageSpec
from animekit.errors import ConfigError
from animekit.generation.generate import generate
from animekit.images.pixels import to_float
from animekit.images.write import read_png_text
from animekit.runs.run import Run, load_model
from animekit.testing.check import check_model, small_params, tiny_dataset, tiny_model, tiny_stepper
from animekit.training.presets import presets_of
from animekit.training.recipe import make_recipe
from animekit_plugins.models._colorizer import Colorizer, luminance, tint
from animekit_plugins.models.twostage import TwoStage
from tests.attacks import kill_runs

ROOT = Path(__file__).parents[3]

Train = Callable[..., Run]
COLOURED = {"c_z_dim": 2, "c_channels": 4, "cd_channels": 4}


def faces(count: int = 8, size: int = 32) -> tuple[torch.Tensor, torch.Tensor]:
    """Return drawn faces [N, 3, S, S] and their labels [N, 5]."""
    pack = tiny_dataset(count).pack(size)
    assert pack.labels is not None
    images = to_float(torch.from_numpy(pack.images))
    return images, torch.from_numpy(pack.labels).float()


def chroma_of(images: torch.Tensor) -> torch.Tensor:
    """Return the blue and red differences of BT.601, from their definition."""
    y = 0.299 * images[:, :1] + 0.587 * images[:, 1:2] + 0.114 * images[:, 2:]
    return torch.cat([(images[:, 2:] - y) / 1.772, (images[:, :1] - y) / 1.402], 1)


def built(**changes: Any) -> TwoStage:
    torch.manual_seed(0)
    model = tiny_model(TwoStage, 32, **changes)
    assert isinstance(model, TwoStage)
    return model


# colours


def test_a_picture_is_its_luminance_and_its_chroma() -> None:
    images = torch.rand(4, 3, 16, 16) - 0.5  # no colour near its limit
    assert torch.allclose(tint(luminance(images), chroma_of(images)), images, atol=0.05)
    pale = 0.4 * images
    assert torch.allclose(tint(luminance(pale), chroma_of(pale)), pale, atol=1e-3)


def test_tinting_keeps_the_luminance_the_hue_and_the_range() -> None:
    torch.manual_seed(0)
    grey = torch.rand(8, 1, 16, 16) * 2 - 1
    grey[0], grey[1] = 1.0, -1.0
    chroma = torch.rand(8, 2, 16, 16) * 2 - 1
    images = tint(grey, chroma)
    assert images.abs().max() <= 1
    assert torch.allclose(luminance(images), grey, atol=1e-5)
    assert torch.allclose(images[:2], grey[:2].expand(-1, 3, -1, -1), atol=1e-5)  # white, black
    kept = chroma_of(images)
    cross = kept[:, 0] * chroma[:, 1] - kept[:, 1] * chroma[:, 0]
    assert cross.abs().max() < 1e-5  # the same direction,
    assert (kept * chroma).sum(1).min() > -1e-6  # not the opposite one


def test_more_chroma_is_always_more_colour_up_to_what_exists() -> None:
    shares = torch.tensor([0.2, 0.6, 1.0, 1.5, 3.0])
    limit = (1 - 0.5) / 1.772  # blue meets its end there
    blue = torch.zeros(5, 2, 1, 1)
    blue[:, 0, 0, 0] = shares * limit
    found = chroma_of(tint(torch.full((5, 1, 1, 1), 0.5), blue))[:, 0, 0, 0] / limit
    assert torch.allclose(found, shares / (1 + shares**4) ** 0.25, atol=1e-5)
    assert (found.diff() > 0).all() and found[-1] < 1


def test_a_colour_that_does_not_exist_still_has_a_gradient() -> None:
    chroma = torch.full((1, 2, 2, 2), 0.3, requires_grad=True)
    tint(torch.full((1, 1, 2, 2), 0.8), chroma)[:, 2].sum().backward()
    assert chroma.grad is not None and (chroma.grad[:, 0] > 0.01).all()
    white = torch.full((1, 2, 2, 2), 0.3, requires_grad=True)
    tint(torch.ones(1, 1, 2, 2), white).square().sum().backward()
    assert white.grad is not None and torch.isfinite(white.grad).all()


@pytest.mark.parametrize("size", [32, 48, 128])
@pytest.mark.parametrize("norm", ["batch", "instance", "none"])
def test_the_coloriser_takes_every_side_and_norm(size: int, norm: str) -> None:
    network = Colorizer(4, 3, norm=norm)
    grey = torch.rand(2, 1, size, size) * 2 - 1
    images = network(grey, torch.randn(2, 3))
    assert images.shape == (2, 3, size, size)
    assert torch.allclose(luminance(images), grey, atol=1e-5)


# the model


VARIANTS: dict[str, dict[str, Any]] = {
    "grey without labels": {"grey_labels": False},
    "real grey pictures alone": {"generated": 0.0, "c_every": 1},
    "generated ones alone": {"generated": 1.0, "replay_size": 6},
    "cross-entropy": {"objective": "gan", "soft_labels": 0.1, "r1_weight": 1.0},
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_model_keeps_the_contract_with_other_parameters(
    variant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from animekit.testing import tiny

    def changed(cls: type[TwoStage], **changes: Any) -> Any:
        return small_params(cls, **VARIANTS[variant], **changes)

    monkeypatch.setattr(tiny, "small_params", changed)
    check_model(TwoStage, sizes=(32,))


def test_the_luminance_of_a_sample_is_what_the_grey_stage_drew() -> None:
    model = built().eval()
    _, labels = faces(4)
    with torch.inference_mode():
        grey, colour = model.stages(model.noise(4), labels)
    assert grey.shape == (4, 1, 32, 32)
    assert torch.allclose(luminance(colour), grey, atol=1e-5)


def test_phases_move_only_the_network_of_their_own_stage() -> None:
    expected = {
        "d": "grey.discriminator",
        "g": "grey.generator",
        "cd": "colour.discriminator",
        "cg": "colour.generator",
    }
    assert [phase.name for phase in built().phases()] == list(expected)
    for name, network in expected.items():
        stepper = tiny_stepper(TwoStage, c_every=1, n_critic=1)
        before = {key: value.clone() for key, value in stepper.model.named_parameters()}
        stepper.phases = [phase for phase in stepper.phases if phase.name == name]
        stepper.step()
        moved = {
            key
            for key, value in stepper.model.named_parameters()
            if not torch.equal(before[key], value)
        }
        assert moved and all(key.startswith(network) for key in moved)


def test_the_colour_stage_moves_in_its_own_steps_and_draws_in_no_others() -> None:
    every = {phase.name: phase.every for phase in built(c_every=3, n_critic=2).phases()}
    assert every == {"d": 1, "g": 2, "cd": 3, "cg": 6}
    model, (images, labels) = built(), faces(4)
    for due, drawn in ((["d", "g"], False), (["d", "cd"], True)):
        batch = Batch(images, labels, z=model.noise(4))
        model.prepare(batch, due)
        assert ("coloured" in batch.kept) == drawn
        assert batch.fake is not None and batch.fake.shape == (4, 1, 32, 32)


def test_gradients_of_the_colours_do_not_reach_the_grey_stage() -> None:
    model, (images, labels) = built(generated=1.0), faces(4)
    batch = Batch(images, labels, z=model.noise(4))
    model.prepare(batch, ["d", "g", "cd", "cg"])
    batch.kept["coloured"].sum().backward()
    assert all(parameter.grad is None for parameter in model.grey.parameters())
    assert all(parameter.grad is not None for parameter in model.colour.generator.parameters())


@pytest.mark.parametrize(("generated", "drawn"), [(0.0, 0), (0.5, 4), (1.0, 8)])
def test_a_share_of_what_the_coloriser_sees_is_drawn_by_the_grey_stage(
    generated: float, drawn: int
) -> None:
    model, (images, labels) = built(generated=generated), faces(8)
    batch = Batch(images, labels, z=model.noise(8))
    model.prepare(batch, ["cg"])
    shown = luminance(batch.kept["coloured"])
    assert batch.fake is not None
    assert torch.allclose(shown[:drawn], batch.fake[:drawn], atol=1e-5)
    assert torch.allclose(shown[drawn:], luminance(images[drawn:]), atol=1e-5)


def test_only_real_pictures_whose_labels_are_known_have_right_colours() -> None:
    model, (images, labels) = built(generated=0.5, l1_weight=3.0), faces(4)
    fake = images.clone()
    fake[0] += 1.0  # drawn by the grey stage: never compared
    fake[2] += 0.1
    fake[3] += 0.5
    mask = torch.ones_like(labels)
    mask[3, :3] = 0  # its hair colour was told at random
    seen = Batch(fake, labels)
    terms = model.colour.g_loss(Batch(images, labels, mask=mask), seen)
    assert float(terms["l1"]) == pytest.approx(3.0 * 0.1 / 2, rel=1e-4)
    terms = model.colour.g_loss(Batch(images, labels), seen)
    assert float(terms["l1"]) == pytest.approx(3.0 * (0.1 + 0.5) / 2, rel=1e-4)
    assert "l1" not in built(l1_weight=0.0).colour.g_loss(Batch(images, labels), seen)


def test_labels_that_are_unknown_teach_no_class() -> None:
    model, (images, labels) = built(), faces(4)
    found = []
    for hair in (0, 1):
        changed = labels.clone()
        changed[:, :3] = torch.eye(3)[hair]
        mask = torch.ones_like(labels)
        mask[:, :3] = 0
        batch = Batch(images, changed, mask=mask)
        fake = Batch(images.flip(0), labels)
        torch.manual_seed(0)
        found.append(model.colour.d_loss(batch, fake)["real_cls"].item())
    assert found[0] == found[1]


def test_noise_of_the_colours_follows_that_of_the_grey_picture() -> None:
    model = built(z="sphere", z_dim=9, c_z_dim=4, z_std=2.0).eval()
    z = model.noise(5, torch.Generator().manual_seed(1))
    assert z.shape == (5, 13)
    assert torch.allclose(z[:, :9].norm(dim=1), torch.full((5,), 6.0))
    assert torch.allclose(z[:, 9:].norm(dim=1), torch.full((5,), 4.0))
    _, labels = faces(5)
    other = torch.cat([z[:, :9], -z[:, 9:]], 1)
    with torch.inference_mode():
        (grey, colour), (same, recoloured) = model.stages(z, labels), model.stages(other, labels)
    assert torch.equal(grey, same)
    assert not torch.allclose(colour, recoloured, atol=1e-4)


@pytest.mark.parametrize("told", [True, False])
def test_the_grey_picture_depends_on_the_labels_only_where_it_is_told_them(told: bool) -> None:
    model = built(grey_labels=told).eval()
    z = model.noise(1).expand(3, -1)
    labels = torch.cat([torch.eye(3), torch.tensor([[1.0, 0.0]]).expand(3, -1)], 1)
    with torch.inference_mode():
        grey, colour = model.stages(z, labels)
    assert torch.equal(grey[0], grey[1]) != told
    assert not torch.allclose(chroma_of(colour[:1]), chroma_of(colour[1:2]), atol=1e-5)


def test_the_grey_stage_that_is_told_nothing_is_taught_no_class() -> None:
    model, (images, labels) = built(grey_labels=False), faces(4)
    batch = Batch(images, labels, z=model.noise(4))
    model.prepare(batch, ["d", "g"])
    terms = {f"{p.name}/{k}": v for p in model.phases()[:2] for k, v in p.loss(batch).items()}
    assert terms["d/real_cls"].item() == terms["g/cls"].item() == 0.0
    told = built(grey_cls=0.5).grey.params, built().colour.params
    assert [each.cls_weight for each in told] == [0.5, 1.0]


def test_the_sheet_shows_the_way_from_real_to_grey_to_colour_and_both_stages() -> None:
    model, (images, labels) = built().eval(), faces(4)
    with torch.inference_mode():
        sheet = model.sheet(Batch(images, labels))
    assert sheet.shape == (4, 5, 3, 32, 32)
    assert torch.equal(sheet[:, 0], images)
    for grey, coloured in ((1, 2), (3, 4)):
        assert torch.allclose(
            sheet[:, grey], luminance(sheet[:, coloured]).expand(-1, 3, -1, -1), atol=1e-5
        )
    assert torch.allclose(sheet[:, 1, :1], luminance(images), atol=1e-5)


def test_each_stage_shows_its_discriminator_past_fakes_of_its_own_kind() -> None:
    model = built(replay_size=16)
    assert model.grey.memory is not None and model.colour.memory is not None
    assert model.grey.memory.images.shape == (16, 1, 32, 32)
    assert model.colour.memory.images.shape == (16, 3, 32, 32)
    images, labels = faces(8)
    batch = Batch(images, labels, z=model.noise(8))
    model.prepare(batch, ["d", "cd"])
    for phase in model.phases():
        if phase.name in ("d", "cd"):
            phase.loss(batch)
    assert model.grey.memory.filled == model.colour.memory.filled == 4


def test_images_must_have_colours_and_sides_that_the_networks_can_make() -> None:
    params = small_params(TwoStage)
    spec = tiny_dataset().spec(32)
    with pytest.raises(ConfigError, match="3 channels"):
        TwoStage(params, replace(spec, channels=1)).validate()
    with pytest.raises(ConfigError, match="40 px"):
        TwoStage(params, ImageSpec(40, 3, spec.labels, spec.groups))
    changes = {"d_norm": "batch", "objective": "wasserstein"}
    (caution,) = tiny_model(TwoStage, 32, **changes).cautions()  # of both stages, said once
    assert "d_norm=none" in caution
    with pytest.raises(ValidationError):
        TwoStage.Params(generated=1.5)
    with pytest.raises(ConfigError, match="labels"):
        built().sample(torch.zeros(1, 108))


def test_the_coloriser_learns_to_paint_what_is_asked() -> None:
    """Of two labels that no luminance tells apart, one is blue and one is red."""
    torch.manual_seed(0)
    network = Colorizer(8, 2)
    optimizer = torch.optim.Adam(network.parameters(), lr=5e-3)
    colours = torch.tensor([[0.3, -0.1], [-0.1, 0.3]])[:, :, None, None]
    labels = torch.eye(2).repeat(4, 1)

    def pictures() -> torch.Tensor:
        coarse = torch.rand(8, 1, 4, 4) - 0.5
        return torch.nn.functional.interpolate(coarse, size=32, mode="bilinear")

    for _ in range(40):
        grey = pictures()
        wanted = tint(grey, colours[labels.argmax(1)].expand(-1, -1, 32, 32))
        optimizer.zero_grad()
        (network(grey, labels) - wanted).abs().mean().backward()
        optimizer.step()
    network.eval()
    with torch.inference_mode():
        found = chroma_of(network(pictures()[:2], torch.eye(2))).mean((2, 3))
    assert found[0, 0] > 0.15 and found[0, 1] < 0
    assert found[1, 1] > 0.15 and found[1, 0] < 0


# as the user has it


def test_the_presets_name_the_model_and_their_parameters_are_known(registry: Any) -> None:
    for name in ("cpu", "demo", "seed003"):
        assert "twostage" in presets_of(TwoStage)[name].models
        made = make_recipe("twostage", registry, preset=name)
        model = TwoStage(made.params, tiny_dataset().spec(64))
        model.validate()


def test_a_run_that_is_cut_equals_a_straight_one(tiny: Train) -> None:
    values = {**COLOURED, "data": "synthetic:12", "c_every": 2, "n_critic": 1}
    straight = tiny("twostage", steps=5, **values)
    cut = tiny("twostage", steps=1, **values)
    for steps in (3, 5):
        tiny("twostage", resume=cut.path, steps=steps)
    assert kill_runs.differences(straight, cut) == []


def test_a_trained_model_draws_from_labels_and_its_picture_can_be_made_again(
    tiny: Train, tmp_path: Path
) -> None:
    run = tiny("twostage", steps=2, **COLOURED, data="synthetic:12")
    spec = load_model(run).model.spec
    labels = np.zeros((2, len(spec.labels)), np.float32)
    labels[:, 0] = 1
    first = generate(run, seeds=[3, 4], labels=labels)
    again = generate(run, seeds=[4], labels=labels[1:])
    assert np.array_equal(first.images[1], again.images[0])
    first.save(tmp_path / "two.png")
    assert read_png_text(tmp_path / "two.png")
