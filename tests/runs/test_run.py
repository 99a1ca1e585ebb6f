"""Run folders: numbered once each, found by every name, and readable after any crash."""

from __future__ import annotations

import json
import multiprocessing
import os
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from animekit.errors import CheckpointError, NotFoundError
from animekit.files import write_atomic
from animekit.runs.names import list_runs, number_of
from animekit.runs.run import Run


def make(runs: Path, model: str = "gan", data: str = "faces32") -> Run:
    return Run.create(model, data, {"model": model}, runs)


def test_a_new_run_has_its_folders_and_its_configuration(tmp_path: Path) -> None:
    run = Run.create("wgangp", "faces64", {"model": "wgangp", "params": {"lr": 0.1}}, tmp_path)
    assert run.id == "0001-wgangp-faces64"
    assert run.config == {"model": "wgangp", "params": {"lr": 0.1}}
    assert run.samples.is_dir() and run.checkpoints.is_dir()
    assert run.metrics() == []


@pytest.mark.parametrize(
    ("label", "folder"),
    [
        ("my faces/a b", "my-faces-a-b"),
        ("../../etc", "etc"),
        ("", "data"),
        ("???", "data"),
        ("顔64", "顔64"),
        ("a\nb\0c", "a-b-c"),
    ],
)
def test_any_name_of_data_gives_one_safe_folder_name(
    tmp_path: Path, label: str, folder: str
) -> None:
    run = make(tmp_path / "runs", data=label)
    assert run.path == tmp_path / "runs" / f"0001-gan-{folder}"
    assert [path.name for path in tmp_path.iterdir()] == ["runs"]


def test_runs_are_numbered_behind_the_newest_even_past_9999(tmp_path: Path) -> None:
    assert [make(tmp_path).id[:4] for _ in range(3)] == ["0001", "0002", "0003"]
    shutil.rmtree(tmp_path / "0002-gan-faces32")
    assert make(tmp_path).id.startswith("0004"), "a number is not given twice"
    (tmp_path / "9999-gan-faces32").mkdir()
    assert make(tmp_path).id == "10000-gan-faces32"
    assert number_of(list_runs(tmp_path)[-1]) == 10_000


def test_a_folder_that_a_crash_left_without_configuration_keeps_its_number(tmp_path: Path) -> None:
    (tmp_path / "0005-gan-faces32").mkdir()
    assert list_runs(tmp_path) == []
    assert make(tmp_path).id.startswith("0006")


def test_what_is_no_run_is_left_alone(tmp_path: Path) -> None:
    for name in ("notes", "0001", "x-0002-gan", ".lock-me"):
        (tmp_path / name).mkdir()
    (tmp_path / "0003-gan-a-file").write_text("not a folder")
    assert list_runs(tmp_path, complete=False) == []
    assert make(tmp_path).id.startswith("0001-gan")


def _make_many(runs: Path, model: str, start: Any) -> None:
    start.wait()
    for _ in range(8):
        make(runs, model)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_processes_that_begin_at_once_get_numbers_of_their_own(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    start = context.Event()
    models = ("gan", "wgan", "wgangp")
    processes = [context.Process(target=_make_many, args=(tmp_path, m, start)) for m in models]
    for process in processes:
        process.start()
    start.set()
    for process in processes:
        process.join()
        assert process.exitcode == 0
    assert [number_of(path) for path in list_runs(tmp_path)] == list(range(1, 25))


@pytest.mark.parametrize(
    "where", ["7", "07", "0007", "0007-", "0007-gan", "0007-gan-f", "0007-gan-faces32"]
)
def test_a_run_is_found_by_its_number_a_prefix_or_its_name(tmp_path: Path, where: str) -> None:
    for number in (6, 7, 70):
        folder = tmp_path / f"{number:04d}-gan-faces32"
        folder.mkdir()
        (folder / "config.json").write_text("{}")
    assert Run(where, tmp_path).id == "0007-gan-faces32"


def test_a_run_is_found_by_its_folder_wherever_that_is(tmp_path: Path) -> None:
    moved = make(tmp_path / "runs").path.rename(tmp_path / "elsewhere")
    assert Run(moved).path == Run(str(moved)).path == moved
    assert Run(moved).id == "elsewhere"


def test_the_id_is_a_name_whatever_the_path_looks_like(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(make(tmp_path).path)
    assert Run(".").id == "0001-gan-faces32"


def test_a_wrong_name_is_an_error_with_the_nearest_and_all_known(tmp_path: Path) -> None:
    make(tmp_path, "wgangp", "faces64")
    make(tmp_path, "gan", "dogs")
    with pytest.raises(NotFoundError) as caught:
        Run("0001-wganpg-faces64", tmp_path)
    assert 'Did you mean "0001-wgangp-faces64"?' in caught.value.message
    assert "0002-gan-dogs" in str(caught.value.hint)
    assert (caught.value.exit_code, caught.value.code) == (3, "run.not_found")


@pytest.mark.parametrize("where", ["8", "", "-1", "²", "000", "gan"])
def test_a_name_of_no_run_is_not_found(tmp_path: Path, where: str) -> None:
    make(tmp_path)
    with pytest.raises(NotFoundError):
        Run(where, tmp_path)


def test_a_number_that_two_runs_have_is_not_guessed(tmp_path: Path) -> None:
    for name in ("0001-gan-a", "0001-gan-b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.json").write_text("{}")
    with pytest.raises(NotFoundError, match="0001-gan-a, 0001-gan-b"):
        Run("1", tmp_path)


def test_without_any_run_the_error_says_how_to_get_one(tmp_path: Path) -> None:
    for attempt in (lambda: Run("1", tmp_path / "none"), lambda: Run.newest(runs=tmp_path)):
        with pytest.raises(NotFoundError) as caught:
            attempt()
        assert "animekit train" in str(caught.value.hint)


def test_the_newest_run_is_the_one_with_the_highest_number(tmp_path: Path) -> None:
    make(tmp_path, "gan")
    make(tmp_path, "wgan")
    make(tmp_path, "gan")
    assert Run.newest(runs=tmp_path).id.startswith("0003")
    assert Run.newest("wgan", tmp_path).id.startswith("0002")
    with pytest.raises(NotFoundError, match="no lsgan run"):
        Run.newest("lsgan", tmp_path)


def test_the_newest_run_of_a_model_is_found_past_a_damaged_one(tmp_path: Path) -> None:
    make(tmp_path, "wgan")
    (make(tmp_path, "gan").path / "config.json").write_text("{")
    assert Run.newest("wgan", tmp_path).id.startswith("0001")


@pytest.mark.parametrize("text", [b"{", b"", b"[]", b"\xff\xfe", b"[" * 100_000])
def test_a_damaged_configuration_is_one_clear_line(tmp_path: Path, text: bytes) -> None:
    run = make(tmp_path)
    (run.path / "config.json").write_bytes(text)
    with pytest.raises(CheckpointError, match=r"config\.json") as caught:
        _ = run.config
    assert "\n" not in caught.value.message


def test_an_atomic_write_leaves_the_old_file_where_it_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "config.json"
    write_atomic(path, json.dumps({"a": 1}))

    def full(descriptor: int) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_atomic(path, "new")
    assert json.loads(path.read_text()) == {"a": 1}
    assert [item.name for item in tmp_path.iterdir()] == ["config.json"]


def test_a_run_shows_its_path(tmp_path: Path) -> None:
    assert re.fullmatch(r"Run\('.*0001-gan-faces32'\)", repr(make(tmp_path)))
