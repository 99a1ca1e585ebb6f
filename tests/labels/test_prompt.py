"""Prompts: texts read into labels, and testing texts read from files."""

from __future__ import annotations

import contextlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from animekit.errors import AnimekitError, ConfigError, DataError, NotFoundError
from animekit.labels.prompt import MAX_BYTES, PromptFile, parse, parse_prompts, read_prompts
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


# testing texts


def test_a_testing_text_is_read_with_ids_letters_and_windows_line_ends(tmp_path: Path) -> None:
    text = "\ufeff1,blue hair blue eyes\r\na,Red Hair, green eyes  \r\n\r\npink hair, red eyes"
    prompts = read_prompts(write(tmp_path / "test.txt", text))
    assert [(prompt.id, format_labels(prompt.labels)) for prompt in prompts] == [
        ("1", "blue hair blue eyes"),
        ("a", "red hair green eyes"),
        ("4", "pink hair red eyes"),
    ]
    assert prompts[1].text == "Red Hair, green eyes"
    assert [prompt.mask.sum() for prompt in prompts] == [23, 23, 23]


def test_line_ends_of_an_old_mac_and_prompts_without_ids_are_read(tmp_path: Path) -> None:
    path = write(tmp_path / "test.txt", "red hair\rblue eyes\r")
    assert [(prompt.id, prompt.text) for prompt in read_prompts(path)] == [
        ("1", "red hair"),
        ("2", "blue eyes"),
    ]


def test_a_first_part_that_names_a_label_is_no_id(tmp_path: Path) -> None:
    text = "1,smile\nsmile, blue hair\nno smile, long hair\nblu hair twintails\n"
    path = write(tmp_path / "test.txt", text)
    with pytest.raises(ConfigError, match=r'unknown word "blu" before "hair" in line 4 of test'):
        read_prompts(path, FACE)
    prompts = read_prompts(write(path, text.replace("blu ", "blue ")), FACE)
    assert [prompt.id for prompt in prompts] == ["1", "2", "3", "4"]
    assert [FACE.format(prompt.labels, prompt.mask) for prompt in prompts] == [
        "smile",
        "blue hair, smile",
        "long hair, no smile",
        "blue hair, twintails",
    ]


def test_twenty_five_prompts_are_read_and_twenty_six_are_not(tmp_path: Path) -> None:
    path = tmp_path / "test.txt"
    lines = [f"{number},blue hair red eyes\n" for number in range(1, 27)]
    assert len(read_prompts(write(path, "\n".join(lines[:25])))) == 25
    with pytest.raises(ConfigError, match="holds 26 prompts, more than 25"):
        read_prompts(write(path, "".join(lines)))
    assert len(read_prompts(path, limit=30)) == 26


@pytest.mark.parametrize(
    ("content", "kind", "says"),
    [
        ("1,blue hair blue eyes\n2,blu hair\n", ConfigError, '"blu" in line 2 of t.txt.  Did you'),
        ("1,\n", ConfigError, "line 1 of t.txt is empty"),
        ("", ConfigError, "t.txt holds no prompt"),
        ("\n \r\n\n", ConfigError, "t.txt holds no prompt"),
        ("abcdef\n", ConfigError, 'unknown word "abcdef" in line 1 of t.txt.'),
        ("1,teal hair\n", ConfigError, 'unknown hair colour "teal" in line 1 of t.txt.'),
        (
            "1,red hair\n2,red hair\n\n1,blue hair\n",
            ConfigError,
            'line 4 of t.txt has the id "1", which line 1 has already',
        ),
        ("2,red hair\nblue hair\n", ConfigError, 'line 2 of t.txt has the id "2", which line 1'),
        (b"1,red hair\0\n", DataError, "t.txt is not a text file"),
        (b"\x89PNG\r\n\x1a\n\0\0\xff", DataError, "t.txt is not a text file in UTF-8"),
        ("1,red hair".encode("utf-16"), DataError, "t.txt is not a text file in UTF-8"),
        (b"1,red hair\n" * MAX_BYTES, ConfigError, "11,000,000 bytes: no testing text is so large"),
        (b"1,red hair\n" * 900, ConfigError, "holds 900 prompts, more than 25"),
        (b"x" * MAX_BYTES, ConfigError, f'unknown word "{"x" * 37}..." in line 1 of t.txt.'),
    ],
)
def test_a_bad_testing_text_is_one_clear_line(
    tmp_path: Path, content: str | bytes, kind: type[AnimekitError], says: str
) -> None:
    with pytest.raises(kind) as caught:
        read_prompts(write(tmp_path / "t.txt", content))
    assert says in caught.value.message
    assert "\n" not in caught.value.message
    assert len(caught.value.message) < 200 + len(str(tmp_path))
    assert caught.value.hint


def test_a_folder_or_nothing_in_place_of_a_testing_text_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is a folder, not a testing text"):
        read_prompts(tmp_path)
    with pytest.raises(NotFoundError, match="no file"):
        read_prompts(tmp_path / "none.txt")


@pytest.mark.data
def test_the_course_testing_texts_are_read(shared_data: Path) -> None:
    folder = shared_data / "mlds_faces" / "testing_text"
    for name in ("mlds2018", "adlxmlds2017"):
        path = folder / f"sample_testing_text_{name}.txt"
        prompts = read_prompts(path, SEEN)
        lines = [f"{prompt.id},{SEEN.format(prompt.labels)}" for prompt in prompts]
        assert lines == path.read_text(encoding="utf-8").split("\n")[: len(lines)]
        assert len(lines) == {"mlds2018": 4, "adlxmlds2017": 3}[name]


def test_a_text_that_was_read_elsewhere_is_called_by_its_name() -> None:
    file = PromptFile("stdin", b"1,red hair\n2,blu hair\n")
    with pytest.raises(ConfigError, match='"blu" in line 2 of stdin'):
        read_prompts(file)
    with pytest.raises(ConfigError, match="stdin holds no prompt"):
        read_prompts(PromptFile("stdin", b""))
    with pytest.raises(ConfigError, match="no testing text is so large"):
        read_prompts(PromptFile("stdin", b"1,red hair\n" * MAX_BYTES))


def test_one_text_several_and_a_file_are_prompts(tmp_path: Path) -> None:
    file = write(tmp_path / "two.txt", "7,red hair\nblue eyes\n")
    assert [(prompt.id, prompt.text) for prompt in parse_prompts(file)] == [
        ("7", "red hair"),
        ("2", "blue eyes"),
    ]
    assert [prompt.text for prompt in parse_prompts(" red hair ")] == ["red hair"]
    (first, second) = parse_prompts(text for text in ("red hair", "blue eyes"))
    assert np.array_equal(first.labels, parse("red hair")[0])
    assert np.array_equal(second.mask, parse("blue eyes")[1])
    with pytest.raises(ConfigError, match='"blu" in prompt 2'):
        parse_prompts(["red hair", "blu eyes"])
    with pytest.raises(ConfigError, match="no prompt"):
        parse_prompts([])
