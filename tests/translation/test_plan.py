"""The plan: refusals before any work, and names for the results."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from animekit.errors import UnusableError, UsageError
from animekit.translation.result import Transferred
from tests.translation.pictures import BLUE, RED, colour, paint, tree


def test_a_link_in_the_results_is_not_followed(
    swap: Callable[..., Transferred], tmp_path: Path
) -> None:
    paint("in/sub/a.png"), paint("away/b.png")
    Path("out").mkdir()
    Path("out/sub").symlink_to(tmp_path / "away", target_is_directory=True)
    with pytest.raises(UnusableError, match="leads out of"):
        swap("in", existing="overwrite")
    assert tree("away") == ["b.png"]


def test_the_same_folder_is_refused(swap: Callable[..., Transferred]) -> None:
    paint("in/a.png")
    for out in ("in", "./in/../in"):
        with pytest.raises(UsageError, match="written over"):
            swap("in", out=out)
    with pytest.raises(UsageError, match="to be translated"):
        swap("in/a.png", out="in")
    with pytest.raises(UsageError, match="picture itself"):
        swap("in/a.png", out="in/a.png", existing="overwrite")
    assert colour("in/a.png") == RED


@pytest.mark.parametrize(
    ("names", "hint"),
    [
        (("a.png", "a.jpg"), "--ext same keeps"),
        (("x/A.png", "x/a.png"), "by upper and lower case"),
        (("caf\u00e9.png", "cafe\u0301.png"), "Unicode NFC and NFD"),
    ],
)
def test_two_pictures_with_one_name_are_refused_before_work(
    names: tuple[str, str], hint: str, swap: Callable[..., Transferred]
) -> None:
    for name in (*names, "b.png"):
        paint(f"in/{name}")
    with pytest.raises(UsageError, match="would both become") as caught:
        swap("in", ext="png")
    assert hint in str(caught.value.hint)
    assert not Path("out").exists()


def test_what_is_there_is_refused_passed_over_or_replaced(
    swap: Callable[..., Transferred],
) -> None:
    paint("in/a.png"), paint("in/b.png")
    paint("out/a.png", (1, 2, 3))
    with pytest.raises(UnusableError, match="1 results are there already: out/a.png"):
        swap("in")
    assert tree("out") == ["a.png"]
    made = swap("in", existing="skip")
    assert (made.skipped, made.done, colour("out/a.png")) == (1, 1, (1, 2, 3))
    swap("in", existing="overwrite")
    assert colour("out/a.png") == BLUE


def test_without_a_folder_a_new_one_is_numbered(swap: Callable[..., Transferred]) -> None:
    paint("a.png")
    outs = [swap("a.png", out=None).out.name for _ in range(2)]
    assert outs == ["0001-swap-swap.safetensors", "0002-swap-swap.safetensors"]
