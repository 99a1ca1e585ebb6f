"""Ids of label files: which picture each of them names, and where nobody can say."""

from __future__ import annotations

import posixpath
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Collection, Container, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any, NamedTuple, Protocol

import numpy as np

from animekit.errors import DataError
from animekit.labels.columns import is_picture
from animekit.labels.words import shown

Pair = tuple[np.ndarray, np.ndarray]
"""Labels and mask, both uint8 [L]."""
FIRST = 3
"""Rows that are named of each kind."""
WAYS = ("name", "path", "end of a path", "file name alone")
"""How an id may name a picture, the surest first."""

_EXTENSION = re.compile(r"\.[a-z][a-z0-9]{1,4}$")


class LabelFile(Protocol):
    """Labels by id: `Tags` and `AttributeTable`."""

    @property
    def numbers(self) -> dict[str, int]:
        """The row of each id, from 1."""

    @property
    def skipped(self) -> list[Any]:
        """Rows that give no label: their number and why."""

    @property
    def others(self) -> dict[str, tuple[str, ...]]:
        """The cells beside an id, by place, which may name pictures too."""

    @property
    def doubled(self) -> list[Any]:
        """Later rows of an id: their number, and that of the first."""

    def row(self, key: str) -> Pair:
        """Return the labels and the mask of an id."""


@dataclass
class RowsTold:
    """How many rows are of one kind, and the first of them in words."""

    count: int = 0
    first: list[str] = field(default_factory=list)

    def add(self, words: str) -> None:
        """Count one more."""
        self.count += 1
        if len(self.first) < FIRST:
            self.first.append(words)

    def __str__(self) -> str:
        more = ", ..." if self.count > len(self.first) else ""
        return f"{self.count:,}: {', '.join(self.first)}{more}" if self.count else "0"


@dataclass
class LabelUse:
    """What became of every row of a label file, and how many of each kind.

    `rows` is the sum of `used`, `unmatched`, `doubled` and `skipped`. `ways` count the used rows by
    how they name their picture. `unmatched` rows name no picture that is here, `doubled` ones say
    the same as another one, `skipped` ones give no label.
    """

    file: str
    rows: int = 0
    used: int = 0
    ways: dict[str, int] = field(default_factory=dict)
    unmatched: RowsTold = field(default_factory=RowsTold)
    doubled: RowsTold = field(default_factory=RowsTold)
    skipped: RowsTold = field(default_factory=RowsTold)
    words: str = ""


class _Claim(NamedTuple):
    """An id that may name a picture: how sure that is (a place in WAYS), and the id."""

    way: int
    key: str


def find_row(name: str, ids: Container[str]) -> str | None:
    """Return the id of one image: its name, its file name, or its stem."""
    path = PurePath(name)
    return next((key for key in (name, path.name, path.stem) if key in ids), None)


def match(
    labels: LabelFile,
    pictures: Collection[str],
    *,
    file: str,
    home: str = "",
    exactly: bool = False,
    exists: Callable[[str], bool] | None = None,
) -> tuple[dict[str, Pair], LabelUse]:
    """Return the labels of pictures, and what became of every row.

    `pictures` are names below the folder `home`, with "/" between the parts. An id names the
    picture of that path below the folder, with or without the extension, or of that whole path;
    else the only one whose path ends as it does; else, if it is a path of some other place, the
    only picture of its file name. With `exactly`, only the first. `exists` says whether an id is
    another file, which it then names. Raises DataError where an id may name several pictures, or
    two ids name one with other labels.
    """
    use = _begun(labels, file)
    finder = _Finder(pictures, home, exactly=exactly, exists=exists)
    claims: dict[str, list[_Claim]] = {}
    several: list[tuple[str, list[str]]] = []
    for key, number in labels.numbers.items():
        way, found = finder.find(key)
        if len(found) > 1:
            several.append((f'row {number}: "{shown(key)}"', sorted(found)))
        elif found:
            claims.setdefault(found[0], []).append(_Claim(way, key))
        else:
            near = finder.near(key) or finder.beside(labels.others.get(key, ()))
            use.unmatched.add(f'row {number}: "{shown(key)}"{near}')
    if several:
        raise _ambiguous(file, several)
    _refuse_other_ids(labels, finder, file, len(claims))
    ways: Counter[str] = Counter()
    for picture, claimed in claims.items():
        claimed.sort(key=lambda claim: claim.way)
        ways[WAYS[claimed[0].way]] += 1
        for claim in claimed[1:]:
            _second(labels, picture, claimed[0], claim, use)
    use.used = len(claims)
    use.ways = {way: ways[way] for way in WAYS if ways[way]}
    # in the order of the pictures, as they are hashed
    rows = {name: labels.row(claims[name][0].key) for name in pictures if name in claims}
    return rows, use


def _begun(labels: LabelFile, file: str) -> LabelUse:
    """Return a count of the rows that are passed over before any picture is looked at."""
    use = LabelUse(file, len(labels.numbers))
    twice = {each.row for each in labels.doubled}
    for each in labels.doubled:
        use.doubled.add(f'row {each.row}: "{shown(each.id)}" as in row {each.first}')
    for each in labels.skipped:
        if each.row not in twice:
            use.skipped.add(f"row {each.row}: {each.reason}")
    use.rows += use.doubled.count + use.skipped.count
    return use


