"""Inception score of fakes (Salimans et al., 2016)."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from pydantic import Field
from scipy.special import log_softmax
from torch import Tensor

from animekit.errors import UnusableError
from animekit.evaluation.metric import Metric
from animekit.hookspecs import hookimpl

from ._features.shared import FeatureMetric, FeatureParams

MOST_CLASSES = 10_000  # of all groups together


class InceptionScoreParams(FeatureParams):
    """Which network, and how the images are split."""

    seed: int = Field(0, ge=0, description="seed of the order in which images are split")
    splits: int = Field(10, ge=1, description="parts of the set that are scored one by one")


class InceptionScore(FeatureMetric):
    """Inception score of fakes: sure of each image's class, of many classes.

    Gives `is_<extractor>`, exp of the mean divergence between the classes of an image and those of
    its split, as mean and standard deviation (ddof 0) over splits. It says next to nothing of
    anime faces under the classes of ImageNet, so it is computed only when it is named. Where a
    network answers several questions, as hair and eyes, a class is one answer to each.
    """

    name = "inception_score"
    better = "higher"
    uses_real: ClassVar[bool] = False
    by_default: ClassVar[bool] = False
    Params = InceptionScoreParams
    params: InceptionScoreParams

    @property
    def least(self) -> int:
        """Number of images that are needed: two a split."""
        return 2 * self.params.splits

    def details(self) -> list[str]:
        """Return the splits."""
        return [f"{self.params.splits} splits", f"seed {self.params.seed}"]

    def compute(
        self, real: object, fake: np.ndarray | Tensor, labels: np.ndarray | None = None
    ) -> dict[str, float]:
        """Return the score of the fakes, with its deviation over splits.

        Fakes are uint8 [N, 3, S, S] or [N, 1, S, S]; no real ones are needed. Raises
        UnusableError where the extractor gives no classes.
        """
        self.context.warn(
            "inception_score: its classes are not those of anime faces; do not lean on it"
        )
        logits = self.features(fake, "fake", "logits")
        bits = np.random.Philox(np.random.SeedSequence(self.params.seed))
        order = np.random.Generator(bits).permutation(len(logits))
        logs = log_classes(logits[order], self.extractor.groups)
        scores = [score(part) for part in np.array_split(logs, self.params.splits)]
        name = self.key("is")
        return {name: float(np.mean(scores)), f"{name}_sd": float(np.std(scores))}


def log_classes(logits: np.ndarray, groups: tuple[int, ...] = ()) -> np.ndarray:
    """Return float64 log-probabilities [N, C] of classes for logits [N, L].

    A class is one answer from each group. A group of one logit is a question of yes and no.

    >>> np.exp(log_classes(np.zeros((1, 3)), (2, 1))).tolist()
    [[0.25, 0.25, 0.25, 0.25]]
    """
    logits = logits.astype(np.float64)
    joint = np.zeros((len(logits), 1))
    for part in np.split(logits, np.cumsum(groups)[:-1], axis=1) if groups else [logits]:
        alone = part.shape[1] == 1
        answers = log_softmax(np.hstack([part, np.zeros_like(part)]) if alone else part, axis=1)
        if joint.shape[1] * answers.shape[1] > MOST_CLASSES:
            raise UnusableError(
                f"an extractor with {len(groups)} groups of labels has over {MOST_CLASSES:,}"
                " classes together",
                "name another extractor",
                code="features.classes",
            )
        joint = (joint[:, :, None] + answers[:, None, :]).reshape(len(logits), -1)
    return joint


def score(logs: np.ndarray) -> float:
    """Return exp of the mean Kullback-Leibler divergence of rows from their mean.

    >>> round(score(np.log(np.array([[0.999, 0.001], [0.001, 0.999]]))), 2)
    1.98
    """
    shares = np.exp(logs)
    mean = np.log(np.maximum(shares.mean(0), np.finfo(np.float64).tiny))
    return float(np.exp((shares * (logs - mean)).sum(1).mean()))


@hookimpl
def animekit_metrics() -> list[type[Metric]]:
    """Bring the metric in."""
    return [InceptionScore]
