"""Ablate: a base and its variants, trained at an equal budget over seeds, and held side by side."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from animekit.ablation.plan import AblatePlan, make_plan
from animekit.ablation.request import AblateRequest, Told
from animekit.ablation.result import Ablation
from animekit.ablation.trial import State
from animekit.ablation.workers import work
from animekit.ablation.written import save
from animekit.data.places import Data
from animekit.errors import UnusableError
from animekit.files import write_atomic

PLAN = "ablation.json"
"""What makes a folder that of an ablation."""


def ablate(
    model: str,
    data: Data | None = None,
    *,
    steps: int | None = None,
    seconds: float | None = None,
    tips: Sequence[str | int] | str | int = (),
    axes: Mapping[str, Sequence[Any]] | Sequence[str] = (),
    variants: Mapping[str, Mapping[str, Any]] | Sequence[str] = (),
    on: Sequence[str] | str = (),
    grid: bool = False,
    seeds: str | Sequence[int] | int = "0",
    progress: Told | None = None,
    **asked: Any,
) -> Ablation:
    """Train a base and its variants at an equal budget, and say what differs.

    The budget of each training is `steps`, or `seconds` of the processor. Variants are one change
    each: of `tips` [4, 5], of `axes` {"gp_weight": [1, 100], "model": ["wgan"]}, of `variants`
    {"name": {"optimizer": "adam", ...}}, of `on` ["raw"] for the data as they were before cleaning;
    `grid` takes all combinations of tips and axes. `asked` are a preset, params, config and options
    as for `train`; metrics, num, repeats, checkpoint and ref as for `evaluate`; jobs, the number of
    processes; out, the folder, by default one in ./ablations that the same base always has. What is
    done there is not done again; `files` of the result are its table, pictures and page. A variant
    that diverges is a row, and `failure()` tells.
    """
    request = AblateRequest.of(
        model,
        data,
        steps=steps,
        seconds=seconds,
        tips=tips,
        axes=axes,
        variants=variants,
        on=on,
        grid=grid,
        seeds=seeds,
        **asked,
    )
    return carry_out(make_plan(request), progress)


def plan_ablate(
    model: str, data: Data | None = None, *, benchmark: bool = False, **asked: Any
) -> AblatePlan:
    """Return what `ablate` would do; `benchmark` times some steps."""
    return make_plan(AblateRequest.of(model, data, **asked), timed=benchmark)


def carry_out(plan: AblatePlan, progress: Told | None = None) -> Ablation:
    """Do what a plan says, write table, pictures and page, and return them."""
    _claim(plan)
    tell = progress or (lambda words, share: None)
    work(plan, tell)
    tell("drawing", 1.0)
    found = Ablation.of(plan, [State.of(trial) for trial in plan.trials])
    return replace(found, files=save(found))


def _claim(plan: AblatePlan) -> None:
    """Make the folder an ablation's; UnusableError where it is something else's."""
    file = plan.folder / PLAN
    if plan.folder.exists() and not file.is_file() and any(plan.folder.iterdir()):
        raise UnusableError(
            f"{plan.folder} is no folder of an ablation, and is not empty",
            "name another one with --out",
            code="file.exists",
        )
    plan.folder.mkdir(parents=True, exist_ok=True)
    write_atomic(file, json.dumps(plan.facts(), indent=1) + "\n")
