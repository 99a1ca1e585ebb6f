"""Where a step of every model goes, beside its convolutions alone: one row each, as Markdown.

    python -m benchmarks.speed.step_tables --out build/steps.jsonl
    python -m benchmarks.speed.step_tables --out build/steps.jsonl --seconds 80 --precision fp32

Each model is measured as `benchmarks/speed/step.py` measures one, and written down at once: the
same command goes on with those that are lacking, so that a machine that is idle only for minutes
will do. `--seconds` begins no model after so many. With nothing left to do it prints the table.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from animekit import plugins
from animekit.data.synthesis import synth
from animekit.device import threads
from animekit.models.base import Need
from animekit.plugins import Registry
from benchmarks.speed.step import StepTable, table
from benchmarks.speed.training import machine

SMALL = {"batch_size": 4}
"""For models whose pictures run through ResNets: a step of 64 would take half a minute."""
SLOW = ("cyclegan", "stargan")
HEADS = {
    "convolutions": ("forward", "data", "weights"),
    "norms": ("norm",),
    "activations": ("activation",),
    "copies": ("copies",),
    "optimisers": ("optimiser", "average"),
    "rest": ("rest", "loading"),
}


def measured(model: str, precision: str, registry: Registry, steps: int, **own: Any) -> StepTable:
    """Return the table of a model on drawn faces, two folders of them where it takes two."""
    values = {"batch_size": 64, "size": 64} | (SMALL if model in SLOW else {}) | own
    if registry.get("model", model).data is not Need.UNPAIRED:
        return table(model, precision, registry, steps, values)
    with tempfile.TemporaryDirectory() as folder:
        for name in ("trainA", "trainB"):
            synth(Path(folder, name), num=32, size=64, registry=registry)
        return table(model, precision, registry, steps, values | {"data": folder})


def markdown(found: Sequence[StepTable]) -> str:
    """Return a row for each model: its step, beside its convolutions, and what it is made of."""
    lines = [
        "| model, batch | kernels | ms a step | beside torch's convolutions | beside ours |"
        f" {' | '.join(HEADS)} |",
        "|---" * (5 + len(HEADS)) + "|",
    ]
    for each in found:
        beside = [each.seconds / value for value in each.alone.values()]
        shares = [sum(each.parts[part] for part in parts) for parts in HEADS.values()]
        cells = [
            f"{each.model}, {each.batch}",
            f"{each.precision}, {each.kernels}",
            f"{1e3 * each.seconds:.0f}",
            *(f"{value:.2f}" for value in beside),
            *([""] * (2 - len(beside))),
            *(f"{100 * share / each.seconds:.0f} %" for share in shares),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    """Measure what is lacking, and print the table of all there is."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("models", nargs="*", help="models (default: all)")
    parser.add_argument("--out", type=Path, default=Path("build", "steps.jsonl"))
    parser.add_argument("--precision", action="append", choices=("auto", "fp32", "bf16"))
    parser.add_argument("--threads", type=int, default=None, help="CPU threads (default: all)")
    parser.add_argument("--steps", type=int, default=3, help="steps of a measurement")
    parser.add_argument("--seconds", type=float, default=1e9, help="begin nothing after so many")
    asked = parser.parse_args()
    began, registry = time.monotonic(), plugins.load()
    asked.out.parent.mkdir(parents=True, exist_ok=True)
    lines = asked.out.read_text(encoding="utf-8").splitlines() if asked.out.exists() else []
    found = {(row.pop("asked"), row["model"]): StepTable(**row) for row in map(json.loads, lines)}
    with threads(asked.threads) as count:
        for precision in asked.precision or ("auto", "fp32"):
            for model in asked.models or registry.all("model"):
                if (precision, model) in found or time.monotonic() - began > asked.seconds:
                    continue
                start = time.monotonic()
                made = measured(model, precision, registry, asked.steps, threads=count)
                found[precision, model] = made
                with asked.out.open("a", encoding="utf-8") as file:
                    file.write(json.dumps({"asked": precision} | asdict(made)) + "\n")
                words = f"{model}, {precision}: {time.monotonic() - start:.0f} s"
                print(words, file=sys.stderr, flush=True)
        print(f"Machine: {machine()}.\n\n{markdown(list(found.values()))}")


if __name__ == "__main__":
    main()
