"""`animekit runs`: what was trained here, and how it went."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from animekit.cli._commands import DefaultGroup
from animekit.cli._options import Common, argument, command, option
from animekit.errors import CheckpointError
from animekit.text import duration, number

if TYPE_CHECKING:
    from animekit.runs.run import Run

FOLDER = option("runs", Path, metavar="DIR", help="The folder of the runs.", default=Path("runs"))


def add_to(app: typer.Typer) -> None:
    """Add the group to the root; `animekit runs` alone lists."""
    group = typer.Typer(cls=DefaultGroup, help="List the runs in ./runs, or show one.")
    command(group, "ls", ls, FOLDER, of="runs")
    run = argument("run", required=True, help="Id, number or folder of the run.")
    command(group, "show", show, run, FOLDER, of="runs")
    app.add_typer(group, name="runs")


def ls(common: Common, runs: Path) -> list[dict[str, Any]]:
    """List the runs, oldest first.

    Examples
      animekit runs
      animekit runs ls --json
      animekit runs ls --runs /data/runs
    """
    from animekit.runs.run import Run, list_runs

    rows = [facts(Run(path)) for path in list_runs(runs)]
    if not rows:
        common.screen.note(f"no runs in {runs} yet; animekit train --help lists what to train")
        return rows
    common.screen.table(
        ("id", "method", "state", "steps", "time"),
        [
            (row["id"], row["method"], row["state"], row["steps"], duration(row["seconds"]))
            for row in rows
        ],
    )
    return rows


def show(common: Common, run: str, runs: Path) -> dict[str, Any]:
    """Show one run: its state, its values, and its last report.

    Examples
      animekit runs show 7
      animekit runs show 0007-wgangp-faces64
      animekit runs show 7 --json
    """
    from animekit.config import show as text
    from animekit.runs.run import Run

    found = Run(run, runs)
    row, config, screen = facts(found), found.config, common.screen
    screen.say(f"{row['id']}  {row['state']}  step {row['steps']:,}  {duration(row['seconds'])}")
    values = {**config["options"], **config["params"]}
    origins = config.get("origins", {})
    screen.table(
        ("what", "value", "from"),
        [(key, text(value), origins.get(key, "")) for key, value in values.items()],
    )
    last = (found.metrics() or [{}])[-1]
    screen.table(("last report", ""), [(key, number(value)) for key, value in last.items()])
    for picture in ("timeline.png", "timeline.gif"):
        if (found.path / picture).is_file():
            screen.made(found.path / picture, picture.partition(".")[0])
    return {**row, "config": config, "last": last}


def facts(run: Run) -> dict[str, Any]:
    """Return what a list shows of a run."""
    last = (run.metrics() or [{}])[-1]
    try:
        config = run.config
        method, state = config["model"], state_of(run, config, last)
    except (CheckpointError, KeyError, ValueError):  # one damaged run does not hide the others
        method, state = "", "damaged"
    return {
        "id": run.id,
        "method": method,
        "state": state,
        "steps": int(last.get("step", 0)),
        "seconds": float(last.get("seconds", 0.0)),
        "path": str(run.path),
    }


def state_of(run: Run, config: dict[str, Any], last: dict[str, Any]) -> str:
    """Return running, finished or interrupted: by its lock, and by how far it came."""
    import filelock

    from animekit.config import Layer, resolve
    from animekit.training.recipe import TrainOptions

    if (run.path / ".lock").is_file():
        try:
            filelock.FileLock(run.path / ".lock").acquire(timeout=0).lock.release(force=True)
        except filelock.Timeout:
            return "running"
    options = resolve(TrainOptions, [Layer("the run", config["options"])]).params
    total = options.total_steps()
    enough = total is not None and last.get("step", 0) >= total
    late = options.minutes is not None and last.get("seconds", 0.0) >= 60 * options.minutes
    return "finished" if enough or late else "interrupted"
