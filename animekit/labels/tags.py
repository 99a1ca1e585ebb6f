"""Hair and eye colours: tag files read into label vectors, and vectors written as text."""

from __future__ import annotations

import codecs
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from animekit.errors import DataError, NotFoundError
from animekit.labels.columns import BLANK, TEXT_COLUMNS, is_picture, is_whole
from animekit.labels.ids import find_row
from animekit.labels.rows import (
    MAX_BYTES,
    Doubled,
    Sheet,
    TagRow,
    entry_rows,
    open_sheet,
    tag_rows,
    too_large,
)
from animekit.labels.words import NEGATIONS, shown, words_with_denials

if TYPE_CHECKING:
    import pandas as pd

HAIR = (
    "orange",
    "white",
    "aqua",
    "gray",
    "green",
    "red",
    "purple",
    "pink",
    "blue",
    "black",
    "brown",
    "blonde",
)
EYES = (
    "gray",
    "black",
    "orange",
    "pink",
    "yellow",
    "aqua",
    "purple",
    "green",
    "brown",
    "red",
    "blue",
)
_A_TAG_FILE = "give a text of rows such as 0,blue hair red eyes, saved as UTF-8"
GROUPS = (len(HAIR), len(EYES))
NAMES = tuple(f"{colour} hair" for colour in HAIR) + tuple(f"{colour} eyes" for colour in EYES)

_INDEX = {name: i for i, name in enumerate(NAMES)}
_VOCABULARY = {"hair": HAIR, "eyes": EYES}
NOUNS = {"hair": "hair", "eyes": "eyes", "eye": "eyes"}
QUALIFIERS = {"long", "short", "medium", "very", "bicolored", "multicolored", "damage", "pubic"}
"""Words that stand beside a colour in real tags without changing what the colour is."""
_COUNT = re.compile(r":\d+$")
_SPACED = re.compile(r"\s\S+_(?:hair|eyes?)(?:\s|$)|^\S+_(?:hair|eyes?)\s", re.IGNORECASE)
_ONE_HOT = re.compile(r"[01]" + r",[01]" * (len(NAMES) - 1))


class SkippedRow(NamedTuple):
    """A row of a tag file that gives no label: its number, counted from 1, and why."""

    row: int
    reason: str


