"""Layers: what a model's networks are made of, seen by taking one small step with them."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules import module as hooks

from animekit.data.batch import Batch
from animekit.models.abilities import Generates
from animekit.models.base import Model, Need
from animekit.seeds import derive_seed

IMAGES = 2
"""In the batch: a batch norm needs more than one."""
PARTS = "parametrizations"  # where torch keeps spectral norms: a part of their layer
SPATIAL = ("Upsample", "Shuffle", "Pool")


@dataclass(frozen=True)
class LayerRow:
    """One layer: what it is, what follows it, and what comes out, without the batch."""

    name: str
    kind: str
    output: tuple[int, ...]
    parameters: int
    kernel: tuple[int, ...] = ()
    stride: tuple[int, ...] = ()
    then: tuple[str, ...] = ()
    """Norms, activations and other shapes that follow."""

    @property
    def words(self) -> str:
        """The layer and what follows it, as in "Conv2d, BatchNorm2d, LeakyReLU 0.2"."""
        return ", ".join([self.kind, *self.then])

    def cells(self) -> tuple[str, str, str, str, str]:
        """Return layer, kernel, stride, output and parameters as texts."""
        return (
            self.words,
            by(self.kernel),
            by(self.stride),
            by(self.output),
            f"{self.parameters:,}",
        )


@dataclass(frozen=True)
class Network:
    """One network: its layers in the order in which they compute."""

    name: str
    layers: tuple[LayerRow, ...]
    input: tuple[int, ...]
    parameters: int


@dataclass
class Trace:
    """What one step shows: the layers by network, and the terms of every phase."""

    networks: list[Network] = field(default_factory=list)
    terms: dict[str, list[str]] = field(default_factory=dict)


def by(sizes: Sequence[int]) -> str:
    """Return sizes as they are written; a square once.

    >>> by((4, 4)), by((64, 8, 8)), by(())
    ('4x4', '64x8x8', '')
    """
    return "x".join(map(str, sizes))


def trace(model: Model) -> Trace:
    """Take a step of a model with a batch of two, and return what was seen.

    Nothing is learned, but statistics that a network keeps change: the model is not for use.
    """
    found = Trace()
    watched = networks_of(model)
    seen = _Seen(watched)
    model.train()
    batch = _batch(model)
    phases = model.phases()
    with warnings.catch_warnings(), seen.watching(), torch.random.fork_rng(devices=[]):
        warnings.simplefilter("ignore")
        torch.manual_seed(0)
        model.prepare(batch, [phase.name for phase in phases])
        for phase in phases:
            found.terms[phase.name] = list(phase.loss(batch))
    found.networks = [seen.network(name, network) for name, network in watched.items()]
    return found


def networks_of(model: nn.Module, prefix: str = "") -> dict[str, nn.Module]:
    """Return the networks of a model by name, those of models within it too."""
    found: dict[str, nn.Module] = {}
    for name, child in model.named_children():
        if isinstance(child, (Model, nn.ModuleDict)):
            found |= networks_of(child, f"{prefix}{name}.")
        elif any(True for _ in child.parameters()):
            found[f"{prefix}{name}"] = child
    return found


def _batch(model: Model) -> Batch:
    """Return a batch of noise in place of images, with labels where the model needs some."""
    spec, generator = model.spec, torch.Generator().manual_seed(derive_seed("explain"))
    side = spec.size
    images = torch.rand(IMAGES, spec.channels, side, side, generator=generator) * 2 - 1
    batch = Batch(images.contiguous(memory_format=torch.channels_last))
    if model.needs(model.params) is Need.LABELLED:
        labels = torch.zeros(IMAGES, len(_labels(model)))
        for row in range(IMAGES):
            labels[row, _firsts(_groups(model), row)] = 1
        batch.labels, batch.mask = labels, torch.ones_like(labels)
    if model.data is Need.UNPAIRED:
        batch.others = images.flip(0)
    if isinstance(model, Generates):
        batch.z = model.noise(IMAGES, generator)
    return batch


def _labels(model: Model) -> Sequence[str]:
    return model.learned.labels


def _groups(model: Model) -> Sequence[int]:
    return model.learned.groups


def _firsts(groups: Sequence[int], turn: int) -> list[int]:
    """Return one place in each group; a group of one is a yes or no."""
    places, start = [], 0
    for size in groups:
        if size > 1 or turn % 2:
            places.append(start + turn % size)
        start += size
    return places


class _Seen:
    """Which layers of some networks computed, in order, and what came out of each."""

    def __init__(self, networks: dict[str, nn.Module]) -> None:
        self.names: dict[int, tuple[str, str]] = {}
        self.order: dict[str, list[LayerRow]] = {name: [] for name in networks}
        self.inputs: dict[str, tuple[int, ...]] = {}
        self.whole: dict[int, str] = {id(each): name for name, each in networks.items()}
        self.seen: set[int] = set()
        for name, network in networks.items():
            for path, part in network.named_modules():
                if PARTS not in path.split(".") and is_layer(part):
                    self.names[id(part)] = (name, path)

    @contextlib.contextmanager
    def watching(self) -> Iterator[None]:
        """Watch all modules of this thread's step within the block."""
        handles = [
            hooks.register_module_forward_hook(self._after),
            hooks.register_module_forward_pre_hook(self._before),
        ]
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()

    def _before(self, part: nn.Module, given: Any) -> None:
        name = self.whole.get(id(part))
        if name is not None and name not in self.inputs:
            shapes = [tuple(each.shape[1:]) for each in given if isinstance(each, Tensor)]
            self.inputs[name] = shapes[0] if shapes else ()

    def _after(self, part: nn.Module, given: Any, output: Any) -> None:
        place = self.names.get(id(part))
        if place is None or id(part) in self.seen:
            return
        self.seen.add(id(part))
        name, path = place
        if not self.order[name] and given and isinstance(given[0], Tensor):
            self.inputs.setdefault(name, tuple(given[0].shape[1:]))
        shape = tuple(output.shape[1:]) if isinstance(output, Tensor) else ()
        self.order[name].append(layer_of(part, path, shape))

    def network(self, name: str, network: nn.Module) -> Network:
        """Return what was seen of one network."""
        total = sum(each.numel() for each in network.parameters())
        layers = tuple(folded(self.order[name]))
        return Network(name, layers, self.inputs.get(name, ()), total)


