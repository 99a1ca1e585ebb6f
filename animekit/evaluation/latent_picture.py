"""The picture of a map of codes: points or small pictures in the colours of an attribute."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from animekit.data.tag_picture import COLOURS
from animekit.evaluation.latent_map import LatentMap
from animekit.images.captions import label
from animekit.images.layout import below, beside, blank, dot
from animekit.images.write import KEY, may_replace, write_png

SIDE, TOP, RIGHT, EDGE = 800, 56, 190, 24  # px: of the map, above it, of the legend, around
SCALE = 2  # points are drawn larger and reduced, for round ones
RADIUS = 5  # px of a point
LINE, MARK = 22, 36  # px: height of a line of the legend, width of its dot and the space round it
GROUND, FADED, RIM, MARKED = "#f4f4f6", "#6f6f78", "#77777f", "#101014"
OTHERS = (
    "#4269d0",
    "#efb118",
    "#ff725c",
    "#6cc5b0",
    "#3ca951",
    "#ff8ab7",
    "#a463f2",
    "#97bbf5",
    "#9c6b4e",
    "#9498a0",
)
"""Colours of values that are no colours."""
NEITHER = "#c9c9cf"
"""The colour of "no ..."."""


def save_map(
    found: LatentMap,
    path: Path | str,
    about: dict[str, Any],
    *,
    thumbnails: bool = False,
    overwrite: bool = False,
) -> Path:
    """Write the picture of a map as PNG, with `about` and its facts as metadata.

    A file that animekit did not make is replaced only if `overwrite` is true.
    """
    path = Path(path)
    may_replace(path, ".png", overwrite=overwrite)
    text = json.dumps({"mode": "map", **about, "map": found.facts()}, ensure_ascii=True)
    title = f"{len(found.places):,} codes of {about['model']['name']} by {found.points.attribute}"
    write_png(path, draw_map(found, title, thumbnails=thumbnails), {KEY: text})
    return path


def draw_map(found: LatentMap, title: str, *, thumbnails: bool = False) -> np.ndarray:
    """Return the picture of a map, uint8 [H, W, 3], with a legend and the separation."""
    side = 2 * SIDE if thumbnails else SIDE
    colours = colours_of(found.points.names)
    chart = _pictures(found, side, colours) if thumbnails else _dots(found, side, colours)
    apart = found.separation
    facts = (
        f"t-SNE; {apart.neighbours} nearest neighbours tell {apart.codes:.0%},"
        f" on the map {apart.map:.0%}; the commonest value is {apart.chance:.0%}"
    )
    wide = side + RIGHT
    head = [
        label(title, 17, (TOP // 2, wide), align="left", inset=12),
        label(facts, 13, (TOP // 2, wide), align="left", inset=12, ink=FADED),
    ]
    return below([*head, beside([np.asarray(chart), _legend(found, colours, side)])])


def colours_of(names: tuple[str, ...]) -> list[str]:
    """Return a colour for each value; hair and eye colours stand for themselves.

    >>> colours_of(("blue hair", "no smile", "smile"))[1:]
    ['#c9c9cf', '#efb118']
    """
    found = []
    for index, name in enumerate(names):
        word, _, rest = name.partition(" ")
        if rest in ("hair", "eyes") and word in COLOURS:
            found.append(COLOURS[word])
        else:
            found.append(NEITHER if word == "no" else OTHERS[(index - 1) % len(OTHERS)])
    return found


def _spots(found: LatentMap, side: int, edge: int) -> np.ndarray:
    """Return pixels int [N, 2] of the places, x to the right and y up, one scale for both."""
    low, high = found.places.min(0), found.places.max(0)
    scale = (side - 2 * edge) / max(float((high - low).max()), 1e-9)
    centred = (found.places - (low + high) / 2) * scale
    return np.rint(centred * np.array([1, -1]) + side / 2).astype(int)


def _marked(found: LatentMap) -> list[bool]:
    marked = found.points.marked
    return [False] * len(found.places) if marked is None else marked.tolist()


def _dots(found: LatentMap, side: int, colours: list[str]) -> Image.Image:
    chart = Image.new("RGB", (side * SCALE, side * SCALE), GROUND)
    draw = ImageDraw.Draw(chart)
    radius = RADIUS * SCALE
    spots = _spots(found, side * SCALE, EDGE * SCALE)
    for (x, y), value, marked in zip(
        spots.tolist(), found.points.values, _marked(found), strict=True
    ):
        box = (x - radius, y - radius, x + radius, y + radius)
        shape = draw.rectangle if marked else draw.ellipse
        shape(box, fill=colours[value], outline=MARKED if marked else RIM)
    return chart.reduce(SCALE)


def _pictures(found: LatentMap, side: int, colours: list[str]) -> Image.Image:
    chart = Image.new("RGB", (side, side), GROUND)
    draw = ImageDraw.Draw(chart)
    size = found.points.images.shape[1]
    for (x, y), value, image, marked in zip(
        _spots(found, side, size).tolist(),
        found.points.values,
        found.points.images,
        _marked(found),
        strict=True,
    ):
        left, top = x - size // 2, y - size // 2
        if marked:
            draw.rectangle((left - 4, top - 4, left + size + 3, top + size + 3), fill=MARKED)
        draw.rectangle((left - 2, top - 2, left + size + 1, top + size + 1), fill=colours[value])
        chart.paste(Image.fromarray(image), (left, top))
    return chart


def _legend(found: LatentMap, colours: list[str], side: int) -> np.ndarray:
    """Return the names of the values with colours and counts, as many as there is room for."""
    counts = np.bincount(found.points.values, minlength=len(colours))
    lines = [blank(12, RIGHT)]
    for name, colour, count in zip(found.points.names, colours, counts, strict=True):
        text = label(f"{name}  {count:,}", 13, (LINE, RIGHT - MARK), align="left")
        lines.append(beside([dot(colour, 14, (LINE, MARK), RIM), text]))
    if found.points.mark:
        text = label(f"squares: {found.points.mark}", 13, (LINE, RIGHT), align="left", inset=12)
        lines.insert(1, text)
    room = side // LINE - 1
    if len(lines) > room:
        lines[room:] = [label("...", 13, (LINE, RIGHT), align="left", inset=MARK)]
    return below(lines)
