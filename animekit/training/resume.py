"""Resume: the job of a run that goes on, with the few options changed that may be."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from animekit.config import Layer, Params, current, resolve, unknown_key
from animekit.device import choose_device
from animekit.errors import CheckpointError, ConfigError, UnusableError
from animekit.models.base import Model
from animekit.runs.run import Run
from animekit.training.engine import LocalEngine
from animekit.training.job import TrainJob, with_data
from animekit.training.recipe import RESUMABLE, TrainOptions, TrainRecipe
from animekit.training.request import TrainRequest

PARTS = (
    "model",
    "preset",
    "plugin",
    "params",
    "options",
    "origins",
    "resolved",
    "data",
    "environment",
)
"""What a config.json must hold for its run to go on."""


def resumed_job(run: Run, request: TrainRequest) -> TrainJob:
    """Return the job of an existing run, with those options changed that may be.

    The data must be what they were; other hardware is a warning, since the bits may differ.
    """
    _check(run, request.model)
    config = run.config
    recipe = _recipe(run, request.registry.get("model", request.model), request.values)
    engine = LocalEngine(
        choose_device(recipe.options.device),
        precision=config["resolved"]["precision"],
        channels_last=recipe.options.channels_last,
        compiled=config["resolved"]["compile"],
    )
    # Packing what was packed before takes no time, so there is no progress to show.
    job = with_data(recipe, engine, request.registry, None, config["spec"]["labels"])
    _check_data(run, job)
    job.warnings += _differences(config, job.config())
    return job


def _check(run: Run, model: str) -> None:
    """Raise where a run cannot go on as this model."""
    lacking = [part for part in PARTS if part not in run.config]
    if lacking:
        raise CheckpointError(
            f"{run.path / 'config.json'} lacks {', '.join(lacking)}", "start a new run"
        )
    if run.config["model"] != model:
        raise UnusableError(
            f"run {run.id} trains {run.config['model']}, not {model}",
            f"animekit train {run.config['model']} --resume {run.id}",
        )


def _recipe(run: Run, cls: type[Model], values: Mapping[str, Any]) -> TrainRecipe:
    """Return the recipe of a run with the values changed that may be."""
    config, origin = run.config, str(run.path)
    options = {**_current(run, "options", TrainOptions), **_changes(run, cls, values)}
    return TrainRecipe(
        cls,
        resolve(cls.Params, [Layer(origin, config["params"])]).params,
        resolve(TrainOptions, [Layer(origin, options)]).params,
        config["origins"],
        config["preset"],
        config["plugin"],
    )


def _current(run: Run, part: str, schema: type[Params]) -> Mapping[str, Any]:
    """Return a part of what a run was told, in today's names."""
    return current(Layer(str(run.path), run.config[part]), schema).values


def _changes(run: Run, cls: type[Model], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options that change; raises ConfigError for what a run must keep."""
    old = {**_current(run, "params", cls.Params), **_current(run, "options", TrainOptions)}
    values = current(Layer("--resume", values), cls.Params, TrainOptions).values
    for key, value in values.items():
        if key not in old:
            raise unknown_key(key, old, "--resume")
        if key not in RESUMABLE and _plain(old[key]) != _plain(value):
            raise ConfigError(
                f"{key} of run {run.id} is {old[key]} and cannot become {value} on resume",
                f"these can change: {' '.join(sorted(RESUMABLE))}; else start a new run",
            )
    changed = {key: value for key, value in values.items() if key in RESUMABLE}
    for goal, other in (("steps", "minutes"), ("minutes", "steps")):
        if goal in changed and other not in values:
            changed[other] = None  # the new goal takes the place of the old one
    return changed


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _check_data(run: Run, job: TrainJob) -> None:
    data = run.config["data"]
    if job.fingerprint != data["fingerprint"]:
        raise UnusableError(
            f"{job.recipe.options.data} changed since run {run.id} began: it had"
            f" {data['used']:,} images, now {sum(map(len, job.packs)):,}",
            "bring the old data back, or start a new run",
        )


def _differences(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    old, new = ({**config["environment"], **config["resolved"]} for config in (before, now))
    return [
        f"{key} was {old.get(key)} and is {new[key]}: results can differ in their last bits"
        for key in ("torch", "cpu_capability", "device", "threads")
        if old.get(key) != new[key]
    ]
