"""Run: one folder that holds everything of one training."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import BaseModel, ConfigDict

from animekit import plugins
from animekit.errors import AnimekitError, CheckpointError, NotFoundError
from animekit.files import is_file, write_atomic
from animekit.foreign import parse_json, read_text
from animekit.models import weights
from animekit.models.weights import build
from animekit.plugins import Registry
from animekit.runs.checkpoint import (
    AVERAGE,
    CHECKPOINTS,
    MODEL,
    SAMPLES,
    newest_sound,
    pointer,
    steps_of,
    verify,
)
from animekit.runs.names import RUNS, find_run, folder_of, list_runs, meanings, nothing_named
from animekit.runs.reports import Reports, read_reports
from animekit.text import Printed, number

if TYPE_CHECKING:  # and torch with it: a list of runs needs none
    from animekit.models.base import Model

TABLES = ("params", "options", "origins", "resolved", "spec", "data", "environment", "plugin")
"""Parts of a config.json that are tables of values."""
CONFIG_LIMIT = 64 * 2**20  # bytes of a config.json, which names every file that was left out


class Run(Printed):
    """A run folder: config.json, metrics.jsonl, samples/, checkpoints/, log.txt.

    `where` is a folder, a run id ("0007-wgangp-faces64"), the beginning of one ("0007-wg") or its
    number ("7").
    """

    def __init__(self, where: str | Path, runs: Path = RUNS) -> None:
        path = Path(where)
        self.path = path if is_file(path / "config.json") else find_run(str(where), runs)

    @classmethod
    def create(cls, model: str, data: str, config: dict[str, Any], runs: Path = RUNS) -> Run:
        """Make the folder of a new run, numbered behind the newest, and its config.json."""
        import filelock

        runs.mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(runs / ".lock"):  # two processes would take the same number
            path = folder_of(model, data, runs)
            path.mkdir()
        for name in (SAMPLES, CHECKPOINTS):
            (path / name).mkdir()
        write_config(path, config)
        return cls(path)

    @classmethod
    def newest(cls, model: str | None = None, runs: Path = RUNS) -> Run:
        """Return the newest run (of one model); NotFoundError where there is none."""
        found = [cls(path) for path in list_runs(runs)]
        if model is not None:
            found = [run for run in found if _model_of(run) == model]
        if not found:
            what = f"{model} run" if model else "run"
            raise NotFoundError(
                f"no {what} in {runs}",
                f"train one: animekit train {model or 'wgangp'}",
                code="run.not_found",
            )
        return found[-1]

    def as_table(self) -> list[Sequence[str]]:
        """Return what the run is, and the last value of each of its numbers."""
        config = self.config
        last: dict[str, Any] = {}
        for row in self.metrics():
            last |= row
        about = {"model": config.get("model", ""), "data": config.get("data", {}).get("where", "")}
        rows = [("run", self.id), *((key, str(value)) for key, value in about.items())]
        return [*rows, *((key, number(value)) for key, value in last.items())]

    @property
    def id(self) -> str:
        """The folder's name, as in "0007-wgangp-faces64"."""
        return self.path.resolve().name

    @property
    def config(self) -> dict[str, Any]:
        """Every resolved value of the run, as config.json holds it."""
        path, hint = self.path / "config.json", "name another run"
        try:
            text = read_text(path, "run's", limit=CONFIG_LIMIT, kind=CheckpointError)
            config = parse_json(text, str(path), kind=CheckpointError, any_name=True)
        except AnimekitError as error:
            raise CheckpointError(error.message, hint) from None
        if not isinstance(config, dict):
            raise CheckpointError(f"cannot read {path}: it holds no object", hint)
        for part in TABLES:
            if not isinstance(config.get(part, {}), dict):
                raise CheckpointError(f"cannot read {path}: its {part} is no object", hint)
        return config

    @property
    def checkpoints(self) -> Path:
        """The folder of the checkpoints."""
        return self.path / CHECKPOINTS

    @property
    def samples(self) -> Path:
        """The folder of the sample grids."""
        return self.path / SAMPLES

    def metrics(self) -> list[dict[str, Any]]:
        """Return every report of metrics.jsonl; lines that hold none are passed over."""
        return self.reports().rows

    def reports(self) -> Reports:
        """Return every report of metrics.jsonl, and how many lines hold none."""
        return read_reports(self.path / "metrics.jsonl")

    def model(
        self,
        registry: Registry | None = None,
        *,
        checkpoint: str | int = "best",
        ema: bool = True,
    ) -> Model:
        """Return the trained model in eval mode, with its averaged weights.

        `checkpoint` is "best" (the last one where nothing was evaluated), "last" or a step.
        """

        return load_model(self, registry, checkpoint=checkpoint, ema=ema).model

    def __repr__(self) -> str:
        return f"Run({str(self.path)!r})"


