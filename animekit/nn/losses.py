"""Objectives as pairs of pure functions of logits, and the penalties that any of them can use.

Every function returns a scalar that is minimised. Logits are float [N]; images are [N, C, H, W].
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from animekit.engines import whole
from animekit.engines.parts import at_once

Discriminator = Callable[[Tensor], Tensor]


def cross_entropy(logits: Tensor, target: float | Tensor) -> Tensor:
    """Return the mean binary cross-entropy of logits against a (soft) label.

    >>> round(cross_entropy(torch.zeros(4), 1.0).item(), 4)
    0.6931
    """
    target = torch.as_tensor(target, dtype=logits.dtype, device=logits.device)
    return F.binary_cross_entropy_with_logits(logits, target.expand_as(logits))


def noisy_labels(
    like: Tensor, own: tuple[float, float], other: tuple[float, float], flip: float = 0.0
) -> float | Tensor:
    """Return a label for each image, in the range `own` (Salimans et al., 2016).

    A share `flip` of them, drawn anew each time, have one in the range `other` (ganhacks tip 6,
    Chintala et al., 2016). One number where all are the same.

    >>> noisy_labels(torch.zeros(2), (0.9, 0.9), (0.0, 0.0))
    0.9
    """

    def drawn(low: float, high: float) -> float | Tensor:
        return low if low == high else torch.empty_like(like).uniform_(low, high)

    if not flip:
        return drawn(*own)
    flipped = torch.rand_like(like) < flip
    theirs, ours = (torch.as_tensor(drawn(*each)).to(like) for each in (other, own))
    return torch.where(flipped, theirs, ours)


def nonsaturating_g(fake: Tensor) -> Tensor:
    """Return -log D(fake), the usual generator's loss (Goodfellow et al., 2014)."""
    return F.softplus(-fake).mean()


def saturating_g(fake: Tensor) -> Tensor:
    """Return log(1 - D(fake)), the minimax loss (Goodfellow et al., 2014)."""
    return -F.softplus(fake).mean()


def flipped_g(fake: Tensor) -> Tensor:
    """Return the loss where label 0 means real (ganhacks tip 2, Chintala, 2016)."""
    return F.softplus(fake).mean()


def attribute_loss(
    logits: Tensor,
    labels: Tensor,
    groups: Sequence[int],
    mask: Tensor | None = None,
    *,
    smoothing: float = 0.0,
) -> Tensor:
    """Return the mean cross-entropy of the known attributes of a batch.

    `logits`, `labels` and `mask` are [N, L] and fall into `groups`: one of several values is a
    softmax, a group of one a sigmoid. An attribute with two values is half of each; one that the
    mask calls unknown counts nothing. `smoothing` is the share that goes evenly to all values.
    """
    mask = torch.ones_like(labels) if mask is None else mask
    terms, known = [], []
    parts = (part.split(tuple(groups), dim=1) for part in (logits, labels, mask))
    for outputs, wanted, certain in zip(*parts, strict=True):
        terms.append(_attribute_loss(outputs, wanted, smoothing))
        known.append(certain[:, 0])
    weights = torch.stack(known)
    return (torch.stack(terms) * weights).sum() / whole.divisor(weights.sum())


def _attribute_loss(logits: Tensor, labels: Tensor, smoothing: float) -> Tensor:
    count = logits.shape[1]
    if count == 1:
        return F.binary_cross_entropy_with_logits(logits, labels, reduction="none")[:, 0]
    shares = labels / labels.sum(1, keepdim=True).clamp(min=1)
    return -((shares * (1 - smoothing) + smoothing / count) * logits.log_softmax(1)).sum(1)


def attribute_entropy(logits: Tensor, groups: Sequence[int]) -> Tensor:
    """Return the mean entropy in nats of the attributes that logits [N, L] give.

    It is 0 where each is surely of one value, whichever, and ln K where all K are as likely
    (Springenberg, 2016).

    >>> round(attribute_entropy(torch.zeros(2, 3), [2, 1]).item(), 4)
    0.6931
    """
    terms = []
    for part in logits.split(tuple(groups), dim=1):
        both = torch.cat([part, torch.zeros_like(part)], 1) if part.shape[1] == 1 else part
        likely = both.log_softmax(1)
        terms.append(-(likely.exp() * likely).sum(1))
    return torch.stack(terms).mean()


GENERATOR = {"nonsaturating": nonsaturating_g, "saturating": saturating_g, "flipped": flipped_g}
"""The generator's side of the cross-entropy objective, by name."""


def least_squares_d(
    real: Tensor, fake: Tensor, a: float | Tensor = 0.0, b: float | Tensor = 1.0
) -> Tensor:
    """Return half squared distances to b on real, a on fake (Mao et al., 2017)."""
    return 0.5 * (real - b).square().mean() + 0.5 * (fake - a).square().mean()


def least_squares_g(fake: Tensor, c: float = 1.0) -> Tensor:
    """Return half the squared distance of fake to c (Mao et al., 2017, equation 2)."""
    return 0.5 * (fake - c).square().mean()


def wasserstein_d(real: Tensor, fake: Tensor) -> Tensor:
    """Return minus the estimate of the Wasserstein distance (Arjovsky et al., 2017).

    >>> wasserstein_d(torch.tensor([3.0]), torch.tensor([1.0])).item()
    -2.0
    """
    return fake.mean() - real.mean()


