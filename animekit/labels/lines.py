"""Prompts by the line: one text, several, or a testing text with an id before each."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from animekit.errors import ConfigError, DataError, NotFoundError
from animekit.labels.prompt import CODE, COMMAS, MAX_BYTES, parse
from animekit.labels.vocabulary import COURSE, Vocabulary
from animekit.labels.words import NEGATIONS, shown, words_of

MAX_PROMPTS = 10_000
"""Lines of one testing text; the course's have 5 or 25."""

_ID = re.compile(r"(\d+)\s*[\t:：.)|]\s*(\D.*)|([^\t:：,]+?)\s*[\t:：]\s*(.+)", re.DOTALL)


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
            with path.open("rb") as file:  # a pipe has no size
                return cls(str(path), file.read(MAX_BYTES + 1))
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
                f"{self.name} is not a text file in UTF-8",
                "it is UTF-16: save it as UTF-8"
                if self.data.startswith((b"\xff\xfe", b"\xfe\xff"))
                else "save it as UTF-8",
            ) from None
        if "\0" in text:
            raise DataError(f"{self.name} is not a text file", "give one in UTF-8")
        rows = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        lines = [(number, row.strip()) for number, row in enumerate(rows, start=1) if row.strip()]
        if not lines:
            raise ConfigError(
                f"{self.name} holds no prompt", "lines: 1,blue hair green eyes", code=CODE
            )
        if len(lines) > limit:
            raise ConfigError(
                f"{self.name} holds {len(lines):,} prompts, more than {limit:,}",
                f"give them in parts of at most {limit:,} lines",
                code=CODE,
            )
        return lines


def _check_size(name: str, size: int) -> None:
    if size > MAX_BYTES:
        raise ConfigError(
            f"{name} has {size:,} bytes: no testing text is so large",
            f"give a text of at most {MAX_PROMPTS:,} lines such as 1,blue hair green eyes",
            code=CODE,
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
        raise ConfigError("no prompt", "write one such as blue hair", code=CODE)
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
                code=CODE,
            )
        first[name] = number
        prompts.append(Prompt(name, text, *parse(text, vocabulary, where)))
    return prompts


def _split(line: str, number: int, vocabulary: Vocabulary) -> tuple[str, str]:
    """Return the id and the prompt of a line; what names a label is no id.

    A tab or a colon behind the id is read as the comma that it should be.
    """
    line = line.translate(COMMAS)
    name, comma, text = (part.strip() for part in line.partition(","))
    signed = _ID.fullmatch(line)
    if signed and not name.isdecimal() and words_of(line) not in vocabulary.places:
        first, behind = (each.strip() for each in signed.groups() if each is not None)
        if first.isdecimal() or (_is_prompt(behind, vocabulary) > _is_prompt(first, vocabulary)):
            return first, behind
    if comma and not name.isdecimal() and _is_prompt(name, vocabulary):
        comma = ""
    return (name, text) if comma and name else (str(number), text if comma else line)


def _is_prompt(text: str, vocabulary: Vocabulary) -> bool:
    """Say whether a text is of labels and not an id."""
    words = words_of(text)
    known = {words} | {(word,) for word in words}
    return (
        bool(known & vocabulary.places.keys())
        or any(word in vocabulary.modifiers for word in words)
        or (bool(words) and words[0] in NEGATIONS and len(words) > 1)
        or text in vocabulary.odd
    )
