"""Explanation: everything that is said of a model, as text, Markdown, plain values or a drawing."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from animekit.errors import UsageError
from animekit.explanation.diagram import STAMPS, save_diagram
from animekit.explanation.layers import Network, by
from animekit.explanation.rule import Update
from animekit.files import write_atomic
from animekit.images.page import refuse_others
from animekit.images.write import write_errors
from animekit.models.base import Paper
from animekit.models.formulas import LEGEND
from animekit.text import Printed

COLUMNS = ("layer", "kernel", "stride", "output", "parameters")
MADE = "<!-- animekit explain -->"
"""First line of a Markdown file that animekit made."""
MARKS = {".md": MADE, **STAMPS}
"""What each kind of file begins with, so that it may be written again."""


@dataclass(frozen=True)
class Explanation(Printed):
    """What a model minimises, how it learns, its networks, and how to read it."""

    model: str
    summary: str
    origin: str
    """A sentence: of which parameters all of this is."""
    size: int
    objectives: Mapping[str, Mapping[str, str]]
    """Formulas by phase and term; "" for a term of which the model says nothing."""
    updates: tuple[Update, ...]
    code: tuple[str, ...]
    networks: tuple[Network, ...]
    notes: str
    paper: Paper | None
    values: Mapping[str, Any]

    def as_table(self) -> list[Sequence[str]]:
        """Return the layer table: a row for each layer, networks one behind the other."""
        rows: list[Sequence[str]] = [("network", *COLUMNS)]
        for network in self.networks:
            rows += [(network.name, *layer.cells()) for layer in network.layers]
        return rows

    def layer_rows(self, network: Network) -> list[Sequence[str]]:
        """Return the rows of a network, first what goes in, last the parameters."""
        first = ("input", "", "", by(network.input), "")
        rows = [first] if network.input else []
        return [*rows, *(each.cells() for each in network.layers), self._total(network)]

    def _total(self, network: Network) -> Sequence[str]:
        return ("in all", "", "", "", f"{network.parameters:,}")

    def objective_rows(self, phase: str) -> list[tuple[str, str]]:
        """Return the terms of a phase and their formulas."""
        return [(term, formula or "(not said)") for term, formula in self.objectives[phase].items()]

    def legend(self) -> list[tuple[str, str]]:
        """Return what the letters in the formulas mean."""
        said = " ".join(each for terms in self.objectives.values() for each in terms.values())
        found = []
        for letters, words in LEGEND.items():
            pattern = rf"(?<![\w']){re.escape(letters)}(?![\w'])"
            if re.search(pattern, said) and not (letters == "G" and "F(" in said):
                found.append((letters, words))
        return found

    def as_markdown(self) -> str:
        """Return all of it as Markdown."""
        return "\n".join(self._markdown()) + "\n"

    def _markdown(self) -> Iterator[str]:
        yield from (MADE, f"# {self.model}", "", self.summary, "", self.origin, "")
        yield from ("## Objectives", "")
        for update in self.updates:
            moved = " and ".join(update.networks)
            yield f"Phase {update.phase} minimises, over {moved}, the sum of"
            yield ""
            for term, formula in self.objective_rows(update.phase):
                yield f"- {term}: `{formula}`"
            yield ""
        for letters, words in self.legend():
            yield f"- `{letters}` is {words}"
        yield from ("", "## Update rule", "", "```text", *self.code, "```", "", "## Networks", "")
        for network in self.networks:
            yield from (f"### {network.name}", "", _row(COLUMNS), _row(["---"] * len(COLUMNS)))
            yield from map(_row, self.layer_rows(network))
            yield ""
        if self.notes:
            yield from ("## How to read its losses", "", self.notes, "")
        if self.paper is not None:
            paper = self.paper
            yield from (
                "## Paper",
                "",
                f"{paper.authors}, {paper.year}: [{paper.title}]({paper.link})",
            )

    def facts(self) -> dict[str, Any]:
        """Return all of it as plain values: the `data` of the JSON answer."""
        return {
            "model": self.model,
            "summary": self.summary,
            "origin": self.origin,
            "size": self.size,
            "objectives": {phase: dict(terms) for phase, terms in self.objectives.items()},
            "legend": dict(self.legend()),
            "updates": [_plain(asdict(update)) for update in self.updates],
            "code": list(self.code),
            "networks": [
                {
                    "name": network.name,
                    "input": list(network.input),
                    "parameters": network.parameters,
                    "layers": [_plain(asdict(layer)) for layer in network.layers],
                }
                for network in self.networks
            ],
            "notes": self.notes,
            "paper": None if self.paper is None else self.paper._asdict(),
            "values": dict(self.values),
        }

    def save(self, path: Path | str, *, overwrite: bool = False) -> Path:
        """Write Markdown (.md), or draw the networks (.png, .svg), by the ending.

        A file that animekit did not make needs `overwrite`.
        """
        path = Path(path)
        refuse(path, overwrite=overwrite)
        with write_errors(path):
            if path.suffix.lower() == ".md":
                write_atomic(path, self.as_markdown())
            else:
                save_diagram(self.networks, path, self.model)
        return path


def refuse(path: Path, *, overwrite: bool) -> None:
    """Refuse another ending, a folder, and a file that animekit did not make."""
    mark = MARKS.get(path.suffix.lower())
    if mark is None:
        raise UsageError(f"{path} ends in none of {' '.join(MARKS)}", "name it model.md, or .png")
    refuse_others(path, mark, overwrite=overwrite)


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _plain(value: dict[str, Any]) -> dict[str, Any]:
    return {key: list(each) if isinstance(each, tuple) else each for key, each in value.items()}
