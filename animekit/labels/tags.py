"""Hair and eye colours: tag files read into label vectors, and vectors written as text."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from animekit.errors import AnimekitError, DataError, NotFoundError

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
GROUPS = (len(HAIR), len(EYES))
NAMES = tuple(f"{colour} hair" for colour in HAIR) + tuple(f"{colour} eyes" for colour in EYES)

_INDEX = {name: i for i, name in enumerate(NAMES)}
_VOCABULARY = {"hair": HAIR, "eyes": EYES}
_NOUNS = {"hair": "hair", "eyes": "eyes", "eye": "eyes"}
_SPELLINGS = {"grey": "gray", "blond": "blonde", "eye": "eyes"}
# Words that stand beside a colour in real tags without changing what the colour is.
_QUALIFIERS = frozenset(
    ("long", "short", "medium", "very", "bicolored", "multicolored", "damage", "pubic")
)
_COUNT = re.compile(r":\d+$")
_ONE_HOT = re.compile(r"[01]" + r",[01]" * (len(NAMES) - 1))


class SkippedRow(NamedTuple):
    """A row of a tag file that gives no label: its number, counted from 1, and why."""

    row: int
    reason: str


@dataclass(frozen=True)
class Tags:
    """Hair and eye labels by image id, as a table of 23 columns of 0 and 1.

    `ignored` counts the hair and eye tags that name no known colour ("long hair", "teal hair").
    """

    frame: pd.DataFrame
    skipped: list[SkippedRow] = field(default_factory=list)
    ignored: Counter[str] = field(default_factory=Counter)

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

    def labels(self, name: str) -> tuple[np.ndarray, np.ndarray] | None:
        """Return (labels, mask), both uint8 [23], of an image; None if it has no tags.

        The image is found by its name as given, then by its file name, then without the extension.
        The mask is 1 on all hair entries if a hair colour is known, and the same for the eyes.
        """
        key = find_row(name, self.frame.index)
        if key is None:
            return None
        labels = self.frame.loc[key].to_numpy(dtype=np.uint8, copy=True)
        return labels, known(labels)

    def counts(self) -> dict[str, int]:
        """Return how many images have each label."""
        return {str(name): int(count) for name, count in self.frame.sum().items()}


def find_row(name: str, ids: Container[str]) -> str | None:
    """Return the id of an image: its name, its file name, or its stem."""
    path = PurePath(name)
    return next((key for key in (name, path.name, path.stem) if key in ids), None)


def has_colour(text: str) -> bool:
    r"""Say whether a text is tags of which one is a known hair or eye colour.

    >>> has_colour("touhou:17705\tblonde hair:25457"), has_colour("blonde"), has_colour("hair bow")
    (True, False, False)
    """
    return bool(_labels_of(text, Counter()).any())


def known(labels: np.ndarray) -> np.ndarray:
    """Return the mask uint8 [23]: 1 on each attribute that has any colour set.

    >>> known(np.eye(23)[0]).tolist() == [1] * 12 + [0] * 11
    True
    """
    hair, eyes = np.split(np.asarray(labels), [len(HAIR)])
    return np.repeat([hair.any(), eyes.any()], GROUPS).astype(np.uint8)


def read_tags(path: Path | str) -> Tags:
    r"""Read a tag file of any of the four forms that go round.

    `0,touhou:17705\tblonde hair:25457\t` (tags with counts, between tabs or commas);
    `0,aqua hair aqua eyes`; rows of 0 and 1 (id, 11 eye colours, 12 hair colours); and one Python
    dict `{0: 'blonde long hair and red eyes'}`. Rows without a known hair or eye colour, and later
    rows of an id that is already there, are skipped and listed. Raises NotFoundError if there is no
    such file and DataError if no row gives a label.
    """
    import pandas as pd

    path = Path(path)
    rows: dict[str, np.ndarray] = {}
    first: dict[str, int] = {}
    skipped: list[SkippedRow] = []
    ignored: Counter[str] = Counter()
    for number, key, tags in _rows(path, read_text(path)):
        if key in first:
            skipped.append(SkippedRow(number, f'id "{key}" was already given in row {first[key]}'))
            continue
        labels = _labels_of(tags, ignored)
        if not key or not labels.any():
            skipped.append(SkippedRow(number, _why_skipped(key, tags)))
            continue
        rows[key], first[key] = labels, number
    if not rows:
        seen = f"row {skipped[0].row}: {skipped[0].reason}" if skipped else "the file is empty"
        raise DataError(f"no hair or eye colours in {path}: {seen}", "rows: 0,aqua hair red eyes")
    frame = pd.DataFrame(np.stack(list(rows.values())), index=list(rows), columns=list(NAMES))
    return Tags(frame, skipped, ignored)


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


def words_of(text: str) -> tuple[str, ...]:
    """Return the words of a tag in lower case and in one spelling, without "and".

    >>> words_of("Blond hair and grey eye")
    ('blonde', 'hair', 'gray', 'eyes')
    """
    return tuple(_SPELLINGS.get(word, word) for word in text.lower().split() if word != "and")


def read_text(path: Path) -> str:
    """Return the text of a file in UTF-8; NotFoundError or DataError else."""
    try:
        return path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        raise NotFoundError(f"no file {path}", "give the path of a text file") from None
    except UnicodeDecodeError:
        raise DataError(f"{path} is not a text file in UTF-8", "save it as UTF-8") from None
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}") from None


def _rows(path: Path, text: str) -> Iterator[tuple[int, str, str]]:
    """Yield (row number, id, tags) of each row that is not empty; an id "" is a broken row."""
    if text.lstrip().startswith("{"):
        for number, (key, tags) in enumerate(_read_dict(path, text).items(), start=1):
            yield number, str(key), str(tags)
        return
    for number, line in enumerate(re.split(r"\r\n|\n|\r", text), start=1):
        if line.strip():
            key, comma, tags = line.partition(",")
            yield (number, key.strip().strip('"'), tags) if comma else (number, "", line)


def _read_dict(path: Path, text: str) -> dict[object, object]:
    problem: AnimekitError = DataError(
        f"{path} starts like a Python dict but is not one", "{0: 'blonde hair and red eyes'}"
    )
    try:
        value = ast.literal_eval(text.strip())
    except (SyntaxError, ValueError, TypeError, RecursionError, MemoryError):
        raise problem from None
    if not isinstance(value, dict):
        raise problem
    return value


def _labels_of(tags: str, ignored: Counter[str]) -> np.ndarray:
    labels = np.zeros(len(NAMES), np.uint8)
    tags = tags.strip().strip('"')
    if _ONE_HOT.fullmatch(tags):
        columns = np.array(tags.split(","), dtype=np.uint8)
        return np.roll(columns, len(HAIR))  # the file has the eye columns first
    for tag in re.split(r"\t" if "\t" in tags else ",", tags):
        positions, unknown = _read_tag(_COUNT.sub("", tag.strip(' "')))
        labels[list(positions)] = 1
        ignored.update(unknown)
    return labels


@lru_cache(maxsize=65536)
def _read_tag(tag: str) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """Return the labels that a tag names, and its hair and eye phrases without a known colour."""
    positions: list[int] = []
    unknown: list[str] = []
    phrase: list[str] = []
    for word in words_of(tag):
        if word not in _NOUNS:
            phrase.append(word)
            continue
        noun = _NOUNS[word]
        colours = [word for word in phrase if word in _VOCABULARY[noun]]
        if colours and _QUALIFIERS.issuperset(set(phrase) - set(colours)):
            positions += [_INDEX[f"{colour} {noun}"] for colour in colours]
        else:
            unknown.append(" ".join([*phrase, noun]))
        phrase = []
    if phrase:  # "hair ribbon", "red eyes black dragon": the tag is of another thing
        return (), ()
    return tuple(positions), tuple(unknown)


def _why_skipped(key: str, tags: str) -> str:
    shown = tags.strip()
    shown = shown if len(shown) <= 40 else shown[:37] + "..."
    if not key:
        return f'no "id," before "{shown}"'
    return f'no known hair or eye colour in "{shown}"'
