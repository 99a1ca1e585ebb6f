"""Reading hair and eye colours from images with the bundled tagger, or with another one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from animekit.errors import CheckpointError, NotFoundError
from animekit.labels.tags import EYES, HAIR, NAMES
from animekit.models import weights
from animekit.models.abilities import Classifies
from animekit.models.features import Extractor, of_classifier, silent

if TYPE_CHECKING:
    from animekit.plugins import Registry

BUNDLED = "tagger"
ATTRIBUTES = {"hair": HAIR, "eyes": EYES}


@dataclass(frozen=True)
class Classifier:
    """A model that reads colours; equal images give equal numbers in any company."""

    extractor: Extractor

    @property
    def description(self) -> str:
        """Which weights look at which size."""
        return self.extractor.description

    def read(
        self, images: np.ndarray, progress: Callable[[float], None] = silent
    ) -> dict[str, np.ndarray]:
        """Return each image's likeliest colours: {"hair": int64 [N], "eyes": [N]}.

        Images are uint8 [N, 3, H, W]; numbers are places in `tags.HAIR` and `tags.EYES`.
        """
        return {name: logits.argmax(1) for name, logits in self._logits(images, progress).items()}

    def probabilities(self, images: np.ndarray) -> dict[str, np.ndarray]:
        """Return how likely each colour is: {"hair": float32 [N, 12], "eyes": [N, 11]}."""
        found = {}
        for name, logits in self._logits(images, silent).items():
            powers = np.exp(logits - logits.max(1, keepdims=True))
            found[name] = powers / powers.sum(1, keepdims=True)
        return found

    def _logits(
        self, images: np.ndarray, progress: Callable[[float], None]
    ) -> dict[str, np.ndarray]:
        logits = self.extractor.logits(images, progress)
        return dict(zip(ATTRIBUTES, np.split(logits, [len(HAIR)], axis=1), strict=True))


def missing(where: str = BUNDLED) -> NotFoundError | None:
    """Return the error that there is no such classifier, None if there is one."""
    if where in weights.bundled() or Path(where).is_file():
        return None
    return NotFoundError(
        f'no classifier "{where}"',
        "train one: animekit train tagger --data DIR --tags FILE, then give its weights",
        code="weights.missing",
    )


def load(registry: Registry, where: str = BUNDLED) -> Classifier:
    """Return the classifier in a weights file or of a bundled name.

    Raises NotFoundError where there is none, and CheckpointError where a file is of a model that
    reads no hair and eye colours.
    """
    absent = missing(where)
    if absent is not None:
        raise absent
    path = weights.bundled().get(where) or Path(where)
    tensors, about, sha256 = weights.read(path)
    model = weights.build(about, tensors, registry, path)
    if not isinstance(model, Classifies) or model.spec.labels != NAMES:
        raise CheckpointError(
            f"{path} reads no hair and eye colours", "animekit train tagger makes one that does"
        )

    return Classifier(of_classifier(model, path.stem, sha256))
