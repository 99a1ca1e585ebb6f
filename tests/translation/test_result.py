"""The result: damaged files are listed, and the others done."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from animekit.errors import PartialError
from animekit.translation.result import Transferred
from tests.translation.pictures import paint


def test_damaged_files_are_listed_and_the_others_done(swap: Callable[..., Transferred]) -> None:
    paint("in/a.png"), paint("in/z.png")
    Path("in/m.png").write_bytes(Path("in/a.png").read_bytes()[:60])
    Path("in/n.jpg").write_bytes(b"")
    Path("in/o.tif").write_bytes(b"II*")
    made = swap("in")
    assert (made.done, made.pictures) == (2, 5)
    found = {each.path.name: each.code for each in made.failed}
    assert found == {
        "o.tif": "image.format",
        "m.png": "image.truncated",
        "n.jpg": "image.empty",
    }
    assert isinstance(made.failure(), PartialError)
    lines = Path("out/failed.txt").read_text().splitlines()
    assert len(lines) == 3
    Path("in/m.png").unlink(), Path("in/n.jpg").unlink(), Path("in/o.tif").unlink()
    assert swap("in", existing="overwrite").failure() is None
    assert Path("out/failed.txt").read_text() == ""


def test_all_failed_is_unusable(swap: Callable[..., Transferred]) -> None:
    Path("in").mkdir()
    Path("in/a.png").write_bytes(b"nothing")
    failure = swap("in").failure()
    assert failure is not None
    assert (failure.exit_code, failure.code) == (4, "image.all_failed")
