"""Labels of real and fake: every cross-entropy and least-squares model takes ranges and flips."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from animekit import plugins
from animekit.errors import ConfigError
from animekit.models.label_noise import (
    CrossEntropyParams,
    LeastSquaresParams,
    cross_entropy_d,
    cross_entropy_g,
    least_squares_d,
)
from animekit.testing.tiny import tiny_model, tiny_stepper

MODELS = plugins.load().all("model")
CROSS_ENTROPY = {
    "gan": {},
    "acgan": {},
    "infogan": {},
    "cwgangp": {"objective": "gan", "gp_weight": 0.0},
    "twostage": {"objective": "gan"},
}
REAL, FAKE = torch.full((20_000,), 2.0), torch.full((20_000,), -1.0)


def softplus(x: float) -> float:
    return math.log1p(math.exp(x))


def test_a_flipped_label_is_that_of_the_other_kind() -> None:
    torch.manual_seed(0)
    terms = cross_entropy_d(CrossEntropyParams(label_flip=0.25), REAL, FAKE)
    assert terms["real"].item() == pytest.approx(softplus(-2) + 0.25 * 2, abs=0.02)
    assert terms["fake"].item() == pytest.approx(softplus(-1) + 0.25 * 1, abs=0.02)
    turned = cross_entropy_d(CrossEntropyParams(label_flip=0.25, g_loss="flipped"), REAL, FAKE)
    assert turned["real"].item() == pytest.approx(softplus(2) - 0.25 * 2, abs=0.02)


def test_least_squares_take_ranges_in_place_of_their_labels() -> None:
    torch.manual_seed(0)
    plain = least_squares_d(LeastSquaresParams(a=-1.0, b=1.0), REAL, FAKE)
    assert plain.item() == pytest.approx(0.5 * 1 + 0.5 * 0)
    flipped = least_squares_d(LeastSquaresParams(a=-1.0, b=1.0, label_flip=0.5), REAL, FAKE)
    assert flipped.item() == pytest.approx(0.25 * (1 + 9) + 0.25 * (0 + 4), abs=0.05)
    soft = least_squares_d(LeastSquaresParams(real_label=(2.0, 2.0)), REAL, FAKE)
    assert soft.item() == pytest.approx(0.5 * 0 + 0.5 * 1)


def first_terms(name: str, **values: Any) -> dict[str, float]:
    stepper = tiny_stepper(MODELS[name], n_critic=1, **values)
    stepper.step()
    return stepper.stats.means()


@pytest.mark.parametrize("name", CROSS_ENTROPY)
def test_every_model_of_cross_entropy_takes_soft_labels_flips_and_the_other_forms(
    name: str,
) -> None:
    base = CROSS_ENTROPY[name]
    plain = first_terms(name, **base)
    real, fake = ("d/right", "d/wrong") if name == "cwgangp" else ("d/real", "d/fake")
    soft = first_terms(name, **base, real_label=(0.5, 0.5))
    assert soft[real] != plain[real] and soft[fake] == pytest.approx(plain[fake])
    flipped = first_terms(name, **base, label_flip=0.5)
    assert (flipped[real], flipped[fake]) != (plain[real], plain[fake])
    saturating = first_terms(name, **base, g_loss="saturating")
    assert saturating[real] == pytest.approx(plain[real])
    assert saturating["g/adv"] < 0 < plain["g/adv"]


@pytest.mark.parametrize("key", ["real_label", "fake_label", "label_flip", "g_loss"])
@pytest.mark.parametrize(
    ("name", "objective"),
    [("acgan", "hinge"), ("cwgangp", "wasserstein"), ("twostage", "wasserstein")],
)
def test_an_objective_without_labels_of_real_and_fake_refuses_them(
    name: str, objective: str, key: str
) -> None:
    value = {"label_flip": 0.1, "g_loss": "flipped"}.get(key, (0.2, 0.3))
    with pytest.raises(ConfigError, match=f"{key} is of the cross-entropy") as caught:
        tiny_model(MODELS[name], objective=objective, **{key: value})
    assert "objective=gan" in caught.value.hint


def test_the_generator_takes_the_form_that_was_asked_for() -> None:
    logits = torch.tensor([-1.0])
    found = {
        form: cross_entropy_g(CrossEntropyParams(g_loss=form), logits).item()
        for form in ("nonsaturating", "saturating", "flipped")
    }
    assert found == pytest.approx(
        {"nonsaturating": softplus(1), "saturating": -softplus(-1), "flipped": softplus(-1)}
    )
