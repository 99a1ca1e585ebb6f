"""What a step measures: accuracy by hand, gradient norms, and that nothing else changes."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from animekit import plugins
from animekit.data.batch import Batch
from animekit.errors import PluginError
from animekit.models.adversarial import AdversarialModel
from animekit.models.base import Losses
from animekit.nn import losses
from animekit.testing.tiny import tiny_stepper
from animekit.training.stepper import Stepper
from animekit_plugins.models.acgan import ACGAN
from animekit_plugins.models.gan import GAN
from animekit_plugins.models.lsgan import LSGAN
from animekit_plugins.models.wgan import WGAN

MODELS = plugins.load().all("model")
JUDGES = {"d", "cd"}


class Brightness(nn.Module):
    """A discriminator that anybody can do by hand: the mean of an image, times a weight."""

    def __init__(self, bias: float = 0.0) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(()))
        self.bias = nn.Parameter(torch.tensor(bias))
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, images: Tensor) -> Tensor:
        self.calls += 1  # type: ignore[operator]
        return self.weight * images.mean((1, 2, 3)) + self.bias


def stepper_of(model: type[AdversarialModel], bias: float = 0.0, **params: Any) -> Stepper:
    class ByHand(model):  # type: ignore[misc, valid-type]
        def build_discriminator(self) -> nn.Module:
            return Brightness(bias)

    return tiny_stepper(ByHand, 32, n_critic=1, **params)


def means_of_first_batch(stepper: Stepper) -> tuple[Tensor, Tensor]:
    """Return the mean of each real and each fake image of step 1, which comes again after."""
    batch = stepper.draw(1)
    with torch.no_grad():
        assert batch.z is not None
        fake = stepper.model.get_submodule("generator")(batch.z)
    return batch.images.mean((1, 2, 3)), fake.mean((1, 2, 3))


def share(answers: Tensor) -> float:
    return answers.float().mean().item()


@pytest.mark.parametrize("bias", [0.0, -0.05, 0.3])
def test_the_accuracy_of_d_is_what_one_counts_by_hand(bias: float) -> None:
    stepper = stepper_of(GAN, bias, g_norm="none")
    real, fake = means_of_first_batch(stepper)
    stepper.step()
    found = stepper.report()
    assert found["d/acc_real"] == pytest.approx(share(real + bias > 0))
    assert found["d/acc_fake"] == pytest.approx(share(fake + bias < 0))


def test_least_squares_are_judged_in_the_middle_of_their_targets() -> None:
    stepper = stepper_of(LSGAN, 0.0, a=-0.4, b=0.2, g_norm="none")
    real, fake = means_of_first_batch(stepper)
    stepper.step()
    found = stepper.report()
    assert found["d/acc_real"] == pytest.approx(share(real > -0.1))
    assert found["d/acc_fake"] == pytest.approx(share(fake < -0.1))


def test_flipped_labels_turn_the_sides() -> None:
    plain, flipped = (stepper_of(GAN, g_loss=kind) for kind in ("saturating", "flipped"))
    for stepper in (plain, flipped):
        stepper.step()
    one, other = plain.report(), flipped.report()
    assert other["d/acc_real"] == pytest.approx(1 - one["d/acc_real"])
    assert other["d/acc_fake"] == pytest.approx(1 - one["d/acc_fake"])


def test_a_critic_is_judged_beside_the_median_of_its_batch() -> None:
    stepper = stepper_of(WGAN, 40.0, g_norm="none")
    real, fake = means_of_first_batch(stepper)
    stepper.step()
    found = stepper.report()
    middle = torch.cat([real, fake]).sort().values[len(real) - 1 : len(real) + 1].mean()
    assert found["d/acc_real"] == pytest.approx(share(real > middle))
    assert found["d/acc_fake"] == pytest.approx(share(fake < middle))
    assert found["d/w_est"] == pytest.approx(-found["d/wasserstein"])


def test_the_estimate_knows_nothing_of_the_weight_of_the_objective() -> None:
    stepper = tiny_stepper(ACGAN, 32, objective="wasserstein", adv_weight=0.25)
    stepper.step()
    found = stepper.report()
    assert found["d/w_est"] == pytest.approx(-4 * found["d/wasserstein"])


@pytest.mark.parametrize("name", MODELS)
def test_every_model_is_measured(name: str) -> None:
    stepper = tiny_stepper(MODELS[name], 32)
    for _ in range(max(phase.every for phase in stepper.phases)):
        stepper.step()
    found = stepper.report()
    assert {f"{phase.name}/grad" for phase in stepper.phases} <= found.keys()
    for phase in JUDGES & {phase.name for phase in stepper.phases}:
        assert 0 <= found[f"{phase}/acc_real"] <= 1 and 0 <= found[f"{phase}/acc_fake"] <= 1
        assert (f"{phase}/w_est" in found) == (f"{phase}/wasserstein" in found)
    assert 0 < sum(value for key, value in found.items() if key.startswith("time/")) <= 1


def test_gradient_norms_are_those_of_the_update() -> None:
    stepper = tiny_stepper(GAN, 32, optimizer="sgd", lr=0.5)
    before = [p.detach().clone() for p in stepper.phases[0].parameters()]
    stepper.phases = stepper.phases[:1]
    stepper.step()
    moves = [a - b for a, b in zip(before, stepper.phases[0].parameters(), strict=True)]
    norm = torch.stack([move.norm() for move in moves]).norm() / 0.5
    assert stepper.report()["d/grad"] == pytest.approx(norm.item(), rel=1e-4)


class Told(AdversarialModel):
    """An objective that keeps no scores, as those of earlier versions."""

    name = "told"

    def d_loss(self, real: Batch, fake: Batch) -> Losses:
        return {"adv": losses.hinge_d(self.discriminator(real.images), self.ask(fake.images))}

    def g_loss(self, real: Batch, fake: Batch) -> Losses:
        return {"adv": losses.hinge_g(self.discriminator(fake.images))}

    def ask(self, images: Tensor) -> Tensor:
        scores: Tensor = self.discriminator(images)
        return scores


class Silent(Told):
    """The same without being measured at all."""

    name = "silent"

    def measure(self, batch: Batch, terms: Losses) -> Losses:
        return {}


def test_an_objective_that_keeps_no_scores_is_asked_again() -> None:
    stepper = tiny_stepper(Told, 32, d_norm="batch", spectral_norm=True)
    for _ in range(3):
        stepper.step()
    assert {"d/acc_real", "d/acc_fake"} <= stepper.report().keys()


def test_one_of_ten_updates_is_measured_the_first_behind_each_report() -> None:
    stepper = tiny_stepper(GAN, 32, n_critic=2)
    for steps, updates in ((1, 1), (10, 1), (11, 2)):
        for _ in range(steps):
            stepper.step()
        assert stepper.measured.counts["d/grad"] == updates
        stepper.report()


def test_asking_leaves_no_trace() -> None:
    told, silent = (
        tiny_stepper(cls, 32, d_norm="batch", spectral_norm=True) for cls in (Told, Silent)
    )
    for _ in range(3):
        told.step()
        silent.step()
    one, other = told.model.state_dict(), silent.model.state_dict()
    assert all(torch.equal(one[key], other[key]) for key in other)
    states = []
    for stepper in (told, silent):
        stepper.step()
        states.append(torch.get_rng_state())
    assert torch.equal(*states), "and no random number was drawn"


def test_a_discriminator_that_gives_no_logits_has_no_accuracy() -> None:
    class Odd(Told):
        def critic(self, labels: Tensor | None) -> Any:
            raise RuntimeError("asked otherwise")

    stepper = tiny_stepper(Odd, 32)
    stepper.step()
    assert "d/acc_real" not in stepper.report()


def test_what_is_measured_must_be_named_scalars() -> None:
    class Odd(GAN):
        def measure(self, batch: Batch, terms: Losses) -> Losses:
            return {"acc": torch.zeros(3)}

    with pytest.raises(PluginError, match="what phase d measures"):
        tiny_stepper(Odd, 32).step()


def test_a_term_keeps_its_name() -> None:
    class Same(GAN):
        def measure(self, batch: Batch, terms: Losses) -> Losses:
            return {"real": torch.tensor(7.0)}

    stepper = tiny_stepper(Same, 32)
    stepper.step()
    assert stepper.report()["d/real"] != 7.0
