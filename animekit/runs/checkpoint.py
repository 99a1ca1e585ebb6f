"""Checkpoints: a folder a step, written atomically, verified on reading, self-describing."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from animekit.errors import AnimekitError, CheckpointError
from animekit.files import write_atomic
from animekit.foreign import read_json, read_text
from animekit.models import weights
from animekit.models.weights import describe
from animekit.runs.state_file import read_state_file
from animekit.text import clipped

if TYPE_CHECKING:  # torch is imported where tensors are read or written
    from torch import Tensor

    from animekit.models.base import Model

CHECKPOINTS, SAMPLES = "checkpoints", "samples"
"""Folders in the folder of a run."""
MODEL, AVERAGE, STATE = "model.safetensors", "ema.safetensors", "state.pt"


def save(
    folder: Path,
    config: dict[str, Any],
    step: int,
    model: Model,
    average: dict[str, Tensor],
    state: dict[str, Any],
    *,
    keep: int = 3,
    best: bool = False,
    facts: Mapping[str, Any] | None = None,
) -> Path:
    """Write checkpoints/STEP in the folder of a run, and return its folder.

    `last` (and `best`) point at it; `config` are the values of the run, for its weights, and
    `facts` what its manifest is to say of the run beside.
    The folder appears by one rename after everything in it reached the disk, so a crash at any
    moment leaves the older checkpoints whole. The newest `keep` and the best stay.
    """
    import torch

    about = describe(model, step, config)
    buffer = io.BytesIO()
    torch.save(state, buffer)
    files = {
        MODEL: weights.to_bytes(model.state_dict(), {**about, "part": "model"}),
        AVERAGE: weights.to_bytes(average, {**about, "part": "average"}),
        STATE: buffer.getvalue(),
    }
    name = f"{step:06d}"
    place = folder / CHECKPOINTS
    made = place / name
    temporary = place / f".tmp-{name}-{os.getpid()}"
    manifest: dict[str, Any] = {
        "step": step,
        **(facts or {}),
        "files": {
            file: {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
            for file, data in files.items()
        },
    }
    manifest["sha256"] = _digest(manifest)
    try:
        temporary.mkdir(parents=True)
        for file, data in files.items():
            _write_through(temporary / file, data)
        _write_through(temporary / "manifest.json", json.dumps(manifest, indent=2).encode())
        _sync(temporary)
        if made.exists():  # a damaged one that a resumed run comes by again
            shutil.rmtree(made)
        temporary.replace(made)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    _sync(place)
    write_atomic(place / "last", name + "\n")
    if best:
        write_atomic(place / "best", name + "\n")
    prune(folder, step, keep)
    return made


def prune(folder: Path, step: int, keep: int) -> None:
    """Remove all checkpoints but the best and the newest `keep` up to a step.

    Those of later steps were damaged, so that the run went on from an earlier one: they go too.
    """
    best = pointer(folder, "best")
    past = [path for path in steps_of(folder) if int(path.name) <= step]
    for path in steps_of(folder):
        if path not in past or (path.name != best and path not in past[-keep:]):
            shutil.rmtree(path)


def clean(folder: Path) -> None:
    """Remove half-written folders and files that a crash left."""
    for path in (folder / CHECKPOINTS).glob(".tmp-*"):
        shutil.rmtree(path, ignore_errors=True)
    for part in (folder, folder / CHECKPOINTS, folder / SAMPLES):
        for path in part.glob(".*.tmp"):
            path.unlink(missing_ok=True)


def steps_of(folder: Path) -> list[Path]:
    """Return the checkpoint folders of a run, oldest first."""
    found = (path for path in (folder / CHECKPOINTS).glob("[0-9]*") if path.name.isdecimal())
    return sorted((path for path in found if path.is_dir()), key=lambda path: int(path.name))


def pointer(folder: Path, name: str) -> str | None:
    """Return which checkpoint folder `last` or `best` names, if it is there."""
    try:
        text = read_text(folder / CHECKPOINTS / name, "pointer", limit=100).strip()
    except AnimekitError:
        return None
    return text if text in [path.name for path in steps_of(folder)] else None


def verify(folder: Path) -> dict[str, Any]:
    """Return the manifest of a whole checkpoint, else raise CheckpointError."""
    try:
        manifest = read_json(folder / "manifest.json", "manifest")
        # 0.1.0 wrote a step and files alone, and no digest of them
        if set(manifest) != {"step", "files"} and manifest["sha256"] != _digest(manifest):
            raise ValueError("it is not what was written")
        if folder.name.isdecimal() and int(folder.name) != manifest["step"]:
            raise ValueError(f"it is of step {manifest['step']}")
        facts = {file: manifest["files"][file] for file in (MODEL, AVERAGE, STATE)}
        expected = {file: (int(f["bytes"]), str(f["sha256"])) for file, f in facts.items()}
    except (AnimekitError, ValueError, KeyError, TypeError) as error:
        reason = clipped(str(error) or type(error).__name__, 200)
        raise CheckpointError(
            f"checkpoint {folder} has no sound manifest.json ({reason})", "use another checkpoint"
        ) from None
    for file, (size, sha256) in expected.items():
        path = folder / file
        data = path.read_bytes() if path.is_file() else b""
        if len(data) != size or hashlib.sha256(data).hexdigest() != sha256:
            seen = f"has {len(data):,} of {size:,} bytes"
            if len(data) == size:
                seen = f"has its {size:,} bytes, but another sha256 than its manifest says"
            raise CheckpointError(
                f"checkpoint {folder} is damaged: {file} {seen}", "use another checkpoint"
            )
    assert isinstance(manifest, dict)
    return manifest


def newest_sound(folder: Path) -> Path:
    """Return the newest checkpoint that verifies, else raise CheckpointError."""
    problems = []
    for each in reversed(steps_of(folder)):
        try:
            verify(each)
        except CheckpointError as error:
            problems.append(error.message)
        else:
            return each
    raise CheckpointError(
        f"run {folder.name} has no usable checkpoint" + "".join(f"; {line}" for line in problems),
        "start a new run",
        code="checkpoint.none",
    )


def read_state(folder: Path) -> dict[str, Any]:
    """Return a checkpoint's training state, of tensors and plain values alone."""
    return read_state_file(folder / STATE)


def _digest(manifest: dict[str, Any]) -> str:
    """Return the sha256 of what a manifest says beside the files, which have their own."""
    rest = {key: value for key, value in manifest.items() if key not in ("files", "sha256")}
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()


def _write_through(path: Path, data: bytes) -> None:
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _sync(folder: Path) -> None:
    if os.name == "nt":  # a folder cannot be opened there, and needs no sync
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
