"""Targets: what pictures are to become, directions of a model or attributes of its labels."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from animekit.data.spec import ImageSpec
from animekit.errors import UsageError
from animekit.images.pixels import resize, to_float
from animekit.labels.prompt import parse
from animekit.labels.vocabulary import Vocabulary
from animekit.models.abilities import Translates
from animekit.text import did_you_mean

BOTH = "both"


@dataclass(frozen=True)
class Target:
    """One thing that every picture becomes, with a name for its folder.

    `labels` and `mask` are uint8 [L]; both are None for a direction, whose name is the target.
    """

    name: str
    words: str
    labels: np.ndarray | None = None
    mask: np.ndarray | None = None

    def argument(self, labels: np.ndarray | None) -> Any:
        """Return what `translate` takes for a picture that has labels float32 [L].

        What is not asked for stays as it was; where nobody knows how it was, it is left open.
        """
        if self.labels is None or self.mask is None:
            return self.name
        before = np.zeros(len(self.labels), np.float32) if labels is None else labels
        return torch.from_numpy(np.where(self.mask, self.labels, before).astype(np.float32))[None]


def targets_of(model: Translates, direction: str | None, attrs: Sequence[str]) -> list[Target]:
    """Return the targets that a direction or attributes name.

    Without either that is the first direction, or every value of every attribute. Raises UsageError
    and ConfigError for what the model does not know.
    """
    if model.directions:
        if attrs:
            raise UsageError(
                "this model translates directions, it has no attributes",
                f"--direction {' or '.join((*model.directions, BOTH))}",
            )
        return [Target(name, name) for name in _directions(model.directions, direction)]
    if direction is not None:
        raise UsageError("this model has attributes, no directions", "--attr NAME says what to do")
    return _attributes(model.spec, attrs)


def _directions(known: Sequence[str], asked: str | None) -> list[str]:
    if asked is None:
        return [known[0]]
    if asked == BOTH:
        if len(known) < 2:
            raise UsageError(
                f"these weights know one direction alone: {known[0]}", f"--direction {known[0]}"
            )
        return list(known)
    if asked not in known:
        raise UsageError(
            f'no direction "{asked}".{did_you_mean(asked, [*known, BOTH])}',
            f"directions: {' '.join((*known, BOTH) if len(known) > 1 else known)}",
        )
    return [asked]


def _attributes(spec: ImageSpec, attrs: Sequence[str]) -> list[Target]:
    vocabulary = Vocabulary(spec.labels, spec.groups)
    texts = list(attrs) or list(vocabulary.texts)
    found: dict[str, Target] = {}
    for text in texts:
        labels, mask = parse(text, vocabulary, where=f'--attr "{text}"')
        words = vocabulary.format(labels, mask)
        name = re.sub(r"\W+", "_", words).strip("_") or "column"
        if name in found and attrs:
            raise UsageError(f'--attr "{text}" is asked for twice', "ask for it once")
        found[name] = Target(name, words, labels, mask)
    return list(found.values())


class LabelReader:
    """Tells which labels pictures have before they are translated.

    A model that can `classify` images of its own size, as the critic of a StarGAN does, reads them;
    `source_attr` is a text for what all pictures have, such as "male, young".
    """

    def __init__(self, model: Translates, source_attr: str | None, device: torch.device) -> None:
        self.spec, self.device = model.spec, device
        self.classify = getattr(model, "classify", None) if not model.directions else None
        self.given: tuple[np.ndarray, np.ndarray] | None = None
        if source_attr is not None:
            if model.directions:
                raise UsageError("--source-attr is for models with attributes", "leave it out")
            vocabulary = Vocabulary(model.spec.labels, model.spec.groups)
            self.given = parse(source_attr, vocabulary, where="--source-attr")

    def labels(self, picture: np.ndarray) -> np.ndarray | None:
        """Return labels float32 [L] of a picture uint8 [H, W, 3], None if unknown."""
        if self.classify is None and self.given is None:
            return None
        found = np.zeros(len(self.spec.labels), np.float32)  # [L]
        if self.classify is not None:
            images = to_float(
                torch.from_numpy(resize(picture, self.spec.size)[None])
            )  # [1, 3, S, S]
            with torch.inference_mode():
                found = decided(self.classify(images.to(self.device))[0].float().cpu(), self.spec)
        if self.given is not None:
            found = np.where(self.given[1], self.given[0], found).astype(np.float32)
        return found


def decided(logits: Tensor, spec: ImageSpec) -> np.ndarray:
    """Return labels float32 [L] of logits [L], a value of each attribute.

    >>> spec = ImageSpec(8, labels=("red", "blue", "hat"), groups=(2, 1))
    >>> decided(torch.tensor([1.0, 2.0, -1.0]), spec).tolist()
    [0.0, 1.0, 0.0]
    """
    labels = np.zeros(len(spec.labels), np.float32)
    for part in spec.parts():
        values = logits[part]  # [width of the attribute]
        if len(values) == 1:
            labels[part] = float(values[0] > 0)
        else:
            labels[part.start + int(values.argmax())] = 1.0
    return labels
