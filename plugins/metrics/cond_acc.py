"""Condition accuracy: whether images have the attributes that were asked for."""

from __future__ import annotations

import numpy as np

from animekit.evaluation.metric import Exhibit, Metric
from animekit.hookspecs import hookimpl
from animekit.labels.tags import NAMES

from ._common import checked
from ._crosstable import draw
from ._reading import ReadingMetric, ReadingParams


class ConditionParams(ReadingParams):
    """Which network reads the attributes."""


class ConditionAccuracy(ReadingMetric):
    """Share of images whose hair, eyes or other attributes are as was asked.

    A classifier trained on real images reads them (Salimans et al., 2016, judge samples by a
    classifier too), so its own mistakes count as well: real images with their tags, the floor row,
    say how many. An image asked for two hair colours is right with either; an attribute that was
    not asked for is not counted. `acc_both` wants hair and eyes right (`acc_all`: all of more than
    two); `acc_hair_mean` and `acc_eyes_mean` average over colours, so that a rare one weighs as
    much as a common one. What the classifier reads are the words that it was trained on; others are
    said and left out.
    """

    name = "cond_acc"
    better = "higher"
    Params = ConditionParams
    params: ConditionParams

    def definition(self, count: int) -> str:
        """Return one line: which network reads, and how many images."""
        return f"cond_acc, read by {self.classifier().description}, n {count:,}"

    def compute(
        self, real: object, fake: np.ndarray, labels: np.ndarray | None = None
    ) -> dict[str, float]:
        """Return the accuracies of fakes [N, 3, H, W] asked to be labels [N, K].

        Raises UnusableError (code "metric.undefined") where the classifier reads none of them.
        """
        fake = checked(fake, "fake")
        asked = self.asked(fake, labels)
        self.tell_unread()
        read = self.classifier().read(fake, self.context.progress)
        found: dict[str, float] = {}
        right = []
        for name, wanted in asked.items():
            known = wanted.any(1)
            hits = wanted[np.arange(len(wanted)), read[name]] > 0
            right.append(np.where(known, hits, True))
            if not known.any():
                continue
            shares = [hits[wanted[:, colour] > 0].mean() for colour in _present(wanted)]
            key = f"acc_{name.replace(' ', '_')}"
            found |= {
                key: float(hits[known].mean()),
                f"{key}_se": _standard_error(hits[known]),
                f"{key}_mean": float(np.mean(shares)),
            }
        if len(asked) < 2:
            return found
        asked_all = np.all([wanted.any(1) for wanted in asked.values()], axis=0)
        if asked_all.any():
            both = np.all(right, axis=0)[asked_all]
            key = "acc_both" if len(asked) == 2 else "acc_all"
            found |= {key: float(both.mean()), f"{key}_se": _standard_error(both)}
        return found

    def illustrate(
        self, real: np.ndarray, fake: np.ndarray, labels: np.ndarray | None = None
    ) -> list[Exhibit]:
        """Return a confusion matrix for each attribute, as a picture and a table."""
        asked = self.asked(fake, labels)
        classifier = self.classifier()
        read, in_all = classifier.read(fake), {}
        if self.context.real_labels is not None and classifier.labels == NAMES:
            in_all = classifier.split(self.context.real_labels)
        shown = []
        for name, wanted in asked.items():
            colours = classifier.attributes[name]
            if not wanted.any() and classifier.labels != NAMES:
                continue
            matrix = confusion(wanted, read[name])
            in_data = in_all[name].sum(0) if name in in_all else None
            columns = {
                "asked": list(colours),
                "images": wanted.sum(0).astype(int).tolist(),
                "in_data": [None] * len(colours) if in_data is None else in_data.tolist(),
                "right": _recalls(matrix),
                **{f"read {colour}": matrix[:, i].tolist() for i, colour in enumerate(colours)},
            }
            caption = f"{name}: rows were asked for, columns were read, shares of a row"
            picture = draw(matrix, colours, colours, caption)
            shown.append(Exhibit(f"confusion-{name.replace(' ', '-')}", caption, picture, columns))
        return shown


def confusion(wanted: np.ndarray, read: np.ndarray) -> np.ndarray:
    """Return how often each asked colour (row) was read as each: int64 [C, C].

    `wanted` is [N, C]; an image that was asked for two colours counts in both rows.
    """
    count = wanted.shape[1]
    seen = np.eye(count, dtype=np.int64)[read]
    return (wanted > 0).astype(np.int64).T @ seen


def _present(wanted: np.ndarray) -> list[int]:
    return np.flatnonzero(wanted.any(0)).tolist()


def _recalls(matrix: np.ndarray) -> list[float | None]:
    totals = matrix.sum(1)
    return [
        float(matrix[i, i] / total) if total else None for i, total in enumerate(totals.tolist())
    ]


def _standard_error(hits: np.ndarray) -> float:
    share = float(hits.mean())
    return float(np.sqrt(share * (1 - share) / len(hits)))


@hookimpl
def animekit_metrics() -> list[type[Metric]]:
    """Bring the metric in."""
    return [ConditionAccuracy]
