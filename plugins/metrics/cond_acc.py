"""Condition accuracy: whether images have the hair and eye colours that were asked for."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from animekit.config import Params
from animekit.errors import AnimekitError, DataError
from animekit.evaluation.metric import Exhibit, Metric
from animekit.hookspecs import hookimpl
from animekit.labels.tags import HAIR
from animekit.models import tagger
from animekit.models.tagger import ATTRIBUTES, Classifier

from ._common import checked
from ._crosstable import draw


class ConditionParams(Params):
    """Which network reads the colours."""

    classifier: str = Field("tagger", description="bundled name, or weights of a tagger")


class ConditionAccuracy(Metric):
    """Share of images whose hair and eyes have the colour that was asked for.

    A classifier trained on real images reads the colours (Salimans et al., 2016, judge samples by
    a classifier too), so its own mistakes count as well: real images with their tags, the floor
    row, say how many. An image asked for two hair colours is right with either; an attribute that
    was not asked for is not counted. `acc_both` wants hair and eyes right; `acc_hair_mean` and
    `acc_eyes_mean` average over colours, so that a rare colour weighs as much as a common one.
    """

    name = "cond_acc"
    better = "higher"
    conditional = True
    uses_real = False
    Params = ConditionParams
    params: ConditionParams
    _loaded: Classifier | None = None

    def missing(self) -> AnimekitError | None:
        """Return the error that there is no classifier."""
        return tagger.missing(self.params.classifier)

    def looks_through(self) -> tuple[str, str]:
        """Return the name and sha256 of the classifier."""
        return self.params.classifier, self._classifier().extractor.sha256

    def definition(self, count: int) -> str:
        """Return one line: which network reads, and how many images."""
        return f"cond_acc, read by {self._classifier().description}, n {count:,}"

    def compute(
        self, real: object, fake: np.ndarray, labels: np.ndarray | None = None
    ) -> dict[str, float]:
        """Return the accuracies of fakes [N, 3, H, W] asked to be labels [N, 23]."""
        fake = checked(fake, "fake")
        asked = self._asked(fake, labels)
        read = self._classifier().read(fake, self.context.progress)
        found: dict[str, float] = {}
        right = []
        for name, wanted in asked.items():
            known = wanted.any(1)
            hits = wanted[np.arange(len(wanted)), read[name]] > 0
            right.append(np.where(known, hits, True))
            if not known.any():
                continue
            shares = [hits[wanted[:, colour] > 0].mean() for colour in _present(wanted)]
            found |= {
                f"acc_{name}": float(hits[known].mean()),
                f"acc_{name}_se": _standard_error(hits[known]),
                f"acc_{name}_mean": float(np.mean(shares)),
            }
        asked_all = np.all([wanted.any(1) for wanted in asked.values()], axis=0)
        if asked_all.any():
            both = np.all(right, axis=0)[asked_all]
            found |= {"acc_both": float(both.mean()), "acc_both_se": _standard_error(both)}
        return found

    def illustrate(
        self, real: np.ndarray, fake: np.ndarray, labels: np.ndarray | None = None
    ) -> list[Exhibit]:
        """Return a confusion matrix for each attribute, as a picture and a table."""
        asked = self._asked(fake, labels)
        read = self._classifier().read(fake)
        shown = []
        for name, wanted in asked.items():
            colours = ATTRIBUTES[name]
            matrix = confusion(wanted, read[name])
            real_labels = self.context.real_labels
            in_data = None if real_labels is None else _split(real_labels)[name].sum(0)
            columns = {
                "asked": list(colours),
                "images": wanted.sum(0).astype(int).tolist(),
                "in_data": [None] * len(colours) if in_data is None else in_data.tolist(),
                "right": _recalls(matrix),
                **{f"read {colour}": matrix[:, i].tolist() for i, colour in enumerate(colours)},
            }
            caption = f"{name}: rows were asked for, columns were read, shares of a row"
            picture = draw(matrix, colours, colours, caption)
            shown.append(Exhibit(f"confusion-{name}", caption, picture, columns))
        return shown

    def _asked(self, fake: np.ndarray, labels: np.ndarray | None) -> dict[str, np.ndarray]:
        if labels is None or len(labels) != len(fake):
            raise DataError(
                f"{0 if labels is None else len(labels):,} labels for {len(fake):,} images",
                "give what each image was asked to be: --tags FILE",
                code="metric.labels",
            )
        return _split(labels)

    def _classifier(self) -> Classifier:
        if self._loaded is None:
            self._loaded = tagger.load(self.context.plugins(), self.params.classifier)
        return self._loaded


def confusion(wanted: np.ndarray, read: np.ndarray) -> np.ndarray:
    """Return how often each asked colour (row) was read as each: int64 [C, C].

    `wanted` is [N, C]; an image that was asked for two colours counts in both rows.
    """
    count = wanted.shape[1]
    seen = np.eye(count, dtype=np.int64)[read]
    return (wanted > 0).astype(np.int64).T @ seen


def _split(labels: np.ndarray) -> dict[str, np.ndarray]:
    hair, eyes = np.split(labels, [len(HAIR)], axis=1)
    return {"hair": hair, "eyes": eyes}


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
