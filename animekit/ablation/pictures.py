"""The pictures of an ablation: the same noise, curves over each other, and pairs over training."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from animekit.ablation.result import Ablation, Outcome
from animekit.comparison.same_noise import NoiseSheet, same_noise
from animekit.errors import AnimekitError
from animekit.images.captions import label
from animekit.images.curves import Panel, save_curves
from animekit.images.layout import below, beside
from animekit.images.write import write_gif
from animekit.runs.curves import panels
from animekit.runs.history import read_history
from animekit.runs.run import Run

SHEET, CURVES, PAIRS = "sheet.png", ("curves.png", "curves.svg"), "pairs"
SEEDS = "0-9"
"""Of the noise in the sheet: a column each."""
CORNER = 4  # images of a sample grid on each side of a pair
SMALLEST = 160  # px of a side of a pair
FRAMES, FPS = 24, 4.0
TITLE = 18  # px of the line above a picture


def runs_of(ablation: Ablation) -> dict[str, Run]:
    """Return the run of each variant, at the first seed at which it came to an end."""
    found: dict[str, Run] = {}
    for outcome in ablation.outcomes:
        for trial, state in zip(outcome.trials, outcome.states, strict=True):
            run = trial.run() if state.measured is not None else None
            if run is not None:
                found.setdefault(outcome.name, run)
    return found


def draw_sheet(ablation: Ablation) -> NoiseSheet | None:
    """Return images of the same noise, a row a variant; None where none draws."""
    request = ablation.plan.request
    try:
        return same_noise(
            {_spaced(name): run for name, run in runs_of(ablation).items()},
            SEEDS,
            checkpoint=request.measure.checkpoint,
            threads=request.threads,
            registry=request.registry,
        )
    except AnimekitError:
        return None  # of translators there is no such sheet


def _spaced(name: str) -> str:
    """Return a name that can be wrapped beside a row."""
    return name.replace("_", " ").replace("=", " = ")


def write_curves(ablation: Ablation) -> list[Path]:
    """Write curves of all variants over each other; return the files, if any."""
    histories = {name: read_history(run) for name, run in runs_of(ablation).items()}
    found: Sequence[Panel] = panels(histories) if histories else []
    found = [panel for panel in found if any(len(curve.steps) > 1 for curve in panel.curves)]
    if not found:
        return []
    paths = [ablation.folder / name for name in CURVES]
    save_curves(found, *paths)
    return paths


def write_pairs(ablation: Ablation) -> dict[str, Path]:
    """Write a GIF for each variant, the base beside it while both were trained."""
    runs = runs_of(ablation)
    base = runs.pop(ablation.base.name, None)
    if base is None:
        return {}
    found = {}
    for outcome in ablation.outcomes[1:]:
        if outcome.name not in runs:
            continue
        frames = pair_frames((ablation.base.name, base), (outcome.name, runs[outcome.name]))
        if len(frames) > 1:
            found[outcome.name] = _write_pair(ablation, outcome, frames)
    return found


def _write_pair(ablation: Ablation, outcome: Outcome, frames: Sequence[np.ndarray]) -> Path:
    path = ablation.folder / PAIRS / f"{outcome.planned.variant.slug}.gif"
    write_gif(path, frames, FPS)
    return path


def pair_frames(left: tuple[str, Run], right: tuple[str, Run]) -> list[np.ndarray]:
    """Return frames uint8 [H, W, 3] of two runs, from their first step to their last.

    At an equal budget two runs can have taken different numbers of steps: a frame shows both at the
    same share of theirs, and says at which step.
    """
    found = [_samples(run) for _, run in (left, right)]
    if not all(found):
        return []
    count = min(FRAMES, max(map(len, found)))
    frames = []
    for place in range(count):
        parts = []
        for (name, run), samples in zip((left, right), found, strict=True):
            share = place / max(1, count - 1)
            wanted = share * samples[-1][0]
            step, path = min(samples, key=lambda sample: abs(sample[0] - wanted))
            side = int(run.config["spec"]["size"])
            parts.append(_titled(_corner(path, side), f"{name}, step {step:,}"))
        frames.append(beside(parts, gap=6))
    return frames


def _samples(run: Run) -> list[tuple[int, Path]]:
    found = [(int(path.stem), path) for path in run.samples.glob("*.png") if path.stem.isdecimal()]
    return sorted(found)


def _corner(path: Path, side: int) -> np.ndarray:
    """Return the first images of a sample grid, each pixel enlarged where they are small."""
    with Image.open(path) as picture:
        pixels = np.asarray(picture.convert("RGB"))
    corner = pixels[: CORNER * side, : CORNER * side]
    factor = max(1, -(-SMALLEST // corner.shape[0]))
    return corner.repeat(factor, 0).repeat(factor, 1)


def _titled(picture: np.ndarray, text: str) -> np.ndarray:
    title = label(text, 11, (TITLE, picture.shape[1]), align="left", inset=3)
    return below([title, picture])
