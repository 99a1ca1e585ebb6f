"""The curves of runs: which panels there are, and the files in a run's folder."""

from __future__ import annotations

import csv
from pathlib import Path

from animekit.runs.curves import panels, write_curves
from animekit.runs.history import History, Mark, Series
from animekit.runs.weights_log import Histogram
from tests.runs.test_history import ROWS, run_of

ONE = History(
    series={
        "d/adv": Series((10, 20), (1.0, 100.0)),
        "d/gp": Series((10, 20), (1.0, 0.5)),
        "d/acc_real": Series((10, 20), (0.5, 1.0)),
        "g/adv": Series((10, 20), (-1.0, 2.0)),
        "swd_avg": Series((20,), (40.0,)),
        "seconds": Series((10, 20), (1.0, 2.0)),
    },
    marks=(Mark(10, "resume"),),
    floors={"swd_avg": 9.0},
)


def test_a_run_has_a_panel_for_metrics_phases_and_what_is_measured() -> None:
    found = {panel.title: panel for panel in panels({"a": ONE})}
    assert list(found) == ["swd", "losses of d", "losses of g", "accuracy of D"]
    assert found["swd"].curves[0].floor == 9.0 and found["losses of d"].floor is None
    assert [curve.label for curve in found["losses of d"].curves] == ["d/adv", "d/gp"]
    assert found["losses of d"].log and not found["losses of g"].log
    assert all(panel.marks == ONE.marks for panel in found.values())


def test_several_runs_share_a_panel_for_each_number() -> None:
    other = History({"swd_avg": Series((5,), (80.0,)), "v/kl": Series((5,), (1.0,))})
    found = {panel.title: panel for panel in panels({"a": ONE, "b": other})}
    assert [curve.label for curve in found["swd_avg"].curves] == ["a", "b"]
    assert [curve.label for curve in found["v/kl"].curves] == ["b"]
    assert found["swd_avg"].floor == 9.0 and found["swd_avg"].marks == ()


def test_the_files_hold_what_was_reported(tmp_path: Path) -> None:
    assert write_curves(run_of(tmp_path))
    with (tmp_path / "curves.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["step"] for row in rows] == ["10", "20"]
    assert rows[1]["d/adv"] == "1.0" and rows[0]["swd_avg"] == ""
    assert {path.name for path in tmp_path.glob("curves.*")} == {
        "curves.png",
        "curves.svg",
        "curves.csv",
    }


def test_one_report_is_no_curve(tmp_path: Path) -> None:
    assert not write_curves(run_of(tmp_path, [dict(ROWS[0])]))
    assert not list(tmp_path.glob("curves.*"))


def test_the_sides_of_a_metric_share_a_panel_and_the_mean_is_first() -> None:
    keys = ("swd_64", "swd_32", "swd_avg", "ms_ssim")
    found = panels({"a": History({key: Series((5,), (1.0 + n,)) for n, key in enumerate(keys)})})
    assert [panel.title for panel in found] == ["swd", "ms ssim"]
    assert [curve.label for curve in found[0].curves] == ["swd_avg", "swd_64", "swd_32"]


def test_curves_that_are_one_are_drawn_as_one() -> None:
    same = {f"d/{key}": Series((1, 2), (0.5, 0.7)) for key in ("acc_real", "acc_fake")}
    (panel,) = panels({"a": History(same)})
    assert [curve.label for curve in panel.curves] == ["d/acc_real = d/acc_fake"]


def test_weights_of_a_network_that_judges_are_drawn_at_four_checkpoints() -> None:
    weights = tuple(
        Histogram(100 * n, phase, 0.5, (1, 2, 1)) for n in range(9) for phase in ("d", "g")
    )
    history = History({"d/acc_real": Series((1,), (0.5,))}, weights=weights)
    panel = next(each for each in panels({"a": history}) if each.kind == "bars")
    assert [curve.label for curve in panel.curves] == ["step 0", "step 300", "step 500", "step 800"]
    assert panel.title == "weights of d" and panel.curves[0].values == [0.25, 0.5, 0.25]


def test_where_the_time_goes_is_shares_with_reports_on_top() -> None:
    parts = {f"time/{part}": Series((1,), (0.2 + n,)) for n, part in enumerate(("reports", "d"))}
    found = panels({"a": History({"d/grad": Series((1,), (1.0,)), **parts})})[-1]
    assert found.kind == "shares" and [curve.label for curve in found.curves] == ["d", "reports"]


def test_a_run_keeps_its_colour_in_panels_that_not_all_have() -> None:
    series = Series((1, 2, 3), (1.0, 2.0, 3.0))
    one = History({"d/adv": series}, (), {})
    other = History({"d/adv": series, "d/gp": series}, (), {})
    found = {panel.title: panel.curves for panel in panels({"one": one, "other": other})}
    assert [curve.place for curve in found["d/adv"]] == [0, 1]
    assert [curve.place for curve in found["d/gp"]] == [1]