def write_config(folder: Path, config: dict[str, Any]) -> None:
    """Write the config.json that makes a folder a run."""
    write_atomic(folder / "config.json", json.dumps(config, indent=2) + "\n")


def _model_of(run: Run) -> str | None:
    try:
        return str(run.config.get("model"))
    except CheckpointError:
        return None  # a damaged run does not hide the others


class Weights(BaseModel):
    """Which weights drew a picture; `run` only where they are a run's."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    run: str | None = None
    step: int
    sha256: str


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

    @property
    def weights(self) -> Weights:
        """Which weights these are, as a recipe says it."""
        run = None if self.run is None else self.run.id
        return Weights(name=self.name, run=run, step=self.step, sha256=self.sha256)

    def frequencies(self) -> np.ndarray | None:
        """Return how often each label [L] occurred in training, None if not counted.

        For a yes or no it is a share of the images where it is known, 1/2 if there are none; one of
        several values of which none occurs is left even.
        """
        spec = self.model.spec
        data = (self.config or {}).get("data", {})
        counts = _counts(data.get("label_counts"), spec.labels)
        if counts is None:
            return None
        known = _counts(data.get("label_known"), spec.labels)
        for part in spec.parts():
            if part.stop - part.start == 1:
                total = 0 if known is None else known[part.start]
                counts[part] = min(1.0, counts[part.start] / total) if total else 0.5
            elif not counts[part].any():
                counts[part] = 1
        return counts


def load_model(
    where: str | Path | Run | None = None,
    registry: Registry | None = None,
    *,
    checkpoint: str | int = "best",
    ema: bool = True,
    able: str = "",
) -> Loaded:
    """Load a model from a run, a checkpoint folder, a weights file or a bundled name.

    What a word means says `animekit.runs.names`. None means the newest run that has a checkpoint
    and, where one is named, whose model has the method `able`; without one the bundled weights.
    The averaged weights are used unless ema is False.
    """
    registry = registry if registry is not None else plugins.load()
    found = _newest(registry, checkpoint, able) if where is None else _locate(where, checkpoint)
    run, path, origin = found
    if path.is_dir():
        _refuse_damaged(path, run)
    main = path / MODEL if path.is_dir() else path
    tensors, about, digest = weights.read(main)
    if path.is_dir() and ema and (path / AVERAGE).is_file():
        average, _, digest = weights.read(path / AVERAGE)
        tensors |= average
    model = build(about, tensors, registry, main)
    step = about.get("step", 0)
    name = run.id if run is not None else path.stem
    return Loaded(model, name, step, digest, f"{origin} (step {step})", run, about)


def _refuse_damaged(folder: Path, run: Run | None) -> None:
    """Raise CheckpointError for a damaged checkpoint, with the newest sound one of its run."""
    try:
        verify(folder)
    except CheckpointError as error:
        if run is None:
            raise
        try:
            hint = f"use the newest sound one: --checkpoint {int(newest_sound(run.path).name)}"
        except CheckpointError:
            hint = f"run {run.id} has no sound one: train it again"
        raise CheckpointError(error.message, hint) from None


Located = tuple[Run | None, Path, str]
"""The run (if any), the checkpoint folder or file, and the sentence that says it."""


def _newest(registry: Registry, checkpoint: str | int, able: str) -> Located:
    """Return the newest run with a checkpoint that is able, else the bundled weights."""
    runs = [Run(path) for path in reversed(list_runs(RUNS)) if steps_of(path)]
    newest = next((run for run in runs if not able or _is_able(run, registry, able)), None)
    unknown = _without_plugin(runs[: runs.index(newest) if newest is not None else None], registry)
    if newest is not None:
        passed = "" if newest is runs[0] else f", the newest run that can {able}{unknown}"
        return _of_run(newest, checkpoint, passed)
    known = weights.bundled()
    if not known or able == "reconstruct":  # of which no weights are bundled
        what = f"that can {able} " if able else ""
        model = "vae" if able == "reconstruct" else "wgangp"
        raise NotFoundError(
            f"no run {what}and no bundled weights", f"train one: animekit train {model}"
        )
    name = "faces64" if "faces64" in known else next(iter(known))
    none = f"no run here can {able}{unknown}" if runs else "no run here"
    return None, known[name], f"{none}, using the bundled weights {name}"


def _without_plugin(runs: Sequence[Run], registry: Registry) -> str:
    """Say which run is passed over because the plugin of its model is not here; "" for none."""
    for run in runs:
        model = _model_of(run)
        if model is not None and registry.find("model", model) is None:
            return f" (not {run.id}: the plugin of {model} is not here; try --plugins-dir DIR)"
    return ""


def _is_able(run: Run, registry: Registry, able: str) -> bool:
    try:
        return hasattr(registry.get("model", str(run.config.get("model"))), able)
    except AnimekitError:
        return False  # its config.json or its plugin cannot be read


def _locate(where: str | Path | Run, checkpoint: str | int) -> Located:
    if isinstance(where, Run):
        return _of_run(where, checkpoint)
    found = meanings(where)
    beside = f", not {found[1]}" if len(found) > 1 else ""
    if found and found[0].weights is not None:
        return None, found[0].weights, f"using {found[0]}{beside}"
    path = Path(where)
    if path.is_file():
        return None, path, f"using {path}"
    if (path / MODEL).is_file():
        owner = path.resolve().parent.parent
        run = Run(owner) if (owner / "config.json").is_file() else None
        return run, path, f"using checkpoint {path}"
    try:
        run = Run(where)
    except NotFoundError as error:
        raise nothing_named(where, error.hint) from None
    return _of_run(run, checkpoint, beside)


def _of_run(run: Run, checkpoint: str | int, words: str = "") -> tuple[Run, Path, str]:
    have = [path.name for path in steps_of(run.path)]
    if isinstance(checkpoint, int):
        name: str | None = f"{checkpoint:06d}"
    else:
        name = pointer(run.path, checkpoint)
        if name is None and have and checkpoint in ("best", "last"):
            checkpoint, name = "last", pointer(run.path, "last") or have[-1]
    if name is None or name not in have:
        raise NotFoundError(
            f"run {run.id} has no checkpoint {checkpoint}",
            f"it has: {' '.join(have) or 'none'}",
            code="model.not_found",
        )
    return run, run.checkpoints / name, f"using run {run.id}, checkpoint {checkpoint}{words}"


def _counts(found: object, labels: Sequence[str]) -> np.ndarray | None:
    """Return counts by label as an array; None for what a damaged file holds in their place."""
    if not labels or not isinstance(found, dict):
        return None
    values = [found.get(name) for name in labels]
    if not all(isinstance(value, int) and value >= 0 for value in values):
        return None
    return np.array(values, dtype=np.float64)
