"""`animekit demo`: from nothing to generated faces."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import typer

from animekit.cli._options import CHANCE, CONSENT, OPEN, Common, command, option

OWN = [
    option("minutes", float, metavar="M", help="Train so long, and not until faces are seen."),
    option("out", Path, "--out", "-o", metavar="DIR", help="Where to write.", default=Path("demo")),
]


def add_to(app: typer.Typer) -> None:
    """Add the command to the root."""
    command(app, "demo", demo, *OWN, *CHANCE, *CONSENT, OPEN)


def demo(common: Common, minutes: float | None, out: Path) -> Any:
    """Draw faces, train on them, and generate new ones: no data, no download.

    Examples
      animekit demo
      animekit demo --minutes 5
      animekit demo -o /tmp/first-look
    """
    from animekit import demonstration
    from animekit.cli._progress import packing
    from animekit.cli.train.show import display

    screen, registry = common.screen, common.registry()
    goal = f"{demonstration.STEPS} steps, {demonstration.LIMIT:g} min at most"
    goal = goal if minutes is None else f"{minutes:g} min"
    if common.dry_run:
        screen.say(f"would draw faces, train {demonstration.MODEL} for {goal}, fill {out}")
        return {"model": demonstration.MODEL, "minutes": minutes, "folder": str(out)}
    if minutes is None:
        screen.note(f"training for {goal}: a minute or a few without other work")
    model = registry.get("model", demonstration.MODEL)
    screen.streams = True
    with packing(screen) as progress:
        shown = demonstration.demo(
            out,
            minutes,
            seed=common.seed or 0,
            device=common.device or "auto",
            registry=registry,
            loggers=[display(screen, model)],
            progress=progress,
        )
    screen.made(shown.faces, "grid", f"what the model draws after {shown.steps:,} steps")
    if not shown.enough:
        screen.warn(unfinished(shown.steps, minutes or demonstration.LIMIT), "demo.unfinished")
    timeline = shown.run.path / "timeline.png"
    for path, kind, words in (
        (shown.reals, "reals", "what it was shown"),
        (timeline, "timeline", "how it learned"),
    ):
        if path.is_file():  # a run of a second has no timeline
            screen.record(path, kind)
            screen.say(f"{path}  {words}")
    screen.say(
        f"\nNext: animekit train {model.name} --data FOLDER     your own pictures"
        f"\n      animekit train {model.name} --help            what the model can be told"
        f"\n      animekit generate {shown.run.path} --seeds 0-63 -o more.png"
    )
    return {
        "run": str(shown.run.path),
        "faces": str(shown.faces),
        "reals": str(shown.reals),
        "steps": shown.steps,
        "enough": shown.enough,
    }


def unfinished(steps: int, minutes: float) -> str:
    """Say that a picture shows no faces yet, and what to do."""
    from animekit.demonstration import ENOUGH

    longer = math.ceil(1.5 * minutes * ENOUGH / max(steps, 1))
    return (
        f"the picture is unfinished: {steps:,} steps were done in {minutes:g} min, and faces take"
        f" {ENOUGH:,}; animekit demo --minutes {longer} takes the time that this machine needs"
    )
