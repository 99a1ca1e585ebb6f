"""What an evaluation of translators would measure: which weights, which targets, which pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from animekit import device as devices
from animekit.errors import AnimekitError, UnusableError, UsageError
from animekit.evaluation.number_names import number_names
from animekit.evaluation.request import EvaluateRequest, MetricRequest, metric_requests
from animekit.evaluation.translators.numbers import OF_ALL, OF_DIRECTIONS, OF_LABELS
from animekit.evaluation.translators.pictures import check_size, find_places
from animekit.gates import parse_gate
from animekit.models.targets import BOTH, Target, targets_of
from animekit.models.weights import about as weights_about
from animekit.plugins import Registry
from animekit.runs.checkpoint import MODEL
from animekit.runs.names import meanings
from animekit.runs.run import Loaded, Run, load_model

METRICS = ("fd", "kd", "swd")  # distances where none is named


def is_translator(where: Any, registry: Registry) -> bool:
    """Say whether a model translates and draws nothing from noise; no tensor is read."""
    try:
        name = _model_of(where)
    except AnimekitError:
        return False
    cls = registry.find("model", name) if name else None
    return cls is not None and hasattr(cls, "translate") and not hasattr(cls, "sample")


def _model_of(where: Any) -> str | None:
    if isinstance(where, Loaded):
        return where.model.name
    if isinstance(where, Run):
        return str(where.config.get("model"))
    if not isinstance(where, (str, Path)):
        return None
    first = next(iter(meanings(where)), None)
    if first is not None and first.run is not None:
        return str(Run(first.run).config.get("model"))
    path = Path(where) if first is None or first.weights is None else first.weights
    for each in (path / MODEL, path):
        if each.is_file():
            return str(weights_about(each).get("model"))
    if (path / "config.json").is_file():
        return str(Run(path).config.get("model"))
    return None


@dataclass(frozen=True)
class TranslatorOutline:
    """Which translators would be measured on which pictures, before these are read."""

    request: EvaluateRequest
    registry: Registry
    translators: tuple[Loaded, ...]
    places: tuple[str, ...]
    targets: tuple[Target, ...]
    metrics: dict[str, MetricRequest]

    @property
    def words(self) -> str:
        """Say in a sentence what is measured on what."""
        origins = "; ".join(each.origin for each in self.translators)
        asked = " ".join(target.name for target in self.targets)
        return f"{origins}, on the pictures in {' and '.join(self.places)}: {asked}"

    @property
    def runs(self) -> list[Run | None]:
        """The runs that the translators are of."""
        return [each.run for each in self.translators]

    @property
    def names(self) -> list[str]:
        """Short names of the translators, for columns."""
        return [
            each.name if each.run is None else "-".join(each.run.id.split("-")[:2])
            for each in self.translators
        ]

    @property
    def size(self) -> int:
        """Side of the pictures in pixels."""
        model: Any = self.translators[0].model
        return check_size(model, self.request.size or model.spec.size)

    def keys(self) -> list[str]:
        """Return what the numbers are called, where metrics tell it before they measure."""
        model: Any = self.translators[0].model
        stems = [*(OF_DIRECTIONS if model.directions else OF_LABELS), *OF_ALL]
        for asked in self.metrics.values():
            stems += number_names(asked, self.size, self.registry)
        return [*(f"{stem}_{t.name}" for stem in stems for t in self.targets), *stems]


def translator_outline(
    contestants: Sequence[Any],
    data: Any,
    request: EvaluateRequest,
    registry: Registry,
    *,
    direction: str | None = None,
    attrs: Sequence[str] = (),
) -> TranslatorOutline:
    """Return what an evaluation of translators would measure.

    Raises NotFoundError where no data are named or known, UsageError for what translators have
    not, and for gates on numbers that there are not.
    """
    if request.min_faces is not None:
        raise UsageError("--min-faces is for models that draw", "leave it out")
    newest = replace(request, checkpoint="best")
    first, *others = (
        _opened(each, request if place == 0 else newest, registry)
        for place, each in enumerate(contestants)
    )
    if request.metrics is None:
        known = [name for name in METRICS if name in registry.all("metric")]
        request = replace(request, metrics=known)
    metrics = metric_requests(request, registry)
    drawn = [name for name, asked in metrics.items() if asked.cls.conditional]
    if drawn and request.metrics != "all":
        raise UsageError(f"{drawn[0]} is for models that draw", "translators have acc and kept")
    metrics = {name: asked for name, asked in metrics.items() if name not in drawn}
    model: Any = first.model
    if model.directions and direction is None and len(model.directions) > 1:
        direction = BOTH
    targets = tuple(targets_of(model, direction, attrs))
    for other in others:
        model = other.model
        targets_of(model, direction, attrs)
    places = find_places(first, data)
    made = TranslatorOutline(request, registry, (first, *others), places, targets, metrics)
    keys = made.keys() if request.fail_if else []
    for text in request.fail_if:
        parse_gate(text, keys)
    return made


def _opened(where: Any, request: EvaluateRequest, registry: Registry) -> Loaded:
    loaded = where
    if not isinstance(where, Loaded):
        loaded = load_model(where, registry, checkpoint=request.checkpoint, able="translate")
    if not hasattr(loaded.model, "translate"):
        raise UnusableError(
            f"{loaded.name} is a {loaded.model.name}, which does not translate pictures",
            "name a run or weights of cyclegan or stargan; --data is for those",
            code="model.not_translating",
        )
    loaded.model.to(devices.choose_device(request.device))
    return loaded
