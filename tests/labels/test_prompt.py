"""Prompts: texts read into labels, and testing texts read from files."""

from __future__ import annotations

import contextlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from animekit.errors import ConfigError
from animekit.labels.prompt import MAX_BYTES, parse
from animekit.labels.tags import EYES, HAIR, NAMES, format_labels
from animekit.labels.vocabulary import COURSE, Vocabulary
from tests.labels.faces import FACE, said

SEEN = Vocabulary(tuple(name for name in NAMES if name != "gray eyes"), (12, 10))


def write(path: Path, text: str | bytes) -> Path:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


# the course's colours

colours = st.tuples(
    st.lists(st.sampled_from(HAIR), unique=True), st.lists(st.sampled_from(EYES), unique=True)
).filter(any)


@given(colours, st.booleans(), st.booleans())
def test_prompts_round_trip_in_any_order_and_case(
    chosen: tuple[list[str], list[str]], eyes_first: bool, upper: bool
) -> None:
    hair, eyes = chosen
    phrases = [" ".join([*hair, "hair"])] * bool(hair) + [" ".join([*eyes, "eyes"])] * bool(eyes)
    text = " ".join(reversed(phrases) if eyes_first else phrases)
    labels, mask = parse(text.upper() if upper else text)
    names = {f"{colour} hair" for colour in hair} | {f"{colour} eyes" for colour in eyes}
    assert {name for name, on in zip(NAMES, labels, strict=True) if on} == names
    assert mask.tolist() == [bool(hair)] * 12 + [bool(eyes)] * 11
    assert COURSE.format(labels, mask) == format_labels(labels)
    again = parse(COURSE.format(labels, mask))
    assert np.array_equal(again, [labels, mask])


@pytest.mark.parametrize(
    "text",
    [
        "blonde hair gray eyes",
        "grey eyes, blond hair",
        "Blond hair and GREY eye",
        "blonde_hair gray-eyes",
        '"blonde hair; gray eyes."',
    ],
)
def test_spellings_signs_and_order_change_nothing(text: str) -> None:
    assert COURSE.format(parse(text)[0]) == "blonde hair gray eyes"


@given(st.text())
def test_any_text_is_a_prompt_or_a_config_error(text: str) -> None:
    with contextlib.suppress(ConfigError):
        assert parse(text)[0].any()
    with contextlib.suppress(ConfigError):
        assert parse(text, FACE)[1].any()