def is_layer(part: nn.Module) -> bool:
    """Say whether a module computes itself: it has no parts, or own weights."""
    parts = [name for name, _ in part.named_children() if name != PARTS]
    own = any(True for _ in part.parameters(recurse=False)) and hasattr(part, "forward")
    return not parts or (own and not isinstance(part, (nn.Sequential, nn.ModuleList)))


def layer_of(part: nn.Module, path: str, output: tuple[int, ...]) -> LayerRow:
    """Return what one module is, by its class and the usual attributes."""
    leaf = not [name for name, _ in part.named_children() if name != PARTS]
    count = sum(each.numel() for each in part.parameters(recurse=leaf))
    kind = type(part).__name__.removeprefix("Parametrized").removesuffix("2d")
    slope = getattr(part, "negative_slope", None)
    share = getattr(part, "p", None) if "Dropout" in kind else None
    for value in (slope, share):
        kind += f" {value:g}" if isinstance(value, float) else ""
    if kind == "Upsample":
        kind += f" x{getattr(part, 'scale_factor', ''):g} {getattr(part, 'mode', '')}"
    kernel = _pair(getattr(part, "kernel_size", ()))
    stride = _pair(getattr(part, "stride", ())) if kernel else ()
    return LayerRow(path, kind, output, count, kernel, stride)


def _pair(value: Any) -> tuple[int, ...]:
    if isinstance(value, int):
        return (value, value)
    return tuple(value) if isinstance(value, tuple) else ()


def folded(layers: Sequence[LayerRow]) -> Iterator[LayerRow]:
    """Yield layers with the norms, activations and shapes that follow each of them.

    >>> conv = LayerRow("0", "Conv", (8, 4, 4), 100, (3, 3), (1, 1))
    >>> [each.words for each in folded([conv, LayerRow("1", "ReLU", (8, 4, 4), 0)])]
    ['Conv, ReLU']
    """
    last: LayerRow | None = None
    for each in layers:
        if "Pad" in each.kind:
            continue  # of the layer behind it
        if last is None or _begins(each):
            if last is not None:
                yield last
            last = each
            continue
        last = replace(
            last,
            then=(*last.then, each.kind),
            parameters=last.parameters + each.parameters,
            output=last.output if each.kind == "Flatten" else each.output or last.output,
        )
    if last is not None:
        yield last


def _begins(layer: LayerRow) -> bool:
    """Say whether a layer has a row of its own."""
    if "Norm" in layer.kind:
        return False
    return bool(layer.parameters or layer.kernel) or any(word in layer.kind for word in SPATIAL)
