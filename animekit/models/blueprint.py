"""What a model's tensors would be, known before it is built, and whether those of a file are it."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.nn.modules import module as hooks

from animekit.config import Params
from animekit.data.spec import ImageSpec
from animekit.device import physical_memory
from animekit.errors import ConfigError
from animekit.models.base import Model

MOST = 20_000  # parts of a model that is to be trained
FREE, EACH = 1_000, 50  # parts of a model that has no tensors, and more for each tensor
BESIDE, TIMES = 50_000_000, 20  # numbers beside those of its file: a D, where that is a G alone


def outline(
    cls: type[Model], params: Params, spec: ImageSpec, tensors: Mapping[str, Tensor]
) -> Model:
    """Return a model that takes no memory: its tensors have shapes and no values.

    `tensors` are those that should fill it. Raises ValueError as soon as the model has more parts
    than any of that many tensors needs, so that a million blocks end at once, and where it is far
    larger than they are. A plugin that computes with tensors while it is built is built as it is.
    """
    with _bounded(FREE + EACH * len(tensors)), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a head for no labels is empty, and torch says so
        try:
            with torch.device("meta"):
                model = cls(params, spec)
        except (NotImplementedError, RuntimeError) as error:
            if "meta" not in str(error):
                raise
            with torch.random.fork_rng(devices=[]):
                model = cls(params, spec)
    size = sum(value.numel() for value in (*model.parameters(), *model.buffers()))
    limit = BESIDE + TIMES * sum(value.numel() for value in tensors.values())
    if size > limit:
        raise ValueError(f"it would have {size:,} numbers")
    return model


@contextmanager
def _bounded(limit: int) -> Iterator[None]:
    """Raise ValueError once this thread registers more than so many modules and tensors."""
    owner, count = threading.get_ident(), 0

    def register(*_: Any) -> None:
        nonlocal count
        count += threading.get_ident() == owner
        if count > limit:
            raise ValueError(f"it would have more than {limit:,} parts")

    handles = (
        hooks.register_module_module_registration_hook(register),
        hooks.register_module_parameter_registration_hook(register),
        hooks.register_module_buffer_registration_hook(register),
    )
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def refuse_too_large(cls: type[Model], params: Params, spec: ImageSpec) -> None:
    """Raise ConfigError where the weights of a model would not fit into memory.

    Nothing is made for it; gradients count too. A plugin that computes with tensors while it is
    built is not looked at.
    """
    with _bounded(MOST), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with torch.device("meta"):
                model = cls(params, spec)
        except ValueError as error:
            if "parts" not in str(error):
                raise
            raise ConfigError(f"{cls.name}: {error}", "ask for fewer blocks") from None
        except (NotImplementedError, RuntimeError):
            return  # what it is shows when it is built
    count = sum(value.numel() for value in model.parameters())
    there = physical_memory()
    if there is not None and count * 8 > there:
        raise ConfigError(
            f"the networks would have {count:,} numbers: with gradients {count * 8 / 1e9:,.0f} GB,"
            f" and this machine has {there / 1e9:,.1f} GB",
            "ask for narrower networks, or a smaller --size",
        )


def averaged(model: Model) -> dict[str, Tensor]:
    """Return the part of a model's state whose moving average is kept."""
    prefixes = tuple(f"{name}." for name in model.averaged)
    state = model.state_dict()
    return {key: value for key, value in state.items() if prefixes and key.startswith(prefixes)}


def mismatches(
    expected: Mapping[str, Tensor], tensors: Mapping[str, Tensor], *, exact: bool = False
) -> list[str]:
    """Return why tensors are not the expected ones: names, shapes, kinds, values.

    Floats of another length may stand for floats, unless `exact`; integers, complex numbers and
    truth values never do.
    """
    wrong = []
    for key, value in expected.items():
        given = tensors.get(key)
        if given is None:
            wrong.append(f"{key} is missing")
        elif given.shape != value.shape or (
            given.dtype != value.dtype and (exact or kind(given) != kind(value))
        ):
            wrong.append(f"{key} is {described(given)}, not {described(value)}")
        elif not finite(given):
            wrong.append(f"{key} holds values that are not finite")
    return wrong + [f"{key} is unknown" for key in tensors if key not in expected]


def kind(tensor: Tensor) -> str:
    """Return what numbers a tensor holds: float, complex, bool or integer."""
    if tensor.is_floating_point():
        return "float"
    if tensor.is_complex():
        return "complex"
    return "bool" if tensor.dtype is torch.bool else "integer"


def finite(tensor: Tensor) -> bool:
    """Say whether all numbers of a tensor are finite; only floats may not be."""
    if not tensor.is_floating_point() or tensor.is_meta:
        return True
    # short floats have no isfinite, and a sum in their own length would overflow
    values = tensor if tensor.element_size() >= 4 else tensor.float()
    return bool(torch.isfinite(values).all())


def described(tensor: Tensor) -> str:
    """Return what a tensor is, for an error: numbers and shape."""
    return f"{str(tensor.dtype).removeprefix('torch.')} {tuple(tensor.shape)}"