def _second(labels: LabelFile, picture: str, best: _Claim, claim: _Claim, use: LabelUse) -> None:
    """Count an id that names a picture which a surer or an equal one names already."""
    number, first = labels.numbers[claim.key], labels.numbers[best.key]
    if claim.way > max(best.way, 1):  # a path of another place, which only ends alike
        use.unmatched.add(f'row {number}: "{shown(claim.key)}" (row {first} is {picture})')
        return
    if not all(map(np.array_equal, labels.row(claim.key), labels.row(best.key))):
        raise DataError(
            f'{use.file}, rows {min(first, number)} and {max(first, number)}: "{shown(best.key)}"'
            f' and "{shown(claim.key)}" both name {picture}, with other labels',
            "keep the row that is right; or give the folder that holds both pictures",
        )
    use.doubled.add(f'row {number}: "{shown(claim.key)}" as in row {first}')


def _refuse_other_ids(labels: LabelFile, finder: _Finder, file: str, used: int) -> None:
    """Raise DataError where other cells name pictures as the ids do, in half of the used rows."""
    named: dict[int, dict[str, str]] = {}
    for key, cells in labels.others.items() if used else ():
        for place, cell in enumerate(() if is_picture(key) else cells):
            if cell != key and finder.is_here(cell):
                named.setdefault(place, {}).setdefault(cell, key)
    for found in named.values():
        if 2 * len(found) >= used:
            other, key = next(iter(found.items()))
            raise DataError(
                f'{file}, row {labels.numbers[key]}: "{shown(key)}" and "{shown(other)}" may both'
                " be the picture's id: both are here",
                f'if "{shown(other)}" is, remove the first column; if "{shown(key)}" is, remove the'
                f' column of "{shown(other)}"',
            )


def _ambiguous(file: str, several: list[tuple[str, list[str]]]) -> DataError:
    told = RowsTold()
    for row, (one, other, *_) in several:
        told.add(f"{row} may be {one} or {other}")
    (one, other, *_) = several[0][1]
    return DataError(
        f"{file}, rows of two pictures {told}",
        f'write the path: "{one}" for the one, "{other}" for the other',
    )


class _Finder:
    """Pictures by file name and by stem."""

    def __init__(
        self,
        pictures: Iterable[str],
        home: str,
        *,
        exactly: bool,
        exists: Callable[[str], bool] | None,
    ) -> None:
        self.home = _parts(home)
        self.exactly, self.exists = exactly, exists
        self.names: dict[str, list[tuple[str, Sequence[str]]]] = {}
        self.stems: dict[str, list[tuple[str, Sequence[str]]]] = {}
        self._folded: dict[str, str] | None = None
        self.paths: dict[str, str] = {}
        for name in pictures:
            plain = unicodedata.normalize("NFC", name)
            *folders, last = plain.split("/")
            stem, dot, suffix = last.rpartition(".")
            stem = stem if dot and stem and suffix else last
            self.paths[plain] = name
            self.names.setdefault(last, []).append((name, (*folders, last)))
            self.stems.setdefault(stem, []).append((name, (*folders, stem)))

    def find(self, key: str) -> tuple[int, list[str]]:
        """Return how an id names pictures, a place in WAYS, and which; [] for none."""
        plain = unicodedata.normalize("NFC", key)
        if plain in self.paths:  # as it stands: a backslash may be in a name
            return int("/" in plain), [self.paths[plain]]
        parts = _parts(key)
        if not parts:
            return 0, []
        known = self.names.get(parts[-1]) or self.stems.get(parts[-1]) or []
        way = int(len(parts) > 1)
        exact = [name for name, each in known if tuple(each) == tuple(parts)]
        if exact or self.exactly:
            return way, exact
        whole = [name for name, each in known if _ends([*self.home, *each], parts)]
        if whole:
            return way, whole
        if self.exists is not None and known and self.exists(key):
            return 0, []
        inside = [(len(each), name) for name, each in known if _ends(parts, each)]
        if inside:
            longest = max(inside)[0]
            way = 2 if longest > 1 else 3
            return way, [name for length, name in inside if length == longest]
        return 3, [known[0][0]] if len(known) == 1 else []

    def is_here(self, cell: str) -> bool:
        """Say whether a cell is the name of a picture or its stem; 0 and 1 are yes and no."""
        return cell not in ("", "0", "1") and (cell in self.names or cell in self.stems)

    def beside(self, cells: Iterable[str]) -> str:
        """Return words for a picture that a row names in another cell than its id; "" without."""
        found = next(filter(self.is_here, cells), "")
        return f' ("{shown(found)}", which is here, stands behind it)' if found else ""

    def near(self, key: str) -> str:
        """Return words for a picture that is nearly called like an id; "" without."""
        if self._folded is None:
            self._folded = {}
            for known in self.names.values():
                for name, each in known:
                    self._folded.setdefault(_folded(each[-1]), name)
        parts = _parts(key)
        found = self._folded.get(_folded(parts[-1])) if parts else None
        return "" if found is None or self.exactly else f' (there is "{shown(found)}")'


def _parts(key: str) -> tuple[str, ...]:
    """Return the parts of a path of any system.

    >>> _parts("C:\\\\set\\\\.\\\\0.png"), _parts("../faces//0.png")
    (('set', '0.png'), ('faces', '0.png'))
    """
    plain = unicodedata.normalize("NFC", key).replace("\\", "/")
    plain = re.sub(r"^(?:[A-Za-z]:|file://)", "", plain)
    parts = posixpath.normpath(plain).split("/") if plain.strip("/") else []
    return tuple(part for part in parts if part not in ("", ".", ".."))


def _ends(parts: Sequence[str], end: Sequence[str]) -> bool:
    return len(end) <= len(parts) and list(parts[len(parts) - len(end) :]) == list(end)


def _folded(name: str) -> str:
    """Return what stays of a file name that a spreadsheet or a conversion may change.

    >>> _folded("007.PNG") == _folded("7") == _folded("7.0") == _folded("7.jpg")
    True
    """
    stem = _EXTENSION.sub("", name.lower())
    return re.sub(r"\.0+$", "", stem).lstrip("0") or "0"
