"""Blocks: a text that is written as Markdown and as HTML from the same parts."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class Block:
    """One part of a text, as a heading, a table, or room for its author.

    `kind` is h2, h3, text, list, table, code, figure or box; `image` is uint8 [H, W, 3].
    """

    kind: str
    text: str = ""
    rows: tuple[tuple[str, ...], ...] = ()
    image: np.ndarray | None = None
    name: str = ""


@dataclass
class Blocks:
    """A text in the making; the pictures of its figures have names of their own."""

    parts: list[Block] = field(default_factory=list)

    def add(self, kind: str, text: str = "") -> None:
        """Add a heading, words, code or room for the author."""
        self.parts.append(Block(kind, text))

    def table(self, rows: Sequence[Sequence[object]]) -> None:
        """Add a table, whose first row are the heads."""
        self.parts.append(Block("table", rows=tuple(tuple(map(str, row)) for row in rows)))

    def bullets(self, lines: Sequence[str]) -> None:
        """Add a list."""
        self.parts.append(Block("list", rows=tuple((line,) for line in lines)))

    def figure(self, image: np.ndarray, name: str, caption: str) -> None:
        """Add a picture; two of one name get a number."""
        stem = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
        taken = {each.name for each in self.parts}
        number, unique = 2, stem
        while unique in taken:
            number, unique = number + 1, f"{stem}-{number}"
        self.parts.append(Block("figure", caption, image=image, name=unique))

    def figures(self) -> list[Block]:
        """Return the figures in their order."""
        return [each for each in self.parts if each.kind == "figure"]

    def markdown(self, folder: str) -> str:
        """Return all of it as Markdown; figures are PNGs in a folder beside it."""
        return "\n\n".join(_markdown(each, folder) for each in self.parts) + "\n"


def _markdown(part: Block, folder: str) -> str:
    match part.kind:
        case "h2" | "h3":
            return f"{'#' * int(part.kind[1])} {part.text}"
        case "list":
            return "\n".join(f"- {row[0]}" for row in part.rows)
        case "code":
            return f"```text\n{part.text}\n```"
        case "box":
            return f"> **To write:** {part.text}\n>\n> ..."
        case "figure":
            return f"![{part.text}]({folder}/{part.name}.png)\n\n*{part.text}*"
        case "table":
            head, *rows = [[_cell(text) for text in row] for row in part.rows]
            lines = [head, ["---"] * len(head), *rows]
            return "\n".join("| " + " | ".join(row) + " |" for row in lines)
        case _:
            return part.text


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ") or " "
