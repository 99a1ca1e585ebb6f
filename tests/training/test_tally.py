"""The stopwatch: which share of the time each part takes."""

from __future__ import annotations

import time

import pytest
import torch

from animekit.training.tally import Stopwatch


def test_parts_are_shares_of_the_time_since_the_last_report(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = [0.0]
    monkeypatch.setattr(time, "perf_counter", lambda: now[0])
    clock = Stopwatch(torch.device("cpu"))
    for name, seconds in (("data", 1.0), ("d", 4.0), ("data", 2.0)):
        with clock.part(name, on_device=name == "d"):
            now[0] += seconds
    now[0] += 3.0
    assert clock.shares() == {"data": 0.3, "d": 0.4}
    with clock.part("g"):
        now[0] += 5.0
    assert clock.shares() == {"g": 1.0}


def test_a_part_that_fails_is_counted_and_raises() -> None:
    clock = Stopwatch(torch.device("cpu"))
    with pytest.raises(ValueError, match="no"), clock.part("data"):
        raise ValueError("no")
    assert clock.shares()["data"] > 0
