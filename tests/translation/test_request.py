"""The request: what is asked is checked before anything is looked for."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest

from animekit.errors import UsageError
from animekit.translation.request import TransferRequest


def request(inputs: Any = "in", out: Any = "out", **options: Any) -> TransferRequest:
    return TransferRequest.of("swap", "weights", inputs, out, **options)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"size": "7"}, 'cannot read --size "7"'),
        ({"size": "8193"}, 'cannot read --size "8193"'),
        ({"tile_size": 255}, "--tile-size 255"),
        ({"limit": 0}, "--limit 0 leaves nothing"),
        ({"precision": "fp8"}, '--precision "fp8"'),
        ({"existing": "keep"}, '--existing "keep"'),
        ({"ext": "tif"}, 'cannot write "tif"'),
        ({"suffix": "../x"}, "no part of a name"),
        ({"inputs": ["in", "cam:0"]}, "one picture or film"),
        ({"inputs": "cam:front"}, 'no camera "cam:front"'),
        ({"inputs": "cam:0", "out": io.BytesIO()}, "a film goes to a file"),
        ({"inputs": io.BytesIO(), "out": None}, "nothing says where the picture goes"),
        ({"inputs": io.BytesIO(), "watch": True}, "--watch needs a folder"),
        ({"inputs": (), "watch": True}, "--watch needs a folder"),
        ({"inputs": (), "out": io.BytesIO()}, "one picture or film"),
    ],
)
def test_what_cannot_be_done_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        request(**changes)


def test_what_nobody_knows_is_refused() -> None:
    with pytest.raises(TypeError, match="sise"):
        request(sise="64")


def test_inputs_are_words_whatever_they_were_given_as() -> None:
    assert request(Path("a b")).inputs == request("a b").inputs == ("a b",)
    assert request([Path("a"), "b"]).inputs == ("a", "b")
    asked = request(io.BytesIO(), io.BytesIO())
    assert (asked.inputs, asked.out, asked.is_piped, asked.camera) == ((), None, True, None)
    assert (request("cam:12").camera, request("cam:12").until_stopped) == (12, True)
