"""Checkpoints: whole or refused, whatever a disk, a crash or a stranger does to them."""

from __future__ import annotations

import errno
import io
import json
import os
import resource
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from animekit.errors import CheckpointError, DeviceError, NotFoundError
from animekit.models import weights
from animekit.models.base import Model
from animekit.plugins import Registry
from animekit.runs import checkpoint
from animekit.runs.checkpoint import newest_sound, pointer, steps_of, verify
from animekit.runs.run import Run, load_model

FILES = ("model.safetensors", "ema.safetensors", "state.pt", "manifest.json")


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory, trained: Callable[..., Run]) -> Run:
    """Return a run with checkpoints 0, 1 and 2, for copying."""
    return trained(tmp_path_factory.mktemp("original"), steps=2, save_every=1)


@pytest.fixture
def run(original: Run, tmp_path: Path) -> Run:
    """Return a copy of that run, for damaging."""
    return Run(shutil.copytree(original.path, tmp_path / "runs" / original.path.name))


@pytest.fixture(scope="module")
def parts(original: Run, registry: Registry) -> tuple[Model, dict[str, Any], dict[str, Any]]:
    """Return what `save` takes: a model, its average and its state."""
    folder = newest_sound(original.path)
    average = weights.read(folder / "ema.safetensors")[0]
    model = load_model(original, registry, checkpoint="last", ema=False).model
    return model, average, checkpoint.read_state(folder)


def names(run: Run) -> list[str]:
    return [path.name for path in steps_of(run.path)]


def strays(run: Run) -> list[str]:
    return [p.name for p in (*run.checkpoints.iterdir(), *run.path.iterdir()) if "tmp" in p.name]


def test_a_checkpoint_holds_four_files_and_the_last_pointer_names_the_newest(run: Run) -> None:
    assert names(run) == ["000000", "000001", "000002"]
    assert pointer(run.path, "last") == "000002"
    assert {path.name for path in newest_sound(run.path).iterdir()} == set(FILES)
    assert verify(newest_sound(run.path))["step"] == 2


def test_a_weights_file_alone_builds_its_model_again(run: Run, registry: Registry) -> None:
    file = run.checkpoints / "000002" / "model.safetensors"
    alone = file.rename(run.path / "alone.safetensors")
    made = load_model(alone, registry)
    assert (made.model.name, made.step, made.name) == ("gan", 2, "alone")
    assert made.model.spec.size == 32
    assert not made.model.training


def test_the_averaged_weights_are_used_unless_they_are_not_wanted(
    run: Run, registry: Registry
) -> None:
    folder = newest_sound(run.path)
    average, live = (weights.read(folder / name)[0] for name in (FILES[1], FILES[0]))
    key = next(key for key in average if key.endswith("weight"))
    assert not torch.equal(average[key], live[key])
    smooth, raw = (load_model(run, registry, ema=wanted).model for wanted in (True, False))
    assert torch.equal(smooth.state_dict()[key], average[key])
    assert torch.equal(raw.state_dict()[key], live[key])


# What a disk does.


