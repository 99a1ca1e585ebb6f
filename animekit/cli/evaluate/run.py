"""The body of `animekit evaluate`: what is measured, the table, the gates and the record."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from animekit.cli._options import Common
from animekit.cli._progress import sharing
from animekit.config import parse_set
from animekit.errors import UsageError
from animekit.evaluation import reference
from animekit.evaluation.evaluate import evaluate, make_reference
from animekit.evaluation.fakes import contender
from animekit.evaluation.result import Evaluation, Value
from animekit.runs.run import Run

QUICK = 1_000
FACES = ("faces_figure", "faces_own")  # of 25; the course's count goes before our own
FOLDER = Path("evaluations")  # of what is no run


def run(common: Common, wishes: dict[str, Any]) -> dict[str, Any]:
    """Measure, show and record; return the data of the JSON answer."""
    registry, screen = common.registry(), common.screen
    names = chosen(wishes)
    params = dict(parse_set(list(common.set or [])).values)
    if wishes["extractor"] is not None:
        params.setdefault("extractor", wishes["extractor"])
    told: dict[str, Any] = {
        "metrics": names,
        "num": QUICK if wishes["quick"] and wishes["num"] is None else wishes["num"],
        "repeats": 1 if wishes["quick"] else wishes["repeats"],
        "seed": common.seed or 0,
        "size": wishes["size"],
        "params": params,
        "registry": registry,
    }
    if wishes["save_ref"] is not None:
        return _save_reference(common, wishes, told)
    which = wishes["checkpoint"]
    checkpoint = int(which) if which.isdigit() else which
    with screen.busy("loading"):
        first = contender(
            wishes["model"],
            registry,
            size=wishes["size"],
            tags=wishes["tags"],
            checkpoint=checkpoint,
            truncation=wishes["trunc"],
        )
    screen.note(first.origin)
    if common.dry_run:
        named = names and not isinstance(names, str)
        what = " ".join(names) if named and names else "every metric that needs no download"
        screen.say(f"would measure {first.name} by {what}")
        return {"would_measure": first.name, "metrics": names}
    with sharing(common.screen) as progress:
        found = evaluate(
            first,
            wishes["ref"],
            versus=wishes["vs"] or (),
            ref_tags=wishes["ref_tags"],
            truncation=wishes["trunc"],
            progress=progress,
            **told,
        )
    found.check(gates(wishes, found))
    show(common, found)
    folder = record(found, first.run, wishes["out"], first.name)
    screen.made(folder / "evaluation.json", "evaluation")
    for path in sorted(folder.glob("*.png")):
        screen.made(path, "picture")
    data = found.facts()
    failure = found.failure()
    if failure is not None:
        failure.data = data
        raise failure
    return data


def chosen(wishes: dict[str, Any]) -> list[str] | str | None:
    """Return the metrics that were named, "all", or None for the default ones."""
    names: list[str] = wishes["metrics"]
    if wishes["all"]:
        return "all"
    if wishes["min_faces"] is not None and names and "faces" not in names:
        names.append("faces")
    return names or None


def gates(wishes: dict[str, Any], found: Evaluation) -> list[str]:
    """Return the conditions under which the command fails, as expressions."""
    expressions = list(wishes["fail_if"] or ())
    if wishes["min_faces"] is not None:
        known = [key for key in FACES if key in found.columns[1].values]
        if not known:
            raise UsageError("--min-faces needs the metric faces", "add --faces")
        expressions.append(f"{known[0]}<{wishes['min_faces']}")
    return expressions


def show(common: Common, found: Evaluation) -> None:
    """Write the table, then what a reader must know to read it."""
    screen = common.screen
    for oddity in found.oddities:
        screen.warn(oddity.message, oddity.code)
    names = [column.name for column in found.columns]
    rows = [
        (
            row.key,
            arrow(row.better),
            *(cell(column.values.get(row.key)) for column in found.columns),
        )
        for row in found.rows
    ]
    screen.table(("", "good is", *names), rows)
    record = found.provenance
    real = found.real.facts
    screen.say(
        f"n {record['n']:,}  repeats {record['repeats']}  seed {record['seed']}"
        f"  real: {real['name']}{' (its statistics)' if real['kind'] == 'reference' else ''}"
    )
    for name, verdict in found.verdicts.items():
        screen.say(f"{name}: {verdict.text}")
    if len(found.columns) > 2:
        same = [row.key for row in found.rows if found.differ(row.key, 1, 2) is False]
        if same:
            screen.say(f"{names[1]} and {names[2]} differ by under 2 sd in: {' '.join(same)}")
    for definition in dict.fromkeys(f"{row.metric}: {row.definition}" for row in found.rows):
        screen.note(definition, style="dim")
    for gate in found.gates:
        screen.say(f"gate {gate.expr}: {'FAILED' if gate.failed else 'passed'}")


def arrow(better: str) -> str:
    """Return what a direction means to a reader."""
    return {"real": "as real"}.get(better, better)


def cell(value: Value | None) -> str:
    """Return a number with its spread, to the digits that mean something.

    >>> cell(Value(12.345, sd=0.2)), cell(Value(None, reason="flat")), cell(Value(0.4321))
    ('12.3 ±0.2', 'undefined', '0.432')
    """
    if value is None:
        return "-"
    if value.value is None:
        return "undefined"
    size = max(abs(value.value), value.spread or 0.0)
    digits = 0 if size >= 1000 else 1 if size >= 10 else 2 if size >= 1 else 3
    spread = "" if value.spread is None else f" ±{value.spread:.{digits}f}"
    return f"{value.value:.{digits}f}{spread}"


def record(found: Evaluation, run: Run | None, out: Path | None, name: str) -> Path:
    """Write the evaluation where it belongs and return the folder."""
    if out is not None:
        folder = out
    else:
        parent = FOLDER if run is None else run.path / "eval"
        numbers = [int(each.name[:4]) for each in parent.glob("[0-9][0-9][0-9][0-9]*")]
        label = "" if run is not None else "-" + (re.sub(r"[^\w.-]+", "-", name) or "images")
        folder = parent / f"{max(numbers, default=0) + 1:04d}{label}"
    found.save(folder)
    if run is not None:
        line = json.dumps({"record": folder.name, **found.brief()}, allow_nan=False)
        with (run.path / "evaluations.jsonl").open("a", encoding="utf-8") as file:
            file.write(line + "\n")
    return folder


def _save_reference(common: Common, wishes: dict[str, Any], told: dict[str, Any]) -> dict[str, Any]:
    if wishes["ref"] is None:
        raise UsageError("--save-ref needs the real images", "add --ref DIR")
    path: Path = wishes["save_ref"]
    if path.exists() and not common.yes:
        raise UsageError(f"{path} is there already", "name another file, or add --yes")
    with sharing(common.screen) as progress:
        made = make_reference(
            wishes["ref"], path.stem, tags=wishes["ref_tags"], progress=progress, **told
        )
    common.screen.made(reference.save(made, path), "reference", f"n {made.count:,}")
    return {"reference": str(path), "n": made.count, "metrics": list(made.metrics)}
