"""Pretrained: the weights that a training begins with, in place of random ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from animekit.config import Params, show
from animekit.errors import UnusableError
from animekit.models.base import Model
from animekit.models.blueprint import finite, kind, mismatches
from animekit.plugins import Registry
from animekit.runs.run import Weights, load_model

BUILD = ("architecture", "z_dim", "attention")
"""Parameters that networks are built by, beside those of the generator, `g_...`."""
MOST = 3  # parameters in one message


@dataclass(frozen=True)
class Pretrained:
    """Networks of another training, with whose weights a new one begins.

    Nothing else is taken of it: optimisers, average, past fakes and the order of images begin anew.
    Where the new model is told labels and the source was not, tensors may be shorter by the labels:
    in what is averaged they then have weights of 0 at first, so that it draws as the source did,
    and elsewhere random ones.
    """

    tensors: Mapping[str, Tensor]
    source: Weights
    fresh: tuple[str, ...]
    """The networks that the source lacks, or has in other shapes: theirs are random."""

    @classmethod
    def of(cls, where: str, model: Model, registry: Registry) -> Pretrained:
        """Read weights for an untrained model: of a run, a checkpoint, a file or a name.

        Networks go by their names. What is averaged (the generator) must fit; another one that
        does not, begins with random weights. Raises NotFoundError, CheckpointError, and
        UnusableError where size, labels or shapes are others.
        """
        found = load_model(where, registry, ema=False)
        about: Mapping[str, Any] = found.config or {}
        _refuse_other_pictures(found.name, found.model, model)
        labels = 0 if found.model.spec.labels else len(model.spec.labels)
        given, expected = found.model.state_dict(), model.state_dict()
        kept = found.model.averaged if about.get("part") == "average" else None
        tensors, fresh = dict[str, Tensor](), []
        for name, network in model.named_children():
            own = {key: value for key, value in expected.items() if key.startswith(f"{name}.")}
            theirs = {key: value for key, value in given.items() if key.startswith(f"{name}.")}
            there = kept is None or name in kept
            grown = {
                key: _grown(own[key], each, labels) for key, each in theirs.items() if key in own
            }
            wrong = mismatches(own, theirs | grown) if there else [f"{name} is missing"]
            if wrong and name in model.averaged:
                raise UnusableError(
                    f"cannot begin with {found.name}: {wrong[0]}",
                    _advice(found.model.params, model.params),
                    code="pretrained.shape",
                )
            if not wrong:
                tensors |= theirs
            elif any(True for _ in network.parameters()):
                fresh.append(name)
        if not tensors:
            raise UnusableError(
                f"cannot begin with {found.name}: no network of {model.name} fits",
                "name weights of the same networks",
                code="pretrained.shape",
            )
        return cls(tensors, found.weights, tuple(fresh))

    def into(self, model: Model) -> None:
        """Give the weights to an untrained model."""
        own = model.state_dict()
        taken = dict[str, Tensor]()
        for key, tensor in self.tensors.items():
            whole = own[key].clone()
            if whole.shape != tensor.shape and key.partition(".")[0] in model.averaged:
                whole.zero_()
            whole[tuple(map(slice, tensor.shape))] = tensor
            taken[key] = whole
        model.load_state_dict(taken, strict=False)

    @property
    def facts(self) -> dict[str, Any]:
        """What config.json says of it."""
        return {**self.source.model_dump(mode="json"), "fresh": list(self.fresh)}

    @property
    def notes(self) -> list[str]:
        """What the user should know: which networks begin with random weights."""
        if not self.fresh:
            return []
        words = " and ".join(self.fresh)
        return [f"{self.source.name} has no {words} that fits: random weights there"]


def _refuse_other_pictures(name: str, theirs: Model, own: Model) -> None:
    """Raise UnusableError where images or labels are others: equal shapes would mean nothing."""
    if theirs.spec.size != own.spec.size:
        raise UnusableError(
            f"cannot begin with {name}: it is of {theirs.spec.size} px, and this of"
            f" {own.spec.size} px",
            f"--size {theirs.spec.size}",
            code="pretrained.size",
        )
    before, now = theirs.learned.labels, own.learned.labels
    if before and now and before != now and theirs.takes_labels == own.takes_labels:
        raise UnusableError(
            f"cannot begin with {name}: it learned {_listed(before)}, and this {_listed(now)}",
            "give the same words: --labels, --min-count",
            code="pretrained.labels",
        )


def _listed(labels: tuple[str, ...]) -> str:
    return f"{len(labels)} labels ({', '.join(labels[:MOST])}...)"


def _grown(own: Tensor, theirs: Tensor, labels: int) -> Tensor:
    """Return `own` where `theirs` is shorter in one dimension by the labels, else `theirs`."""
    if not labels or own.ndim != theirs.ndim:
        return theirs
    more = [
        now - before for now, before in zip(own.shape, theirs.shape, strict=True) if now != before
    ]
    return own if more == [labels] and kind(own) == kind(theirs) and finite(theirs) else theirs


def _advice(theirs: Params, own: Params) -> str:
    """Return which values would make the networks those of the source."""
    before, now = theirs.model_dump(), own.model_dump()
    other = [
        f"--set {key}={show(before[key])}"
        for key, value in now.items()
        if (key in BUILD or key.startswith("g_")) and key in before and before[key] != value
    ]
    return " ".join(other) if other else "name weights of the same networks"
