"""The diagram of a model's networks: a box for each block, as high as its maps are large."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from animekit.explanation.layers import LayerRow, Network, by
from animekit.files import write_atomic
from animekit.images.curves import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLOURS = {
    "input": "#dddddd",
    "up": "#8fbfe0",
    "down": "#f0b27a",
    "same": "#a9d18e",
    "dense": "#d7bde2",
}
NAMES = {
    "up": "maps get larger",
    "down": "maps get smaller",
    "same": "maps keep their size",
    "dense": "vectors",
}
PER_LINE = 8  # boxes in a line
CELL = (1.75, 2.6)  # inches of a box with its words
TALLEST, WIDEST = 1.15, 1.05  # inches of a box
LINES = 5  # of words below a box
LETTERS = 23  # in a line of words
STAMPS = {".png": "Software\0animekit", ".svg": "<dc:title>animekit</dc:title>"}
"""What near the top of a drawing says that animekit made it."""


@dataclass(frozen=True)
class Box:
    """One block: layers one behind the other whose output has one shape."""

    output: tuple[int, ...]
    kind: str
    words: tuple[str, ...]
    parameters: int


def boxes_of(network: Network) -> list[Box]:
    """Return the blocks of a network, its input first."""
    found = [Box(network.input, "input", ("input",), 0)] if network.input else []
    last = network.input
    for layers in _blocks(network.layers):
        output = layers[0].output
        words = _words(layers)
        found.append(Box(output, _kind(last, output), words, sum(x.parameters for x in layers)))
        last = output
    return found


def save_diagram(networks: Sequence[Network], path: Path, title: str) -> None:
    """Draw networks into a PNG or SVG file; the same ones give the same bytes."""
    from matplotlib.figure import Figure

    lines = [line for network in networks for line in lines_of(network)]
    columns = max((len(boxes) for _, boxes, _ in lines), default=1)
    width, height = CELL[0] * max(columns, 3) + 0.4, CELL[1] * len(lines) + 0.5
    with style():
        figure = Figure(figsize=(width, height))
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set_xlim(0, width)
        axes.set_ylim(0, height)
        axes.set_axis_off()
        axes.grid(visible=False)
        for number, (network, boxes, start) in enumerate(lines):
            top = height - number * CELL[1]
            words = f"{title}: {network.name}, {network.parameters:,} parameters"
            if start:
                words = f"{network.name}, going on"
            axes.text(0.2, top - 0.2, words, fontsize=10, fontweight="bold", va="top")
            _draw_line(axes, boxes, top - 0.55, more=start > 0)
        _draw_key(axes, {box.kind for _, boxes, _ in lines for box in boxes})
        stamps: dict[str, Any] = {
            ".svg": {"Date": None, "Creator": "animekit"},
            ".png": {"Software": "animekit"},
        }
        kind, buffer = path.suffix.lower(), io.BytesIO()
        figure.savefig(buffer, format=kind[1:], dpi=110, metadata=stamps[kind])
    write_atomic(path, buffer.getvalue())


def lines_of(network: Network) -> Iterator[tuple[Network, list[Box], int]]:
    """Yield a network in lines of about as many boxes, each with where it starts."""
    boxes = boxes_of(network)
    count = -(-len(boxes) // PER_LINE)
    each = -(-len(boxes) // max(1, count))
    for start in range(0, len(boxes), max(1, each)):
        yield network, boxes[start : start + each], start


def _blocks(layers: Sequence[LayerRow]) -> Iterator[list[LayerRow]]:
    group: list[LayerRow] = []
    for each in layers:
        if group and (each.output != group[-1].output or len(group) >= LINES - 1):
            yield group
            group = []
        group.append(each)
    if group:
        yield group


def _words(layers: Sequence[LayerRow]) -> tuple[str, ...]:
    """Return what is written below a box: each layer, the same ones counted, and what follows."""
    found: list[str] = []
    for layer in layers:
        stride = f" /{layer.stride[0]}" if layer.stride and layer.stride[0] > 1 else ""
        main = f"{layer.kind} {by(layer.kernel)}{stride}".strip()
        then = [word for word in layer.then if word not in ("Flatten", "Unflatten")]
        found += [main, *then] if len(layers) == 1 else [main]
    counted: list[str] = []
    for word in dict.fromkeys(found):
        count = found.count(word)
        counted.append(f"{count} x {word}" if count > 1 else word)
    short = [word if len(word) <= LETTERS else f"{word[: LETTERS - 1]}…" for word in counted]
    return tuple(short[:LINES])


def _kind(before: tuple[int, ...], after: tuple[int, ...]) -> str:
    """Return how the maps change from one block to the next."""
    if len(after) < 3:
        return "dense"
    earlier = before[-1] if len(before) == 3 else 1
    return "up" if after[-1] > earlier else "down" if after[-1] < earlier else "same"


def _size(output: tuple[int, ...]) -> tuple[float, float]:
    """Return width and height of a box in inches: of its channels and of its side."""
    if len(output) == 3:
        side, channels = output[-1], output[0]
    else:
        side, channels = 2, max(1, math.prod(output))
    tall = TALLEST * min(1.0, 0.22 + 0.78 * math.log2(max(side, 1)) / 8)
    wide = WIDEST * min(1.0, 0.12 + 0.88 * math.log2(max(channels, 1)) / 11)
    return wide, tall


def _draw_line(axes: Axes, boxes: Sequence[Box], top: float, *, more: bool) -> None:
    """Draw boxes side by side around one middle line, with arrows between them."""
    from matplotlib.patches import Rectangle

    middle, before = top - TALLEST / 2 - 0.12, 0.12 if more else None
    for place, box in enumerate(boxes):
        centre = 0.2 + CELL[0] * (place + 0.5)
        wide, tall = _size(box.output)
        left = centre - wide / 2
        if before is not None:
            arrow = {"arrowstyle": "-|>", "color": "#777777", "linewidth": 0.9}
            axes.annotate("", (left - 0.03, middle), (before + 0.03, middle), arrowprops=arrow)
        axes.add_patch(
            Rectangle(
                (left, middle - tall / 2),
                wide,
                tall,
                facecolor=COLOURS[box.kind],
                edgecolor="#444444",
                linewidth=0.8,
            )
        )
        before = left + wide
        shape = by(box.output) or "-"
        axes.text(centre, middle + tall / 2 + 0.05, shape, fontsize=8.5, ha="center", va="bottom")
        words = [*box.words, *([f"{box.parameters:,}"] if box.parameters else [])]
        below = middle - TALLEST / 2 - 0.06
        axes.text(centre, below, "\n".join(words), fontsize=7, ha="center", va="top")


def _draw_key(axes: Axes, kinds: set[str]) -> None:
    """Write what the colours mean, in the last line."""
    from matplotlib.patches import Rectangle

    left = 0.2
    for kind, words in NAMES.items():
        if kind in kinds:
            axes.add_patch(Rectangle((left, 0.14), 0.16, 0.16, facecolor=COLOURS[kind]))
            axes.text(left + 0.22, 0.22, words, fontsize=7.5, va="center")
            left += 0.45 + 0.085 * len(words)
    axes.text(left, 0.22, "channels x height x width; /2 is a stride", fontsize=7.5, va="center")
