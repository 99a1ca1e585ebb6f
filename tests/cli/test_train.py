"""`animekit train`: options, plans, runs, Ctrl-C and resume."""

from __future__ import annotations

import json
import re
import signal
from pathlib import Path
from typing import Any

import pytest

from animekit.cli.train import show
from animekit.models.collapse import Verdict
from animekit.runs.run import Run
from animekit.training import job, scoring
from animekit.training.watch import Lookout
from tests.support import answer, call, keeps_its_schema, tiny

STOPPER = '''
"""A logger that presses Ctrl-C."""
import os, signal
from animekit.training.logger import Logger
from animekit.hookspecs import hookimpl

class Stopper(Logger):
    """Stop the run at its third step."""
    name = "stopper"

    def log(self, step, stats):
        """Press Ctrl-C."""
        if step == 3:
            os.kill(os.getpid(), signal.SIGINT)

@hookimpl
def animekit_loggers():
    return [Stopper]
'''


def plan(pictures: Path, *words: str, model: str = "wgangp") -> dict[str, Any]:
    """Return the resolved values of a run that is only planned."""
    result = call(*tiny(pictures, *words, "-n", model=model), "--json")  # a plan has no schema
    assert result.exit_code == 0, result.output
    values = json.loads(result.stdout.splitlines()[-1])["data"]["values"]
    return {key: value for key, (value, origin) in values.items()}


def test_parameters_of_a_model_are_options_and_equal_set(pictures: Path) -> None:
    for words in (
        ["--gp-weight", "5", "--betas=0,0.99"],
        ["--set=gp_weight=5", "--set=betas=0,.99"],
    ):
        values = plan(pictures, *words)
        assert (values["gp_weight"], values["betas"]) == (5.0, [0.0, 0.99])


def test_switches_turn_on_and_off(pictures: Path) -> None:
    assert (plan(pictures)["mirror"], plan(pictures)["channels_last"]) == (False, True)
    values = plan(pictures, "--flip", "--no-channels-last", "--one-sided")
    assert (values["mirror"], values["channels_last"], values["one_sided"]) == (True, False, True)


def test_a_name_that_looks_like_a_number_stays_a_name(pictures: Path, tmp_path: Path) -> None:
    (tmp_path / "2024").symlink_to(pictures)
    assert plan(Path("2024"), "--name", "1e3")["name"] == "1e3"


def test_a_plan_says_everything_and_makes_nothing(pictures: Path) -> None:
    result = call(*tiny(pictures, "-n", "--measure", "--steps", "70", model="wgangp"))
    assert result.exit_code == 0
    for words in (
        r"would train +wgangp",
        r"into +runs/0001-wgangp-discs32",
        r"24 of 24 used",
        r"goal +70 steps",
        r"generator 0\.\d+ M",
        r"g every 5 steps",
        r"img/s, about 0",
        r"steps +70 +--steps",
    ):
        assert re.search(words, result.stdout), words
    assert not Path("runs").exists()


def test_a_plan_shows_what_each_tip_changes_and_what_is_stronger(pictures: Path) -> None:
    words = ["--tip", "5,17", "--tip", "none:4", "--set", "g_dropout=0.2", "--set", "d_norm=none"]
    result = call(*tiny(pictures, *words, "-n", model="gan"))
    assert result.exit_code == 0, result.output
    rows = [line.split() for line in result.stdout.splitlines()]
    found = {row[1]: (row[0], *row[2:5]) for row in rows if row and row[0] in ("5", "17", "none:4")}
    assert found["g_activation"][:3] == ("5", "auto", "lrelu")
    assert found["d_activation"] == ("5", "auto", "already", "so")
    assert found["g_dropout"][:2] == ("17", "0.2")
    assert found["d_norm"][:3] == ("none:4", "none", "none,")
    assert "none, not batch: --set is stronger" in result.stdout
    told = call(*tiny(pictures, *words, "-n", model="gan"), "--json")
    tips = json.loads(told.stdout.splitlines()[-1])["data"]["tips"]
    assert {"tip": "5", "parameter": "g_activation"}.items() <= tips[0].items()


def test_a_run_says_its_tips_at_the_start_and_a_refused_one_makes_none(pictures: Path) -> None:
    result = call(*tiny(pictures, "--tip", "17", "--steps", "1", model="gan"))
    assert result.exit_code == 0, result.output
    assert "g_dropout 0.0 -> 0.5; g_dropout_sampling false -> true" in result.stderr
    refused = call(*tiny(pictures, "--tip", "6", model="wgangp"))
    assert refused.exit_code == 4
    assert "tip 6 is about the labels of real and fake, and wgangp has none" in refused.stderr
    unknown = call(*tiny(pictures, "--tip", "7", model="gan"))
    assert unknown.exit_code == 4 and "tips are 1, 2, 3" in unknown.stderr


