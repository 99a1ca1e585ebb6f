"""Several processes are one run: equal weights, draws, statistics and memories."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from animekit import plugins
from animekit.engines import many
from animekit.engines.engine import LocalEngine
from animekit.engines.many import start
from animekit.errors import ConfigError
from animekit.testing.tiny import tiny_stepper

from .crew import alone, together

State = dict[str, Tensor]
BATCH, STEPS = 8, 3


def trained(model: str, engine: LocalEngine, batch: int = BATCH, **changes: Any) -> State:
    """Return the weights, buffers and averages of a tiny model after some steps."""
    cls = plugins.load().get("model", model)
    stepper = tiny_stepper(cls, engine=engine, batch=batch, **changes)
    for _ in range(STEPS):
        stepper.step()
    assert stepper.healthy() and stepper.report()
    averages = {f"average.{key}": value for key, value in stepper.average.state.items()}
    return {**stepper.model.state_dict(), **averages}


def largest_gap(one: State, other: State) -> float:
    return max(
        (value.double() - other[key].double()).abs().max().item()
        for key, value in one.items()
        if value.numel()
    )


@pytest.mark.parametrize(
    ("model", "changes"),
    [
        ("gan", {"replay_size": 6, "instance_noise": 0.1, "flip_labels": 0.2, "soft_labels": 0.1}),
        ("wgangp", {"augment": ("color", "cutout"), "augment_target": 0.6, "minibatch_std": True}),
        ("cwgan", {"g_dropout": 0.3, "dragan_weight": 1.0}),
    ],
)
def test_two_processes_are_one_with_the_whole_batch(
    model: str, changes: dict[str, Any], tmp_path: Path
) -> None:
    one = trained(model, alone(), **changes)
    first, second = together(2, tmp_path, lambda engine: trained(model, engine, **changes))
    assert largest_gap(one, first) < 1e-12
    assert all(torch.equal(first[key], second[key]) for key in first)


def test_parts_of_a_batch_go_to_any_number_of_processes_without_moving_a_bit(
    tmp_path: Path,
) -> None:
    for model, world in (("wgangp", 4), ("vae", 2)):  # which has no buffer
        one = trained(model, alone(), accumulate=4)
        folder = tmp_path / str(world)
        folder.mkdir()
        found = together(world, folder, partial(trained, model, accumulate=4))
        assert all(torch.equal(one[key], each[key]) for each in found for key in one)


def test_parts_are_the_whole_batch_where_no_norm_ties_its_images_together() -> None:
    whole, parts = (trained("wgangp", alone(), g_norm="none", accumulate=count) for count in (1, 4))
    assert largest_gap(whole, parts) < 1e-12


def test_a_batch_that_does_not_fall_into_equal_parts_is_refused() -> None:
    with pytest.raises(ConfigError, match="batch of 8 does not fall into 3 parts") as caught:
        trained("gan", alone(), accumulate=3)
    assert caught.value.hint == "--batch-size 9"


NO_NORM = {"g_norm": "none", "d_norm": "none"}


@pytest.mark.parametrize(
    ("model", "changes", "accumulate", "world"),
    [
        ("gan", {"replay_size": 6, **NO_NORM}, 4, 2),
        # each part is shared between processes, too
        ("cwgan", {"replay_size": 8, "batch": 16, **NO_NORM}, 2, 4),
        ("cyclegan", {"pool_size": 3}, 4, 4),
        ("lsgan", {"dragan_weight": 1.0, **NO_NORM}, 2, 2),
        ("stargan", {}, 2, 2),
    ],
)
def test_what_looks_at_a_whole_batch_does_in_any_parts_and_processes(
    model: str, changes: dict[str, Any], accumulate: int, world: int, tmp_path: Path
) -> None:
    one, parts = (trained(model, alone(), accumulate=n, **changes) for n in (1, accumulate))
    near = 1e-9 if model in ("cyclegan", "stargan") else 1e-12
    assert largest_gap(one, parts) < near
    kept = [key for key in one if key.endswith("filled")]
    assert all(one[key] > 0 for key in kept)
    assert len(kept) == {"gan": 1, "cwgan": 1, "cyclegan": 2}.get(model, 0)
    found = together(world, tmp_path, partial(trained, model, accumulate=accumulate, **changes))
    assert all(torch.equal(found[0][key], each[key]) for each in found for key in parts)
    if world <= accumulate:
        assert all(torch.equal(parts[key], found[0][key]) for key in parts)
    assert largest_gap(parts, found[0]) < near


def test_a_process_without_a_gpu_of_its_own_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"RANK": "2", "WORLD_SIZE": "3", "LOCAL_RANK": "2"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    with pytest.raises(ConfigError, match="process 3 of 3 needs a GPU of its own, and .* has 2"):
        start(torch.device("cuda", 0))


def test_each_process_has_a_gpu_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"RANK": "5", "WORLD_SIZE": "8", "LOCAL_RANK": "1"}.items():
        monkeypatch.setenv(name, value)
    made: list[Any] = []
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    monkeypatch.setattr(many, "ManyEngine", lambda device, place: made.append((device, place.rank)))
    start(torch.device("cuda", 0))
    assert made == [(torch.device("cuda", 1), 5)]
