"""Checkpoints: a folder a step, written atomically, verified on reading, self-describing."""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from animekit import plugins, weights
from animekit.errors import CheckpointError, NotFoundError
from animekit.model import Model
from animekit.plugins import Registry
from animekit.run import RUNS, Run, list_runs, write_atomic
from animekit.weights import build, describe

MODEL, AVERAGE, STATE = "model.safetensors", "ema.safetensors", "state.pt"


@dataclass
class Loaded:
    """A model ready to use (eval mode), and where it came from."""

    model: Model
    name: str
    step: int
    sha256: str
    origin: str
    """A sentence for the user: "using run 0007-..., checkpoint best (step 18000)"."""
    run: Run | None = None
    config: dict[str, Any] | None = None


def save(
    run: Run,
    step: int,
    model: Model,
    average: dict[str, Tensor],
    state: dict[str, Any],
    *,
    keep: int = 3,
    best: bool = False,
) -> Path:
    """Write checkpoints/STEP and point `last` (and `best`) at it; return its folder.

    The folder appears by one rename after everything in it reached the disk, so a crash at any
    moment leaves the older checkpoints whole. The newest `keep` and the best stay.
    """
    about = describe(model, step, run.config)
    buffer = io.BytesIO()
    torch.save(state, buffer)
    files = {
        MODEL: weights.to_bytes(model.state_dict(), {**about, "part": "model"}),
        AVERAGE: weights.to_bytes(average, {**about, "part": "average"}),
        STATE: buffer.getvalue(),
    }
    name = f"{step:06d}"
    folder = run.checkpoints / name
    temporary = run.checkpoints / f".tmp-{name}-{os.getpid()}"
    manifest = {
        "step": step,
        "files": {
            file: {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
            for file, data in files.items()
        },
    }
    try:
        temporary.mkdir(parents=True)
        for file, data in files.items():
            _write_through(temporary / file, data)
        _write_through(temporary / "manifest.json", json.dumps(manifest, indent=2).encode())
        _sync(temporary)
        if folder.exists():  # a damaged one that a resumed run comes by again
            shutil.rmtree(folder)
        temporary.replace(folder)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    _sync(run.checkpoints)
    write_atomic(run.checkpoints / "last", name + "\n")
    if best:
        write_atomic(run.checkpoints / "best", name + "\n")
    prune(run, step, keep)
    return folder


def prune(run: Run, step: int, keep: int) -> None:
    """Remove all checkpoints but the best and the newest `keep` up to a step.

    Those of later steps were damaged, so that the run went on from an earlier one: they go too.
    """
    best = pointer(run, "best")
    past = [path for path in steps_of(run) if int(path.name) <= step]
    for path in steps_of(run):
        if path not in past or (path.name != best and path not in past[-keep:]):
            shutil.rmtree(path)


def clean(run: Run) -> None:
    """Remove half-written folders and files that a crash left."""
    for path in run.checkpoints.glob(".tmp-*"):
        shutil.rmtree(path, ignore_errors=True)
    for folder in (run.path, run.checkpoints, run.samples):
        for path in folder.glob(".*.tmp"):
            path.unlink(missing_ok=True)


def steps_of(run: Run) -> list[Path]:
    """Return the checkpoint folders of a run, oldest first."""
    found = (path for path in run.checkpoints.glob("[0-9]*") if path.name.isdecimal())
    return sorted((path for path in found if path.is_dir()), key=lambda path: int(path.name))


def pointer(run: Run, name: str) -> str | None:
    """Return which checkpoint folder `last` or `best` names, if it is there."""
    try:
        text = (run.checkpoints / name).read_text(encoding="utf-8").strip()
    except (OSError, ValueError):
        return None
    return text if text in [path.name for path in steps_of(run)] else None


def verify(folder: Path) -> dict[str, Any]:
    """Return the manifest of a whole checkpoint, else raise CheckpointError."""
    try:
        manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        if folder.name.isdecimal() and int(folder.name) != manifest["step"]:
            raise ValueError(f"it is of step {manifest['step']}")
        facts = {file: manifest["files"][file] for file in (MODEL, AVERAGE, STATE)}
        expected = {file: (int(f["bytes"]), str(f["sha256"])) for file, f in facts.items()}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(
            f"checkpoint {folder} has no sound manifest.json ({error!r})", "use another checkpoint"
        ) from None
    for file, (size, sha256) in expected.items():
        path = folder / file
        data = path.read_bytes() if path.is_file() else b""
        if len(data) != size or hashlib.sha256(data).hexdigest() != sha256:
            raise CheckpointError(
                f"checkpoint {folder} is damaged: {file} has {len(data):,} of {size:,} bytes, or"
                " another sha256 than its manifest",
                "use another checkpoint",
            )
    assert isinstance(manifest, dict)
    return manifest


def newest_sound(run: Run) -> Path:
    """Return the newest checkpoint that verifies, else raise CheckpointError."""
    problems = []
    for folder in reversed(steps_of(run)):
        try:
            verify(folder)
        except CheckpointError as error:
            problems.append(error.message)
        else:
            return folder
    raise CheckpointError(
        f"run {run.id} has no usable checkpoint" + "".join(f"; {line}" for line in problems),
        "start a new run",
        code="checkpoint.none",
    )


def read_state(folder: Path) -> dict[str, Any]:
    """Return a checkpoint's training state, of tensors and plain values alone."""
    path = folder / STATE
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # of any kind, from the unpickler; never try again without it
        refused = re.search(r"GLOBAL (\S+)", str(error))
        reason = f"it asks for {refused[1]}" if refused else str(error).partition("\n")[0]
        raise CheckpointError(
            f"{path} is refused: {reason}", "only tensors and plain values are read"
        ) from None
    if not isinstance(state, dict):
        raise CheckpointError(f"{path} is no training state", "use another checkpoint")
    return state


def load_model(
    where: str | Path | Run | None = None,
    registry: Registry | None = None,
    *,
    checkpoint: str | int = "best",
    ema: bool = True,
) -> Loaded:
    """Load a model from a run, a checkpoint folder, a weights file or a bundled name.

    None means the newest run that has a checkpoint, else the bundled weights. The averaged
    weights are used unless ema is False.
    """
    registry = registry if registry is not None else plugins.load()
    run, path, origin = _locate(where, checkpoint)
    if path.is_dir():
        verify(path)
    main = path / MODEL if path.is_dir() else path
    tensors, about, digest = weights.read(main)
    if path.is_dir() and ema and (path / AVERAGE).is_file():
        average, _, digest = weights.read(path / AVERAGE)
        tensors |= average
    model = build(about, tensors, registry, main)
    step = about.get("step", 0)
    name = run.id if run is not None else path.stem
    return Loaded(model, name, step, digest, f"{origin} (step {step})", run, about)


def _locate(where: str | Path | Run | None, checkpoint: str | int) -> tuple[Run | None, Path, str]:
    """Return the run (if any), the checkpoint folder or file, and the sentence that says it."""
    known = weights.bundled()
    if where is None:
        runs = (Run(path) for path in reversed(list_runs(RUNS)))
        newest = next((run for run in runs if steps_of(run)), None)
        if newest is not None:
            return _of_run(newest, checkpoint)
        if not known:
            raise NotFoundError("no run and no bundled weights", "train one: animekit train wgangp")
        where = "faces64" if "faces64" in known else next(iter(known))
    if isinstance(where, Run):
        return _of_run(where, checkpoint)
    if str(where) in known:
        return None, known[str(where)], f"using the bundled weights {where}"
    if str(where) in weights.imported():
        return None, weights.imported()[str(where)], f"using the imported weights {where}"
    path = Path(where)
    if path.is_file():
        return None, path, f"using {path}"
    if (path / MODEL).is_file():
        owner = path.resolve().parent.parent
        run = Run(owner) if (owner / "config.json").is_file() else None
        return run, path, f"using checkpoint {path}"
    try:
        return _of_run(Run(where), checkpoint)
    except NotFoundError as error:
        raise NotFoundError(
            f'no run, checkpoint, file or bundled weights "{where}"',
            f"bundled: {' '.join(known)}; {error.hint}",
            code="model.not_found",
        ) from None


def _of_run(run: Run, checkpoint: str | int) -> tuple[Run, Path, str]:
    have = [path.name for path in steps_of(run)]
    if isinstance(checkpoint, int):
        name: str | None = f"{checkpoint:06d}"
    else:
        name = pointer(run, checkpoint)
        if name is None and have and checkpoint in ("best", "last"):
            checkpoint, name = "last", pointer(run, "last") or have[-1]
    if name is None or name not in have:
        raise NotFoundError(
            f"run {run.id} has no checkpoint {checkpoint}",
            f"it has: {' '.join(have) or 'none'}",
            code="model.not_found",
        )
    return (
        run,
        run.checkpoints / name,
        f"using run {run.id}, checkpoint {checkpoint}",
    )


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