@dataclass(frozen=True)
class Tags:
    """Hair and eye labels by image id, as a table of 23 columns of 0 and 1.

    `numbers` are the rows of the ids, from 1. `ignored` counts the hair and eye tags that name no
    known colour ("long hair", "teal hair"). `doubled` are later rows of an id, which are skipped;
    `unknown` says by id why a row gives no label, `others` which cells stand beside it.
    `words` say what is odd about the file.
    """

    frame: pd.DataFrame
    skipped: list[SkippedRow] = field(default_factory=list)
    ignored: Counter[str] = field(default_factory=Counter)
    numbers: dict[str, int] = field(default_factory=dict)
    doubled: list[Doubled] = field(default_factory=list)
    words: str = ""
    unknown: dict[str, str] = field(default_factory=dict)
    others: dict[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def names(self) -> tuple[str, ...]:
        """Return the 23 label names, hair before eyes."""
        return NAMES

    @property
    def groups(self) -> tuple[int, ...]:
        """Return how many labels are hair colours and how many are eye colours."""
        return GROUPS

    def __len__(self) -> int:
        return len(self.frame)

    def row(self, key: str) -> tuple[np.ndarray, np.ndarray]:
        """Return (labels, mask), both uint8 [23], of an id.

        The mask is 1 on all hair entries if a hair colour is known, and the same for the eyes.
        """
        labels = self._table[self._places[key]].copy()
        return labels, known(labels)

    @cached_property
    def _table(self) -> np.ndarray:
        return self.frame.to_numpy(dtype=np.uint8)

    @cached_property
    def _places(self) -> dict[str, int]:
        return {str(key): place for place, key in enumerate(self.frame.index)}

    def labels(self, name: str) -> tuple[np.ndarray, np.ndarray] | None:
        """Return (labels, mask) of one image; None if it has no tags.

        The image is found by its name as given, then by its file name, then without the extension.
        For the images of a folder, `ids.match` sees also where one id may name two of them.
        """
        key = find_row(name, self.numbers)
        return None if key is None else self.row(key)

    def counts(self) -> dict[str, int]:
        """Return how many images have each label."""
        return {str(name): int(count) for name, count in self.frame.sum().items()}


def has_colour(text: str) -> bool:
    r"""Say whether a text is tags of which one is a known hair or eye colour.

    >>> has_colour("touhou:17705\tblonde hair:25457"), has_colour("blonde"), has_colour("hair bow")
    (True, False, False)
    """
    return bool(labels_in(text, Counter()).any())


def known(labels: np.ndarray) -> np.ndarray:
    """Return the mask uint8 [23]: 1 on each attribute that has any colour set.

    >>> known(np.eye(23)[0]).tolist() == [1] * 12 + [0] * 11
    True
    """
    mask = np.zeros(len(NAMES), np.uint8)
    mask[: len(HAIR)] = np.any(labels[: len(HAIR)])
    mask[len(HAIR) :] = np.any(labels[len(HAIR) :])
    return mask


def read_tags(path: Path | str) -> Tags:
    r"""Read a tag file of any of the four forms that go round.

    `0,touhou:17705\tblonde hair:25457\t` (tags with counts, between tabs or commas);
    `0,aqua hair aqua eyes`; rows of 0 and 1 (id, 11 eye colours, 12 hair colours); and one Python
    dict `{0: 'blonde long hair and red eyes'}`. Underscores are spaces. The id may stand in another
    column, if picture files or a header tell which. Rows without a known hair or eye colour, and
    later rows of an id that is already there, are skipped and listed. Raises NotFoundError if there
    is no such file and DataError if no row gives a label, or if two columns may be the id.
    """
    return parse_tags(str(path), read_text(Path(path)))


def parse_tags(where: str, text: str) -> Tags:
    """Read the text of a tag file, which messages call `where`; as `read_tags`."""
    if text.lstrip().startswith("{"):
        return tags_of(where, entry_rows(where, text))
    sheet = open_sheet(where, text)
    return tags_of(where, tag_rows(sheet, tag_columns(sheet) or ()), sheet.said)


def tags_of(where: str, rows: Iterable[TagRow], words: str = "") -> Tags:
    """Return the labels of rows; DataError if none gives any."""
    import pandas as pd

    found: dict[str, np.ndarray] = {}
    first: dict[str, int] = {}
    skipped: list[SkippedRow] = []
    doubled: list[Doubled] = []
    ignored: Counter[str] = Counter()
    unknown: dict[str, str] = {}
    others: dict[str, tuple[str, ...]] = {}
    for number, key, tags, problem, is_header, beside in rows:
        labels = np.zeros(len(NAMES), np.uint8) if problem else labels_in(tags, ignored)
        if is_header and not labels.any():
            continue
        if key in first and not problem:
            same = not labels.any() or np.array_equal(labels, found[key])
            doubled.append(Doubled(key, number, first[key], bool(same)))
            problem = f'id "{shown(key)}" was already given in row {first[key]}'
        elif not problem and not (key and labels.any()):
            problem = unknown[key] = _why_skipped(key, tags)
        if problem:
            skipped.append(SkippedRow(number, problem))
            continue
        found[key], first[key] = labels, number
        if beside:
            others[key] = beside
    if not found:
        seen = f"row {skipped[0].row}: {skipped[0].reason}" if skipped else "the file is empty"
        raise DataError(f"no hair or eye colours in {where}: {seen}", "rows: 0,aqua hair red eyes")
    frame = pd.DataFrame(np.stack(list(found.values())), index=list(found), columns=list(NAMES))
    return Tags(frame, skipped, ignored, first, doubled, words, unknown, others)


def tag_columns(sheet: Sheet, fewest: int = 1) -> tuple[int, ...] | None:
    """Return the columns of a table that hold tags; None for another table.

    () stands for all but the id. A table is one of tags if all its columns hold hair or eye tags in
    most of their cells, or if the one that is called tags, text or caption does in `fewest`. The
    last one's tags may be parted by the separator as well.
    """
    if not sheet.header or any(map(is_whole, sheet.header)):
        return None if sheet.header else ()
    places = [j for j in range(len(sheet.header)) if j != sheet.column and j not in sheet.dropped]
    if not places:
        return ()
    filled, coloured = Counter[int](), Counter[int]()
    for _, cells in sheet.rows():
        if len(cells) > len(sheet.header) and places[-1] == len(sheet.header) - 1:
            cells = [*cells[: places[-1]], sheet.separator.join(cells[places[-1] :])]
        for j in places:
            cell = cells[j] if j < len(cells) else ""
            filled[j] += cell.lower() not in BLANK
            coloured[j] += has_colour(cell)
    holding = [j for j in places if 2 * coloured[j] > filled[j] > 0]
    if holding and len(holding) == sum(filled[j] > 0 for j in places):
        return ()
    texts = [j for j in places if coloured[j] >= fewest and sheet.header[j].lower() in TEXT_COLUMNS]
    return (texts[0],) if len(texts) == 1 else None


def format_labels(labels: Sequence[int] | np.ndarray) -> str:
    """Return the text of a label vector [23], in the course's form.

    >>> format_labels([name in ("red eyes", "pink hair", "aqua hair") for name in NAMES])
    'aqua pink hair red eyes'
    """
    chosen = [name.split() for name, on in zip(NAMES, labels, strict=True) if on]
    parts = []
    for noun in _VOCABULARY:
        colours = [colour for colour, its_noun in chosen if its_noun == noun]
        parts += [*colours, noun] if colours else []
    return " ".join(parts)


def read_text(path: Path) -> str:
    """Return the text of a file in UTF-8; NotFoundError or DataError else."""
    try:
        with path.open("rb") as file:
            return decoded(str(path), file.read(MAX_BYTES + 1))
    except FileNotFoundError:
        raise NotFoundError(f"no file {path}", "give the path of a text file") from None
    except (OSError, ValueError) as error:  # of a name that no file can have
        reason = getattr(error, "strerror", None) or error
        raise DataError(f"cannot read {path}: {reason}", "give another file") from None


def decoded(where: str, data: bytes) -> str:
    """Return bytes of a label file as text; DataError if they are none, or too many."""
    if len(data) > MAX_BYTES:
        raise too_large(where, f"more than {MAX_BYTES >> 20} MB")
    try:
        if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):  # as Excel saves text
            return data.decode("utf-16")
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        if is_picture(where):
            raise DataError(f"{where} is a picture, and no file of labels", _A_TAG_FILE) from None
        raise DataError(f"{where} is not a text file in UTF-8", _A_TAG_FILE) from None


