"""Mutations: what becomes of a valid file in a bad disk, a careless hand, or a stranger's hand."""

from __future__ import annotations

import json
import random
import re
from typing import Any

NINES = "9" * 5000
MARKS = {  # what Python itself would not write
    "@NINES@": NINES,
    "@DEEP@": "[" * 70 + "]" * 70,
    "@DEEPER@": '{"a":' * 900 + "0" + "}" * 900,
    "@DEEPEST@": "[" * 100_000,
}
TOKENS = [
    *(b"[" * 2000, b'{"a":' * 2000, b"]" * 90, b"{" * 90, b"((((", b'"""', b"'''", b"\\u0000"),
    *(b"\\ud800", b"\xff\xfe", b"\xef\xbb\xbf", b"\0", b"\x1b[2J", b"\r", b"\n", b"\t", b",", b";"),
    *(b"=", b".", b"a." * 300, b'"', b"'", b"#", b"-", b"1e999", b"NaN", b"Infinity", b"inf"),
    *(NINES.encode(), b"0x" + b"f" * 500, b"18446744073709551616", b"-9223372036854775809"),
    *("\u202e\u0661\U0001f600é".encode(), b"../../etc/passwd", b"/dev/zero", b"a" * 300),
    *(b"0-999999", b"0-99999999999999999999", b"true", b"null", b"{}", b"[]"),
]
ODD: list[Any] = [
    *(None, True, False, 0, -1, 1, 2, 64, 4097, 10**6, 2**31, 2**63, 2**64, -(2**63), 10**25),
    *(0.0, -0.0, 0.5, 1e-320, 1e308, -1e308, float("inf"), float("nan"), *MARKS),
    *("", "a", "0", "-1", "1e999", "a" * 300, "\0", "\ud800", "\udcff", "../x", "/etc/passwd"),
    *("x\n\x1b[2J", "é\u202e", "0-999999", "9" * 5000, "gan", "cpu", "%s{}", "ſ"),
    *(
        [],
        {},
        [[]],
        [None],
        [0] * 3,
        ["a"] * 300,
        [1e308] * 2,
        {"a": {}},
        {"": None},
        [[1], [1, 2]],
    ),
]


def json_values(value: Any, dice: random.Random) -> bytes:
    """Return a JSON text in which some values, keys or the order are others."""
    value = json.loads(json.dumps(value))
    for _ in range(dice.choice((1, 1, 1, 2, 3))):
        value = _changed(value, dice)
    text = json.dumps(value)
    for mark, meant in MARKS.items():
        text = text.replace(f'"{mark}"', meant, 1)
    if dice.random() < 0.1 and (found := re.search(r'"[^"]*": [^,{}\[\]]+', text)):
        text = text.replace(found[0], f"{found[0]}, {found[0]}", 1)  # a key twice
    return text.encode("utf-8", "surrogatepass")


def _changed(value: Any, dice: random.Random) -> Any:
    places = list(_containers(value))
    odd = json.loads(json.dumps(dice.choice(ODD)))
    if not places or dice.random() < 0.03:
        return odd
    inside = dice.choice(places)
    keys = list(inside) if isinstance(inside, dict) else list(range(len(inside)))
    key, deed = dice.choice(keys), dice.random()
    if deed < 0.65:
        inside[key] = odd
    elif deed < 0.75:
        del inside[key]
    elif deed < 0.85 and isinstance(inside, dict):
        inside[str(odd)] = inside.pop(key)
    else:
        inside[key] = json.loads(json.dumps(dice.choice(places)))
    return value


def _containers(value: Any) -> Any:
    if isinstance(value, (dict, list)) and value:
        yield value
        for each in value.values() if isinstance(value, dict) else value:
            yield from _containers(each)


def any_bytes(data: bytes, dice: random.Random) -> bytes:
    """Return bytes that differ in a bit, a piece, a line, a number or an odd token."""
    for _ in range(dice.choice((1, 1, 2, 4))):
        data = dice.choice(DEEDS)(data, dice)
    return data


def _flip(data: bytes, dice: random.Random) -> bytes:
    spoilt = bytearray(data or b"\0")
    for _ in range(dice.choice((1, 1, 3, 30))):
        spoilt[dice.randrange(len(spoilt))] ^= 1 << dice.randrange(8)
    return bytes(spoilt)


def _cut(data: bytes, dice: random.Random) -> bytes:
    start, end = sorted((dice.randint(0, len(data)), dice.randint(0, len(data))))
    return dice.choice((data[:end], data[start:], data[:start] + data[end:]))


def _insert(data: bytes, dice: random.Random) -> bytes:
    at = dice.randint(0, len(data))
    return data[:at] + dice.choice(TOKENS) + data[at:]


def _replace(data: bytes, dice: random.Random) -> bytes:
    """Put a token in place of a number or a word."""
    words = list(re.finditer(rb"[0-9]+|[A-Za-z_]+", data[:20_000]))
    if not words:
        return _insert(data, dice)
    word = dice.choice(words)
    return data[: word.start()] + dice.choice(TOKENS) + data[word.end() :]


def _repeat(data: bytes, dice: random.Random) -> bytes:
    start, end = sorted((dice.randint(0, len(data)), dice.randint(0, len(data))))
    return data[:end] + data[start:end][:2000] * dice.choice((1, 2, 50)) + data[end:]


def _lines(data: bytes, dice: random.Random) -> bytes:
    lines = data.split(b"\n")
    dice.choice((lines.append, lambda line: lines.insert(0, line)))(dice.choice(lines))
    dice.shuffle(lines)
    return dice.choice((b"\n", b"\r\n", b"\n\n")).join(lines)


def _noise(data: bytes, dice: random.Random) -> bytes:
    text = "".join(
        chr(dice.choice((dice.randrange(128), dice.randrange(0xD7FF)))) for _ in range(40)
    )
    return dice.choice((text.encode(), dice.randbytes(40), data + text.encode()))


DEEDS = (_flip, _flip, _cut, _insert, _insert, _replace, _replace, _repeat, _lines, _noise)
