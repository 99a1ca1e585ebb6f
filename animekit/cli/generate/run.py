"""The body of `animekit generate`: the library is asked, and what came of it is shown."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from animekit.cli._options import Common, checkpoint_of
from animekit.cli.generate import show
from animekit.cli.generate.request import GenerateOptions
from animekit.comparison.same_noise import same_noise
from animekit.engines import crew
from animekit.engines.processes import place
from animekit.generation.generate import draw_request, load, plan_request
from animekit.generation.recipe import read_recipe
from animekit.generation.reproduce import reproduce
from animekit.generation.request import GenerateRequest
from animekit.models import sampling
from animekit.runs.names import meanings


def run(common: Common, options: GenerateOptions) -> dict[str, Any]:
    """Draw and write, or say what would be; return the data of the JSON answer."""
    if options.reproduce is not None:
        return _reproduce(common, options, options.reproduce)
    writes = crew.join()
    request = options.request(common)
    if options.beside:
        return _beside(common, options, request)
    with common.screen.busy("loading"):
        loaded = load(request, common.registry())
    common.screen.note(loaded.origin)
    options.check_size(request, sampling.as_generating(loaded.model).spec.size)
    request = replace(request, model=loaded)
    if common.dry_run:
        plan = plan_request(request, common.registry())
        return show.plan(common, options, plan.text)
    with common.screen.busy("drawing"):
        drawn = draw_request(request, common.registry())
    return show.result(common, options, drawn) if writes else {}


def _beside(common: Common, options: GenerateOptions, request: GenerateRequest) -> dict[str, Any]:
    """Draw one sheet of several models on the same noise and prompts, a row each."""
    first = load(request, common.registry())
    common.screen.note(first.origin)
    runs: dict[str, Any] = {first.name if first.run is None else first.run.id: first}
    for where in options.beside or ():
        run = next((each.run for each in meanings(where)), None)
        name = Path(where).name if run is None else run.name
        runs[name if name not in runs else f"{name} ({len(runs) + 1})"] = where
    what = f"one sheet of {', '.join(runs)}"
    if common.dry_run:
        return show.plan(common, options, what)
    with common.screen.busy("drawing"):
        sheet = same_noise(
            runs,
            request.seeds,  # type: ignore[arg-type]
            prompts=request.prompts,
            sweep=request.swept or None,
            per_prompt=request.per_prompt,
            checkpoint=request.checkpoint,
            device=request.device,
            threads=options.threads,
            registry=common.registry(),
        )
    return show.sheet(common, options, sheet) if place().is_main else {}


def _reproduce(common: Common, options: GenerateOptions, picture: Path) -> dict[str, Any]:
    if common.dry_run:
        read_recipe(picture)  # the plan of a picture is in the picture
        return show.plan(common, options, f"{picture} again")
    # Without MODEL it stays on the CPU, where the bundled pictures were drawn.
    device = common.device or ("auto" if options.model is not None else None)
    with common.screen.busy("drawing"):
        drawn = reproduce(
            picture,
            options.model,
            noise=None if options.noise is None else options.noise[-1],
            checkpoint=checkpoint_of(options.checkpoint),
            device=device,
            threads=options.threads,
            registry=common.registry(),
        )
    common.screen.note(drawn.origin)
    return show.result(common, options, drawn) if place().is_main else {}
