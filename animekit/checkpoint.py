"""Checkpoints: a folder a step, written atomically, verified on reading, self-describing."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from animekit import plugins, weights
from animekit.errors import CheckpointError, NotFoundError
from animekit.model import ImageSpec, Model
from animekit.plugins import Registry
from animekit.run import RUNS, Run, write_atomic

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


def describe(model: Model, step: int, config: dict[str, Any]) -> dict[str, Any]:
    """Return what a weights file says of itself: enough to build the model again."""
    return {
        "model": model.name,
        "params": model.params.model_dump(mode="json"),
        "spec": {
            "size": model.spec.size,
            "channels": model.spec.channels,
            "labels": list(model.spec.labels),
            "groups": list(model.spec.groups),
        },
        "step": step,
        "version": config.get("animekit", ""),
        "data": config.get("data", {}),
        "plugin": config.get("plugin", {}),
    }


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
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    manifest = {
        "step": step,
        "files": {
            file: {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
            for file, data in files.items()
        },
    }
    for file, data in files.items():
        _write_through(temporary / file, data)
    _write_through(temporary / "manifest.json", json.dumps(manifest, indent=2).encode())
    _sync(temporary)
    if folder.exists():  # a resumed run comes by the same step again
        shutil.rmtree(folder)
    temporary.replace(folder)
    _sync(run.checkpoints)
    write_atomic(run.checkpoints / "last", name + "\n")
    if best:
        write_atomic(run.checkpoints / "best", name + "\n")
    prune(run, keep)
    return folder


def prune(run: Run, keep: int) -> None:
    """Remove all checkpoints but the newest `keep` and the best, and what crashes left."""
    best = pointer(run, "best")
    for path in steps_of(run)[:-keep]:
        if path.name != best:
            shutil.rmtree(path)
    clean(run)


def clean(run: Run) -> None:
    """Remove half-written folders that a crash left."""
    for path in run.checkpoints.glob(".tmp-*"):
        shutil.rmtree(path, ignore_errors=True)


def steps_of(run: Run) -> list[Path]:
    """Return the checkpoint folders of a run, oldest first."""
    found = (path for path in run.checkpoints.glob("[0-9]*") if path.is_dir())
    return sorted(found, key=lambda path: int(path.name))


def pointer(run: Run, name: str) -> str | None:
    """Return the folder name that `last` or `best` holds, if it does."""
    path = run.checkpoints / name
    return path.read_text(encoding="utf-8").strip() if path.is_file() else None


def verify(folder: Path) -> dict[str, Any]:
    """Return the manifest of a checkpoint whose every file is whole, else CheckpointError."""
    try:
        manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        files = manifest["files"].items()
    except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
        raise CheckpointError(
            f"checkpoint {folder} has no sound manifest ({error})", "use another checkpoint"
        ) from None
    for file, facts in files:
        path = folder / file
        data = path.read_bytes() if path.is_file() else b""
        if hashlib.sha256(data).hexdigest() != facts["sha256"]:
            raise CheckpointError(
                f"checkpoint {folder} is damaged: {file} has {len(data):,} bytes and another"
                f" sha256 than its manifest ({facts['bytes']:,} bytes)",
                "use another checkpoint",
            )
    assert isinstance(manifest, dict)
    return manifest


def newest_sound(run: Run) -> Path:
    """Return the newest checkpoint that verifies; CheckpointError where there is none."""
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
    """Return the training state of a checkpoint; only tensors and plain values are accepted."""
    state = torch.load(folder / STATE, map_location="cpu", weights_only=True)
    assert isinstance(state, dict)
    return state


def load_model(
    where: str | Path | Run | None = None,
    registry: Registry | None = None,
    *,
    checkpoint: str | int = "best",
    ema: bool = True,
) -> Loaded:
    """Load a model to use from a run, a checkpoint folder, a weights file or a bundled name.

    None means the newest run that has a checkpoint, else the bundled weights. The averaged
    weights are used unless ema is False.
    """
    registry = registry if registry is not None else plugins.load()
    run, path, origin = _locate(where, checkpoint)
    if run is not None:
        verify(path)
    main = path / MODEL if path.is_dir() else path
    tensors, about, digest = weights.read(main)
    if path.is_dir() and ema and (path / AVERAGE).is_file():
        average, _, digest = weights.read(path / AVERAGE)
        tensors |= average
    model = build(about, registry, main)
    _load_state(model, tensors, main, partial=about.get("part") == "average")
    step = int(about.get("step", 0))
    name = run.id if run is not None else path.stem
    return Loaded(model, name, step, digest, origin.format(step=step), run, about)


def build(about: dict[str, Any], registry: Registry, path: Path) -> Model:
    """Return the untrained model that a weights file describes, in eval mode."""
    try:
        cls = registry.get("model", about["model"])
        spec = about["spec"]
        image = ImageSpec(
            spec["size"], spec["channels"], tuple(spec["labels"]), tuple(spec["groups"])
        )
        params = cls.Params.model_validate(about["params"])
    except (KeyError, TypeError, ValueError) as error:
        if isinstance(error, ValueError) and "model" in about:
            raise CheckpointError(
                f"{path} was made by another version of model {about['model']}: {error}",
                "install the version that made it: " + str(about.get("version")),
            ) from None
        raise CheckpointError(
            f"{path} does not say which model it is", "give a file that animekit wrote"
        ) from None
    return cls(params, image).eval()


def _load_state(model: Model, tensors: dict[str, Tensor], path: Path, *, partial: bool) -> None:
    expected = model.state_dict()
    if partial:
        prefixes = tuple(f"{name}." for name in model.averaged)
        expected = {key: value for key, value in expected.items() if key.startswith(prefixes)}
    wrong = [
        f"{key} is {tuple(tensors[key].shape)}, not {tuple(value.shape)}"
        for key, value in expected.items()
        if key in tensors and tensors[key].shape != value.shape
    ]
    wrong += [f"{key} is missing" for key in expected if key not in tensors]
    wrong += [f"{key} is unknown" for key in tensors if key not in expected]
    if wrong:
        more = f" and {len(wrong) - 1} more" if len(wrong) > 1 else ""
        raise CheckpointError(
            f"{path} does not fit model {model.name}: {wrong[0]}{more}", "name another file"
        )
    model.load_state_dict(tensors, strict=not partial)


def _locate(where: str | Path | Run | None, checkpoint: str | int) -> tuple[Run | None, Path, str]:
    """Return the run (if any), the checkpoint folder or file, and the sentence that says it."""
    known = weights.bundled()
    if where is None:
        runs = [Run(path) for path in _runs_with_checkpoints()]
        if runs:
            return _of_run(runs[-1], checkpoint)
        if not known:
            raise NotFoundError("no run and no bundled weights", "train one: animekit train wgangp")
        where = "faces64" if "faces64" in known else next(iter(known))
    if isinstance(where, Run):
        return _of_run(where, checkpoint)
    if str(where) in known:
        return None, known[str(where)], f"using the bundled weights {where} (step {{step}})"
    path = Path(where)
    if path.is_file():
        return None, path, f"using {path} (step {{step}})"
    if (path / MODEL).is_file():
        verify(path)
        return None, path, f"using checkpoint {path} (step {{step}})"
    try:
        return _of_run(Run(where), checkpoint)
    except NotFoundError as error:
        raise NotFoundError(
            f'no run, checkpoint, file or bundled weights "{where}"',
            f"bundled: {' '.join(known)}; {error.hint}",
            code="model.not_found",
        ) from None


def _runs_with_checkpoints() -> list[Path]:
    from animekit.run import list_runs

    return [path for path in list_runs(RUNS) if steps_of(Run(path))]


def _of_run(run: Run, checkpoint: str | int) -> tuple[Run, Path, str]:
    if isinstance(checkpoint, int):
        name: str | None = f"{checkpoint:06d}"
    else:
        name = pointer(run, checkpoint)
        if name is None and checkpoint == "best":
            checkpoint, name = "last", pointer(run, "last")
    folder = run.checkpoints / name if name else None
    if folder is None or not folder.is_dir():
        have = " ".join(path.name for path in steps_of(run)) or "none"
        raise NotFoundError(
            f"run {run.id} has no checkpoint {checkpoint}",
            f"it has: {have}",
            code="model.not_found",
        )
    return run, folder, f"using run {run.id}, checkpoint {checkpoint} (step {{step}})"


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
