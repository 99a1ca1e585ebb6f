"""Vocabulary: the labels of a data set or a model as words, for prompts and captions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, pairwise

import numpy as np

from animekit.labels import tags
from animekit.labels.words import Words, words_of

_COLOURS = frozenset((*tags.HAIR, *tags.EYES))
_COLOURED = frozenset(("hair", "eyes"))


@dataclass(frozen=True)
class Vocabulary:
    """The names of label vectors [L], read from a text and written as one.

    `groups` are the numbers of values of each attribute, in order, as in ImageSpec: a group of one
    is a yes or no ("smile"), a larger one is one of several values ("blue hair").
    """

    labels: tuple[str, ...]
    groups: tuple[int, ...]

    def format(self, labels: Sequence[float] | np.ndarray, mask: np.ndarray | None = None) -> str:
        """Return the text of labels [L], which `prompt.parse` reads back.

        An attribute whose mask is 0 is not named, nor is one of several values of which none is
        set. A yes or no that is 0 is written as a "no" only if there is a mask.

        >>> Vocabulary(("smile", "hat"), (1, 1)).format([0, 1], mask=[1, 1])
        'no smile, hat'
        """
        known = np.ones(len(self.labels)) if mask is None else mask
        on = [bool(value) and bool(seen) for value, seen in zip(labels, known, strict=True)]
        if self._of_course:
            vector = dict(zip(self.labels, on, strict=True))
            return tags.format_labels([vector.get(name, False) for name in tags.NAMES])
        parts = []
        for columns in self.attributes.values():
            for place in range(columns.start, columns.stop):
                if on[place]:
                    parts.append(self.texts[place])
                elif mask is not None and columns.stop - columns.start == 1 and known[place]:
                    odd = self.texts[place] in self.odd
                    parts.append(f"-{self.texts[place]}" if odd else f"no {self.texts[place]}")
        return ", ".join(parts)

    @cached_property
    def attributes(self) -> dict[str, slice]:
        """Columns of each attribute by name: "hair", "eyes", "smile".

        One of several values is called after the last word that its values share, else after the
        commonest one ("hair style"), else "class".
        """
        found: dict[str, slice] = {}
        for part in parts(self.groups):
            name = _name(self.words[part], found) or self.texts[part.start]
            while name in found:
                name += " again"
            found[name] = part
        return found

    @cached_property
    def words(self) -> tuple[Words, ...]:
        """The words of each label, as a text is read: lower case, one spelling."""
        return tuple(words_of(label) for label in self.labels)

    @cached_property
    def texts(self) -> tuple[str, ...]:
        """How each label is written: its words, or itself where it is odd."""
        pairs = zip(self.labels, self.words, strict=True)
        return tuple(label if label in self.odd else " ".join(words) for label, words in pairs)

    @cached_property
    def odd(self) -> dict[str, int]:
        """Places of labels that words do not tell apart: each must stand alone."""
        counts = Counter(self.words)
        pairs = enumerate(zip(self.labels, self.words, strict=True))
        return {label: i for i, (label, words) in pairs if not words or counts[words] > 1}

    @cached_property
    def places(self) -> dict[Words, int]:
        """Place of each label by its words."""
        found: dict[Words, int] = {}
        for place, words in enumerate(self.words):
            if words:
                found.setdefault(words, place)
        return found

    @cached_property
    def modifiers(self) -> dict[str, dict[Words, int]]:
        """Places by the last word of a label and the words before it: ["hair"]["blue",]."""
        found: dict[str, dict[Words, int]] = {}
        for words, place in self.places.items():
            if len(words) > 1:
                found.setdefault(words[-1], {})[words[:-1]] = place
        return found

    def columns_of(self, place: int) -> slice:
        """Return the columns of the attribute that a label belongs to."""
        return next(part for part in self.attributes.values() if part.start <= place < part.stop)

    def rivals(self, place: int) -> tuple[int, ...]:
        """Return the places of labels that are off where this one is on.

        These are the other values of its attribute, and other colours of the same hair or eyes
        that are a yes or no each, as in CelebA.

        >>> celeba = Vocabulary(("Black_Hair", "Bald", "Blond_Hair", "Wavy_Hair"), (1, 1, 1, 1))
        >>> celeba.rivals(0), celeba.rivals(3)
        ((2,), ())
        """
        part = self.columns_of(place)
        others = set(range(part.start, part.stop))
        if len(others) == 1 and self._coloured[place]:
            noun = self._coloured[place]
            others = {other for other, each in enumerate(self._coloured) if each == noun}
        return tuple(sorted(others - {place}))

    def closed(self, labels: np.ndarray, mask: np.ndarray) -> np.ndarray:
        """Return the mask [..., L] with the rivals of labels that are said to be on.

        >>> celeba = Vocabulary(("Black_Hair", "Blond_Hair", "Male"), (1, 1, 1))
        >>> celeba.closed(np.array([0, 1, 0]), np.array([0, 1, 0])).tolist()
        [1, 1, 0]
        """
        found = np.array(mask)
        for place in range(len(self.labels)):
            on = (np.asarray(labels)[..., place] > 0) & (np.asarray(mask)[..., place] > 0)
            for other in self.rivals(place):
                found[..., other] = np.where(on, 1, found[..., other])
        return found

    @cached_property
    def _coloured(self) -> tuple[str, ...]:
        """What each yes or no is a colour of, "hair" or "eyes"; "" for anything else."""
        single = [part.start for part in parts(self.groups) if part.stop - part.start == 1]
        nouns = [""] * len(self.labels)
        for place in single:
            words = self.words[place]
            if len(words) == 2 and words[0] in _COLOURS and words[1] in _COLOURED:
                nouns[place] = words[1]
        return tuple(nouns)

    def about(self, noun: str | None = None) -> str:
        """Return the known labels as a hint, or only those that end in a word.

        >>> Vocabulary(("red hair", "blue hair", "smile"), (2, 1)).about()
        'hair: blue red; yes or no: smile'
        """
        if noun in self.modifiers:
            return f"{noun}: {_listed(self.modifiers[noun])}"
        parts, single = [], []
        for name, columns in self.attributes.items():
            words = self.words[columns]
            if len(words) == 1:
                single.append(self.texts[columns.start])
            elif all(len(each) > 1 and each[-1] == name for each in words):
                parts.append(f"{name}: {_listed([each[:-1] for each in words])}")
            else:
                parts.append(f"{name}: {', '.join(self.texts[columns])}")
        parts += [f"yes or no: {', '.join(single)}"] if single else []
        return "; ".join(parts)

    def is_colour(self, noun: str) -> bool:
        """Say whether all that may stand before a word is colours."""
        return all(" ".join(words) in _COLOURS for words in self.modifiers.get(noun, {}))

    @property
    def _of_course(self) -> bool:
        """Whether these are hair and eye colours, to be written as in the course's texts."""
        return set(self.labels) <= set(tags.NAMES) and min(self.groups, default=0) > 1


COURSE = Vocabulary(tags.NAMES, tags.GROUPS)
"""The 12 hair and 11 eye colours of the course."""


def parts(groups: Iterable[int]) -> Iterator[slice]:
    """Yield the columns of each attribute in a label vector, by its number of values.

    >>> [f"{part.start}:{part.stop}" for part in parts((12, 11, 1))]
    ['0:12', '12:23', '23:24']
    """
    for start, stop in pairwise(accumulate(groups, initial=0)):
        yield slice(start, stop)


def _name(labels: Iterable[Words], taken: Iterable[str]) -> str:
    """Return what an attribute is called, "" for the only one of its kind."""
    labels = list(labels)
    if len(labels) == 1:
        return ""
    last = Counter(words[-1] for words in labels if len(words) > 1)
    if not last:
        return "class"
    begins = {words[:-1] for words in labels}
    if len(begins) == 1 and len(last) > 1:
        return " ".join(begins.pop())  # "class 0", "class 1"
    noun, count = last.most_common(1)[0]
    return noun if count == len(labels) and noun not in taken else f"{noun} style"


def _listed(modifiers: Iterable[Words]) -> str:
    words = sorted(" ".join(each) for each in modifiers)
    return (", " if any(" " in each for each in words) else " ").join(words)
