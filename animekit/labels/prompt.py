"""Prompts: texts read word by word into labels, with errors that name the nearest word."""

from __future__ import annotations

import re
from itertools import pairwise

import numpy as np

from animekit.errors import ConfigError
from animekit.labels import tags
from animekit.labels.vocabulary import COURSE, Vocabulary
from animekit.labels.words import NEGATIONS, Words, shown, words_with_denials
from animekit.text import did_you_mean

CUTOFF = 0.65  # how alike a misspelt word and a known one are: "long" is no "orange"
LONGEST = 100  # letters of a misspelt text that are compared with the known ones

MAX_BYTES = 1_000_000  # of a prompt or a file of them; what is larger is something else

CODE = "config.prompt"
_COLOURS = frozenset((*tags.HAIR, *tags.EYES))
COMMAS = str.maketrans("，、；;", ",,,,")  # commas of other keyboards part as "," does
_SIGNS = "a comma parts an id from its prompt: 1,blue hair"
_SYNONYMS = {
    word: tuple(colours.split())
    for colours, words in {
        "white gray": "silver platinum ash ashen",
        "white": "snow ivory cream",
        "gray": "slate charcoal",
        "blonde yellow": "gold golden yellow blonde flaxen",
        "yellow orange": "amber",
        "orange red": "ginger copper",
        "brown": "brunette chestnut hazel auburn tan chocolate",
        "red": "crimson scarlet ruby maroon burgundy",
        "pink": "rose magenta salmon peach",
        "purple": "violet lavender lilac indigo mauve",
        "blue": "navy azure sapphire cobalt",
        "aqua blue": "cyan turquoise teal aquamarine",
        "green": "emerald lime mint olive",
        "black": "ebony raven dark jet",
    }.items()
    for word in words.split()
}
"""Colours that a word of other vocabularies may mean."""


def parse(
    text: str, vocabulary: Vocabulary = COURSE, where: str = "the prompt"
) -> tuple[np.ndarray, np.ndarray]:
    """Return (labels, mask), both uint8 [L], of a text such as "blue hair, no smile".

    The order is free, and any attribute may be left out: the mask is 1 on all values of those
    that are named. Spaces, underscores and hyphens are alike, and so are upper and lower case.
    Several words may share the last one of a name ("red long hair"). "no", "not", "without"
    and a hyphen in front deny a yes or no. Raises ConfigError with the nearest word; `where`
    names the text in it.

    >>> COURSE.format(*parse("Green eyes, blue hair"))
    'blue hair green eyes'
    >>> parse("-smile, wavy hair", Vocabulary(("smile", "Wavy_Hair"), (1, 1)))[0].tolist()
    [0, 1]
    """
    if not vocabulary.labels:
        raise ConfigError(
            "the model has no labels, so it takes no prompt",
            "name a model that was trained on labelled images",
            code=CODE,
        )
    if len(text) > MAX_BYTES:
        raise ConfigError(
            f"{where} has {len(text):,} letters: no prompt is so long", "blue hair", code=CODE
        )
    reading = Reading(vocabulary, where)
    for part in text.translate(COMMAS).split(","):
        reading.read(part)
    return reading.end()


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
        words = words_with_denials(part)
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
        longest = max(map(len, known))
        at = 0
        while at < len(words):
            ends = range(min(len(words), at + longest), at, -1)
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
                code=CODE,
            )
        if columns.stop - columns.start == 1 and self.mask[place] and self.labels[place] == denied:
            raise self._error(f'{self.where} says "{name}" and no "{name}"')
        self.labels[place] = not denied
        self.mask[columns] = 1

    def _unknown(self, word: str, noun: str) -> ConfigError:
        """Return the error for a word that no label has before its last one."""
        if f"{word} {noun}" in tags.NAMES:
            return self._not_in_model(f"{word} {noun}", noun)
        near = self._near(word, noun)
        if self.vocabulary.is_colour(noun) and (near or word in _COLOURS):
            what = f'unknown {noun.removesuffix("s")} colour "{shown(word)}"'
            return self._error(f"{what} in {self.where}. {near}".rstrip(), noun)
        what = f'unknown word "{shown(word)}" before "{noun}" in {self.where}.'
        return self._error(f"{what} {near}".rstrip(), noun if near else None, word)

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
        near = did_you_mean(" ".join(words)[:LONGEST], self.vocabulary.texts, CUTOFF)
        word = strange[0] if strange else words[-1]
        near = near or self._near(word)
        what = f'unknown word "{shown(word)}" in {self.where}. {near}'.rstrip()
        return self._error(what, None, word)

    def _near(self, word: str, noun: str | None = None) -> str:
        """Return a did-you-mean for a word: what it means elsewhere, or how it may be spelt."""
        known = self.vocabulary.modifiers
        means = [
            f'"{colour}"' if noun else f'"{colour} {each}"'
            for each in ([noun] if noun in known else known)
            for colour in _SYNONYMS.get(word, ())
            if (colour,) in known[each]
        ]
        if means:
            return f" Did you mean {' or '.join(means[:4])}?"
        return did_you_mean(word[:LONGEST], self._candidates(noun), CUTOFF)

    def _not_in_model(self, name: str, noun: str | None = None) -> ConfigError:
        return self._error(f'the model does not know "{name}", which {self.where} asks for', noun)

    def _candidates(self, noun: str | None = None) -> list[str]:
        """Return what a misspelt word may have been: words before a noun, or any."""
        known = self.vocabulary.modifiers
        before = [known[noun]] if noun in known else list(known.values())
        words = [" ".join(each) for modifiers in before for each in modifiers]
        return [*words, *known, *([] if noun in known else self.vocabulary.texts)]

    def _error(self, message: str, noun: str | None = None, word: str = "") -> ConfigError:
        """Return an error whose hint is the words that there are, and how ids are written."""
        signs = f"; {_SIGNS}" if re.match(r"\d|.*[:：|]", word[:LONGEST]) else ""
        return ConfigError(message, self.vocabulary.about(noun) + signs, code=CODE)
