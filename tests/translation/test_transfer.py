"""`animekit.transfer`: one call, pictures in, pictures out."""

from __future__ import annotations

import io
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from animekit import transfer
from animekit.errors import DataError, UsageError
from animekit.plugins import Registry
from animekit.translation.result import Transferred
from animekit.translation.transfer import prepare
from tests.translation.models import swap_weights
from tests.translation.pictures import BLUE, EXACT, colour, paint, tree


def test_a_file_goes_to_a_folder_under_its_name(swap: Callable[..., Transferred]) -> None:
    made = swap(paint("a.png"))
    assert [item.facts()["in"] for item in made.items] == ["a.png"]
    assert colour("out/a.png") == BLUE
    assert tree("out") == ["a.png", "index.html"]
    assert (made.done, made.failed, made.page) == (1, [], Path("out/index.html"))


def test_a_file_goes_to_a_file(swap: Callable[..., Transferred]) -> None:
    made = swap(paint("a.png"), out="new/b.webp")
    assert made.items[0].out == Path("new/b.webp")
    assert tree("new") == ["b.webp"]  # no page beside a single picture
    assert not Path("new/.page").exists()
    with Image.open("new/b.webp") as image:
        assert image.format == "WEBP"


def test_a_picture_passes_from_stream_to_stream(registry: Registry) -> None:
    weights, found = swap_weights(Path("swap.safetensors")), io.BytesIO()
    settings = {**EXACT, "registry": registry}
    source = io.BytesIO(paint("a.png").read_bytes())
    made = transfer("swap", str(weights), source, found, **settings)
    with Image.open(io.BytesIO(found.getvalue())) as image:
        assert (image.format, image.getpixel((3, 3))) == ("PNG", BLUE)
    item: dict[str, Any] = {"in": "stdin", "out": "-", "to": "a2b", "w": 24, "h": 16}
    item |= {"frames": 1, "faces": None}
    assert (made.facts()["items"], made.done, made.failure()) == ([item], 1, None)
    assert [path.name for path in Path().iterdir() if path.is_dir()] == []


def test_a_stream_at_one_end_has_a_file_at_the_other(registry: Registry) -> None:
    weights, found = swap_weights(Path("swap.safetensors")), io.BytesIO()
    settings = {**EXACT, "registry": registry}
    transfer("swap", str(weights), paint("a.png"), found, ext="jpg", **settings)
    assert found.getvalue().startswith(b"\xff\xd8\xff")
    source = Path("a.png").read_bytes()
    transfer("swap", str(weights), io.BytesIO(source), "new/b.webp", **settings)
    with Image.open("new/b.webp") as image:
        assert image.format == "WEBP"
    with pytest.raises(UsageError, match=r"new/b.webp is there already"):
        transfer("swap", str(weights), io.BytesIO(source), "new/b.webp", **settings)
    with pytest.raises(DataError, match="stdin: text, not an image"):
        transfer("swap", str(weights), io.BytesIO(b"no picture"), found, **settings)
    paint("in/a.png"), paint("in/b.png")
    with pytest.raises(UsageError, match="stdout takes one picture"):
        transfer("swap", str(weights), "in", found, **settings)


def test_ctrl_c_ends_the_wait_for_a_picture_at_once(registry: Registry) -> None:
    class Waiting(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            signal.raise_signal(signal.SIGINT)
            return b""

    weights = swap_weights(Path("swap.safetensors"))
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may ignore it
    try:
        with pytest.raises(KeyboardInterrupt):
            transfer("swap", str(weights), Waiting(), io.BytesIO(), registry=registry, **EXACT)
    finally:
        signal.signal(signal.SIGINT, before)


def test_what_would_be_done_is_known_without_doing_it(registry: Registry) -> None:
    weights = swap_weights(Path("swap.safetensors"))
    paint("in/a.png"), paint("in/x/b.png"), Path("in/c.txt").write_text("x")
    Path("in/d.tif").write_bytes(b"II*")
    options = {**EXACT, "registry": registry, "direction": "both"}
    prepared = prepare("swap", str(weights), "in", "out", **options)
    assert not Path("out").exists()
    facts = prepared.facts()
    assert facts.pop("model")["model"] == "swap"
    assert facts == {
        "would_translate": 2,
        "videos": 0,
        "results": 4,
        "skipped": 0,
        "unreadable": [{"name": "in/d.tif", "reason": ".tif is not a format that animekit reads"}],
        "others": 1,
        "columns": ["a2b", "b2a"],
        "assumed": [],
        "faces": False,
        "out": "out",
    }
    assert prepared.run().done == 2
    results = ["a2b/a.png", "a2b/x/b.png", "b2a/a.png", "b2a/x/b.png"]
    assert tree("out") == [*results, "failed.txt", "index.html", "sheet.png"]
