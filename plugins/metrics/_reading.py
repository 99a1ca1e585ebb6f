"""What metrics share that hold what was asked for against what a classifier reads."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from pydantic import Field

from animekit.config import Params
from animekit.errors import AnimekitError, DataError, UnusableError
from animekit.evaluation.metric import Metric
from animekit.labels.plan import key_of
from animekit.models.tagger import Classifier
from animekit.runs.classifier import load_classifier, missing_classifier

MOST = 8  # names of labels in one message


class ReadingParams(Params):
    """Which network reads the attributes."""

    classifier: str = Field("tagger", description="bundled name, or run or weights of a tagger")


class ReadingMetric(Metric):
    """A metric that reads attributes from images that were asked to have some."""

    conditional = True
    uses_real = False
    Params = ReadingParams
    params: ReadingParams
    _loaded: Classifier | None = None

    def missing(self) -> AnimekitError | None:
        """Return the error that there is no classifier."""
        return missing_classifier(self.params.classifier)

    @property
    def reads(self) -> tuple[str, ...]:
        """The columns of the classifier: one for each value, two for a yes or no."""
        return self.classifier().columns

    def looks_through(self) -> tuple[str, str]:
        """Return the name and sha256 of the classifier."""
        return self.params.classifier, self.classifier().extractor.sha256

    def asked(self, fake: np.ndarray, labels: np.ndarray | None) -> dict[str, np.ndarray]:
        """Return what images [N, 3, H, W] were asked to be, [N, C] by attribute."""
        if labels is None and self.context.asked:
            reads = ", ".join(self.classifier().attributes)
            raise UnusableError(
                f"{self.classifier().description} reads {reads}, and none of"
                f" {_listed(self.context.asked)}, which were asked for",
                "train one: animekit train tagger --data DIR --labels WORDS, then"
                f" --set {self.name}.classifier=RUN",
                code="metric.undefined",
            )
        if labels is None or len(labels) != len(fake):
            raise DataError(
                f"{0 if labels is None else len(labels):,} labels for {len(fake):,} images",
                "give what each image was asked to be: --tags FILE",
                code="metric.labels",
            )
        return self.classifier().split(labels)

    def tell_unread(self) -> None:
        """Say what was asked for and is not read."""
        known = {key_of(name.removeprefix("no ")) for name in self.reads}
        unread = [name for name in self.context.asked if key_of(name) not in known]
        if unread:
            words = self.params.classifier
            self.context.warn(f"{words} does not read {_listed(unread)}, which is left out")

    def classifier(self) -> Classifier:
        """Return the network that reads, loaded when it is first needed."""
        if self._loaded is None:
            self._loaded = load_classifier(self.context.plugins(), self.params.classifier)
        return self._loaded


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - MOST} more" if len(names) > MOST else ""
    return ", ".join(names[:MOST]) + more
