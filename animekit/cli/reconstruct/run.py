"""The body of `animekit reconstruct`: the scores, the sheet of pairs, the map of the codes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import typer

from animekit.cli._options import Common, checkpoint_of
from animekit.cli._progress import packing, sharing
from animekit.errors import UnusableError, UsageError
from animekit.evaluation.latent_map import map_files
from animekit.evaluation.reconstruct import (
    Reconstruction,
    ReconstructRequest,
    make_reconstruct_plan,
    open_model,
    reconstruct,
)
from animekit.evaluation.scores import as_reconstructing
from animekit.images.write import may_replace
from animekit.runs.run import Loaded

DEFAULT = Path("samples/reconstruct.png")
ATTRIBUTE = "hair"
OF_A_MAP = ("attr", "thumbnails", "coords")


def run(common: Common, options: dict[str, Any]) -> dict[str, Any]:
    """Reconstruct, measure and write; return the data of the JSON answer."""
    chart, table = _map_files(options)
    out: Path = options["out"] or DEFAULT
    asked = {
        "num": options["num"],
        "attribute": _attribute(options),
        "map_num": options["map_num"],
        "tags": options["tags"],
        "seed": common.seed or 0,
        "checkpoint": checkpoint_of(options["checkpoint"]),
        "device": common.device or "auto",
        "threads": options["threads"],
    }
    request = ReconstructRequest(**asked)
    with common.screen.busy("loading"):
        loaded = open_model(options["model"], request, common.registry())
    common.screen.note(loaded.origin)
    as_reconstructing(loaded.model, loaded.name)
    if common.dry_run:
        return _say_plan(common, loaded, options["data"], request, [out, chart, table])
    agreed = {path: _may_replace(common, path) for path in (out, chart) if path is not None}
    with sharing(common.screen) as progress:
        found = reconstruct(
            loaded, options["data"], registry=common.registry(), progress=progress, **asked
        )
    for warning in found.warnings:
        common.screen.warn(warning, "reconstruct.trained")
    show(common, found)
    _write(common, found, options, (out, chart, table), agreed)
    data = {**found.facts(), "pairs": str(out)}
    return data if found.map is None else {**data, "map": {"path": str(chart), **found.map.facts()}}


def _map_files(options: dict[str, Any]) -> tuple[Path | None, Path | None]:
    """Return where the map and its coordinates go; None for what was not asked for."""
    if options["map"] is not None:
        return map_files(options["map"], coordinates=options["coords"])
    given = [flag for flag in OF_A_MAP if options[flag]]
    if given:
        raise UsageError(f"--{given[0]} is for a map of the codes", "add --map FILE.png")
    return None, None


def _attribute(options: dict[str, Any]) -> str | None:
    """Return the attribute that colours the map; None without a map."""
    if options["map"] is None:
        return None
    return options["attr"] or ATTRIBUTE


def show(common: Common, found: Reconstruction) -> None:
    """Write the scores, each with what it means."""
    scores = found.scores
    part = {"held out": "held out of training", "trained on": "trained on", "others": "test images"}
    common.screen.say(f"{scores.n:,} images of {found.data['where']}, {part[found.data['part']]}")
    head, *rows = found.as_table()
    common.screen.table(head, rows)
    if found.map is not None:
        apart = found.map.separation
        common.screen.say(
            f"{found.map.points.attribute}: the {apart.neighbours} nearest neighbours tell"
            f" {apart.codes:.1%} of {len(found.map.places):,} codes, {apart.map:.1%} on the map;"
            f" always the commonest value: {apart.chance:.1%}"
        )


def _say_plan(
    common: Common,
    loaded: Loaded,
    data: str | None,
    request: ReconstructRequest,
    files: list[Path | None],
) -> dict[str, Any]:
    """Say what would be reconstructed and written."""
    with packing(common.screen) as progress:
        plan = make_reconstruct_plan(loaded, data, request, common.registry(), progress)
    where = [str(path) for path in files if path is not None]
    common.screen.say(f"would reconstruct {plan.shown.words} and write {', '.join(where)}")
    return {"would_reconstruct": plan.shown.words, "would_write": where}


def _write(
    common: Common,
    found: Reconstruction,
    options: dict[str, Any],
    files: tuple[Path, Path | None, Path | None],
    agreed: dict[Path, bool],
) -> None:
    screen, side, (out, chart, table) = common.screen, options["image_size"], files
    _replacing(
        common, lambda over: found.save(out, image_size=side, overwrite=over), agreed=agreed[out]
    )
    screen.made(out, "pairs", f"{len(found.originals)} pairs, originals above")
    if found.map is None or chart is None:
        return
    small = options["thumbnails"]
    _replacing(
        common,
        lambda over: found.save_map(chart, thumbnails=small, overwrite=over),
        agreed=agreed[chart],
    )
    screen.made(chart, "map")
    if table is not None:
        latent = found.map
        _replacing(common, lambda over: latent.save_coordinates(table, overwrite=over))
        screen.made(table, "coordinates")


def _may_replace(common: Common, path: Path) -> bool:
    """Refuse before the work what could not be written behind it; say whether a person agreed."""
    return _replacing(common, lambda over: may_replace(path, ".png", overwrite=over))


def _replacing(common: Common, write: Callable[[bool], object], *, agreed: bool = False) -> bool:
    """Write; where a file of somebody else's is in the way, ask, if there is anybody to ask.

    Returns whether that person agreed.
    """
    try:
        write(common.yes or agreed)
    except UnusableError as error:
        if error.code != "file.exists" or not common.may_ask():
            raise
        if not typer.confirm(f"{error.message}. Replace it?", err=True):
            raise
        write(True)
        return True
    return agreed
