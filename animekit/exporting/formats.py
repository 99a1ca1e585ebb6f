"""Formats: a graph as ONNX or TorchScript, written and run again by another program."""

from __future__ import annotations

import contextlib
import importlib.util
import logging
import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from animekit.errors import UnusableError
from animekit.exporting.graph import Graph
from animekit.text import install_hint

Run = Callable[[Sequence[Tensor]], np.ndarray]
"""Calls what was written with inputs, and returns its output."""
OPSET = 20


def need_onnx() -> None:
    """Raise UnusableError where the packages that write and run ONNX are missing."""
    needed = ("onnx", "onnxscript", "onnxruntime")
    missing = [name for name in needed if importlib.util.find_spec(name) is None]
    if missing:
        raise UnusableError(
            f"no ONNX without {' and '.join(missing)}", install_hint("onnx"), code="export.missing"
        )


def write_onnx(graph: Graph, path: Path) -> Run:
    """Write a graph as ONNX, with free axes; return what runs it by onnxruntime."""
    given = graph.examples(2)
    free = tuple(
        {axis: torch.export.Dim.AUTO if axis else torch.export.Dim("batch") for axis in axes}
        for axes in graph.free
    )
    with _still():
        torch.onnx.export(
            graph.network,
            given,
            str(path),
            input_names=list(graph.inputs),
            output_names=[graph.output],
            dynamic_shapes=free,
            opset_version=OPSET,
            external_data=False,
            dynamo=True,
            verbose=False,
        )
    return run_onnx(graph, path)


def run_onnx(graph: Graph, path: Path) -> Run:
    """Return what runs a graph that was written as ONNX."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    names = [each.name for each in session.get_inputs()]

    def run(inputs: Sequence[Tensor]) -> np.ndarray:
        known = dict(zip(graph.inputs, (each.numpy() for each in inputs), strict=True))
        found: np.ndarray = session.run(None, {name: known[name] for name in names})[0]
        return found

    return run


def write_torchscript(graph: Graph, path: Path) -> Run:
    """Write a graph as TorchScript by tracing it; return what runs it."""
    with _still(), torch.inference_mode():
        traced = torch.jit.trace(graph.network.eval(), graph.examples(2), check_trace=False)
        torch.jit.save(torch.jit.freeze(traced), str(path))  # without D, which nobody calls
        loaded: Any = torch.jit.load(str(path))

    def run(inputs: Sequence[Tensor]) -> np.ndarray:
        with torch.inference_mode():
            found: np.ndarray = loaded(*inputs).numpy()
            return found

    return run


@contextlib.contextmanager
def _still() -> Iterator[None]:
    """Keep back what exporters say of torchvision, tracing and their own deprecation."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    with (
        warnings.catch_warnings(),
        Path(os.devnull).open("w") as nothing,
        contextlib.redirect_stdout(nothing),
    ):
        warnings.simplefilter("ignore")
        try:
            yield
        finally:
            logger.setLevel(level)
