"""The body of `animekit evaluate`: what is measured, the table, the gates and the record."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from animekit.cli._options import Common, checkpoint_of
from animekit.cli._progress import sharing
from animekit.config import Layer, command_tables, parse_set
from animekit.engines import crew
from animekit.errors import UsageError
from animekit.evaluation.evaluate import measure
from animekit.evaluation.make_reference import make_reference
from animekit.evaluation.plan import EvaluateOutline, planned
from animekit.evaluation.reference import Reference
from animekit.evaluation.request import EvaluateRequest
from animekit.evaluation.result import FOLDER, Evaluation
from animekit.evaluation.translators.plan import TranslatorOutline
from animekit.files import refuse_unwritable

# what an evaluation and a reference have in common
SHARED = ("num", "repeats", "quick", "size", "threads", "trust_extractor")


def run(common: Common, options: dict[str, Any]) -> dict[str, Any]:
    """Measure, show and record; return the data of the JSON answer."""
    screen, writes = common.screen, crew.join()
    asked = {key: options[key] for key in SHARED} | {
        "metrics": chosen(options),
        **given(common, options),
        "seed": common.seed or 0,
    }
    if options["save_ref"] is not None:
        return _save_reference(common, options, asked)
    asked |= {
        "tags": options["tags"],
        "ref_tags": options["ref_tags"],
        "checkpoint": checkpoint_of(options["checkpoint"]),
        "truncation": options["truncation"],
        "device": common.device or "auto",
        "fail_if": options["fail_if"] or (),
        "min_faces": options["min_faces"],
    }
    request = EvaluateRequest.of(**asked)
    contestants = [options["model"], *(options["compare"] or ())]
    with screen.busy("loading"):
        plan = planned(
            contestants,
            options["ref"],
            request,
            common.registry(),
            data=options["data"],
            direction=options["direction"],
            attrs=options["attr"] or (),
        )
    screen.note(plan.words)
    if common.dry_run:
        return say_plan(common, plan, options["out"])
    if writes:
        refuse_unwritable(_place(plan, options["out"]), "--out names another folder")
    with sharing(screen) as progress:
        found = measure(plan, progress)
    if not writes:
        return {}
    show(common, found)
    path = found.save(options["out"])
    screen.made(path, "evaluation")
    for picture in found.pictures():
        screen.made(path.parent / picture, "picture")
    failure = found.failure()
    if failure is not None:
        failure.data = found.facts()
        raise failure
    return found.facts()


def _place(plan: EvaluateOutline | TranslatorOutline, out: Path | None) -> Path:
    """Return the folder in which the record will lie."""
    runs = plan.runs if isinstance(plan, TranslatorOutline) else [plan.contenders[0].run]
    return out or (FOLDER if runs[0] is None else runs[0].path)


def chosen(options: dict[str, Any]) -> list[str] | str | None:
    """Return the metrics that were named, "all", or None for the default ones."""
    return "all" if options["all"] else options["metrics"] or None


def given(common: Common, options: dict[str, Any]) -> dict[str, Any]:
    """Return the metrics' parameters of files and options, and their origins."""
    typed = parse_set(list(common.set or []))
    layers = [*command_tables(common.config, "evaluate"), typed]
    if options["extractor"] is not None and "extractor" not in typed.values:
        layers.append(Layer("--extractor", {"extractor": options["extractor"]}))
    found = {
        key: (value, layer.origin)
        for layer in layers
        for key, value in layer.values.items()
        # --set KEY=VALUE is of all metrics, and stronger than a file
        if layer is typed or key.partition(".")[2] not in typed.values
    }
    return {
        "params": {key: value for key, (value, _) in found.items()},
        "origins": {key: origin for key, (_, origin) in found.items()},
    }


