"""Reading attributes from images with the bundled tagger, or with another one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from animekit.errors import CheckpointError, NotFoundError
from animekit.labels.attributes import Attributes
from animekit.labels.tags import EYES, GROUPS, HAIR, NAMES
from animekit.labels.vocabulary import Vocabulary, parts
from animekit.models import weights
from animekit.models.abilities import Classifies
from animekit.models.features import Extractor, of_classifier, silent

if TYPE_CHECKING:
    from animekit.plugins import Registry

BUNDLED = "tagger"
YES_NO = [False, True]
ANSWERS = ("no", "yes")
ATTRIBUTES = {"hair": HAIR, "eyes": EYES}
"""What the bundled tagger reads."""


@dataclass(frozen=True)
class Classifier:
    """A model that reads attributes; equal images give equal numbers in any company.

    `labels` and `groups` are its own, hair and eye colours by default.
    """

    extractor: Extractor
    labels: tuple[str, ...] = NAMES
    groups: tuple[int, ...] = GROUPS

    @property
    def attributes(self) -> dict[str, tuple[str, ...]]:
        """The values of each attribute in words, "no" and "yes" of a yes or no."""
        if self.labels == NAMES:
            return dict(ATTRIBUTES)
        known = Attributes(Vocabulary(self.labels, self.groups))
        return {
            name: tuple(map(str, values)) if (values := known.values(name)) != YES_NO else ANSWERS
            for name in known.names
        }

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of what images may be asked to be; a yes or no has one for each."""
        found: list[str] = []
        for part in parts(self.groups):
            names = self.labels[part]
            found += names if len(names) > 1 else (f"no {names[0]}", names[0])
        return tuple(found)

    def split(self, labels: np.ndarray) -> dict[str, np.ndarray]:
        """Return labels [N, K] in the order of `columns` by attribute."""
        widths = np.cumsum([len(values) for values in self.attributes.values()])[:-1]
        return dict(zip(self.attributes, np.split(labels, widths, axis=1), strict=True))

    @property
    def description(self) -> str:
        """Which weights look at which size."""
        return self.extractor.description

    def read(
        self, images: np.ndarray, progress: Callable[[float], None] = silent
    ) -> dict[str, np.ndarray]:
        """Return each image's likeliest values: {"hair": int64 [N], "eyes": [N]}.

        Images are uint8 [N, 3, H, W]; numbers are places in the values of `attributes`.
        """
        return {name: logits.argmax(1) for name, logits in self._logits(images, progress).items()}

    def probabilities(self, images: np.ndarray) -> dict[str, np.ndarray]:
        """Return how likely each value is: {"hair": float32 [N, 12], "eyes": [N, 11]}."""
        found = {}
        for name, logits in self._logits(images, silent).items():
            powers = np.exp(logits - logits.max(1, keepdims=True))
            found[name] = powers / powers.sum(1, keepdims=True)
        return found

    def _logits(
        self, images: np.ndarray, progress: Callable[[float], None]
    ) -> dict[str, np.ndarray]:
        logits = self.extractor.logits(images, progress)
        found = []
        for part in parts(self.groups):
            own = logits[:, part]
            found.append(own if own.shape[1] > 1 else np.pad(own, ((0, 0), (1, 0))))  # no is 0
        return dict(zip(self.attributes, found, strict=True))


def missing(where: str = BUNDLED) -> NotFoundError | None:
    """Return the error that there is no such classifier, None if there is one."""
    if where in weights.bundled() or Path(where).is_file():
        return None
    return NotFoundError(
        f'no classifier "{where}"',
        "train one: animekit train tagger --data DIR --tags FILE, then give its weights",
        code="weights.missing",
    )


def load(registry: Registry, where: str = BUNDLED, *, any_labels: bool = False) -> Classifier:
    """Return the classifier in a weights file or of a bundled name.

    Raises NotFoundError where there is none, and CheckpointError where a file is of a model that
    reads no labels, or others than hair and eye colours unless `any_labels` are wanted.
    """
    absent = missing(where)
    if absent is not None:
        raise absent
    path = weights.bundled().get(where) or Path(where)
    tensors, about, sha256 = weights.read(path)
    model = weights.build(about, tensors, registry, path)
    return of_model(model, path.stem, sha256, any_labels=any_labels)


def of_model(model: object, name: str, sha256: str, *, any_labels: bool = False) -> Classifier:
    """Return a model that classifies as a classifier; raises as `load`."""
    labels = model.spec.labels if isinstance(model, Classifies) else ()
    if not isinstance(model, Classifies) or not (labels if any_labels else labels == NAMES):
        raise CheckpointError(
            f"{name} reads no {'labels' if any_labels else 'hair and eye colours'}",
            "animekit train tagger makes one that does",
        )
    return Classifier(of_classifier(model, name, sha256), labels, model.spec.groups)
