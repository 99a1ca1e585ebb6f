"""What a training was asked for, held together: the arguments of `train` and `plan`."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from animekit import plugins
from animekit.data.places import Data, joined
from animekit.data.spec import ImageSpec
from animekit.errors import ConfigError
from animekit.files import Progress
from animekit.models.base import Need
from animekit.models.blueprint import refuse_too_large
from animekit.plugins import Registry
from animekit.runs.names import RUNS
from animekit.training.recipe import TrainRecipe
from animekit.training.tips import KEY


@dataclass(frozen=True)
class TrainRequest:
    """What one call asked for; `values` are the parameters and options that it named."""

    model: str
    values: Mapping[str, Any]
    registry: Registry
    preset: str | None = None
    config: Path | str | None = None
    runs: Path = RUNS
    progress: Progress | None = None
    origins: Mapping[str, str] = field(default_factory=dict)  # of `values`, else the call
    verify: bool = False  # read the packed images again, though they were not touched

    @classmethod
    def of(
        cls,
        model: str,
        data: Data | None = None,
        *,
        steps: int | None = None,
        minutes: float | None = None,
        params: Mapping[str, Any] | None = None,
        preset: str | None = None,
        config: Path | str | None = None,
        registry: Registry | None = None,
        runs: Path = RUNS,
        progress: Progress | None = None,
        verify: bool = False,
        tips: str | Sequence[str] | None = None,
        origins: Mapping[str, str] | None = None,
        **options: Any,
    ) -> TrainRequest:
        """Return the request of a call.

        Data, steps and minutes that are None were not named. `params` are the model's parameters,
        `options` those of `TrainOptions` (size, seed, ...).
        """
        goal = {"data": None if data is None else joined(data), "steps": steps, "minutes": minutes}
        named = {key: value for key, value in goal.items() if value is not None}
        asked = {} if tips is None else {KEY: tips}
        registry = registry if registry is not None else plugins.load()
        return cls(
            registry.get("model", model).name,
            {**asked, **(params or {}), **options, **named},
            registry,
            preset=preset,
            config=config,
            runs=runs,
            progress=progress,
            origins=origins or {},
            verify=verify,
        )


def refuse_unfit(recipe: TrainRecipe) -> None:
    """Raise ConfigError for values that do not fit, before the data are packed."""
    _check_schedule(recipe)
    _check_size(recipe)


def _check_schedule(recipe: TrainRecipe) -> None:
    goal = recipe.options.total_steps() or recipe.options.epochs
    for key in ("lr_schedule", "instance_noise_decay"):
        if getattr(recipe.params, key, "none") != "none" and not goal:
            raise ConfigError(
                f"{key} needs to know where training ends",
                "give --steps or --epochs in place of --minutes",
            )


def _check_size(recipe: TrainRecipe) -> None:
    """Raise what building the model would raise, before minutes go into packing the data."""
    try:
        with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a head for no labels is empty, and torch says so
            spec = ImageSpec(recipe.options.size)
            refuse_too_large(recipe.model, recipe.params, spec)
            recipe.model(recipe.params, spec).validate()
    except (ArithmeticError, LookupError, RuntimeError, ValueError):
        # The labels are not read yet. A model that is made for some may find none too few; what
        # else is wrong with it shows when it is built with them.
        if recipe.model.needs(recipe.params) is not Need.LABELLED:
            raise
