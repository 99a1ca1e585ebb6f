"""How a run reports to the person or program in front of it: live, plain, or JSON lines.

A display never ends a run: what it cannot write (a closed pipe) it leaves out.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from animekit.cli._console import Screen
from animekit.cli._preview import preview
from animekit.cli._progress import Beat, bar, moving_bar, time_left
from animekit.config import Layer, resolve
from animekit.runs.history import TIME
from animekit.runs.reports import ALARM, EVALUATION, FLOOR
from animekit.text import number, sparkline
from animekit.training.logger import Logger
from animekit.training.recipe import TrainOptions
from animekit.training.tips import TipChange, sentences

if TYPE_CHECKING:
    import numpy as np

    from animekit.runs.run import Run

HIDDEN = ("/grad", "/w_est")
"""What no screen shows of a report; w_est is there as a name of the critic's term."""
SPARK = 16  # letters of the small curve beside the bar
ROW = 1.0  # seconds between two rows on a screen
LISTED = 5  # skipped files that are named at the start


def display(screen: Screen, model: Any, *, pictures: bool = False) -> Display:
    """Return the display that fits the screen: live, plain lines, or JSON lines.

    With `pictures` a live one shows each sample grid too.
    """
    if screen.as_json:
        return Lines(screen, model.aliases, model.notes)
    if screen.quiet or not screen.live:
        return Plain(screen, model.aliases, model.notes)
    live = Live(screen, model.aliases, model.notes)
    live.pictures = pictures
    return live


class Display(Logger):
    """What all displays share: the goal, the time left, and short names of the terms.

    `aliases` are those of the model: {"d/wasserstein": "-w_est"} shows minus the term as w_est.
    """

    def __init__(self, screen: Screen, aliases: Mapping[str, str], notes: str = "") -> None:
        super().__init__()
        self.screen = screen
        self.aliases = aliases
        self.notes = notes
        self.steps: int | None = None
        self.seconds: float | None = None
        self.batch = 1

    def start(self, run: Run, config: dict[str, Any]) -> None:
        """Learn the goal, steps or minutes, and write what begins."""
        options = resolve(TrainOptions, [Layer("the run", config["options"])]).params
        self.steps, self.batch = options.total_steps(), options.batch_size
        self.seconds = 60 * options.minutes if options.minutes else None
        for line in headlines(run.id, config):
            self.write(line)
        if self.notes:
            self.write(f"reading the losses: {self.notes}")

    def write(self, line: str, style: str | None = None) -> None:
        """Write a line of words, if anybody still reads them."""
        with suppress(OSError):
            self.screen.note(line, style)

    def terms(self, stats: Mapping[str, float]) -> dict[str, float]:
        """Return the losses under their short names, the named ones first.

        >>> display = Display(Screen(), {"d/wasserstein": "-w_est"})
        >>> display.terms({"seconds": 3.0, "g/adv": 1.0, "d/wasserstein": -2.0})
        {'w_est': 2.0, 'g/adv': 1.0}
        """
        keys = [key for key in self.aliases if key in stats]
        keys += [key for key in stats if "/" in key and key not in self.aliases]
        keys = [
            key for key in keys if not key.startswith((ALARM, TIME)) and not key.endswith(HIDDEN)
        ]
        named = {}
        for key in keys:
            name = self.aliases.get(key, key)
            named[name.removeprefix("-")] = -stats[key] if name.startswith("-") else stats[key]
        return named

    def scores(self, stats: Mapping[str, float]) -> dict[str, float] | None:
        """Return the numbers of a report that is an evaluation, None for one of training.

        What real images get is called real_KEY.
        """
        if "images" in stats:
            return None
        named = ((key.removeprefix(EVALUATION), value) for key, value in stats.items())
        named = ((key, value) for key, value in named if not key.startswith(ALARM))
        return {f"real_{k.removeprefix(FLOOR)}" if k.startswith(FLOOR) else k: v for k, v in named}

    def seconds_left(self, step: int, stats: Mapping[str, float]) -> float | None:
        """Return the time to the nearer goal, at the speed of the last report."""
        left = []
        if self.steps is not None and stats["img_s"] > 0:
            left.append((self.steps - step) * self.batch / stats["img_s"])
        if self.seconds is not None:
            left.append(self.seconds - stats["seconds"])
        return max(0.0, min(left)) if left else None

    def share_done(self, step: int, stats: Mapping[str, float]) -> float:
        """Return how much is done, in [0, 1]."""
        done = [step / self.steps] if self.steps else []
        if self.seconds:
            done.append(stats["seconds"] / self.seconds)
        return min(1.0, max(done, default=0.0))


