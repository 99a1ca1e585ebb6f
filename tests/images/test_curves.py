"""Curves: panels as pictures whose bytes depend on nothing but the numbers."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import matplotlib.colors
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
    steady = [np.abs(np.diff(values)[10:-5]).max() for values in (smooth.get_ydata(), NOISY)]
    assert steady[0] < 0.6 < steady[1]
    assert len(draw_curves([panel()], smooth=0).axes[0].lines) == 1


def test_few_values_are_shown_as_they_are() -> None:
    few = Panel("few", [Curve("swd", [1, 2, 3], [3.0, 1.0, 2.0])])
    (line,) = draw_curves([few]).axes[0].lines
    assert list(line.get_ydata()) == [3.0, 1.0, 2.0] and line.get_marker() == "o"


def test_a_panel_has_its_scale_its_floor_and_its_marks() -> None:
    marks = ((500, "resume"), (900, "resume"), (1500, "roll-back"))
    axes, other = draw_curves([panel(log=True, floor=2.0, marks=marks), panel(marks=marks)]).axes
    assert [text.get_text() for text in other.get_legend().get_texts()] == ["d/adv"]
    assert axes.get_yscale() == "log" and axes.get_title(loc="left") == "losses of d"
    names = [text.get_text() for text in axes.get_legend().get_texts()]
    assert names == ["d/adv", "real against real", "resume", "roll-back"]
    assert sum(list(line.get_xdata()) == [500, 500] for line in axes.lines) == 1


@pytest.mark.parametrize("count", [1, 40, 41])
def test_smoothing_shifts_nothing(count: int) -> None:
    line = np.arange(count, dtype=float)
    assert smoothed(line) == pytest.approx(line)


def test_a_curve_has_a_floor_of_its_own() -> None:
    curves = [Curve("a", [1, 2], [9.0, 8.0], floor=2.0), Curve("b", [1, 2], [7.0, 6.0], floor=1.0)]
    (axes,) = draw_curves([Panel("swd", curves)]).axes
    floors = {
        line.get_ydata()[0]: line.get_color()
        for line in axes.lines
        if len(set(line.get_ydata())) == 1
    }
    assert list(floors) == [2.0, 1.0] and axes.get_ylim()[0] <= 1.0
    assert list(floors.values()) == [line.get_color() for line in axes.lines[:2]]


def test_a_crowd_is_named_once_below_its_panels_and_told_apart() -> None:
    def panel(title: str, count: int) -> Panel:
        curves = [Curve(f"seed={n}", [0, 1], [0, n], place=n) for n in range(count)]
        return Panel(title, curves, marks=[(1, "resume")])

    figure = draw_curves([panel("a", 10), panel("b", 2)])
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == [f"seed={n}" for n in range(10)]
    first, second = figure.axes
    own = first.get_legend()
    assert own is not None and [text.get_text() for text in own.get_texts()] == ["resume"]
    assert second.get_legend() is None
    looks = {(line.get_color(), line.get_linestyle()) for line in first.lines[:10]}
    assert len(looks) == 10
    assert first.get_window_extent().y0 > legend.get_window_extent().y1
    assert not draw_curves([panel("a", 4)]).legends
    alone = [Curve(f"key {n}", [0, 1], [0, n]) for n in range(9)]  # its colours begin anew in each
    assert not draw_curves([Panel("a", alone)]).legends


def test_the_first_steps_may_leave_the_frame() -> None:
    wild = [-1e6, *np.sin(np.arange(99.0))]
    (axes,) = draw_curves([Panel("loss", [Curve("d/adv", range(100), wild)])]).axes
    assert -10 < axes.get_ylim()[0] < -1 and axes.get_ylim()[1] > 1


def test_shares_lie_on_each_other() -> None:
    parts = [Curve("data", [1, 2, 3], [0.2, 0.1, 0.2]), Curve("g", [2], [0.5])]
    (axes,) = draw_curves([Panel("time", parts, kind="shares")]).axes
    tops = [part.get_paths()[0].vertices[:, 1].max() for part in axes.collections]
    assert tops == pytest.approx([0.2, 0.6]) and axes.get_ylim() == (0, 1)


def test_the_newest_histogram_is_the_darkest() -> None:
    bins = [Curve(f"step {n}", [-1, 0, 1], [0.0, 0.5, 0.5]) for n in range(4)]
    (axes,) = draw_curves([Panel("weights", bins, xlabel="weight", kind="bars")]).axes
    light = [sum(matplotlib.colors.to_rgb(line.get_color())) for line in axes.lines]
    assert light == sorted(light, reverse=True) and axes.get_yscale() == "log"


def test_matplotlib_is_imported_only_to_draw() -> None:
    code = "import sys, animekit.images.curves, animekit.cli; print('matplotlib' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == "False\n"


def test_what_is_drawn_by_powers_is_smoothed_by_powers() -> None:
    values = [10.0**-power for power in range(9, -1, -1)]
    figure = draw_curves([Panel("x", [Curve("a", range(10), values)], log=True)], smooth=0.2)
    line = figure.axes[0].lines[-1].get_ydata()
    assert np.allclose(line, values) and min(line) > 0  # a mean would lie far above, its ends below
