"""What a person or a program sees: answers, errors, tables, and the displays of a run."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from animekit.cli._console import Screen
from animekit.cli._progress import packing
from animekit.cli.train import show
from animekit.cli.train.show import Lines, Live, Plain
from animekit.errors import DataError, Stopped
from animekit.images.write import write_png
from animekit.plugins import Registry
from animekit.runs.run import Run
from animekit.training.recipe import TrainOptions
from tests.support import call, problems

ALIASES = {"d/wasserstein": "-w_est", "d/gp": "gp"}


def report(**changes: float) -> dict[str, float]:
    """Return a report as the training loop makes it."""
    terms = {"d/wasserstein": -2.5, "d/gp": 0.25, "g/adv": 1.5}
    facts = {"seconds": 10.0, "images": 6400.0, "generator_updates": 20.0, "img_s": 640.0}
    return {**terms, **facts, **changes}


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Return a run folder of 200 steps of 64 images."""
    options = TrainOptions(steps=200, batch_size=64, data="faces")
    config = {
        "model": "wgangp",
        "options": options.model_dump(mode="json"),
        "resolved": {"device": "cpu", "precision": "fp32"},
        "spec": {"size": 64},
        "data": {"where": "faces", "used": 998, "skipped": [["a.png", "truncated"]] * 7},
    }
    return Run.create("wgangp", "faces64", config, tmp_path / "runs")


def began(display: Any, run: Run) -> Any:
    """Return the display after it was told of the run."""
    display.start(run, run.config)
    return display


def test_a_result_is_one_path_and_quiet_leaves_only_it(capsys: pytest.CaptureFixture[str]) -> None:
    for quiet, expected in ((False, "x.png  25 faces\nanswer\n"), (True, "x.png\n")):
        screen = Screen(quiet=quiet)
        screen.made("x.png", "grid", "25 faces")
        screen.say("answer")
        screen.note("on the way")
        seen = capsys.readouterr()
        assert seen.out == expected
        assert seen.err == ("" if quiet else "on the way\n")


def test_a_table_stands_in_columns_and_plain_is_one_record_a_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    rows = [("wgangp", "a" * 200), ("gan", None)]
    Screen().table(("name", "what"), rows)
    assert capsys.readouterr().out == f"name    what\nwgangp  {'a' * 200}\ngan\n"
    Screen(plain=True).table(("name", "what"), rows)
    assert capsys.readouterr().out == f"wgangp\t{'a' * 200}\ngan\t\n"


