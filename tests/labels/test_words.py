"""Words: a text cut into words of one spelling, denials among them, and shown in errors."""

from __future__ import annotations

import pytest

from animekit.labels.words import shown, words_of, words_with_denials


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Blue_Hair", ("blue", "hair")),
        ("blond hair and grey-eye", ("blonde", "hair", "gray", "eyes")),
        ('"smile"; (open mouth)!', ("smile", "open", "mouth")),
        ("...", ()),
        ("", ()),
        ("red\t\n hair", ("red", "hair")),
    ],
)
def test_words_are_lower_case_and_of_one_spelling(text: str, words: tuple[str, ...]) -> None:
    assert words_of(text) == words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("-smile", ("no", "smile")),
        ("red -open-mouth", ("red", "no", "open", "mouth")),
        ("long-hair", ("long", "hair")),
        ("-", ()),
        ("--", ()),
    ],
)
def test_a_hyphen_denies_only_in_front_of_a_word(text: str, words: tuple[str, ...]) -> None:
    assert words_with_denials(text) == words


def test_what_is_shown_is_short_and_visible() -> None:
    assert shown("x" * 40) == "x" * 40
    assert shown("x" * 41) == "x" * 37 + "..."
    assert shown("a\x1b[31mb\u200b") == "a?[31mb?"
    assert shown("abcdef", limit=5) == "ab..."
