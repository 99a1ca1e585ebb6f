"""What the metrics on features share: parameters, the extractor, names and real features."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any, ClassVar, Protocol, TypeVar

import numpy as np
from pydantic import Field
from torch import Tensor

from animekit import config, plugins
from animekit.errors import AnimekitError, UnusableError
from animekit.evaluation.metric import Metric
from animekit.models.features import Extractor, Kind, cached_features

from .._common import square
from . import extractors

INCEPTION = "inception"
HALF = 0.45  # of the work is in the real features, as much in the fakes', the rest in the number


class FeatureParams(config.Params):
    """Which network the images are looked at through."""

    extractor: str = Field(
        "tagger",
        description="tagger, effnetlite0 or inception; or a file: .safetensors of a model that"
        " classifies, the .pth of the FID's Inception, or TorchScript (.pt, .ts), which is a"
        " program: take one only from people you trust",
    )
    size: int | None = Field(
        None,
        ge=8,
        le=1024,
        description="side in pixels that a TorchScript extractor takes, as float"
        " [N, 3, size, size] in [-1, 1]",
    )


class Prepared(Protocol):
    """What a metric keeps of the real images: at least which extractor saw them."""

    @property
    def extractor(self) -> str:
        """Identity of the extractor."""


P = TypeVar("P", bound=Prepared)


class FeatureMetric(Metric):
    """A metric that compares features which a chosen network extracts.

    Names of numbers end in the extractor's: `fd_tagger`. Only the FID's own Inception gives the
    names that are known from papers. `warnings` says after `compute` what to think of its numbers.
    """

    known_as: ClassVar[str] = ""
    """Name of the number on the FID's Inception, in small letters; else as for any other."""
    Params = FeatureParams
    params: FeatureParams

    def __init__(self, params: config.Params | None = None) -> None:
        super().__init__(params)
        self._span = (0.0, 1.0)

    @property
    def _wish(self) -> extractors.Wish:
        official = self.known_as if self.params.extractor == INCEPTION else ""
        label = official.upper() or self.name
        return extractors.Wish(self.params.extractor, self.params.size, label, self.name)

    @cached_property
    def extractor(self) -> Extractor:
        """The network, read when it is first needed; raises where it cannot be had."""
        return extractors.load(self._wish, self.registry or plugins.load())

    def missing(self) -> AnimekitError | None:
        """Return the error that `compute` would raise, where the extractor is not there."""
        return extractors.missing(self._wish)

    def key(self, stem: str = "") -> str:
        """Return the name of a number: stem (else the metric's name) and extractor.

        Without a stem and on the FID's Inception it is the known name.
        """
        if not stem and self.known_as and self.extractor.name == INCEPTION:
            return self.known_as
        return f"{stem or self.name}_{self.extractor.name}"

    def definition(self, count: int) -> str:
        """Return one line: protocol, network and its hash, resizing, details, count."""
        protocol, network = self.protocol or self.name, self.params.extractor
        if not self.missing():
            network = self.extractor.description
            if self.known_as and self.extractor.name == INCEPTION:
                protocol = self.known_as
        return ", ".join([protocol, network, *self.details(), f"n {count:,}"])

    def details(self) -> list[str]:
        """Return what else fixes the numbers, in a few words each."""
        return []

    def features(
        self, images: np.ndarray | Tensor, which: str, kind: Kind = "features"
    ) -> np.ndarray:
        """Return float32 features (or logits), from the cache if they are there.

        `which` names the images in errors. Raises DataError for images that are not square uint8
        RGB or grey, or are too few.
        """
        images = square(images, which, self.least)
        return cached_features(self.extractor, images, kind=kind, progress=self._tell)

    @property
    def least(self) -> int:
        """Number of images that a set must have at least."""
        return self.fewest

    def both(self, real: Any, fake: np.ndarray | Tensor, kind: type[P]) -> tuple[P, np.ndarray]:
        """Return what `prepare` makes of the real images, and the features of the fakes.

        `real` may be prepared already, by a metric with the same extractor: else UnusableError.
        """
        self.warnings = []
        begun = 0.0
        if not isinstance(real, kind):
            with self._within(0.0, HALF):
                real = self.prepare(real)
            begun = HALF
        if real.extractor != self.extractor.identity:
            raise UnusableError(
                f"{self.name}: the real features are of {_short(real.extractor)}, the fakes' would"
                f" be of {_short(self.extractor.identity)}",
                "prepare the real images anew",
                code="features.extractor",
            )
        with self._within(begun, 2 * HALF):
            return real, self.features(fake, "fake")

    @contextmanager
    def _within(self, low: float, high: float) -> Iterator[None]:
        before, self._span = self._span, (low, high)
        try:
            yield
        finally:
            self._span = before

    def _tell(self, share: float) -> None:
        low, high = self._span
        self.progress(low + (high - low) * share)

    def warn(self, text: str) -> None:
        """Add a sentence to what is to be thought of the numbers."""
        self.warnings.append(text)


def _short(identity: str) -> str:
    _, name, sha256, *_ = [*identity.split(":"), "", ""]
    return f"{name} {sha256[:8]}"


def to_bytes(text: str) -> np.ndarray:
    """Return a text as an array, for `export`."""
    return np.frombuffer(text.encode(), np.uint8).copy()


def to_text(array: np.ndarray) -> str:
    """Return the text that `to_bytes` made an array of."""
    return np.asarray(array, np.uint8).tobytes().decode()
