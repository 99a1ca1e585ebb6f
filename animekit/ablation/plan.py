"""Planning: which trainings an ablation has, what each changes, and how long all of them take."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from animekit.ablation.request import OWN, AblateRequest
from animekit.ablation.trial import State, Trial, is_done
from animekit.ablation.variants import (
    CLEANED,
    MODEL,
    ON,
    PRESET,
    RAW,
    TIP,
    Variant,
    cleaned_or_raw,
    expand,
    is_raw,
)
from animekit.config import show
from animekit.errors import AnimekitError, ConfigError, NotFoundError
from animekit.files import cores
from animekit.foreign import parse_json
from animekit.models.base import Model
from animekit.text import Printed, duration
from animekit.training.data_facts import data_name
from animekit.training.plan import TrainPlan
from animekit.training.plan import plan as plan_training
from animekit.training.presets import preset_layer
from animekit.training.recipe import TrainOptions, TrainRecipe, make_recipe
from animekit.training.tips import KEY as TIPS

FOLDER = Path("ablations")
TIMED = 3  # steps of each variant, where the time of all is asked for
DIGITS = 6  # of the base's hash in the name of a folder


@dataclass(frozen=True)
class Planned:
    """One variant as it would be trained, and what it could not take of the base."""

    variant: Variant
    recipe: TrainRecipe
    values: Mapping[str, Any]
    """Parameters and options that were asked for, those of the base that it knows first."""
    origins: Mapping[str, str]
    """Where each was asked for: what a variant says is stronger than what the base does."""
    notes: tuple[str, ...] = ()
    plan: TrainPlan | None = None

    @property
    def changes(self) -> str:
        """What differs from the base, as it would be typed; of a tip what it stands for."""
        tips = [str(each) for each in self.recipe.tips] if TIP in self.variant.values else []
        return "; ".join([self.variant.words, *tips])


@dataclass(frozen=True)
class AblatePlan(Printed):
    """What an ablation would do: shown by --dry-run."""

    folder: Path
    variants: tuple[Planned, ...]
    trials: tuple[Trial, ...]
    done: int
    jobs: int
    request: AblateRequest = field(repr=False)
    seconds: float | None = None
    """About how long what is left takes, in seconds of the clock; None where it was not timed."""

    def as_table(self) -> list[Sequence[str]]:
        """Return a row for each variant: its model, and what it changes."""
        rows: list[Sequence[str]] = [("variant", "model", "changes")]
        for each in self.variants:
            rows.append((each.variant.name, each.recipe.model.name, each.changes or "nothing"))
        return rows

    def lines(self) -> list[str]:
        """Return what else is planned, a sentence a line."""
        budget, left = self.request.budget, len(self.trials) - self.done
        seeds = ",".join(map(str, self.request.seeds))
        jobs = f", {self.jobs} at a time" if self.jobs > 1 else ""
        found = [
            f"{len(self.variants)} variants x seeds {seeds} = {len(self.trials)} trainings of"
            f" {budget} each{jobs}",
            f"into {self.folder}; {self.done} of {len(self.trials)} are done",
        ]
        if left and self.seconds is not None:
            found.append(f"what is left takes about {duration(self.seconds)}, without measuring")
        return found + list(self.notes)

    @property
    def notes(self) -> tuple[str, ...]:
        """What some variants could not take of the base."""
        return tuple(
            f"{each.variant.name}: {note}" for each in self.variants for note in each.notes
        )

    def facts(self) -> dict[str, Any]:
        """Return the plan as plain values."""
        return {
            "folder": str(self.folder),
            "variants": [
                {
                    "name": each.variant.name,
                    "model": each.recipe.model.name,
                    "preset": each.recipe.preset,
                    "changes": {key: show(value) for key, value in each.variant.values.items()},
                    "notes": list(each.notes),
                }
                for each in self.variants
            ],
            "seeds": list(self.request.seeds),
            "steps": self.request.budget.steps,
            "seconds": self.request.budget.seconds,
            "trainings": len(self.trials),
            "done": self.done,
            "jobs": self.jobs,
            "seconds_left": self.seconds,
        }


def make_plan(request: AblateRequest, *, timed: bool = False) -> AblatePlan:
    """Return the plan of a request.

    Each variant is built once, so that what is wrong with it shows before any training. `timed`
    takes a few steps of each variant to say how long all of them take. Raises the errors of
    `train`, with the name of the variant.
    """
    base = _planned(request, Variant("base"))
    known = {**base.recipe.params.model_dump(), **base.recipe.options.model_dump()}
    known |= {MODEL: base.recipe.model.name, PRESET: base.recipe.preset}
    known |= {ON: RAW if is_raw(base.recipe.options.data) else CLEANED}
    variants = expand(request.tips, request.axes, request.variants, known, grid=request.grid)
    planned = []
    for variant in variants:
        with _naming(variant):
            each = base if not variant.values else _noted(_planned(request, variant), base)
            planned.append(_tried(request, each, TIMED if timed else 0))
    folder = request.out or FOLDER / _folder_name(base)
    trials = tuple(
        _trial(request, each, seed, folder, base) for each in planned for seed in request.seeds
    )
    done = sum(is_done(trial, State.of(trial)) for trial in trials)
    jobs = _jobs(request, len(trials) - done)
    return AblatePlan(
        folder,
        tuple(planned),
        trials,
        done,
        jobs,
        request,
        _seconds_left(request, planned, trials, jobs),
    )


@contextmanager
def _naming(variant: Variant) -> Iterator[None]:
    """Put the name of a variant before what is wrong with it."""
    try:
        yield
    except AnimekitError as error:
        if not variant.values:
            raise
        words = f"{variant.name}: {error.message}"
        raise type(error)(words, error.hint, code=error.code) from None


def _planned(request: AblateRequest, variant: Variant) -> Planned:
    """Return a variant with its recipe; what the base says and its model does not know is left."""
    own = dict(variant.values)
    cls = request.registry.get("model", str(own.pop(MODEL, request.model)))
    preset, on = own.pop(PRESET, None), own.pop(ON, None)
    if TIP in own:
        own[TIPS] = str(own.pop(TIP))
    shared, notes = dict(request.values), list[str]()
    if cls.name != request.model:
        shared, lost = _known_to(cls, shared)
        notes += [f"{cls.name} has no {key}: left out" for key in lost]
    if preset is None:
        preset = request.preset
        if cls.name != request.model and not _has_preset(cls, preset, request):
            notes.append(f"{cls.name} has no preset {preset}: its own values are used")
            preset = "none"
    origins = {**request.origins, **dict.fromkeys(own, f"variant {variant.name}")}
    values = {**shared, **own}

    def resolved() -> TrainRecipe:
        return make_recipe(
            cls.name,
            request.registry,
            preset=preset,
            config_file=request.config,
            values=values,
            origins=origins,
        )

    recipe = resolved()
    if on is not None:
        values["data"] = cleaned_or_raw(recipe.options.data, on)
        recipe = resolved()
    return Planned(variant, recipe, values, origins, tuple(notes))


def _noted(each: Planned, base: Planned) -> Planned:
    """Return a variant with a word where it is what the base is."""
    if identity_of(each.recipe) != identity_of(base.recipe):
        return each
    note = "it changes nothing of this base"
    if TIP in each.variant.values:
        note += f", which follows it already; --tip none:{each.variant.values[TIP]} is the opposite"
    return replace(each, notes=(*each.notes, note))


def _known_to(cls: type[Model], values: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Return the values that a model knows, and the keys of the others."""
    schemas = (cls.Params, TrainOptions)
    fields = {name for each in schemas for name in (*each.model_fields, *each.renamed())} | {TIPS}
    known = {key: value for key, value in values.items() if key in fields}
    return known, [key for key in values if key not in known]