def test_a_run_reports_on_stderr_and_answers_with_its_folder(pictures: Path) -> None:
    result = call(*tiny(pictures, "--steps", "3"))
    assert result.exit_code == 0
    assert result.stdout == "runs/0001-gan-discs32\n"
    assert "run 0001-gan-discs32   data 24 images 32x32" in result.stderr
    assert "step=3/3" in result.stderr
    assert "next: animekit generate 0001-gan-discs32" in result.stderr
    quiet = call(*tiny(pictures, "--steps", "1", "-q", "-o", "other"))
    assert (quiet.stdout, quiet.stderr) == ("other/0001-gan-discs32\n", "")
    elsewhere = call("train", "gan", "--resume", "1", "-o", "other")
    assert "next: animekit generate other/0001-gan-discs32" in elsewhere.stderr


def test_json_lines_tell_the_whole_run(pictures: Path) -> None:
    result = call(*tiny(pictures, "--steps", "2", "--json"))
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    events = [line["event"] for line in lines]
    assert events[:2] == ["plan", "start"]
    assert {"tick", "sample", "checkpoint"} < set(events)
    assert events[-1] == "end"
    assert keeps_its_schema(lines[-1])
    assert lines[-1]["data"]["id"] == "0001-gan-discs32"
    assert {line["schema"] for line in lines} == {"animekit.train/1"}


def test_a_bare_resume_goes_on_with_the_newest_run(pictures: Path) -> None:
    call(*tiny(pictures, "--steps", "2"))
    result = call("train", "gan", "--resume", "--steps", "4")
    assert result.exit_code == 0, result.stderr
    assert result.stdout == "runs/0001-gan-discs32\n"
    assert Run("1").metrics()[-1]["step"] == 4
    for words in (["--resume", "1"], ["--resume=1"], ["--resume-run", "0001"]):
        assert call("train", "gan", *words, "--steps", "4").exit_code == 0, words
    other = call("train", "wgangp", "--resume", "1", "--steps", "5")
    assert (other.exit_code, other.stdout) == (4, "")


def test_ctrl_c_saves_and_says_how_to_go_on(pictures: Path, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "stopper.py").write_text(STOPPER)
    before = signal.getsignal(signal.SIGINT)  # in a background job it is ignored
    result = call(*tiny(pictures, "--steps", "9", "--stopper", "--plugins-dir", folder))
    assert result.exit_code == 130
    assert result.stderr.splitlines()[-2].startswith("stopped at step ")
    assert "animekit train gan --resume runs/0001-gan-discs32" in result.stderr.splitlines()[-1]
    assert signal.getsignal(signal.SIGINT) is before
    rows = answer("runs")["data"]
    assert [(row["state"], row["steps"] < 9) for row in rows] == [("interrupted", True)]


def test_a_run_that_collapses_ends_there_with_one_line_and_exit_7(
    pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    verdict = Verdict("collapse", "the samples are alike: mode collapse", "collapse")
    monkeypatch.setattr(scoring, "YOUNG", 0)
    monkeypatch.setattr(job, "FEWEST", 4)
    monkeypatch.setattr(Lookout, "verdict", lambda *_: ({"eval/twins": 0.1}, verdict))
    words = ("--steps", "9", "--sample-every", "2")
    told = call(*tiny(pictures, *words))
    assert told.exit_code == 0
    assert told.stderr.count("alarm step=2: the samples are alike: mode collapse") == 1
    assert "alarm/" not in told.stderr
    result = call(*tiny(pictures, *words, "--stop-on", "collapse"))
    assert result.exit_code == 7
    said, hint = result.stderr.splitlines()[-2:]
    assert said.endswith("stopped at step 2, everything is saved: " + verdict.text)
    assert "animekit train gan --resume runs/0002-gan-discs32 --stop-on none" in hint
    assert call("train", "gan", "--resume", "2", "--stop-on", "none").exit_code == 0
    ended = call(*tiny(pictures, *words, "--stop-on", "any", "--json"))
    lines = [json.loads(line) for line in ended.stdout.splitlines()]
    alarm = next(line for line in lines if line["event"] == "alarm")
    assert (alarm["step"], alarm["message"]) == (2, verdict.text)
    assert (lines[-1]["exit_code"], lines[-1]["error"]["code"]) == (7, "alarm.collapse")
    assert keeps_its_schema(lines[-1])


def test_the_display_of_a_run_is_dropped_rather_than_the_run(
    pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(show.Plain, "log", lambda *given: 1 / 0)
    assert call(*tiny(pictures, "--steps", "1")).exit_code == 0
