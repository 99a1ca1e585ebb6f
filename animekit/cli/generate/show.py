"""What `animekit generate` shows: its plan, pictures, single images, noise, the JSON answer."""

from __future__ import annotations

import math
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import typer

from animekit.cli._options import Common
from animekit.cli._preview import preview
from animekit.cli.generate.request import GenerateOptions
from animekit.comparison.same_noise import NoiseSheet
from animekit.errors import UnusableError
from animekit.files import refuse_unwritable
from animekit.generation.interpolation import MODES
from animekit.generation.recipe import MOVING, read_recipe
from animekit.generation.request import check_grid
from animekit.generation.result import Generated
from animekit.images.layout import grid
from animekit.seeds import format_seeds
from animekit.text import clipped

T = TypeVar("T")
SHEET = 128  # px of an image in a sheet of several models
PREVIEWED = 64  # images that a terminal shows at most


def plan(common: Common, options: GenerateOptions, what: str) -> dict[str, Any]:
    """Say what would be drawn and written."""
    places = [options.out, options.save_each, options.save_noise]
    for place in filter(None, (*places, options.target())):
        if str(place) != "-":
            refuse_unwritable(place if place == options.save_each else place.parent)
    where = [str(place) for place in places if place is not None] or [str(options.target())]
    common.screen.say(f"would draw {what} and write {', '.join(where)}")
    return {"would_draw": what, "would_write": where}


def result(common: Common, options: GenerateOptions, drawn: Generated) -> dict[str, Any]:
    """Write all that was asked for and say so; return the data of the JSON answer."""
    _say_prompts(common, drawn)
    for warning in drawn.warnings:
        common.screen.warn(warning, "generate")
    if options.preview:
        _preview(common, drawn)
    target = options.target(drawn)
    if target is not None:
        _write_picture(common, options, drawn, target)
    if options.save_each is not None:
        folder = options.save_each
        paths = _replacing(
            common,
            lambda over: drawn.save_each(
                folder,
                name=options.name,
                quality=options.quality,
                image_size=options.image_size,
                overwrite=over,
            ),
        )
        for path in paths:
            common.screen.record(path, "image")
        common.screen.made(folder, "folder", f"{len(paths):,} of {len(drawn.images):,} images")
    if options.save_noise is not None:
        place = options.save_noise
        written = _replacing(common, lambda over: drawn.save_noise(place, overwrite=over))
        common.screen.made(written, "noise")
    return _facts(drawn, target)


def sheet(common: Common, options: GenerateOptions, found: NoiseSheet) -> dict[str, Any]:
    """Write the sheet of several models; return the data of the JSON answer."""
    for label, why in found.left_out.items():
        common.screen.warn(f"{label} is not drawn: {why}", "generate")
    for note in found.notes:
        common.screen.note(note)
    target = options.target()
    assert target is not None
    own = max(drawn.images.shape[1] for drawn in found.rows.values())
    side = options.image_size or max(SHEET, own)  # px at which a prompt fits above a column
    if str(target) == "-":
        with tempfile.TemporaryDirectory(prefix="animekit-") as folder:
            path = found.save(Path(folder) / "sheet.png", tile=side)
            sys.stdout.buffer.write(path.read_bytes())
    else:
        save = partial(found.save, target, tile=side)
        common.screen.made(_replacing(common, lambda over: save(overwrite=over)), "sheet")
    images = [
        {
            "index": row * len(found.seeds) + column,
            "row": row,
            "col": column,
            "seed": seed,
            "prompt": found.heads[column],
            "attrs": (drawn.how.attrs or [{}] * len(found.seeds))[column],
            "score": None,
        }
        for row, drawn in enumerate(found.rows.values())
        for column, seed in enumerate(found.seeds)
    ]
    first = next(iter(found.rows.values()))
    return {
        "model": first.recipe["model"],
        "grid": str(target),
        "recipe": found.facts(),
        "images": images,
    }


def _preview(common: Common, drawn: Generated) -> None:
    """Show the images as a grid in the terminal, the first of many."""
    images = drawn.images[:PREVIEWED]
    columns = math.ceil(math.sqrt(len(images)))
    side = images.shape[1]
    preview(common.screen, grid(images, columns, gap=0), tile=side)


def _say_prompts(common: Common, drawn: Generated) -> None:
    """Say how many prompts there were, and what is to know of how the images were chosen."""
    recipe, images = drawn.how, len(drawn.images)
    if recipe.prompts is not None and recipe.mode == "seeds":
        texts = len(set(recipe.prompts))
        common.screen.note(
            f"{images} image{'s' * (images != 1)} of {texts} prompt{'s' * (texts != 1)},"
            f" seeds {clipped(format_seeds(list(dict.fromkeys(drawn.seeds))), 200)}"
        )
    if recipe.best_of is not None:
        common.screen.note(
            f"each image is the best of {recipe.best_of}:"
            " they are not what the model draws by itself"
        )


def _write_picture(
    common: Common, options: GenerateOptions, drawn: Generated, target: Path
) -> None:
    shape, side = options.shape(), options.image_size
    if shape is not None:
        check_grid(len(drawn.images), shape)

    def save(path: Path, *, overwrite: bool) -> Path:
        if options.moving or path.suffix.lower() in MOVING:
            return drawn.save_gif(path, fps=options.fps, image_size=side, overwrite=overwrite)
        if options.style == "strip":
            return drawn.save_strip(path, image_size=side, overwrite=overwrite)
        return drawn.save(
            path,
            columns=None if shape is None else shape[0],
            image_size=side,
            style=options.style,  # type: ignore[arg-type]
            overwrite=overwrite,
        )

    if str(target) == "-":
        with tempfile.TemporaryDirectory(prefix="animekit-") as folder:
            name = f"picture{options.moving or '.png'}"
            sys.stdout.buffer.write(save(Path(folder) / name, overwrite=True).read_bytes())
        return
    kind = target.suffix.lower()[1:] if target.suffix.lower() in MOVING else "grid"
    common.screen.made(_replacing(common, lambda over: save(target, overwrite=over)), kind)


def _replacing(common: Common, write: Callable[[bool], T]) -> T:
    """Write; where a file of somebody else's is in the way, ask, if there is anybody to ask."""
    try:
        return write(common.yes)
    except UnusableError as error:
        if error.code != "file.exists" or not common.may_ask():
            raise
        if not typer.confirm(f"{error.message}. Replace it?", err=True):
            raise
        return write(True)


def _facts(drawn: Generated, target: Path | None) -> dict[str, Any]:
    """Return what was drawn and where each image stands, as the picture itself says it."""
    written = target is not None and target.is_file()
    layout = read_recipe(target)["layout"] if written and target is not None else {}
    columns = 5 if layout.get("style") == "figure" else layout.get("columns")
    recipe, images = drawn.how, []
    alone = recipe.mode not in MODES  # of an interpolation the recipe describes the points
    for index in range(len(drawn.images)):
        row, column = divmod(index, columns) if columns else (None, None)
        place = index if recipe.index is None else recipe.index
        images.append(
            {
                "index": index,
                "row": row,
                "col": column,
                "seed": drawn.seeds[index] if recipe.mode == "seeds" else None,
                "prompt": recipe.prompts[place] if recipe.prompts is not None and alone else None,
                "attrs": recipe.attrs[place] if recipe.attrs is not None and alone else {},
                "score": recipe.scores[place] if recipe.scores is not None and alone else None,
            }
        )
    return {
        "model": drawn.recipe["model"],
        "grid": None if target is None else str(target),
        "recipe": drawn.recipe,
        "images": images,
    }
