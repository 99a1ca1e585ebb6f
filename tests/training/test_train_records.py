"""What a run leaves to be read: measures, marks, histograms, curves; and epochs for steps."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from animekit.data.batch import Batch
from animekit.errors import ConfigError
from animekit.models.base import Losses
from animekit.plugins import Registry
from animekit.runs import checkpoint, weights_log
from animekit.runs.history import Mark, read_history
from animekit.runs.run import Run
from animekit.training.plan import plan
from animekit_plugins.models.gan import GAN

Train = Callable[..., Run]
CURVES = {"curves.png", "curves.svg", "curves.csv"}
OF_THE_MACHINE = ("seconds", "img_s")


def measured(run: Run) -> list[dict[str, Any]]:
    """Return the reports without what no two runs have in common."""
    rows = run.metrics()
    return [{k: v for k, v in row.items() if not k.startswith(OF_THE_MACHINE)} for row in rows]


def test_reports_hold_what_was_measured(tiny: Train) -> None:
    run = tiny(steps=3, batch_size=8)
    for row in run.metrics():
        assert {"d/acc_real", "d/acc_fake", "d/grad", "g/grad"} <= row.keys()
        assert row["epoch"] == pytest.approx(row["step"] * 8 / 24, rel=1e-5)
    history = read_history(run)
    assert history.metrics == [] and history.series["time/data"].steps == (1, 2, 3)


def test_measures_and_histograms_go_on_as_in_an_unbroken_run(tiny: Train) -> None:
    straight = tiny(steps=4, save_every=2, log_every=2)
    cut = tiny(steps=2, save_every=2, log_every=2)
    tiny(resume=cut.path, steps=4)
    assert measured(cut) == measured(straight)
    assert weights_log.read(cut.path) == weights_log.read(straight.path)
    assert [each.step for each in weights_log.read(cut.path)] == [0, 0, 2, 2, 4, 4]
    assert read_history(cut).series["time/d"].steps == (2, 4)
    assert read_history(cut).marks == (Mark(2, "resume"),)
    assert read_history(straight).marks == ()


def test_a_run_that_is_finished_is_not_marked_again(tiny: Train) -> None:
    run = tiny(steps=2)
    tiny(resume=run.path)
    assert read_history(run).marks == ()


def test_a_roll_back_is_marked_and_its_histograms_come_again(
    tiny: Train, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, left = GAN.d_loss, [1]

    def breaking(self: GAN, real: Batch, fake: Batch) -> Losses:
        terms = whole(self, real, fake)
        if left[0] and falls_at(self, 4):
            left[0] -= 1
            return {**terms, "real": terms["real"] * float("nan")}
        return terms

    steps = [0]

    def falls_at(model: GAN, step: int) -> bool:
        steps[0] += 1
        return steps[0] == step

    monkeypatch.setattr(GAN, "d_loss", breaking)
    run = tiny(steps=6, save_every=2)
    assert read_history(run).marks == (Mark(2, "roll-back"),)
    assert [row["step"] for row in run.metrics()] == list(range(1, 7))
    assert [each.step for each in weights_log.read(run.path)][::2] == [0, 2, 4, 6]


def test_an_evaluation_says_what_real_images_get(
    tiny: Train, tmp_path: Path, pictures: Path
) -> None:
    from PIL import Image

    folder = tmp_path / "many"
    folder.mkdir()
    random = np.random.default_rng(0)
    for number in range(128):
        pixels = random.integers(0, 256, (32, 32, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.png")
    history = read_history(tiny(data=folder, steps=2, eval_every=1, eval_num=64))
    assert set(history.floors) == set(history.metrics) >= {"swd_avg", "swd_32"}
    assert 0 < history.floors["swd_avg"] < min(history.series["swd_avg"].values)


@pytest.mark.usefixtures("with_curves")
def test_a_run_draws_its_curves_and_leaves_no_other_file(tiny: Train) -> None:
    run = tiny(steps=4, save_every=2)
    assert {path.name for path in run.path.glob("*curves*")} == CURVES
    first = (run.path / "curves.csv").read_text()
    tiny(resume=run.path, steps=6)
    assert (run.path / "curves.csv").read_text().startswith(first.rsplit(",", 20)[0][:40])
    assert len((run.path / "curves.csv").read_text().splitlines()) == 7


def test_a_run_does_not_die_of_its_curves(tiny: Train, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(run: Run) -> bool:
        raise MemoryError("no room to draw")

    monkeypatch.setattr("animekit.training.reporter.write_curves", broken)
    run = tiny(steps=3, save_every=1)
    log = (run.path / "log.txt").read_text()
    assert log.count("the curves cannot be drawn: MemoryError") == 1
    assert int(checkpoint.newest_sound(run.path).name) == 3


def test_checkpoints_that_come_quickly_are_not_all_drawn(
    tiny: Train, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = []
    monkeypatch.setattr(
        "animekit.training.reporter.write_curves", lambda run: drawn.append(len(run.metrics()))
    )
    tiny(steps=3, save_every=1)
    assert drawn == [1, 2, 3, 3], "until there is something to draw, each is asked"
    drawn.clear()
    monkeypatch.setattr(
        "animekit.training.reporter.write_curves",
        lambda run: drawn.append(len(run.metrics())) or True,
    )
    monkeypatch.setattr("animekit.training.reporter.DRAWING", 1e-9)
    tiny(steps=3, save_every=1)
    assert drawn == [1, 3], "the first, and the last"


def test_epochs_are_steps_of_the_data(tiny: Train, pictures: Path) -> None:
    run = tiny(epochs=1.5, batch_size=8, holdout=0.5)
    *_, before, last = run.metrics()
    assert run.config["options"]["epochs"] == 1.5
    assert before["epoch"] < 1.5 <= last["epoch"]
    assert run.config["options"]["steps"] == last["step"]
    assert run.config["origins"]["steps"] == "epochs"


def test_a_plan_shows_steps_and_epochs(pictures: Path, registry: Registry) -> None:
    made = plan("gan", pictures, registry=registry, size=32, batch_size=8, epochs=2)
    assert (made.steps, made.epochs) == (6, 2.0)
    assert ("goal", "6 steps, 2 epochs") in made.as_table()
    assert plan("gan", pictures, registry=registry, size=32, batch_size=8, steps=3).epochs == 1.0
    assert plan("gan", pictures, registry=registry, size=32, minutes=1).epochs is None


def test_epochs_beside_steps_are_refused(tiny: Train, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="two ends"):
        tiny(epochs=1, steps=2)
    both = tmp_path / "both.toml"
    both.write_text("epochs = 1\nsteps = 2\n")
    with pytest.raises(ConfigError, match="two ends"):
        tiny(config=both)
    run = tiny(steps=1)
    with pytest.raises(ConfigError, match="two ends"):
        tiny(resume=run.path, epochs=1, steps=2)


def test_the_stronger_of_steps_and_epochs_counts(tiny: Train, tmp_path: Path) -> None:
    file = tmp_path / "some.toml"
    file.write_text("steps = 50\n")
    assert tiny(config=file, epochs=0.5).metrics()[-1]["step"] == 3
    file.write_text("epochs = 50\n")
    assert tiny(config=file, steps=1).metrics()[-1]["step"] == 1


def test_a_resumed_run_takes_other_epochs_or_steps(tiny: Train) -> None:
    run = tiny(epochs=0.5)
    tiny(resume=run.path, epochs=1)
    assert run.metrics()[-1]["step"] == run.config["options"]["steps"] == 6
    tiny(resume=run.path, steps=7)
    assert run.metrics()[-1]["step"] == 7 and run.config["options"]["epochs"] is None
    tiny(resume=run.path)
    assert run.metrics()[-1]["step"] == 7


def test_the_values_of_a_run_of_epochs_can_be_taken_for_another(tiny: Train) -> None:
    run = tiny(epochs=0.5)
    again = tiny(config=run.path / "config.json")
    assert json.dumps(again.config["options"]) == json.dumps(run.config["options"])
