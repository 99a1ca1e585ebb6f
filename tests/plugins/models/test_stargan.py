"""StarGAN: its networks, the labels it learns, the terms by hand, and what can be asked of it."""

from __future__ import annotations

import math

import pytest
import torch
from torch.nn import functional

from animekit.data.batch import Batch
from animekit.data.spec import ImageSpec
from animekit.errors import ConfigError, UnusableError
from animekit.models import weights
from animekit.models.abilities import Illustrates, Translates
from animekit.nn.schedules import linear_decay
from animekit.nn.translators import (
    LabelPatchDiscriminator,
    LabelTranslator,
    Residual,
    TranslatorShape,
)
from animekit.testing.check import check_model, tiny_dataset, tiny_model, tiny_stepper
from animekit.training import samples
from animekit.training.presets import presets_of
from animekit_plugins.models.stargan import StarGAN, StarGANParams

CELEBA = ImageSpec(32, 3, ("Black_Hair", "Blond_Hair", "Male", "Young"), (1, 1, 1, 1))


def parameters(network: torch.nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


def test_the_published_networks_have_the_published_numbers_of_parameters():
    with torch.device("meta"):
        shape = TranslatorShape(blocks=6, labels=5)
        assert parameters(LabelTranslator(shape)) == 8_430_528
        assert parameters(LabelPatchDiscriminator(128, 3, 64, 6, 5)) == 44_762_048


@pytest.mark.parametrize(("size", "halvings"), [(32, 4), (64, 5), (128, 6), (256, 6)])
def test_the_discriminator_follows_the_size(size, halvings):
    with torch.device("meta"):
        model = StarGAN(StarGANParams(), ImageSpec(size, 3, ("a", "b"), (2,)))
    assert model.discriminator.labels.kernel_size == (size >> halvings,) * 2
    assert len([m for m in model.discriminator.main if isinstance(m, torch.nn.Conv2d)]) == halvings


def test_every_label_moves_every_place_of_the_image():
    torch.manual_seed(0)
    network = LabelTranslator(TranslatorShape(width=4, blocks=1, labels=2)).eval()
    image = torch.rand(1, 3, 16, 16)
    with torch.inference_mode():
        zero, one = (network(image, torch.tensor([label])) for label in ([0.0, 0.0], [1.0, 0.0]))
        both = network(image.repeat(2, 1, 1, 1), torch.tensor([[0.0, 0.0], [1.0, 0.0]]))
    assert bool(((zero - one).abs().amax(1) > 1e-6).all())
    assert torch.allclose(both, torch.cat([zero, one]), atol=1e-5)


def test_a_model_of_some_attributes_is_saved_and_built_as_such(registry, tmp_path):
    model = tiny_model(StarGAN, attributes="eyes").eval()
    assert model.spec.labels == tiny_dataset().spec(32).labels[3:]
    about = weights.describe(model, 3, {})
    tensors = {k: v for k, v in model.state_dict().items() if k.startswith("generator.")}
    again = weights.build({**about, "part": "average"}, tensors, registry, tmp_path / "x")
    image, target = torch.rand(1, 3, 32, 32), torch.tensor([[0.0, 1.0]])
    with torch.inference_mode():
        assert torch.equal(model.translate(image, target), again.translate(image, target))


@pytest.mark.parametrize("changes", [{"attributes": "hair", "unasked": 0.5}, {"d_layers": 2}])
def test_the_variants_keep_the_contract(changes):
    class Variant(StarGAN):
        """StarGAN with other defaults (Choi et al., 2018)."""

        def __init__(self, params, spec):
            super().__init__(params.model_copy(update=changes), spec)

    check_model(Variant, sizes=(32,))


class Paint(torch.nn.Module):
    """A translator that adds the first label to every pixel."""

    multiple = 4

    def __init__(self) -> None:
        super().__init__()
        self.amount = torch.nn.Parameter(torch.tensor(0.1))

    def forward(self, images: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        return images + self.amount * labels[:, :1, None, None]


class Known(torch.nn.Module):
    """A critic with a slope of 5 for each image, and label logits that are always the same."""

    def __init__(self, logits: list[float]) -> None:
        super().__init__()
        self.logits = torch.nn.Parameter(torch.tensor(logits))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return 5 * images.flatten(1).sum(1)[:, None] / math.sqrt(images[0].numel())

    def judge(self, images: torch.Tensor):
        return self(images), self.logits.expand(len(images), -1)


def by_hand(labels, mask=None, **changes):
    model = tiny_model(StarGAN, **changes)
    model.generator, model.discriminator = Paint(), Known([2.0, 0.0, 1.0, 0.5, -0.5])
    batch = Batch(torch.zeros(2, 3, 32, 32), torch.tensor(labels), None, mask)
    torch.manual_seed(next(s for s in range(99) if permutes(s)))
    model.prepare(batch, ["d", "g"])
    terms = {
        f"{phase.name}/{key}": value.item()
        for phase in model.phases()
        for key, value in phase.loss(batch).items()
    }
    return terms, batch


def permutes(seed: int) -> bool:
    torch.manual_seed(seed)
    return torch.randperm(2).tolist() == [1, 0]


LABELS = [[1.0, 0, 0, 0, 1], [0.0, 1, 0, 1, 0]]


def test_the_terms_are_those_of_the_paper():
    terms, batch = by_hand(LABELS)
    assert batch.kept["target"].tolist() == [LABELS[1], LABELS[0]]
    total = 5 * math.sqrt(3 * 32 * 32)  # the critic's logit of an image of ones
    assert terms["d/wasserstein"] == pytest.approx(0.05 * total, rel=1e-5)
    assert terms["g/adv"] == pytest.approx(-0.05 * total, rel=1e-5)
    assert terms["d/gp"] == pytest.approx(10 * (5 - 1) ** 2, rel=1e-4)
    # there and back adds 0.1 for the first label of the target, and of the source
    assert terms["g/rec"] == pytest.approx(10 * 0.1)
    hair, eyes = torch.tensor([2.0, 0.0, 1.0]), torch.tensor([0.5, -0.5])
    losses = [
        -functional.log_softmax(hair, 0)[row.index(1)]
        - functional.log_softmax(eyes, 0)[row[3:].index(1)]
        for row in LABELS
    ]
    assert terms["d/cls"] == pytest.approx(float(sum(losses)) / 2, rel=1e-5)
    assert terms["g/cls"] == pytest.approx(float(sum(losses)) / 2, rel=1e-5)


def test_weights_scale_their_own_terms():
    plain, _ = by_hand(LABELS)
    other, _ = by_hand(LABELS, cls_weight=2.0, g_cls_weight=3.0, rec_weight=5.0, gp_weight=1.0)
    ratios = {key: other[key] / plain[key] for key in plain}
    assert ratios == pytest.approx(
        {"d/wasserstein": 1, "d/cls": 2, "d/gp": 0.1, "g/adv": 1, "g/cls": 3, "g/rec": 0.5}
    )


def test_yes_and_no_attributes_are_summed_and_averaged_over_the_batch_as_in_the_original():
    model = StarGAN(StarGANParams(g_channels=4, d_channels=4), CELEBA)
    logits, labels = torch.randn(3, 4), torch.randint(2, (3, 4)).float()
    original = functional.binary_cross_entropy_with_logits(logits, labels, reduction="sum") / 3
    found = model._read(logits, labels, torch.ones(3, 4))
    assert found.item() == pytest.approx(original.item(), rel=1e-5)


def test_what_is_not_known_is_zero_and_asks_for_nothing():
    mask = torch.tensor([[1.0, 1, 1, 0, 0], [1.0, 1, 1, 1, 1]])
    labels = [[1.0, 0, 0, 1, 0], [0.0, 1, 0, 1, 0]]  # the eyes of the first are a guess
    terms, batch = by_hand(labels, mask)
    assert batch.kept["source"][0].tolist() == [1, 0, 0, 0, 0]
    assert batch.kept["target"][1].tolist() == [1, 0, 0, 0, 0]
    assert batch.kept["asked"][1].tolist() == [1, 1, 1, 0, 0]
    guessed, _ = by_hand([[1.0, 0, 0, 0, 1], labels[1]], mask)
    assert terms == pytest.approx(guessed)


def test_a_share_of_what_is_asked_can_be_left_open():
    model = tiny_model(StarGAN, unasked=0.5)
    labels = torch.tensor(LABELS * 200)
    torch.manual_seed(0)
    batch = Batch(torch.zeros(400, 3, 32, 32), labels)
    with torch.no_grad():
        model.generator = Paint()
        model.prepare(batch, ["d"])
    asked = batch.kept["asked"]
    assert torch.equal(batch.kept["known"], torch.ones_like(labels))
    assert 0.4 < asked[:, 0].mean() < 0.6
    assert torch.equal(asked[:, 0], asked[:, 2]) and torch.equal(asked[:, 3], asked[:, 4])
    assert not torch.equal(asked[:, 0], asked[:, 3])
    assert bool((batch.kept["target"] <= asked).all())


def test_a_picture_can_be_brought_back_where_it_is_known_what_it_was():
    model = tiny_model(StarGAN).eval()
    assert isinstance(model, Translates) and isinstance(model, Illustrates)
    assert (model.directions, model.multiple) == ((), 4)
    image, target, source = torch.rand(1, 3, 32, 48), torch.eye(5)[:1], torch.eye(5)[1:2]
    with torch.inference_mode():
        there = model.translate(image, target)
        back = model.cycle(image, target, source)
        assert there.shape == image.shape
        assert torch.equal(back, model.translate(there, source))
        with pytest.raises(UnusableError, match="labels that the picture had"):
            model.cycle(image, target)


def test_a_sheet_shows_every_value_of_an_attribute_and_turns_yes_into_no():
    stepper = tiny_stepper(StarGAN, attributes="hair")
    model = stepper.model.eval()
    batch = samples.examples(stepper.loader, 3)
    with torch.inference_mode():
        sheet = model.sheet(batch)
        assert sheet.shape == (3, 1 + 3 + 1, 3, 32, 32)
        blue = torch.tensor([[0.0, 0, 1]]).expand(3, -1)
        assert torch.equal(sheet[:, 3], model.translate(batch.images, blue))
        source = batch.labels[:, :3]
        assert torch.equal(sheet[:, 4], model.translate(sheet[:, 3], source))
    yes_no = StarGAN(StarGANParams(g_channels=4, d_channels=4), CELEBA)
    targets = yes_no._targets(torch.tensor([[1.0, 0, 0, 1]]))
    assert [target.tolist()[0] for target in targets] == [
        [1, 0, 0, 1],
        [0, 1, 0, 1],  # one hair colour goes as the other comes, as in the paper's figures
        [1, 0, 1, 1],
        [1, 0, 0, 0],
    ]


def test_updates_rates_and_sizes_follow_the_parameters():
    d, g = tiny_model(StarGAN, n_critic=5, d_lr=3e-4, lr=1e-4, lr_schedule="linear").phases()
    assert (d.every, g.every) == (1, 5)
    weight = torch.nn.Parameter(torch.zeros(1))
    assert d.optimizer([weight]).param_groups[0]["lr"] == 3e-4
    assert g.optimizer([weight]).param_groups[0]["lr"] == 1e-4
    assert d.schedule is linear_decay
    assert StarGANParams().n_critic == 5 and StarGANParams().betas == (0.5, 0.999)
    with pytest.raises(ConfigError, match="cannot make images of 30 px"):
        tiny_model(StarGAN, 30)
    with pytest.raises(ConfigError, match="too deep"):
        tiny_model(StarGAN, 32, d_layers=6)


def test_a_residual_translator_that_draws_nothing_gives_the_image_back():
    model = tiny_model(StarGAN, 32, residual=True)
    torch.nn.init.zeros_(model.generator.main[-1].weight)
    images = torch.linspace(-1, 1, 3 * 32 * 32).reshape(1, 3, 32, 32)
    labels = torch.ones(1, len(model.spec.labels))
    given = model.translate(images, labels)
    assert torch.allclose(given, images, atol=0.0051) and given.isfinite().all()
    torch.nn.init.ones_(model.generator.main[-1].weight)
    changed = model.translate(images, labels)
    assert (changed - images).abs().max() > 0.1 and changed.abs().max() <= 1


def test_fewer_halvings_leave_the_blocks_a_larger_image():
    for halvings, side in ((1, 16), (2, 8), (3, 4)):
        model = tiny_model(StarGAN, 32, depth=halvings)
        assert model.multiple == 2**halvings
        seen = []
        block = next(m for m in model.generator.main if isinstance(m, Residual))
        block.register_forward_hook(lambda _, inputs, __, seen=seen: seen.append(inputs[0].shape))
        labels = torch.zeros(1, len(model.spec.labels))
        assert model.translate(torch.zeros(1, 3, 32, 32), labels).shape == (1, 3, 32, 32)
        assert seen[0][2:] == (side, side)


def test_the_preset_for_processors_is_light():
    light = presets_of(StarGAN)["cpu"].layer("stargan").values
    assert (light["g_channels"], light["n_blocks"], light["n_critic"]) == (32, 3, 2)
    assert "z_dim" not in light


@pytest.mark.slow
def test_it_learns_to_change_the_colour_of_drawn_hair():
    from animekit.images.pixels import to_uint8
    from animekit.testing.tiny import HAIR

    stepper = tiny_stepper(
        StarGAN, attributes="hair", g_channels=8, d_channels=8, n_blocks=2, n_critic=1, lr=1e-3
    )
    for _ in range(600):
        stepper.step()
    batch = samples.examples(stepper.loader, 9)
    colours = torch.tensor(list(HAIR.values())).float()
    real = torch.from_numpy(to_uint8(batch.images)).float()
    hair = ((real[:, :, :, None] - colours).abs().sum(-1) < 20).any(-1)
    shares = []
    shown = sorted(set(batch.labels[:, : len(HAIR)].argmax(1).tolist()))
    assert len(shown) == 2  # none of the nine faces has black hair
    with stepper.average as model, torch.inference_mode():
        for value in shown:
            target = torch.eye(len(HAIR))[[value] * len(real)]
            fake = torch.from_numpy(to_uint8(model.translate(batch.images, target))).float()
            nearest = (fake[:, :, :, None] - colours).square().sum(-1).argmin(-1)
            shares.append(float(((nearest == value) & hair).sum() / hair.sum()))
    assert min(shares) > 0.6  # a third by chance
