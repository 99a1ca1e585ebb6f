"""`animekit runs`: what was trained here, and how it went."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from animekit.cli._commands import DefaultGroup
from animekit.cli._options import Common, argument, command, option
from animekit.errors import AnimekitError, CheckpointError
from animekit.files import is_file
from animekit.runs.reports import last_evaluation, last_with
from animekit.text import duration, number

if TYPE_CHECKING:
    from animekit.runs.run import Run

FOLDER = option("runs", Path, metavar="DIR", help="The folder of the runs.", default=Path("runs"))


class RunsGroup(DefaultGroup):
    """The group of runs, in which a number or a folder of a run stands for `show`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put `show` before the number, the id or the folder of a run."""
        where = args[0] if args and args[0] not in self.commands else ""
        if where[:1].isdecimal() or (where and is_file(Path(where) / "config.json")):
            args = ["show", *args]
        return super().parse_args(ctx, args)


def add_to(app: typer.Typer) -> None:
    """Add the group to the root; `animekit runs` alone lists."""
    group = typer.Typer(cls=RunsGroup, help="List the runs in ./runs, or show one.")
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
    from animekit.runs.names import list_runs
    from animekit.runs.run import Run

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
      animekit runs show 7                    or: animekit runs 7
      animekit runs show 0007-wgangp-faces64
      animekit runs show 7 --json
    """
    from animekit.config import show as text
    from animekit.runs.run import Run

    found = Run(run, runs)
    row, config, screen = facts(found), found.config, common.screen
    parts = [config.get(part, {}) for part in ("options", "params", "origins")]
    if row["state"] == "damaged" or not all(isinstance(part, dict) for part in parts):
        raise CheckpointError(
            f"{found.path / 'config.json'} does not hold the values of a run", "name another run"
        )
    options, params, origins = parts
    screen.say(f"{row['id']}  {row['state']}  step {row['steps']:,}  {duration(row['seconds'])}")
    values = {**options, **params}
    screen.table(
        ("what", "value", "from"),
        [(key, text(value), str(origins.get(key, ""))) for key, value in values.items()],
    )
    reports = found.reports()
    last, scores = last_with(reports.rows, "seconds"), last_evaluation(reports.rows)
    for title, report in (("last report", last), ("last evaluation", scores)):
        if report:
            screen.table((title, ""), [(key, number(value)) for key, value in report.items()])
    if reports.bad:
        screen.note(f"lines of metrics.jsonl that hold no report: {reports.bad:,}")
    for picture in ("timeline.png", "timeline.gif"):
        if (found.path / picture).is_file():
            screen.made(found.path / picture, picture.partition(".")[0])
    return {**row, "config": config, "last": last, "evaluation": scores}


def facts(run: Run) -> dict[str, Any]:
    """Return what a list shows of a run; each from the last report that has it."""
    steps, seconds, method = 0, 0.0, ""
    try:
        rows = run.metrics()
        steps = int(last_with(rows, "step").get("step", 0))
        seconds = float(last_with(rows, "seconds").get("seconds", 0.0))
        config = run.config
        method, state = str(config["model"]), state_of(run, config, steps, seconds)
    except (AnimekitError, LookupError, TypeError, ValueError, AttributeError):
        state = "damaged"  # which does not hide the others
    return {
        "id": run.id,
        "method": method,
        "state": state,
        "steps": steps,
        "seconds": seconds,
        "path": str(run.path),
    }


def state_of(run: Run, config: dict[str, Any], steps: int, seconds: float) -> str:
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
    enough = total is not None and steps >= total
    late = options.minutes is not None and seconds >= 60 * options.minutes
    return "finished" if enough or late else "interrupted"
