"""Variational terms: of a normal code that an image becomes, of a code that an image shows.

A normal code is N(mu, exp(logvar)), given as mu and logvar, both [N, Z].
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor


def divergence(mu: Tensor, logvar: Tensor) -> Tensor:
    """Return KL(N(mu, exp(logvar)) || N(0, 1)) in nats, summed over Z: [N].

    It is (mu^2 + exp(logvar) - 1 - logvar) / 2 for each number (Kingma and Welling, 2014).

    >>> divergence(torch.tensor([[1.0, 0.0], [3.0, 4.0]]), torch.zeros(2, 2)).tolist()
    [0.5, 12.5]
    """
    return 0.5 * (mu.square() + logvar.exp() - 1 - logvar).flatten(1).sum(1)


def reparameterised(mu: Tensor, logvar: Tensor) -> Tensor:
    """Draw z = mu + eps * exp(logvar / 2), eps from torch's own generator: [N, Z].

    The gradient flows to mu and logvar (Kingma and Welling, 2014).
    """
    return mu + torch.randn_like(mu) * (0.5 * logvar).exp()


def unread_information(logits: Tensor, codes: Tensor, widths: Sequence[int]) -> Tensor:
    """Return minus a lower bound of what images tell of their codes, in nats.

    `logits` and one-hot `codes` are [N, sum(widths)], uniform codes of these widths. The bound is
    the entropy of the codes less the cross-entropy of reading them: 0 for blind guesses, at most
    sum(log(width)) (Chen et al., 2016, equation 5).

    >>> blind, codes = torch.zeros(1, 4), torch.tensor([[0.0, 1.0, 1.0, 0.0]])
    >>> abs(unread_information(blind, codes, (2, 2)).item())
    0.0
    """
    parts = zip(logits.split(tuple(widths), 1), codes.split(tuple(widths), 1), strict=True)
    read = [
        (scores.log_softmax(1) * code).sum(1) + math.log(code.shape[1]) for scores, code in parts
    ]
    return -torch.stack(read).sum(0).mean()
