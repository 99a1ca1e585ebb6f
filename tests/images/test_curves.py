"""Curves: panels as pictures whose bytes depend on nothing but the numbers."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from animekit.images.curves import Curve, Panel, draw_curves, save_curves, smoothed

STEPS = list(range(100, 4100, 100))
NOISY = [float(1000 / step + (step // 100) % 2) for step in STEPS]


def panel(**more: object) -> Panel:
    return Panel("losses of d", [Curve("d/adv", STEPS, NOISY)], "loss", **more)  # type: ignore[arg-type]


def test_the_same_panels_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        save_curves([panel()], tmp_path / f"{name}.png", tmp_path / f"{name}.svg")
    for kind in ("png", "svg"):
        assert (tmp_path / f"a.{kind}").read_bytes() == (tmp_path / f"b.{kind}").read_bytes()
    with Image.open(tmp_path / "a.png") as image:
        assert image.size == (552, 324) and np.asarray(image).std() > 10
    assert b"<svg" in (tmp_path / "a.svg").read_bytes()


def test_the_settings_of_the_user_change_nothing(tmp_path: Path) -> None:
    import matplotlib

    save_curves([panel()], tmp_path / "a.png")
    with matplotlib.rc_context({"lines.linewidth": 9, "font.size": 30}):
        save_curves([panel()], tmp_path / "b.png")
        assert matplotlib.rcParams["font.size"] == 30
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_raw_values_stand_pale_behind_smoothed_ones() -> None:
    raw, smooth = draw_curves([panel()]).axes[0].lines
    assert raw.get_alpha() < 0.5 and list(raw.get_ydata()) == NOISY
    assert smooth.get_label() == "d/adv"
    assert np.abs(np.diff(smooth.get_ydata())[10:]).max() < 0.5 < np.abs(np.diff(NOISY)[10:]).max()
    assert len(draw_curves([panel()], smooth=0).axes[0].lines) == 1


def test_few_values_are_shown_as_they_are() -> None:
    few = Panel("few", [Curve("swd", [1, 2, 3], [3.0, 1.0, 2.0])])
    (line,) = draw_curves([few]).axes[0].lines
    assert list(line.get_ydata()) == [3.0, 1.0, 2.0] and line.get_marker() == "o"


def test_a_panel_has_its_scale_its_floor_and_its_marks() -> None:
    marks = ((500, "resume"), (900, "resume"), (1500, "roll-back"))
    (axes,) = draw_curves([panel(log=True, floor=2.0, marks=marks)]).axes
    assert axes.get_yscale() == "log" and axes.get_title(loc="left") == "losses of d"
    names = [text.get_text() for text in axes.get_legend().get_texts()]
    assert names == ["d/adv", "real against real", "resume", "roll-back"]
    assert sum(list(line.get_xdata()) == [500, 500] for line in axes.lines) == 1


@pytest.mark.parametrize("count", [1, 40, 41])
def test_smoothing_shifts_nothing(count: int) -> None:
    line = np.arange(count, dtype=float)
    assert smoothed(line) == pytest.approx(line)


def test_matplotlib_is_imported_only_to_draw() -> None:
    code = "import sys, animekit.images.curves, animekit.cli; print('matplotlib' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == "False\n"
