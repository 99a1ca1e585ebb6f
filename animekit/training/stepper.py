"""One training step, whatever the model: phases, optimisers, averages; it knows no files."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from animekit.data.batch import Batch
from animekit.data.sampler import Loader
from animekit.engines.engine import LocalEngine
from animekit.engines.parts import Parts, rows_of, shares_of
from animekit.engines.whole import shared
from animekit.errors import CheckpointError
from animekit.models.abilities import Generates
from animekit.models.base import Losses, Model, Phase
from animekit.models.blueprint import mismatches
from animekit.nn.convolutions import choose_kernels
from animekit.plugins import broken
from animekit.seeds import derive_seed
from animekit.training.ema import Average
from animekit.training.fitting import check_counters, fitted_scales, fitted_states, phases_of
from animekit.training.phases import (
    are_scalars,
    are_terms,
    averaged_phases,
    due_together,
    gradient_norm,
    gradient_of,
    only,
    scalers_of,
)
from animekit.training.tally import Stats, Stopwatch

MEASURED = 10  # of so many updates of a phase one is measured, the first behind each report
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
        batch_size: int = 1,
        accumulate: int = 1,
    ) -> None:
        self.engine = engine
        self.model = engine.setup(choose_kernels(model) if engine.products else model).train()
        self.shares = shares_of(engine, batch_size, accumulate)
        self.rows, self.batch_size = rows_of(self.shares, batch_size), batch_size
        self.phases = model.phases()
        if not self.phases or not all(isinstance(each, Phase) for each in self.phases):
            raise broken(model, "phases", self.phases, "a list of phases")
        self.optimizers = {phase.name: phase.optimizer(phase.parameters()) for phase in self.phases}
        for optimizer in self.optimizers.values():
            for group in optimizer.param_groups:
                group["initial_lr"] = group["lr"]
        self.average = Average(model, ema)
        self.scaled = engine.precision == "fp16"  # whose numbers do not reach as low as gradients
        self.scalers = scalers_of(self.phases, engine.device, scaled=self.scaled)
        self._begin_report()
        self.clock = Stopwatch(engine.device)
        self.seed, self.total = seed, total
        self.done, self.images, self.updates = 0, 0, 0
        self.partial = set(self.scalers) if self.scaled else set()  # phases that may lack updates
        self._make_loader = loader
        self.stream = 0
        self.loader = loader(derive_seed(seed, "stream", 0))
        self._averaged = averaged_phases(model, self.phases)
        self._prepare: Callable[[Batch, Sequence[str]], None] = model.prepare
        self._losses: dict[str, LossFunction] = {phase.name: phase.loss for phase in self.phases}

    def draw(self, step: int) -> Batch:
        """Return the batch of a step with its noise; seed all else that is random.

        Each of several processes gets its own rows; what is drawn is drawn for the whole batch.
        """
        seed = derive_seed(self.seed, "step", self.stream, step)
        torch.manual_seed(seed)
        batch = self.loader.batch(step, self.rows)
        batch.step = step
        if self.total:
            done = (step - 1) / self.total
            batch.progress = torch.full((), done, device=self.engine.device)
        if not self.engine.channels_last:  # pixels lie so in the store
            batch.images = batch.images.contiguous()
            batch.others = None if batch.others is None else batch.others.contiguous()
        if isinstance(self.model, Generates):
            generator = torch.Generator().manual_seed(derive_seed(seed, "z"))
            count = len(batch.images) if self.rows is None else self.batch_size
            z = self.model.noise(count, generator)
            batch.z = (z if self.rows is None else z[self.rows]).to(self.engine.device)
        return batch.double() if self.engine.dtype == torch.float64 else batch

    def step(self) -> None:
        """Take the next step: every due phase, its optimiser, then the averages."""
        step = self.done + 1
        if self.engine.graphs:
            torch.compiler.cudagraph_mark_step_begin()
        with self.clock.part("data"):
            batch = self.draw(step)
        due = [phase for phase in self.phases if phase.due(step)]
        self.model.requires_grad_(True)
        if self.shares[0].parts > 1:
            parts = Parts(self.model, self.engine, self.shares, batch.parts(len(self.shares)))
            for phase in due:
                with self.clock.part(phase.name, on_device=True):
                    self._update_by(parts, phase, step)
        else:
            with shared(self.shares[0]):
                self._update_all(due, batch, step)
        if any(phase.name in self._averaged for phase in due):
            with self.clock.part("average", on_device=True):
                self.average.update()
            self.updates += 1
        self.done = step
        self.images += len(batch.images) * self.engine.world

    def _update_all(self, due: Sequence[Phase], batch: Batch, step: int) -> None:
        """Update by the whole of what this process holds: fakes are drawn once for all phases."""
        with self.clock.part("prepare", on_device=True), self.engine.autocast():
            self._prepare(batch, [phase.name for phase in due])
        for phase in due:
            with self.clock.part(phase.name, on_device=True):
                measured = self._begin_update(phase, step)
                losses = self._differentiate(phase, batch, self._losses[phase.name])
                self.engine.average_gradients(phase.parameters())
                if measured:
                    self.measured.add(phase.name, self._measure(phase, batch, losses))
                self._end_update(phase, measured=measured)
                self.stats.add(phase.name, losses)

    def _update_by(self, parts: Parts, phase: Phase, step: int) -> None:
        """Update by one part of the batch after the other."""
        measured = self._begin_update(phase, step)

        def prepare(batch: Batch) -> None:
            with self.engine.autocast():
                self._prepare(batch, [phase.name])

        def work(batch: Batch) -> None:
            losses = self._differentiate(phase, batch, self._losses[phase.name])
            self.stats.add(phase.name, losses)
            if measured:
                self.measured.add(phase.name, self._measure(phase, batch, losses))

        parts.differentiate(phase.parameters(), prepare, work)
        self._end_update(phase, measured=measured)

    def _begin_update(self, phase: Phase, step: int) -> bool:
        """Set the learning rate and drop old gradients; say whether the update is measured."""
        optimizer = self.optimizers[phase.name]
        if phase.schedule is not None and self.total:
            factor = phase.schedule((step - 1) / self.total)
            for group in optimizer.param_groups:
                group["lr"] = group["initial_lr"] * factor
        optimizer.zero_grad(set_to_none=True)
        count = self._updates[phase.name] = self._updates.get(phase.name, -1) + 1
        return count % MEASURED == 0  # counted from a report on, as a resumed run does

    def _end_update(self, phase: Phase, *, measured: bool) -> None:
        optimizer, scaler = self.optimizers[phase.name], self.scalers[phase.name]
        scaler.unscale_(optimizer)
        if measured:
            self.measured.add(phase.name, gradient_norm(phase, scaled=self.scaled))
        if any(parameter.grad is None for parameter in phase.parameters()):
            self.partial.add(phase.name)
        scaler.step(optimizer)
        scaler.update()
        if phase.after is not None:
            phase.after()

    def _differentiate(self, phase: Phase, batch: Batch, loss: LossFunction) -> Losses:
        """Add the gradients of a phase's terms to its own parameters; return the terms."""
        with only(self.model, phase):
            with self.engine.autocast():
                terms = loss(batch)
            if not are_terms(terms):
                name = f"the loss of phase {phase.name}"
                raise broken(self.model, name, terms, "named scalars that have a gradient")
            scale = self.scalers[phase.name].scale
            self.engine.backward(scale(torch.stack(list(terms.values())).sum()))
        return terms

    @torch.no_grad()
    def _measure(self, phase: Phase, batch: Batch, losses: Losses) -> Losses:
        """Return what is reported of an update beside its terms: scalars, on the device."""
        found = {} if phase.measure is None else phase.measure(batch, losses)
        if not are_scalars(found):
            raise broken(self.model, f"what phase {phase.name} measures", found, "named scalars")
        return found

    def report(self) -> dict[str, float]:
        """Return means since the last report: terms, what was measured, shares of time."""
        mean = self.engine.all_reduce_mean
        found = self.stats.means(mean)
        for key, value in self.measured.means(mean).items():
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
        tolerance = 0.1 if self.engine.precision == "bf16" else 1e-3
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
        cases = [(due, phase) for due in due_together(self.phases) for phase in due]
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
                found[phase.name, *names, str(number)] = gradient_of(phase)
            finally:
                self.model.load_state_dict(saved)
                self.model.zero_grad(set_to_none=True)
        return found

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
        healthy = bool(torch.isfinite(torch.stack(sums)).all()) if sums else True
        return self.engine.agree([not healthy]) == [0]

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
        return {name: each.state_dict() for name, each in self.scalers.items() if self.scaled}

    def load(
        self, state: dict[str, Any], model: dict[str, Tensor], average: dict[str, Tensor]
    ) -> None:
        """Go on from a checkpoint's state, weights and averages.

        Raises CheckpointError where any of it is not what this training would have written.
        """
        try:
            check_counters(state)
            pairs = (self.model.state_dict(), model), (self.average.state, average)
            for expected, given in pairs:
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
