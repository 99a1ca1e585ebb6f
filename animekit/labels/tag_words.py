"""Words of tags: what a tag of any form says, and how often each is said."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from functools import cached_property
from typing import NamedTuple

from animekit.labels.plan import key_of
from animekit.labels.tags import EYES, HAIR, NAMES, NOUNS, QUALIFIERS, tags_in
from animekit.labels.words import NEGATIONS, Words, words_of


class Said(NamedTuple):
    """What one tag says: all words for it, and those that it is counted as."""

    words: frozenset[str]
    counted: tuple[str, ...]


class TagReader:
    """Reads tags for some words: each tag once, however often it occurs.

    A tag says the word that it is. A tag of several words says also what ends at "hair" or "eyes"
    in it ("blonde long hair and red eyes" says blonde hair, long hair, red eyes), and each known
    word where nothing else is left over; "evil smile" does not say smile.
    """

    def __init__(self, known: Iterable[str] = ()) -> None:
        self.known = {tuple(word.split()): word for word in (*NAMES, *known)}
        self._seen: dict[str, Said] = {}

    @cached_property
    def _longest(self) -> int:
        return max(map(len, self.known))

    def row(self, text: str) -> tuple[frozenset[str], tuple[str, ...]]:
        """Return all that the tags of a picture say, and what is counted, each once."""
        said = [self.tag(tag) for tag in tags_in(text)]
        counted = dict.fromkeys(word for each in said for word in each.counted)
        return frozenset().union(*(each.words for each in said)), tuple(counted)

    def tag(self, tag: str) -> Said:
        """Return what a tag says."""
        if tag not in self._seen:
            self._seen[tag] = self._read(tag)
        return self._seen[tag]

    def _read(self, tag: str) -> Said:
        whole, words = key_of(tag), words_of(tag)
        if not whole or whole.isdigit():  # the number of a picture, not what it shows
            return Said(frozenset(), ())
        if len(words) < 2 or NEGATIONS & set(words):
            return Said(frozenset((whole,)), (whole,))
        found, split = self._phrases(words)
        return Said(frozenset((whole, *found)), tuple(split) if len(split) > 1 else (whole,))

    def _phrases(self, words: Words) -> tuple[list[str], list[str]]:
        """Return what the words of a tag say, and the phrases that they fall into."""
        found: list[str] = []
        split: list[str] = []
        alone: list[str] = []  # known words that stand without a noun
        waiting: list[str] = []
        at = 0
        while at < len(words):
            count = self._match(words, at)
            last = words[at + count - 1] if count else words[at]
            if count and last not in NOUNS:
                alone.append(" ".join(words[at : at + count]))
            elif count or last in NOUNS:
                if count:
                    found.append(" ".join(words[at : at + count]))
                split += self._ended(waiting, NOUNS[last], found[-1:] if count else [], found)
                waiting = []
            else:
                waiting.append(words[at])
            at += max(count, 1)
        if waiting:  # "red eyes black dragon": the tag is of another thing
            return [], []
        return found + alone, split + alone

    def _ended(self, waiting: list[str], noun: str, last: list[str], found: list[str]) -> list[str]:
        """Return the phrases that end at a noun, of words that waited for it."""
        colours = HAIR if noun == "hair" else EYES
        named = {word for word in waiting if word in colours or (word, noun) in self.known}
        if not QUALIFIERS.issuperset(set(waiting) - named):
            return [" ".join([*waiting, *(last or [noun])])]  # "teal hair", "messy long hair"
        each = [f"{word} {noun}" for word in waiting]
        found += each
        if named or any(word in colours for known in last for word in known.split()):
            return [*each, *last]
        return [" ".join([*waiting, *(last or [noun])])] if waiting or last else []

    def _match(self, words: Words, at: int) -> int:
        """Return how many words from here on are a known one, the most."""
        ends = range(min(len(words), at + self._longest), at, -1)
        return next((end - at for end in ends if words[at:end] in self.known), 0)


def count_words(rows: Iterable[str], known: Iterable[str] = ()) -> Counter[str]:
    r"""Count by how many pictures each word is said; one text of tags a picture.

    >>> count_words(["blonde hair:2545\tsmile:9\t", "smile, blonde long hair"]).most_common(2)
    [('blonde hair', 2), ('smile', 2)]
    """
    reader, found = TagReader(known), Counter[str]()
    for text in rows:
        found.update(reader.row(text)[1])
    return found
