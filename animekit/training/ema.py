"""Exponential moving average of the networks that a model samples with."""

from __future__ import annotations

import torch
from torch import Tensor

from animekit.models.base import Model


class Average:
    """The moving average of what a model calls `averaged`, with a warm-up.

    Floating-point buffers (running statistics) are averaged with the weights, so that statistics
    and weights belong together; other buffers are copied. decay 0 keeps a plain copy.
    """

    def __init__(self, model: Model, decay: float) -> None:
        self.model = model
        self.decay = decay
        self.updates = 0
        self.state: dict[str, Tensor] = {
            name: value.detach().clone() for name, value in self._live().items()
        }

    def _live(self) -> dict[str, Tensor]:
        prefixes = tuple(f"{name}." for name in self.model.averaged)
        if not prefixes:
            return {}
        return {k: v for k, v in self.model.state_dict().items() if k.startswith(prefixes)}

    @torch.no_grad()
    def update(self) -> None:
        """Move the average towards the weights, behind each update of those."""
        self.updates += 1
        # Without the warm-up the random first weights would weigh in for thousands of steps.
        decay = min(self.decay, self.updates / (self.updates + 10))
        live = self._live()
        floats = [key for key, value in live.items() if value.is_floating_point()]
        if floats:
            torch._foreach_lerp_(
                [self.state[key] for key in floats], [live[key] for key in floats], 1 - decay
            )
        for key, value in live.items():
            if not value.is_floating_point():
                self.state[key].copy_(value)

    @torch.no_grad()
    def load(self, state: dict[str, Tensor], updates: int) -> None:
        """Take a saved average."""
        for key, value in state.items():
            self.state[key].copy_(value)
        self.updates = updates

    def __enter__(self) -> Model:
        """Put the average into the model, in eval mode, until the block ends."""
        self._saved = {key: value.clone() for key, value in self._live().items()}
        self.model.load_state_dict(self.state, strict=False)
        return self.model.eval()

    def __exit__(self, *error: object) -> None:
        self.model.load_state_dict(self._saved, strict=False)
        self.model.train()
        del self._saved
