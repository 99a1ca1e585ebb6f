"""What an evaluation finds, and what it refuses before it measures."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from animekit import plugins
from animekit.errors import CheckpointError, NotFoundError, UnusableError
from animekit.evaluation import reference
from animekit.evaluation.evaluate import evaluate
from animekit.evaluation.fakes import ModelContender, contender
from animekit.evaluation.held_out import find
from animekit.evaluation.image_set import ImageSet
from animekit.evaluation.plan import RealPlace, find_real
from animekit.plugins import Registry
from animekit.runs.run import Run, load_model, write_config
from tests.evaluation.support import brighter, codes, drawn


def test_images_of_two_sizes_are_refused(few: Registry) -> None:
    small = ImageSet("small", drawn(20).images[:, :16, :16])
    with pytest.raises(UnusableError, match="different sizes.*fakes 32 px.*small 16 px"):
        evaluate(
            brighter(drawn(20), 1), drawn(40), metrics=["shift"], compare=[small], registry=few
        )


def test_a_conditional_metric_without_labels_is_left_out_or_refused(few: Registry) -> None:
    found = evaluate(drawn(40, seed=1), drawn(80, labelled=True), registry=few)
    assert "asked.labels" in codes(found)
    with pytest.raises(UnusableError, match="asked is left out: fakes has no labels"):
        evaluate(brighter(drawn(40), 1), drawn(80), metrics=["asked"], registry=few)


def test_a_run_brings_its_own_data(
    run: Run, few: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(run.path.parent.parent)
    first = contender(None, few)
    assert isinstance(first, ModelContender)
    real = find_real(None, first)
    assert real == RealPlace(run.config["options"]["data"])
    found = evaluate(None, None, metrics=["shift"], num=8, repeats=2, registry=few)
    assert found.columns[1].name == "-".join(run.id.split("-")[:2])
    assert found.columns[1].facts["sha256"] == load_model(None, few).sha256


def test_without_real_images_it_is_said_what_was_looked_for(
    few: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(NotFoundError, match="no real images.*data/faces"):
        evaluate(drawn(40), None, metrics=["shift"], registry=few)


@pytest.mark.parametrize(
    ("name", "expected"), [("faces64", "mlds_extra64"), ("course64", "mlds_faces64")]
)
def test_bundled_weights_come_with_the_reference_of_their_data(
    name: str, expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    installed = plugins.load()
    found = find_real(None, contender(name, installed))
    assert isinstance(found, reference.Reference)
    assert (found.name, found.size, found.count) == (expected, 64, 5000)
    assert {"swd", "ms_ssim", "fd"} == set(found.metrics)
    assert 2 < found.floor["swd_avg"]["value"] < 5
    assert "path" not in found.data


@pytest.fixture
def bare(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Return a copy of a run whose config.json is to be changed, in an empty place."""
    monkeypatch.chdir(tmp_path)
    return Run(shutil.copytree(run.path, tmp_path / "runs" / run.path.name))


@pytest.mark.parametrize("config", [{}, {"options": {}}, {"options": {"tags": None}}])
def test_a_run_that_does_not_know_its_data_is_measured_with_named_ones(
    bare: Run, few: Registry, config: dict[str, Any]
) -> None:
    write_config(bare.path, config)
    with pytest.raises(NotFoundError, match="no real images to compare"):
        evaluate(bare.path, None, metrics=["shift"], registry=few)
    found = evaluate(bare.path, drawn(40), metrics=["shift"], num=8, repeats=2, registry=few)
    assert found.columns[1].facts["run"] == bare.id


@pytest.mark.parametrize(
    "options", [{"data": 5}, {"tags": []}, {"batch_size": "many"}, {"holdout": 2}]
)
def test_a_run_with_odd_values_is_our_error(
    bare: Run, few: Registry, options: dict[str, Any]
) -> None:
    write_config(bare.path, {"options": options})
    with pytest.raises(CheckpointError, match=f"options.{next(iter(options))}"):
        evaluate(bare.path, None, metrics=["shift"], registry=few)
    with pytest.raises(CheckpointError, match="options"):
        find(load_model(bare.path, few), None, few)
