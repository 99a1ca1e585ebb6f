"""Prompts by the line: testing texts read from files, and several texts at once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from animekit.errors import AnimekitError, ConfigError, DataError, NotFoundError
from animekit.labels.lines import PromptFile, parse_prompts, read_prompts
from animekit.labels.prompt import MAX_BYTES, parse
from animekit.labels.tags import NAMES, format_labels
from animekit.labels.vocabulary import Vocabulary
from tests.labels.faces import FACE

SEEN = Vocabulary(tuple(name for name in NAMES if name != "gray eyes"), (12, 10))


def write(path: Path, text: str | bytes) -> Path:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


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


@pytest.mark.parametrize(
    ("line", "id"),
    [
        ("7\tblue hair, red eyes", "7"),
        ("7: blue hair, red eyes", "7"),
        ("7：blue hair，red eyes", "7"),
        ("7，blue hair，red eyes", "7"),
        ("7;blue hair;red eyes", "7"),
        ("7. blue hair red eyes", "7"),
        ("7) blue hair red eyes", "7"),
        ("a\tblue hair red eyes", "a"),
        ("a:blue hair, red eyes", "a"),
        ("blue hair\tred eyes", "1"),
        ("blue hair: red eyes", "1"),
    ],
)
def test_other_signs_behind_an_id_are_read_as_the_comma(tmp_path: Path, line: str, id: str) -> None:
    (prompt,) = read_prompts(write(tmp_path / "t.txt", line))
    assert prompt.id == id
    assert format_labels(prompt.labels) == "blue hair red eyes"


def test_a_testing_text_without_end_is_read_up_to_its_limit() -> None:
    with pytest.raises(ConfigError, match="no testing text is so large"):
        read_prompts(Path("/dev/zero"))


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


def test_any_number_of_prompts_is_read_up_to_a_limit(tmp_path: Path) -> None:
    path = tmp_path / "test.txt"
    lines = [f"{number},blue hair red eyes\n" for number in range(1, 101)]
    assert len(read_prompts(write(path, "\n".join(lines)))) == 100
    with pytest.raises(ConfigError, match="holds 100 prompts, more than 99"):
        read_prompts(path, limit=99)


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
        (b"1,red hair\n" * 20_000, ConfigError, "holds 20,000 prompts, more than 10,000"),
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


def test_a_testing_text_in_utf16_is_called_so(tmp_path: Path) -> None:
    (tmp_path / "t.txt").write_bytes("1,red hair".encode("utf-16"))
    with pytest.raises(DataError) as caught:
        read_prompts(tmp_path / "t.txt")
    assert caught.value.hint == "it is UTF-16: save it as UTF-8"
