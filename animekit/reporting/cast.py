"""Casts: which run stands for which part of a course report, by what differs between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from animekit.comparison.differences import Difference, differences
from animekit.errors import AnimekitError
from animekit.plugins import Registry
from animekit.runs.names import list_runs
from animekit.runs.run import Run

OBJECTIVES = ("wgangp", "wgan", "lsgan", "gan")
"""What the course compares with, the first choice first."""
MOST_TIPS = 3
COLLAPSE = "collapse"
KEPT = ("architecture", "lr", "d_lr", "steps", "g_channels", "d_channels")
"""What a cure of mode collapse must leave as it is."""


@dataclass
class Cast:
    """The runs of a course report, by the part for which each stands."""

    main: Run
    other: Run | None = None
    tips: list[Run] = field(default_factory=list)
    collapsed: Run | None = None
    cures: list[Run] = field(default_factory=list)

    def rows(self) -> list[tuple[str, str]]:
        """Return the parts and the runs that stand for them."""
        found = [("model", self.main.id)]
        if self.other is not None:
            found.append(("comparison", self.other.id))
        found += [(f"tip {place}", run.id) for place, run in enumerate(self.tips, 1)]
        if self.collapsed is not None:
            found.append(("mode collapse", self.collapsed.id))
        found += [(f"cure {place}", run.id) for place, run in enumerate(self.cures, 1)]
        return found


def grouped(main: Run, others: Sequence[Run], registry: Registry) -> Cast:
    """Return which runs serve a report: those named, else those beside it.

    Only runs on the same data count where none was named.
    """
    found = Cast(main)
    named = bool(others)
    candidates = list(others) if named else _beside(main)
    for run in candidates:
        preset = str(run.config.get("preset") or "")
        if COLLAPSE in preset or COLLAPSE in run.id:
            if preset == COLLAPSE or (found.collapsed is None and not _cures(preset)):
                found.collapsed = found.collapsed or run
            else:
                found.cures.append(run)
        elif _model(run) != _model(main):
            wanted = _model(run) in OBJECTIVES or named
            if wanted and (found.other is None or _rank(run) < _rank(found.other)):
                found.other = run
        elif changed(main, run, registry):
            found.tips.append(run)
    found.tips = sorted(found.tips, key=lambda run: not new_tips(main, run))[:MOST_TIPS]
    return found


def changed(main: Run, run: Run, registry: Registry) -> list[Difference]:
    """Return what makes a run another recipe than the main one."""
    found = differences({"main": main.config, "run": run.config}, registry)
    return [each for each in found if each.kind in ("recipe", "parameter")]


def new_tips(main: Run, run: Run) -> dict[str, str]:
    """Return the tips that a run follows and the main one does not, by their names.

    They are what `config.json` records, as {"none:4": "batch norm, ..."}; nothing is guessed of
    runs without the record, or whose parameters were set one by one.
    """
    before = _tips(main)
    return {name: title for name, title in _tips(run).items() if name not in before}


def _tips(run: Run) -> dict[str, str]:
    recorded = run.config.get("tips")
    if not isinstance(recorded, list):
        return {}
    rows = [row for row in recorded if isinstance(row, dict) and "tip" in row]
    return {str(row["tip"]): str(row.get("title", "")) for row in rows}


def _cures(preset: str) -> bool:
    return preset.startswith(COLLAPSE + "-")


def _model(run: Run) -> str:
    return str(run.config.get("model"))


def _rank(run: Run) -> int:
    name = _model(run)
    return OBJECTIVES.index(name) if name in OBJECTIVES else len(OBJECTIVES)


def _beside(main: Run) -> list[Run]:
    """Return the other runs of the folder on the same data, the newest first."""
    data = _data(main.config)
    found = []
    for path in reversed(list_runs(main.path.parent)):
        run = Run(path)
        try:
            config = run.config
        except AnimekitError:
            continue
        if run.path.resolve() != main.path.resolve() and data and _data(config) == data:
            found.append(run)
    return found


def _data(config: dict[str, Any]) -> Any:
    return config.get("data", {}).get("fingerprint")
