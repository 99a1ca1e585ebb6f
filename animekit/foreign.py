"""Foreign text: JSON, JSON lines, TOML and plain text that a stranger may have written.

Every such file is read here and nowhere else. Whatever it holds, the reader gives plain values or
raises an AnimekitError that names the file: bytes, depth, count and size of values are bounded
before anything is built of them, so that no file can end in a RecursionError, an endless number or
a full memory.
"""

from __future__ import annotations

import json
import math
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from animekit.errors import AnimekitError, NotFoundError, UnusableError
from animekit.files import as_error
from animekit.text import printable

LIMIT = 16 * 2**20  # bytes of a file of text; parsed values take up to 25 times as much
TOML_LIMIT = 2**20  # bytes of a configuration file
LINES_LIMIT = 2**30  # bytes of a file of lines, which is read line by line
LINE_LIMIT = 2**20  # bytes of one line
DEPTH = 64  # lists in lists, tables in tables, dots of a key
CONTAINERS = 1_000_000  # lists and objects of one text
WORDS = 80  # characters of a parser's own words that a message repeats

_STRING = re.compile(r'"(?:[^"\\]|\\.)*+(?:"|\Z)', re.DOTALL)  # of JSON; never goes back
_BRACKET = re.compile(r"[\[\]{}]")
_TOML = re.compile(
    r'"""(?:[^"\\]|\\.|"(?!""))*+(?:"""|\Z)'
    r"|'''(?:[^']|'(?!''))*+(?:'''|\Z)"
    r'|"(?:[^"\\\n]|\\.)*+"?'
    r"|'[^'\n]*+'?"
    r"|\#[^\n]*+"
    r"|[\[\]{}.=,\n]",
    re.DOTALL,
)
_ODD = re.compile(r"\\u(?:0000|[dD][89a-fA-F])|\\U00000000|\x00")  # may be NUL or half a pair


@dataclass(frozen=True)
class BadLine:
    """One line of a file that cannot be read, counted from 1, and why."""

    number: int
    reason: str


