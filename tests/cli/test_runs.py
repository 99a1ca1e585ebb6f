"""`animekit runs`: lists, damage and locks."""

from __future__ import annotations

import re
import shutil
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
    assert re.search(r"g_channels +4 +(--set|the call)", shown)
    assert call("runs").stderr.startswith("no runs in runs yet")


@pytest.mark.parametrize("where", ["1", "01", "0001", "0001-gan", "runs/0001-gan-discs32"])
@pytest.mark.usefixtures("at_run")
def test_a_number_or_a_folder_behind_runs_shows_that_run(where: str) -> None:
    assert call("runs", where).stdout == call("runs", "show", "1").stdout
    assert answer("runs", where)["data"]["id"] == "0001-gan-discs32"
    assert call("runs", "2").exit_code == 3
    assert call("runs", "sho", "1").exit_code == 2


def test_state_time_and_last_report_come_from_the_reports_that_have_them(
    drawn: Path, tmp_path: Path
) -> None:
    run = Path(shutil.copytree(drawn / "runs", tmp_path / "runs")) / "0001-gan-discs32"
    before = answer("runs", "show", "1")["data"]
    with (run / "metrics.jsonl").open("a") as file:
        file.write('{"step": 2, "eval/swd_avg": 40.5}\n')
    (row,) = answer("runs")["data"]
    assert (row["state"], row["steps"], row["seconds"]) == ("finished", 2, before["seconds"])
    shown = answer("runs", "show", "1")["data"]
    assert shown["last"] == before["last"] and shown["seconds"] > 0
    assert shown["evaluation"] == {"step": 2, "eval/swd_avg": 40.5}
    text = call("runs", "1").stdout
    assert "last evaluation" in text and "40.5" in text and "img_s" in text


def test_lines_that_hold_no_report_are_counted(drawn: Path, tmp_path: Path) -> None:
    run = Path(shutil.copytree(drawn / "runs", tmp_path / "runs")) / "0001-gan-discs32"
    path = run / "metrics.jsonl"
    path.write_text("X" + path.read_text())
    result = call("runs", "1")
    assert "finished  step 2" in result.stdout
    assert "hold no report: 1" in result.stderr


@pytest.mark.parametrize(
    "config",
    [
        "[]",
        '{"model": 1}',
        '{"model": "gan", "options": []}',
        '{"model": "gan", "options": {"a": 1}}',
    ],
)
def test_a_run_of_odd_values_is_damaged_and_not_a_bug(tmp_path: Path, config: str) -> None:
    run = tmp_path / "runs" / "0001-gan-a"
    run.mkdir(parents=True)
    (run / "config.json").write_text(config)
    (run / "metrics.jsonl").write_text('{"step": 1, "seconds": "x"}\n')
    assert [row["state"] for row in answer("runs")["data"]] == ["damaged"]
    assert call("runs", "1").exit_code == 4


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


def test_a_list_is_sorted_chosen_and_says_best_and_size(drawn: Path) -> None:
    text = call("runs", "ls", "--runs", drawn / "runs", "--sort", "-steps").stdout
    assert re.search(r"swd_avg +ms_ssim +age +size", text) and "discs" in text and " kB" in text
    assert (
        answer("runs", "ls", "--runs", drawn / "runs", "--state", "running,damaged")["data"] == []
    )
    assert call("runs", "ls", "--runs", drawn / "runs", "--sort", "nope").exit_code == 2
    assert "finished" in call("runs", "ls", "--state", "finishd").stderr


@pytest.mark.usefixtures("at_run")
def test_show_takes_the_newest_and_says_first_what_is_not_the_presets() -> None:
    short, whole = call("runs", "show").stdout, call("runs", "show", "--all").stdout
    assert short.startswith("0001-gan-discs32  finished  step 2 of 2")
    assert re.search(r"not of the defaults +value +from", short)
    assert "n_critic" not in short and "n_critic" in whole
    assert re.search(r"d/real +\S+ +[▁█]{2} +\S+", short)
    data = answer("runs", "show")["data"]
    assert data["differs"]["g_channels"]["value"] == 4 and "n_critic" not in data["differs"]


def test_runs_are_put_away_and_brought_back(drawn: Path, tmp_path: Path) -> None:
    shutil.copytree(drawn / "runs", tmp_path / "runs")
    assert "would move to" in call("runs", "rm", "1", "-n").stdout
    (gone,) = answer("runs", "rm", "1")["data"]
    assert gone["to"] == "runs/trash/0001/0001-gan-discs32" and answer("runs")["data"] == []
    assert [row["id"] for row in answer("runs", "ls", "--trash")["data"]] == ["0001-gan-discs32"]
    assert answer("runs", "rm", "--undo")["data"][0]["id"] == "0001-gan-discs32"
    answer("runs", "rm", "1")
    assert answer("runs", "restore", "1")["data"][0]["to"] == "runs/0001-gan-discs32"
    assert call("runs", "restore").exit_code == 3 and call("runs", "rm").exit_code == 2
    with filelock.FileLock(tmp_path / "runs" / "0001-gan-discs32" / ".lock"):
        assert call("runs", "rm", "1").exit_code == 4


def test_runs_are_compared_on_the_screen_and_in_files(drawn: Path, tmp_path: Path) -> None:
    first = Path(shutil.copytree(drawn / "runs", tmp_path / "runs")) / "0001-gan-discs32"
    shutil.copytree(first, first.with_name("0002-gan-discs32"))
    plan = answer("runs", "compare", "1", "2", "-n")["data"]
    assert plan["would_write"] == ["runs/compare-0001-0002.html"]
    assert not (tmp_path / "runs" / "compare-0001-0002.html").exists()
    files = ["-o", "a.md", "-o", "a.csv", "-o", "a.png", "-o", "a.html"]
    result = call("runs", "compare", "--seeds", "0-1", *files)
    assert result.exit_code == 0, result.output
    assert "the two newest runs: 0001-gan-discs32 0002-gan-discs32" in result.stderr
    assert re.search(r"state +finished +finished", result.stdout)
    assert all(Path(f"a.{form}").is_file() for form in ("md", "csv", "png", "html"))
    data = answer("runs", "compare", "1", "2", "--no-sheet")["data"]
    assert data["differences"] == [] and data["sheet"] is None
    assert call("runs", "compare", "1").exit_code == 2
    assert call("runs", "compare", "1", "2", "--quick").exit_code == 2
    Path("a.md").write_text("my own")
    assert call("runs", "compare", "1", "2", "-o", "a.md").exit_code == 4


def test_a_gallery_has_a_card_a_run(drawn: Path, tmp_path: Path) -> None:
    run = Path(shutil.copytree(drawn / "runs", tmp_path / "runs")) / "0001-gan-discs32"
    (run / "report.html").write_text("")
    assert answer("runs", "gallery")["data"] == {
        "page": "runs/index.html",
        "runs": ["0001-gan-discs32"],
    }
    page = (tmp_path / "runs" / "index.html").read_text()
    assert "data:image/webp" in page and 'href="./0001-gan-discs32/report.html"' in page
    Path("mine.html").write_text("my own")
    assert call("runs", "gallery", "-o", "mine.html").exit_code == 4
    assert call("runs", "gallery", "--runs", "none").exit_code == 3
