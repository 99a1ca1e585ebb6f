"""Explain: what a model minimises, in which order it learns, and what its networks are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from animekit import plugins
from animekit.config import Layer, resolve
from animekit.data.joined import open_dataset
from animekit.data.places import Data, joined
from animekit.data.spec import ImageSpec
from animekit.data.unpaired import find_domains
from animekit.errors import AnimekitError, NotFoundError, UnusableError, UsageError
from animekit.explanation.layers import trace
from animekit.explanation.result import Explanation
from animekit.explanation.rule import pseudo_code, updates_of
from animekit.labels.tags import EYES, HAIR
from animekit.models.base import Model, Need
from animekit.plugins import Registry
from animekit.runs.run import Run, load_model
from animekit.training.recipe import TrainOptions, TrainRecipe, make_recipe
from animekit.training.tips import KEY as TIPS
from animekit.training.tips import sentences


@dataclass(frozen=True)
class _Subject:
    """A model that was built to be explained, the options of its training, and where it is from."""

    model: Model
    options: TrainOptions | None
    """None of weights, which do not know how they were trained."""
    origin: str
    values: Mapping[str, Any]


def explain(
    model: str | Path | Run,
    data: Data | None = None,
    *,
    preset: str | None = None,
    params: Mapping[str, Any] | None = None,
    config: Path | str | None = None,
    tips: Sequence[str | int] | str | int = (),
    registry: Registry | None = None,
    origins: Mapping[str, str] | None = None,
    **options: Any,
) -> Explanation:
    """Return the objectives, the update rule, the layers and the paper of a model.

    `model` is the name of one, with a preset, params, tips, config and options (size, batch_size,
    ...) as `train` takes them, or a run, a checkpoint or weights, which have their own. A model
    that needs labels is shown with those of `data`, else with colours of hair and eyes. One small
    step on noise is taken with it in memory: nothing is trained or written.
    """
    registry = registry if registry is not None else plugins.load()
    values = {**(params or {}), **{k: v for k, v in options.items() if v is not None}}
    if data is not None:
        values["data"] = joined(data)
    asked = tips if isinstance(tips, (str, int)) else list(tips)
    if asked not in ("", []):
        values = {TIPS: asked, **values}
    known = isinstance(model, str) and registry.find("model", model) is not None
    if known:
        subject = _of_name(str(model), registry, values, preset, config, origins or {})
    else:
        if values or preset is not None or config is not None:
            raise UsageError(
                f"{model} is no name of a model, and weights have their own parameters",
                f"models: {' '.join(registry.all('model'))}",
            )
        subject = _of_weights(model, registry)
    return _explained(subject)


def _of_name(
    name: str,
    registry: Registry,
    values: Mapping[str, Any],
    preset: str | None,
    config: Path | str | None,
    origins: Mapping[str, str],
) -> _Subject:
    """Return a new model, as `train` would begin with it."""
    recipe = make_recipe(
        name, registry, preset=preset, config_file=config, values=values, origins=origins
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = recipe.model(recipe.params, _spec(recipe, registry, values))
    model.validate()
    words = f"preset {recipe.preset}" if recipe.preset else "its own values"
    origin = f"As trained with {words}, on images of {recipe.options.size} px."
    origin = " ".join([origin, *filter(None, [recipe.choice]), *sentences(recipe.tips)])
    return _Subject(model, recipe.options, origin, recipe.params.model_dump(mode="json"))


def _spec(recipe: TrainRecipe, registry: Registry, values: Mapping[str, Any]) -> ImageSpec:
    """Return what a model sees: the labels of data that were named, else usual ones."""
    cls, options = recipe.model, recipe.options
    needs = cls.needs(recipe.params)
    if "data" in values:
        where = find_domains(options.data)[0] if needs is Need.UNPAIRED else options.data
        tags = Path(options.tags) if options.tags else None
        found = open_dataset(where, registry, tags, options.labels).spec(options.size)
        if needs is not Need.LABELLED:
            return ImageSpec(options.size, found.channels)
        if not found.labels:
            raise UnusableError(
                f"model {cls.name} needs labels, and {options.data} has none",
                "give --tags FILE, or leave --data out",
            )
        return found.only(found.columns(getattr(recipe.params, "attributes", "")))
    if needs is not Need.LABELLED:
        return ImageSpec(options.size)
    labels = (*(f"{word} hair" for word in HAIR), *(f"{word} eyes" for word in EYES))
    return ImageSpec(options.size, labels=labels, groups=(len(HAIR), len(EYES)))


def _of_weights(where: str | Path | Run, registry: Registry) -> _Subject:
    """Return the model of a run, a checkpoint or a weights file."""
    try:
        loaded = load_model(where, registry)
    except NotFoundError as error:
        if isinstance(where, str):
            try:
                registry.get("model", where)
            except AnimekitError as unknown:  # it knows the nearest name
                raise NotFoundError(unknown.message, f"{unknown.hint}; {error.hint}") from None
        raise
    options = None
    if loaded.run is not None:
        told = loaded.run.config.get("options", {})
        options = resolve(TrainOptions, [Layer(loaded.name, told)]).params
    values = loaded.model.params.model_dump(mode="json")
    return _Subject(
        loaded.model, options, f"{loaded.origin[:1].upper()}{loaded.origin[1:]}.", values
    )


def _explained(subject: _Subject) -> Explanation:
    model = subject.model
    seen = trace(model)
    formulas, updates = model.formulas(), updates_of(model, seen.terms)
    cls = type(model)
    return Explanation(
        model=cls.name,
        summary=cls.summary(),
        origin=subject.origin,
        size=model.spec.size,
        objectives={
            phase: {term: formulas.get(f"{phase}/{term}", "") for term in terms}
            for phase, terms in seen.terms.items()
        },
        updates=tuple(updates),
        code=tuple(pseudo_code(model, updates, subject.options)),
        networks=tuple(seen.networks),
        notes=cls.notes,
        paper=cls.paper,
        values=subject.values,
    )
