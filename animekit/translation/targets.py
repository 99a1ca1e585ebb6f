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
class Column:
    """One thing that every picture becomes, with a name for its folder.

    `labels` and `mask` are uint8 [L]; both are None for a direction, whose name is the target.
    """

    name: str
    words: str
    labels: np.ndarray | None = None
    mask: np.ndarray | None = None

    def target(self, source: np.ndarray | None) -> Any:
        """Return what `translate` takes for a picture that has labels float32 [L].

        What is not asked for stays as it was; where nobody knows how it was, it is left open.
        """
        if self.labels is None or self.mask is None:
            return self.name
        before = np.zeros(len(self.labels), np.float32) if source is None else source
        return torch.from_numpy(np.where(self.mask, self.labels, before).astype(np.float32))[None]


def columns_of(model: Translates, direction: str | None, attrs: Sequence[str]) -> list[Column]:
    """Return the columns that a command line asks for.

    Without a wish that is the first direction, or every value of every attribute. Raises UsageError
    and ConfigError for what the model does not know.
    """
    if model.directions:
        if attrs:
            raise UsageError(
                "this model translates directions, it has no attributes",
                f"--direction {' or '.join((*model.directions, BOTH))}",
            )
        return [Column(name, name) for name in _directions(model.directions, direction)]
    if direction is not None:
        raise UsageError("this model has attributes, no directions", "--attr NAME says what to do")
    return _attributes(model.spec, attrs)


def _directions(known: Sequence[str], wish: str | None) -> list[str]:
    if wish is None:
        return [known[0]]
    if wish == BOTH:
        if len(known) < 2:
            raise UsageError(
                f"these weights know one direction alone: {known[0]}", f"--direction {known[0]}"
            )
        return list(known)
    if wish not in known:
        raise UsageError(
            f'no direction "{wish}".{did_you_mean(wish, [*known, BOTH])}',
            f"directions: {' '.join((*known, BOTH) if len(known) > 1 else known)}",
        )
    return [wish]


def _attributes(spec: ImageSpec, attrs: Sequence[str]) -> list[Column]:
    vocabulary = Vocabulary(spec.labels, spec.groups)
    texts = list(attrs) or list(vocabulary.texts)
    found: dict[str, Column] = {}
    for text in texts:
        labels, mask = parse(text, vocabulary, where=f'--attr "{text}"')
        words = vocabulary.format(labels, mask)
        name = re.sub(r"\W+", "_", words).strip("_") or "column"
        if name in found and attrs:
            raise UsageError(f'--attr "{text}" is asked for twice', "ask for it once")
        found[name] = Column(name, words, labels, mask)
    return list(found.values())


class Source:
    """What pictures show before they are translated, as labels.

    A model that can `classify` images of its own size, as the critic of a StarGAN does, reads it;
    `known` is a text for what nobody reads, such as "male, young".
    """

    def __init__(self, model: Translates, known: str | None, device: torch.device) -> None:
        self.spec, self.device = model.spec, device
        self.read = getattr(model, "classify", None) if not model.directions else None
        self.said: tuple[np.ndarray, np.ndarray] | None = None
        if known is not None:
            if model.directions:
                raise UsageError("--known is for models with attributes", "leave it out")
            self.said = parse(
                known, Vocabulary(model.spec.labels, model.spec.groups), where="--known"
            )

    def labels(self, picture: np.ndarray) -> np.ndarray | None:
        """Return labels float32 [L] of a picture uint8 [H, W, 3], None if unknown."""
        if self.read is None and self.said is None:
            return None
        found = np.zeros(len(self.spec.labels), np.float32)
        if self.read is not None:
            images = to_float(torch.from_numpy(resize(picture, self.spec.size)[None]))
            with torch.inference_mode():
                found = decided(self.read(images.to(self.device))[0].float().cpu(), self.spec)
        if self.said is not None:
            found = np.where(self.said[1], self.said[0], found).astype(np.float32)
        return found


def decided(logits: Tensor, spec: ImageSpec) -> np.ndarray:
    """Return labels float32 [L] of logits [L], a value of each attribute.

    >>> spec = ImageSpec(8, labels=("red", "blue", "hat"), groups=(2, 1))
    >>> decided(torch.tensor([1.0, 2.0, -1.0]), spec).tolist()
    [0.0, 1.0, 0.0]
    """
    labels = np.zeros(len(spec.labels), np.float32)
    start = 0
    for width in spec.groups:
        part = logits[start : start + width]
        if width == 1:
            labels[start] = float(part[0] > 0)
        else:
            labels[start + int(part.argmax())] = 1.0
        start += width
    return labels
