"""Where data lie, as one text: a folder, several joined by "+", with weights behind "*"."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from animekit.errors import DataError, NotFoundError, UsageError

Data = str | Path | Sequence[str | Path]
"""A place of data, or several to be joined."""

PLUS = "+"
WEIGHT = re.compile(r"(.*\S)\s*\*\s*([\d.]+(?:e-?\d+)?)\s*")
MOST_WEIGHT = 1000.0
PATTERN = re.compile(r"[{*?\[]")
BRACES = re.compile(r"\{((\d+)\.\.(\d+)|[^{},]*(?:,[^{},]*)+)\}")
MOST_FILES = 100_000


@dataclass(frozen=True)
class DataPlace:
    """One of several places: where it is, and how often its images are drawn."""

    where: str
    weight: float = 1.0

    def __str__(self) -> str:
        return self.where if self.weight == 1 else f"{self.where}*{self.weight:g}"


def places_of(where: str) -> list[DataPlace]:
    """Return the places that a "+" joins, with their weights.

    Any other text is one place, and so is what exists under its whole name, whatever signs that
    has. Raises DataError for a weight that is none.

    >>> [str(each) for each in places_of("synthetic:60 + synthetic:count=40,seed=1*0.5")]
    ['synthetic:60', 'synthetic:count=40,seed=1*0.5']
    """
    words, found = where.split(PLUS), list[DataPlace]()
    if len(words) == 1 or exists(where):
        return [DataPlace(where)]
    while words:
        ends = range(len(words), 0, -1)
        end = next((n for n in ends if exists(_weighed(PLUS.join(words[:n])).where)), 1)
        found.append(_weighed(PLUS.join(words[:end])))
        words = words[end:]
    if not all(place.where for place in found):
        raise DataError(f'"{where}" has nothing on one side of a +', "as in --data faces+extra")
    return found


def joined(places: Data) -> str:
    """Return a place as a text, and several as one that `places_of` reads back.

    >>> joined(["data/faces", "data/extra*0.5"]), joined("data/faces")
    ('data/faces + data/extra*0.5', 'data/faces')
    """
    if isinstance(places, (str, Path)):
        return str(places)
    return f" {PLUS} ".join(map(str, places))


def is_here(where: str) -> bool:
    """Say whether the data may be found: each exists, or has the name of a reader."""
    return all(exists(place.where) or ":" in place.where for place in places_of(where))


def refuse_pair(where: str, who: str = "this") -> None:
    """Raise UsageError for sets with a comma between them, where one is wanted."""
    parts = [part.strip() for part in where.split(",")]
    if exists(where) or len(parts) < 2 or not all(map(is_here, parts)):
        return
    raise UsageError(
        f"{who} takes one set; {where} is a pair for cyclegan",
        f"to join them: {PLUS.join(parts)}",
        code="data.pair",
    )


def _weighed(text: str) -> DataPlace:
    """Return a place with the weight behind its last *."""
    text = text.strip()
    found = None if exists(text) else WEIGHT.fullmatch(text)
    if found is None:
        return DataPlace(text)
    try:
        weight = float(found[2])
    except ValueError:
        weight = math.nan
    if not 0 < weight <= MOST_WEIGHT:
        raise DataError(
            f'"{text}" has a weight of {found[2]}, not one above 0 up to {MOST_WEIGHT:g}',
            "as in --data 'faces+extra*0.5'",
        )
    return DataPlace(found[1], weight)


def exists(where: str) -> bool:
    """Say whether a place is a file or folder, or `NAME:` and one."""
    _, colon, rest = where.partition(":")
    if not where:
        return False
    return _is_there(where) or bool(colon and rest and _is_there(rest))


def files_at(where: str) -> list[Path]:
    """Return the files that a pattern names: "shards/{00..03}.tar", "a/*.parquet".

    Of any other text, and of what exists under its whole name, the one path. Raises NotFoundError
    where files of a {range} are missing, since a part of a set would be taken for all of it.
    """
    if not PATTERN.search(where) or Path(where).exists():
        return [Path(where)]
    found = []
    for each in _braces(where):
        path = Path(each)
        if PATTERN.search(each):
            top = Path(path.anchor or ".")
            found += sorted(top.glob(str(path.relative_to(path.anchor) if path.anchor else path)))
        else:
            found.append(path)
    missing = [path for path in found if not path.exists()]
    if missing and len(missing) < len(found):
        raise NotFoundError(
            f"no {missing[0]}: {where} names {len(found):,} files, {len(missing):,} are missing",
            f"get them, or name those that are here: {found[0].parent}/*{found[0].suffix}",
        )
    return found if not missing else []


def _is_there(where: str) -> bool:
    if not PATTERN.search(where):
        return Path(where).exists()
    try:
        return Path(where).exists() or bool(files_at(where))
    except NotFoundError:
        return True  # whoever opens it is told which files are missing


def _braces(where: str) -> list[str]:
    """Return what {a,b} and {00..12} stand for, as a shell has it.

    >>> _braces("s/{08..10}.tar"), _braces("{a,b}.tar")
    (['s/08.tar', 's/09.tar', 's/10.tar'], ['a.tar', 'b.tar'])
    """
    found = BRACES.search(where)
    if found is None:
        return [where]
    begin, end = where[: found.start()], where[found.end() :]
    parts = found[1].split(",")
    if found[2] is not None:
        first, last = int(found[2]), int(found[3])
        if abs(last - first) >= MOST_FILES:
            raise DataError(f'"{found[0]}" names more than {MOST_FILES:,} files', "name fewer")
        step = 1 if last >= first else -1
        parts = [str(n).zfill(len(found[2])) for n in range(first, last + step, step)]
    return [begin + part + rest for rest in _braces(end) for part in parts][:MOST_FILES]
