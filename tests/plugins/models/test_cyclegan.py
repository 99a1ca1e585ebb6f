"""CycleGAN: its networks, the terms by hand, the pool, and what a trained model can do."""

from __future__ import annotations

import pytest
import torch

from animekit.data.batch import Batch
from animekit.data.spec import ImageSpec
from animekit.errors import ConfigError, UnusableError
from animekit.models.abilities import Illustrates, Translates
from animekit.models.base import Need
from animekit.nn.memory import ImagePool
from animekit.nn.schedules import linear_decay
from animekit.nn.translators import (
    PatchDiscriminator,
    ResnetTranslator,
    TranslatorShape,
    UNetTranslator,
)
from animekit.testing.check import check_model, tiny_model, tiny_stepper
from animekit.training import samples
from animekit.training.presets import presets_of
from animekit_plugins.models.cyclegan import CycleGAN, CycleGANParams


def parameters(network: torch.nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


def test_the_published_networks_have_the_published_numbers_of_parameters():
    with torch.device("meta"):
        assert parameters(ResnetTranslator(TranslatorShape(blocks=9))) == 11_378_179
        assert parameters(ResnetTranslator(TranslatorShape(blocks=6))) == 7_837_699
        assert len(ResnetTranslator(TranslatorShape(blocks=9)).state_dict()) == 48
        assert parameters(PatchDiscriminator(3, 64, 3, "instance")) == 2_764_737


@pytest.mark.parametrize(("size", "blocks", "patch"), [(256, 9, 70), (128, 6, 34), (64, 6, 34)])
def test_networks_follow_the_size(size, blocks, patch):
    model = CycleGAN(CycleGANParams(g_channels=4, d_channels=4, pool_size=0), ImageSpec(size))
    found = [name for name in model.generators["a2b"].state_dict() if "main.5.weight" in name]
    assert len(found) == blocks
    assert seen_by_one_logit(model.discriminators["a"], size) == patch


def seen_by_one_logit(network: PatchDiscriminator, size: int) -> int:
    """How many pixels a side move one logit, by its gradient, without the norms between."""
    plain = torch.nn.Sequential(*(m for m in network.main if isinstance(m, torch.nn.Conv2d)))
    image = torch.zeros(1, 3, size, size, requires_grad=True)
    logits = plain(image)
    middle = logits.shape[2] // 2
    logits[0, 0, middle, middle].backward()
    rows = image.grad.abs().sum((0, 1, 3)).nonzero()
    return int(rows.max() - rows.min()) + 1


def test_a_u_net_goes_down_to_one_pixel_and_sees_what_was_there():
    network = UNetTranslator(TranslatorShape(width=2, halvings=6)).eval()
    sizes = []
    for down in network.down:
        down.register_forward_hook(lambda m, i, o: sizes.append(o.shape[2]))
    image = torch.rand(2, 3, 64, 64)
    assert network(image).shape == (2, 3, 64, 64)
    assert sizes == [32, 16, 8, 4, 2, 1]
    assert network.multiple == 64
    with pytest.raises(ConfigError, match="too few layers"):
        UNetTranslator(TranslatorShape(halvings=4))


@pytest.mark.parametrize(
    "changes",
    [{"architecture": "unet"}, {"norm": "affine", "identity_weight": 0.0, "pool_size": 0}],
    ids=["u-net", "without identity and pool"],
)
def test_the_variants_keep_the_contract(changes):
    class Variant(CycleGAN):
        """CycleGAN with other defaults (Zhu et al., 2017)."""

        def __init__(self, params, spec):
            super().__init__(params.model_copy(update=changes), spec)

    check_model(Variant, sizes=(32,))


class Times(torch.nn.Module):
    """A translator that multiplies."""

    multiple = 4

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = torch.nn.Parameter(torch.tensor(factor))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.factor * images


class Mean(torch.nn.Module):
    """A critic whose two logits are the mean of an image and that plus 2."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        mean = images.mean((1, 2, 3))
        return torch.stack([mean, mean + 2], 1)[:, :, None]


def by_hand(**changes):
    model = tiny_model(CycleGAN, **changes)
    model.generators["a2b"], model.generators["b2a"] = Times(2.0), Times(3.0)
    model.discriminators["a"], model.discriminators["b"] = Mean(), Mean()
    ones = torch.ones(2, 3, 32, 32)
    batch = Batch(images=0.1 * ones, others=0.05 * ones)
    model.prepare(batch, ["g", "d"])
    return {
        f"{phase.name}/{key}": value.item()
        for phase in model.phases()
        for key, value in phase.loss(batch).items()
    }


def test_the_terms_are_those_of_the_paper():
    found = by_hand(pool_size=0)
    # a = 0.1 becomes 0.2 and 0.6 again; b = 0.05 becomes 0.15 and 0.3 again
    assert found["g/cycle_a"] == pytest.approx(10 * 0.5)
    assert found["g/cycle_b"] == pytest.approx(10 * 0.25)
    assert found["g/identity_a"] == pytest.approx(5 * abs(3 * 0.1 - 0.1))
    assert found["g/identity_b"] == pytest.approx(5 * abs(2 * 0.05 - 0.05))
    assert found["g/adv_b"] == pytest.approx(((0.2 - 1) ** 2 + (2.2 - 1) ** 2) / 2)
    assert found["g/adv_a"] == pytest.approx(((0.15 - 1) ** 2 + (2.15 - 1) ** 2) / 2)
    real_a = ((0.1 - 1) ** 2 + (2.1 - 1) ** 2) / 2
    fake_a = (0.15**2 + 2.15**2) / 2
    assert found["d/a"] == pytest.approx((real_a + fake_a) / 2)
    real_b = ((0.05 - 1) ** 2 + (2.05 - 1) ** 2) / 2
    fake_b = (0.2**2 + 2.2**2) / 2
    assert found["d/b"] == pytest.approx((real_b + fake_b) / 2)


def test_weights_scale_their_own_terms_and_identity_goes_with_the_cycle():
    plain, other = (
        by_hand(pool_size=0),
        by_hand(pool_size=0, cycle_weight=20.0, identity_weight=0.25),
    )
    assert other["g/cycle_a"] == pytest.approx(2 * plain["g/cycle_a"])
    assert other["g/identity_a"] == pytest.approx(plain["g/identity_a"])
    assert other["g/adv_a"] == pytest.approx(plain["g/adv_a"])
    assert "g/identity_a" not in by_hand(identity_weight=0.0)


def test_the_discriminator_teaches_the_generator_nothing_in_its_own_phase():
    stepper = tiny_stepper(CycleGAN)
    batch = stepper.draw(1)
    stepper.model.prepare(batch, ["g", "d"])
    phase = next(phase for phase in stepper.phases if phase.name == "d")
    sum(phase.loss(batch).values()).backward()
    assert all(p.grad is None for p in stepper.model.generators.parameters())
    assert all(p.grad is not None for p in stepper.model.discriminators.parameters())


def grey(level: float, count: int = 1) -> torch.Tensor:
    return torch.full((count, 3, 8, 8), level)


def byte(level: float) -> torch.Tensor:
    return grey(level / 127.5 - 1)


def test_a_pool_fills_up_and_then_changes_every_second_image_for_an_older_one():
    torch.manual_seed(0)
    pool = ImagePool(4, ImageSpec(8))
    first = torch.cat([byte(level) for level in range(4)])
    assert torch.equal(pool.exchange(first), first)
    assert pool.filled == 4
    kept, swapped = {0, 1, 2, 3}, 0
    for level in range(4, 256):
        found = round(float(pool.exchange(byte(level)).mean() + 1) * 127.5)
        if found != level:
            swapped += 1
            kept.remove(found)  # KeyError for one that the pool cannot have
            kept.add(level)
    assert 100 < swapped < 152
    assert kept == set(pool.images[:, 0, 0, 0].tolist())


def test_a_pool_of_nothing_returns_what_it_is_given_and_one_image_replaces_itself():
    batch = torch.rand(3, 3, 8, 8)
    assert ImagePool(0, ImageSpec(8)).exchange(batch) is batch
    torch.manual_seed(1)
    pool = ImagePool(1, ImageSpec(8))
    found = pool.exchange(torch.cat([grey(-1), grey(0), grey(1)]))
    assert torch.equal(found[0], grey(-1)[0])
    assert pool.filled == 1


def test_a_pool_is_part_of_the_state_and_keeps_no_graph():
    pool = ImagePool(2, ImageSpec(8))
    pool.exchange(grey(0.5).requires_grad_())
    assert set(pool.state_dict()) == {"images", "filled"}
    assert not pool.images.requires_grad
    assert pool.images.dtype == torch.uint8


def test_directions_are_named_and_there_and_back_is_one_call():
    model = tiny_model(CycleGAN).eval()
    assert isinstance(model, Translates) and isinstance(model, Illustrates)
    assert model.data is Need.UNPAIRED
    assert (model.directions, model.multiple) == (("a2b", "b2a"), 4)
    image = torch.rand(1, 3, 32, 48) * 2 - 1
    with torch.inference_mode():
        for way, other in (("a2b", "b2a"), ("b2a", "a2b")):
            there = model.translate(image, way)
            assert there.shape == image.shape
            assert torch.equal(model.cycle(image, way), model.translate(there, other))
        assert not torch.equal(model.translate(image, "a2b"), model.translate(image, "b2a"))
        with pytest.raises(UnusableError, match='not translate "b2c"') as caught:
            model.translate(image, "b2c")
    assert caught.value.hint == "it knows a2b b2a"


def test_a_sheet_shows_both_domains_their_translations_and_the_way_back():
    stepper = tiny_stepper(CycleGAN)
    model, batch = stepper.model.eval(), samples.examples(stepper.loader, 3)
    with torch.inference_mode():
        sheet = model.sheet(batch)
        assert sheet.shape == (3, 6, 3, 32, 32)
        assert torch.equal(sheet[:, 3], batch.others)
        assert torch.equal(sheet[:, 1], model.translate(batch.images, "a2b"))
        assert torch.equal(sheet[:, 5], model.cycle(batch.others, "b2a"))
        assert samples.draw_sheet(model, stepper.loader, 3).shape == (96, 192, 3)


def test_sizes_that_the_networks_cannot_do_are_refused_before_training():
    for changes, size, message in (
        ({}, 62, "cannot make images of 62 px"),
        ({"architecture": "unet", "depth": 6}, 32, "images of 32 px"),
        ({"architecture": "unet"}, 48, "images of 48 px"),
        ({"directions": "a2b"}, 32, "needs both directions"),
    ):
        with pytest.raises(ConfigError, match=message):
            tiny_model(CycleGAN, size, **changes)


def test_one_direction_holds_one_generator_and_nothing_else():
    model = CycleGAN(CycleGANParams(directions="b2a", g_channels=4), ImageSpec(32))
    assert all(key.startswith("generators.b2a.") for key in model.state_dict())
    assert model.directions == ("b2a",)


def test_the_rate_falls_over_the_second_half_only_where_that_is_asked():
    plain, decaying = (tiny_model(CycleGAN, lr_schedule=way).phases() for way in ("none", "linear"))
    assert [phase.schedule for phase in plain] == [None, None]
    assert all(phase.schedule is linear_decay for phase in decaying)
    assert [phase.name for phase in plain] == ["g", "d"]


def test_the_presets_are_the_papers_recipe_and_two_light_ones():
    paper = presets_of(CycleGAN)["paper"].layer("cyclegan").values
    assert (paper["size"], paper["crop"], paper["batch_size"], paper["n_blocks"]) == (256, 30, 1, 9)
    assert (paper["lr"], paper["lr_schedule"], paper["pool_size"]) == (2e-4, "linear", 50)
    for name, size in (("cpu", None), ("cpu128", 128)):
        light = presets_of(CycleGAN)[name].layer("cyclegan").values
        assert light["g_channels"] == 32 and light["mirror"] and light["crop"]
        assert light.get("size") == size
