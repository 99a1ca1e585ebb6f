"""One training step, whatever the model: phases, optimisers, averages; it knows no files."""

from __future__ import annotations

import itertools
import math
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeGuard

import torch
from torch import Tensor, nn
from torch.amp import GradScaler

from animekit.data.batch import Batch
from animekit.data.sampler import Loader
from animekit.errors import CheckpointError
from animekit.models.abilities import Generates
from animekit.models.base import Losses, Model, Phase
from animekit.models.blueprint import mismatches
from animekit.plugins import broken
from animekit.seeds import derive_seed
from animekit.training.ema import Average
from animekit.training.engine import LocalEngine
from animekit.training.fitting import check_counters, fitted_scales, fitted_states, phases_of
from animekit.training.tally import Stats, Stopwatch

MEASURED = 10  # of so many updates of a phase one is measured, the first behind each report
FIRST_SCALE = 1024.0  # of losses in fp16: torch's own, 65,536, is too large for the first steps
CRITIC = "/wasserstein"  # a term of this name is minus the estimate of the distance
LossFunction = Callable[[Batch], Losses]


class Stepper:
    """Runs a model's phases step by step; every draw is a function of (seed, step).

    `stream` numbers the random streams: a roll-back takes the next one, else the same numbers
    would lead to the same end.
    """

    def __init__(
        self,
        model: Model,
        engine: LocalEngine,
        loader: Callable[[int], Loader],
        *,
        seed: int,
        ema: float,
        total: int | None = None,
    ) -> None:
        self.engine = engine
        self.model = engine.setup(model).train()
        self.phases = model.phases()
        if not self.phases or not all(isinstance(each, Phase) for each in self.phases):
            raise broken(model, "phases", self.phases, "a list of phases")
        self.optimizers = {phase.name: phase.optimizer(phase.parameters()) for phase in self.phases}
        for optimizer in self.optimizers.values():
            for group in optimizer.param_groups:
                group["initial_lr"] = group["lr"]
        self.average = Average(model, ema)
        self.scaled = engine.precision == "fp16"  # whose numbers do not reach as low as gradients
        self.scalers = {
            phase.name: GradScaler(engine.device.type, FIRST_SCALE, enabled=self.scaled)
            for phase in self.phases
        }
        self._begin_report()
        self.clock = Stopwatch(engine.device)
        self.seed, self.total = seed, total
        self.done, self.images, self.updates = 0, 0, 0
        # phases of which some parameter may lack updates
        self.partial = set(self.scalers) if self.scaled else set()
        self._make_loader = loader
        self.stream = 0
        self.loader = loader(derive_seed(seed, "stream", 0))
        self._averaged = _averaged_phases(model, self.phases)
        self._prepare: Callable[[Batch, Sequence[str]], None] = model.prepare
        self._losses: dict[str, LossFunction] = {phase.name: phase.loss for phase in self.phases}

    def draw(self, step: int) -> Batch:
        """Return the batch of a step with its noise; seed all else that is random."""
        seed = derive_seed(self.seed, "step", self.stream, step)
        torch.manual_seed(seed)
        batch = self.loader.batch(step)
        batch.step = step
        if self.total:
            done = (step - 1) / self.total
            batch.progress = torch.full((), done, device=self.engine.device)
        if not self.engine.channels_last:  # pixels lie so in the store
            batch.images = batch.images.contiguous()
            batch.others = None if batch.others is None else batch.others.contiguous()
        if isinstance(self.model, Generates):
            generator = torch.Generator().manual_seed(derive_seed(seed, "z"))
            batch.z = self.model.noise(len(batch.images), generator).to(self.engine.device)
        return batch

    def step(self) -> None:
        """Take the next step: every due phase, its optimiser, then the averages."""
        step = self.done + 1
        if self.engine.graphs:
            torch.compiler.cudagraph_mark_step_begin()
        with self.clock.part("data"):
            batch = self.draw(step)
        due = [phase for phase in self.phases if phase.due(step)]
        self.model.requires_grad_(True)
        with self.clock.part("prepare", on_device=True), self.engine.autocast():
            self._prepare(batch, [phase.name for phase in due])
        for phase in due:
            with self.clock.part(phase.name, on_device=True):
                self._update(phase, batch, step)
        if any(phase.name in self._averaged for phase in due):
            with self.clock.part("average", on_device=True):
                self.average.update()
            self.updates += 1
        self.done = step
        self.images += len(batch.images)

    def _update(self, phase: Phase, batch: Batch, step: int) -> None:
        optimizer = self.optimizers[phase.name]
        if phase.schedule is not None and self.total:
            factor = phase.schedule((step - 1) / self.total)
            for group in optimizer.param_groups:
                group["lr"] = group["initial_lr"] * factor
        optimizer.zero_grad(set_to_none=True)
        losses = self._differentiate(phase, batch, self._losses[phase.name])
        scaler = self.scalers[phase.name]
        scaler.unscale_(optimizer)
        if any(parameter.grad is None for parameter in phase.parameters()):
            self.partial.add(phase.name)
        count = self._updates[phase.name] = self._updates.get(phase.name, -1) + 1
        if count % MEASURED == 0:  # counted from a report on, as a resumed run does
            self.measured.add(phase.name, self._measure(phase, batch, losses))
        scaler.step(optimizer)
        scaler.update()
        if phase.after is not None:
            phase.after()
        self.stats.add(phase.name, losses)

    def _differentiate(self, phase: Phase, batch: Batch, loss: LossFunction) -> Losses:
        """Add the gradients of a phase's terms to its own parameters; return the terms."""
        with only(self.model, phase):
            with self.engine.autocast():
                terms = loss(batch)
            if not _are_terms(terms):
                name = f"the loss of phase {phase.name}"
                raise broken(self.model, name, terms, "named scalars that have a gradient")
            total = torch.stack(list(terms.values())).sum()
            self.engine.backward(self.scalers[phase.name].scale(total))
        return terms

    @torch.no_grad()
    def _measure(self, phase: Phase, batch: Batch, losses: Losses) -> Losses:
        """Return what is reported of an update beside its terms: scalars, on the device."""
        found = {} if phase.measure is None else phase.measure(batch, losses)
        if not _are_scalars(found):
            raise broken(self.model, f"what phase {phase.name} measures", found, "named scalars")
        gradients = [p.grad for p in phase.parameters() if p.grad is not None]
        norm = {"grad": nn.utils.get_total_norm(gradients)} if gradients else {}
        if self.scaled and norm:  # an update that overflows is none: it is left out
            norm["grad"] = norm["grad"].nan_to_num(0.0, 0.0, 0.0)
        return {**found, **norm}

    def report(self) -> dict[str, float]:
        """Return means since the last report: terms, what was measured, shares of time."""
        found = self.stats.means()
        for key, value in self.measured.means().items():
            found.setdefault(key, value)  # a term keeps its name
        for key in [key for key in found if key.endswith(CRITIC)]:
            found.setdefault(f"{key.removesuffix(CRITIC)}/w_est", -found[key])
        self._begin_report()
        return found | {f"time/{part}": share for part, share in self.clock.shares().items()}

    def compile(self) -> str | None:
        """Compile phases and draws, and compare their gradients with the eager ones.

        Returns a warning where they differ or cannot be compiled; the steps then stay eager.
        """
        eager = self._gradients(self.model.prepare, self._losses)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # what the compiler says to its own authors
                prepare = self.engine.compile(self.model.prepare)
                losses = {name: self.engine.compile(loss) for name, loss in self._losses.items()}
                compiled = self._gradients(prepare, losses)
        except Exception as error:  # whatever the compiler raises, training can go on without it
            lines = [line for line in str(error).splitlines() if line] or [type(error).__name__]
            reason = " ".join(lines[:2])[:200]  # the first says which backend, the second why
            return f"cannot compile ({reason}): training without it"
        tolerance = 1e-3 if self.engine.precision == "fp32" else 0.1
        for key, value in eager.items():
            gap = (compiled[key] - value).norm() / value.norm().clamp(min=1e-12)
            if not gap <= tolerance:
                return f"compiled gradients of {key[0]} differ by {gap:.1e}: training without them"
        self._prepare, self._losses = prepare, losses
        return None

    def _gradients(
        self, prepare: Callable[[Batch, Sequence[str]], None], losses: dict[str, LossFunction]
    ) -> dict[tuple[str, ...], Tensor]:
        """Return the gradients of every phase on the first batch, leaving the model as it was.

        Keys are a phase and all phases of its step, and whether what comes in some steps alone is
        due: fakes that the generator also needs carry a graph, others none, and a compiler makes
        each case a program of its own.
        """
        saved = {name: value.clone() for name, value in self.model.state_dict().items()}
        found = {}
        cases = [(due, phase) for due in self._due_together() for phase in due]
        for (due, phase), number in itertools.product(cases, (0, 1)):
            names = [each.name for each in due]
            batch = self.draw(self.done + 1)
            batch.step = number  # all intervals divide 0, and none 1: with what is rare, without
            self.model.requires_grad_(True)
            self.model.zero_grad(set_to_none=True)
            try:
                with self.engine.autocast():
                    prepare(batch, names)
                self._differentiate(phase, batch, losses[phase.name])
                found[phase.name, *names, str(number)] = _gradient(phase)
            finally:
                self.model.load_state_dict(saved)
                self.model.zero_grad(set_to_none=True)
        return found

    def _due_together(self) -> list[list[Phase]]:
        """Return every set of phases that some step has."""
        turns = [
            phase.rounds.steps(phase.rounds.first + 2) for phase in self.phases if phase.rounds
        ]
        steps = range(1, max(turns, default=1) * math.lcm(*(p.every for p in self.phases)) + 1)
        found = {
            tuple(phase.name for phase in due): due
            for due in ([phase for phase in self.phases if phase.due(step)] for step in steps)
        }
        return [due for due in found.values() if due]

    def switch_stream(self, stream: int) -> None:
        """Take another stream of random numbers, for data and noise alike."""
        self.stream = stream
        self.loader = self._make_loader(derive_seed(self.seed, "stream", stream))

    def healthy(self) -> bool:
        """Say whether all losses since the last report, and all state, are finite."""
        values = [*self.stats.sums.values(), *self.model.state_dict().values()]
        values += self.average.state.values()
        for optimizer in self.optimizers.values():
            for moments in optimizer.state.values():
                values += [value for value in moments.values() if isinstance(value, Tensor)]
        sums = [value.detach().sum() for value in values if value.is_floating_point()]
        return bool(torch.isfinite(torch.stack(sums)).all()) if sums else True

    def state(self) -> dict[str, Any]:
        """Return what a checkpoint needs beside the weights: tensors, plain values."""
        return {
            "step": self.done,
            "images": self.images,
            "updates": self.updates,
            "stream": self.stream,
            "ema_updates": self.average.updates,
            "partial": sorted(self.partial),
            "optimizers": {name: o.state_dict() for name, o in self.optimizers.items()},
            **({"scales": self._scales()} if self.scaled else {}),
        }

    def _scales(self) -> dict[str, dict[str, Any]]:
        scaled = self.scalers.items() if self.scaled else ()
        return {name: scaler.state_dict() for name, scaler in scaled}

    def load(
        self, state: dict[str, Any], model: dict[str, Tensor], average: dict[str, Tensor]
    ) -> None:
        """Go on from a checkpoint's state, weights and averages.

        Raises CheckpointError where any of it is not what this training would have written.
        """
        try:
            check_counters(state)
            for expected, given in (
                (self.model.state_dict(), model),
                (self.average.state, average),
            ):
                wrong = mismatches(expected, given, exact=True)
                if wrong:
                    raise ValueError(wrong[0])
            fitted = fitted_states(
                state.get("optimizers"),
                self.optimizers,
                {phase.name: phase.updates(state["step"]) for phase in self.phases},
                {phase.name for phase in self.phases if phase.schedule is not None},
                partial := phases_of(state.get("partial", []), self.optimizers),
            )
            scales = fitted_scales(state.get("scales", {}), self._scales())
        except ValueError as error:
            raise CheckpointError(
                f"the checkpoint does not fit the model: {error}",
                "resume with the plugin version that made it",
            ) from None
        self.model.load_state_dict(model)
        self.average.load(average, state["ema_updates"])
        for name, optimizer in self.optimizers.items():
            optimizer.load_state_dict(fitted[name])
        for name, scale in scales.items():
            self.scalers[name].load_state_dict(scale)
        self.done, self.images = state["step"], state["images"]
        self.updates, self.partial = state["updates"], partial
        self.switch_stream(state["stream"])
        self._begin_report()

    def _begin_report(self) -> None:
        self.stats, self.measured = Stats(), Stats()
        self._updates: dict[str, int] = {}


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


def _are_terms(given: object) -> bool:
    if not isinstance(given, dict) or not given:
        return False
    return _are_scalars(given) and any(value.requires_grad for value in given.values())


def _are_scalars(given: object) -> TypeGuard[Losses]:
    return isinstance(given, dict) and all(
        isinstance(value, Tensor) and value.ndim == 0 for value in given.values()
    )


def _gradient(phase: Phase) -> Tensor:
    """Return a copy of the gradients of a phase as one vector."""
    grads = [p.new_zeros(p.shape) if p.grad is None else p.grad for p in phase.parameters()]
    return torch.cat([grad.flatten() for grad in grads])


def _averaged_phases(model: Model, phases: Iterable[Phase]) -> set[str]:
    averaged = {
        id(parameter)
        for name in model.averaged
        for parameter in model.get_submodule(name).parameters()
    }
    return {phase.name for phase in phases if averaged & {id(p) for p in phase.parameters()}}