@pytest.mark.parametrize(
    ("text", "says", "hint"),
    [
        (
            "red hair blu eyes",
            'unknown eye colour "blu" in prompt 2.  Did you mean "blue"?',
            "eyes: aqua black blue brown gray green orange pink purple red yellow",
        ),
        (
            "blnde hair",
            'unknown hair colour "blnde" in prompt 2.  Did you mean "blonde"?',
            "hair: aqua black blonde blue brown gray green orange pink purple red white",
        ),
        (
            "blue hiar red eyes",
            'unknown eye colour "hiar" in prompt 2.  Did you mean "hair"?',
            "eyes:",
        ),
        ("white eyes", 'unknown eye colour "white" in prompt 2.', "eyes:"),
        ("long hair smile", 'unknown word "long" before "hair" in prompt 2.', "hair: aqua black"),
        (
            "silver hair",
            'unknown hair colour "silver" in prompt 2.  Did you mean "white" or "gray"?',
            "hair:",
        ),
        (
            "silver eyes",
            'unknown eye colour "silver" in prompt 2.  Did you mean "gray"?',
            "eyes:",
        ),
        (
            "golden",
            'unknown word "golden" in prompt 2.  Did you mean "blonde hair" or "yellow eyes"?',
            "hair:",
        ),
        ("hair", 'no colour before "hair" in prompt 2', "hair: aqua"),
        ("blue hair red", 'prompt 2 says "red" without "hair" or "eyes" behind it', "hair: aqua"),
        ("  ", "prompt 2 is empty", "hair: aqua"),
        (",,", "prompt 2 is empty", "hair: aqua"),
        ("letters", 'unknown word "letters" in prompt 2.', "hair: aqua"),
        (
            "no red hair",
            'prompt 2 says no "red hair", which is one of several values',
            "say which one it is: orange hair, white hair",
        ),
    ],
)
def test_prompt_errors_name_the_word_and_list_the_colours(text: str, says: str, hint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(text, COURSE, "prompt 2")
    assert caught.value.message == says
    assert str(caught.value.hint).startswith(hint)
    assert caught.value.code == "config.prompt"


def test_a_word_that_is_like_no_other_says_all_words_that_there_are() -> None:
    with pytest.raises(ConfigError) as caught:
        parse("long hair smile")
    assert "eyes: aqua" in str(caught.value.hint)
    assert "Did you mean" not in caught.value.message


def test_a_number_in_front_is_told_that_a_comma_parts_it() -> None:
    for text in ("1 blue hair", "1:blue hair"):
        with pytest.raises(ConfigError) as caught:
            parse(text, FACE)
        assert "a comma parts an id from its prompt: 1,blue hair" in str(caught.value.hint)


def test_commas_of_other_keyboards_part_a_prompt() -> None:
    for sign in "，、；;":
        assert COURSE.format(parse(f"blue hair{sign}red eyes")[0]) == "blue hair red eyes"


def test_a_prompt_has_a_size_and_many_words_take_no_time() -> None:
    with pytest.raises(ConfigError, match="no prompt is so long"):
        parse("red " * MAX_BYTES)
    with pytest.raises(ConfigError, match='unknown word "a" before "hair"'):
        parse("a " * 100_000 + "hair")


def test_a_colour_that_a_model_never_saw_is_said_to_be_unknown_to_it() -> None:
    assert said("blue eyes gray hair", SEEN) == ({"gray hair", "blue eyes"}, {"hair", "eyes"})
    with pytest.raises(ConfigError) as caught:
        parse("red hair grey eyes", SEEN)
    assert caught.value.message == 'the model does not know "gray eyes", which the prompt asks for'
    assert caught.value.hint == "eyes: aqua black blue brown green orange pink purple red yellow"
    hair = Vocabulary(NAMES[:12], (12,))
    with pytest.raises(ConfigError, match='does not know "blue eyes"'):
        parse("red hair blue eyes", hair)


# any labels


@pytest.mark.parametrize(
    ("text", "labels", "known"),
    [
        ("long hair", {"long hair"}, {"hair style"}),
        ("very long blue hair", {"very long hair", "blue hair"}, {"hair style", "hair"}),
        ("blue very long hair", {"very long hair", "blue hair"}, {"hair style", "hair"}),
        ("red, blue hair", {"red hair", "blue hair"}, {"hair"}),
        ("smile, open mouth", {"Smile", "open_mouth"}, {"smile", "open mouth"}),
        ("SMILE open-mouth", {"Smile", "open_mouth"}, {"smile", "open mouth"}),
        ("no smile", set(), {"smile"}),
        ("-smile -open_mouth", set(), {"smile", "open mouth"}),
        ("not open mouth and smile", {"Smile"}, {"smile", "open mouth"}),
        ("without smile", set(), {"smile"}),
        ("no beard", {"No_Beard"}, {"no beard"}),
        ("no no beard", set(), {"no beard"}),
        ("black hair, blue hair", {"Black_Hair", "blue hair"}, {"black hair", "hair"}),
        ("no black hair", set(), {"black hair"}),
        ("5 o clock shadow", {"5_o_Clock_Shadow"}, {"5 o clock shadow"}),
        ("twintails blond hair", {"twintails", "blonde hair"}, {"hair style", "hair"}),
    ],
)
def test_attributes_are_read_by_their_names(text: str, labels: set[str], known: set[str]) -> None:
    assert said(text) == (labels, known)


@pytest.mark.parametrize(
    ("text", "says", "hint"),
    [
        ("smlie", 'unknown word "smlie" in the prompt.  Did you mean "smile"?', "hair: blonde"),
        ("opne mouth", 'unknown word "opne" before "mouth" in the prompt.  Did you', "mouth: open"),
        ("long hiar", 'unknown word "hiar" in the prompt.  Did you mean "long hair"?', "hair:"),
        ("hat", 'no word before "hat" in the prompt. Did you mean "wearing hat"?', "hat: wearing"),
        ("twintail", 'unknown word "twintail" in the prompt.  Did you mean "twintails"?', "hair"),
        ("red smile", 'the prompt says "red" without "hair" behind it', "hair:"),
        ("smile no", 'the prompt says "no" without a label behind it', "hair:"),
        ("smile, no smile", 'the prompt says "smile" and no "smile"', "hair:"),
        ("pink hair", 'the model does not know "pink hair"', "hair: black, blonde, blue, long"),
        ("x" * 99, f'unknown word "{"x" * 37}..."', "hair:"),
        ("red\x07 hair", 'unknown word "red?" before "hair"', "hair:"),
    ],
)
def test_errors_of_any_vocabulary_are_one_line(text: str, says: str, hint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(text, FACE)
    assert caught.value.message.startswith(says)
    assert "\n" not in caught.value.message
    assert str(caught.value.hint).startswith(hint)


def test_a_vocabulary_without_labels_reads_nothing() -> None:
    with pytest.raises(ConfigError, match="the model has no labels"):
        parse("red hair", Vocabulary((), ()))
