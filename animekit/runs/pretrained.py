"""Pretrained: the weights that a training begins with, in place of random ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from animekit.config import Params, show
from animekit.errors import UnusableError
from animekit.models.base import Model
from animekit.models.blueprint import mismatches
from animekit.plugins import Registry
from animekit.runs.run import Weights, load_model

BUILD = ("architecture", "z_dim", "attention")
"""Parameters that networks are built by, beside those of the generator, `g_...`."""
MOST = 3  # parameters in one message


@dataclass(frozen=True)
class Pretrained:
    """Networks of another training, with whose weights a new one begins.

    Nothing else is taken of it: optimisers, average, past fakes and the order of images begin anew.
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
        given, expected = found.model.state_dict(), model.state_dict()
        kept = found.model.averaged if about.get("part") == "average" else None
        tensors, fresh = dict[str, Tensor](), []
        for name, network in model.named_children():
            own = {key: value for key, value in expected.items() if key.startswith(f"{name}.")}
            theirs = {key: value for key, value in given.items() if key.startswith(f"{name}.")}
            there = kept is None or name in kept
            wrong = mismatches(own, theirs) if there else [f"{name} is missing"]
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
        model.load_state_dict(dict(self.tensors), strict=False)

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
    told = own.spec.labels or theirs.learned.labels  # a classifier of none is begun anew
    if told and own.learned.labels and theirs.learned.labels != own.learned.labels:
        raise UnusableError(
            f"cannot begin with {name}: it learned {_listed(theirs.learned.labels)}, and this"
            f" {_listed(own.learned.labels)}",
            "give the same words: --labels, --min-count",
            code="pretrained.labels",
        )


def _listed(labels: tuple[str, ...]) -> str:
    return f"{len(labels)} labels ({', '.join(labels[:MOST])}...)" if labels else "no labels"


def _advice(theirs: Params, own: Params) -> str:
    """Return which values would make the networks those of the source."""
    before, now = theirs.model_dump(), own.model_dump()
    other = [
        f"--set {key}={show(before[key])}"
        for key, value in now.items()
        if (key in BUILD or key.startswith("g_")) and key in before and before[key] != value
    ]
    return " ".join(other) if other else "name weights of the same networks"
