"""Threads and other programs: how long work takes, and never what comes of it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from animekit import evaluate, generate, reconstruct, transfer
from animekit.device import CROWDED, STALE, Crowd, OtherWork, thread_count, threads
from animekit.errors import UsageError
from animekit.models.weights import BUNDLED
from tests.support import answer

SHOW = "import animekit, os; print(os.environ['OMP_WAIT_POLICY'])"


@pytest.mark.parametrize("given", [None, "ACTIVE"])
def test_threads_that_wait_sleep_unless_the_environment_says_else(given: str | None) -> None:
    environment = {k: v for k, v in os.environ.items() if k != "OMP_WAIT_POLICY"}
    environment |= {} if given is None else {"OMP_WAIT_POLICY": given}
    words = [sys.executable, "-c", SHOW]
    made = subprocess.run(words, env=environment, capture_output=True, text=True, check=True)
    assert made.stdout.strip() == (given or "PASSIVE")


def test_pictures_have_the_same_bytes_whatever_the_threads(tmp_path: Path) -> None:
    face = next((BUNDLED / "examples" / "stargan-hair").rglob("*.png"))
    found = []
    for count in (1, 3, 7):
        drawn = generate("faces64", seeds="0-49", device="cpu", threads=count)
        out = tmp_path / f"{count}.png"
        settings = {"attrs": ["red hair"], "threads": count, "device": "cpu", "precision": "fp32"}
        transfer("stargan", "hair", face, out, **settings)
        found.append((drawn.images.tobytes(), out.read_bytes()))
    assert found[0] == found[1] == found[2]


def test_threads_are_those_of_before_when_the_work_is_done() -> None:
    before = torch.get_num_threads()
    generate("faces64", seeds="0", threads=before + 1)
    assert torch.get_num_threads() == before


@pytest.mark.parametrize("verb", [generate, evaluate, reconstruct])
def test_no_verb_computes_on_no_threads(verb: object) -> None:
    with pytest.raises(UsageError, match="0 threads cannot compute"):
        verb("faces64", threads=0)  # type: ignore[operator]


def test_the_commands_take_threads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    seen: list[int] = []
    kept = torch.set_num_threads
    monkeypatch.setattr(torch, "set_num_threads", lambda n: (seen.append(n), kept(n)))
    answer("generate", "faces64", "--num", "1", "--threads", "3", "-o", "a.png", "--json")
    assert 3 in seen
    face = next((BUNDLED / "examples" / "stargan-hair").rglob("*.png"))
    words = ("--attr", "red hair", "-o", "b.png", "--threads", "4", "--json")
    answer("transfer", "stargan", "hair", face, *words)
    assert 4 in seen


def stat(path: Path, busy: int, idle: int) -> Path:
    """Write what Linux tells of its cores, in ticks for each of ours."""
    cores = sorted(os.sched_getaffinity(0))
    row = f"{busy} 0 0 {idle} 0 0 0 0 0 0"
    lines = ["cpu  9 9 9 9 9 9 9 9 9 9", *(f"cpu{core} {row}" for core in cores), "intr 1 2"]
    path.write_text("\n".join([*lines, "cpu999999 5 5 5 5 5 5 5 5 5 5"]))
    return path


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="Linux tells it in /proc/stat")
def test_what_other_programs_take_is_what_the_cores_did_without_us(tmp_path: Path) -> None:
    path = stat(tmp_path / "stat", 1000, 1000)
    work = OtherWork(path)
    stat(path, 1000 + 75_000, 1000 + 25_000)  # our own seconds hardly count among these
    assert work.share() == pytest.approx(0.75, abs=0.02)
    stat(path, 76_000 + 20_000, 26_000 + 80_000)
    assert work.warning() is None  # 20 %, since it was asked last
    stat(path, 96_000 + 60_000, 106_000 + 40_000)
    warning = work.warning()
    assert warning is not None and warning.startswith("other programs take 60 % of")
    assert CROWDED < 0.6


def test_where_the_system_does_not_tell_nothing_is_said(tmp_path: Path) -> None:
    work = OtherWork(tmp_path / "nowhere")
    assert work.share() is None and work.warning() is None


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="Linux tells it in /proc/stat")
@pytest.mark.parametrize(("others", "free"), [(0.0, 8), (0.2, 8), (0.5, 4), (0.8, 2), (1.0, 1)])
def test_threads_leave_the_cores_that_others_have(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, others: float, free: int
) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr("animekit.device.cores", lambda: 8)
    path = stat(tmp_path / "stat", 1000, 1000)
    crowd = Crowd(OtherWork(path))
    monkeypatch.setattr("animekit.device.CROWD", crowd)
    busy = int(1_000_000 * others)
    stat(path, 1000 + busy, 1000 + 1_000_000 - busy)
    assert thread_count(None) == free
    stat(path, 5_000_000, 1000)
    assert thread_count(None) == free  # what was found holds for a while
    assert thread_count(6) == 6
    crowd.since -= STALE
    assert thread_count(None) == 1


def test_threads_by_default_follow_the_cores(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr("animekit.device.CROWD", Crowd(OtherWork(tmp_path / "nowhere")))
    monkeypatch.setattr("animekit.device.cores", lambda: 5)
    assert thread_count(None) == 5
    with threads(2):
        assert torch.get_num_threads() == 2
