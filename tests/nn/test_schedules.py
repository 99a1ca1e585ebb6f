"""Rounds of several lengths: which steps end one, and how many are over."""

from __future__ import annotations

import itertools

import pytest

from animekit.nn.schedules import Rounds

WGAN = Rounds(5, 100, 25, 500)


def test_wgan_trains_its_critic_100_times_in_the_first_25_rounds_and_every_500th() -> None:
    ends = [step for step in range(1, 6_000) if WGAN.due(step)]
    lengths = [after - before for before, after in itertools.pairwise([0, *ends])]
    assert lengths[:25] == [100] * 25
    assert lengths[25:500] == [5] * 475
    assert lengths[500:503] == [100, 5, 5]


@pytest.mark.parametrize(
    "rounds", [WGAN, Rounds(1, 4, 0, 3), Rounds(5, 1, 3), Rounds(2, 7, 4, 2), Rounds(3, 3, 0)]
)
def test_the_count_is_that_of_the_steps_that_were_due(rounds: Rounds) -> None:
    count = 0
    for step in range(1, 200):
        count += rounds.due(step)
        assert rounds.count(step) == count
    assert rounds.steps(rounds.count(10_000)) <= 10_000 < rounds.steps(rounds.count(10_000) + 1)


def test_rounds_say_in_words_when_they_end() -> None:
    assert str(WGAN) == "every 5 steps, every 100 in the first 25 and each 500th rounds"
    assert str(Rounds(5, 100, 25)) == "every 5 steps, every 100 in the first 25 rounds"
