"""What a run tells: metrics.jsonl, sample grids, the timeline, log.txt, and its loggers."""

from __future__ import annotations

import hashlib
import json
import math
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from animekit.errors import AlarmError, DivergedError
from animekit.files import write_atomic
from animekit.images.layout import strip
from animekit.images.write import write_gif, write_png
from animekit.models.base import Phase
from animekit.plugins import fault_of
from animekit.runs import weights_log
from animekit.runs.curves import write_curves
from animekit.runs.history import TIME, TIMES
from animekit.runs.reports import read_reports, set_aside
from animekit.runs.run import Run
from animekit.training.logger import Logger

FRAMES = 60  # of the timeline GIF
DRAWING = 0.02  # of the time may go into curves, before the last ones
COLUMNS = 10  # of the timeline strip


class Reporter:
    """Writes the run's own files and passes every word on to the loggers.

    A logger that raises is dropped with a word in log.txt: a run never dies of its display.
    """

    def __init__(self, run: Run, loggers: Sequence[Logger]) -> None:
        self.run = run
        self.loggers = list(loggers)
        self._digest = hashlib.sha256()
        self._step = 0  # of the last report
        self._undrawn, self._drawn, self._took = False, 0.0, 0.0

    @property
    def digest(self) -> str:
        """The sha256 of all reports up to now, as metrics.jsonl holds them."""
        return self._digest.hexdigest()

    def start(self, config: dict[str, Any], step: int, expected: str | None = None) -> None:
        """Begin, or go on behind `step`; `expected` is the digest that was saved there."""
        damage = self._rewind(step, expected)
        self._tell("start", self.run, config)
        if damage is not None:
            self.note(step, "warning", damage)

    def rewind(self, step: int) -> None:
        """Take away what was reported behind `step`: those steps come again."""
        damage = self._rewind(step)
        if damage is not None:
            self.note(step, "warning", damage)

    def _rewind(self, step: int, expected: str | None = None) -> str | None:
        """Do it; return words for reports that were damaged, which a copy keeps."""
        path = self.run.path / "metrics.jsonl"
        found, damage = self.run.reports(), None
        text = "".join(json.dumps(row) + "\n" for row in found.up_to(step)).encode()
        self._digest = hashlib.sha256(text)
        if found.bad:
            lines = "1 line" if found.bad == 1 else f"{found.bad:,} lines"
            damage = f"{lines} of {path} could not be read"
        elif expected is not None and expected != self.digest:
            damage = f"{path} is not what was written"
        if damage is not None:
            damage += f"; kept as it was in {set_aside(path).name}" if path.exists() else ""
        write_atomic(path, text)
        weights_log.rewind(self.run.path, step)
        times = self.run.path / TIMES
        if times.is_file():
            kept = read_reports(times).up_to(step)
            write_atomic(times, "".join(json.dumps(row) + "\n" for row in kept))
        for sample in self._samples():
            if int(sample.stem) > step:
                sample.unlink()
        return damage

    def _samples(self) -> list[Path]:
        found = (path for path in self.run.samples.glob("*.png") if path.stem.isdecimal())
        return sorted(found, key=lambda path: int(path.stem))

    def report(self, step: int, stats: dict[str, float]) -> None:
        """Append one report; what is not finite is left out."""
        self._step = step
        finite = {key: value for key, value in stats.items() if math.isfinite(value)}
        short = rounded(finite)
        times = {key: short.pop(key) for key in list(short) if key.startswith(TIME)}
        line = _line(step, short)
        self._digest.update(line.encode())
        with (self.run.path / "metrics.jsonl").open("a", encoding="utf-8") as file:
            file.write(line)
        if times:  # by themselves: no two runs have them in common
            with (self.run.path / TIMES).open("a", encoding="utf-8") as file:
                file.write(_line(step, times))
        self._tell("log", step, finite)

    def note(self, step: int, kind: str, message: str) -> None:
        """Write a word to log.txt and pass it on."""
        with (self.run.path / "log.txt").open("a", encoding="utf-8") as file:
            stamp = time.strftime("%Y-%m-%d %H:%M:%S")
            file.write(f"{stamp} step {step} {kind}: {message}\n")
        self._tell("note", step, kind, message)

    def picture(self, step: int, name: str, image: np.ndarray) -> Path:
        """Write a picture below samples/ and pass it on."""
        path = self.run.samples / f"{name}.png"
        write_png(path, image)
        self._tell("picture", step, name, image, path)
        return path

    def timeline(self, tile: int, columns: int) -> None:
        """Write timeline.png (corners of up to ten grids) and timeline.gif (all grids)."""
        paths = self._samples()
        if len(paths) < 2:
            return
        corner = tile * min(3, columns)
        chosen = [paths[i] for i in spread(len(paths), COLUMNS)]
        corners = [_open(path)[:corner, :corner] for path in chosen]
        labels = [f"{int(path.stem):,}" for path in chosen]
        write_png(self.run.path / "timeline.png", strip(np.stack(corners), labels))
        frames = [_open(paths[i]) for i in spread(len(paths), FRAMES)]
        write_gif(self.run.path / "timeline.gif", frames, fps=8)

    def weights(self, step: int, phases: Sequence[Phase]) -> None:
        """Write how the weights of each phase are spread."""
        weights_log.append(self.run.path, step, {each.name: each.parameters() for each in phases})

    def curves(self, *, now: bool = True) -> bool:
        """Draw what was reported so far, if there is anything; a run never dies of it.

        Without `now`, only where enough time went by for the drawing to take no part of it: at
        checkpoints that come quickly not every picture is drawn.
        """
        start = time.monotonic()
        if self._undrawn or (not now and start < self._drawn + self._took / DRAWING):
            return False
        try:
            drawn = write_curves(self.run)
        except Exception as error:
            self._undrawn = True
            self.note(0, "warning", f"the curves cannot be drawn: {error!r}")
            return False
        if drawn:
            self._drawn = time.monotonic()
            self._took = self._drawn - start
        return drawn

    def close(self, error: BaseException | None = None) -> None:
        """End every logger; log.txt says of a training that gave up, and why."""
        for kind, word in ((DivergedError, "diverged"), (AlarmError, "stopped")):
            if isinstance(error, kind):
                self.note(self._step, word, error.message)
        self._tell("close", error)

    def _tell(self, method: str, *arguments: Any) -> None:
        for logger in list(self.loggers):
            if logger not in self.loggers:
                continue  # dropped meanwhile, by a word about another one
            try:
                getattr(logger, method)(*arguments)
            except Exception as error:
                self.loggers = [other for other in self.loggers if other is not logger]
                name, fault = type(logger).__name__, fault_of(error)
                where = "" if fault is None else f" ({fault.where})"
                self.note(0, "warning", f"logger {name} failed and is off: {error!r}{where}")