def wasserstein_g(fake: Tensor) -> Tensor:
    """Return minus the critic's mean on fake (Arjovsky et al., 2017)."""
    return -fake.mean()


def hinge_d(real: Tensor, fake: Tensor) -> Tensor:
    """Return how far real stays below 1 and fake above -1 (Lim and Ye, 2017)."""
    return F.relu(1 - real).mean() + F.relu(1 + fake).mean()


def hinge_g(fake: Tensor) -> Tensor:
    """Return minus the discriminator's mean on fake (Lim and Ye, 2017)."""
    return -fake.mean()


def relativistic(better: Tensor, worse: Tensor) -> Tensor:
    """Return the cross-entropy of pairs: `better` should score above `worse`.

    softplus(worse - better), pair by pair: better is real for the discriminator and fake for the
    generator (Jolicoeur-Martineau, 2018; the pairing of Huang et al., 2024).

    >>> round(relativistic(torch.tensor([1.0]), torch.tensor([1.0])).item(), 4)
    0.6931
    """
    return F.softplus(worse - better).mean()


def difference_d(real: Tensor, fake: Tensor) -> Tensor:
    """Return D(fake) - D(real) of probabilities, within [-1, 1] (seed 000).

    >>> difference_d(torch.tensor([0.0]), torch.tensor([0.0])).item()
    0.0
    """
    return wasserstein_d(real.sigmoid(), fake.sigmoid())


def difference_g(fake: Tensor) -> Tensor:
    """Return -D(fake) of probabilities, as seed 000 prints it: within [-1, 0]."""
    return wasserstein_g(fake.sigmoid())


D_SIDE = {"difference": difference_d, "hinge": hinge_d, "relativistic": relativistic}
"""The discriminator's side of objectives of one term, by name: of real and fake logits."""
G_SIDE: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "difference": lambda fake, real: difference_g(fake),
    "wasserstein": lambda fake, real: wasserstein_g(fake),
    "hinge": lambda fake, real: hinge_g(fake),
    "relativistic": relativistic,
}
"""The generator's side, of fake and real logits; only pairs look at the latter."""


def gradient_penalty(
    discriminator: Discriminator, real: Tensor, fake: Tensor, *, one_sided: bool = False
) -> Tensor:
    """Return the mean of (|grad D(x)| - 1)^2 at random points between real and fake.

    The norm is over the whole image, one random mixing weight an image (Gulrajani et al., 2017).
    One-sided: only norms above 1 count, max(0, |grad| - 1)^2.
    """
    mix = torch.rand(len(real), 1, 1, 1, device=real.device, dtype=real.dtype)
    excess = gradient_norm(discriminator, torch.lerp(real, fake, mix)) - 1
    return (excess.clamp(min=0) if one_sided else excess).square().mean()


def dragan_penalty(discriminator: Discriminator, real: Tensor, *, scale: float = 0.5) -> Tensor:
    """Return the mean of (|grad D(x)| - 1)^2 around real (Kodali et al., 2017).

    The noise is uniform in [0, 1) times `scale` and the standard deviation of the batch, and each
    image takes a random share of it.
    """
    share = torch.rand(len(real), 1, 1, 1, device=real.device, dtype=real.dtype)
    (spread,) = at_once([real], lambda rows: [rows[0].std().expand(len(rows[0]))])
    noise = scale * spread[0] * torch.rand_like(real)
    return (gradient_norm(discriminator, real + share * noise) - 1).square().mean()


def zero_centred_penalty(discriminator: Discriminator, images: Tensor) -> Tensor:
    """Return half the mean squared gradient norm: R1 on real, R2 on fake images.

    Mescheder et al., 2018.
    """
    return 0.5 * _input_gradient(discriminator, images).square().sum(1).mean()


r1_penalty = zero_centred_penalty


def gradient_norm(discriminator: Discriminator, images: Tensor) -> Tensor:
    """Return |grad D(x)| of each image, float32 [N]; it can be differentiated again."""
    # The square root has no gradient at 0: 1e-12 below it moves a norm of 1 by 5e-13.
    return (_input_gradient(discriminator, images).square().sum(1) + 1e-12).sqrt()


def _input_gradient(discriminator: Discriminator, images: Tensor) -> Tensor:
    """Return the gradient of the summed logits with respect to images, float [N, C*H*W].

    torch.func.grad is what torch.compile can differentiate twice; it refuses the in-place running
    statistics of batch normalisation, where autograd takes its place.
    """
    tracks = isinstance(discriminator, nn.Module) and _tracks_statistics(discriminator)
    if tracks or whole.is_shared():
        points = images.detach().requires_grad_()
        with torch.enable_grad():
            score = discriminator(points).sum()
        (gradient,) = torch.autograd.grad(score, points, create_graph=True)
    else:
        gradient = torch.func.grad(lambda x: discriminator(x).sum())(images.detach())
    gradient = gradient.flatten(1)
    return gradient.float() if gradient.dtype != torch.float64 else gradient


def _tracks_statistics(module: nn.Module) -> bool:
    return any(
        isinstance(child, nn.modules.batchnorm._NormBase)
        and child.track_running_stats
        and child.training
        for child in module.modules()
    )
