"""Foreign text: whatever a file holds, plain values or one of our own errors, and soon."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from animekit import foreign
from animekit.errors import AnimekitError, ConfigError, NotFoundError, UnusableError
from animekit.foreign import (
    DEPTH,
    BadLine,
    parse_json,
    read_json,
    read_jsonl,
    read_text,
    read_toml,
)

NINES = "9" * 5000
BAD_JSON = {
    "cut off": ("{", "Expecting property name"),
    "deep lists": ("[" * 100_000, "levels deep"),
    "deep lists that end": ("[" * 900 + "]" * 900, "levels deep"),
    "deep objects": ('{"a":' * 100_000, "levels deep"),
    "one level too many": ("[" * (DEPTH + 1) + "]" * (DEPTH + 1), "levels deep"),
    "an integer without end": (f'{{"a": {NINES}}}', "64 bits"),
    "10 to the 25": (f"[1{'0' * 25}]", "64 bits"),
    "2 to the 64": (str(2**64), "64 bits"),
    "below 64 bits": (str(-(2**63) - 1), "64 bits"),
    "a real without end": ("[1e999]", "no finite number"),
    "minus infinity": ("[-Infinity]", "no finite number"),
    "no number": ("[NaN]", "no finite number"),
    "a key twice": ('{"a": 1, "b": 2, "a": 3}', '"a" stands in it twice'),
    "half a pair": (r'["\ud800"]', "Unicode"),
    "half a pair as a key": (r'{"\udc41": 1}', "Unicode"),
    "NUL": (r'["a\u0000b"]', "NUL"),
    "a raw NUL": ('["a\0b"]', "control character"),
    "too many objects": ("[" + "{}," * 1_100_000 + "0]", "lists and objects"),
    "nothing": ("", "Expecting value"),
}
BAD_TOML = {
    "deep lists": ("a=" + "[" * 900 + "]" * 900, "levels deep"),
    "deep tables": ("a=" + "{b=" * 900 + "1" + "}" * 900, "levels deep"),
    "a key of 20,000 dots": (".".join(["a"] * 20_000) + " = 1", "levels deep"),
    "a quoted key of 20,000 dots": (".".join(['"a"'] * 20_000) + " = 1", "levels deep"),
    "a table of 20,000 dots": ("[" + " . ".join(["a"] * 20_000) + "]", "levels deep"),
    "an integer without end": (f"a = {NINES}", "too many digits"),
    "a hexadecimal without end": (f"a = 0x{'f' * 5000}", "64 bits"),
    "a real without end": ("a = 1e999", "no finite number"),
    "infinity": ("a = inf", "no finite number"),
    "no number": ("a = [nan]", "no finite number"),
    "NUL": ('a = "\\u0000"', "NUL"),
    "half a pair": ('a = "\\ud800"', "Unicode"),
    "a key twice": ("a = 1\na = 2", "Cannot overwrite"),
    "no such day": ("a = 2020-02-30", "Invalid date"),
    "cut off": ("a = [", "Invalid value"),
    "strings that never end": ("a = " + '"""\\' * 1000, "Unescaped|Invalid|Unterminated"),
}


@pytest.mark.parametrize(("text", "words"), BAD_JSON.values(), ids=BAD_JSON)
def test_bad_json_is_one_line_that_names_the_file(text: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=words) as caught:
        read_json(path, "settings", kind=ConfigError)
    assert f"settings {path}" in caught.value.message and caught.value.hint
    assert "\n" not in caught.value.message and len(caught.value.message) < len(str(path)) + 200