class Mute(Reporter):
    """Reports nothing: of several processes one speaks for all."""

    digest = ""

    def start(self, config: dict[str, Any], step: int, expected: str | None = None) -> None:
        """Do nothing."""

    def rewind(self, step: int) -> None:
        """Do nothing."""

    def report(self, step: int, stats: dict[str, float]) -> None:
        """Do nothing."""

    def note(self, step: int, kind: str, message: str) -> None:
        """Do nothing."""

    def timeline(self, size: int, columns: int) -> None:
        """Do nothing."""

    def curves(self, *, now: bool = True) -> bool:
        """Do nothing."""
        return False

    def close(self, error: BaseException | None = None) -> None:
        """Do nothing."""


def rounded(stats: Mapping[str, float]) -> dict[str, float]:
    """Return numbers as metrics.jsonl holds them, with six digits.

    >>> rounded({"d/adv": 0.12345678})
    {'d/adv': 0.123457}
    """
    return {key: float(f"{value:.6g}") for key, value in stats.items()}


def _line(step: int, values: dict[str, float]) -> str:
    return json.dumps({"step": step, **values}) + "\n"


def spread(count: int, most: int) -> list[int]:
    """Return up to `most` indices below `count`, evenly spread from first to last.

    >>> spread(5, 3), spread(2, 3)
    ([0, 2, 4], [0, 1])
    """
    if count <= most:
        return list(range(count))
    return [round(i * (count - 1) / (most - 1)) for i in range(most)]


def _open(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))
