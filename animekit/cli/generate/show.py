"""What `animekit generate` writes: pictures, single images, noise, and the JSON answer."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import typer

from animekit.cli._options import Common
from animekit.cli.generate.request import Wishes
from animekit.errors import UnusableError, UsageError
from animekit.generation.generate import like
from animekit.generation.result import Generated

T = TypeVar("T")


def write(
    common: Common, wishes: Wishes, drawn: Generated, shape: tuple[int, int] | None
) -> dict[str, Any]:
    """Write all that was asked for; return the data of the JSON answer."""
    screen = common.screen
    target = wishes.target(drawn)
    if target is not None:
        _write_picture(common, wishes, drawn, target, shape)
    if wishes.each is not None:
        folder = wishes.each
        paths = _replacing(
            common, lambda over: drawn.save_each(folder, tile=wishes.tile, overwrite=over)
        )
        for path in paths:
            screen.record(path, "image")
        screen.made(folder, "folder", f"{len(paths):,} of {len(drawn.images):,} images")
    if wishes.save_noise is not None:
        place = wishes.save_noise
        screen.made(
            _replacing(common, lambda over: drawn.save_noise(place, overwrite=over)), "noise"
        )
    return _facts(drawn, target)


def _write_picture(
    common: Common,
    wishes: Wishes,
    drawn: Generated,
    target: Path,
    shape: tuple[int, int] | None,
) -> None:
    columns, rows = shape or (None, None)
    if columns and rows and len(drawn.images) > columns * rows:
        raise UsageError(
            f"{len(drawn.images)} images do not fit into a grid of {columns}x{rows}",
            "give fewer seeds, or a larger --grid",
        )

    def save(path: Path, *, overwrite: bool) -> Path:
        if wishes.gif or path.suffix.lower() == ".gif":
            return drawn.save_gif(path, fps=wishes.fps, tile=wishes.tile, overwrite=overwrite)
        if wishes.style == "strip":
            return drawn.save_strip(path, tile=wishes.tile, overwrite=overwrite)
        return drawn.save(
            path,
            columns=columns,
            tile=wishes.tile,
            style=wishes.style,  # type: ignore[arg-type]
            overwrite=overwrite,
        )

    if str(target) == "-":
        with tempfile.TemporaryDirectory(prefix="animekit-") as folder:
            name = "picture.gif" if wishes.gif else "picture.png"
            sys.stdout.buffer.write(save(Path(folder) / name, overwrite=True).read_bytes())
        return
    kind = "gif" if target.suffix.lower() == ".gif" else "grid"
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
    layout = like(target)["layout"] if written and target is not None else {}
    columns = 5 if layout.get("style") == "figure" else layout.get("columns")
    how, images = drawn.how, []
    alone = how.mode not in ("slerp", "lerp")  # on a way, what is said is said of its points
    for index in range(len(drawn.images)):
        row, column = divmod(index, columns) if columns else (None, None)
        place = index if how.index is None else how.index
        images.append(
            {
                "index": index,
                "row": row,
                "col": column,
                "seed": drawn.seeds[index] if how.mode == "seeds" else None,
                "prompt": how.prompts[place] if how.prompts is not None and alone else None,
                "attrs": how.attrs[place] if how.attrs is not None and alone else {},
                "score": how.scores[place] if how.scores is not None and alone else None,
            }
        )
    return {
        "model": drawn.recipe["model"],
        "grid": None if target is None else str(target),
        "recipe": drawn.recipe,
        "images": images,
    }
