"""The body of `animekit train MODEL`: a plan or a run, and what is said of it."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from animekit.cli._flags import values_of
from animekit.cli._options import Common, flag_of
from animekit.cli._progress import packing
from animekit.cli.train.show import display
from animekit.config import current, parse_set, show
from animekit.models.base import Model
from animekit.plugins import LOOSE
from animekit.runs.curves import CURVES
from animekit.runs.names import RUNS
from animekit.runs.reports import last_with
from animekit.training.plan import TrainPlan
from animekit.training.recipe import TrainOptions
from animekit.training.tips import KEY, TipChange

MEASURED = 20  # steps


def run(common: Common, model: type[Model], given: dict[str, Any]) -> Any:
    """Train, or say what would be done; return the data of the JSON answer."""
    from animekit.training.plan import plan as make_plan
    from animekit.training.train import train as run_training

    screen, registry = common.screen, common.registry()
    preset, newest = given.pop("preset"), given.pop("resume")
    timed, pictures, tips = (given.pop(key) for key in ("benchmark", "preview", "tip"))
    resume = given.pop("resume_run") or newest or None
    loggers = [registry.get("logger", name) for name in given.pop("loggers")]
    runs, verify = given.pop("out") or RUNS, given.pop("verify")
    given |= {"seed": common.seed, "device": common.device}
    schemas = (TrainOptions, model.Params)
    typed, flags = current(parse_set(common.set or ()), *schemas).values, values_of(given, *schemas)
    origins = dict.fromkeys(typed, "--set") | {key: flag_of(key) for key in flags}
    shared: dict[str, Any] = {"params": {**typed, **flags}, "registry": registry, "runs": runs}
    shared["origins"] = origins
    shared["verify"] = verify
    shared |= {"tips": tips, "origins": {KEY: "--tip", **origins}} if tips else {}
    screen.streams = True
    if common.dry_run:
        with packing(screen) as progress:
            plan = make_plan(
                model.name,
                preset=preset,
                config=common.config,
                measure=MEASURED if timed else 0,
                resume=resume,
                progress=progress,
                **shared,
            )
        return show_plan(common, plan)
    with packing(screen) as progress:
        made = run_training(
            model.name,
            preset=preset,
            config=common.config,
            resume=resume,
            loggers=[display(screen, model, pictures=pictures), *(logger() for logger in loggers)],
            progress=progress,
            **shared,
        )
    screen.made(made.path, "run")
    for name in ("timeline.png", "timeline.gif", *CURVES):
        path = made.path / name
        if path.is_file():
            screen.record(path, path.suffix[1:])
    if hasattr(model, "sample"):
        where = shlex.quote(made.id if runs == RUNS else str(made.path))
        folder = common.session.plugins_dir  # without it the run's model would not be known
        loose = model.__module__.startswith(LOOSE) and folder is not None
        more = f" --plugins-dir {shlex.quote(str(folder))}" if loose else ""
        screen.note(f"next: animekit generate {where}{more}")
    last = last_with(made.metrics(), "seconds")
    return {"run": str(made.path), "id": made.id, "last": last}


def show_plan(common: Common, plan: TrainPlan) -> dict[str, Any]:
    """Write a plan for a person; return it for a program."""
    screen = common.screen
    head, *rows = plan.as_table()
    screen.table(head, rows)
    for skipped in plan.skipped:
        screen.say(f"skipped  {skipped.name}: {skipped.reason}", "yellow")
    if plan.tips:
        screen.say("")
        rows = [(each.tip, each.parameter, *_tip_cells(each), each.title) for each in plan.tips]
        screen.table(("tip", "parameter", "from", "to", "which is"), rows)
    for caution in plan.cautions:
        screen.say(f"note  {caution}", "yellow")
    values = [(key, show(value), origin) for key, (value, origin) in plan.values.items()]
    screen.say("")
    screen.table(("value", "", "from"), sorted(values, key=lambda row: row[2] == "default"))
    data: Mapping[str, Any] = {**vars(plan), "tips": [asdict(each) for each in plan.tips]}
    screen.event("plan", **data)
    return dict(data)


def _tip_cells(change: TipChange) -> tuple[str, str]:
    """Return what a parameter is, and what a tip makes of it."""
    before, after = show(change.before), show(change.after)
    if change.kept:
        return before, f"{before}, not {after}: {change.kept} is stronger"
    return before, "already so" if before == after else after
