"""The run of a job: a new one, or one that goes on with the few options changed that may be."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from animekit.config import Layer, Params, current, resolve, unknown_key
from animekit.device import HALVES, choose_device, thread_count
from animekit.engines.engine import LocalEngine
from animekit.engines.many import start
from animekit.engines.parts import shares_of
from animekit.engines.processes import place
from animekit.errors import CheckpointError, ConfigError, NotFoundError, UnusableError
from animekit.files import cores, refuse_unwritable
from animekit.models import weights
from animekit.models.base import Model
from animekit.runs import checkpoint
from animekit.runs.run import Run
from animekit.text import clipped
from animekit.training.job import TrainJob, new_job, with_data
from animekit.training.recipe import RESUMABLE, TrainOptions, TrainRecipe
from animekit.training.request import TrainRequest
from animekit.training.tips import KEY, read_tips

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


def begun(request: TrainRequest) -> tuple[TrainJob, Run]:
    """Return a new job and its run, which the first process makes.

    Raises UnusableError before any picture is read where no run can be made.
    """
    if place().is_main:
        refuse_unwritable(request.runs, "--out names another folder of runs")
    job, made = new_job(request), None
    if job.engine.is_main:
        made = Run.create(job.recipe.model.name, job.label, job.config(), request.runs).path
    path = Path(job.engine.from_main(str(made)))
    if not (path / "config.json").is_file():
        raise NotFoundError(
            f"{place()} does not see the run folder {path} that the first one made",
            "name a folder that all machines share: --out DIR",
        )
    return job, Run(path)


def resumed_job(run: Run, request: TrainRequest) -> TrainJob:
    """Return the job of an existing run, with those options changed that may be.

    The data must be what they were; other hardware is a warning, since the bits may differ.
    """
    _check(run, request.model)
    try:
        recipe, engine, labels = _settings(run, request)
        before = {part: dict(run.config[part]) for part in ("data", "environment", "resolved")}
        expected = str(before["data"]["fingerprint"])
    except (LookupError, TypeError, AttributeError, ValueError) as error:
        raise CheckpointError(
            f"{run.path / 'config.json'} does not hold the values of a run:"
            f" {clipped(str(error), 200)}",
            "bring the file back that was there, or start a new run",
        ) from None
    # Packing what was packed before takes no time, so there is no progress to show. It is read back
    # whole: a bit that a disk lost moves no time of a file, and the run would no longer be exact.
    with engine.main_first():
        job = with_data(recipe, engine, request.registry, None, labels, verify=True)
    _check_data(run, job, expected)
    _begin_again(run, job, request)
    job.warnings += _differences(before, job.config()) + _pixels(before, job)
    return job


def _begin_again(run: Run, job: TrainJob, request: TrainRequest) -> None:
    """Read the weights again that a run began with, where it was cut before its first checkpoint.

    Raises UnusableError where they are others now.
    """
    if checkpoint.steps_of(run.path):
        return
    job.begin_with(request.registry)
    before = run.config.get("pretrained")
    if job.pretrained is not None and job.pretrained.facts != before:
        raise UnusableError(
            f"{job.recipe.options.pretrained} has other weights than when run {run.id} began",
            "start a new run",
            code="pretrained.changed",
        )


def _settings(run: Run, request: TrainRequest) -> tuple[TrainRecipe, LocalEngine, list[str]]:
    """Return the recipe, engine and labels of a run; errors of many kinds for odd values."""
    recipe = _recipe(run, request.registry.get("model", request.model), request.values)
    resolved, labels = run.config["resolved"], run.config["spec"]["labels"]
    known = ("fp32", "fp64", *HALVES)
    if resolved["precision"] not in known or type(resolved["compile"]) is not bool:
        raise ValueError("its precision is none")
    engine = start(
        choose_device(recipe.options.device),
        precision=resolved["precision"],
        channels_last=recipe.options.channels_last,
        compiled=resolved["compile"],
        products=resolved.get("convolutions", "torch") == "products",
        graphs=recipe.options.compile == "graphs",
        threads=_threads(recipe.options.threads, resolved.get("threads")),
    )
    shares_of(engine, recipe.options.batch_size, recipe.options.accumulate)
    return recipe, engine, [str(name) for name in labels]


def _threads(asked: int | None, before: object) -> int:
    """Return the threads asked for, or those of before where they can be had: bits follow them."""
    if asked is None and type(before) is int and 1 <= before <= cores():
        return before
    return thread_count(asked)


def fixed_values(job: TrainJob) -> dict[str, Any]:
    """Return what a run keeps beside its parameters: what a step depends on."""
    options = job.recipe.options.model_dump(mode="json")
    kept = {key: value for key, value in options.items() if key not in RESUMABLE | {"name"}}
    engine = job.engine
    kept |= {"convolutions": "products" if engine.products else "torch"}
    return kept | {"precision": engine.precision, "compile": engine.compiled}


def refuse_others(run: Run, job: TrainJob, folder: Path, manifest: Mapping[str, Any]) -> None:
    """Raise CheckpointError where a checkpoint is not of this job; build no model.

    What config.json says is held against what the checkpoint knows of itself: a changed digit in
    one of them would train on to something else. Those of 0.1.0 know parameters, labels and data.
    """
    recipe = job.recipe
    tensors, about, _ = weights.read(folder / checkpoint.MODEL)
    here = fixed_values(job)
    try:
        params = resolve(recipe.model.Params, [Layer(str(folder), about["params"])]).params
        pairs = {
            "model": (recipe.model.name, about["model"]),
            "spec": (job.config()["spec"], about["spec"]),
            "data": (job.fingerprint, about["data"]["fingerprint"]),
            **{
                key: (here[key], value)
                for key, value in dict(manifest.get("fixed", {})).items()
                if key in here
            },
            **{key: (value, getattr(params, key)) for key, value in recipe.params},
        }
        for key, (ours, theirs) in pairs.items():
            if ours != theirs:
                seen = clipped(f"{key} is {ours!r} here and {theirs!r} there", 200)
                raise ValueError(f"{seen}: one of them was changed or damaged")
        weights.refuse_misfits(recipe.model, recipe.params, job.spec, tensors)
    except weights.BUILDING as error:
        raise CheckpointError(
            f"{run.path / 'config.json'} and {folder} do not go together: {error}",
            "bring the file back that was there, or start a new run",
        ) from None


def passed_over(run: Run, taken: Path) -> list[str]:
    """Return a warning where checkpoints behind the one that is taken are damaged."""
    newer = [
        path.name for path in checkpoint.steps_of(run.path) if int(path.name) > int(taken.name)
    ]
    if not newer:
        return []
    what = f"checkpoint {newer[0]} is" if len(newer) == 1 else f"checkpoints {' '.join(newer)} are"
    return [f"{what} damaged: going on from {taken.name}; the steps behind it are taken again"]


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
    tips = tuple(dict.fromkeys(str(change["tip"]) for change in run.config.get(KEY, ())))
    if KEY in values and read_tips(values[KEY]) != tips:
        raise ConfigError(
            f"run {run.id} began with {'tips ' + ', '.join(tips) if tips else 'no tips'}, and"
            " cannot change them on resume",
            "leave --tip out, or start a new run",
        )
    values = {key: value for key, value in values.items() if key != KEY}
    for key, value in values.items():
        if key not in old:
            raise unknown_key(key, old, "--resume")
        if key not in RESUMABLE and _plain(old[key]) != _plain(value):
            raise ConfigError(
                f"{key} of run {run.id} is {old[key]} and cannot become {value} on resume",
                f"these can change: {' '.join(sorted(RESUMABLE))}; else start a new run, with the"
                f" weights of this one: --pretrained {run.id}",
            )
    changed = {key: value for key, value in values.items() if key in RESUMABLE}
    if changed.get("steps") is not None and changed.get("epochs") is not None:
        raise ConfigError("steps and epochs are two ends of one training", "give one of them")
    goals = ("steps", "epochs", "minutes")
    if any(goal in changed for goal in goals):  # the new one takes the place of the old
        changed = dict.fromkeys(goals) | changed
    return changed


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _check_data(run: Run, job: TrainJob, expected: str) -> None:
    if job.fingerprint != expected:
        used = run.config["data"].get("used")
        now = sum(map(len, job.packs))
        what = f"it had {used if type(used) is int else 0:,} images, now {now:,}"
        if used == now:
            what = f"it has {now:,} images as before, but some of them, or their labels, are others"
        if run.config["data"].get("pixels") == [pack.pixels for pack in job.packs]:
            what = f"its {now:,} images are the same, but their labels, names or weights changed"
        raise UnusableError(
            f"{job.recipe.options.data} changed since run {run.id} began: {what}",
            "bring the old data back, or start a new run",
        )


def _pixels(before: dict[str, Any], job: TrainJob) -> list[str]:
    """Return a warning where the same files were packed to other pixels; 0.1.0 kept no hash."""
    pixels = before["data"].get("pixels")
    if pixels is None or pixels == [pack.pixels for pack in job.packs]:
        return []
    return ["the images are packed to other pixels than when the run began: results can differ"]


def _differences(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    old, new = ({**config["environment"], **config["resolved"]} for config in (before, now))
    return [
        f"{key} was {old.get(key)} and is {new[key]}: results can differ in their last bits"
        for key in ("torch", "cpu_capability", "device", "threads")
        if old.get(key) != new[key]
    ] + [
        f"{was} processes are now {now}: the same run, up to the rounding of sums"
        for was, now in [(old.get("processes", 1), new.get("processes", 1))]
        if was != now
    ]
