"""The whole batch, of which this process may hold a share: draws, rows and sums over it.

With one process and one part everything here returns what it was given, and draws nothing else.
Else process r of P holds every P-th row from r on. So the first rows of all shares are the first
rows of the batch, and what is drawn for the batch is drawn alike everywhere, and cut.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode


class Crew(Protocol):
    """The processes that hold a batch together."""

    def gather(self, value: Tensor) -> Tensor:
        """Return the values of all processes, along the first axis."""

    def total(self, value: Tensor) -> Tensor:
        """Return the sum over processes."""


@dataclass(frozen=True)
class Share:
    """Which rows of a batch are worked on here and now.

    `rows` of them; the batch falls into `parts`, each of which `world` processes hold together.
    """

    rows: int
    group: Crew
    rank: int = 0
    world: int = 1
    part: int = 0
    parts: int = 1

    @property
    def stride(self) -> int:
        """How far apart in the batch two rows are that follow each other here."""
        return self.world * self.parts

    @property
    def first(self) -> int:
        """Which row of the batch is the first one here."""
        return self.part + self.parts * self.rank


_share: Share | None = None
_cut = True


@contextmanager
def shared(share: Share | None) -> Iterator[None]:
    """Let the block see and draw its share of a batch alone; None: all of it.

    Nothing changes where it is all, so that a compiled step stays the program that it was.
    """
    global _share
    share = None if share is None or share.stride == 1 else share
    before, _share = _share, share
    try:
        if share is None:
            yield
        else:
            with _Cutting():
                yield
    finally:
        _share = before


@contextmanager
def together() -> Iterator[None]:
    """Draw in the block what is meant for all processes, whatever its shape."""
    global _cut
    before, _cut = _cut, False
    try:
        yield
    finally:
        _cut = before


def is_shared() -> bool:
    """Say whether several processes hold the batch together."""
    return _share is not None and _share.world > 1


def count(rows: int) -> int:
    """Return how many rows all processes hold, of which so many are here."""
    return rows * _share.world if _share is not None else rows


def stride() -> int:
    """Return how many shares a batch falls into, of which one is here."""
    return 1 if _share is None else _share.stride


def rows(values: Tensor) -> Tensor:
    """Return the rows [N, ...] of all processes in their order, with their graph."""
    if _share is None or _share.world == 1:
        return values
    gathered: Tensor = _Rows.apply(values, _share)
    return gathered


def own(values: Tensor) -> Tensor:
    """Return the rows of this process out of those of all."""
    return values if _share is None else values[_share.rank :: _share.world]


def total(value: Tensor) -> Tensor:
    """Return the sum over processes, with its graph."""
    if _share is None or _share.world == 1:
        return value
    summed: Tensor = _Total.apply(value, _share)
    return summed


def divisor(known: Tensor) -> Tensor:
    """Return what a sum over rows here is divided by, `known` of which count.

    The mean over processes is then the sum over all rows, divided by how many of all count, and by
    1 at least.
    """
    found = total(known).clamp(min=1)
    return found if _share is None else found / _share.world


def uniform_columns(height: int, width: int, device: torch.device) -> Tensor:
    """Return uniform numbers in [0, 1): [height, width], a column for each row here."""
    if _share is None or _share.stride == 1:
        return torch.rand(height, width, device=device)
    with together():
        drawn = torch.rand(height, width * _share.stride, device=device)
    return drawn[:, _share.first :: _share.stride]


class _Rows(torch.autograd.Function):
    """The rows of all processes; what they are worth to others comes back to their own."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, share: Share) -> Tensor:
        ctx.share = share
        return (
            share.group.gather(values[None].contiguous()).transpose(0, 1).flatten(0, 1).contiguous()
        )

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Any:
        share = ctx.share
        return _Total.apply(gradient, share)[share.rank :: share.world], None


class _Total(torch.autograd.Function):
    """The sum over processes, whose gradient is one too: it can be differentiated again."""

    @staticmethod
    def forward(ctx: Any, value: Tensor, share: Share) -> Tensor:
        ctx.share = share
        return share.group.total(value.contiguous())

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Any:
        return _Total.apply(gradient, ctx.share), None


class _Cutting(TorchFunctionMode):
    """Draws for the whole batch and keeps the rows that are here; norms over all processes.

    A draw is for the batch if its first axis is as long as the rows here, or some times as long, as
    of real and fake images in one. One with a generator of its own is left alone.
    """

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        handle = _HANDLERS.get(func)
        if handle is None or kwargs.get("generator") is not None:
            return func(*args, **kwargs)
        return handle(func, *args, **kwargs)


def _is_cut(length: int) -> bool:
    return _cut and _share is not None and length > 0 and length % _share.rows == 0


def _cut_rows(drawn: Tensor) -> Tensor:
    """Return the rows that are here of some times the whole batch."""
    assert _share is not None
    rows = drawn.unflatten(0, (-1, _share.rows, _share.stride))
    return rows[:, :, _share.first].flatten(0, 1)