class Plain(Display):
    """Writes `step=... kimg=...` lines for pipes and log files, one in 30 seconds."""

    name = "plain"
    _held: str | None = None

    def __init__(self, screen: Screen, aliases: Mapping[str, str], notes: str = "") -> None:
        super().__init__(screen, aliases, notes)
        self.beat = Beat(first=True)

    def log(self, step: int, stats: dict[str, float]) -> None:
        """Write the report, or hold it while it may be the last; scores do not wait."""
        scores = self.scores(stats)
        if scores is not None:
            self.write(f"eval step={step} " + words_of(scores))
            return
        self._held = self.line(step, stats)
        if self.beat.due():
            self._flush()

    def line(self, step: int, stats: Mapping[str, float]) -> str:
        """Return one report as key=value words."""
        place = f"step={step}/{self.steps}" if self.steps else f"step={step}"
        if "epoch" in stats:
            place += f" epoch={stats['epoch']:.4g}"
        line = f"{place} kimg={stats['images'] / 1000:.1f} {words_of(self.terms(stats))}"
        line += f" img_s={stats['img_s']:.4g}"
        if "mem_gb" in stats:
            line += f" mem_gb={stats['mem_gb']:.1f}"
        left = self.seconds_left(step, stats)
        return line if left is None else f"{line} eta_s={left:.0f}"

    def note(self, step: int, kind: str, message: str) -> None:
        """Write words at once; checkpoints, which are many, only with --verbose."""
        if kind != "checkpoint" or self.screen.verbose:
            plain = kind in ("info", "resume")
            self.write(message if plain else f"{kind} step={step}: {message}")

    def close(self, error: BaseException | None = None) -> None:
        """Write the last report, if it was held back."""
        self._flush()

    def _flush(self) -> None:
        if self._held is not None:
            self.write(self._held)
        self._held = None


class Lines(Display):
    """Writes every event as one JSON object on one line of stdout."""

    name = "lines"

    def start(self, run: Run, config: dict[str, Any]) -> None:
        """Write the whole plan of the run, then that it starts."""
        super().start(run, config)
        self._event("plan", config=config)
        self._event("start", run=str(run.path), id=run.id)

    def log(self, step: int, stats: dict[str, float]) -> None:
        """Write a report: the raw terms, and the time left."""
        scores = self.scores(stats)
        if scores is not None:
            self._event("eval", step=step, **scores)
            return
        left = self.seconds_left(step, stats)
        self._event("tick", step=step, **stats, eta_s=None if left is None else round(left, 1))

    def picture(self, step: int, name: str, image: np.ndarray, path: Path) -> None:
        """Write where a picture is."""
        self._event("sample", step=step, name=name, path=str(path))

    def note(self, step: int, kind: str, message: str) -> None:
        """Write words; a roll-back is a warning."""
        event = {"rollback": "warning", "resume": "info"}.get(kind, kind)
        self._event(event, step=step, message=message)

    def _event(self, event: str, /, **values: Any) -> None:
        with suppress(OSError):
            self.screen.event(event, **values)


