"""What an ablation was asked for, held together: the arguments of `ablate` and `plan_ablate`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from animekit import plugins
from animekit.ablation.variants import (
    CLEANED,
    ON,
    RAW,
    TIP,
    Variant,
    fields_of,
    read_axis,
    read_variant,
)
from animekit.data.places import Data, joined
from animekit.errors import UsageError
from animekit.plugins import Registry
from animekit.seeds import parse_seeds
from animekit.training.recipe import TrainOptions

METRICS = ("swd", "ms_ssim")
NUM = 2_000
"""Images of each side that are measured, unless there are fewer or others were asked for."""
OWN = frozenset(
    {"seed", "steps", "minutes", "epochs", "device", "threads", "name", "size", "log_every"}
    | {"sample_every", "save_every", "keep_checkpoints"}
)
"""Options that an ablation sets itself, or that change what is compared: no axis of theirs."""
Told = Callable[[str, float], None]
"""Told what goes on, and the share of all trainings that is done."""


@dataclass(frozen=True)
class Budget:
    """What each training may take: steps, or seconds of the processor."""

    steps: int | None = None
    seconds: float | None = None

    def share(self, step: int, seconds: float) -> float:
        """Return how much of it is gone, in [0, 1]."""
        gone = step / self.steps if self.steps else seconds / self.seconds if self.seconds else 1.0
        return min(1.0, gone)

    def __str__(self) -> str:
        if self.steps is not None:
            return f"{self.steps:,} steps"
        return f"{self.seconds:,.0f} seconds of the processor"


@dataclass(frozen=True)
class Measure:
    """How every training is measured: `animekit.evaluate` says what each field means."""

    metrics: tuple[str, ...] = METRICS
    num: int | None = None
    repeats: int = 1
    checkpoint: str | int = "last"
    ref: str | None = None


@dataclass(frozen=True)
class AblateRequest:
    """What one call asked for: `animekit.ablate` says what each field means."""

    model: str
    budget: Budget
    measure: Measure
    registry: Registry
    values: Mapping[str, Any] = field(default_factory=dict)
    origins: Mapping[str, str] = field(default_factory=dict)
    preset: str | None = None
    config: Path | str | None = None
    tips: tuple[str, ...] = ()
    axes: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    variants: tuple[Variant, ...] = ()
    grid: bool = False
    seeds: tuple[int, ...] = (0,)
    jobs: int | None = None
    device: str = "auto"
    threads: int = 1
    out: Path | None = None
    plugins_dir: Path | None = None

    @classmethod
    def of(
        cls,
        model: str,
        data: Data | None = None,
        *,
        steps: int | None = None,
        seconds: float | None = None,
        tips: Sequence[str | int] | str | int = (),
        axes: Mapping[str, Sequence[Any]] | Sequence[str] = (),
        variants: Mapping[str, Mapping[str, Any]] | Sequence[str] = (),
        on: Sequence[str] | str = (),
        grid: bool = False,
        seeds: str | Sequence[int] | int = "0",
        preset: str | None = None,
        params: Mapping[str, Any] | None = None,
        config: Path | str | None = None,
        metrics: Sequence[str] = (),
        num: int | None = NUM,
        repeats: int = 1,
        checkpoint: str | int = "last",
        ref: str | Path | None = None,
        jobs: int | None = None,
        device: str | None = None,
        threads: int | None = None,
        out: Path | str | None = None,
        registry: Registry | None = None,
        plugins_dir: Path | None = None,
        origins: Mapping[str, str] | None = None,
        **options: Any,
    ) -> AblateRequest:
        """Return the request of a call; UsageError for what does not go together."""
        _check_numbers(steps, seconds, num=num, repeats=repeats, jobs=jobs)
        found = registry if registry is not None else plugins.load(plugins_dir)
        component = found.get("model", model)
        values = {**(params or {}), **options}
        if data is not None:
            values["data"] = joined(data)
        _check_values(values)
        return cls(
            model=component.name,
            budget=Budget(steps, seconds),
            measure=_measure(found, metrics, num, repeats, checkpoint, ref),
            registry=found,
            values=values,
            origins=origins or {},
            preset=preset,
            config=Path(config).absolute() if config is not None else None,
            tips=_words(tips),
            axes=_axes(axes, on, fields_of(component.Params, TrainOptions)),
            variants=_variants(variants),
            grid=grid,
            seeds=_seeds(seeds),
            jobs=jobs,
            device=device or "auto",
            threads=threads or 1,
            out=Path(out) if out is not None else None,
            plugins_dir=plugins_dir,
        )


def _measure(
    registry: Registry,
    metrics: Sequence[str],
    num: int | None,
    repeats: int,
    checkpoint: str | int,
    ref: str | Path | None,
) -> Measure:
    names = tuple(registry.get("metric", name).name for name in metrics) or METRICS
    return Measure(names, num, repeats, checkpoint, None if ref is None else str(ref))


def _check_numbers(
    steps: int | None, seconds: float | None, *, num: int | None, repeats: int, jobs: int | None
) -> None:
    """Refuse no budget, two of them, and numbers that cannot be."""
    if (steps is None) == (seconds is None):
        raise UsageError(
            "an ablation needs one budget for every training",
            "give --steps N, or --seconds S of the processor",
        )
    if (steps is not None and steps < 1) or (seconds is not None and not seconds > 0):
        raise UsageError("the budget of a training is more than nothing", "give --steps 2000")
    if repeats < 1 or (num is not None and num < 2) or (jobs is not None and jobs < 1):
        raise UsageError("an ablation needs --repeats 1, --num 2, --jobs 1, or more of them")


def _check_values(values: Mapping[str, Any]) -> None:
    """Refuse values of the base that an ablation sets for each training."""
    for key in ("steps", "minutes", "epochs", "seed"):
        if values.get(key) is not None:
            hint = "give --seeds 0,1" if key == "seed" else "give --steps N or --seconds S"
            raise UsageError(f"{key} is not the base's alone", hint)


def _words(given: Sequence[str | int] | str | int) -> tuple[str, ...]:
    """Return "4,5" or [4, "5"] as words, each once."""
    texts = [given] if isinstance(given, (str, int)) else given
    parts = (part.strip() for text in texts for part in str(text).split(","))
    return tuple(dict.fromkeys(part for part in parts if part))


def _seeds(given: str | Sequence[int] | int) -> tuple[int, ...]:
    if isinstance(given, (str, int)):
        return tuple(dict.fromkeys(parse_seeds(str(given))))
    return tuple(dict.fromkeys(parse_seeds(",".join(map(str, given)))))


def _axes(
    given: Mapping[str, Sequence[Any]] | Sequence[str],
    on: Sequence[str] | str,
    fields: Mapping[str, Any],
) -> dict[str, list[Any]]:
    """Return the values of each axis; UsageError for an axis that no comparison can have."""
    pairs = (
        [(key.replace("-", "_"), list(values)) for key, values in given.items()]
        if isinstance(given, Mapping)
        else [read_axis(text, fields) for text in given]
    )
    found: dict[str, list[Any]] = {}
    for key, values in pairs:
        if key in OWN:
            hint = {
                "seed": "give --seeds 0,1,2",
                "size": "pictures of two sizes have no common numbers: run two ablations",
            }.get(key, "it is the same for all trainings of an ablation")
            raise UsageError(f"{key} is no axis", hint)
        found.setdefault(key, []).extend(values)
    words = _words(on.replace("|", ",") if isinstance(on, str) else on)
    if words:
        found[ON] = [*found.get(ON, []), *words]
    for word in found.get(ON, []):
        if word not in (CLEANED, RAW):
            raise UsageError(f'cannot train on "{word}"', f"use --on {CLEANED},{RAW}")
    if TIP in found:  # --axis tip=4,5 is --tip 4,5
        found[TIP] = list(_words([str(value) for value in found[TIP]]))
    return found


def _variants(given: Mapping[str, Mapping[str, Any]] | Sequence[str]) -> tuple[Variant, ...]:
    if isinstance(given, Mapping):
        return tuple(Variant(name, dict(values)) for name, values in given.items())
    return tuple(map(read_variant, given))