def test_an_error_says_what_failed_and_indents_what_to_type(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Screen().error(DataError("no images in [data]/face", "did you mean data/faces?\nor demo"))
    seen = capsys.readouterr()
    assert seen.out == ""
    assert seen.err == ("error: no images in [data]/face\n  did you mean data/faces?\n  or demo\n")


def test_a_stop_is_no_error(capsys: pytest.CaptureFixture[str]) -> None:
    Screen().error(Stopped("stopped at step 7", "go on: ..."))
    assert capsys.readouterr().err == "stopped at step 7\n  go on: ...\n"


def test_verbose_shows_the_trace_of_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    try:
        raise DataError("nothing there")
    except DataError as error:
        Screen(verbose=True).error(error, error)
    assert "test_console.py" in capsys.readouterr().err


def test_the_json_answer_has_the_same_keys_for_success_and_failure(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    picture = tmp_path / "x.png"
    picture.write_bytes(b"abc")
    keys = set()
    for error in (None, DataError("no", "type this", code="data.none")):
        screen = Screen(as_json=True)
        screen.made(picture, "grid")
        screen.warn("odd", "code")
        screen.finish("generate", {"num": 1}, None if error else [1], error)
        answer = json.loads(capsys.readouterr().out)
        keys.add(tuple(answer))
        assert answer["ok"] is (error is None)
        assert answer["schema"] == "animekit.generate/1"
        assert answer["warnings"] == [{"code": "code", "message": "odd"}]
        assert answer["artifacts"][0]["sha256"].startswith("ba7816bf")
    assert len(keys) == 1
    assert answer["exit_code"] == 4
    assert answer["error"] == {"code": "data.none", "message": "no", "hint": "type this"}


def test_plain_lines_come_at_most_each_half_minute_with_the_first_and_the_last(
    capsys: pytest.CaptureFixture[str], run: Run
) -> None:
    display = began(Plain(Screen(), ALIASES), run)
    now = 0.0
    display.beat.clock = lambda: now
    for step in range(10, 110, 10):
        display.log(step, report())
        now += 7.0
    display.close()
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("step=")]
    assert [line.split()[0] for line in lines] == ["step=10/200", "step=60/200", "step=100/200"]
    assert lines[0] == ("step=10/200 kimg=6.4 w_est=2.5 gp=0.25 g/adv=1.5 img_s=640 eta_s=19")


def test_a_run_begins_with_its_data_and_the_files_that_were_left_out(
    capsys: pytest.CaptureFixture[str], run: Run
) -> None:
    began(Plain(Screen(), {}, "g alone means nothing"), run)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "run 0001-wgangp-faces64   data 998 images 64x64 (faces)   cpu fp32"
    assert lines.count("  skipped a.png: truncated") == 5
    assert lines[-2:] == [
        "  and 2 more, all named in the run's config.json",
        "reading the losses: g alone means nothing",
    ]


def test_an_evaluation_is_no_report_of_training(
    capsys: pytest.CaptureFixture[str], run: Run
) -> None:
    began(Plain(Screen(), {}), run).log(50, {"eval/swd_avg": 12.5})
    assert "eval step=50 swd_avg=12.5" in capsys.readouterr().err
    began(Lines(Screen(as_json=True), {}), run).log(50, {"eval/swd_avg": 12.5})
    last = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (last["event"], last["step"], last["swd_avg"]) == ("eval", 50, 12.5)


def test_every_json_line_is_an_event(capsys: pytest.CaptureFixture[str], run: Run) -> None:
    display = began(Lines(Screen(as_json=True), ALIASES), run)
    display.picture(0, "reals", np.zeros((2, 2, 3), np.uint8), Path("reals.png"))
    display.log(10, report())
    display.note(10, "checkpoint", "saved step 10")
    display.note(11, "rollback", "back to step 10")
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["event"] for line in lines] == [
        *("plan", "start", "sample", "tick", "checkpoint", "warning")
    ]
    assert lines[3]["d/wasserstein"] == -2.5
    assert lines[3]["eta_s"] == 19.0


