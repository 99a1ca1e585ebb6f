"""Job: a recipe with its data packed and its hardware chosen, ready to train."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch

from animekit.data.joined import Joined, open_dataset
from animekit.data.occurring import chosen
from animekit.data.pack import Pack, pack
from animekit.data.places import refuse_pair
from animekit.data.sampler import Loader, WeightedSampler
from animekit.data.spec import ImageSpec
from animekit.data.unpaired import PairLoader, find_domains
from animekit.device import (
    CROWD,
    choose_device,
    choose_precision,
    environment,
    fitting_batch,
    memory,
    native_bf16,
    thread_count,
    threads,
)
from animekit.engines.engine import LocalEngine
from animekit.engines.many import start
from animekit.engines.parts import shares_of
from animekit.errors import ConfigError, UnusableError
from animekit.files import Progress, cores
from animekit.models.base import Model, Need
from animekit.plugins import Registry
from animekit.runs.pretrained import Pretrained
from animekit.seeds import derive_seed
from animekit.text import size
from animekit.training.data_facts import data_facts, data_name, fingerprint_of, learned
from animekit.training.judge import Judge, real_images
from animekit.training.recipe import AUTO, TrainRecipe, make_recipe
from animekit.training.request import TrainRequest, refuse_unfit
from animekit.training.stepper import Stepper
from animekit.training.tally import memory_by_batch
from animekit.training.watch import PICTURES, Lookout

MOST = {"cpu": 64}  # images, beyond which a step is only longer; 256 on a GPU
FEWEST = 64
"""Real images below which nothing is said of collapse."""


@dataclass
class TrainJob:
    """A recipe with its data packed and its hardware chosen: ready to train."""

    recipe: TrainRecipe
    pack: Pack
    spec: ImageSpec
    engine: LocalEngine
    description: str
    warnings: list[str] = field(default_factory=list)
    others: Pack | None = None  # the second domain of unpaired data
    pretrained: Pretrained | None = None  # what it begins with, unless it goes on

    @property
    def label(self) -> str:
        """What the run folder is called behind its number and model."""
        options = self.recipe.options
        if options.name:
            return options.name
        name, size = data_name(options.data), str(options.size)
        return name if name.endswith(size) else name + size  # faces64, not faces6464

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

    def __post_init__(self) -> None:
        """Make steps of the epochs, where those were asked for."""
        recipe, steps = self.recipe, self.recipe.options.steps_for(self.images)
        if steps is not None:
            options = recipe.options.model_copy(update={"steps": steps})
            origins = recipe.origins | {"steps": "epochs"}
            self.recipe = replace(recipe, options=options, origins=origins)

    @property
    def images(self) -> int:
        """How many images an epoch draws: those of the first domain that are trained on."""
        if self.pack.weights is not None:
            weights = self.pack.weights if self.rows is None else self.pack.weights[self.rows]
            return WeightedSampler(weights, 1, 0).n
        return len(self.pack) if self.rows is None else len(self.rows)

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
        options, model = self.recipe.options, self.build()
        if self.pretrained is not None:
            self.pretrained.into(model)
        return Stepper(
            model,
            self.engine,
            self._loader,
            seed=options.seed,
            ema=options.ema_decay,
            total=options.total_steps(),
            batch_size=options.batch_size,
            accumulate=options.accumulate,
        )

    def _loader(self, seed: int) -> Loader:
        options = self.recipe.options
        if self.others is not None:
            return PairLoader(
                (self.pack, self.others),
                options.batch_size,
                seed,
                flip=options.mirror,
                crop=options.crop,
                device=self.engine.device,
                rows=(self.rows, self.other_rows),
            )
        return Loader(
            self.pack,
            options.batch_size,
            seed,
            flip=options.mirror,
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

    def lookout(self, registry: Registry) -> Lookout | None:
        """Return what looks for collapse while the model trains, None where it cannot."""
        if not hasattr(self.recipe.model, "sample") or len(self.pack) < FEWEST:
            return None
        real = real_images(self.pack, self.spec.size, PICTURES, self.recipe.options.seed)
        return Lookout.over(registry, real)

    def config(self) -> dict[str, Any]:
        """Return everything that config.json holds."""
        return {
            "animekit": version("animekit"),
            "model": self.recipe.model.name,
            "preset": self.recipe.preset,
            "plugin": self.recipe.plugin,
            "tips": [asdict(change) for change in self.recipe.tips],
            "params": self.recipe.params.model_dump(mode="json"),
            "options": self.recipe.options.model_dump(mode="json"),
            "origins": self.recipe.origins,
            "resolved": self.engine.facts(),
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
            **({} if self.pretrained is None else {"pretrained": self.pretrained.facts}),
        }

    def begin_with(self, registry: Registry) -> None:
        """Read the weights that a new run is to begin with, where some are named."""
        where = self.recipe.options.pretrained
        if where is not None:
            self.pretrained = Pretrained.of(where, self.build(), registry)
            self.warnings += self.pretrained.notes


def new_job(request: TrainRequest) -> TrainJob:
    """Resolve a recipe, choose the device, open and pack the data."""
    recipe = make_recipe(
        request.model,
        request.registry,
        preset=request.preset,
        config_file=request.config,
        values=request.values,
        origins=request.origins,
    )
    options = recipe.options
    refuse_unfit(recipe)
    device = choose_device(options.device)  # before the data: a missing device is known at once
    engine = start(
        device,
        precision=choose_precision(options.precision, device),
        channels_last=options.channels_last,
        threads=thread_count(options.threads),
    )
    if options.batch_size != AUTO:
        shares_of(engine, options.batch_size, options.accumulate)
    elif engine.world * options.accumulate > 1:
        raise ConfigError("batch_size=auto measures a whole batch in one process", "give a number")
    with engine.main_first():
        job = with_data(recipe, engine, request.registry, request.progress, verify=request.verify)
    job = job if options.batch_size != AUTO else measured(job, recipe)
    engine.compiled = job.recipe.options.compiles(device.type, engine.world)
    quick = device.type == "cpu" and engine.precision == "bf16" and native_bf16()
    engine.products = options.multiplies(pays=quick and not engine.compiled)
    engine.graphs = options.compile == "graphs" and device.type == "cuda"
    job.begin_with(request.registry)
    if options.threads is None and engine.threads == CROWD.free != cores():
        job.warnings.append(
            f"other programs work beside this, so it takes {engine.threads} of {cores()} cores"
            f" (--threads {cores()} takes all; results differ in their last bits)"
        )
    return job


def measured(job: TrainJob, recipe: TrainRecipe) -> TrainJob:
    """Return the job with the largest batch whose steps fit into the free memory.

    It is a power of two, at most the images of the data; 64 where nobody knows what is free.
    """

    def of(batch: int, origin: str = "") -> TrainJob:
        options = recipe.options.model_copy(update={"batch_size": batch})
        origins = recipe.origins | {"batch_size": origin}
        return replace(job, recipe=replace(recipe, options=options, origins=origins))

    device, most = job.engine.device, min(MOST.get(job.engine.device.type, 256), job.images)
    room = memory(device)
    if room is None:
        return of(64, "auto: free memory is not known here")
    with torch.random.fork_rng(devices=[]), threads(job.engine.threads):
        took = memory_by_batch(lambda batch: of(batch).stepper(), device)
    batch, bytes_of_step = fitting_batch(took, room[0], most)
    words = f"a step takes about {size(bytes_of_step)} of the {size(room[0])} that are free"
    made = of(batch, f"auto: {words}")
    made.warnings.append(f"batch {batch}: {words}")
    return made


def with_data(
    recipe: TrainRecipe,
    engine: LocalEngine,
    registry: Registry,
    progress: Progress | None,
    labels: Sequence[str] | None = None,
    *,
    verify: bool,
) -> TrainJob:
    """Return the job of a recipe, its data opened and packed; `verify` as for `pack`.

    `labels` are those of a run that goes on: it learns the ones that it began with. Raises
    UnusableError where the data lack labels that the recipe needs.
    """
    options = recipe.options
    if recipe.model.data is Need.UNPAIRED:
        return _with_two_domains(recipe, engine, registry, progress, verify=verify)
    tags = Path(options.tags) if options.tags else None
    refuse_pair(options.data, recipe.model.name)
    dataset = open_dataset(options.data, registry, tags, options.labels)
    packed = pack(dataset, options.size + options.crop, progress=progress, verify=verify)
    notes: list[str] = []
    spec = ImageSpec(options.size, packed.spec.channels)
    if options.balance and (packed.mask is None or not packed.mask.any()):
        raise UnusableError(
            f"balance needs labels, and {options.data} has none",
            "give --tags FILE, or leave balance out",
        )
    if options.balance and packed.weights is not None:
        raise ConfigError(
            f"balance and the weights of {options.data} both say how often images are drawn",
            "leave one of them out",
        )
    if recipe.model.needs(recipe.params) is Need.LABELLED:
        if packed.labels is None:
            raise UnusableError(
                f"model {recipe.model.name} needs labels{recipe.model.labels_for}, and"
                f" {options.data} has none",
                "; ".join(["give --tags FILE", *dataset.label_notes[:1]]),
            )
        if labels is not None:
            packed = chosen(packed, labels)
        else:
            packed, notes = learned(recipe, packed, dataset)
        spec = ImageSpec(options.size, spec.channels, packed.spec.labels, packed.spec.groups)
        notes += [
            f"rows of {use.file} that name no picture here {use.unmatched}"
            for use in dataset.label_uses
            if use.unmatched.count
        ]
        notes += dataset.unlabelled() if isinstance(dataset, Joined) else []
    notes = [*packed.notes, *notes]
    return TrainJob(recipe, packed, spec, engine, dataset.description, notes)


def _with_two_domains(
    recipe: TrainRecipe,
    engine: LocalEngine,
    registry: Registry,
    progress: Progress | None,
    *,
    verify: bool,
) -> TrainJob:
    options = recipe.options
    if options.balance:
        raise ConfigError("balance needs labels, and unpaired data have none", "leave it out")
    sets = [open_dataset(where, registry) for where in find_domains(options.data)]
    side = options.size + options.crop
    first, second = (pack(each, side, progress=progress, verify=verify) for each in sets)
    spec = ImageSpec(options.size, first.spec.channels)
    words = f"{sets[0].description}, and {sets[1].description}"
    notes = [*first.notes, *second.notes]
    return TrainJob(recipe, first, spec, engine, words, notes, others=second)
