"""Directions: how noise is moved so that images show more of what a tagger reads."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from animekit.errors import ConfigError, UnusableError, UsageError
from animekit.generation.draw import draw_seeds
from animekit.generation.plan import Cell, attrs_of
from animekit.labels import prompt as prompts
from animekit.labels.vocabulary import Vocabulary, parts
from animekit.models import sampling
from animekit.models.tagger import Classifier
from animekit.runs.run import Loaded

SAMPLES = 512  # images that a direction is learned from, those of the first seeds
RIDGE = 0.1  # of the samples, on the diagonal: few images tell little of many numbers
AXIS = re.compile(r"z(\d{1,6})")
SIGNS = {1: "more", -1: "less"}
LEAST = 1e-9


@dataclass(frozen=True)
class Wish:
    """One direction that was asked for: more (1) or less (-1) of a text."""

    text: str
    sign: int

    def __str__(self) -> str:
        return f"{SIGNS[self.sign]} {self.text}"


def needs_reading(wishes: Sequence[Wish]) -> bool:
    """Say whether a tagger is needed: z7 is an axis of the noise itself."""
    return any(AXIS.fullmatch(wish.text) is None for wish in wishes)


def direction(loaded: Loaded, wishes: Sequence[Wish], reader: Classifier | None) -> np.ndarray:
    """Return the sum of all directions, float32 [...] as one z is shaped.

    Each has the length of one standard deviation of the noise. It is that of the weights of a
    linear regression of what the tagger reads, in log-odds, on the noise of 512 images, so that
    for normal noise it is the way on which that rises fastest (as in "Interpreting the latent
    space of GANs", Shen et al., 2020, with a regression in place of a margin). Categorical codes
    do not move. Raises ConfigError for words that the tagger does not know.
    """
    model = sampling.as_generating(loaded.model)
    seeds = range(SAMPLES)
    z = sampling.noise_of_seeds(model, seeds)
    flat = z.reshape(SAMPLES, -1).astype(np.float64)
    free = flat.shape[1] - sum(getattr(model, "codes", ()))
    noise, spread = flat[:, :free], float(flat[:, :free].std())
    total = np.zeros(flat.shape[1])
    logits = None
    for wish in wishes:
        axis = AXIS.fullmatch(wish.text)
        if axis is not None:
            if int(axis[1]) >= free:
                raise UsageError(f"{wish.text} is no axis of the noise", f"z0 to z{free - 1}")
            total[int(axis[1])] += wish.sign * spread
            continue
        assert reader is not None
        wanted = _columns(reader, wish.text)
        if logits is None:
            logits = reader.extractor.logits(_images(loaded, seeds))
        way = _regressed(noise, _log_odds(logits, *wanted, reader.groups))
        if way is None:
            raise UnusableError(
                f"the images of {loaded.name} do not differ by {wish.text}, as the tagger reads it",
                "ask for something else, or --classifier with another tagger",
                code="direction.none",
            )
        total[:free] += wish.sign * spread * way
    return total.astype(np.float32).reshape(z.shape[1:])


def strengths_of(text: str | float | Sequence[float]) -> tuple[float, ...]:
    """Read how far to go: one number, or several for a table or a film.

    >>> strengths_of("-3, 0,3"), strengths_of(2)
    ((-3.0, 0.0, 3.0), (2.0,))
    """
    words = text.split(",") if isinstance(text, str) else text
    try:
        found = tuple(map(float, words)) if not isinstance(words, (int, float)) else (float(words),)
    except ValueError:
        found = ()
    if not 1 <= len(found) <= 100 or not all(abs(each) <= 100 for each in found):
        raise UsageError(
            f'cannot read --strength "{text}"', "write a number such as 3, or several: -3,0,3"
        )
    return found


def _columns(reader: Classifier, text: str) -> tuple[np.ndarray, np.ndarray]:
    """Return labels and mask [L] of a text in the words of a tagger."""
    vocabulary = Vocabulary(reader.labels, reader.groups)
    try:
        labels, mask = prompts.parse(text, vocabulary, "the direction")
    except ConfigError as error:
        known = ", ".join(reader.attributes)
        raise ConfigError(
            error.message,
            f"the tagger reads {known}; --classifier RUN names another: animekit train tagger"
            " --labels smile makes one. z7 is an axis of the noise",
            code="direction.unknown",
        ) from None
    return np.asarray(labels), np.asarray(mask)


def _log_odds(
    logits: np.ndarray, labels: np.ndarray, mask: np.ndarray, groups: Sequence[int]
) -> np.ndarray:
    """Return how much surer than not a tagger is of what is asked: [N]."""
    total = np.zeros(len(logits))
    for part in parts(groups):
        own = logits[:, part].astype(np.float64)
        if not mask[part].any():
            continue
        if own.shape[1] == 1:
            total += own[:, 0] if labels[part.start] else -own[:, 0]
            continue
        on = labels[part].astype(bool)
        if on.all() or not on.any():
            continue
        total += np.logaddexp.reduce(own[:, on], axis=1) - np.logaddexp.reduce(own[:, ~on], axis=1)
    return total


def _regressed(noise: np.ndarray, values: np.ndarray) -> np.ndarray | None:
    """Return the unit vector of a ridge regression [D]; None where nothing differs."""
    x, y = noise - noise.mean(0), values - values.mean()
    weights = np.linalg.solve(x.T @ x + RIDGE * len(x) * np.eye(x.shape[1]), x.T @ y)
    length = float(np.linalg.norm(weights))
    return weights / length if length > LEAST else None


def _images(loaded: Loaded, seeds: Sequence[int]) -> np.ndarray:
    """Return images uint8 [N, 3, H, W] of seeds, with labels as in training."""
    attributes = sampling.attributes_of(sampling.as_generating(loaded.model))
    attrs = attrs_of([Cell(seed) for seed in seeds], attributes, loaded.frequencies())
    draw = partial(draw_seeds, loaded.model, truncation=sampling.own_truncation(loaded.model))
    return np.ascontiguousarray(draw(seeds, attrs).transpose(0, 3, 1, 2))