def _whole_like(values: Tensor, **kwargs: Any) -> Tensor:
    """Return an empty tensor for the whole batch, in the memory order of a share's values."""
    assert _share is not None
    shape = (values.shape[0] * _share.stride, *values.shape[1:])
    last = values.ndim == 4 and values.is_contiguous(memory_format=torch.channels_last)
    order = torch.channels_last if last else torch.contiguous_format
    named = {"dtype": values.dtype, "device": values.device, **kwargs}
    return torch.empty(shape, memory_format=order, **named)


def _by_size(func: Any, *args: Any, **kwargs: Any) -> Tensor:
    """Draw rand(size), randint(low, high, size) and the like."""
    named = kwargs.pop("size", None)
    listed = [each for each in args if isinstance(each, (tuple, list))]
    size = tuple(named or (listed[0] if listed else args))
    head = [each for each in args if func is torch.randint and not isinstance(each, (tuple, list))]
    if not size or not _is_cut(size[0]):
        return func(*head, size, **kwargs)
    assert _share is not None
    return _cut_rows(func(*head, (size[0] * _share.stride, *size[1:]), **kwargs))


def _by_like(func: Any, values: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    """Draw rand_like and the like."""
    if not values.ndim or not _is_cut(len(values)):
        return func(values, *args, **kwargs)
    return _cut_rows(func(_whole_like(values), *args, **kwargs))


def _in_place(func: Any, values: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    """Draw uniform_() and the like."""
    if not values.ndim or not _is_cut(len(values)):
        return func(values, *args, **kwargs)
    with torch.no_grad():
        return values.copy_(_cut_rows(func(_whole_like(values), *args, **kwargs)))


def _bernoulli(func: Any, chances: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    """Draw 0 and 1 by chances; what other rows are worth moves no draw of these."""
    if args or kwargs or not chances.ndim or not _is_cut(len(chances)):
        return func(chances, *args, **kwargs)
    assert _share is not None
    whole = chances.repeat_interleave(_share.stride, 0)
    return _cut_rows(func(whole))


def _dropout(func: Any, values: Tensor, p: float = 0.5, *args: Any, **kwargs: Any) -> Tensor:
    """Drop numbers as torch does on a CPU: of the whole batch."""
    training = kwargs.get("training", kwargs.get("train", args[0] if args else True))
    if not training or not p or p >= 1 or not _is_cut(len(values)):
        return func(values, p, *args, **kwargs)
    kept = _cut_rows(_whole_like(values).bernoulli_(1 - p).div_(1 - p))
    return values * kept


def _batch_norm(
    func: Any,
    values: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    training: bool,  # noqa: FBT001 - in the order of torch.batch_norm
    momentum: float,
    eps: float,
    *rest: Any,
) -> Tensor:
    """Normalise [N, C, ...] by the statistics of the rows of all processes."""
    if not training or not is_shared():
        return func(values, weight, bias, running_mean, running_var, training, momentum, eps, *rest)
    exact = values.float() if values.dtype in (torch.bfloat16, torch.float16) else values
    axes = [0, *range(2, values.ndim)]
    mine = torch.stack([exact.mean(axes), exact.var(axes, correction=0)])
    means, variances = rows(mine[None]).unbind(1)  # [P, C] each
    mean = means.mean(0)
    variance = (variances + (means - mean).square()).mean(0)
    many = count(values.numel() // values.shape[1])
    with torch.no_grad():
        if running_mean is not None and running_var is not None:
            running_mean.lerp_(mean.detach().to(running_mean), momentum)
            unbiased = variance.detach() * (many / max(many - 1, 1))
            running_var.lerp_(unbiased.to(running_var), momentum)
    shape = (1, -1, *[1] * (values.ndim - 2))
    scale = (variance + eps).rsqrt()
    scale = scale if weight is None else scale * weight
    shift = -mean * scale if bias is None else bias - mean * scale
    return (exact * scale.view(shape) + shift.view(shape)).to(values.dtype)


def _module_batch_norm(
    func: Any,
    values: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,  # noqa: FBT001, FBT002 - in the order of F.batch_norm
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Do the same in the order of arguments of torch.nn.functional."""
    on = torch.backends.cudnn.enabled
    return _batch_norm(
        torch.batch_norm,
        values,
        weight,
        bias,
        running_mean,
        running_var,
        training,
        momentum,
        eps,
        on,
    )


_HANDLERS: dict[Any, Callable[..., Tensor]] = {
    **dict.fromkeys((torch.rand, torch.randn, torch.randint), _by_size),
    **dict.fromkeys((torch.rand_like, torch.randn_like, torch.randint_like), _by_like),
    **dict.fromkeys(
        (
            *(Tensor.uniform_, Tensor.normal_, Tensor.bernoulli_, Tensor.random_),
            *(Tensor.exponential_, Tensor.log_normal_, Tensor.cauchy_, Tensor.geometric_),
        ),
        _in_place,
    ),
    torch.bernoulli: _bernoulli,
    torch.dropout: _dropout,
    F.dropout: _dropout,
    torch.batch_norm: _batch_norm,
    F.batch_norm: _module_batch_norm,
}
