"""Words of a prompt: cut, denied and shown."""

from __future__ import annotations

NEGATIONS = frozenset(("no", "not", "without"))


Words = tuple[str, ...]


_SPELLINGS = {"grey": "gray", "blond": "blonde", "eye": "eyes"}
_EDGES = "\"'.;:!?()"  # what may stand around a word and says nothing


def words_of(text: str) -> Words:
    """Return the words of a text in lower case and one spelling, without "and".

    >>> words_of("Grey-eye"), words_of("Blond hair and 5_o_Clock_Shadow")
    (('gray', 'eyes'), ('blonde', 'hair', '5', 'o', 'clock', 'shadow'))
    """
    parts = (part.strip(_EDGES) for part in text.replace("_", " ").replace("-", " ").split())
    words = " ".join(parts).lower().split()
    return tuple(_SPELLINGS.get(word, word) for word in words if word != "and")


def shown(text: str, limit: int = 40) -> str:
    """Return a text as it may stand in an error: short, and all of it visible.

    >>> shown("a" * 50), shown("tab\\tand\\x07bell")
    ('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa...', 'tab?and?bell')
    """
    plain = "".join(letter if letter.isprintable() else "?" for letter in text[: limit + 1])
    return plain if len(plain) <= limit else plain[: limit - 3] + "..."


def words_with_denials(part: str) -> Words:
    """Return the words of a part; a hyphen in front of a word is the word "no".

    >>> words_with_denials("-smile open-mouth")
    ('no', 'smile', 'open', 'mouth')
    """
    found: list[str] = []
    for piece in part.split():
        found += ["no"] if piece.startswith("-") and piece.strip("-") else []
        found += words_of(piece)
    return tuple(found)