def test_a_closed_pipe_does_not_end_a_run(run: Run) -> None:
    class Closed(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    for kind in (Plain, Live):
        screen = Screen()
        screen.err = Console(file=Closed())
        screen.note = _raise  # type: ignore[method-assign]
        display = kind(screen, ALIASES)
        display.steps = 10
        display.write("a word")


def _raise(*arguments: Any) -> None:
    raise BrokenPipeError


def test_the_live_table_grows_by_rows_above_a_bar(run: Run) -> None:
    screen = Screen()
    screen.err = Console(file=io.StringIO(), force_terminal=True, width=120, color_system=None)
    display = began(Live(screen, ALIASES), run)
    display.picture(0, "000000", np.zeros((2, 2, 3), np.uint8), Path("samples/000000.png"))
    display.log(100, report())
    display.note(150, "warning", "losses are large")
    display.log(200, report(images=12800.0))
    display.close()
    text = screen.err.file.getvalue()  # type: ignore[attr-defined]
    assert "step      kimg     w_est        gp     g/adv     img/s  note" in text
    assert "100       6.4      2.50     0.250      1.50       640  sample 000000.png" in text
    assert "losses are large" in text
    assert "200      12.8" in text
    assert "100 % 200/200 ETA 00:00" in text


def test_the_bar_has_a_small_curve_of_the_first_loss_and_then_of_the_metric(run: Run) -> None:
    screen = Screen()
    screen.err = Console(file=Utf8(), force_terminal=True, width=160, color_system=None)
    display = began(Live(screen, ALIASES), run)
    for step, value in enumerate((-1.0, -2.0, -8.0)):
        display.log(step, report(**{"d/wasserstein": value}))
    assert display._bar.tasks[0].fields["curve"] == "w_est ▁▂█"
    display.log(3, {"eval/swd_16": 1.0, "eval/swd_avg": 50.0, "floor/swd_avg": 9.0})
    display.log(4, report())
    display.log(5, {"eval/swd_16": 1.0, "eval/swd_avg": 40.0, "floor/swd_avg": 9.0})
    assert display._bar.tasks[0].fields["curve"] == "swd_avg █▁"
    display.close()
    assert "swd_avg █▁" in screen.err.file.getvalue()  # type: ignore[attr-defined]


def test_measures_are_shown_once_and_few(capsys: pytest.CaptureFixture[str], run: Run) -> None:
    display = began(Plain(Screen(), ALIASES), run)
    more = {"d/acc_real": 0.75, "d/grad": 3.0, "d/w_est": 2.5, "time/data": 0.1, "epoch": 1.28}
    display.log(10, report(**more))
    display.log(20, {"eval/swd_avg": 50.0, "floor/swd_avg": 9.0})
    lines = capsys.readouterr().err.splitlines()[-2:]
    assert lines[0].startswith("step=10/200 epoch=1.28 kimg=6.4 w_est=2.5 gp=0.25 g/adv=1.5 d/acc")
    assert "grad" not in lines[0] and "time" not in lines[0] and lines[0].count("w_est") == 1
    assert lines[1] == "eval step=20 swd_avg=50 real_swd_avg=9"


class Utf8(io.StringIO):
    encoding = "utf-8"


def test_the_bar_moves_by_the_clock_where_minutes_are_the_goal(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    screen = Screen()
    screen.err = Console(file=io.StringIO(), force_terminal=True, width=120, color_system=None)
    display = Live(screen, ALIASES)
    now = 100.0
    monkeypatch.setattr(show.time, "monotonic", lambda: now)
    display.start(run, {**run.config, "options": {"minutes": 1.0}})
    bar = display._bar
    assert bar.tasks[0].completed == 0
    now = 130.0
    bar.refresh()
    assert bar.tasks[0].completed == 0.5  # no report has come yet
    display.log(3, report(seconds=36.0))
    now = 136.0
    bar.refresh()
    assert bar.tasks[0].completed == pytest.approx(0.7)
    now = 1000.0
    bar.refresh()
    assert bar.tasks[0].completed == 1
    display.close()


def test_packing_is_told_once_in_a_pipe_and_makes_room_for_the_next_bar_on_a_screen(
    capsys: pytest.CaptureFixture[str], run: Run
) -> None:
    with packing(Screen()) as progress:
        for done in (0, 500, 1000):
            progress(done, 1000)
    assert capsys.readouterr().err == "packing 1,000 images, once for this data set and size\n"
    screen = Screen()
    screen.live = True
    screen.err = Console(file=io.StringIO(), force_terminal=True, width=120, color_system=None)
    with packing(screen) as progress:
        for _ in range(2):  # two data sets
            progress(0, 1000)
            progress(500, 1000)
            progress(1000, 1000)
        display = began(Live(screen, ALIASES), run)  # Rich has one live display at a time
        display.close()
    assert "0/1000" in screen.err.file.getvalue()  # type: ignore[attr-defined]


def test_time_left_is_that_of_the_nearer_goal(run: Run) -> None:
    display = began(Plain(Screen(quiet=True), {}), run)
    assert display.seconds_left(100, report(img_s=64.0)) == pytest.approx(100.0)
    display.seconds = 60.0
    assert display.seconds_left(100, report(img_s=64.0, seconds=45.0)) == pytest.approx(15.0)
    assert display.share_done(100, report(seconds=45.0)) == 0.75


def test_the_display_fits_the_reader(registry: Registry) -> None:
    model = registry.get("model", "wgangp")
    assert isinstance(show.display(Screen(), model), Plain)
    assert isinstance(show.display(Screen(as_json=True), model), Lines)
    screen = Screen()
    screen.live = True
    assert isinstance(show.display(screen, model), Live)


def test_tensorboard_files_hold_reports_and_pictures(registry: Registry, run: Run) -> None:
    pytest.importorskip("tensorboard")
    logger = registry.get("logger", "tensorboard")()
    logger.start(run, run.config)
    logger.log(10, {"d/gp": 0.25})
    logger.picture(10, "000010", np.full((4, 4, 3), 200, np.uint8), Path("000010.png"))
    logger.note(10, "warning", "odd")
    logger.close()
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(run.path / "tensorboard")).Reload()
    assert [(event.step, event.value) for event in events.Scalars("d/gp")] == [(10, 0.25)]
    assert events.Tags()["images"] == ["samples"]


def test_tensorboard_that_is_missing_says_what_to_install(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(Exception, match="not installed") as caught:
        registry.get("logger", "tensorboard")()
    assert ".[tensorboard]" in caught.value.hint


def test_a_schema_of_answers_can_be_broken() -> None:
    schema = {"type": "object", "required": ["a"], "properties": {"b": {"enum": [1]}}}
    assert problems(schema, {"b": 2}) == [
        "$: 'a' is a required property",
        "$.b: 2 is not one of [1]",
    ]
    assert problems({"items": {"type": "integer"}}, [1, True]) == [
        "$[1]: True is not of type 'integer'"
    ]
    assert problems("models.ls", {}) != []


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Take note of what the browser is told to open."""
    found: list[str] = []
    monkeypatch.setattr("webbrowser.open", lambda url: bool(found.append(url)) or True)
    return found


def test_open_shows_the_page_before_the_pictures(opened: list[str], tmp_path: Path) -> None:
    screen = Screen(quiet=True)
    for name in ("a.csv", "b.png", "c d.html", "e.gif"):
        (tmp_path / name).write_text("x", encoding="utf-8")
        screen.record(tmp_path / name, "thing")
    screen.open_made()
    assert opened == [(tmp_path / "c d.html").as_uri()]


def test_open_is_an_option_of_a_command_and_not_of_its_dry_run(opened: list[str]) -> None:
    words = ("generate", "faces64", "--num", "2", "-o", "new.png", "--open")
    assert call(*words, "-n").exit_code == 0 and not opened
    assert call(*words).exit_code == 0
    assert opened == [Path("new.png").absolute().as_uri()]


def test_nothing_to_open_and_no_browser_are_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("webbrowser.open", lambda url: False)
    screen = Screen()
    screen.open_made()
    assert "there is nothing to open" in capsys.readouterr().err
    (tmp_path / "a.png").write_text("x", encoding="utf-8")
    screen.record(tmp_path / "a.png", "picture")
    screen.open_made()
    assert [each["code"] for each in screen.warnings] == ["open", "open"]
    assert "no browser was found to open" in capsys.readouterr().err


def test_beside_an_error_nothing_is_said_of_what_was_not_made(opened: list[str]) -> None:
    screen = Screen(quiet=True)
    try:
        raise ValueError("no")
    except ValueError:
        screen.open_made()
    assert not screen.warnings and not opened


def test_what_is_below_a_gate_is_opened_all_the_same(opened: list[str]) -> None:
    shades = np.arange(25, dtype=np.uint8).reshape(5, 5) * 10
    write_png("grey.png", np.repeat(np.kron(shades, np.ones((64, 64), np.uint8))[..., None], 3, 2))
    missed = call("grade", "grey.png", "-o", "grades", "--open")
    assert missed.exit_code == 5, missed.stderr
    assert opened == [Path("grades/index.html").absolute().as_uri()]


def test_a_narrow_screen_loses_spare_columns_and_cuts_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("animekit.cli._console.is_terminal", lambda stream: True)
    screen = Screen()
    head = ("id", "state", "swd_avg", "data", "size")
    row = ("0001-relativistic-faces64", "interrupted", "215 (39.6)", "faces", "1.06 MB")

    def written(width: int) -> str:
        screen.out = Console(
            file=io.StringIO(), force_terminal=True, width=width, color_system=None
        )
        screen.table(head, [row], spare=("size", "data"))
        return screen.out.file.getvalue()  # type: ignore[attr-defined]

    assert all(cell in written(90) for cell in row)
    assert all(cell in written(60) for cell in row[:3])
    assert "1.06 MB" not in written(60)
    narrow = written(50)
    assert row[0] in narrow
    assert "…" not in narrow
    assert "".join(line[27:38].strip() for line in narrow.splitlines()[1:]).startswith("interrup")
