"""Wishes are heard by all processes in the same step, and soon."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from animekit.engines import wishes
from animekit.engines.wishes import Wishes


class Engine:
    """Several processes, of which the others wish nothing, and pause as long."""

    def __init__(self, world: int = 2) -> None:
        self.world = world
        self.asked = 0

    def agree(self, values: Sequence[float]) -> list[float]:
        self.asked += 1
        return list(values)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [0.0]
    monkeypatch.setattr(wishes.time, "monotonic", lambda: now[0])
    return now


def steps_asked(engine: Any, clock: list[float], seconds: float, steps: int) -> list[int]:
    found, heard = [], Wishes(engine)
    for step in range(steps):
        before = engine.asked
        answer = heard.heard(step, [1.0, 0.0])
        assert answer == ([1.0, 0.0] if engine.asked > before else [0.0, 0.0])
        found += [step] if engine.asked > before else []
        clock[0] += seconds
    return found


@pytest.mark.parametrize(
    ("seconds", "asked"),
    [(1.0, list(range(8))), (0.2, [0, 1, 3, 5, 7]), (0.01, [0, 1]), (0.0, [0, 1])],
)
def test_short_steps_are_not_held_up_by_asking(
    seconds: float, asked: list[int], clock: list[float]
) -> None:
    assert steps_asked(Engine(), clock, seconds, 8) == asked


def test_a_process_alone_is_heard_in_each_step(clock: list[float]) -> None:
    assert steps_asked(Engine(1), clock, 0.001, 5) == list(range(5))


def test_no_more_than_ten_steps_pass(clock: list[float]) -> None:
    assert steps_asked(Engine(), clock, 0.001, 23) == [0, 1, 11, 21]


def test_steps_behind_a_roll_back_ask_again(clock: list[float]) -> None:
    engine: Any = Engine()
    heard = Wishes(engine)
    for step in (0, 1, 9):
        heard.heard(step, [1.0])
    assert heard.next == 11
    assert heard.heard(0, [1.0]) == [1.0]
