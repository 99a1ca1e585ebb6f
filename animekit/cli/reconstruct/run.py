"""The body of `animekit reconstruct`: the scores, the sheet of pairs, the map of the codes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import typer

from animekit.cli._options import Common
from animekit.cli._progress import packing, sharing
from animekit.device import choose_device
from animekit.errors import UnusableError, UsageError
from animekit.evaluation import held_out, latent_picture
from animekit.evaluation.reconstruct import Reconstruction, as_reconstructing, codes_of, reconstruct
from animekit.images.write import may_replace
from animekit.runs.run import Loaded, load_model

DEFAULT = Path("samples/reconstruct.png")
ATTRIBUTE = "hair"


def run(common: Common, wishes: dict[str, Any]) -> dict[str, Any]:
    """Reconstruct, measure and write; return the data of the JSON answer."""
    chart, table = places(wishes)
    out: Path = wishes["out"] or DEFAULT
    loaded = _load(common, wishes["checkpoint"], wishes["model"])
    common.screen.note(loaded.origin)
    as_reconstructing(loaded.model, loaded.name)
    if common.dry_run:
        return _say_plan(common, loaded, wishes, [out, chart, table])
    _may_replace(common, out)
    if chart is not None:
        _may_replace(common, chart)
    with sharing(common.screen) as progress:
        found = reconstruct(
            loaded,
            wishes["data"],
            num=wishes["num"],
            attribute=(wishes["attribute"] or ATTRIBUTE) if chart is not None else None,
            map_num=wishes["map_num"],
            tags=wishes["tags"],
            seed=common.seed or 0,
            registry=common.registry(),
            progress=progress,
        )
    for warning in found.warnings:
        common.screen.warn(warning, "reconstruct.trained")
    show(common, found)
    _write(common, found, wishes, out, chart, table)
    data = {**found.facts(), "pairs": str(out)}
    return data if found.map is None else {**data, "map": {"path": str(chart), **found.map.facts()}}


def places(wishes: dict[str, Any]) -> tuple[Path | None, Path | None]:
    """Return where the map and its coordinates go; None for what was not asked for.

    A map that is named .csv is drawn beside it as PNG.
    """
    asked: Path | None = wishes["map"]
    if asked is None:
        given = [flag for flag in ("attribute", "thumbnails", "coords") if wishes[flag]]
        if given:
            raise UsageError(f"--{given[0]} is for a map of the codes", "add --map FILE.png")
        return None, None
    if asked.suffix.lower() not in (".png", ".csv"):
        raise UsageError(f"{asked} ends neither in .png nor in .csv", "name a .png file")
    table = asked.with_suffix(".csv")
    wanted = wishes["coords"] or asked.suffix.lower() == ".csv"
    return (asked if asked.suffix.lower() == ".png" else asked.with_suffix(".png")), (
        table if wanted else None
    )


def show(common: Common, found: Reconstruction) -> None:
    """Write the scores, each with what it means."""
    scores = found.scores
    part = {"held out": "held out of training", "trained on": "trained on", "others": "test images"}
    common.screen.say(f"{scores.n:,} images of {found.data['where']}, {part[found.data['part']]}")
    rows = [
        ("MSE", f"{scores.mse:.5f}", "mean over pixels and colours in [-1, 1]; lower is better"),
        ("PSNR", f"{scores.psnr:.2f} dB", "of that MSE; higher is better"),
        ("SSIM", f"{scores.ssim:.4f}", f"mean over {scores.ssim_n:,} images; 1 is equal"),
    ]
    if scores.nats is not None:
        rows.append(("KL", f"{scores.nats:,.1f}", "nats a code is from N(0, 1), mean over images"))
    common.screen.table(("score", "value", "meaning"), rows)
    if found.map is not None:
        apart = found.map.separation
        common.screen.say(
            f"{found.map.points.attribute}: the {apart.neighbours} nearest neighbours tell"
            f" {apart.codes:.1%} of {len(found.map.places):,} codes, {apart.map:.1%} on the map;"
            f" always the commonest value: {apart.chance:.1%}"
        )


def _load(common: Common, checkpoint: str, where: str | None) -> Loaded:
    which = int(checkpoint) if checkpoint.isdigit() else checkpoint
    if which not in ("best", "last") and not isinstance(which, int):
        raise UsageError(f'no checkpoint "{which}"', "use best, last, or a step such as 2000")
    with common.screen.busy("loading"):
        loaded = load_model(where, common.registry(), checkpoint=which)
        loaded.model.to(choose_device(common.device or "auto"))
    return loaded


def _say_plan(
    common: Common, loaded: Loaded, wishes: dict[str, Any], files: list[Path | None]
) -> dict[str, Any]:
    """Say what would be reconstructed and written."""
    with packing(common.screen) as progress:
        registry = common.registry()
        shown = held_out.find(
            loaded, wishes["data"], registry, tags=wishes["tags"], progress=progress
        )
    if files[1] is not None:
        codes_of(loaded.model, shown.images[:1])  # raises for a model without codes
    where = [str(path) for path in files if path is not None]
    common.screen.say(f"would reconstruct {shown.words} and write {', '.join(where)}")
    return {"would_reconstruct": shown.words, "would_write": where}


def _write(
    common: Common,
    found: Reconstruction,
    wishes: dict[str, Any],
    out: Path,
    chart: Path | None,
    table: Path | None,
) -> None:
    screen = common.screen
    tile = wishes["tile"]
    _replacing(common, lambda over: found.save(out, tile=tile, overwrite=over))
    screen.made(out, "pairs", f"{len(found.originals)} pairs, originals above")
    if found.map is None or chart is None:
        return
    latent, about = found.map, {key: found.facts()[key] for key in ("version", "model", "data")}
    small = wishes["thumbnails"]
    _replacing(
        common,
        lambda over: latent_picture.save_map(
            latent, chart, about, thumbnails=small, overwrite=over
        ),
    )
    screen.made(chart, "map")
    if table is not None:
        _replacing(common, lambda over: latent.save_coordinates(table, overwrite=over))
        screen.made(table, "coordinates")


def _may_replace(common: Common, path: Path) -> None:
    """Refuse before the work what could not be written behind it."""
    _replacing(common, lambda over: may_replace(path, ".png", overwrite=over))


def _replacing(common: Common, write: Callable[[bool], Any]) -> None:
    """Write; where a file of somebody else's is in the way, ask, if there is anybody to ask."""
    try:
        write(common.yes)
    except UnusableError as error:
        if error.code != "file.exists" or not common.may_ask():
            raise
        if not typer.confirm(f"{error.message}. Replace it?", err=True):
            raise
        write(True)
