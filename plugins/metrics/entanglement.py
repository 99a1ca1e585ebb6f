"""Entanglement: whether what was asked of one attribute shows in another."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import permutations

import numpy as np

from animekit.errors import UnusableError
from animekit.evaluation.metric import Exhibit, Metric
from animekit.hookspecs import hookimpl

from ._common import checked
from ._crosstable import draw
from ._reading import ReadingMetric, ReadingParams

SMALLEST = 10  # images of a stratum: with fewer the table says nothing
MOST_PAIRS = 12  # of attributes that have numbers of their own


class EntanglementParams(ReadingParams):
    """Which network reads the attributes."""


class Entanglement(ReadingMetric):
    """How much of what was asked for hair shows in the eyes, and the other way round.

    `v_hair_eyes` is Cramer's V of the hair that was asked for and the eyes that a classifier reads,
    bias-corrected (Bergsma, 2013): 0 where one says nothing of the other, 1 where it tells all.
    Prompts drawn as the data has them are correlated themselves, so read it beside the floor: real
    images with their own tags. `v_hair_eyes_given` is the same among images that were asked for
    the same eyes, all of these together: what is asked of one attribute and changes the other.
    With more than four attributes `v_mean` and `v_max` stand for all pairs. Attributes are those
    that the classifier was trained on; an image asked for several values of one does not count.
    """

    name = "entanglement"
    better = "lower"
    by_default = False
    fewest = 2 * SMALLEST
    Params = EntanglementParams
    params: EntanglementParams

    def definition(self, count: int) -> str:
        """Return one line: which network reads, and how many images."""
        return f"entanglement, read by {self.classifier().description}, n {count:,}"

    def compute(
        self, real: object, fake: np.ndarray, labels: np.ndarray | None = None
    ) -> dict[str, float]:
        """Return V for each ordered pair of attributes of fakes [N, 3, H, W].

        Raises UnusableError (code "metric.undefined") where no pair has two values on both sides.
        """
        fake = checked(fake, "fake")
        pairs = list(self._pairs(fake, labels))
        self.tell_unread()
        read = self.classifier().read(fake, self.context.progress)
        values, found, given = self.classifier().attributes, {}, {}
        for first, second, asked, other in pairs:
            table = crosstable(asked, read[second], len(values[second]))
            value = association([table])
            if value is None:
                continue
            key = f"v_{first}_{second}".replace(" ", "_")
            found[key] = value
            strata = [
                crosstable(np.where(other == kind, asked, -1), read[second], table.shape[1])
                for kind in np.unique(other[other >= 0])
            ]
            within = association(strata)
            if within is not None:
                given[f"{key}_given"] = within
        if not found:
            raise UnusableError(
                "no two attributes were asked for in two values each",
                "evaluate a model or a folder whose labels have two attributes",
                code="metric.undefined",
            )
        if len(found) <= MOST_PAIRS:
            return {**found, **given}
        return {"v_mean": float(np.mean([*found.values()])), "v_max": max(found.values())}

    def illustrate(
        self, real: np.ndarray, fake: np.ndarray, labels: np.ndarray | None = None
    ) -> list[Exhibit]:
        """Return a cross table for each ordered pair, as a picture and a table."""
        pairs = list(self._pairs(fake, labels))
        read, values = self.classifier().read(fake), self.classifier().attributes
        shown = []
        for first, second, asked, _ in pairs:
            rows, columns = values[first], values[second]
            matrix = crosstable(asked, read[second], len(columns), len(rows))
            if not matrix.any():
                continue
            value = association([matrix])
            told = "" if value is None else f"; V {value:.2f}"
            caption = f"{first} asked (rows), {second} read (columns), shares of a row{told}"
            whole = np.vstack([matrix, matrix.sum(0)])
            table = {
                "asked": [*rows, "all"],
                "images": whole.sum(1).tolist(),
                **{f"read {word}": whole[:, i].tolist() for i, word in enumerate(columns)},
            }
            picture = draw(whole, (*rows, "all"), columns, caption)
            name = f"entangled-{first}-{second}".replace(" ", "-")
            shown.append(Exhibit(name, caption, picture, table))
        return shown

    def _pairs(
        self, fake: np.ndarray, labels: np.ndarray | None
    ) -> Iterator[tuple[str, str, np.ndarray, np.ndarray]]:
        """Yield two attributes and what was asked of both, int [N]: -1 for none or several."""
        asked = {
            name: np.where(part.sum(1) == 1, part.argmax(1), -1)
            for name, part in self.asked(fake, labels).items()
        }
        for first, second in permutations(asked, 2):
            yield first, second, asked[first], asked[second]


def crosstable(asked: np.ndarray, read: np.ndarray, width: int, height: int = 0) -> np.ndarray:
    """Return how often each asked value was read as each: int64 [A, width].

    `asked` and `read` are int [N]; images with -1 are not counted. Without `height`, only values
    that were asked for have a row.
    """
    known = asked >= 0
    asked, read = asked[known], read[known]
    if not height:
        used, asked = np.unique(asked, return_inverse=True)
        height = len(used)
    matrix = np.zeros((height, width), np.int64)
    np.add.at(matrix, (asked, read), 1)
    return matrix


def association(tables: list[np.ndarray]) -> float | None:
    """Return Cramer's V of tables [A, B] together, bias-corrected (Bergsma, 2013).

    Each of several tables counts by its images. One in which a side has a single value shows
    nothing of it and counts as 0. None where no table has ten images and two rows.
    """
    shifts, spans, weights = [], [], []
    for table in tables:
        kept = table[table.any(1)][:, table.any(0)].astype(np.float64)
        rows, columns, count = *kept.shape, kept.sum()
        if count < SMALLEST or rows < 2:
            continue
        expected = kept.sum(1, keepdims=True) * kept.sum(0) / count
        square = float(((kept - expected) ** 2 / expected).sum() / count)
        shifts.append(square - (rows - 1) * (columns - 1) / (count - 1))
        spans.append(
            min(size - (size - 1) ** 2 / (count - 1) - 1 for size in (rows, max(columns, 2)))
        )
        weights.append(count)
    if not weights:
        return None
    shift, span = np.average(shifts, weights=weights), np.average(spans, weights=weights)
    return float(np.sqrt(min(1.0, max(0.0, shift) / span))) if span > 0 else None


@hookimpl
def animekit_metrics() -> list[type[Metric]]:
    """Bring the metric in."""
    return [Entanglement]
