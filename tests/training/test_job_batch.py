"""--batch-size auto: the largest batch whose steps fit, recorded as a number."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import torch

from animekit.errors import ConfigError, DeviceError
from animekit.runs.run import Run
from tests.attacks import kill_runs
from tests.support import call
from tests.training.test_resume import newest_step

Train = Callable[..., Run]


@pytest.fixture
def room(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Let the memory be of the size that a test says."""
    told: dict[str, Any] = {"is": (64 << 30, 64 << 30)}
    monkeypatch.setattr("animekit.training.job.memory", lambda device: told["is"])
    return told


@pytest.mark.usefixtures("room")
def test_auto_takes_no_more_images_than_there_are_and_keeps_the_number(tiny: Train) -> None:
    run = tiny(steps=1, batch_size="auto")  # of 24 images
    assert run.config["options"]["batch_size"] == 16
    origin = run.config["origins"]["batch_size"]
    assert origin.startswith("auto: a step takes about ") and origin.endswith("that are free")
    notes = (run.path / "events.jsonl").read_text() if (run.path / "events.jsonl").exists() else ""
    notes += (run.path / "log.txt").read_text() if (run.path / "log.txt").exists() else ""
    assert "batch 16: a step takes about" in notes


def test_auto_follows_what_is_free(tiny: Train, room: dict[str, Any]) -> None:
    room["is"] = (1000, 1000)  # no room for the weights
    assert tiny(steps=1, batch_size="auto").config["options"]["batch_size"] == 1


def test_auto_is_64_where_the_system_does_not_tell(tiny: Train, room: dict[str, Any]) -> None:
    room["is"] = None
    run = tiny(steps=1, batch_size="auto")
    assert run.config["options"]["batch_size"] == 64
    assert run.config["origins"]["batch_size"] == "auto: free memory is not known here"


def test_a_run_that_measured_its_batch_is_that_of_its_number_and_goes_on_exactly(
    tiny: Train, room: dict[str, Any]
) -> None:
    straight = tiny(steps=4, batch_size=16)
    cut = tiny(steps=2, batch_size="auto")
    room["is"] = (1, 1)  # it is not measured again
    tiny(resume=cut.path, steps=4)
    assert newest_step(cut) == 4
    assert [
        line
        for line in kill_runs.differences(straight, cut)
        if "origins" not in line and "config" not in line
    ] == []


@pytest.mark.usefixtures("room")
def test_epochs_are_steps_of_the_batch_that_was_measured(tiny: Train) -> None:
    assert tiny(steps=None, epochs=2, batch_size="auto").config["options"]["steps"] == 3


@pytest.mark.usefixtures("room")
@pytest.mark.parametrize("batch", ["0", 0, -4, "no", "", 1.5, True])
def test_a_batch_that_is_none_is_refused(tiny: Train, batch: object) -> None:
    with pytest.raises(ConfigError, match="batch_size"):
        tiny(steps=1, batch_size=batch)


def test_the_command_takes_auto_and_names_what_it_found() -> None:
    words = "train gan --data synthetic:24 --size 32 --g-channels 4 --d-channels 4"
    result = call(*words.split(), "--batch", "auto", "--device", "cpu", "-n", "--json")
    assert result.exit_code == 0
    value, origin = json.loads(result.stdout.splitlines()[-1])["data"]["values"]["batch_size"]
    assert value == 16 and origin.startswith("auto: a step takes about ")


@pytest.mark.parametrize(
    "error", [torch.OutOfMemoryError("CUDA out of memory."), MemoryError(), RuntimeError("x")]
)
def test_a_full_memory_ends_a_run_with_numbers_and_what_to_type(
    tiny: Train, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def full(*_: object) -> None:
        raise error

    monkeypatch.setattr("animekit.training.stepper.Stepper._update_all", full)
    if str(error) == "x":  # what is no matter of memory stays what it is
        with pytest.raises(RuntimeError, match="x"):
            tiny(steps=1)
        return
    with pytest.raises(DeviceError, match="out of memory on cpu at batch 8: this process") as told:
        tiny(steps=1, batch_size=8)
    assert told.value.exit_code == 6 and told.value.code == "device.memory"
    assert " are free" in told.value.message
    assert str(told.value.hint).startswith("try --batch-size 4 or --batch-size auto in a new run")
