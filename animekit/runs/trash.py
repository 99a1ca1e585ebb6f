"""Trash: runs that nobody wants to see are moved to a folder beside them, and brought back."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import filelock

from animekit.errors import NotFoundError, UnusableError, UsageError
from animekit.runs.names import RUNS, TRASH, find_run, list_runs
from animekit.runs.run import Run
from animekit.runs.summary import is_held
from animekit.text import did_you_mean


@dataclass(frozen=True)
class Moved:
    """A run folder that was moved, from where and to where."""

    id: str
    source: Path
    target: Path


def to_trash(runs: Iterable[Run], *, dry: bool = False) -> list[Moved]:
    """Move runs to the trash beside them; nothing is deleted.

    Raises UnusableError for one that is being trained, before any is moved. `dry` moves none.
    """
    chosen = list({run.path.absolute(): run for run in runs}.values())
    if not chosen:
        raise UsageError("no run to remove", "name one or more: animekit runs rm 7")
    for run in chosen:
        if is_held(run):
            raise UnusableError(
                f"run {run.id} is being trained", "wait for it, or stop it first", code="run.held"
            )
    plan: list[Moved] = []
    for run in chosen:
        folder = run.path.parent / TRASH
        number = max((int(each.name) for each in _removals(folder)), default=0) + 1
        plan.append(Moved(run.path.name, run.path, folder / f"{number:04d}" / run.path.name))
    return plan if dry else _moved(plan)


def restore(names: Iterable[str] = (), runs: Path = RUNS, *, dry: bool = False) -> list[Moved]:
    """Bring runs back from the trash: those of the last removal, or the named ones.

    Raises NotFoundError where there is no such run in the trash, UnusableError where a folder of
    the name is there again.
    """
    removals = _removals(runs / TRASH)
    words = list(names)
    if not removals:
        raise NotFoundError(
            f"the trash of {runs} is empty", "animekit runs lists the runs", code="run.not_found"
        )
    found = [_find(name, removals, runs) for name in words] if words else list_runs(removals[-1])
    plan = [Moved(path.name, path, runs / path.name) for path in dict.fromkeys(found)]
    for each in plan:
        if each.target.exists():
            raise UnusableError(
                f"{each.target} is there again: nothing is ever overwritten",
                "move that one away first",
                code="file.exists",
            )
    return plan if dry else _moved(plan)


def trashed(runs: Path = RUNS) -> list[Path]:
    """Return the run folders in the trash, that first which was removed last."""
    return [path for each in reversed(_removals(runs / TRASH)) for path in list_runs(each)]


def _find(name: str, removals: list[Path], runs: Path) -> Path:
    """Return a run in the trash by its name, the beginning of it or its number."""
    for each in reversed(removals):
        try:
            return find_run(name, each)
        except NotFoundError as error:
            if '" can be ' in error.message:
                raise
    known = [path.name for each in removals for path in list_runs(each)]
    raise NotFoundError(
        f'no run "{name}" in the trash of {runs}.{did_you_mean(name, known)}',
        f"there: {' '.join(known)}",
        code="run.not_found",
    )


def _removals(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    found = (path for path in folder.iterdir() if path.name.isdecimal() and list_runs(path))
    return sorted(found, key=lambda path: int(path.name))


def _moved(plan: list[Moved]) -> list[Moved]:
    home = plan[0].source.parent
    top = home if home.parent.name != TRASH else home.parent.parent
    with filelock.FileLock(top / ".lock"):  # a run that begins takes a number meanwhile
        for each in plan:
            each.target.parent.mkdir(parents=True, exist_ok=True)
            each.source.rename(each.target)
    for each in plan:
        if each.source.parent.parent.name == TRASH and not any(each.source.parent.iterdir()):
            each.source.parent.rmdir()
    return plan