def show(common: Common, found: Evaluation) -> None:
    """Write the table, then what a reader must know to read it."""
    screen = common.screen
    for oddity in found.oddities:
        screen.warn(oddity.message, oddity.code)
    names = [column.name for column in found.columns]
    record, real = found.provenance, found.real.facts
    head, *rows = found.as_table()
    screen.table(head, rows)
    for reason in found.reasons():
        screen.say(reason)
    screen.say(
        f"n {record['n']:,} a side ({record['n_is']})  repeats {record['repeats']}"
        f"  seed {record['seed']}"
        f"  real: {real['name']}{' (its statistics)' if real['kind'] == 'reference' else ''}"
    )
    for name, verdict in found.verdicts.items():
        screen.say(f"{name}: {verdict.text}")
    if len(found.columns) > 2 and (alike := found.alike()):
        screen.say(f"{names[1]} and {names[2]} differ by under 2 sd in: {' '.join(alike)}")
    for definition in dict.fromkeys(
        f"{row.metric}: {row.definition}" for row in found.rows if row.definition
    ):
        screen.note(definition, style="dim")
    for gate in found.gates:
        why = f" ({gate.key} is undefined: {gate.reason})" if gate.reason else ""
        screen.say(f"gate {gate.expr}: {'FAILED' if gate.failed else 'passed'}{why}")


def say_plan(
    common: Common, plan: EvaluateOutline | TranslatorOutline, out: Path | None
) -> dict[str, Any]:
    """Say what would be measured, on how many images, how often, and its place."""
    if isinstance(plan, TranslatorOutline):
        return say_translators(common, plan, out)
    runs = [each.run for each in plan.contenders]
    names = [run.id if run else each.name for run, each in zip(runs, plan.contenders, strict=True)]
    asked, real = plan.request, plan.real
    count = "as many images a side as both have"
    if isinstance(real, Reference):
        count = f"n {real.count:,}"
    elif asked.num is not None:
        count = f"n {asked.num:,}"
    place = out or (runs[0].path / "eval" if runs[0] else FOLDER)
    what = f"{', '.join(names)} by {' '.join(plan.metrics)}"
    common.screen.say(
        f"would measure {what}; {count}, repeats {asked.repeats}; the record goes to {place}"
    )
    return {"would_measure": names[0], "metrics": list(plan.metrics), "words": plan.words}


def say_translators(common: Common, plan: TranslatorOutline, out: Path | None) -> dict[str, Any]:
    """Say on which pictures translators would be measured, and to what."""
    run, targets = plan.runs[0], [target.name for target in plan.targets]
    place = out or (run.path / "eval" if run else FOLDER)
    common.screen.say(
        f"would translate the pictures in {' and '.join(plan.places)} to {' '.join(targets)} by"
        f" {', '.join(plan.names)}, and measure them by {' '.join(plan.metrics)} and our own"
        f" numbers; repeats {plan.request.repeats}; the record goes to {place}"
    )
    return {
        "would_measure": plan.names[0],
        "metrics": list(plan.metrics),
        "targets": targets,
        "words": plan.words,
    }


def _save_reference(
    common: Common, options: dict[str, Any], asked: dict[str, Any]
) -> dict[str, Any]:
    if options["ref"] is None:
        raise UsageError("--save-ref needs the real images", "add --ref DIR")
    path: Path = options["save_ref"]
    if path.exists() and not common.yes:
        raise UsageError(f"{path} is there already", "name another file, or add --yes")
    if common.dry_run:
        common.screen.say(f"would write  {path}, the statistics of {options['ref']}")
        return {"would_write": [str(path)]}
    with sharing(common.screen) as progress:
        made = make_reference(
            options["ref"],
            path.stem,
            tags=options["ref_tags"],
            registry=common.registry(),
            progress=progress,
            **asked,
        )
    for name, why in made.left_out.items():
        common.screen.warn(f"{name} is left out: {why}")
    if not crew.join():
        return {}
    common.screen.made(made.save(path), "reference", f"n {made.count:,} of {made.size} px")
    return {"reference": str(path), "n": made.count, "metrics": list(made.metrics)}
