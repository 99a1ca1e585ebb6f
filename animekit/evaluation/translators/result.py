"""TranslatorEvaluation: the numbers of a translator, a set of them for each of its targets."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from animekit.evaluation.image_set import Oddity
from animekit.evaluation.metric import Exhibit
from animekit.evaluation.result import Column, Evaluation, Row, Value
from animekit.images.layout import table
from animekit.images.pixels import resize

NOT_OF_REAL = "real images are compared with real ones, not translated"
NONE_THERE = "no target has this number"
SIDE_BY_SIDE = 3  # targets up to which each number has a row of its own
SHOWN = 4  # best and as many worst pictures of a target
TILE = 96  # px of a picture on a sheet
UNTOUCHED = "untouched"


@dataclass
class TranslatorEvaluation(Evaluation):
    """What an evaluation of translators found.

    `columns` are real images against others of the target set (the floor), each translator, and
    the untouched source pictures, as if they were results. Keys are a stem and a target, as in
    `cycle_a2b`; the stem alone is the mean over targets.
    """

    targets: tuple[str, ...] = ()
    stems: tuple[str, ...] = ()
    counts: dict[str, int] = field(default_factory=dict)
    """How many source pictures each target had."""

    def as_table(self) -> list[Sequence[str]]:
        """Return a row for each number, or, of many targets, a row for each target."""
        if len(self.targets) <= SIDE_BY_SIDE:
            names = [each.name for each in self.columns]
            found: list[Sequence[str]] = [("", "good is", *names)]
            for row in self.rows:
                if row.key not in self.stems or len(self.targets) == 1:
                    cells = [_shown(each.values[row.key]) for each in self.columns]
                    found.append((row.key, row.better, *cells))
            return found
        first, last = self.columns[1], self.columns[-1]
        found = [("", "n", *self.stems)]
        for name in self.targets:
            values = [first.values[f"{stem}_{name}"] for stem in self.stems]
            found.append((name, f"{self.counts[name]:,}", *map(_brief, values)))
        for column, words in ((first, "mean"), (last, UNTOUCHED), (self.real, self.real.name)):
            found.append((words, "", *(_brief(column.values[stem]) for stem in self.stems)))
        for column in self.columns[2:-1]:
            found.append((column.name, "", *(_brief(column.values[s]) for s in self.stems)))
        return found

    def reasons(self) -> list[str]:
        """Return a line for each reason for which numbers are undefined."""
        dull = (f"{NOT_OF_REAL}", f"{NONE_THERE}")
        return [line for line in super().reasons() if not line.endswith(dull)]


def _shown(value: Value) -> str:
    return "" if value.reason == NOT_OF_REAL else str(value)


def _brief(value: Value) -> str:
    """Return a number without its spread, "" for none."""
    return "" if value.value is None else str(Value(value.value))


def measured(values: np.ndarray | None, reason: str = "") -> Value:
    """Return the mean of numbers or of yes and no [N], and its standard error.

    >>> measured(np.array([True, False, True, True])).value
    0.75
    """
    if values is None or not len(values):
        return Value(None, reason=reason or "no picture for it")
    numbers = np.asarray(values, float)
    count = len(numbers)
    spread = numbers.std(ddof=values.dtype != bool) if count > 1 else math.nan
    error = float(spread / math.sqrt(count))
    return Value(float(numbers.mean()), se=error if math.isfinite(error) else None, n=count)


def means(rows: Sequence[Row], columns: Iterable[Column], targets: Sequence[str]) -> list[Row]:
    """Add to the columns the mean over targets of each stem, and return its rows."""
    stems: dict[str, list[Row]] = {}
    for row in rows:
        stem = next(row.key[: -len(t) - 1] for t in targets if row.key.endswith(f"_{t}"))
        stems.setdefault(stem, []).append(row)
    for column in columns:
        for stem, each in stems.items():
            values = [column.values[row.key] for row in each]
            known = [value.value for value in values if value.value is not None]
            if known:
                mean = Value(float(np.mean(known)), n=min(value.n for value in values))
            else:
                dull = all(value.reason == NOT_OF_REAL for value in values)
                mean = Value(None, reason=NOT_OF_REAL if dull else NONE_THERE)
            column.values[stem] = mean
    return [Row(stem, each[0].metric, each[0].better, "") for stem, each in stems.items()]


def united(found: Mapping[str, Sequence[Oddity]]) -> list[Oddity]:
    """Return what is odd about the pictures of each target, each kind of oddity once."""
    kinds: dict[str, list[tuple[str, str]]] = {}
    for target, oddities in found.items():
        for code, message in oddities:
            if all(message != seen for _, seen in kinds.get(code, [])):
                kinds.setdefault(code, []).append((target, message))
    united = []
    for code, seen in kinds.items():
        more = f" (and of {len(seen) - 1} more targets)" if len(seen) > 1 else ""
        alone = len(found) == 1 or (len(seen) == 1 and len(found) > 1 and code.startswith("data.j"))
        united.append(Oddity(code, f"{'' if alone else f'{seen[0][0]}: '}{seen[0][1]}{more}"))
    return united


@dataclass(frozen=True)
class Pairs:
    """Pictures of one target from best to worst: input, result, the way back.

    `images` are uint8 [N, 2 or 3, S, S, 3]; `table` holds a list of N for each name.
    """

    name: str
    words: str
    images: np.ndarray
    table: dict[str, list[object]]

    @property
    def heads(self) -> list[str]:
        """What the columns of the pictures are."""
        return ["input", self.words, "back"][: self.images.shape[1]]


def sheets(found: Sequence[Pairs], owner: str) -> list[tuple[str, Exhibit]]:
    """Return a sheet of each target's best and worst, one for all of many."""
    said = "best on the left, worst on the right"
    if len(found) > SIDE_BY_SIDE:
        rows = np.concatenate([_row(each.images, 0) for each in found])
        halves = len(found[0].heads)
        heads = [
            f"{part} {word}"
            for part in ("best", "worst")
            for word in ("input", "made", "back")[:halves]
        ]
        picture = table(rows, 2 * halves, heads, [each.words for each in found], gap=2)
        sheet = Exhibit("pairs", f"a picture of each target, {said}", picture)
        return [(owner, sheet), *((owner, _listed(each, None)) for each in found)]
    exhibits = []
    for each in found:
        count = min(SHOWN, len(each.images))
        rows = np.concatenate([_row(each.images, rank) for rank in range(count)])
        heads = [f"{part} {word}" for part in ("best", "worst") for word in each.heads]
        exhibits.append((owner, _listed(each, table(rows, len(heads), heads, gap=2))))
    return exhibits


def _listed(pairs: Pairs, picture: np.ndarray | None) -> Exhibit:
    words = f"{pairs.words}: the pictures that came best and worst"
    return Exhibit(f"pairs-{pairs.name}", words, picture, pairs.table)


def _row(images: np.ndarray, rank: int) -> np.ndarray:
    """Return the tiles of a rank from the beginning and from the end: [4 or 6, T, T, 3]."""
    tiles = [resize(tile, TILE) for place in (rank, -1 - rank) for tile in images[place]]
    return np.stack(tiles)