class Live(Display):
    """Draws a table that grows by a row a report, above a bar with the time left."""

    name = "live"
    pictures = False  # whether sample grids are shown
    _side = 0  # px of an image in a grid
    _ends: float | None = None
    _bar: Any = None
    _clock = (0.0, 0.0)  # a moment, and the seconds of training that were over then

    def start(self, run: Run, config: dict[str, Any]) -> None:
        """Write what begins, and open the bar."""
        super().start(run, config)

        self._side = config["spec"]["size"]
        self._drawn: tuple[str, list[float]] = ("", [])  # what the small curve shows
        self._columns: list[str] = []
        self._words: list[str] = []
        self._rows = Beat(ROW, first=True)
        self._bar = bar(
            self.screen,
            "training",
            moving_bar(self._share_now),
            "{task.percentage:>3.0f} %",
            "{task.fields[place]}",
            time_left(lambda: self._ends),
            "{task.fields[curve]}",
            "[dim]Ctrl-C saves and stops[/]",
            expand=True,
        )
        self._clock = (time.monotonic(), 0.0)
        self._ends = None if self.seconds is None else time.monotonic() + self.seconds
        self._task = self._bar.add_task("training", total=1.0, place="", curve="")
        self._bar.start()

    def log(self, step: int, stats: dict[str, float]) -> None:
        """Move the bar, and add a row where the last one is a second old."""
        scores = self.scores(stats)
        if scores is not None:
            self._words += [f"{name} {number(value)}" for name, value in scores.items()]
            self._draw(next((name for name in scores if name.endswith("_avg")), ""), scores)
            return
        left, done = self.seconds_left(step, stats), self.share_done(step, stats)
        self._ends = None if left is None else time.monotonic() + left
        self._clock = (time.monotonic(), stats["seconds"])
        place = f"{step:,}/{self.steps:,}" if self.steps else f"step {step:,}"
        self._bar.update(self._task, completed=done, place=place)
        terms = self.terms(stats)
        if not self._drawn[0] or self._drawn[0] in terms:
            self._draw(next(iter(terms), ""), terms)
        if not self._rows.due() and done < 1:
            return
        cells = {"step": f"{step}"}
        if "epoch" in stats:
            cells["epoch"] = number(stats["epoch"])
        cells["kimg"] = f"{stats['images'] / 1000:,.1f}"
        cells |= {name: number(value) for name, value in self.terms(stats).items()}
        cells["img/s"] = number(stats["img_s"])
        if "mem_gb" in stats:
            cells["mem"] = f"{stats['mem_gb']:.1f} G"
        self._row(cells)

    def _draw(self, name: str, values: Mapping[str, float]) -> None:
        """Add to the small curve beside the bar: of a loss, or of a metric once there is one."""
        if name not in values or not self.screen.err.encoding.startswith("utf"):
            return
        known = self._drawn[1] if self._drawn[0] == name else []
        self._drawn = (name, [*known, values[name]])
        self._bar.update(self._task, curve=f"{name} {sparkline(self._drawn[1], SPARK)}")

    def _share_now(self) -> float:
        """Return how much of the minutes is over by the clock, 0 where steps alone count."""
        since, seconds = self._clock
        return (seconds + time.monotonic() - since) / self.seconds if self.seconds else 0.0

    def picture(self, step: int, name: str, image: np.ndarray, path: Path) -> None:
        """Name the picture in the next row; show it where that was asked for."""
        self._words.append(f"sample {path.name}")
        if self.pictures and path.stem.isdecimal():
            with suppress(OSError):
                preview(self.screen, image, tile=self._side)

    def note(self, step: int, kind: str, message: str) -> None:
        """Name a checkpoint in the next row; write other words at once."""
        if kind == "checkpoint":
            self._words.append(message)
        else:
            self.write(message, "yellow" if kind in ("warning", "rollback", "alarm") else None)

    def close(self, error: BaseException | None = None) -> None:
        """Take the bar away; the table stays."""
        if self._bar is not None:
            self._bar.stop()

    def _row(self, cells: dict[str, str]) -> None:
        if list(cells) != self._columns:
            self._columns = list(cells)
            self.write("  ".join(f"{name:>8}" for name in cells) + "  note", "bold")
        line = "  ".join(f"{text:>8}" for text in cells.values())
        self.write(f"{line}  {'; '.join(self._words)}".rstrip())
        self._words.clear()


def headlines(name: str, config: Mapping[str, Any]) -> list[str]:
    """Return what a run begins with: name, data and device, and files left out."""
    data, resolved, size = config["data"], config["resolved"], config["spec"]["size"]
    lines = [
        f"run {name}   data {data['used']:,} images {size}x{size} ({data['where']})"
        f"   {resolved['device']} {resolved['precision']}"
    ]
    if "manifest" in data.get("description", ""):
        lines.append(f"  {data['description']}")
    tips = (TipChange(**change) for change in config.get("tips", ()))
    lines += [f"  {line}" for line in sentences(tips)]
    skipped = data["skipped"]
    lines += [f"  skipped {file}: {reason}" for file, reason in skipped[:LISTED]]
    if len(skipped) > LISTED:
        lines.append(f"  and {len(skipped) - LISTED:,} more, all named in the run's config.json")
    return lines


def words_of(values: Mapping[str, float]) -> str:
    """Return numbers as key=value words.

    >>> words_of({"w_est": 6.3125, "gp": 0.09})
    'w_est=6.312 gp=0.09'
    """
    return " ".join(f"{name}={value:.4g}" for name, value in values.items())
