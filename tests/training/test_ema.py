"""The moving average of weights: its closed form, its warm-up, and what is averaged."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from animekit.config import Params
from animekit.data.spec import ImageSpec
from animekit.models.base import Model
from animekit.training.ema import Average


class Pair(Model):
    """A generator with running statistics, and a discriminator that is not averaged."""

    name = "pair"
    averaged = ("generator",)

    def __init__(self) -> None:
        super().__init__(Params(), ImageSpec(4))
        self.generator = nn.Sequential(nn.Linear(1, 1, bias=False), nn.BatchNorm1d(1))
        self.discriminator = nn.Linear(1, 1)

    @property
    def weight(self) -> torch.Tensor:
        weight = self.generator[0].weight
        assert isinstance(weight, torch.Tensor)
        return weight


@torch.no_grad()
def follow(average: Average, values: list[float]) -> Iterator[float]:
    for value in values:
        average.model.weight.fill_(value)
        average.update()
        yield average.state["generator.0.weight"].item()


def decay_of(update: int, decay: float) -> float:
    return min(decay, update / (update + 10))


@settings(max_examples=50, deadline=None)
@given(
    decay=st.floats(0, 0.9999),
    values=st.lists(st.floats(-10, 10, width=32), min_size=1, max_size=30),
)
def test_the_average_is_the_sum_of_the_weights_times_their_decays(
    decay: float, values: list[float]
) -> None:
    model = Pair()
    start = model.weight.item()
    got = list(follow(Average(model, decay), values))[-1]
    factors = [decay_of(update, decay) for update in range(1, len(values) + 1)]
    expected = start
    for factor in factors:
        expected *= factor
    for index, value in enumerate(values):
        share = 1 - factors[index]
        for later in factors[index + 1 :]:
            share *= later
        expected += share * value
    assert got == pytest.approx(expected, abs=1e-4)


def test_the_first_updates_count_more_so_that_random_first_weights_are_forgotten() -> None:
    model = Pair()
    with torch.no_grad():
        model.weight.fill_(1000.0)
    first, *_, last = follow(Average(model, 0.999), [0.0] * 50)
    assert first == pytest.approx(1000 / 11, rel=1e-5)
    assert abs(last) < 1e-4, "with a plain decay 951 of 1,000 would be left"


def test_a_constant_weight_is_its_own_average() -> None:
    model = Pair()
    assert [*follow(Average(model, 0.999), [3.0] * 200)][-1] == pytest.approx(3.0, abs=1e-4)


def test_decay_0_keeps_a_copy() -> None:
    assert list(follow(Average(Pair(), 0.0), [1.0, -2.0, 5.0])) == [1.0, -2.0, 5.0]


def test_running_statistics_are_averaged_and_counters_copied() -> None:
    model = Pair()
    average = Average(model, 0.5)
    norm = model.generator[1]
    assert isinstance(norm, nn.BatchNorm1d)
    norm(torch.full((8, 1), 10.0))  # running mean 0 -> 1
    average.update()
    factor = decay_of(1, 0.5)
    assert norm.running_mean is not None
    assert average.state["generator.1.running_mean"].item() == pytest.approx(
        (1 - factor) * norm.running_mean.item()
    )
    assert average.state["generator.1.num_batches_tracked"].item() == 1


def test_only_what_the_model_names_is_averaged() -> None:
    model = Pair()
    assert all(key.startswith("generator.") for key in Average(model, 0.9).state)
    model.averaged = ()  # type: ignore[misc]
    average = Average(model, 0.9)
    average.update()
    assert average.state == {}


def test_the_average_does_not_move_the_weights_nor_they_it() -> None:
    model = Pair()
    average = Average(model, 0.9)
    before = average.state["generator.0.weight"].clone()
    with torch.no_grad():
        model.weight.add_(1)
    assert torch.equal(average.state["generator.0.weight"], before)
    live = model.weight.clone()
    average.update()
    assert torch.equal(model.weight, live)


def test_within_its_block_the_model_is_the_average_in_eval_mode_and_then_what_it_was() -> None:
    model = Pair().train()
    average = Average(model, 0.9)
    with torch.no_grad():
        model.weight.fill_(7.0)
        model.discriminator.weight.fill_(3.0)
    with average as inside:
        assert inside is model and not model.training
        assert torch.equal(model.weight, average.state["generator.0.weight"])
        assert model.discriminator.weight.item() == 3.0
    assert model.training and model.weight.item() == 7.0


def test_the_weights_come_back_after_an_error_too() -> None:
    model = Pair().train()
    average = Average(model, 0.9)
    with torch.no_grad():
        model.weight.fill_(7.0)
    with pytest.raises(RuntimeError, match="in the middle"), average:
        raise RuntimeError("in the middle")
    assert model.training and model.weight.item() == 7.0


def test_a_saved_average_goes_on_where_it_was() -> None:
    torch.manual_seed(0)
    values: list[float] = torch.randn(20).tolist()
    straight, first, second = (Average(Pair(), 0.95) for _ in range(3))
    first.load(straight.state, 0)
    expected = list(follow(straight, values))
    list(follow(first, values[:7]))
    second.load(first.state, first.updates)
    assert list(follow(second, values[7:])) == expected[7:]


def test_a_saved_average_that_does_not_fit_is_an_error() -> None:
    average = Average(Pair(), 0.9)
    for wrong in ({"generator.9": torch.zeros(1)}, {"generator.0.weight": torch.zeros(3)}):
        with pytest.raises((KeyError, RuntimeError)):
            average.load({**average.state, **wrong}, 1)


def test_a_run_samples_with_its_average(tiny: Any, registry: Any) -> None:
    run = tiny(steps=3, ema_decay=0.9)
    smooth, raw = (run.model(registry, ema=wanted).state_dict() for wanted in (True, False))
    statistics = [key for key in smooth if key.startswith("generator") and "running" in key]
    assert statistics and all(not torch.equal(smooth[key], raw[key]) for key in statistics)
    others = [key for key in smooth if key.startswith("discriminator")]
    assert others and all(torch.equal(smooth[key], raw[key]) for key in others)