@pytest.mark.parametrize(("text", "words"), BAD_TOML.values(), ids=BAD_TOML)
def test_bad_toml_is_one_line_that_names_the_file(text: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    path.write_text(text, encoding="utf-8")
    started = time.perf_counter()
    with pytest.raises(UnusableError, match=words) as caught:
        read_toml(path, "settings")
    assert f"settings {path}" in caught.value.message and caught.value.hint
    assert "\n" not in caught.value.message
    assert time.perf_counter() - started < 5


def test_what_is_within_the_limits_is_read_as_it_stands(tmp_path: Path) -> None:
    deep = "[" * DEPTH + "]" * DEPTH
    brackets = json.dumps({"[[[" * 100: "{" * 100 + '"\\'})
    for text in (deep, brackets, '{"a": [1, -2.5, 1e300, null, "\\u00e9"]}', str(2**64 - 1)):
        assert parse_json(text, "it") == json.loads(text)
    assert parse_json(r'["\\u0000", "\ud83d\ude00"]', "it") == ["\\u0000", "\U0001f600"]
    path = tmp_path / "a.toml"
    path.write_bytes(
        b"\xef\xbb\xbf" + b"# [[[[\na.b.c = \"[\" # {\nd = ['{', 1.5]\n" + b"[t]\n" * 1
    )
    assert read_toml(path, "it") == {"a": {"b": {"c": "["}}, "d": ["{", 1.5], "t": {}}
    path.write_text("".join(f"[t{i}]\nk.a = [1.5, 2.5]\n" for i in range(500)), encoding="utf-8")
    assert len(read_toml(path, "it")) == 500  # depth is of one value, not of the file


def test_a_file_name_that_is_not_utf8_may_stand_in_a_journal() -> None:
    line = json.dumps({"name": "a\udcff.png"})
    assert parse_json(line, "it", any_name=True) == {"name": "a\udcff.png"}
    with pytest.raises(UnusableError, match="Unicode"):
        parse_json(line, "it")
    with pytest.raises(UnusableError, match="Unicode"):
        parse_json(r'["\ud800"]', "it", any_name=True)


@pytest.mark.parametrize("read", [read_text, read_json, read_toml])
def test_a_file_that_cannot_be_read_is_told_in_one_line(
    read: Callable[[Path | str, str], Any], tmp_path: Path
) -> None:
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "file").write_bytes(b"\xff\xff")
    for name, words in {
        "none": "no note",
        "a\0b": "no note",
        "\ud800": "no note",
        "a" * 300: "too long",
        "loop": "symbolic links",
        "file/b": "not a directory",
        ".": "is a directory",
        "file": "line 1 is not UTF-8|is not UTF-8",
    }.items():
        with pytest.raises(AnimekitError, match=words) as caught:
            read(tmp_path / name, "note")
        assert caught.value.hint and "\n" not in caught.value.message
        assert isinstance(caught.value, NotFoundError) == (words == "no note")
        str(caught.value).encode()  # so a screen can show it


def test_a_file_over_its_limit_is_not_read_at_all(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("12345", encoding="utf-8")
    assert read_text(path, "note", limit=5) == "12345"
    for read in (read_text, read_json, read_toml):
        with pytest.raises(UnusableError, match="more than the 4 bytes"):
            read(path, "note", limit=4)
    with pytest.raises(UnusableError, match="bytes that are read"):
        read_toml("/dev/zero", "note")


def test_a_bad_line_is_named_and_the_others_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(foreign, "LINE_LIMIT", 200)
    path = tmp_path / "a.jsonl"
    deep = '{"a":' * 30 + "[" * 40
    long = json.dumps({"a": "b" * 1000})
    lines = ['{"a": 1}', "", "[1]", "\xff", deep, long, '{"a": 1e999}', '{"b": 2}', '{"c'] * 2
    path.write_bytes("\n".join(lines).encode("latin-1"))
    found = read_jsonl(path, "notes")
    assert found.rows == [{"a": 1}, {"b": 2}] * 2
    assert [bad.number for bad in found.bad] == [3, 4, 5, 6, 7, 9, 12, 13, 14, 15, 16, 18]
    words = ["no object", "not UTF-8", "levels deep", "longer than", "finite", "Unterminated"]
    for bad, word in zip(found.bad, words * 2, strict=True):
        assert word in bad.reason
    assert read_jsonl(tmp_path / "none", "notes") == foreign.Rows()
    assert read_jsonl("a\0b", "notes") == foreign.Rows()
    with pytest.raises(UnusableError, match="more than the 50 bytes"):
        read_jsonl(path, "notes", limit=50)
    with pytest.raises(UnusableError, match="is a directory"):
        read_jsonl(tmp_path, "notes")
    assert BadLine(3, "it is no object") == found.bad[0]
