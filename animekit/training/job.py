"""Job: a recipe with its data packed and its hardware chosen, ready to train."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch

from animekit.config import Layer, resolve, unknown_key
from animekit.data.dataset import open_dataset
from animekit.data.occurring import chosen, occurring
from animekit.data.pack import Pack, pack
from animekit.data.sampler import Loader
from animekit.data.spec import ImageSpec
from animekit.data.unpaired import PairLoader, find_domains
from animekit.device import choose_device, choose_precision, environment, thread_count
from animekit.errors import AnimekitError, CheckpointError, ConfigError, UnusableError
from animekit.files import Progress
from animekit.models.base import Model, Need
from animekit.plugins import Registry
from animekit.runs.run import Run
from animekit.seeds import derive_seed
from animekit.training import recipe
from animekit.training.data_facts import data_facts, data_name, fingerprint_of
from animekit.training.engine import LocalEngine
from animekit.training.judge import Judge
from animekit.training.recipe import RESUMABLE, Recipe, TrainOptions
from animekit.training.stepper import Stepper

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


@dataclass
class Job:
    """A recipe with its data packed and its hardware chosen: ready to train."""

    recipe: Recipe
    pack: Pack
    spec: ImageSpec
    engine: LocalEngine
    description: str
    warnings: list[str] = field(default_factory=list)
    others: Pack | None = None  # the second domain of unpaired data

    @property
    def label(self) -> str:
        """What the run folder is called behind its number and model."""
        options = self.recipe.options
        if options.name:
            return options.name
        return f"{data_name(options.data)}{options.size}"

    @property
    def fingerprint(self) -> str:
        """A hash of all content that the model is trained on."""
        return fingerprint_of(self.packs)

    def build(self) -> Model:
        """Return the untrained model; its first weights are a function of the seed."""
        torch.manual_seed(derive_seed(self.recipe.options.seed, "weights"))
        model = self.recipe.model(self.recipe.params, self.spec)
        model.validate()
        return model

    @cached_property
    def rows(self) -> np.ndarray | None:
        """Return which images of the pack are trained on; None where all are."""
        return self._kept(self.pack)

    @cached_property
    def other_rows(self) -> np.ndarray | None:
        """Return the same of the second domain."""
        return None if self.others is None else self._kept(self.others)

    def _kept(self, pack: Pack) -> np.ndarray | None:
        share = self.recipe.options.holdout
        return np.flatnonzero(~pack.held_out(share)) if share else None

    def stepper(self) -> Stepper:
        """Return the stepper at step 0."""
        options = self.recipe.options
        return Stepper(
            self.build(),
            self.engine,
            self._loader,
            seed=options.seed,
            ema=options.ema,
            total=options.total_steps(),
        )

    def _loader(self, seed: int) -> Loader:
        options = self.recipe.options
        if self.others is not None:
            return PairLoader(
                (self.pack, self.others),
                options.batch,
                seed,
                flip=options.flip,
                crop=options.crop,
                device=self.engine.device,
                rows=(self.rows, self.other_rows),
            )
        return Loader(
            self.pack,
            options.batch,
            seed,
            flip=options.flip,
            crop=options.crop,
            device=self.engine.device,
            rows=self.rows,
            balance=options.balance,
        )

    @property
    def packs(self) -> list[Pack]:
        """The packed images: one set, or the two of unpaired data."""
        return [self.pack] if self.others is None else [self.pack, self.others]

    def judge(self, registry: Registry) -> Judge | None:
        """Return what scores the model while it trains, None where it makes no images."""
        options = self.recipe.options
        if not hasattr(self.recipe.model, "sample"):
            return None
        return Judge.make(registry, self.pack, self.spec.size, options.eval_num, options.seed)

    def config(self) -> dict[str, Any]:
        """Return everything that config.json holds."""
        return {
            "animekit": version("animekit"),
            "model": self.recipe.model.name,
            "preset": self.recipe.preset,
            "plugin": self.recipe.plugin,
            "params": self.recipe.params.model_dump(mode="json"),
            "options": self.recipe.options.model_dump(mode="json"),
            "origins": self.recipe.origins,
            "resolved": {
                "device": str(self.engine.device),
                "precision": self.engine.precision,
                "compile": self.engine.compiled,
                "threads": thread_count(self.recipe.options.threads),
            },
            "spec": {
                "size": self.spec.size,
                "channels": self.spec.channels,
                "labels": list(self.spec.labels),
                "groups": list(self.spec.groups),
            },
            "data": data_facts(
                self.recipe.options.data,
                self.description,
                self.packs,
                [self.rows, self.other_rows][: len(self.packs)],
                labelled=bool(self.spec.labels),
            ),
            "environment": environment(),
        }


def given(goal: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of a call that were given, a path as text."""
    found = {key: value for key, value in goal.items() if value is not None}
    return {key: str(v) if isinstance(v, Path) else v for key, v in found.items()}


