"""Reading: a prompt read word by word into labels, with errors that name the nearest word."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from animekit import tags
from animekit.errors import ConfigError
from animekit.plugins import did_you_mean

if TYPE_CHECKING:
    from animekit.vocabulary import Vocabulary

NEGATIONS = frozenset(("no", "not", "without"))
LONGEST = 100
"""Letters of a misspelt text that are compared with the known ones."""
Words = tuple[str, ...]

_CODE = "config.prompt"
_EDGES = "\"'.;:!?()"  # what may stand around a word and says nothing


class Reading:
    """What has been read of one prompt: labels, mask, and words that wait.

    A word that is no label by itself ("red") waits for the last word of one ("hair").
    """

    def __init__(self, vocabulary: Vocabulary, where: str) -> None:
        self.vocabulary = vocabulary
        self.where = where
        self.labels, self.mask = np.zeros((2, len(vocabulary.labels)), np.uint8)
        self._longest = max((len(words) for words in vocabulary.places), default=0)
        self._waiting: list[tuple[str, bool]] = []  # a word, and whether it is denied
        self._denied = False

    def read(self, part: str) -> None:
        """Read what stands between two commas; a label lies in one part."""
        plain = part.strip()
        for text, denied in ((plain, False), (plain.removeprefix("-"), True)):
            if text in self.vocabulary.odd and not self._waiting:
                self._set(self.vocabulary.odd[text], denied=denied)
                return
        words = _words_with_denials(part)
        at = 0
        while at < len(words):
            count = self._match(words, at)
            word = words[at]
            if count:
                self._close(words[at + count - 1])
                self._set(self.vocabulary.places[words[at : at + count]], denied=self._taken())
            elif word in NEGATIONS:
                self._denied = not self._denied
            elif word in self.vocabulary.modifiers:
                self._end_of_name(word)
            else:
                self._waiting.append((word, self._taken()))
            at += max(count, 1)

    def end(self) -> tuple[np.ndarray, np.ndarray]:
        """Return (labels, mask), both uint8 [L].

        Raises ConfigError where words are left over, or nothing was read.
        """
        if self._waiting:
            raise self._left_over()
        if self._denied:
            raise self._error(f'{self.where} says "no" without a label behind it')
        if not self.mask.any():
            raise self._error(f"{self.where} is empty")
        return self.labels, self.mask

    def _match(self, words: Words, at: int) -> int:
        """Return how many words the longest label has that begins here; 0 without one."""
        for count in range(min(self._longest, len(words) - at), 0, -1):
            if words[at : at + count] in self.vocabulary.places:
                return count
        return 0

    def _taken(self) -> bool:
        """Return whether the next word is denied, and forget it."""
        denied, self._denied = self._denied, False
        return denied

    def _end_of_name(self, noun: str) -> None:
        """Read the last word of a label: the words that wait say which one it is."""
        if self._waiting:
            self._close(noun)
            return
        names = [f"{' '.join(each)} {noun}" for each in self.vocabulary.modifiers[noun]]
        near = f'. Did you mean "{names[0]}"?' if len(names) == 1 else ""
        kind = "colour" if self.vocabulary.is_colour(noun) else "word"
        raise self._error(f'no {kind} before "{noun}" in {self.where}{near}', noun)

    def _close(self, noun: str) -> None:
        """Set the labels of the words that wait, which end in a noun."""
        if not self._waiting:
            return
        known = self.vocabulary.modifiers.get(noun)
        if known is None:
            raise self._left_over()
        words = tuple(word for word, _ in self._waiting)
        at = 0
        while at < len(words):
            ends = range(len(words), at, -1)
            end = next((end for end in ends if words[at:end] in known), None)
            if end is None:
                raise self._unknown(words[at], noun)
            self._set(known[words[at:end]], denied=self._waiting[at][1])
            at = end
        self._waiting = []

    def _set(self, place: int, *, denied: bool) -> None:
        columns = self.vocabulary.columns_of(place)
        name = self.vocabulary.texts[place]
        if denied and columns.stop - columns.start > 1:
            values = ", ".join(self.vocabulary.texts[columns])
            raise ConfigError(
                f'{self.where} says no "{name}", which is one of several values',
                f"say which one it is: {values}",
                code=_CODE,
            )
        if columns.stop - columns.start == 1 and self.mask[place] and self.labels[place] == denied:
            raise self._error(f'{self.where} says "{name}" and no "{name}"')
        self.labels[place] = not denied
        self.mask[columns] = 1

    def _unknown(self, word: str, noun: str) -> ConfigError:
        """Return the error for a word that no label has before its last one."""
        if f"{word} {noun}" in tags.NAMES:
            return self._not_in_model(f"{word} {noun}", noun)
        near = did_you_mean(word[:LONGEST], self._candidates(noun))
        if self.vocabulary.is_colour(noun):
            what = f'unknown {noun.removesuffix("s")} colour "{shown(word)}"'
        else:
            what = f'unknown word "{shown(word)}" before "{noun}"'
        return self._error(f"{what} in {self.where}. {near}".rstrip(), noun)

    def _left_over(self) -> ConfigError:
        """Return the error for words that no label ends."""
        words = [word for word, _ in self._waiting]
        for pair in pairwise(words):
            if " ".join(pair) in tags.NAMES:
                return self._not_in_model(" ".join(pair))
        known = self.vocabulary.modifiers
        nouns = [noun for noun in known if (words[-1],) in known[noun]]
        strange = [word for word in words if not any((word,) in known[noun] for noun in known)]
        if nouns and not strange:
            behind = " or ".join(f'"{noun}"' for noun in nouns)
            return self._error(f'{self.where} says "{words[-1]}" without {behind} behind it')
        near = did_you_mean(" ".join(words)[:LONGEST], self.vocabulary.texts)
        word = strange[0] if strange else words[-1]
        near = near or did_you_mean(word[:LONGEST], self._candidates())
        return self._error(f'unknown word "{shown(word)}" in {self.where}. {near}'.rstrip())

    def _not_in_model(self, name: str, noun: str | None = None) -> ConfigError:
        return self._error(f'the model does not know "{name}", which {self.where} asks for', noun)

    def _candidates(self, noun: str | None = None) -> list[str]:
        """Return what a misspelt word may have been: words before a noun, or any."""
        known = self.vocabulary.modifiers
        before = [known[noun]] if noun in known else list(known.values())
        words = [" ".join(each) for modifiers in before for each in modifiers]
        return [*words, *known, *([] if noun in known else self.vocabulary.texts)]

    def _error(self, message: str, noun: str | None = None) -> ConfigError:
        return ConfigError(message, self.vocabulary.about(noun), code=_CODE)


def words_of(text: str) -> Words:
    """Return the words of a label or a text, in lower case and in one spelling.

    >>> words_of("Grey-eye"), words_of("5_o_Clock_Shadow")
    (('gray', 'eyes'), ('5', 'o', 'clock', 'shadow'))
    """
    parts = (part.strip(_EDGES) for part in text.replace("_", " ").replace("-", " ").split())
    return tags.words_of(" ".join(parts))


def shown(text: str, limit: int = 40) -> str:
    """Return a text as it may stand in an error: short, and all of it visible.

    >>> shown("a" * 50), shown("tab\\tand\\x07bell")
    ('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa...', 'tab?and?bell')
    """
    plain = "".join(letter if letter.isprintable() else "?" for letter in text[: limit + 1])
    return plain if len(plain) <= limit else plain[: limit - 3] + "..."


def _words_with_denials(part: str) -> Words:
    """Return the words of a part; a hyphen in front of a word is the word "no".

    >>> _words_with_denials("-smile open-mouth")
    ('no', 'smile', 'open', 'mouth')
    """
    found: list[str] = []
    for piece in part.split():
        found += ["no"] if piece.startswith("-") and piece.strip("-") else []
        found += words_of(piece)
    return tuple(found)
