"""The body of `animekit project`: the library searches, and what it found is shown."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from animekit import device as devices
from animekit.cli._options import Common, checkpoint_of
from animekit.cli._progress import sharing
from animekit.errors import UsageError
from animekit.files import refuse_unwritable
from animekit.images import film
from animekit.images.write import may_replace
from animekit.models.tagger import BUNDLED
from animekit.projection.project import plan_project, run_plan
from animekit.projection.result import PAIRS, Projection

FILM = "between"


def run(common: Common, options: dict[str, Any]) -> dict[str, Any]:
    """Search, write and say how near it came; return the data of the JSON answer."""
    folder: Path = options["out"]
    walk = _film(folder, options)
    registry = common.registry()
    with common.screen.busy("loading"):
        plan = plan_project(
            options["model"],
            options["pictures"],
            steps=options["steps"],
            starts=options["starts"],
            seconds=options["seconds"],
            features=options["features"],
            seed=common.seed or 0,
            prompt=options["prompt"],
            classifier=options["classifier"] or BUNDLED,
            checkpoint=checkpoint_of(options["checkpoint"]),
            device=common.device or "auto",
            registry=registry,
        )
    if walk is not None and len(plan.targets) < 2:
        raise UsageError("--between leads from one picture to the next", "name two or more")
    common.screen.note(plan.loaded.origin)
    for each in plan.skipped:
        common.screen.warn(f"{each.name} is left out: {each.reason}", "image.skipped")
    refuse_unwritable(folder)
    if common.dry_run:
        where = [str(folder / PAIRS), *(str(folder / f"{t.name}.png") for t in plan.targets)]
        where += [] if walk is None else [str(walk)]
        common.screen.say(f"would project {plan.text} and write {', '.join(where)}")
        return {"would_project": plan.text, "would_write": where}
    if walk is not None:
        may_replace(walk, walk.suffix, overwrite=common.yes)
    with devices.threads(options["threads"]), sharing(common.screen) as progress:
        found = run_plan(plan, registry, progress)
    _show(common, found)
    made = found.save(folder, overwrite=common.yes)
    for name, path in made.items():
        kind = {".npy": "noise"}.get(path.suffix, "pairs" if name == PAIRS else "image")
        if name == PAIRS:
            common.screen.made(path, kind, "given pictures above, what the model draws below")
        else:
            common.screen.record(path, kind)
    common.screen.made(folder, "folder", "NAME.png and NAME.npy: generate --noise takes either")
    if walk is not None:
        drawn = found.between(options["between"], mode=options["mode"], loop=options["loop"])
        common.screen.made(drawn.save_gif(walk, overwrite=common.yes), walk.suffix[1:])
    if (failure := found.failure()) is not None:
        raise failure
    return found.facts()


def _film(folder: Path, options: dict[str, Any]) -> Path | None:
    """Return where a film goes; UsageError where its options come without it."""
    if options["between"] is None:
        if options["mp4"]:
            raise UsageError("--mp4 is of a film", "add --between 60")
        return None
    if options["mp4"]:
        film.need()
    return folder / f"{FILM}{'.mp4' if options['mp4'] else '.gif'}"


def _show(common: Common, found: Projection) -> None:
    """Say how near the model came to each picture."""
    head, *rows = found.as_table()
    common.screen.table(head, rows)
    near = sum(face.found for face in found.faces)
    common.screen.note(
        f"{near} of {len(rows)} found again (PSNR of 30 dB or more);"
        " a picture that the model did not draw is only come near to"
    )
