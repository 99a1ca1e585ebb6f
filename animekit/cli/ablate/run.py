"""The body of `animekit ablate`: the plan, the trainings, the table and the files."""

from __future__ import annotations

from typing import Any

from animekit.ablation.ablate import carry_out
from animekit.ablation.plan import AblatePlan, make_plan
from animekit.ablation.request import AblateRequest
from animekit.ablation.result import Ablation
from animekit.cli._options import Common
from animekit.cli._progress import sharing
from animekit.config import parse_set

OF_A_TRAINING = ("data", "tags", "size", "batch_size")
"""Options of a training that have a flag here; --set reaches the others."""


def run(common: Common, options: dict[str, Any]) -> dict[str, Any]:
    """Say what would be done, or do it; return the data of the JSON answer."""
    screen, timed = common.screen, options.pop("benchmark")
    request = request_of(common, options)
    with screen.busy("planning"):
        plan = make_plan(request, timed=timed and common.dry_run)
    if common.dry_run:
        return show_plan(common, plan)
    for line in plan.lines():
        screen.note(line)
    with sharing(screen) as progress:
        found = carry_out(plan, progress)
    show(common, found)
    screen.made(found.files["page"], "page", "table, pictures and curves")
    for kind, path in found.files.items():
        if kind != "page":
            screen.record(path, kind)
    failure = found.failure()
    if failure is not None:
        raise failure
    return found.facts()


def request_of(common: Common, options: dict[str, Any]) -> AblateRequest:
    """Return what the command line asks for."""
    typed = dict(parse_set(common.set or ()).values)
    flags = {key: options.pop(key) for key in OF_A_TRAINING}
    named = {key: str(value) if key == "tags" else value for key, value in flags.items()}
    named = {key: value for key, value in named.items() if flags[key] is not None}
    origins = dict.fromkeys(typed, "--set")
    origins |= {key: "--" + key.replace("_", "-") for key in named}
    return AblateRequest.of(
        options.pop("model"),
        params={**typed, **named},
        origins=origins,
        tips=options.pop("tip") or (),
        axes=options.pop("axis") or (),
        variants=options.pop("variant") or (),
        on=options.pop("on") or (),
        metrics=options.pop("metric") or (),
        config=common.config,
        device=common.device,
        registry=common.registry(),
        plugins_dir=common.session.plugins_dir,
        **options,
    )


def show_plan(common: Common, plan: AblatePlan) -> dict[str, Any]:
    """Write a plan for a person; return it for a program."""
    head, *rows = plan.as_table()
    common.screen.table(head, rows)
    for line in plan.lines():
        common.screen.say(line)
    return plan.facts()


def show(common: Common, found: Ablation) -> None:
    """Write the table, and what it says in words."""
    head, *rows = found.as_table()
    common.screen.table(head, rows)
    for sentence in found.sentences():
        common.screen.say(sentence)
    for warning in found.warnings():
        common.screen.warn(warning, "ablate")
