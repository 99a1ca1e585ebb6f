"""`animekit runs`: lists, damage and locks."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import filelock
import pytest

from tests.support import answer, call


def test_runs_are_listed_and_shown(drawn: Path) -> None:
    (row,) = answer("runs", "ls", "--runs", drawn / "runs")["data"]
    assert (row["id"], row["method"], row["state"], row["steps"]) == (
        *("0001-gan-discs32", "gan", "finished", 2),
    )
    assert "0001-gan-discs32  gan     finished  2" in call("runs", "--runs", drawn / "runs").stdout
    shown = call("runs", "show", "1", "--runs", drawn / "runs").stdout
    assert re.search(r"g_channels +4 +--set", shown)
    assert call("runs").stderr.startswith("no runs in runs yet")


def test_a_damaged_run_does_not_hide_the_others(drawn: Path, tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir()
    for name, text in (("0001-gan-a", "{"), ("0002-gan-b", "{}")):
        (tmp_path / "runs" / name).mkdir()
        (tmp_path / "runs" / name / "config.json").write_text(text)
    (tmp_path / "runs" / "0003-gan-c").symlink_to(drawn / "runs" / "0001-gan-discs32")
    states = [row["state"] for row in answer("runs")["data"]]
    assert states == ["damaged", "damaged", "finished"]


def test_a_run_that_is_held_is_running(drawn: Path) -> None:
    with filelock.FileLock(drawn / "runs" / "0001-gan-discs32" / ".lock"):
        (row,) = answer("runs", "--runs", drawn / "runs")["data"]
    assert row["state"] == "running"


@pytest.mark.parametrize("words", [["runs"], ["runs", "show", "1"], ["models"]])
def test_lists_of_what_is_there_need_no_torch(drawn: Path, words: list[str]) -> None:
    code = "import sys; from animekit.cli import main\ntry: main()\nfinally: "
    code += "print('torch' in sys.modules, file=sys.stderr)"
    command = [sys.executable, "-c", code, *words]
    ended = subprocess.run(command, capture_output=True, text=True, check=True, cwd=drawn)
    assert ended.stdout and ended.stderr.splitlines()[-1] == "False"
