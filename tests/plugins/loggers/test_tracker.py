"""Weights & Biases and trackio: one module of calls that both have, here as stand-ins."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

import pytest

import animekit
from animekit import plugins
from animekit.errors import UnusableError
from animekit.testing import check_plugin
from tests.support import call

SMALL = ("--size", "32", "--preset", "demo", "--steps", "1")


@dataclass
class Calls:
    """What a stand-in was told."""

    init: list[dict[str, Any]] = field(default_factory=list)
    log: list[tuple[int, dict[str, Any]]] = field(default_factory=list)
    finished: int = 0


@pytest.fixture(params=["wandb", "trackio"])
def tracker(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> tuple[str, Calls]:
    """Put a module in the place of a tracker, which talks on stdout as they do."""
    name, calls = str(request.param), Calls()
    module: Any = ModuleType(name)

    def init(**options: Any) -> None:
        print("* a banner")  # noqa: T201
        calls.init.append(options)

    def finish() -> None:
        calls.finished += 1

    module.init, module.finish = init, finish
    module.__spec__ = ModuleSpec(name, None)
    module.log = lambda stats, step: calls.log.append((step, stats))
    module.Image = lambda image, caption: ("image", image.shape, caption)
    monkeypatch.setitem(sys.modules, name, module)
    for variable in ("WANDB_MODE", "WANDB_PROJECT", "TRACKIO_PROJECT"):
        monkeypatch.delenv(variable, raising=False)
    return name, calls


def test_a_run_reports_numbers_and_pictures_and_ends(
    tracker: tuple[str, Calls], monkeypatch: pytest.MonkeyPatch
) -> None:
    name, calls = tracker
    cls = plugins.load().get("logger", name)
    options: dict[str, Any] = {"size": 32, "preset": "demo", "log_every": 1, "sample_every": 2}
    run = animekit.train("gan", "synthetic:16", steps=2, loggers=[cls()], **options)
    (told,) = calls.init
    assert (told["project"], told["name"], told["resume"]) == ("animekit", run.id, "allow")
    assert told["config"]["params"]["lr"] == 1e-3
    if name == "wandb":  # nothing goes out unless somebody says so
        assert (told["mode"], told["id"], told["dir"]) == ("offline", run.id, str(run.path))
    numbers = {step: set(stats) for step, stats in calls.log if "d/real" in stats}
    assert {*numbers} == {1, 2} and "g/adv" in numbers[2]
    pictures = {
        key for _, stats in calls.log for key, value in stats.items() if isinstance(value, tuple)
    }
    assert {"samples", "reals"} <= pictures
    assert calls.finished == 1
    monkeypatch.setenv(f"{name.upper()}_PROJECT", "mine")
    monkeypatch.setenv("WANDB_MODE", "online")
    animekit.train("gan", resume=run.path, steps=3, loggers=[cls()])
    assert (calls.init[1]["project"], calls.init[1]["name"]) == ("mine", run.id)
    assert calls.init[1].get("mode") == ("online" if name == "wandb" else None)


def test_its_banner_does_not_stand_in_the_answer(tracker: tuple[str, Calls]) -> None:
    name, calls = tracker
    result = call("train", "gan", "--data", "synthetic:16", *SMALL, f"--{name}", "--json")
    assert result.exit_code == 0, result.stderr
    assert all(line.startswith("{") for line in result.stdout.splitlines())
    assert calls.finished == 1


def test_it_keeps_the_contract(tracker: tuple[str, Calls]) -> None:
    check_plugin(plugins.load().get("logger", tracker[0]))


@pytest.mark.parametrize("name", ["wandb", "trackio"])
def test_without_its_package_it_says_what_to_install(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(UnusableError, match=f"{name} is not installed") as caught:
        plugins.load().get("logger", name)()
    assert caught.value.hint == f"pip install {name}"
