"""What the metrics on features share: parameters, the extractor, names and real features."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar, Generic, TypeVar, cast

import numpy as np
from pydantic import Field
from torch import Tensor

from animekit import config
from animekit.errors import AnimekitError, UnusableError
from animekit.evaluation.metric import Metric
from animekit.models.features import Extractor, Kind, cached_features

from .._common import square
from . import extractors

INCEPTION = "inception"
OWN_ARRAYS = ("features", "extractor")  # of an exported RealFeatures
K = TypeVar("K")  # what is kept of real features; it has an `extractor`, the identity of one
HALF = 0.45  # of the work is in the real features, as much in the fakes', the rest in the number


class FeatureParams(config.Params):
    """Which network the images are looked at through."""

    extractor: str = Field(
        "tagger",
        description="tagger, effnetlite0 or inception; or a file: .safetensors of a model that"
        " classifies, the .pth of the FID's Inception, or TorchScript (.pt, .ts), which is a"
        " program and needs --trust-extractor",
    )
    size: int | None = Field(
        None,
        ge=8,
        le=1024,
        description="side in pixels that a TorchScript extractor takes, as float"
        " [N, 3, size, size] in [-1, 1]",
    )


class FeatureMetric(Metric):
    """A metric that compares features which a chosen network extracts.

    Names of numbers end in the extractor's: `fd_tagger`. Only the FID's own Inception gives the
    names that are known from papers.
    """

    known_as: ClassVar[str] = ""
    """Name of the number on the FID's Inception, in small letters; else as for any other."""
    Params = FeatureParams
    params: FeatureParams

    @property
    def _asked(self) -> extractors.ExtractorRequest:
        name = self.params.extractor
        official = self.known_as if name == INCEPTION else ""
        label = official.upper() or self.name
        return extractors.ExtractorRequest(
            name, self.params.size, label, self.name, self.context.trust_extractor
        )

    @cached_property
    def extractor(self) -> Extractor:
        """The network, read when it is first needed; raises where it cannot be had."""
        return extractors.load(self._asked, self.context.plugins())

    def missing(self) -> AnimekitError | None:
        """Return the error that `compute` would raise, where the extractor is not there."""
        return extractors.missing(self._asked)

    def looks_through(self) -> tuple[str, str]:
        """Return the name and sha256 of the extractor."""
        return self.params.extractor, self.extractor.sha256

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
        self,
        images: np.ndarray | Tensor,
        which: str,
        kind: Kind = "features",
        span: tuple[float, float] = (0.0, 1.0),
    ) -> np.ndarray:
        """Return float32 features (or logits), from the cache if they are there.

        `which` names the images in errors, `span` is their part of the progress. Raises DataError
        for images that are not square uint8 RGB or grey, or are too few.
        """
        images = square(images, which, self.least)
        low, high = span

        def report(share: float) -> None:
            self.context.progress(low + (high - low) * share)

        return cached_features(self.extractor, images, kind=kind, progress=report)

    @property
    def least(self) -> int:
        """Number of images that a set must have at least."""
        return self.fewest


class FeatureDistance(FeatureMetric, Generic[K]):
    """A feature metric that keeps something of the real images' features, a K."""

    kept: ClassVar[type]
    """The class K."""

    def keep(self, features: np.ndarray) -> K:
        """Return what is kept of the real images' features, float32 [N, D]."""
        raise NotImplementedError

    def prepare(self, real: np.ndarray | Tensor) -> K:
        """Return what is kept of the real images."""
        return self.keep(self.features(real, "real"))

    def both(self, real: Any, fake: np.ndarray | Tensor) -> tuple[K, np.ndarray]:
        """Return what is kept of the real images, and the features of the fakes.

        `real` may be prepared already, by a metric with the same extractor: else UnusableError.
        """
        start = 0.0
        if not isinstance(real, self.kept):
            real = self.keep(self.features(real, "real", span=(0.0, HALF)))
            start = HALF
        if real.extractor != self.extractor.identity:
            raise UnusableError(
                f"{self.name}: the real features are of {_short(real.extractor)}, the fakes' would"
                f" be of {_short(self.extractor.identity)}",
                "prepare the real images anew",
                code="features.extractor",
            )
        return cast(K, real), self.features(fake, "fake", span=(start, 2 * HALF))


@dataclass(frozen=True)
class RealFeatures:
    """Features of the real images, and what a metric found among them."""

    values: np.ndarray  # float32 [N, D]
    extractor: str
    found: dict[str, np.ndarray] = field(default_factory=dict)


class RealFeaturesMetric(FeatureDistance[RealFeatures]):
    """A feature metric that keeps the features of all real images."""

    kept: ClassVar[type] = RealFeatures

    def among(self, features: np.ndarray) -> dict[str, np.ndarray]:
        """Return what is found among the features of the real images, by name."""
        raise NotImplementedError

    def keep(self, features: np.ndarray) -> RealFeatures:
        """Return the features, and what is found among them."""
        return RealFeatures(features, self.extractor.identity, self.among(features))

    def export(self, prepared: RealFeatures) -> dict[str, np.ndarray]:
        """Return the features as float32: 10 MB for 10,000 images of 256 features."""
        return {
            "features": prepared.values,
            **prepared.found,
            "extractor": to_bytes(prepared.extractor),
        }

    def restore(self, arrays: dict[str, np.ndarray]) -> RealFeatures:
        """Return what `prepare` returned."""
        found = {key: np.array(array) for key, array in arrays.items() if key not in OWN_ARRAYS}
        values = np.array(arrays["features"], np.float32)
        return RealFeatures(values, to_text(arrays["extractor"]), found)


def _short(identity: str) -> str:
    _, name, sha256, *_ = [*identity.split(":"), "", ""]
    return f"{name} {sha256[:8]}"


def to_bytes(text: str) -> np.ndarray:
    """Return a text as an array, for `export`."""
    return np.frombuffer(text.encode(), np.uint8).copy()


def to_text(array: np.ndarray) -> str:
    """Return the text that `to_bytes` made an array of."""
    return np.asarray(array, np.uint8).tobytes().decode()
