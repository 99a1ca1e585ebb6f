"""Checked: a graph that was written, run again by another program and held against its model."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from animekit.errors import AnimekitError, CheckpointError, UnusableError
from animekit.exporting.formats import Run, run_onnx, write_onnx, write_torchscript
from animekit.exporting.graph import Graph
from animekit.files import cache_dir, move, sha256_of, write_atomic

SUFFIXES = {"onnx": ".onnx", "torchscript": ".pt", "safetensors": ".safetensors"}
WRITERS: dict[str, Callable[[Graph, Path], Run]] = {
    "onnx": write_onnx,
    "torchscript": write_torchscript,
}
CLOSE = 1 / 255
"""Half a level of 256 in [-1, 1]: a difference below it changes no pixel by more than one."""
MOST_KEPT = 16  # networks of pages in the store
COUNTS = (1, 5)  # images of a batch with which a file is tried


@dataclass(frozen=True)
class ExportedFile:
    """A file, and how far it is from the model: the largest difference of any output.

    None for weights alone, which are compared bit for bit.
    """

    format: str
    path: Path
    sha256: str
    difference: float | None


def write_checked(graph: Graph, path: Path) -> ExportedFile:
    """Write one graph, run it, and give it its name if it is the model."""
    name = next(each for each, ending in SUFFIXES.items() if ending == path.suffix)
    fresh = path.with_name(f".{path.stem}.part{path.suffix}")
    try:
        try:
            run = WRITERS[name](graph, fresh)
        except Exception as error:  # an exporter has its own errors for each layer that it lacks
            first = next(
                filter(None, map(str.strip, str(error).splitlines())), type(error).__name__
            )
            raise UnusableError(
                f"{graph.model.name} cannot be written as {name}: {first}",
                "--safetensors holds its weights, for animekit itself",
                code="export.failed",
            ) from error
        difference = max(_differences(graph, run))
        if not difference <= CLOSE:
            raise CheckpointError(
                f"{name} of {graph.model.name} differs from it by {difference:.2g} in [-1, 1]",
                "--safetensors holds its weights, for animekit itself",
            )
        path.unlink(missing_ok=True)
        move(fresh, path)
    finally:
        fresh.unlink(missing_ok=True)
    return ExportedFile(name, path, sha256_of(path), difference)


def _differences(graph: Graph, run: Run) -> Iterator[float]:
    """Yield the largest difference between a file and its model, batch by batch."""
    for number, count in enumerate(COUNTS):
        given = graph.examples(count, seed=number + 1, larger=bool(number))
        with torch.inference_mode():
            wanted = graph.network(*given).numpy()
        found = run(given)
        yield float(np.abs(found - wanted).max()) if found.shape == wanted.shape else float("inf")


def stored_network(digest: str, graph: Graph) -> tuple[bytes, float | None]:
    """Return a model as ONNX, from the store if it is there, and how far it is off.

    `digest` is that of its weights. A stored one is run and held against the model each time, so
    that neither a damaged file nor one of a plugin that was changed since is taken.
    """
    kept = cache_dir() / "networks" / f"{digest}.onnx"
    with contextlib.suppress(Exception):  # as onnxruntime raises for what is no network
        difference = max(_differences(graph, run_onnx(graph, kept)))
        if difference <= CLOSE:
            return kept.read_bytes(), difference
    with tempfile.TemporaryDirectory(prefix="animekit-") as place:
        made = write_checked(graph, Path(place) / "model.onnx")
        data = made.path.read_bytes()
    with contextlib.suppress(AnimekitError, OSError):  # the page does without it
        kept.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(kept, data)
        for old in sorted(kept.parent.glob("*.onnx"), key=_age)[MOST_KEPT:]:
            old.unlink(missing_ok=True)
    return data, made.difference


def _age(path: Path) -> float:
    return -path.stat().st_mtime