class Faults:
    """Counts the system's calls that write, and lets the n-th of them fail as on a full disk."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, fail_at: int) -> None:
        self.count, self.fail_at = 0, fail_at
        self.calls: list[str] = []
        for owner, name in (
            (os, "fsync"),
            (os, "mkdir"),
            (os, "rename"),
            (os, "replace"),
            (Path, "replace"),
            (Path, "rename"),
            (Path, "mkdir"),
        ):
            monkeypatch.setattr(owner, name, self.guarded(f"{name}", getattr(owner, name)))
        opened = Path.open

        def open_guarded(path: Path, mode: str = "r", *rest: Any, **more: Any) -> Any:
            if "r" in mode:
                return opened(path, mode, *rest, **more)
            self.call("open")
            file = opened(path, mode, *rest, **more)
            return GuardedFile(file, self)

        monkeypatch.setattr(Path, "open", open_guarded)

    def call(self, name: str) -> None:
        self.calls.append(name)
        self.count += 1
        if self.count == self.fail_at:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def guarded(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **more: Any) -> Any:
            self.call(name)
            return function(*arguments, **more)

        return call


class GuardedFile:
    """A file whose writes can fail half-way."""

    def __init__(self, file: Any, faults: Faults) -> None:
        self.file, self.faults = file, faults

    def write(self, data: Any) -> int:
        self.file.write(data[: len(data) // 2])
        self.faults.call("write")
        return int(self.file.write(data[len(data) // 2 :]))

    def __getattr__(self, name: str) -> Any:
        return getattr(self.file, name)

    def __enter__(self) -> GuardedFile:
        return self

    def __exit__(self, *error: object) -> None:
        self.file.close()


def test_a_disk_that_fills_at_any_moment_of_a_save_leaves_the_older_checkpoints_whole(
    run: Run, parts: tuple[Any, ...]
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        faults = Faults(patch, fail_at=0)
        checkpoint.save(run.path, run.config, 9, *parts, keep=9)
    assert names(run)[-1] == "000009"
    shutil.rmtree(run.checkpoints / "000009")
    total = faults.count
    assert {"write", "fsync", "replace", "open", "mkdir"} <= set(faults.calls)
    assert total >= 12, "the counter must see every point"
    for point in range(1, total + 1):
        with pytest.MonkeyPatch.context() as patch:
            Faults(patch, fail_at=point)
            with pytest.raises(OSError, match="No space"):
                checkpoint.save(run.path, run.config, 9, *parts, keep=9)
        for folder in steps_of(run.path):
            verify(folder)  # what is visible is whole, the new one too
        assert names(run)[:3] == ["000000", "000001", "000002"]
        assert strays(run) == [], f"point {point} left something"
        shutil.rmtree(run.checkpoints / "000009", ignore_errors=True)


def test_a_full_disk_ends_a_training_with_one_clear_line(
    run: Run, tiny: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, data: bytes) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(checkpoint, "_write_through", full)
    with pytest.raises(DeviceError) as caught:
        tiny(resume=run.path, steps=3)
    assert caught.value.exit_code == 6
    assert "No space left on device" in caught.value.message and "\n" not in caught.value.message
    assert f"--resume {run.path}" in str(caught.value.hint)
    assert newest_sound(run.path).name == "000002"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_files_that_really_cannot_grow_end_a_training_with_exit_code_6(
    run: Run, tiny: Callable[..., Run]
) -> None:
    limit = (newest_sound(run.path) / "state.pt").stat().st_size // 2
    child = os.fork()
    if not child:
        code = 1
        try:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
            tiny(resume=run.path, steps=3)
        except DeviceError as error:
            code = error.exit_code
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 6
    assert newest_sound(run.path).name == "000002"
    assert strays(run) == []
    tiny(resume=run.path, steps=3)
    assert newest_sound(run.path).name == "000003"


@pytest.mark.parametrize("name", FILES)
def test_a_flipped_bit_is_refused_and_the_checkpoint_before_is_used(run: Run, name: str) -> None:
    folder = newest_sound(run.path)
    path = folder / name
    whole = path.read_bytes()
    stride = 1 if name == "manifest.json" else len(whole) // 40
    for index in range(0, len(whole), stride):
        damaged = bytearray(whole)
        damaged[index] ^= 1 << index % 8
        path.write_bytes(damaged)
        with pytest.raises(CheckpointError, match="000002"):
            verify(folder)
        assert newest_sound(run.path).name == "000001"
    path.write_bytes(whole)
    assert newest_sound(run.path) == folder


@pytest.mark.parametrize("name", FILES)
def test_a_truncated_file_is_refused_and_the_checkpoint_before_is_used(run: Run, name: str) -> None:
    folder = newest_sound(run.path)
    path = folder / name
    whole = path.read_bytes()
    for kept in range(0, len(whole), max(1, len(whole) // 20)):
        path.write_bytes(whole[:kept])
        with pytest.raises(CheckpointError):
            verify(folder)
        assert newest_sound(run.path).name == "000001"
    path.unlink()
    with pytest.raises(CheckpointError, match=name):
        verify(folder)


@pytest.mark.parametrize(
    "manifest",
    [
        {},
        [],
        None,
        {"step": 2, "files": {}},
        {"step": 2, "files": None},
        {"step": 2, "files": {"model.safetensors": {}}},
        {"step": 2, "files": dict.fromkeys(FILES[:3])},
        {"files": {name: {"sha256": "0", "bytes": 1} for name in FILES[:3]}},
        {"step": 3, "files": {name: {"sha256": "0", "bytes": 1} for name in FILES[:3]}},
        {"step": 2, "files": {"../000001/state.pt": {"sha256": "0", "bytes": 1}}},
    ],
)
def test_a_manifest_that_says_nothing_is_refused(run: Run, manifest: Any) -> None:
    folder = newest_sound(run.path)
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(CheckpointError, match="no sound manifest"):
        verify(folder)


def test_a_run_whose_checkpoints_are_all_damaged_says_what_is_wrong_with_each(
    run: Run, tiny: Callable[..., Run]
) -> None:
    for folder in steps_of(run.path):
        (folder / "state.pt").write_bytes(b"")
    with pytest.raises(CheckpointError) as caught:
        tiny(resume=run.path, steps=3)
    assert all(name in caught.value.message for name in names(run))
    assert len(run.metrics()) == 2, "what the run reported is left alone"


def test_damage_to_the_newest_costs_only_the_steps_behind_the_one_before(
    run: Run, tiny: Callable[..., Run]
) -> None:
    expected = weights.read(newest_sound(run.path) / "model.safetensors")[2]
    (run.checkpoints / "000002" / "ema.safetensors").write_bytes(b"rot")
    tiny(resume=run.path, steps=2)
    assert weights.read(newest_sound(run.path) / "model.safetensors")[2] == expected
    assert [row["step"] for row in run.metrics()] == [1, 2]


def test_damaged_checkpoints_of_a_future_do_not_push_out_sound_ones(
    run: Run, tiny: Callable[..., Run], parts: tuple[Any, ...]
) -> None:
    for step in (7, 8, 9):
        folder = shutil.copytree(run.checkpoints / "000002", run.checkpoints / f"{step:06d}")
        (folder / "state.pt").write_bytes(b"rot")
    tiny(resume=run.path, steps=3, keep_checkpoints=1)
    assert newest_sound(run.path).name == "000003"
    assert names(run) == ["000003"]


def test_the_newest_and_the_best_stay(run: Run, parts: tuple[Any, ...]) -> None:
    for step in range(3, 9):
        checkpoint.save(run.path, run.config, step, *parts, keep=2, best=step == 4)
    assert names(run) == ["000004", "000007", "000008"]
    assert pointer(run.path, "best") == "000004"
    checkpoint.save(run.path, run.config, 9, *parts, keep=1, best=True)
    assert names(run) == ["000009"]
    assert pointer(run.path, "best") == pointer(run.path, "last") == "000009"


def test_saving_a_step_again_replaces_it(run: Run, parts: tuple[Any, ...]) -> None:
    (run.checkpoints / "000002" / "stray").touch()
    assert {
        path.name for path in checkpoint.save(run.path, run.config, 2, *parts).iterdir()
    } == set(FILES)
    assert names(run) == ["000000", "000001", "000002"]


def test_what_a_killed_save_left_is_swept_when_the_run_goes_on(
    run: Run, tiny: Callable[..., Run]
) -> None:
    half = run.checkpoints / ".tmp-000003-4711"
    half.mkdir()
    (half / "model.safetensors").write_bytes(b"half")
    (run.checkpoints / ".last.4711.tmp").write_text("0000")
    (run.path / ".metrics.jsonl.4711.tmp").write_text("{")
    tiny(resume=run.path, steps=3)
    assert strays(run) == []


def test_what_is_no_checkpoint_is_left_alone(run: Run, tiny: Callable[..., Run]) -> None:
    copy = shutil.copytree(run.checkpoints / "000002", run.checkpoints / "000002 (copy)")
    (run.checkpoints / "0notes.txt").write_text("mine")
    tiny(resume=run.path, steps=3)
    assert copy.is_dir() and (run.checkpoints / "0notes.txt").is_file()


@pytest.mark.parametrize("text", ["000042\n", "", "../../elsewhere", "\0\0\0"])
def test_a_pointer_to_nowhere_falls_back(run: Run, registry: Registry, text: str) -> None:
    for name in ("best", "last"):
        (run.checkpoints / name).write_text(text)
    made = load_model(run, registry)
    assert made.step == 2
    assert "000002" not in made.origin and "checkpoint last (step 2)" in made.origin


def test_a_pointer_that_is_no_text_falls_back(run: Run, registry: Registry) -> None:
    (run.checkpoints / "best").write_bytes(b"\xff\xfe\x00")
    (run.checkpoints / "last").unlink()
    assert load_model(run, registry).step == 2


def test_a_step_that_is_not_there_is_an_error_with_those_that_are(
    run: Run, registry: Registry
) -> None:
    with pytest.raises(NotFoundError, match="no checkpoint 7") as caught:
        load_model(run, registry, checkpoint=7)
    assert "000000 000001 000002" in str(caught.value.hint)


def test_a_run_without_a_checkpoint_cannot_be_used(run: Run, registry: Registry) -> None:
    shutil.rmtree(run.checkpoints)
    run.checkpoints.mkdir()
    with pytest.raises(NotFoundError) as caught:
        load_model(run, registry)
    assert caught.value.exit_code == 3


@pytest.mark.parametrize("way", ["run", "id", "folder", "checkpoint", "file"])
def test_a_model_can_be_named_in_every_way(
    run: Run, registry: Registry, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(run.path.parent.parent)
    where = {
        "run": run,
        "id": run.id,
        "folder": run.path,
        "checkpoint": run.checkpoints / "000002",
        "file": run.checkpoints / "000002" / "ema.safetensors",
    }[way]
    made = load_model(where, registry)
    key = "generator.main.0.weight"
    average = weights.read(run.checkpoints / "000002" / "ema.safetensors")[0]
    assert torch.equal(made.model.state_dict()[key], average[key])
    assert "step 2" in made.origin


def test_a_damaged_checkpoint_is_refused_for_generating_too(run: Run, registry: Registry) -> None:
    path = run.checkpoints / "000002" / "ema.safetensors"
    data = bytearray(path.read_bytes())
    data[-5] ^= 1
    path.write_bytes(data)
    for where in (run, path.parent):
        with pytest.raises(CheckpointError, match="damaged"):
            load_model(where, registry, checkpoint="last")


def test_a_training_state_holds_no_pickled_classes(run: Run) -> None:
    state = checkpoint.read_state(newest_sound(run.path))
    again = io.BytesIO()
    torch.save(state, again)
    again.seek(0)
    assert torch.load(again, weights_only=True).keys() == state.keys()


def test_a_damaged_checkpoint_says_what_is_wrong_and_which_one_is_sound(
    run: Run, registry: Registry
) -> None:
    file = run.checkpoints / "000002" / "state.pt"
    data = bytearray(file.read_bytes())
    data[50] ^= 1
    file.write_bytes(data)
    with pytest.raises(CheckpointError) as caught:
        load_model(run, registry, checkpoint="last")
    assert f"has its {len(data):,} bytes, but another sha256" in caught.value.message
    assert caught.value.hint.endswith("--checkpoint 1")
    file.write_bytes(data[:-9])
    with pytest.raises(CheckpointError, match=f"has {len(data) - 9:,} of {len(data):,} bytes$"):
        load_model(run, registry, checkpoint="last")
    for name in ("000000", "000001"):
        (run.checkpoints / name / "manifest.json").unlink()
    with pytest.raises(CheckpointError) as caught:
        load_model(run, registry, checkpoint="last")
    assert "no sound one" in caught.value.hint
