"""The words of training: images and labels, batches, phases, and what a model can do."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import Parameter
from torch.optim import Optimizer

from animekit.config import Params
from animekit.data.batch import Batch
from animekit.data.spec import ImageSpec
from animekit.errors import ConfigError
from animekit.nn.schedules import Rounds
from animekit.plugins import Component

Losses = dict[str, Tensor]
"""Named, already weighted terms; their sum is minimised, each is logged as "phase/term"."""
ATTRIBUTES = 'attributes of the data to learn, as in "hair" or "male,young" (all)'
"""What the parameter `attributes` of models with labels does; training leaves the others out."""


class Paper(NamedTuple):
    """Where a model was first described."""

    title: str
    year: int
    authors: str
    link: str


class Need(Enum):
    """What a model needs of its data; it picks the loader."""

    IMAGES = "images"
    LABELLED = "labelled"
    UNPAIRED = "unpaired"


@dataclass
class Phase:
    """One update rule: which networks move, what they minimise, how often.

    `every`: the phase is due in steps that it divides (steps count from 1); with `rounds`, those
    say in which of these steps. `after` runs behind each update. `schedule` maps progress in
    [0, 1] to a factor of the learning rate. `measure` takes the batch and the terms of some
    updates, before they are made and without gradients, and returns scalars that are reported
    beside the terms; it may change nothing and draw no random number.
    """

    name: str
    networks: Sequence[nn.Module]
    loss: Callable[[Batch], Losses]
    optimizer: Callable[[Iterable[Parameter]], Optimizer]
    every: int = 1
    after: Callable[[], None] | None = None
    schedule: Callable[[float], float] | None = None
    rounds: Rounds | None = None
    measure: Callable[[Batch, Losses], Losses] | None = None

    def due(self, step: int) -> bool:
        """Say whether the phase runs in this step."""
        if step % self.every:
            return False
        return self.rounds is None or self.rounds.due(step // self.every)

    def updates(self, steps: int) -> int:
        """Return in how many of the first steps the phase runs."""
        turns = steps // self.every
        return turns if self.rounds is None else self.rounds.count(turns)

    @property
    def rhythm(self) -> str:
        """When the phase runs, in words."""
        if self.rounds is not None:
            return str(
                replace(
                    self.rounds,
                    **{key: self.every * getattr(self.rounds, key) for key in ("every", "long")},
                )
            )
        return f"every {self.every} steps" if self.every > 1 else "every step"

    def parameters(self) -> list[Parameter]:
        """Return the parameters that this phase moves, each once."""
        return list(dict.fromkeys(p for network in self.networks for p in network.parameters()))


class Model(nn.Module, Component):
    """A trainable thing: networks from parameters and a spec, and its phases.

    Anything carried from step to step must be a parameter, a buffer or an optimiser state, so that
    a resumed run equals an uninterrupted one.
    """

    must_define = ("phases",)
    data: ClassVar[Need] = Need.IMAGES
    labels_for: ClassVar[str] = ""
    """What labels are needed for, as in " for warmup_steps", where not all parameters need any."""
    takes_labels: ClassVar[bool] = True
    """Whether images can be asked for by the labels that training needs."""
    keeps_all_labels: ClassVar[bool] = False
    """Whether labels that no image of the data has are learned all the same."""
    averaged: ClassVar[tuple[str, ...]] = ()
    """Names of the submodules whose moving average is kept and used to sample."""
    aliases: ClassVar[dict[str, str]] = {}
    """Names and order of terms for the user: {"d/wasserstein": "-w_est"} shows minus the term."""
    notes: ClassVar[str] = ""
    """How to read this model's losses, for the user."""
    paper: ClassVar[Paper | None] = None
    """Where the model was first described, for `animekit explain`."""

    def __init__(self, params: Params, spec: ImageSpec) -> None:
        super().__init__()
        self.params = params
        self.learned = spec
        """What the model is built from: `spec`, with labels that only training knows."""
        self.spec = spec if self.takes_labels else replace(spec, labels=(), groups=())

    @classmethod
    def needs(cls, params: Params) -> Need:
        """Return what the model needs of its data with these parameters."""
        return cls.data

    def phases(self) -> list[Phase]:
        """Return the update rules, in the order in which they run within a step."""
        raise NotImplementedError

    def formulas(self) -> Mapping[str, str]:
        """Return a formula for each term, by the key under which it is logged, as "d/gp".

        They are plain text with this model's numbers, for `animekit explain`, which names the terms
        of the phases where there are none. `animekit.models.formulas` has the usual ones.
        """
        return {}

    def rules(self) -> Mapping[str, str]:
        """Return what is done behind the updates of a phase, in words, by its name."""
        return {}

    @classmethod
    def tip(cls, number: int, params: Params, *, follow: bool) -> dict[str, Any]:
        """Return the parameters by which a tip is followed, or its opposite.

        Those that are right already keep their values; `TIPS` has the numbers. Raises ConfigError
        with the reason where the model cannot. A plugin may state tips of its own.
        """
        raise ConfigError(
            f"the tips are about a generator against a discriminator, and {cls.name} is none",
            "leave tips out, or train gan",
        )

    @property
    def learned_from(self) -> tuple[str, str] | None:
        """Name and sha256 of a network whose features it learned from.

        That one must not judge it. None for most models. The sha256 is "" where that network is not
        here.
        """
        return None

    def prepare(self, batch: Batch, due: Sequence[str]) -> None:
        """Draw what several phases of a step share; `due` names the phases of this step."""

    def validate(self) -> None:
        """Raise ConfigError where params and spec do not fit, before training starts."""

    def cautions(self) -> list[str]:
        """Return what fits and yet a user should know before training starts."""
        return []


@torch.compiler.disable
def falls_on(batch: Batch, every: int) -> bool:
    """Say whether the step of a batch is one that `every` divides.

    A compiler must not look inside: it would make a program for each step.
    """
    return batch.step % every == 0
