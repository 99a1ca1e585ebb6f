"""Search: noise and labels whose picture is nearest to a given one, by gradient descent."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from animekit.labels.vocabulary import parts
from animekit.models.abilities import Encodes
from animekit.models.features import MIDDLE, Extractor

CANDIDATES = 256  # drawn and looked at, before the best of them are improved
CHUNK = 32  # candidates that are drawn at once
STAGES = ((1.0, 0.25), (0.25, 0.25), (0.0, 0.5))
"""Share of the starts that is kept in each stage (at least one), and its share of the steps."""
SLOWEST = 0.02  # of the learning rate, at the end
SURE = 4.0  # logit of a label that a start begins with
LEAST_RATE = 0.05  # of labels, whose logits have further to go than noise


@dataclass(frozen=True)
class How:
    """How long and from where to search; `seconds` end it early, for each picture.

    `features` is the weight of the distance of features beside the mean square of pixels in
    [-1, 1], `prior` that of noise being longer than noise is.
    """

    steps: int = 300
    starts: int = 8
    seed: int = 0
    seconds: float | None = None
    features: float = 0.5
    prior: float = 0.01
    rate: float = 0.1


@dataclass(frozen=True)
class Found:
    """The best noise [1, ...] and labels [1, L] of 0 and 1, None without.

    `length` is the root mean square of z against that of drawn noise: 1 is typical. `steps` were
    taken.
    """

    z: np.ndarray
    labels: np.ndarray | None
    length: float
    steps: int


class Distance:
    """How far pictures are from one: squares of pixels, and features of a network."""

    def __init__(self, target: Tensor, extractor: Extractor | None, weight: float) -> None:
        self.target, self.weight = target, weight
        self.extractor = extractor if weight else None
        with torch.no_grad():
            self.maps = self._maps(target)

    def pixels(self, images: Tensor) -> Tensor:
        """Return the mean square of the difference of each image [N]."""
        return (images - self.target).square().mean((1, 2, 3))

    def whole(self, images: Tensor) -> Tensor:
        """Return the distance of each image [N] by pixels and features.

        Of each map of the network, as of LPIPS (Zhang et al., 2018) but for its learned weights:
        channels are made a vector of length 1, and their squared difference is averaged.
        """
        far = self.pixels(images)
        if self.extractor is None:
            return far
        pairs = zip(self._maps(images), self.maps, strict=True)
        apart = [(mine - theirs).square().sum(1).mean((1, 2)) for mine, theirs in pairs]
        return far + self.weight * torch.stack(apart).mean(0)

    def _maps(self, images: Tensor) -> list[Tensor]:
        if self.extractor is None or self.extractor.to_maps is None:
            return []
        side = self.extractor.size
        colour = images.expand(-1, 3, -1, -1) if images.shape[1] == 1 else images
        if colour.shape[-1] != side:
            colour = F.interpolate(colour, (side, side), mode="bilinear", antialias=True)
        return [F.normalize(each, dim=1) for each in self.extractor.to_maps((colour + 1) * MIDDLE)]


@dataclass
class Searched:
    """What is searched: noise [N, ...] and logits of labels [N, L], of one model.

    Categorical codes, which stand at the end of z, stay as each start has them.
    """

    model: Any
    z: Tensor
    logits: Tensor | None
    longest: float
    """The root mean square that no z passes: that of the longest one drawn."""
    typical: float
    largest: float | None
    """The bound of each number, where noise has one."""
    snapped: bool = False
    known: Tensor | None = None
    """Labels [L] and mask [2, L] that are given and stay."""
    groups: tuple[int, ...] = field(default=())

    def draw(self) -> Tensor:
        """Return images [N, C, S, S] in [-1, 1]."""
        images: Tensor = self.model.sample(self.z, self.labels())
        return images.float()

    def labels(self) -> Tensor | None:
        """Return labels [N, L]: shares of 1, or 0 and 1 once they are snapped."""
        if self.logits is None:
            return None
        found = []
        for part in parts(self.groups):
            own = self.logits[:, part]
            if self.snapped and own.shape[1] > 1:
                found.append(F.one_hot(own.argmax(1), own.shape[1]).float())
            elif self.snapped:
                found.append((own > 0).float())
            else:
                found.append(own.softmax(1) if own.shape[1] > 1 else own.sigmoid())
        labels = torch.cat(found, 1)
        return labels if self.known is None else torch.lerp(labels, self.known[0], self.known[1])

    def kept(self, rows: Tensor, *, snap: bool) -> Searched:
        """Return some of them, to be improved; with `snap` labels are 0 or 1 from now."""
        logits = None if self.logits is None else self.logits.detach()[rows].clone()
        z = self.z.detach()[rows].clone().requires_grad_()
        if logits is not None and not snap:
            logits.requires_grad_()
        return Searched(
            self.model,
            z,
            logits,
            self.longest,
            self.typical,
            self.largest,
            snapped=snap,
            known=self.known,
            groups=self.groups,
        )

    def square(self) -> Tensor:
        """Return the mean square of the noise of each, without codes: [N]."""
        return _without_codes(self.model, self.z).square().mean(1)

    def hold(self) -> None:
        """Bring noise that grew longer than any drawn, or left its bounds, back."""
        with torch.no_grad():
            noise = _without_codes(self.model, self.z)  # a view
            if self.largest is not None:
                noise.clamp_(-self.largest, self.largest)
            length = noise.square().mean(1, keepdim=True).sqrt()
            noise.mul_((self.longest / length.clamp_min(1e-9)).clamp_max(1))


def search(
    model: Any,
    distance: Distance,
    how: How,
    *,
    frequencies: np.ndarray | None = None,
    read: Tensor | None = None,
    known: Tensor | None = None,
    progress: Callable[[float], None] = lambda share: None,
) -> Found:
    """Return the noise and labels whose picture is nearest to a target.

    Of 256 candidates the nearest are improved by Adam (Kingma and Ba, 2015), fewer and fewer of
    them; labels move as shares of 1 in the first half and are 0 or 1 in the second. `frequencies`
    [L] are those by which labels of candidates are drawn, `read` [L] labels that half of them
    have, `known` [2, L] labels and a mask of those that are given.
    """
    began = time.monotonic()
    late = how.seconds if how.seconds is not None else float("inf")
    latents = _candidates(model, how, distance, frequencies, read, known)
    with torch.no_grad():
        order = _by_distance(latents, distance).argsort()
    done = 0
    for stage, (kept, share) in enumerate(STAGES):
        rows = order[: max(1, round(how.starts * kept))]
        latents = latents.kept(rows, snap=stage == len(STAGES) - 1)
        count = round(how.steps * share)
        if stage == len(STAGES) - 1:
            count = how.steps - done
        for _ in _steps(latents, distance, how, done, count):
            done += 1
            progress(done / how.steps)
            if time.monotonic() - began > late:
                break
        with torch.no_grad():
            order = distance.whole(latents.draw()).argsort()
    best = latents.kept(order[:1], snap=True)
    labels = best.labels()
    return Found(
        best.z.detach().float().cpu().numpy(),
        None if labels is None else labels.detach().cpu().numpy(),
        float(best.square().detach().mean().sqrt()) / best.typical,
        done,
    )


def _steps(
    latents: Searched, distance: Distance, how: How, done: int, count: int
) -> Iterator[None]:
    """Take steps of gradient descent, `done` of which were taken before."""
    moved = [{"params": [latents.z], "lr": how.rate}]
    if latents.logits is not None and latents.logits.requires_grad:
        moved.append({"params": [latents.logits], "lr": max(LEAST_RATE, how.rate)})
    optimizer = torch.optim.Adam(moved, betas=(0.9, 0.99))
    rates = [group["lr"] for group in optimizer.param_groups]
    for step in range(done, done + count):
        left = max(SLOWEST, 1 - step / how.steps)
        for group, rate in zip(optimizer.param_groups, rates, strict=True):
            group["lr"] = rate * left
        longer = F.relu(latents.square() / latents.typical**2 - 1).square()
        optimizer.zero_grad()
        (distance.whole(latents.draw()) + how.prior * longer).sum().backward()
        if latents.z.grad is not None:  # codes stay what they are
            _codes(latents.model, latents.z.grad).zero_()
        optimizer.step()
        latents.hold()
        yield


def _candidates(
    model: Any,
    how: How,
    distance: Distance,
    frequencies: np.ndarray | None,
    read: Tensor | None,
    known: Tensor | None,
) -> Searched:
    """Draw what the search may begin with."""
    place = distance.target.device
    chance = torch.Generator().manual_seed(how.seed)
    z = model.noise(max(CANDIDATES, how.starts), chance).float()
    noise = _without_codes(model, z)
    squares = noise.square().mean(1)
    typical, longest = float(squares.mean().sqrt()), float(squares.max().sqrt())
    peak = float(noise.abs().max())
    largest = peak if peak < 2 * typical else None  # of normal noise the largest is over 3
    if isinstance(model, Encodes):
        with torch.no_grad():
            code = model.encode(distance.target).float().cpu()
        if code.shape[1:] == z.shape[1:]:
            z[0] = code[0]
            longest = max(longest, float(code.square().mean().sqrt()))
    logits = _first_labels(model.spec, len(z), chance, frequencies, read)
    return Searched(
        model,
        z.to(place),
        None if logits is None else logits.to(place),
        longest,
        typical,
        largest,
        known=None if known is None else known.to(place),
        groups=tuple(model.spec.groups),
    )


def _first_labels(
    spec: Any,
    count: int,
    chance: torch.Generator,
    frequencies: np.ndarray | None,
    read: Tensor | None,
) -> Tensor | None:
    """Return logits [N, L] of labels that are drawn, every second one as they were read."""
    if not spec.labels:
        return None
    shares = torch.ones(len(spec.labels)) if frequencies is None else torch.tensor(frequencies)
    found = torch.zeros(count, len(spec.labels))
    for part in parts(spec.groups):
        if part.stop - part.start == 1:
            share = 0.5 if frequencies is None else float(shares[part.start])
            found[:, part] = (torch.rand(count, 1, generator=chance) < share).float()
        else:
            weights = shares[part].float().clamp_min(1e-6)
            drawn = torch.multinomial(weights, count, replacement=True, generator=chance)
            found[:, part] = F.one_hot(drawn, len(weights)).float()
    if read is not None:
        given = ~read.isnan()
        found[::2, given] = read[given]
    return SURE * (2 * found - 1)


def _by_distance(latents: Searched, distance: Distance) -> Tensor:
    """Return how far each candidate is: [N]."""
    found = []
    for rows in torch.arange(len(latents.z)).split(CHUNK):
        part = latents.kept(rows, snap=True)
        found.append(distance.whole(part.draw()))
    return torch.cat(found)


def _without_codes(model: Any, z: Tensor) -> Tensor:
    """Return noise [N, D] as a view, without the categorical codes at its end."""
    flat = z.flatten(1)
    return flat[:, : flat.shape[1] - sum(getattr(model, "codes", ()))]


def _codes(model: Any, z: Tensor) -> Tensor:
    flat = z.flatten(1)
    return flat[:, flat.shape[1] - sum(getattr(model, "codes", ())) :]
