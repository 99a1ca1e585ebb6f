"""Weights of a transfer: from a name to a model that translates, and the pictures beside it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from animekit.data.unpaired import find_domains, find_tests
from animekit.errors import CheckpointError, NotFoundError, UnusableError, UsageError
from animekit.hub import catalog
from animekit.hub.obtain import PUBLISHED, published_name
from animekit.models import weights
from animekit.models.abilities import Translates
from animekit.runs.checkpoint import MODEL, steps_of
from animekit.runs.names import RUNS, list_runs
from animekit.runs.run import Loaded, Run, load_model
from animekit.text import did_you_mean

if TYPE_CHECKING:
    from animekit.plugins import Registry


@dataclass(frozen=True)
class TranslatorWeights:
    """Weights that translate, under the name that was asked for."""

    loaded: Loaded
    name: str

    @property
    def model(self) -> Translates:
        """The model, in eval mode."""
        model = self.loaded.model
        assert isinstance(model, Translates)
        return model

    @property
    def data_name(self) -> str:
        """What the data were called that it was trained on; "" where nobody knows."""
        return str((self.loaded.config or {}).get("data", {}).get("name", ""))

    @property
    def is_average(self) -> bool:
        """Whether the file holds the networks that translate alone, and no discriminator."""
        return self.loaded.run is None and (self.loaded.config or {}).get("part") == "average"

    @property
    def usual(self) -> tuple[str, ...]:
        """Labels that faces have where nobody says it, or all would be aged."""
        return ("young",) if self.loaded.name.endswith(f"-{PUBLISHED}") else ()

    def facts(self) -> dict[str, Any]:
        """Return which weights these are."""
        run = self.loaded.run
        return {
            "name": self.loaded.name,
            "model": self.loaded.model.name,
            "run": None if run is None else run.id,
            "step": self.loaded.step,
            "sha256": self.loaded.sha256,
        }


def find_weights(
    model: str,
    name: str,
    registry: Registry,
    *,
    checkpoint: str | int = "best",
    of: str | None = None,
) -> TranslatorWeights:
    """Return the weights that NAME means for a model.

    It is a run, a checkpoint or weights file, a bundled name, or a data set: then the newest run of
    the model on it, or the bundled or imported weights MODEL-NAME. `of` is "published" for those
    alone that others published, "bundled" for ours. Raises NotFoundError that says
    how to train or download some, and UnusableError for another model's.
    """
    cls = registry.get("model", model)
    model = cls.name
    if not hasattr(cls, "translate"):
        able = [key for key, each in registry.all("model").items() if hasattr(each, "translate")]
        raise UnusableError(
            f"{model} does not translate pictures",
            f"models that do: {' '.join(able) or 'none'}",
            code="model.not_translating",
        )
    for place in _places(model, name) if of is None else _only(model, name, of):
        loaded = load_model(place, registry, checkpoint=checkpoint)
        if loaded.model.name != model:
            raise UnusableError(
                f"{name} is of {loaded.model.name}, not {model}",
                f"animekit transfer {loaded.model.name} {name}",
                code="model.other",
            )
        return TranslatorWeights(loaded, name)
    raise _missing(model, name, of)


def _places(model: str, name: str) -> Iterator[str | Run | Path]:
    """Yield where the weights may be, the nearest meaning first."""
    path = Path(name)
    known = {**weights.bundled(), **weights.imported()}
    if name in known:  # before a folder of that name: see animekit.runs.names
        yield name
    if path.is_file() or (path / MODEL).is_file() or (path / "config.json").is_file():
        yield path
    if name[:1].isdecimal():
        try:
            yield Run(name)
        except NotFoundError as error:
            if " can be " in error.message:  # the beginning of several runs
                raise
    yield from (run for run in _runs_on(model, name))
    if f"{model}-{name}" in known:
        yield f"{model}-{name}"
    if published_name(model, name) in known:
        yield published_name(model, name)


def _only(model: str, name: str, of: str) -> Iterator[str]:
    """Yield the weights of one origin alone."""
    if of == PUBLISHED:
        wanted, known = [published_name(model, name)], weights.imported()
    else:
        wanted, known = [name, f"{model}-{name}"], weights.bundled()
    yield from (each for each in wanted if each in known)


def _runs_on(model: str, name: str) -> Iterator[Run]:
    """Yield the newest run of a model on a data set that has a checkpoint."""
    for path in reversed(list_runs(RUNS)):
        run = Run(path)
        try:
            config = run.config
        except CheckpointError:
            continue
        data = config.get("data", {})
        names = {str(data.get("name")), str(data.get("where")), Path(str(data.get("where"))).name}
        if config.get("model") == model and name in names and steps_of(run.path):
            yield run
            return


def _missing(model: str, name: str, of: str | None = None) -> NotFoundError:
    which = f"{of} " if of else ""
    hints = [f"train: animekit train {model} --data data/{Path(name).name}"]
    entry = next(
        (e for key in (f"{model}/{name}", name) if (e := catalog.entries("weights").get(key))),
        None,
    )
    if entry is not None and catalog.state_of(entry) == "here":
        hints.append(f"or convert what was pulled: animekit models import {entry.name}")
    elif entry is not None:
        size = f"{entry.size / 1e6:.0f} MB, " if entry.size else ""
        hints.append(f"or download ({size}sha256 shown first): animekit models pull {entry.name}")
    if entry is not None and entry.name == f"{model}/{name}":
        hints.append(f"or all in one step: animekit transfer {model} {name} --weights published")
    here = {**weights.bundled(), **weights.imported()}
    known = [each.removeprefix(f"{model}-") for each in here if each.startswith(f"{model}-")]
    if known:
        hints.append(f"here already: {' '.join(known)}.{did_you_mean(name, known)}")
    return NotFoundError(
        f'no {which}weights for "{name}"', "\n".join(hints), code="weights.missing"
    )


# the key of test pictures that are for every target
ALL = ""


def own_tests(named: TranslatorWeights) -> dict[str, str]:
    """Return the places of test pictures, by direction or under `ALL`.

    For a model with two directions these are testA and testB of its data, or A and B where there
    are no others; for a model with attributes the folder test. Where the data are not here, these
    are the examples that come with bundled weights. Raises UsageError where there are none.
    """
    both = bool(set(named.model.directions) & {"a2b", "b2a"})
    places = list(_data_places(named))
    for place in places:
        found = _domains_in(place) if both else _folder_in(place)
        if found:
            return found
    looked = " ".join(places) or "no data set is known"
    raise UsageError(
        f"no pictures were named, and {named.name} has no {'testA and testB' if both else 'test'}"
        f" here ({looked})",
        "name a picture, a folder, a pattern, a video, - or cam:0",
    )


def _domains_in(place: str) -> dict[str, str]:
    found = find_tests(place)
    if found is None and Path(place).is_dir():
        try:
            found = find_domains(place)
        except (NotFoundError, UnusableError):
            found = None
    return {} if found is None else dict(zip(("a2b", "b2a"), found, strict=True))


def _folder_in(place: str) -> dict[str, str]:
    folder = Path(place) / "test"
    return {ALL: str(folder)} if folder.is_dir() else {}


def _data_places(named: TranslatorWeights) -> Iterator[str]:
    run = named.loaded.run
    if run is not None:
        where = run.config.get("data", {}).get("where")
        if isinstance(where, str):
            yield where
    for name in dict.fromkeys((named.name, named.data_name)):
        if name:
            yield name
            yield str(Path("data") / name)
    examples = weights.examples(named.loaded.name) if run is None else None
    if examples is not None:
        yield str(examples)
