"""Label plan: which words of a data set are learned, and which of them exclude each other."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from animekit.errors import ConfigError
from animekit.labels.tags import HAIR, NAMES
from animekit.labels.vocabulary import Vocabulary, parts
from animekit.labels.words import shown, words_of

MOST = 500  # words of one plan
COLOURS = {"hair": slice(0, len(HAIR)), "eyes": slice(len(HAIR), len(NAMES))}
"""Words that stand for all colours, by their place in `tags.NAMES`."""
_HINT = 'write words, "|" between those that exclude each other: "hair,eyes,long hair|short hair"'


class Vectors(NamedTuple):
    """Labels and mask uint8 [N, L], and the names and groups of their columns."""

    names: tuple[str, ...]
    groups: tuple[int, ...]
    labels: np.ndarray
    mask: np.ndarray


@dataclass(frozen=True)
class LabelPlan:
    """What is to be learned: attributes, groups of exclusive words, and yes or no.

    `asked` holds one tuple for each: a word alone is an attribute of the data ("hair"), or else a
    yes or no ("smile"); of several ("long hair", "short hair") an image has one.
    """

    asked: tuple[tuple[str, ...], ...]

    @classmethod
    def parse(cls, text: str) -> LabelPlan:
        """Read a text such as "hair,eyes,long hair|short hair,smile".

        Hair and eyes come first. Raises ConfigError for nothing between two signs, and for a word
        that is there twice.

        >>> LabelPlan.parse("Smile, eye, long_hair|short_hair").asked
        (('eyes',), ('smile',), ('long hair', 'short hair'))
        """
        asked = [tuple(key_of(word) for word in each.split("|")) for each in text.split(",")]
        flat = [word for each in asked for word in each]
        if not all(flat):
            raise ConfigError(f'"{shown(text)}" has an empty place among its labels', _HINT)
        if len(flat) > MOST:
            raise ConfigError(f"{len(flat):,} labels are more than {MOST}", _HINT)
        named = [*flat, *(NAMES[i] for w in COLOURS if (w,) in asked for i in _places(w))]
        twice = next((word for word in named if named.count(word) > 1), None)
        if twice is not None:
            within = "" if flat.count(twice) > 1 else f": {twice.split()[-1]} holds it already"
            raise ConfigError(f'label "{shown(twice)}" is named twice{within}', "name it once")
        return cls(tuple(sorted(asked, key=lambda each: each not in (("hair",), ("eyes",)))))

    @property
    def words(self) -> tuple[str, ...]:
        """Return all words that are asked for, one behind the other."""
        return tuple(word for each in self.asked for word in each)

    def __str__(self) -> str:
        return ",".join("|".join(each) for each in self.asked)

    def arranged(self, given: Vectors) -> Vectors:
        """Return labels with the columns of this plan, made from those that there are.

        A word that no column has is not known of any image. Of words that exclude each other, an
        image of which none is known, or several are, counts as unknown.
        """
        known = Vocabulary(given.names, given.groups)
        places = {key_of(text): place for place, text in enumerate(known.labels)}
        whole = {key_of(name): part for name, part in known.attributes.items()}
        names: list[str] = []
        groups: list[int] = []
        columns: list[tuple[np.ndarray, np.ndarray]] = []
        for each in self.asked:
            part = whole.get(each[0]) if len(each) == 1 else None
            if part is not None:
                columns.append((given.labels[:, part], given.mask[:, part]))
                names += known.labels[part]
                groups.append(part.stop - part.start)
                continue
            found = [_column(given, places.get(word)) for word in each]
            labels, mask = (np.stack(both, 1) for both in zip(*found, strict=True))
            columns.append(exclusive(labels, mask) if len(each) > 1 else (labels, mask))
            names += each
            groups.append(len(each))
        nothing = np.zeros((len(given.labels), 0), np.uint8)
        labels = np.concatenate([nothing, *(column[0] for column in columns)], 1)
        mask = np.concatenate([nothing, *(column[1] for column in columns)], 1)
        return Vectors(tuple(names), tuple(groups), labels, mask)

    def absent(self, counts: Sequence[int], groups: Sequence[int]) -> list[str]:
        """Return what no image has: words, and attributes that are asked for as a whole.

        `counts` [L] say how many images have each label.
        """
        found: list[str] = []
        for each, part in zip(self.asked, parts(groups), strict=True):
            if len(each) == 1:
                found += [] if any(counts[part]) else each
            else:
                found += [word for word, n in zip(each, counts[part], strict=True) if not n]
        return found

    def clashes(self, given: Vectors) -> dict[str, int]:
        """Return of how many images several words of a group are said, where any is."""
        places = {key_of(text): place for place, text in enumerate(given.names)}
        found: dict[str, int] = {}
        for each in self.asked:
            columns = [places[word] for word in each if word in places]
            count = int((given.labels[:, columns].sum(1) > 1).sum()) if len(each) > 1 else 0
            found |= {"|".join(each): count} if count else {}
        return found


def key_of(word: str) -> str:
    """Return how a word is compared: in one spelling, or as it is if signs matter.

    >>> key_of("Long_Hair"), key_of("blond hair:25457"), key_of(" :d "), key_of("red eye")
    ('long hair', 'blonde hair:25457', ':d', 'red eyes')
    """
    word = word.strip().lower()
    plain = word.replace("_", " ").replace("-", " ").replace(" ", "")
    return " ".join(words_of(word)) if plain.isalnum() or len(word) > 8 else word


def exclusive(labels: np.ndarray, mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return labels and mask [N, K] of exclusive words: one is on, or none is known.

    >>> ones = np.ones((3, 2), np.uint8)
    >>> exclusive(np.array([[1, 0], [1, 1], [0, 0]], np.uint8), ones)[1].tolist()
    [[1, 1], [0, 0], [0, 0]]
    """
    one = ((labels * mask).sum(1, keepdims=True) == 1).astype(np.uint8)
    return labels * mask * one, np.repeat(one, labels.shape[1], 1)


def joined(vectors: Iterable[Vectors]) -> Vectors:
    """Return the columns of several vectors of the same images beside each other."""
    each = list(vectors)
    return Vectors(
        tuple(name for one in each for name in one.names),
        tuple(width for one in each for width in one.groups),
        np.concatenate([one.labels for one in each], 1),
        np.concatenate([one.mask for one in each], 1),
    )


def _column(given: Vectors, place: int | None) -> tuple[np.ndarray, np.ndarray]:
    if place is None:
        nothing = np.zeros(len(given.labels), np.uint8)
        return nothing, nothing
    return given.labels[:, place], given.mask[:, place]


def _places(noun: str) -> range:
    return range(*COLOURS[noun].indices(len(NAMES)))