@dataclass
class Rows:
    """The objects of a JSON-lines file, and the lines that hold none."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    bad: list[BadLine] = field(default_factory=list)


class _Refused(Exception):
    """What a text holds that is not read; the reader adds which text it is."""


def read_text(
    path: Path | str,
    what: str,
    *,
    limit: int = LIMIT,
    kind: type[AnimekitError] = UnusableError,
    hint: str | None = None,
) -> str:
    """Return the text of a file of UTF-8, without a byte order mark.

    `what` names the file in messages, as in "configuration file". Raises NotFoundError where there
    is none, UnusableError where the system refuses it, `kind` for what is in it and for more than
    `limit` bytes.
    """
    try:
        with Path(path).open("rb") as file:
            data = file.read(limit + 1)
    except (OSError, ValueError) as error:
        raise _unopened(path, what, error, hint) from None
    try:
        if len(data) > limit:
            raise _Refused(f"it has more than the {limit:,} bytes that are read")
        return _decoded(data)
    except _Refused as error:
        _refuse(f"{what} {printable(str(path))}", error, kind, hint or "save it as UTF-8 text")


def parse_json(
    text: str | bytes,
    what: str,
    *,
    kind: type[AnimekitError] = UnusableError,
    hint: str | None = None,
    any_name: bool = False,
) -> Any:
    """Return what a JSON text holds; `what` names the text in messages.

    Refused, as `kind`: a key twice, NaN, numbers that no 64 bits hold, text that is no Unicode.
    With `any_name`, strings may hold what file names hold that are not valid UTF-8.
    """
    try:
        return _json(text, any_name=any_name)
    except _Refused as error:
        _refuse(what, error, kind, hint or "it must be JSON")


def read_json(
    path: Path | str,
    what: str,
    *,
    limit: int = LIMIT,
    kind: type[AnimekitError] = UnusableError,
    hint: str | None = None,
) -> Any:
    """Return what a JSON file holds; as `read_text` and `parse_json`."""
    text = read_text(path, what, limit=limit, kind=kind, hint=hint)
    return parse_json(text, f"{what} {printable(str(path))}", kind=kind, hint=hint)


def read_toml(
    path: Path | str,
    what: str,
    *,
    limit: int = TOML_LIMIT,
    kind: type[AnimekitError] = UnusableError,
    hint: str | None = None,
) -> dict[str, Any]:
    """Return what a TOML file holds; as `read_text`, with the rules of `parse_json`."""
    text = read_text(path, what, limit=limit, kind=kind, hint=hint)
    try:
        return _toml(text)
    except _Refused as error:
        _refuse(f"{what} {printable(str(path))}", error, kind, hint or "it must be TOML")


def iterate_jsonl(
    path: Path | str, what: str, *, limit: int = LINES_LIMIT, any_name: bool = False
) -> Iterator[dict[str, Any] | BadLine]:
    """Yield the object of each line, or why the line has none.

    A file that is not there has no lines; empty ones are passed over. Raises UnusableError where
    the system refuses the file or it has more than `limit` bytes.
    """
    left = limit
    number = 0
    try:
        with Path(path).open("rb") as file:
            while line := file.readline(LINE_LIMIT):
                number += 1
                whole = end = line
                while len(end) == LINE_LIMIT and not end.endswith(b"\n") and left >= 0:
                    left -= len(end)  # the rest of a line too long is read and forgotten
                    whole, end = b"", file.readline(LINE_LIMIT)
                left -= len(end)
                if left < 0:
                    size = _Refused(f"it has more than the {limit:,} bytes that are read")
                    _refuse(f"{what} {printable(str(path))}", size, UnusableError, None)
                if not whole:
                    yield BadLine(number, f"it is longer than {LINE_LIMIT:,} bytes")
                elif whole.strip():
                    yield _row(whole, number, any_name=any_name)
    except (OSError, ValueError) as error:
        refused = _unopened(path, what, error, None)
        if not isinstance(refused, NotFoundError):
            raise refused from None


def read_jsonl(
    path: Path | str, what: str, *, limit: int = LINES_LIMIT, any_name: bool = False
) -> Rows:
    """Return the objects of a file and its bad lines, as `iterate_jsonl`."""
    found = Rows()
    for line in iterate_jsonl(path, what, limit=limit, any_name=any_name):
        if isinstance(line, BadLine):
            found.bad.append(line)
        else:
            found.rows.append(line)
    return found


def _refuse(what: str, reason: Exception, kind: type[AnimekitError], hint: str | None) -> NoReturn:
    raise kind(f"cannot read {what}: {reason}", hint) from None


def _unopened(
    path: Path | str, what: str, error: OSError | ValueError, hint: str | None
) -> AnimekitError:
    """Return what it means that a file cannot be opened; ValueError is a name that none has."""
    if isinstance(error, OSError) and not isinstance(error, FileNotFoundError):
        return as_error(error, hint, doing="read", where=path)
    return NotFoundError(f"no {what} {printable(str(path))}", hint or "give another path")


def _row(line: bytes, number: int, *, any_name: bool) -> dict[str, Any] | BadLine:
    try:
        row = _json(line.strip(), any_name=any_name)
    except _Refused as error:
        return BadLine(number, str(error).replace(": line 1 column", ": column"))
    return row if isinstance(row, dict) else BadLine(number, "it is no object")


def _decoded(data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        utf16 = data[:2] in (b"\xff\xfe", b"\xfe\xff")
        place = f"line {data[: error.start].count(10) + 1}" if b"\n" in data[:-1] else "it"
        raise _Refused(f"{place} is not UTF-8" if not utf16 else "it is UTF-16") from None


def _json(text: str | bytes, *, any_name: bool = False) -> Any:
    text = _decoded(text) if isinstance(text, bytes) else text
    _bound_json(text)
    try:
        value = json.loads(
            text,
            object_pairs_hook=_object,
            parse_int=_integer,
            parse_float=_real,
            parse_constant=_no_number,
        )
    except (ValueError, RecursionError) as error:
        raise _Refused(_words(error)) from None
    _refuse_odd_text(text, value, any_name=any_name)
    return value


def _toml(text: str) -> dict[str, Any]:
    _bound_toml(text)
    try:
        value = tomllib.loads(text, parse_float=_real)
    except (ValueError, RecursionError, OverflowError) as error:
        raise _Refused(_words(error)) from None
    for each in _inside(value):
        if type(each) is int:
            _bound_integer(each)
    _refuse_odd_text(text, value, any_name=False)
    return value


def _words(error: Exception) -> str:
    """Return a parser's reason in one short line."""
    if "integer string conversion" in str(error):
        return "a number in it has too many digits"
    words = printable(str(error)) or type(error).__name__
    # the place stands at the end of what both parsers say
    return words if len(words) <= WORDS else f"{words[: WORDS // 2]}...{words[-WORDS // 2 :]}"


