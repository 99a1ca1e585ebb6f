"""The body of `animekit generate`: which model, which noise, which picture."""

from __future__ import annotations

import re
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import typer

from animekit.checkpoint import Loaded, load_model
from animekit.cli.options import Common
from animekit.engine import choose_device
from animekit.errors import UnusableError, UsageError
from animekit.generated import Generated
from animekit.generation import generate, interpolate, like, remake

T = TypeVar("T")
DEFAULT = Path("samples/gan.png")


@dataclass(frozen=True)
class Wishes:
    """The options of the command, as they were typed."""

    model: str | None
    num: int | None
    seeds: str | None
    checkpoint: str
    trunc: float
    noise: Path | None
    like: Path | None
    interpolate: str | None
    frames: int
    mode: str
    loop: bool
    out: Path | None
    grid: str | None
    tile: int | None
    style: str | None
    gif: bool
    fps: float | None
    each: Path | None
    save_noise: Path | None

    def __post_init__(self) -> None:
        """Refuse two sources of noise: silently, one of them would win."""
        sources = {"--seeds": self.seeds, "--noise": self.noise, "--interpolate": self.interpolate}
        given = [flag for flag, value in sources.items() if value is not None]
        if len(given) > 1 and self.like is None:
            raise UsageError(f"{' and '.join(given)} are two sources of noise", "give one of them")
        if self.like is not None and (self.seeds or self.interpolate or self.num):
            raise UsageError("--like brings its own seeds", "leave the others out")

    def shape(self) -> tuple[int, int] | None:
        """Return columns and rows of --grid."""
        if self.grid is None:
            return None
        found = re.fullmatch(r"(\d+)[x×](\d+)", self.grid.strip().lower())
        if found is None or "0" in found.groups():
            raise UsageError(f'cannot read --grid "{self.grid}"', "write columns x rows, as in 5x5")
        return int(found[1]), int(found[2])

    def target(self, drawn: Generated) -> Path | None:
        """Return where the picture goes; None where only single images were asked for."""
        if self.out is not None or (self.each is not None and not self.gif):
            return self.out
        layout = drawn.how.layout
        moving = self.gif or (layout is not None and layout.style == "gif")
        return DEFAULT.with_suffix(".gif") if moving else DEFAULT


def run(common: Common, wishes: Wishes) -> dict[str, Any]:
    """Draw and write; return the data of the JSON answer."""
    screen = common.screen
    shape = wishes.shape()
    loaded = _load(common, wishes)
    if loaded is not None:
        screen.note(loaded.origin)
    if common.dry_run:
        return _say_plan(common, wishes)
    with screen.busy("drawing"):
        drawn = _draw(common, wishes, loaded, shape)
    if loaded is None:
        screen.note(drawn.origin)
    for warning in drawn.warnings:
        screen.warn(warning, "generate")
    target = wishes.target(drawn)
    if target is not None:
        _write(common, wishes, drawn, target, shape)
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


def _load(common: Common, wishes: Wishes) -> Loaded | None:
    """Return the model; None where a picture's own metadata will say which."""
    if wishes.like is not None and wishes.model is None:
        return None
    which = int(wishes.checkpoint) if wishes.checkpoint.isdigit() else wishes.checkpoint
    if which not in ("best", "last") and not isinstance(which, int):
        raise UsageError(f'no checkpoint "{which}"', "use best, last, or a step such as 2000")
    with common.screen.busy("loading"):
        loaded = load_model(wishes.model, common.registry(), checkpoint=which)
        loaded.model.to(choose_device(common.gpu or "auto"))
    return loaded


def _draw(
    common: Common, wishes: Wishes, loaded: Loaded | None, shape: tuple[int, int] | None
) -> Generated:
    registry = common.registry()
    if wishes.like is not None:
        return remake(wishes.like, loaded, noise=wishes.noise, registry=registry)
    if wishes.interpolate is not None:
        return interpolate(
            loaded,
            wishes.interpolate,
            frames=wishes.frames,
            mode=wishes.mode,  # type: ignore[arg-type]
            loop=wishes.loop,
            truncation=wishes.trunc,
        )
    if wishes.noise is not None:
        return generate(loaded, noise=wishes.noise, truncation=wishes.trunc)
    first = common.seed or 0
    number = (shape[0] * shape[1] if shape else 25) if wishes.num is None else wishes.num
    if number < 1:
        raise UsageError(f"cannot make {number} images", "ask for --num 1 or more")
    seeds = wishes.seeds or range(first, first + number)
    return generate(loaded, seeds=seeds, truncation=wishes.trunc)


def _write(
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


def _say_plan(common: Common, wishes: Wishes) -> dict[str, Any]:
    """Say what would be drawn and written."""
    what = f"{25 if wishes.num is None else wishes.num} images"
    if wishes.like is not None:
        what = f"{wishes.like} again"
    elif wishes.interpolate is not None:
        what = f"{wishes.frames} images from seed to seed: {wishes.interpolate}"
    elif wishes.noise is not None or wishes.seeds is not None:
        what = f"images of {wishes.noise or 'seeds ' + str(wishes.seeds)}"
    places = [wishes.out, wishes.each, wishes.save_noise]
    where = [str(place) for place in places if place is not None] or [str(DEFAULT)]
    common.screen.say(f"would draw {what} and write {', '.join(where)}")
    return {"would_draw": what, "would_write": where}


def _facts(drawn: Generated, target: Path | None) -> dict[str, Any]:
    """Return what was drawn and where each image stands, as the picture itself says it."""
    written = target is not None and target.is_file()
    layout = like(target)["layout"] if written and target is not None else {}
    columns = 5 if layout.get("style") == "figure" else layout.get("columns")
    images = []
    for index in range(len(drawn.images)):
        row, column = divmod(index, columns) if columns else (None, None)
        seed = drawn.seeds[index] if drawn.how.mode == "seeds" else None
        images.append({"index": index, "row": row, "col": column, "seed": seed})
    return {
        "model": drawn.recipe["model"],
        "grid": None if target is None else str(target),
        "recipe": drawn.recipe,
        "images": images,
    }
