"""What a discriminator said in an update, or what it says when it is asked again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from animekit.data.batch import Batch

ACCURACY = ("acc_real", "acc_fake")
"""What the shares of right answers are called in reports, behind the name of a phase."""

Scores = tuple[Tensor, Tensor]
"""Logits of real and of fake images."""


def keep_scores(batch: Batch, real: Batch, fake: Batch) -> None:
    """Keep with a batch what D said of real and fake, if an objective left it."""
    for name, side in (("on_real", real), ("on_fake", fake)):
        if side.scores is not None:
            batch.kept[name] = side.scores


def kept_scores(batch: Batch) -> Scores | None:
    """Return what the objective kept of this update, if it kept anything."""
    real, fake = batch.kept.get("on_real"), batch.kept.get("on_fake")
    return None if real is None or fake is None else (real, fake)


def asked_scores(
    critic: Callable[[Tensor | None], Callable[[Tensor], Tensor]],
    discriminator: nn.Module,
    batch: Batch,
) -> Scores | None:
    """Return what D says of the images and fakes of a batch, and leave D as it was.

    None where it gives no logits.
    """
    if batch.fake is None:
        return None
    with unchanged(discriminator):
        try:
            ask = critic(batch.target)
            real, fake = ask(batch.images), ask(batch.fake)
        except Exception:  # a discriminator that is asked otherwise: it has no accuracy
            return None
    logits = all(isinstance(each, Tensor) and each.is_floating_point() for each in (real, fake))
    return (real, fake) if logits else None


@contextmanager
def unchanged(module: nn.Module) -> Iterator[None]:
    """Put back the buffers of a module and the random numbers behind the block."""
    saved = {name: buffer.clone() for name, buffer in module.named_buffers()}
    devices = {each.device for each in module.parameters() if each.device.type == "cuda"}
    with torch.random.fork_rng(devices=[each.index or 0 for each in devices]), torch.no_grad():
        try:
            yield
        finally:
            for name, buffer in module.named_buffers():
                buffer.copy_(saved[name])