def job(
    model: str,
    registry: Registry,
    values: Mapping[str, Any],
    *,
    preset: str | None = None,
    config: Path | str | None = None,
    progress: Progress | None = None,
) -> Job:
    """Resolve a recipe, choose the device, open and pack the data."""
    made = recipe.make(model, registry, preset=preset, config_file=config, values=values)
    options = made.options
    _check_schedule(made)
    _check_size(made)
    device = choose_device(options.gpu)  # before the data: a missing device is known at once
    engine = LocalEngine(
        device,
        precision=choose_precision(options.precision, device),
        channels_last=options.channels_last,
        compiled=_compile(options, device.type),
    )
    return _with_data(made, engine, registry, progress)


def _compile(options: TrainOptions, device: str) -> bool:
    long = (options.total_steps() or 0) >= 2_000 or (options.minutes or 0) >= 10
    return options.compile == "on" or (options.compile == "auto" and device == "cuda" and long)


def _check_schedule(made: Recipe) -> None:
    if getattr(made.params, "lr_decay", "none") != "none" and not made.options.total_steps():
        raise ConfigError(
            "lr_decay needs to know where training ends", "give --steps in place of --minutes"
        )


def _check_size(made: Recipe) -> None:
    """Raise what building the model would raise, before minutes go into packing the data."""
    try:
        with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a head for no labels is empty, and torch says so
            made.model(made.params, ImageSpec(made.options.size)).validate()
    except AnimekitError:
        raise
    except Exception:
        return  # it may need the labels, which are not read yet


def _with_data(
    made: Recipe,
    engine: LocalEngine,
    registry: Registry,
    progress: Progress | None,
    labels: Sequence[str] | None = None,
) -> Job:
    options = made.options
    if made.model.data is Need.UNPAIRED:
        return _with_two_domains(made, engine, registry, progress)
    tags = Path(options.tags) if options.tags else None
    dataset = open_dataset(options.data, registry, tags)
    packed, notes = pack(dataset, options.size + options.crop, progress=progress), list[str]()
    spec = ImageSpec(options.size, packed.spec.channels)
    if options.balance and (packed.mask is None or not packed.mask.any()):
        raise UnusableError(
            f"balance needs labels, and {options.data} has none",
            "give --tags FILE, or leave balance out",
        )
    if made.model.data is Need.LABELLED:
        if packed.labels is None:
            raise UnusableError(
                f"model {made.model.name} needs labels, and {options.data} has none",
                "give --tags FILE",
            )
        if labels is not None:  # of a run that goes on: those that it began with
            packed = chosen(packed, labels)
        elif not made.model.keeps_all_labels:
            packed, notes = occurring(packed)
        spec = ImageSpec(options.size, spec.channels, packed.spec.labels, packed.spec.groups)
    return Job(made, packed, spec, engine, dataset.description, notes)


def _with_two_domains(
    made: Recipe, engine: LocalEngine, registry: Registry, progress: Progress | None
) -> Job:
    options = made.options
    if options.balance:
        raise ConfigError("balance needs labels, and unpaired data have none", "leave it out")
    sets = [open_dataset(where, registry) for where in find_domains(options.data)]
    first, second = (pack(each, options.size + options.crop, progress=progress) for each in sets)
    spec = ImageSpec(options.size, first.spec.channels)
    words = f"{sets[0].description}, and {sets[1].description}"
    return Job(made, first, spec, engine, words, others=second)


def job_of_run(run: Run, registry: Registry, values: Mapping[str, Any], model: str) -> Job:
    """Return the job of an existing run, with those options changed that may be.

    The data must be what they were; other hardware is a warning, since the bits may differ.
    """
    config = run.config
    lacking = [part for part in PARTS if part not in config]
    if lacking:
        raise CheckpointError(
            f"{run.path / 'config.json'} lacks {', '.join(lacking)}", "start a new run"
        )
    if config["model"] != model:
        raise UnusableError(
            f"run {run.id} trains {config['model']}, not {model}",
            f"animekit train {config['model']} --resume {run.id}",
        )
    cls = registry.get("model", model)
    old = {**config["params"], **config["options"]}
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
    options = resolve(TrainOptions, [Layer(str(run.path), {**config["options"], **changed})])
    params = resolve(cls.Params, [Layer(str(run.path), config["params"])])
    made = Recipe(
        cls,
        params.params,
        options.params,
        config["origins"],
        config["preset"],
        config["plugin"],
    )
    device = choose_device(options.params.gpu)
    engine = LocalEngine(
        device,
        precision=config["resolved"]["precision"],
        channels_last=options.params.channels_last,
        compiled=config["resolved"]["compile"],
    )
    found = _with_data(made, engine, registry, None, config["spec"]["labels"])
    if found.fingerprint != config["data"]["fingerprint"]:
        raise UnusableError(
            f"{options.params.data} changed since run {run.id} began: it had"
            f" {config['data']['used']:,} images, now {sum(map(len, found.packs)):,}",
            "bring the old data back, or start a new run",
        )
    found.warnings += _differences(config, found.config())
    return found


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _differences(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    old, new = ({**config["environment"], **config["resolved"]} for config in (before, now))
    return [
        f"{key} was {old.get(key)} and is {new[key]}: results can differ in their last bits"
        for key in ("torch", "cpu_capability", "device", "threads")
        if old.get(key) != new[key]
    ]
