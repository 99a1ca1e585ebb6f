"""`animekit report`: pages and course reports from the command line."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.support import answer, call


@pytest.fixture
def run(drawn: Path, tmp_path: Path) -> Path:
    """Return a run of the test's own, the newest here."""
    return Path(shutil.copytree(drawn / "runs", tmp_path / "runs")) / "0001-gan-discs32"


def test_the_newest_run_gets_its_report(run: Path) -> None:
    plan = answer("report", "-n")["data"]
    assert plan == {"would_write": "runs/0001-gan-discs32/report.html", "run": run.name}
    found = answer("report")
    assert found["data"]["page"] == plan["would_write"] and (run / "report.html").is_file()
    assert found["artifacts"][0]["kind"] == "report"
    assert found["data"]["sections"]["honesty"]["absent"][0].startswith("never evaluated")


def test_a_report_goes_where_it_is_told_and_over_nothing_of_others(run: Path) -> None:
    result = call("report", run, "-o", "r.html")
    assert result.exit_code == 0 and result.stdout.startswith("r.html  ")
    assert "honesty: never evaluated: animekit evaluate 0001" in result.stderr
    Path("r.html").write_text("my own")
    refused = call("report", "1", "-o", "r.html")
    assert refused.exit_code == 4 and "animekit did not make it" in refused.stderr
    assert Path("r.html").read_text() == "my own"
    assert call("report", "1", "-o", "r.txt").exit_code == 2


def test_a_course_report_is_written_and_says_what_is_to_do(run: Path) -> None:
    shutil.copytree(run, run.with_name("0002-gan-discs32"))
    result = call("report", "1", "2", "--template", "assignment", "-o", "homework")
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines() == ["homework/assignment.html", "homework/assignment.md"]
    assert "to do: no run that collapses: animekit train gan --preset collapse" in result.stderr
    assert answer("report", "1", "--template", "assignment")["data"]["parts"]["model"] == run.name


def test_wrong_words_are_refused(run: Path) -> None:
    assert call("report", "9").exit_code == 3
    assert call("report", "1", "1").exit_code == 2
    assert "use report or assignment" in call("report", "1", "--template", "essay").stderr
    assert call("report", "1", "--checkpoint", "77", "-n").exit_code == 0
