"""`--processes N`: one voice, one answer and the run of one process, however it ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file

from animekit.training.train import train
from tests.support import call

OPTIONS: dict[str, Any] = {
    "size": 32,
    "batch_size": 8,
    "precision": "fp64",
    "threads": 1,
    "save_every": 2,
}
PARAMS = {"g_channels": 4, "d_channels": 4, "n_critic": 1}
PATIENCE = 200  # seconds, of a machine that does much else
WORDS = [
    *("train", "wgangp", "--data", "synthetic:12", "--processes", "2", "--device", "cpu"),
    *(f"--{name.replace('_', '-')}={value}" for name, value in {**OPTIONS, **PARAMS}.items()),
]


def started(*words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "animekit", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


def members(process: int) -> list[int]:
    """Return the processes that one has started, without the helper of multiprocessing."""
    children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    lines = {int(each): Path(f"/proc/{each}/cmdline").read_bytes() for each in children}
    return sorted(each for each, line in lines.items() if b"spawn_main" in line)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.skipif(not Path("/proc").is_dir(), reason="processes are found in /proc")
def test_a_killed_process_is_one_line_and_the_run_goes_on_as_one_process_would(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    crew = started(*WORDS, "--steps=100000", "--log-every=2")
    checkpoints = tmp_path / "runs" / "0001-wgangp-synthetic32" / "checkpoints"
    limit = time.monotonic() + PATIENCE
    while not list(checkpoints.glob("000002")) and time.monotonic() < limit:
        time.sleep(0.1)
    for each in members(crew.pid)[1:]:
        os.kill(each, signal.SIGKILL)
    out, err = crew.communicate(timeout=PATIENCE)
    assert (crew.returncode, out) == (6, "")
    assert [line for line in err.splitlines() if "process" in line or "lost" in line] == [
        "error: process 2 of 2 was killed (SIGKILL), which ended the others"
    ]
    assert "Traceback" not in err
    reached = max(int(each.name) for each in checkpoints.glob("0*"))
    steps = str(reached + 2)
    crew = started("train", "wgangp", "--resume", "--processes=2", f"--steps={steps}", "--json")
    out, err = crew.communicate(timeout=PATIENCE)
    assert crew.returncode == 0, err
    events = [json.loads(line) for line in out.splitlines()]
    assert events[-1]["event"] == "end"
    assert [each["event"] for each in events].count("start") == 1
    alone = train(
        "wgangp", "synthetic:12", runs=tmp_path, steps=int(steps), params=PARAMS, **OPTIONS
    )
    one, both = (
        load_file(folder / f"{int(steps):06d}" / "model.safetensors")
        for folder in (alone.path / "checkpoints", checkpoints)
    )
    assert max((one[key] - both[key]).abs().max().item() for key in one) < 1e-10


def test_what_all_processes_would_say_is_said_once_with_its_exit_code() -> None:
    done = started("generate", "no-such-model", "--processes", "2")
    out, err = done.communicate(timeout=PATIENCE)
    assert done.returncode == 3
    assert out == ""
    assert err.count("error: ") == 1
    assert "no-such-model" in err


@pytest.mark.parametrize(
    ("word", "message"),
    [("0", '--processes is "0"'), ("two", '--processes is "two"'), ("99999", "cannot start 99999")],
)
def test_a_number_that_is_none_is_refused(word: str, message: str) -> None:
    result = call("train", "gan", "--processes", word, "--json")
    assert result.exit_code == 2
    answer = json.loads(result.stdout)
    assert answer["error"]["message"].startswith(message)
    assert message in result.stderr


def test_one_process_is_no_crew_and_other_commands_know_no_such_option() -> None:
    assert call("train", "gan", "--processes=1", "--data", "nowhere").exit_code == 3
    assert "No such option: --processes" in call("doctor", "--processes", "2").stderr


def test_an_environment_that_makes_no_sense_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "two")
    result = call("plugins")
    assert result.exit_code == 2
    assert result.stderr.startswith('error: WORLD_SIZE is "two" in the environment')
