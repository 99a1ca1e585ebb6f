"""Prompts: texts read word by word into labels, with errors that name the nearest word."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np

from animekit.errors import ConfigError, DataError, NotFoundError
from animekit.labels import tags
from animekit.labels.vocabulary import COURSE, Vocabulary
from animekit.labels.words import NEGATIONS, Words, shown, words_of, words_with_denials
from animekit.text import did_you_mean

LONGEST = 100  # letters of a misspelt text that are compared with the known ones

_CODE = "config.prompt"


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
            code=_CODE,
        )
    reading = Reading(vocabulary, where)
    for part in text.split(","):
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


MAX_PROMPTS = 25  # lines of one testing text: as many as the course's 5x5 figure holds
MAX_BYTES = 1_000_000  # a testing text is smaller; what is larger is some other file


class Prompt(NamedTuple):
    """One line of a testing text: id, text, labels and mask, both uint8 [L]."""

    id: str
    text: str
    labels: np.ndarray
    mask: np.ndarray


@dataclass(frozen=True)
class PromptFile:
    """The bytes of a testing text, and what errors call it: a path, or "stdin"."""

    name: str
    data: bytes

    @classmethod
    def read(cls, path: Path | str) -> PromptFile:
        """Read a file; NotFoundError, DataError or ConfigError if it cannot be one."""
        path = Path(path)
        try:
            _check_size(str(path), path.stat().st_size)
            return cls(str(path), path.read_bytes())
        except FileNotFoundError:
            raise NotFoundError(f"no file {path}", "give the path of a text file") from None
        except IsADirectoryError:
            raise DataError(f"{path} is a folder, not a testing text", "give a text file") from None
        except OSError as error:
            raise DataError(f"cannot read {path}: {error.strerror}") from None

    def lines(self, limit: int = MAX_PROMPTS) -> list[tuple[int, str]]:
        """Return the numbers and texts of the lines that are not empty, at most `limit`."""
        _check_size(self.name, len(self.data))
        try:
            text = self.data.decode("utf-8-sig")
        except UnicodeDecodeError:
            raise DataError(
                f"{self.name} is not a text file in UTF-8", "save it as UTF-8"
            ) from None
        if "\0" in text:
            raise DataError(f"{self.name} is not a text file", "give one in UTF-8")
        rows = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        lines = [(number, row.strip()) for number, row in enumerate(rows, start=1) if row.strip()]
        if not lines:
            raise ConfigError(
                f"{self.name} holds no prompt", "lines: 1,blue hair green eyes", code=_CODE
            )
        if len(lines) > limit:
            raise ConfigError(
                f"{self.name} holds {len(lines):,} prompts, more than {limit}",
                f"keep at most {limit} lines",
                code=_CODE,
            )
        return lines


def _check_size(name: str, size: int) -> None:
    if size > MAX_BYTES:
        raise ConfigError(
            f"{name} has {size:,} bytes: no testing text is so large",
            f"give a text of at most {MAX_PROMPTS} lines such as 1,blue hair green eyes",
            code=_CODE,
        )


Prompts = str | Path | PromptFile | Iterable[str]
"""One prompt, several, or a file of them (a Path)."""


def parse_prompts(prompts: Prompts, vocabulary: Vocabulary = COURSE) -> list[Prompt]:
    """Return prompts with their labels, as many as there are.

    Raises ConfigError for what the vocabulary does not know and for none at all; for a file,
    what `read_prompts` raises.
    """
    if isinstance(prompts, (Path, PromptFile)):
        return read_prompts(prompts, vocabulary)
    texts = [prompts] if isinstance(prompts, str) else list(prompts)
    if not texts:
        raise ConfigError("no prompt", "write one such as blue hair", code=_CODE)
    found = []
    for number, text in enumerate(texts, start=1):
        where = "the prompt" if len(texts) == 1 else f"prompt {number}"
        found.append(Prompt(str(number), text.strip(), *parse(text, vocabulary, where)))
    return found


def read_prompts(
    file: Path | str | PromptFile, vocabulary: Vocabulary = COURSE, limit: int = MAX_PROMPTS
) -> list[Prompt]:
    """Read a testing text, whose lines are such as `1,blue hair green eyes`.

    There may be at most `limit` of them. The id may be any word, but not one twice; it may be
    missing: then it is the line's number. Empty lines do not count. Raises NotFoundError if there
    is no such file, DataError if it is no text, and ConfigError for lines that cannot be read, too
    many lines and none.
    """
    file = file if isinstance(file, PromptFile) else PromptFile.read(file)
    prompts: list[Prompt] = []
    first: dict[str, int] = {}  # the line of each id
    for number, line in file.lines(limit):
        where = f"line {number} of {Path(file.name).name}"
        name, text = _split(line, number, vocabulary)
        if name in first:
            raise ConfigError(
                f'{where} has the id "{shown(name)}", which line {first[name]} has already',
                "give each line an id of its own",
                code=_CODE,
            )
        first[name] = number
        prompts.append(Prompt(name, text, *parse(text, vocabulary, where)))
    return prompts


def _split(line: str, number: int, vocabulary: Vocabulary) -> tuple[str, str]:
    """Return the id and the prompt of a line; what names a label is no id."""
    name, comma, text = (part.strip() for part in line.partition(","))
    words = words_of(name)
    if comma and not name.isdecimal():
        known = {words} | {(word,) for word in words}
        is_prompt = bool(known & vocabulary.places.keys())
        is_prompt |= any(word in vocabulary.modifiers for word in words)
        is_prompt |= bool(words) and words[0] in NEGATIONS and len(words) > 1
        comma = "" if is_prompt or name in vocabulary.odd else comma
    return (name, text) if comma and name else (str(number), text if comma else line)