def _bound_json(text: str) -> None:
    """Refuse brackets in brackets, before a parser follows them."""
    count = text.count("[") + text.count("{")
    if count <= DEPTH:
        return
    depth = count = 0
    for bracket in _BRACKET.finditer(_STRING.sub("", text)):
        opens = bracket[0] in "[{"
        count += opens
        depth += 1 if opens else -1
        if depth > DEPTH:
            raise _Refused(f"it is more than {DEPTH} levels deep")
        if count > CONTAINERS:
            raise _Refused(f"it has more than {CONTAINERS:,} lists and objects")


def _bound_toml(text: str) -> None:
    """Refuse brackets in brackets and keys of many dots, before a parser follows them."""
    depth = dots = 0
    for match in _TOML.finditer(text):
        token = match[0]
        if token == ".":
            dots += 1
        elif token in ("[", "{"):
            depth += 1
        elif token in ("]", "}"):
            depth = max(0, depth - 1)
        if token in ("[", "=", ",", "\n", "{"):
            dots = 0
        if depth + dots > DEPTH:
            raise _Refused(f"it is more than {DEPTH} levels deep")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise ValueError(f'the key "{key[:WORDS]}" stands in it twice')
            seen.add(key)
    return found


def _integer(digits: str) -> int:
    return _bound_integer(int(digits) if len(digits) <= 21 else 2**64)


def _bound_integer(value: int) -> int:
    """Refuse integers beyond 64 bits: nothing counts that far, and floats overflow."""
    if not -(2**63) <= value < 2**64:
        raise _Refused("an integer in it is beyond 64 bits")
    return value


def _inside(value: Any) -> Iterator[Any]:
    """Yield every key and every value that is no container, without recursion."""
    waiting = [value]
    while waiting:
        each = waiting.pop()
        if isinstance(each, dict):
            yield from each
            waiting.extend(each.values())
        elif isinstance(each, list):
            waiting.extend(each)
        else:
            yield each


def _real(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        _no_number(digits)
    return value


def _no_number(digits: str) -> NoReturn:
    raise _Refused(f"{digits[:20]} in it is no finite number")


def _refuse_odd_text(text: str, value: Any, *, any_name: bool) -> None:
    """Refuse NUL and halves of surrogate pairs: no file name or screen takes them."""
    if _ODD.search(text) is None and _encodes(text):
        return
    errors = "surrogateescape" if any_name else "strict"
    for each in _inside(value):
        if isinstance(each, str) and ("\0" in each or not _encodes(each, errors)):
            raise _Refused("a text in it is not valid Unicode, or has a NUL character")


def _encodes(text: str, errors: str = "strict") -> bool:
    try:
        return text.encode("utf-8", errors) is not None
    except UnicodeEncodeError:
        return False
