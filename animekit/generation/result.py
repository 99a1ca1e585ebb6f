"""Generated images with where they came from, and the files they are written to."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from animekit.errors import UsageError
from animekit.generation.interpolation import segments
from animekit.generation.naming import NameTemplate, rows_of
from animekit.generation.recipe import (
    DEFAULT_FPS,
    MOVING,
    ROWS,
    Layout,
    Recipe,
    check_pixels,
    save_png,
)
from animekit.generation.recipe import (
    save_jpeg as write_jpeg_file,
)
from animekit.generation.recipe import (
    save_noise as write_noise_file,
)
from animekit.generation.tiles import check_layout, first, frames_of, tiles_of
from animekit.images.layout import SMALLEST, course_figure, grid, strip, table
from animekit.images.write import may_replace, png_bytes
from animekit.labels.attributes import said
from animekit.seeds import format_seeds
from animekit.text import Printed

LONGEST = 60  # letters of what a file name says of an image


@dataclass(frozen=True)
class Generated(Printed):
    """Images, the noise they came from, and what is needed to make them again.

    `images` is uint8 [N, H, W, 3]; `z` is float32 [N, ...] as the network saw it; `seeds` holds
    the seed of each image, or of each point of an interpolation; it is empty for noise from a file.
    `ids` are those of the lines of a testing text, one an image, where there was one.
    """

    images: np.ndarray
    z: np.ndarray
    seeds: tuple[int, ...]
    how: Recipe
    origin: str
    warnings: tuple[str, ...] = ()
    ids: tuple[str, ...] = ()

    def as_table(self) -> list[Sequence[str]]:
        """Return the images with their seeds, and prompts where there are."""
        rows: list[Sequence[str]] = [("image", "seed", "prompt")]
        alone = self.how.mode == "seeds"  # of an interpolation the recipe describes the points
        for index in range(len(self.images)):
            prompt = self.how.prompts[index] if alone and self.how.prompts is not None else None
            rows.append((str(index), str(self.seeds[index]) if alone else "", prompt or ""))
        return rows

    def _repr_html_(self) -> None:
        """Return nothing: a notebook would show it in place of the picture."""

    def _repr_png_(self) -> bytes:
        """Return the picture, which a notebook shows."""
        return png_bytes(self.picture())

    @property
    def recipe(self) -> dict[str, Any]:
        """The recipe as plain values, as it is written into a picture."""
        return self.how.facts()

    def picture(self, layout: Layout | None = None) -> np.ndarray:
        """Return all images as one picture, uint8 [H, W, 3].

        The course's figure is RGBA, [480, 640, 4].
        """
        layout = layout if layout is not None else self._layout(Layout())
        if layout.style == "figure":
            return course_figure(self.images)
        if layout.style == "strip":
            shown, captions = self._excerpt(layout.columns or 4)
            return strip(tiles_of(self.images[shown], layout.tile), captions)
        if layout.style == "table":
            tiles, columns = tiles_of(self.images, layout.tile), layout.columns or 1
            return table(tiles, columns, layout.heads or (), layout.sides or ())
        return grid(tiles_of(self.images, layout.tile), layout.columns or 1)

    def save(
        self,
        path: Path | str,
        *,
        columns: int | None = None,
        image_size: int | None = None,
        style: Literal["plain", "figure", "table"] | None = None,
        overwrite: bool = False,
        tile: int | None = None,
    ) -> Path:
        """Write all images as one PNG with the recipe in its metadata; return its path.

        `plain` is a grid without gaps, row by row; `figure` the course's 640x480 figure of 25
        cells; `table` has titles and is for a sweep. `image_size` is the side of an image in pixels
        (`tile` is its older name). Left out, the layout is that of the picture that is drawn again,
        or near square at the model's own size; an interpolation has one row for each pair of seeds.
        Names that end in .gif or .mp4 go to `save_gif`. A file that animekit did not make is
        replaced only if `overwrite` is true.
        """
        if Path(path).suffix.lower() in MOVING:
            if style is not None or columns is not None:
                raise UsageError(f"{path} is an animation", "style and columns are of a .png file")
            return self.save_gif(path, image_size=first(image_size, tile), overwrite=overwrite)
        styles = ("plain", "figure", "strip", "table")
        layout = self._recalled(styles, style, columns, first(image_size, tile))
        return self._save(Path(path), layout, overwrite=overwrite)

    def save_strip(
        self,
        path: Path | str,
        *,
        each: int = 4,
        image_size: int | None = None,
        overwrite: bool = False,
        tile: int | None = None,
    ) -> Path:
        """Write one row of images with their seeds as captions; return its path.

        An interpolation shows `each` of its frames from seed to seed.
        """
        layout = self._recalled(("strip",), "strip", each, first(image_size, tile))
        return self._save(Path(path), layout, overwrite=overwrite)

    def save_gif(
        self,
        path: Path | str,
        *,
        fps: float | None = None,
        image_size: int | None = None,
        overwrite: bool = False,
        tile: int | None = None,
    ) -> Path:
        """Write the images as an endless GIF, or as .mp4 (extra `video`), 20 a second."""
        layout = self._recalled(("gif",), "gif", None, first(image_size, tile), fps)
        frames = frames_of(self.images, layout.tile, self.how.paths or 1)
        recipe = self.how.but(layout=layout)
        write = MOVING.get(Path(path).suffix.lower(), MOVING[".gif"])
        return write(Path(path), frames, recipe, overwrite=overwrite)

    def save_each(
        self,
        folder: Path | str,
        *,
        name: str | None = None,
        quality: int = 95,
        image_size: int | None = None,
        overwrite: bool = False,
        tile: int | None = None,
    ) -> list[Path]:
        """Write each image as its own file with its own recipe; return their paths.

        Names are seed0042.png, 007-seed0042-blue-hair.png with a prompt or a sweep, row0003.png
        for noise from a file and frame0003.png for an interpolation; or as `name` says, a
        `NameTemplate` such as "sample_{id}_{k}.jpg" (`quality` is that of a JPEG, 1 to 100).
        Nothing is written if one of them is a file that animekit did not make.
        """
        side = first(image_size, tile)
        self._recalled(("plain",), "plain", 1, side)
        if not 1 <= quality <= 100:
            raise UsageError(f"{quality} is no quality of a JPEG", "use 1 to 100, such as 95")
        names = [f"{self._name_of(index)}.png" for index in range(len(self.images))]
        if name is not None:
            seeds = self.seeds if self.how.mode == "seeds" else ()
            rows = rows_of(len(self.images), self.ids, seeds, self.how.prompts)
            names = NameTemplate(name).names(rows)
        paths = [Path(folder) / each for each in names]
        if Path(folder).exists() and not Path(folder).is_dir():
            raise UsageError(f"{folder} is a file", "name a folder for the single images")
        for path in paths:
            may_replace(path, path.suffix.lower(), overwrite=overwrite)
        for index, path in enumerate(paths):
            one = self.one(index)
            if path.suffix.lower() == ".png":
                one.save(path, image_size=side, columns=1, overwrite=overwrite)
                continue
            layout = one._recalled(("plain",), "plain", 1, side)
            picture, recipe = one.picture(layout), one.how.but(layout=layout)
            write_jpeg_file(path, picture, recipe, quality=quality, overwrite=overwrite)
        return list(dict.fromkeys(paths))

    def save_noise(self, path: Path | str, *, overwrite: bool = False) -> Path:
        """Write z, already truncated, as float32 .npy [N, ...]; return its path.

        `generate(noise=path)` draws the same images from it.
        """
        return write_noise_file(Path(path), self.z, overwrite=overwrite)

    def one(self, index: int) -> Generated:
        """Return one of the images with a recipe of its own."""
        index = range(len(self.images))[index]
        seeds, changes = self.seeds, dict[str, Any](index=index)
        if self.how.mode == "seeds":
            seeds = (self.seeds[index],)
            changes = {"seeds": format_seeds(seeds)}
            for name in ("labels", *ROWS):
                if getattr(self.how, name) is not None:
                    changes[name] = [getattr(self.how, name)[index]]
        elif self.how.index is not None:
            changes = {}
        rows = slice(index, index + 1)
        how = self.how.but(layout=None, **changes)
        return Generated(self.images[rows], self.z[rows], seeds, how, self.origin, self.warnings)

    def _save(self, path: Path, layout: Layout, *, overwrite: bool) -> Path:
        recipe = self.how.but(layout=layout)
        return save_png(path, self.picture(layout), recipe, overwrite=overwrite)

    def _recalled(
        self,
        styles: tuple[str, ...],
        style: str | None,
        columns: int | None,
        tile: int | None,
        fps: float | None = None,
    ) -> Layout:
        """Return the layout of the recipe, if it is of such a style, with the changes asked for."""
        check_layout(styles, style, columns, tile, fps)
        old = self.how.layout
        if old is None or old.style not in styles or style not in (None, old.style):
            kept = old.columns if old is not None and style == "plain" else None
            old = Layout(style=style or styles[0], columns=kept)
        changes = {"columns": columns, "tile": tile, "fps": fps}
        changes = {key: value for key, value in changes.items() if value is not None}
        return self._layout(old.model_copy(update=changes))

    def _layout(self, layout: Layout) -> Layout:
        """Fill in what a layout leaves open; UsageError for what cannot be drawn."""
        count, own = len(self.images), int(self.images.shape[2])
        if layout.style == "figure":
            if count > 25 or layout.columns not in (None, 5) or layout.tile not in (None, 64):
                seen = (
                    f"{count} images, {layout.columns or 5} columns, {layout.tile or 64} px tiles"
                )
                raise UsageError(
                    f"the course's figure has 25 cells of 64 pixels in 5 columns, not {seen}",
                    "--style plain draws any grid",
                )
            return Layout(style="figure")
        tile, columns = layout.tile or own, layout.columns or self._columns()
        check_pixels(count, tile, columns, moving=layout.style == "gif")
        if layout.style == "gif":
            return Layout(style="gif", tile=tile, fps=layout.fps or DEFAULT_FPS)
        if layout.style == "table":
            return self._table(layout, tile)
        return Layout(style=layout.style, tile=tile, columns=columns)

    def _table(self, layout: Layout, tile: int) -> Layout:
        """Return the layout of a table; UsageError where titles and images do not fit."""
        if not layout.heads and not layout.sides:
            raise UsageError("a table needs titles", "--sweep makes one")
        columns, rows = layout.columns or 0, len(layout.sides or ())
        fits = columns > 0 and len(layout.heads or ()) in (0, columns)
        if not fits or rows * columns not in (0, len(self.images)):
            raise UsageError(
                f"a table of {rows}x{columns} titles has other columns than its images",
                "leave the columns out, or use --style plain",
            )
        if tile < SMALLEST:
            raise UsageError(
                f"titles beside images of {tile} pixels cannot be read",
                f"use --image-size {SMALLEST} or more, or --style plain",
            )
        return layout.model_copy(update={"tile": tile, "columns": columns})

    def _columns(self) -> int:
        count = len(self.images)
        if (self.how.paths or 1) > 1 and self.how.index is None:
            return self.how.paths or 1  # a row a frame
        if self.how.frames and self.how.index is None:
            return max(segments(self.how.points, count, loop=bool(self.how.loop)))
        return count if count <= 5 else math.ceil(math.sqrt(count))

    def _excerpt(self, each: int) -> tuple[list[int], list[str]]:
        """Return which images a strip shows, and their captions: seeds where there are."""
        if self.how.mode == "seeds":
            return list(range(len(self.images))), [str(seed) for seed in self.seeds]
        if not self.how.frames or self.how.index is not None or (self.how.paths or 1) > 1:
            return list(range(len(self.images))), [""] * len(self.images)
        shown, captions, start = [], [], 0
        lengths = segments(self.how.points, len(self.images), loop=bool(self.how.loop))
        names = self.seeds or range(1, len(lengths) + 1)
        for name, length in zip(names, lengths, strict=True):
            part = sorted({start + step * length // each for step in range(each)})
            shown += part
            captions += [str(name)] + [""] * (len(part) - 1)
            start += length
        return shown, captions

    def _name_of(self, index: int) -> str:
        if self.how.mode == "seeds":
            name, words = f"seed{self.seeds[index]:04d}", self._words_of(index)
            return f"{index:03d}-{name}-{words}" if words else name
        index = index if self.how.index is None else self.how.index
        return f"row{index:04d}" if self.how.mode == "noise" else f"frame{index:04d}"

    def _words_of(self, index: int) -> str:
        """Return the prompt of an image and what varies in it, as a part of a file name."""
        texts = [] if self.how.prompts is None else [self.how.prompts[index] or ""]
        vary = () if self.how.vary is None else (self.how.vary,)
        swept = (*(self.how.matrix or ()), *vary)
        if self.how.attrs is not None:
            texts += [said(name, self.how.attrs[index].get(name, "")) for name in swept]
        return re.sub(r"[^a-z0-9]+", "-", " ".join(texts).lower()).strip("-")[:LONGEST].strip("-")
