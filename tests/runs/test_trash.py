"""The trash of runs: moved, brought back, and nothing lost on the way."""

from __future__ import annotations

from pathlib import Path

import filelock
import pytest

from animekit.errors import NotFoundError, UnusableError, UsageError
from animekit.runs.names import list_runs
from animekit.runs.run import Run
from animekit.runs.trash import restore, to_trash, trashed


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """Return a folder of three runs."""
    folder = tmp_path / "runs"
    for name in ("a", "b", "c"):
        run = Run.create("gan", name, {"model": "gan"}, folder)
        (run.path / "metrics.jsonl").write_text(name)
    return folder


def names(folder: Path) -> list[str]:
    return [path.name for path in list_runs(folder)]


def test_what_is_removed_comes_back_as_it_was(runs: Path) -> None:
    to_trash([Run("1", runs), Run("3", runs), Run("0003-gan-c", runs)])
    assert names(runs) == ["0002-gan-b"]
    to_trash([Run("2", runs)])
    assert names(runs) == [] and trashed(runs)[0].name == "0002-gan-b"
    assert [each.id for each in restore((), runs)] == ["0002-gan-b"]
    assert [each.id for each in restore(["3"], runs)] == ["0003-gan-c"]
    assert [each.id for each in restore((), runs)] == ["0001-gan-a"]
    assert [(path / "metrics.jsonl").read_text() for path in list_runs(runs)] == ["a", "b", "c"]
    assert trashed(runs) == []
    with pytest.raises(NotFoundError, match="the trash of .* is empty"):
        restore((), runs)


def test_a_number_in_the_trash_is_not_given_again(runs: Path) -> None:
    to_trash([Run("3", runs)])
    assert Run.create("gan", "c", {}, runs).id == "0004-gan-c"


def test_a_run_that_is_being_trained_stays_and_so_do_the_others(runs: Path) -> None:
    with (
        filelock.FileLock(runs / "0002-gan-b" / ".lock"),
        pytest.raises(UnusableError, match="0002-gan-b is being trained"),
    ):
        to_trash([Run("1", runs), Run("2", runs)])
    assert len(names(runs)) == 3 and not trashed(runs)
    with pytest.raises(UsageError, match="no run to remove"):
        to_trash([])


def test_nothing_is_moved_in_a_dry_run_or_over_another(runs: Path) -> None:
    (planned,) = to_trash([Run("1", runs)], dry=True)
    assert planned.target == runs / "trash" / "0001" / "0001-gan-a" and len(names(runs)) == 3
    to_trash([Run("1", runs)])
    (runs / "0001-gan-a").mkdir()
    with pytest.raises(UnusableError, match="is there again"):
        restore((), runs)
    with pytest.raises(NotFoundError, match='no run "9" in the trash'):
        restore(["9"], runs)
    (runs / "0001-gan-a").rmdir()
    assert [each.target for each in restore((), runs, dry=True)] == [runs / "0001-gan-a"]
    assert len(names(runs)) == 2
