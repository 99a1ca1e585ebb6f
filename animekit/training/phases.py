"""What the loop asks of phases: which are due together, what moves, whether terms are terms."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeGuard

import torch
from torch import Tensor, nn
from torch.amp import GradScaler

from animekit.models.base import Losses, Model, Phase

FIRST_SCALE = 1024.0  # of losses in fp16: torch's own, 65,536, is too large for the first steps


@contextmanager
def only(model: Model, phase: Phase) -> Iterator[None]:
    """Let gradients flow to the parameters of one phase alone within the block."""
    moving = {id(parameter) for parameter in phase.parameters()}
    for parameter in model.parameters():
        parameter.requires_grad_(id(parameter) in moving)
    try:
        yield
    finally:
        model.requires_grad_(True)


def are_terms(given: object) -> bool:
    """Say whether these are named scalars, one of which at least has a gradient."""
    if not isinstance(given, dict) or not given:
        return False
    return are_scalars(given) and any(value.requires_grad for value in given.values())


def are_scalars(given: object) -> TypeGuard[Losses]:
    """Say whether these are named scalars."""
    return isinstance(given, dict) and all(
        isinstance(value, Tensor) and value.ndim == 0 for value in given.values()
    )


def gradient_of(phase: Phase) -> Tensor:
    """Return a copy of the gradients of a phase as one vector."""
    grads = [p.new_zeros(p.shape) if p.grad is None else p.grad for p in phase.parameters()]
    return torch.cat([grad.flatten() for grad in grads])


def gradient_norm(phase: Phase, *, scaled: bool = False) -> Losses:
    """Return the norm of the gradients of a phase, nothing where it has none.

    Of `scaled` ones that overflowed it is 0: the update is left out.
    """
    gradients = [p.grad for p in phase.parameters() if p.grad is not None]
    if not gradients:
        return {}
    norm = nn.utils.get_total_norm(gradients)
    return {"grad": norm.nan_to_num(0.0, 0.0, 0.0) if scaled else norm}


def scalers_of(
    phases: Iterable[Phase], device: torch.device, *, scaled: bool
) -> dict[str, GradScaler]:
    """Return what scales the loss of each phase, where that is asked for."""
    return {phase.name: GradScaler(device.type, FIRST_SCALE, enabled=scaled) for phase in phases}


def averaged_phases(model: Model, phases: Iterable[Phase]) -> set[str]:
    """Return the phases that move what a model has averages of."""
    averaged = {
        id(parameter)
        for name in model.averaged
        for parameter in model.get_submodule(name).parameters()
    }
    return {phase.name for phase in phases if averaged & {id(p) for p in phase.parameters()}}


def due_together(phases: Sequence[Phase]) -> list[list[Phase]]:
    """Return every set of phases that some step has."""
    turns = [phase.rounds.steps(phase.rounds.first + 2) for phase in phases if phase.rounds]
    steps = range(1, max(turns, default=1) * math.lcm(*(p.every for p in phases)) + 1)
    found = {
        tuple(phase.name for phase in due): due
        for due in ([phase for phase in phases if phase.due(step)] for step in steps)
    }
    return [due for due in found.values() if due]