def _has_preset(cls: type[Model], preset: str | None, request: AblateRequest) -> bool:
    if preset in (None, "none", "best"):
        return True
    try:
        preset_layer(cls, str(preset), request.registry)
    except NotFoundError:
        return False
    return True


def _tried(request: AblateRequest, each: Planned, measure: int) -> Planned:
    """Return a variant that was built once, and timed where that is asked for."""
    recipe = each.recipe
    budget = request.budget
    timed = budget.steps is not None
    try:
        plan = plan_training(
            recipe.model.name,
            preset=recipe.preset or "none",
            config=request.config,
            params={"threads": request.threads, **each.values},
            origins=each.origins,
            device=request.device,
            registry=request.registry,
            measure=measure if timed else 0,
            **({"steps": budget.steps} if timed else {"minutes": 1.0}),
        )
    except ConfigError as error:  # of schedules, which --minutes and --seconds alike do not end
        hint = (error.hint or "").replace("--minutes", "--seconds")
        raise ConfigError(error.message, hint, code=error.code) from None
    return replace(each, plan=plan)


def identity_of(recipe: TrainRecipe) -> dict[str, Any]:
    """Return the resolved values that a step depends on, without defaults.

    So a parameter that a later version brings, off by default, makes no other training of it.
    """
    found: dict[str, Any] = {MODEL: recipe.model.name}
    for values in (recipe.options, recipe.params):
        told = values.model_dump(mode="json", exclude_defaults=True)
        found |= {key: value for key, value in told.items() if key not in OWN - {"size"}}
    return plain(found)


def plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return values as JSON gives them back: lists for tuples."""
    return dict(parse_json(json.dumps(values), "the values of a variant"))


def _folder_name(base: Planned) -> str:
    """Return the name of a folder that the same base always has."""
    text = json.dumps(identity_of(base.recipe), sort_keys=True)
    options = base.recipe.options
    label = f"{data_name(options.data)}{options.size}"
    digits = hashlib.sha256(text.encode()).hexdigest()[:DIGITS]
    return f"{base.recipe.model.name}-{label}-{digits}"


def _trial(request: AblateRequest, each: Planned, seed: int, folder: Path, base: Planned) -> Trial:
    recipe, measure = each.recipe, request.measure
    real = base.recipe.options.data
    if measure.ref is None and recipe.options.data != real:
        measure = replace(measure, ref=real)  # all are held against the same real pictures
    return Trial(
        variant=each.variant.name,
        slug=each.variant.slug,
        seed=seed,
        model=recipe.model.name,
        values=plain(dict(each.values)),
        origins=dict(each.origins),
        preset=recipe.preset or "none",
        config=None if request.config is None else str(request.config),
        budget=request.budget,
        measure=measure,
        folder=folder,
        identity=identity_of(recipe),
    )


def _jobs(request: AblateRequest, left: int) -> int:
    """Return how many trainings go on at a time: one a core, one alone on a GPU."""
    if request.jobs is not None:
        return max(1, min(request.jobs, left))
    from animekit.device import choose_device

    if choose_device(request.device).type != "cpu":
        return 1
    return max(1, min(left, cores() // request.threads))


def _seconds_left(
    request: AblateRequest, planned: Sequence[Planned], trials: Sequence[Trial], jobs: int
) -> float | None:
    """Return the seconds of the clock that what is left takes, None where it is not known."""
    budget, total = request.budget, 0.0
    for each, seed_trials in zip(planned, _by_variant(trials, len(request.seeds)), strict=True):
        for trial in seed_trials:
            state = State.of(trial)
            if is_done(trial, state):
                continue
            if budget.seconds is not None:
                total += max(0.0, budget.seconds - state.seconds)
                continue
            if each.plan is None or each.plan.img_s is None or budget.steps is None:
                return None
            steps = max(0, budget.steps - state.step)
            total += steps * each.recipe.options.batch_size / each.plan.img_s
    return total / jobs


def _by_variant(trials: Sequence[Trial], seeds: int) -> Iterator[Sequence[Trial]]:
    for start in range(0, len(trials), seeds):
        yield trials[start : start + seeds]
