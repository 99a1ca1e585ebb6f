"""Best of several: the seed whose image shows most surely what was asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from animekit.errors import UnusableError
from animekit.labels.attributes import Attrs
from animekit.models.tagger import ANSWERS, ATTRIBUTES, Classifier

DIGITS = 4  # of a score: more of them would be noise

Draw = Callable[[Sequence[int], Sequence[Attrs]], np.ndarray]


@dataclass(frozen=True)
class Choice:
    """The chosen seed of one image, what it was chosen from, and its score in [0, 1]."""

    seed: int
    candidates: list[int]
    score: float


def check(names: Sequence[str], model: str, reads: Iterable[str] = ATTRIBUTES) -> None:
    """Raise UnusableError where a model has no attribute that a classifier reads."""
    if not set(reads) & set(names):
        what = "hair or eye colours" if reads is ATTRIBUTES else " or ".join(reads)
        raise UnusableError(
            f"model {model} has no {what}, by which the best image could be chosen",
            "leave --best-of out, or name a tagger of its labels: --classifier RUN",
            code="best_of.unreadable",
        )


def select(
    pools: Sequence[Sequence[int]], attrs: Sequence[Attrs], draw: Draw, classifier: Classifier
) -> list[Choice]:
    """Return for each image the seed of its pool that scores best.

    `draw` makes images uint8 [N, H, W, 3] of seeds and attributes. All candidates of an image are
    asked the same; of equals, the first is taken.
    """
    choices = []
    for pool, asked in zip(pools, attrs, strict=True):
        images = draw(pool, [asked] * len(pool))
        scores = score(images, [asked] * len(pool), classifier)
        best = int(scores.argmax())
        choices.append(Choice(pool[best], list(pool), round(float(scores[best]), DIGITS)))
    return choices


def score(images: np.ndarray, attrs: Sequence[Attrs], classifier: Classifier) -> np.ndarray:
    """Return how sure a classifier is that images [N, H, W, 3] are as asked: [N].

    It is the product over the attributes that it reads; the share of one that is asked for in
    several values is that of all of them together.
    """
    shares = classifier.probabilities(np.ascontiguousarray(images.transpose(0, 3, 1, 2)))
    total = np.ones(len(images))
    for name, values in classifier.attributes.items():
        for row, asked in enumerate(attrs):
            value = asked.get(name)
            value = ANSWERS[value] if isinstance(value, bool) else value
            wanted = value if isinstance(value, list) else [value]
            places = [values.index(str(word)) for word in wanted if word in values]
            if places:
                total[row] *= float(shares[name][row, places].sum())
    return total
