"""The pipeline: whole files whatever happens, and pictures there and back."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path

from animekit.translation.result import Transferred
from tests.translation.pictures import BLUE, RED, colour, paint, tree


def test_a_link_in_place_of_a_result_is_replaced_itself(
    swap: Callable[..., Transferred], tmp_path: Path
) -> None:
    paint("in/a.png"), paint("away/b.png")
    Path("out").mkdir()
    Path("out/a.png").symlink_to(tmp_path / "away" / "b.png")
    swap("in", existing="overwrite")
    assert not Path("out/a.png").is_symlink()
    assert colour("away/b.png") == RED


def test_the_way_back_is_shown_for_as_many_as_wished(swap: Callable[..., Transferred]) -> None:
    for index in range(3):
        paint(f"in/{index}.png", size=(256, 256))
    made = swap("in", reconstruct=2)
    assert sum(item.back is not None for item in made.items) == 2
    assert all(item.before is not None for item in made.items)


def test_ctrl_c_leaves_whole_files_and_can_go_on(
    swap: Callable[..., Transferred],
) -> None:
    for index in range(60):
        paint(f"in/{index:02d}.png", size=(256, 256))

    def stop(done: int, total: int) -> None:
        if done == 3:
            signal.raise_signal(signal.SIGINT)

    made = swap("in", progress=stop, html=False)
    failure = made.failure()
    assert failure is not None
    assert failure.exit_code == 130
    assert 3 <= len(tree("out")) < 60
    for name in tree("out"):
        assert colour(Path("out") / name) == BLUE
    assert swap("in", existing="skip", html=False).failure() is None
    assert len(tree("out")) == 60
