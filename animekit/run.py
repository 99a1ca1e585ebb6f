"""Run: one folder that holds everything of one training."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from animekit.errors import CheckpointError, NotFoundError
from animekit.plugins import did_you_mean

if TYPE_CHECKING:
    from animekit.model import Model
    from animekit.plugins import Registry

RUNS = Path("runs")


class Run:
    """A run folder: config.json, metrics.jsonl, samples/, checkpoints/, log.txt.

    `where` is a folder, a run id ("0007-wgangp-faces64"), the beginning of one ("0007-wg") or its
    number ("7").
    """

    def __init__(self, where: str | Path, runs: Path = RUNS) -> None:
        path = Path(where)
        self.path = path if (path / "config.json").is_file() else _find(str(where), runs)

    @classmethod
    def create(cls, model: str, data: str, config: dict[str, Any], runs: Path = RUNS) -> Run:
        """Make the folder of a new run, numbered behind the newest, and its config.json."""
        import filelock

        runs.mkdir(parents=True, exist_ok=True)
        label = re.sub(r"[^\w.-]+", "-", data).strip("-.") or "data"
        with filelock.FileLock(runs / ".lock"):  # two processes would take the same number
            numbers = [number_of(path) for path in list_runs(runs, complete=False)]
            path = runs / f"{max(numbers, default=0) + 1:04d}-{model}-{label}"
            path.mkdir()
        for name in ("samples", "checkpoints"):
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

    @property
    def id(self) -> str:
        """The folder's name, as in "0007-wgangp-faces64"."""
        return self.path.resolve().name

    @property
    def config(self) -> dict[str, Any]:
        """Every resolved value of the run, as config.json holds it."""
        try:
            config = json.loads((self.path / "config.json").read_text(encoding="utf-8"))
            if not isinstance(config, dict):
                raise ValueError("it holds no object")
        except (OSError, ValueError, RecursionError) as error:
            raise CheckpointError(
                f"{self.path / 'config.json'} cannot be read: {error}", "name another run"
            ) from None
        return config

    @property
    def checkpoints(self) -> Path:
        """The folder of the checkpoints."""
        return self.path / "checkpoints"

    @property
    def samples(self) -> Path:
        """The folder of the sample grids."""
        return self.path / "samples"

    def metrics(self) -> list[dict[str, Any]]:
        """Return every report of metrics.jsonl; a half-written last line is left out."""
        return read_jsonl(self.path / "metrics.jsonl")

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
        from animekit.checkpoint import load_model

        return load_model(self, registry, checkpoint=checkpoint, ema=ema).model

    def __repr__(self) -> str:
        return f"Run({str(self.path)!r})"


def write_config(folder: Path, config: dict[str, Any]) -> None:
    """Write the config.json that makes a folder a run."""
    write_atomic(folder / "config.json", json.dumps(config, indent=2) + "\n")


def list_runs(runs: Path = RUNS, *, complete: bool = True) -> list[Path]:
    """Return the run folders, oldest first; complete ones have their config.json."""
    if not runs.is_dir():
        return []
    found = (path for path in runs.iterdir() if re.match(r"\d{4,}-", path.name) and path.is_dir())
    kept = (path for path in found if not complete or (path / "config.json").is_file())
    return sorted(kept, key=lambda path: (number_of(path), path.name))


def number_of(path: Path) -> int:
    """Return the number that a run folder's name begins with."""
    return int(path.name.partition("-")[0])


def _model_of(run: Run) -> str | None:
    try:
        return str(run.config.get("model"))
    except CheckpointError:
        return None  # a damaged run does not hide the others


def _find(where: str, runs: Path) -> Path:
    known = {path.name: path for path in list_runs(runs)}
    if where in known:
        return known[where]
    if where.isdecimal():
        matches = [path for path in known.values() if number_of(path) == int(where)]
    else:
        matches = [path for name, path in known.items() if where and name.startswith(where)]
    if len(matches) == 1:
        return matches[0]
    if matches:
        raise NotFoundError(
            f'"{where}" can be {", ".join(path.name for path in matches)}',
            "give the whole name",
            code="run.not_found",
        )
    raise NotFoundError(
        f'no run "{where}" in {runs}.{did_you_mean(where, known)}',
        "known runs: " + " ".join(known) if known else "train one: animekit train wgangp",
        code="run.not_found",
    )


def write_atomic(path: Path, data: str | bytes) -> None:
    """Write a file so that a reader or a crash sees the old content or the new."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(data.encode("utf-8") if isinstance(data, str) else data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def read_jsonl(path: Path) -> list[dict[str, Any]]:
    """Return the objects of a JSON-lines file, without what a crash cut off."""
    if not path.is_file():
        return []
    rows: list[dict[str, Any]] = []
    for line in path.read_bytes().splitlines():
        try:
            row = json.loads(line)
        except ValueError:
            return rows
        if not isinstance(row, dict):
            return rows
        rows.append(row)
    return rows
