"""What a person sees of runs: the list, and one of them; nothing here needs torch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from animekit.cli._options import Common
from animekit.config import show as text
from animekit.errors import CheckpointError
from animekit.runs.history import History, read_history
from animekit.runs.reports import last_evaluation, last_with
from animekit.runs.run import Run
from animekit.runs.summary import SHOWN, Best, own_values, summaries, summary
from animekit.runs.trash import trashed
from animekit.text import age, duration, number, size, sparkline

LETTERS = 40  # of a curve


def ls(
    common: Common, *, sort: str, state: str | None, trash: bool, runs: Path
) -> list[dict[str, Any]]:
    """List the runs of a folder, or those in its trash."""
    screen = common.screen
    if trash:
        found = [summary(Run(path)) for path in trashed(runs)]
        empty = f"the trash of {runs} is empty"
    else:
        found = summaries(runs, sort=sort, states=states_of(state))
        empty = f"no runs in {runs} yet; animekit train --help lists what to train"
        empty = f"no run in {runs} is {state}" if state else empty
    if not found:
        screen.note(empty)
    else:
        screen.table(
            ("id", "method", "state", "steps", "time", "data", *SHOWN, "age", "size"),
            [
                (
                    each.id,
                    each.method,
                    each.state,
                    each.steps,
                    duration(each.seconds),
                    each.data,
                    *(_best(each.best.get(key)) for key in SHOWN),
                    age(each.age),
                    size(each.bytes),
                )
                for each in found
            ],
            spare=("size", "data", "method", "age"),  # the id says most of it
        )
        if any(best.real is not None for each in found for best in each.best.values()):
            screen.note("in brackets: what real images get against other real ones")
    return [each.facts() for each in found]


def states_of(text: str | None) -> list[str]:
    """Return the states that are named, with commas between them."""
    return [word.strip() for word in (text or "").split(",") if word.strip()]


def show(common: Common, *, run: str | None, runs: Path, **flags: bool) -> dict[str, Any]:
    """Show one run, the newest by default."""
    found = Run.newest(runs=runs) if run is None else Run(run, runs)
    each, config, screen = summary(found), found.config, common.screen
    parts = [config.get(part, {}) for part in ("options", "params", "origins")]
    if each.state == "damaged" or not all_tables(parts):
        raise CheckpointError(
            f"{found.path / 'config.json'} does not hold the values of a run", "name another run"
        )
    options, params, origins = parts
    total = "" if each.total is None else f" of {each.total:,}"
    screen.say(
        f"{each.id}  {each.state}  step {each.steps:,}{total}  {duration(each.seconds)}"
        f"  {age(each.age)} old  {size(each.bytes)}"
    )
    count = "" if each.images is None else f", {each.images:,} images"
    preset = f", preset {each.preset}" if each.preset else ""
    screen.say(f"{each.method}{preset} on {each.data}{count}")
    reports, history = found.reports(), read_history(found)
    _curves(common, history)
    if each.best:
        screen.table(
            ("best", "", "real", "step", "by"),
            [
                (key, number(b.value), "" if b.real is None else number(b.real), b.step, b.by)
                for key, b in each.best.items()
            ],
        )
    own = own_values(config)
    values = {**options, **params}
    if flags["all"]:
        shown = {**{key: values[key] for key in own}, **values}
        rows = [(key, text(v), str(origins.get(key, ""))) for key, v in shown.items()]
        screen.table(("what", "value", "from"), rows)
    elif own:
        named = f"preset {each.preset}" if each.preset else "the defaults"
        rows = [(key, text(value), origin) for key, (value, origin) in own.items()]
        screen.table((f"not of {named}", "value", "from"), rows)
    last, scores = last_with(reports.rows, "seconds"), last_evaluation(reports.rows)
    for title, report in (("last report", last), ("last evaluation", scores)):
        if report:
            screen.table((title, ""), [(key, number(value)) for key, value in report.items()])
    if reports.bad:
        screen.note(f"lines of metrics.jsonl that hold no report: {reports.bad:,}")
    for picture in ("timeline.png", "timeline.gif", "curves.png", "report.html"):
        if (found.path / picture).is_file():
            screen.made(found.path / picture, picture.partition(".")[0])
    differs = {key: {"value": value, "from": origin} for key, (value, origin) in own.items()}
    return {
        **each.facts(),
        "config": config,
        "differs": differs,
        "last": last,
        "evaluation": scores,
    }


def all_tables(parts: list[Any]) -> bool:
    """Say whether the parts of a configuration are tables."""
    return all(isinstance(part, dict) for part in parts)


def _best(best: Best | None) -> str:
    if best is None:
        return ""
    return number(best.value) + ("" if best.real is None else f" ({number(best.real)})")


def _curves(common: Common, history: History) -> None:
    """Write the losses and metrics as small curves of letters."""
    marks = " .:-=+*#" if common.screen.plain else "▁▂▃▄▅▆▇█"
    rows = []
    for key in [*history.losses, *history.metrics]:
        values = history.series[key].values
        if len(values) > 1:
            curve = sparkline(values, LETTERS, marks)
            rows.append((key, number(values[0]), curve, number(values[-1])))
    if rows:
        common.screen.table(("curve", "first", "", "last"), rows)
