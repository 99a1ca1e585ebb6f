"""Attack: a pickle that runs code when it is read, wherever animekit reads a file."""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import os
import pickle
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from animekit.errors import CheckpointError
from animekit.models import weights
from animekit.plugins import Registry
from animekit.runs import checkpoint
from animekit.runs.checkpoint import newest_sound
from animekit.runs.run import Run, load_model


class Payload:
    """Makes a folder when it is unpickled."""

    def __init__(self, proof: Path) -> None:
        self.proof = proof

    def __reduce__(self) -> tuple[Any, ...]:
        return (os.mkdir, (str(self.proof),))


def bare(thing: Any) -> bytes:
    return pickle.dumps(thing, protocol=2)


def zipped(thing: Any) -> bytes:
    buffer = io.BytesIO()
    torch.save(thing, buffer)
    return buffer.getvalue()


def legacy(thing: Any) -> bytes:
    buffer = io.BytesIO()
    torch.save(thing, buffer, _use_new_zipfile_serialization=False)
    return buffer.getvalue()


FORMS: dict[str, Callable[[Any], bytes]] = {"zip": zipped, "legacy": legacy, "bare": bare}


@pytest.fixture(params=["", "1"], ids=["default", "forced"])
def environment(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Set the variable that makes torch.load unsafe where it is not told to be safe."""
    if request.param:
        monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", request.param)


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory, trained: Callable[..., Run]) -> Run:
    return trained(tmp_path_factory.mktemp("original"), steps=1)


@pytest.fixture
def run(original: Run, tmp_path: Path) -> Run:
    return Run(shutil.copytree(original.path, tmp_path / "runs" / original.path.name))


def replace_state(run: Run, data: bytes) -> Path:
    """Put other bytes in place of state.pt, with a manifest that fits them."""
    folder = newest_sound(run.path)
    (folder / "state.pt").write_bytes(data)
    manifest = json.loads((folder / "manifest.json").read_text())
    facts = {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
    manifest["files"]["state.pt"] = facts
    (folder / "manifest.json").write_text(json.dumps(manifest))
    checkpoint.verify(folder)
    return folder


@pytest.mark.filterwarnings("ignore:Environment variable TORCH_FORCE")
@pytest.mark.parametrize("form", FORMS)
def test_the_payload_is_real(tmp_path: Path, form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")
    proof = tmp_path / "proof"
    read = pickle.load if form == "bare" else torch.load
    read(io.BytesIO(FORMS[form]({"step": Payload(proof)})))
    assert proof.is_dir(), "an unsafe reader would be fooled"


@pytest.mark.usefixtures("environment")
@pytest.mark.parametrize("form", FORMS)
def test_a_training_state_that_would_run_code_is_refused(
    run: Run, tiny: Callable[..., Run], tmp_path: Path, form: str
) -> None:
    proof = tmp_path / "proof"
    replace_state(run, FORMS[form]({"step": Payload(proof)}))
    reason = "asks for .*mkdir" if form in ("zipped", "zip") else "is no archive"
    with pytest.raises(CheckpointError, match=rf"state\.pt is refused: it {reason}") as seen:
        tiny(resume=run.path, steps=2)
    assert "\n" not in seen.value.message and seen.value.exit_code == 4
    assert not proof.exists()


@pytest.mark.usefixtures("environment")
@pytest.mark.parametrize("thing", [argparse.Namespace(a=1), np.float64(1), torch.nn.Linear(1, 1)])
def test_a_training_state_of_foreign_objects_is_refused(run: Run, thing: Any) -> None:
    folder = replace_state(run, zipped({"step": thing}))
    with pytest.raises(CheckpointError, match="refused"):
        checkpoint.read_state(folder)


@pytest.mark.parametrize("thing", [[], 3, None, {}, {"step": 2}])
def test_a_training_state_of_another_shape_is_refused(
    run: Run, tiny: Callable[..., Run], thing: Any
) -> None:
    replace_state(run, zipped(thing))
    with pytest.raises(CheckpointError):
        tiny(resume=run.path, steps=2)


@pytest.mark.parametrize("cut", [0, 1, 100, -1, -100])
def test_a_training_state_that_is_cut_short_is_refused(run: Run, cut: int) -> None:
    whole = (newest_sound(run.path) / "state.pt").read_bytes()
    folder = replace_state(run, whole[:cut])
    with pytest.raises(CheckpointError, match="refused"):
        checkpoint.read_state(folder)


@pytest.mark.parametrize("data", [b"<html>", b"\0" * 100, b"PK\x05\x06" + bytes(18)])
def test_a_training_state_that_is_something_else_is_refused(run: Run, data: bytes) -> None:
    with pytest.raises(CheckpointError, match="refused"):
        checkpoint.read_state(replace_state(run, data))


def test_a_state_whose_records_lie_about_their_size_is_refused(run: Run) -> None:
    folder = newest_sound(run.path)
    buffer = io.BytesIO()
    with zipfile.ZipFile(folder / "state.pt") as old, zipfile.ZipFile(buffer, "w") as new:
        for item in old.infolist():
            data = old.read(item)
            half = "/data/" in item.filename and len(data) > 100
            new.writestr(item.filename, data[: len(data) // 2] if half else data)
    replace_state(run, buffer.getvalue())
    with pytest.raises(CheckpointError, match="refused"):
        checkpoint.read_state(folder)


@pytest.mark.usefixtures("environment")
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("suffix", [".safetensors", ".pt", ".pth", ".bin", ".ckpt"])
def test_a_pickle_in_place_of_weights_is_refused_unread(
    tmp_path: Path, registry: Registry, form: str, suffix: str
) -> None:
    proof, path = tmp_path / "proof", tmp_path / f"weights{suffix}"
    path.write_bytes(FORMS[form]({"generator": Payload(proof)}))
    for read in (lambda: weights.read(path), lambda: load_model(path, registry)):
        with pytest.raises(CheckpointError, match="pickled PyTorch file"):
            read()
    assert not proof.exists()
