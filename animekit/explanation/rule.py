"""The update rule of a model as pseudo-code: its phases in order, with its own numbers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer

from animekit.config import show
from animekit.models.abilities import Generates
from animekit.models.base import Model, Need, Phase
from animekit.training.recipe import TrainOptions

SHOWN = ("lr", "betas", "alpha", "momentum", "weight_decay")
"""What is said of an optimiser, where it is not nothing."""


@dataclass(frozen=True)
class Update:
    """One phase: when it is due, what moves, what is minimised, and by which rule."""

    phase: str
    rhythm: str
    networks: tuple[str, ...]
    terms: tuple[str, ...]
    optimizer: str
    schedule: str
    then: str
    """What is done behind each update; "" for nothing."""

    def lines(self) -> list[str]:
        """Return it as pseudo-code."""
        moving = " and ".join(self.networks)
        found = [
            f"{self.rhythm}:  # phase {self.phase}",
            f"    loss <- {' + '.join(self.terms)}",
            f"    update {moving} by {self.optimizer}",
        ]
        found += [f"    {self.schedule}"] if self.schedule else []
        return found + ([f"    {self.then}"] if self.then else [])


def updates_of(model: Model, terms: Mapping[str, Iterable[str]]) -> list[Update]:
    """Return the phases of a model in order; `terms` are those of each phase."""
    rules = model.rules()
    return [
        Update(
            phase=phase.name,
            rhythm=phase.rhythm,
            networks=_names(model, phase),
            terms=tuple(terms.get(phase.name, ())),
            optimizer=optimizer_words(phase),
            schedule=_schedule(model, phase),
            then=rules.get(phase.name) or _said(phase),
        )
        for phase in model.phases()
    ]


def optimizer_words(phase: Phase) -> str:
    """Return a phase's optimiser with its numbers, as in "Adam, lr 0.0001"."""
    made: Optimizer = phase.optimizer([nn.Parameter(torch.zeros(1))])
    group: dict[str, Any] = made.param_groups[0]
    parts = [f"{key} {show(group[key])}" for key in SHOWN if group.get(key)]
    return ", ".join([type(made).__name__, *parts])


def pseudo_code(model: Model, updates: Iterable[Update], options: TrainOptions | None) -> list[str]:
    """Return the rule as lines of pseudo-code; None are options not known."""
    goal = None if options is None else options.total_steps()
    first = "repeat" if goal is None else f"repeat {goal:,} times"
    lines = [f"{first}:", f"    {_draws(model, options)}"]
    for update in updates:
        lines += [f"    {line}" for line in update.lines()]
    if model.averaged and (options is None or options.ema_decay):
        names, decay = " and ".join(model.averaged), "decay"
        if options is not None:
            decay = f"{options.ema_decay:g}"
        lines.append(f"    average of {names} <- {decay} x itself + (1 - {decay}) x now")
    return lines


def _draws(model: Model, options: TrainOptions | None) -> str:
    """Return what is drawn in each step."""
    count = "N" if options is None else str(options.batch_size)
    parts = []
    if model.data is Need.UNPAIRED:
        parts.append(f"a, b <- {count} real images of each domain")
    else:
        labels = ", c <- their labels" if model.needs(model.params) is Need.LABELLED else ""
        parts.append(f"x <- {count} real images{labels}")
    if isinstance(model, Generates) and hasattr(model, "fakes"):
        length = int(model.noise(1, torch.Generator()).flatten(1).shape[1])
        kind = {"normal": "N(0, 1)", "uniform": "U(-1, 1)", "sphere": "a sphere"}
        where = kind.get(getattr(model.params, "z", "normal"), "noise")
        parts.append(f"z <- {count} x {length} numbers of {where}, G(z) drawn once for all")
    return "; ".join(parts)


def _names(model: Model, phase: Phase) -> tuple[str, ...]:
    """Return the networks that a phase moves, as the model calls them."""
    known = {id(part): name for name, part in model.named_modules() if name}
    return tuple(known.get(id(network), type(network).__name__) for network in phase.networks)


def _schedule(model: Model, phase: Phase) -> str:
    if phase.schedule is None:
        return ""
    name = getattr(model.params, "lr_schedule", "none")
    if name == "none":
        return "its learning rate follows a schedule of the model's own"
    return f"its learning rate falls over the second half of the steps ({name})"


def _said(phase: Phase) -> str:
    """Return what the code says of what it does behind an update, "" where that is nothing."""
    after = phase.after
    owner = getattr(after, "__self__", None)
    if after is None or owner is None:
        return ""
    name = str(getattr(after, "__name__", ""))
    own = next((cls for cls in type(owner).__mro__ if name in vars(cls)), None)
    if own is None or own.__module__.startswith("animekit."):
        return ""  # a base's, which does nothing
    return (after.__doc__ or "").strip().partition("\n")[0]
