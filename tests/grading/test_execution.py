"""Execution: a script ends, by itself or by a limit, and nothing of it stays alive."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from animekit.grading import execution
from animekit.grading.execution import Execution, ScriptLimits, execute

pytestmark = pytest.mark.skipif(os.name != "posix", reason="scripts are run on Linux and macOS")


def run(tmp_path: Path, text: str, seconds: float = 20.0, size: int = 10_000_000) -> Execution:
    for name in ("work", "spare"):
        (tmp_path / name).mkdir()
    words = ["bash", "-c", text]
    return execute(words, tmp_path / "work", tmp_path / "spare", ScriptLimits(seconds, size))


def test_a_script_runs_in_its_folder_with_a_home_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_KEY", "hunter2")
    done = run(tmp_path, 'echo "$HOME|$TMPDIR|${SECRET_KEY:-none}"; pwd > here; cat; exit 3')
    assert (done.ended, done.code) == ("failed", 3)
    spare = tmp_path / "spare"
    assert done.last_line() == f"{spare}|{spare}|none"
    assert (tmp_path / "work" / "here").read_text().strip() == str(tmp_path / "work")


def test_a_script_that_hangs_is_stopped_with_its_children(tmp_path: Path) -> None:
    began = time.monotonic()
    done = run(tmp_path, "(while :; do date > alive; sleep 0.05; done) & sleep 60", seconds=0.6)
    assert (done.ended, done.code) == ("time", None)
    assert time.monotonic() - began < 10
    alive = tmp_path / "work" / "alive"
    alive.unlink(missing_ok=True)
    time.sleep(0.3)
    assert not alive.exists()


@pytest.mark.parametrize("cut", [True, False])
def test_what_leaves_the_group_and_outlives_its_script_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, cut: bool
) -> None:
    if not cut:
        if not Path("/proc/self/environ").exists():
            pytest.skip("the system does not show the environment of processes")
        monkeypatch.setattr(execution, "offline", tuple)
    text = "setsid bash -c 'while :; do date > alive; sleep 0.05; done' & sleep 0.3; echo over"
    done = run(tmp_path, text)
    assert (done.ended, done.last_line()) == ("done", "over")
    alive = tmp_path / "work" / "alive"
    alive.unlink(missing_ok=True)
    time.sleep(0.3)
    assert not alive.exists()


def test_a_script_that_writes_without_end_is_stopped(tmp_path: Path) -> None:
    text = "for i in $(seq 500); do head -c 400000 /dev/zero > $i; done; sleep 60"
    assert run(tmp_path, text, size=1_000_000).ended == "size"


def test_a_single_file_cannot_grow_past_the_limit(tmp_path: Path) -> None:
    done = run(tmp_path, "head -c 30000000 /dev/zero > big; sleep 60", size=1_000_000)
    assert done.ended == "size" or done.code
    assert (tmp_path / "work" / "big").stat().st_size <= 1_001_000


def test_output_without_end_fills_no_memory(tmp_path: Path) -> None:
    done = run(tmp_path, "yes animekit", seconds=0.5)
    assert done.ended == "time"
    assert len(done.output) <= execution.SHOWN


def test_a_script_has_no_network_where_the_system_can_cut_it(tmp_path: Path) -> None:
    if not execution.offline():
        pytest.skip("this system lets nobody cut the network")
    done = run(tmp_path, "grep : /proc/net/dev")
    assert [line.split(":")[0].strip() for line in done.output.splitlines()] == ["lo"]


def test_where_nothing_can_cut_the_network_scripts_still_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(execution, "offline", tuple)
    assert run(tmp_path, "echo hello").last_line() == "hello"
