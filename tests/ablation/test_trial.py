"""Trials: one training, cut anywhere and gone on with, and the clock that it is held to."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from animekit.ablation import trial as trials
from animekit.ablation.request import Budget, Measure
from animekit.ablation.result import Ablation
from animekit.ablation.trial import Clock, State, Trial, do, is_done
from animekit.errors import CheckpointError, Stopped, UnusableError
from animekit.plugins import Registry
from animekit.runs.checkpoint import steps_of
from animekit.training.logger import Logger

VALUES = {"size": 32, "batch_size": 4, "g_channels": 4, "d_channels": 4, "z_dim": 8}


@pytest.fixture
def make(pictures: Path, tmp_path: Path) -> Callable[..., Trial]:
    def trial(budget: Budget, **values: Any) -> Trial:
        return Trial(
            variant="base",
            slug="base",
            seed=3,
            model="gan",
            values={**VALUES, "data": str(pictures), **values},
            origins={},
            preset=None,
            config=None,
            budget=budget,
            measure=Measure(metrics=("swd",), num=12),
            folder=tmp_path / "out",
            identity={"model": "gan", **values},
        )

    return trial


def test_a_trial_is_trained_measured_and_then_left_alone(
    make: Callable[..., Trial], registry: Registry
) -> None:
    trial, told = make(Budget(steps=3)), list[str]()
    state = do(trial, registry, lambda words, share: told.append(words))
    assert (state.doing, state.step, is_done(trial, state)) == ("done", 3, True)
    run = trial.run()
    assert run is not None and run.id == "0001-gan-base-s3" and run.config["options"]["seed"] == 3
    assert set(state.measured["fake"]) == {"swd_32", "swd_16", "swd_avg"}
    assert (run.path / "evaluations.jsonl").is_file(), "the run knows what was measured"
    assert told[0] == "training" and told[-1] == "measuring"
    told.clear()
    again = do(trial, registry, lambda words, share: told.append(words))
    assert again == state and not told


def test_a_larger_budget_goes_on_and_another_measure_trains_nothing(
    make: Callable[..., Trial], registry: Registry
) -> None:
    do(make(Budget(steps=2)), registry)
    longer = make(Budget(steps=4))
    state = do(longer, registry)
    assert state.step == 4 and len(list(longer.runs.glob("0*"))) == 1
    other, told = replace(longer, measure=Measure(("swd",), 10)), list[str]()
    state = do(other, registry, lambda words, share: told.append(words))
    assert told == ["measuring"] and state.measured["n"] == 10


class _Cut(Clock):
    """A clock that stops its training at a step, as a signal would."""

    def log(self, step: int, stats: dict[str, float]) -> None:
        super().log(step, stats)
        if step == 2:
            self.cut()

    def cut(self) -> None:
        import os
        import signal

        os.kill(os.getpid(), signal.SIGINT)


def test_what_was_cut_goes_on_where_it_was_to_the_same_end(
    make: Callable[..., Trial],
    registry: Registry,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    whole = replace(make(Budget(steps=4)), folder=tmp_path / "whole")
    do(whole, registry)
    trial = make(Budget(steps=4))
    with monkeypatch.context() as patch:
        patch.setattr(trials, "Clock", _Cut)
        with pytest.raises(Stopped):
            do(trial, registry)
    state = State.of(trial)
    assert (state.doing, state.measured) == ("stopped", None)
    assert 2 <= state.step < 4 and state.seconds > 0
    state = do(trial, registry)
    assert state.step == 4
    ends = [steps_of(each.run().path)[-1] / "model.safetensors" for each in (whole, trial)]
    assert ends[0].stat().st_size == ends[1].stat().st_size
    assert State.of(whole).measured["fake"] == state.measured["fake"], "the very same numbers"


def test_seconds_of_the_processor_end_a_training(
    make: Callable[..., Trial], registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trials, "FIRST", 2)
    ticks = iter(range(10**6))  # each look at the clock is a tenth of a second later
    monkeypatch.setattr(trials.time, "process_time", lambda: next(ticks) / 10)
    trial = make(Budget(seconds=6.0))
    state = do(trial, registry)
    assert 0.9 * 6 < state.seconds < 1.6 * 6
    assert state.step > 2
    assert len(state.clock) <= 3


def test_the_clock_goes_on_from_the_checkpoint_that_is_gone_on_from(done: Ablation) -> None:
    trial = done.plan.trials[0]
    state = replace(State.of(trial), clock={"1": 5.0, "3": 50.0, "9": 500.0})
    clock = Clock(trial, state, lambda words, share: None)
    clock.start(trial.run(), trial.run().config)
    assert 50.0 <= state.seconds < 60.0, "step 3 is the newest checkpoint there is"
    assert isinstance(clock, Logger)


def test_a_training_that_cannot_be_is_an_outcome_and_tried_again(
    make: Callable[..., Trial], registry: Registry
) -> None:
    bad = make(Budget(steps=2), attention=5)
    state = do(bad, registry)
    assert state.doing == "failed" and "attention=5" in state.failed["message"]
    assert not is_done(bad, state), "it may be mended"


def test_another_training_of_the_same_name_is_refused(
    make: Callable[..., Trial], registry: Registry
) -> None:
    do(make(Budget(steps=1)), registry)
    other = make(Budget(steps=1), z_dim=5)
    with pytest.raises(UnusableError, match="z_dim was its default and is 5"):
        State.of(other)
    other.file.write_text(json.dumps({"a": 1}), encoding="utf-8")
    with pytest.raises(CheckpointError, match="cannot read"):
        State.of(other)


def test_a_trial_can_be_sent_to_another_process(make: Callable[..., Trial]) -> None:
    trial = make(Budget(seconds=2.5))
    assert Trial.of_json(json.loads(trial.as_json())) == trial
