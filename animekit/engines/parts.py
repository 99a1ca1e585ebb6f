"""A batch in parts: what each process holds of it, one after the other, and what they add up to.

Every part begins with the same state, and what it leaves behind is averaged: gradients, and moved
buffers such as running statistics. Sums are taken in pairs, in the order of the parts, so that it
makes no bit of difference which process took which of a power of two of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Generic, TypeVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import Parameter

from animekit.engines.engine import Engine
from animekit.engines.whole import Share, own, rows, shared
from animekit.errors import ConfigError

B = TypeVar("B")
Tensors = list[Tensor]
Work = Callable[[Tensors], Tensors]


def shares_of(engine: Engine, batch: int, accumulate: int) -> list[Share]:
    """Return the shares of a batch that this process takes, one after the other.

    The batch falls into `accumulate` parts. Where there are some for each process, it takes them
    whole; else all processes share each part. Raises ConfigError where they are not equally large.
    """
    world, parts = engine.world, accumulate
    alone = parts % world == 0
    whole = parts if alone else world * parts
    if batch % whole:
        among = f"{parts} parts" if parts > 1 else f"{world} processes"
        among += f" on {world} processes" if world > 1 < parts else ""
        raise ConfigError(
            f"a batch of {batch} does not fall into {among} of equal size",
            f"--batch-size {max(1, round(batch / whole)) * whole}",
        )
    if alone:
        own = parts // world
        turns = range(engine.rank * own, (engine.rank + 1) * own)
        return [Share(batch // parts, engine, part=turn, parts=parts) for turn in turns]
    rows = batch // (world * parts)
    return [Share(rows, engine, engine.rank, world, turn, parts) for turn in range(parts)]


def rows_of(shares: Sequence[Share], batch: int) -> np.ndarray | None:
    """Return which rows of a batch this process holds, by share; None: all of them."""
    if len(shares) == 1 and shares[0].stride == 1:
        return None
    return np.concatenate([np.arange(each.first, batch, each.stride) for each in shares])


class Sums:
    """Sums of lists of tensors in pairs: ((1 + 2) + (3 + 4)) + (5 + 6)."""

    def __init__(self) -> None:
        self._found: list[tuple[int, Tensors]] = []

    def add(self, values: Tensors) -> None:
        """Add the values of the next part."""
        size = 1
        while self._found and self._found[-1][0] == size:
            values = _added(self._found.pop()[1], values)
            size *= 2
        self._found.append((size, values))

    def total(self) -> Tensors:
        """Return the sum; nothing may be added any more."""
        _, found = self._found.pop()
        while self._found:
            found = _added(self._found.pop()[1], found)
        return found


def _added(one: Tensors, other: Tensors) -> Tensors:
    return list(torch._foreach_add(one, other)) if one else []  # a model may have no buffer


def mean_of_parts(sums: Sums, shares: Sequence[Share], engine: Engine) -> Tensors:
    """Return the means over the parts of all processes."""
    found = sums.total()
    if not found:
        return found
    if engine.world > 1:
        flat = torch.cat([value.flatten() for value in found])
        if shares[0].world > 1:  # each process has its share of every part
            flat = engine.all_reduce_mean(flat)
        else:  # each has parts of its own
            both = Sums()
            for other in engine.gather(flat[None]):
                both.add([other])
            (flat,) = both.total()
        pieces = flat.split([value.numel() for value in found])
        for value, piece in zip(found, pieces, strict=True):
            value.copy_(piece.view(value.shape))  # in the memory order that fused optimisers want
    return list(torch._foreach_div(found, shares[0].parts))


class _Waits(BaseException):
    """A part that cannot go on before all others are as far: no plugin may catch it."""

    def __init__(self, values: Tensors, work: Work) -> None:
        super().__init__()
        self.values, self.work = values, work


class _Meeting:
    """What the parts of a phase did together, in the order in which they asked for it."""

    def __init__(self, shares: Sequence[Share], engine: Engine) -> None:
        self.shares, self.engine = shares, engine
        self.found: list[tuple[Tensors, Tensors]] = []  # rows of all, and the draws behind them
        self.share, self.asked = shares[0], 0

    def ask(self, values: Tensors, work: Work) -> Tensors:
        """Return the rows that are here of what all know; _Waits where they do not yet."""
        if self.asked == len(self.found):
            raise _Waits(values, work)
        found, draws = self.found[self.asked]
        self.asked += 1
        _set_draws(draws, self.engine.device)
        return [each[self.share.first :: self.share.stride] for each in found]

    def do(self, waiting: Sequence[_Waits]) -> None:
        """Do at once what each part asked for; the draws are where they stopped."""
        pairs = zip(*(each.values for each in waiting), strict=True)
        with self.engine.autocast():  # as where it was asked for: float64 draws other numbers
            found = waiting[0].work([self._whole(list(each)) for each in pairs])
        self.found.append((found, _draws(self.engine.device)))

    def _whole(self, parts: Tensors) -> Tensor:
        """Return the rows of the batch in its order, from those of the parts that are here."""
        if self.shares[0].world > 1:  # each process has its share of every part
            whole = []
            for share, values in zip(self.shares, parts, strict=True):
                with shared(share):
                    whole.append(rows(values))
            return torch.stack(whole, 1).flatten(0, 1)
        both = torch.stack(parts, 1)[None]
        both = self.engine.gather(both) if self.engine.world > 1 else both
        return both.transpose(0, 1).flatten(0, 2)


_meeting: _Meeting | None = None


def at_once(values: Tensors, work: Work) -> Tensors:
    """Return what `work` makes of the whole batch: the rows of it that are here.

    `values` are the rows here. It is done once, alike in every process; of a batch in parts each
    is worked on up to this point, and then once more from its beginning.
    """
    if _meeting is not None:
        return _meeting.ask(values, work)
    return [own(each) for each in work([rows(each) for each in values])]


def shuffled(*values: Tensor) -> Tensors:
    """Return other rows of the batch in place of those here, in one order for all."""

    def work(rows: Tensors) -> Tensors:
        order = torch.randperm(len(rows[0]), device=rows[0].device)
        return [each[order] for each in rows]

    return at_once(list(values), work)


@contextmanager
def _met(meeting: _Meeting, share: Share) -> Iterator[None]:
    """Let the block be the work on one part."""
    global _meeting
    before, _meeting = _meeting, meeting
    meeting.share, meeting.asked = share, 0
    try:
        with shared(share):
            yield
    finally:
        _meeting = before


class Parts(Generic[B]):
    """One step's batch in parts, for one phase after the other.

    Fakes are drawn anew for each phase, with the same numbers and weights, so that no part's graph
    has to wait for those of the others: that is the memory which parts are for.
    """

    def __init__(
        self, model: nn.Module, engine: Engine, shares: Sequence[Share], batches: Sequence[B]
    ) -> None:
        self.model, self.engine, self.shares, self.batches = model, engine, shares, batches
        self.begin = _draws(engine.device)
        self.after: Tensors | None = None
        self.buffers: Buffers | None = None
        self.moved: dict[Parameter, Tensor] = {}  # weights of earlier phases, as they were

    def differentiate(
        self,
        parameters: Sequence[Parameter],
        prepare: Callable[[B], None],
        work: Callable[[B], None],
    ) -> None:
        """Do the work of a phase on each part; leave the means of gradients and buffers."""
        first, buffers, sums = self.buffers, Buffers(self.model), Sums()
        after, meeting = self.after, _Meeting(self.shares, self.engine)

        def begin(share: Share, batch: B) -> None:
            (first or buffers).restore()
            _set_draws(self.begin, self.engine.device)
            with _met(meeting, share):
                with _as_before(self.moved):
                    prepare(batch)
                if first is not None and after is not None:  # the first phase made its move
                    buffers.restore()
                    _set_draws(after, self.engine.device)
                work(batch)

        parts = list(zip(self.shares, self.batches, strict=True))
        for turn, part in enumerate(parts):
            while waiting := _stopped(begin, part):  # of the first part alone
                others = [_stopped(begin, each) for each in parts[turn + 1 :]]
                meeting.do([waiting, *(each for each in others if each is not None)])
            buffers.took()
            had = [each for each in parameters if each.grad is not None]
            sums.add([each.grad for each in had if each.grad is not None])
            for each in had:
                each.grad = None
            self.after = _draws(self.engine.device)
        buffers.settle(self.shares, self.engine)
        for each, mean in zip(had, mean_of_parts(sums, self.shares, self.engine), strict=True):
            each.grad = mean
        self.buffers = first or buffers
        self.moved = {each: each.detach().clone() for each in had} | self.moved


@contextmanager
def _as_before(moved: Mapping[Parameter, Tensor]) -> Iterator[None]:
    """Let the block see the weights with which the step began.

    No phase can want a gradient through weights that an earlier one has moved.
    """
    now = {each: each.data for each in moved}
    for each, start in moved.items():
        each.data = start
    try:
        yield
    finally:
        for each, value in now.items():
            each.data = value


def _stopped(begin: Callable[[Share, B], None], part: tuple[Share, B]) -> _Waits | None:
    """Return where the work on a part stopped; None where it is done."""
    try:
        begin(*part)
    except _Waits as waits:
        return waits
    return None


class Buffers:
    """The buffers of a model: each part finds those of before and moves them.

    Those of a module that `sees_all` of a batch at once are moved then, and not here. They are
    written behind the back of autograd, which has no use for them in training.
    """

    def __init__(self, model: nn.Module) -> None:
        movers = [each for each in model.modules() if not getattr(each, "sees_all", False)]
        found = [value for each in movers for value in each.buffers(recurse=False)]
        self.live = list(dict.fromkeys(found))
        self.start = [value.clone() for value in self.live]
        self.moves = Sums()
        self.counts = self.start

    @torch.no_grad()
    def restore(self) -> None:
        """Put back what was there at the start."""
        for live, start in zip(self.live, self.start, strict=True):
            live.data.copy_(start)

    @torch.no_grad()
    def took(self) -> None:
        """Note what a part has made of them."""
        self.counts = [live.clone() for live in self.live]
        pairs = zip(self.live, self.start, strict=True)
        self.moves.add([live - start for live, start in pairs if live.is_floating_point()])

    @torch.no_grad()
    def settle(self, shares: Sequence[Share], engine: Engine) -> None:
        """Move them by the mean of all parts; a count is the same in each."""
        moves = iter(mean_of_parts(self.moves, shares, engine))
        for live, start, counted in zip(self.live, self.start, self.counts, strict=True):
            live.data.copy_(start + next(moves) if live.is_floating_point() else counted)


def _set_draws(state: Sequence[Tensor], device: torch.device) -> None:
    """Go on with random numbers of a state that `_draws` returned."""
    torch.set_rng_state(state[0])
    if device.type == "cuda":
        torch.cuda.set_rng_state(state[1], device)


def _draws(device: torch.device) -> list[Tensor]:
    """Return the state of the random numbers."""
    cuda = [torch.cuda.get_rng_state(device)] if device.type == "cuda" else []
    return [torch.get_rng_state(), *cuda]