def tags_in(text: str) -> list[str]:
    r"""Return the tags of a row in any form, without their counts.

    >>> tags_in("touhou:17705\tblonde hair:25457\t"), tags_in("1girl red_hair solo")
    (['touhou', 'blonde hair'], ['1girl', 'red_hair', 'solo'])
    """
    text = text.strip().strip('"')
    if _ONE_HOT.fullmatch(text):  # the file has the eye columns first
        on = np.roll(np.array(text.split(","), dtype=np.uint8), len(HAIR))
        return [NAMES[place] for place in np.flatnonzero(on)]
    if _is_spaced(text):
        return [_COUNT.sub("", tag.strip(' "')) for tag in text.split()]
    cut = re.split(r"\t" if "\t" in text else "[,;]", text)
    return [tag for each in cut if (tag := _COUNT.sub("", each.strip(' "')))]


def labels_in(tags: str, ignored: Counter[str]) -> np.ndarray:
    """Return the colours uint8 [23] that a row names; `ignored` counts what is none."""
    labels = np.zeros(len(NAMES), np.uint8)
    for tag in tags_in(tags):
        positions, unknown = _read_tag(tag)
        labels[list(positions)] = 1
        ignored.update(unknown)
    return labels


def _is_spaced(tags: str) -> bool:
    """Say whether spaces part the tags, and underscores the words of each: Danbooru's form.

    >>> _is_spaced("1girl red_hair ;d solo"), _is_spaced("red_hair, blue_eyes")
    (True, False)
    """
    if "," in tags or "\t" in tags or not _SPACED.search(tags):
        return False
    words = set(tags.lower().split())  # "long_hair blue eyes" is a sentence
    return words.isdisjoint((*NOUNS, *NEGATIONS, "and", *HAIR, *EYES, "dark", "light", "pale"))


@lru_cache(maxsize=65536)
def _read_tag(tag: str) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """Return the labels that a tag names, and its hair and eye phrases without a known colour."""
    positions: list[int] = []
    unknown: list[str] = []
    phrase: list[str] = []
    for word in words_with_denials(tag):
        if word not in NOUNS:
            phrase.append(word)
            continue
        noun = NOUNS[word]
        colours = [word for word in phrase if word in _VOCABULARY[noun]]
        if colours and QUALIFIERS.issuperset(set(phrase) - set(colours)):
            positions += [_INDEX[f"{colour} {noun}"] for colour in colours]
        else:
            unknown.append(" ".join([*phrase, noun]))
        phrase = []
    if phrase:  # "hair ribbon", "red eyes black dragon": the tag is of another thing
        return (), ()
    return tuple(positions), tuple(unknown)


def _why_skipped(key: str, tags: str) -> str:
    words = shown(" ".join(tags.split()))
    said = f'no known hair or eye colour in "{words}"' if words.strip(" ,;") else "it is blank"
    return said if key else f'no "id," before "{words}"'
