"""Targets: what pictures are to become, directions of a model or attributes of its labels."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from animekit.data.spec import ImageSpec
from animekit.errors import UsageError
from animekit.images.pixels import resize, to_float
from animekit.labels.prompt import parse
from animekit.labels.tags import NAMES
from animekit.labels.vocabulary import Vocabulary
from animekit.models import tagger
from animekit.models.abilities import Translates
from animekit.models.tagger import Classifier
from animekit.text import did_you_mean

if TYPE_CHECKING:
    from animekit.plugins import Registry

BOTH = "both"
CELEBA = ("black hair", "blonde hair", "brown hair", "male", "young")
"""What the published StarGAN for CelebA knows, by its words and in its order."""
CELEBA_COLUMNS = ("black hair", "blonde hair", "brown hair", "female", "old")
"""What it is asked for where nobody says it, as its authors' figures have it."""
OPPOSITES = {"female": "male", "feminine": "male", "old": "young", "aged": "young"}


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
    known = tuple(" ".join(words) for words in vocabulary.words)
    texts = list(attrs) or list(CELEBA_COLUMNS if known == CELEBA else vocabulary.texts)
    found: dict[str, Target] = {}
    for text in texts:
        plain = " ".join(text.lower().split())
        opposite = OPPOSITES.get(plain) if plain not in known else None
        asked = f"-{opposite}" if opposite in known else text
        labels, mask = parse(asked, vocabulary, where=f'--attr "{text}"')
        words = plain if opposite in known else vocabulary.format(labels, mask)
        mask = vocabulary.closed(labels, mask)
        name = re.sub(r"\W+", "_", words).strip("_") or "column"
        if name in found and attrs:
            raise UsageError(f'--attr "{text}" is asked for twice', "ask for it once")
        found[name] = Target(name, words, labels, mask)
    return list(found.values())


class LabelReader:
    """Tells which labels pictures have before they are translated.

    A model that can `classify` images of its own size, as the discriminator of a StarGAN does,
    reads them itself, unless it is `untrained` for that: weights of a generator alone. Else the
    tagger reads hair and eyes, where `targets` leave some of them open. `source_attr` is a text for
    what all pictures have, such as "male, young"; `usual` are labels that they have where nobody
    knows better.
    """

    def __init__(
        self,
        model: Translates,
        source_attr: str | None,
        targets: Sequence[Target] = (),
        *,
        registry: Registry | None = None,
        untrained: bool = False,
        usual: Sequence[str] = (),
    ) -> None:
        self.model, self.spec = model, model.spec
        self.vocabulary = Vocabulary(model.spec.labels, model.spec.groups)
        self.classify: Callable[[Tensor], Tensor] | None = None
        self.tagger: Classifier | None = None
        self.given = self._said(source_attr)
        self.open = self._open(targets)  # places of labels that no word says, in order
        if not model.directions and not untrained:
            self.classify = getattr(model, "classify", None)
        likely = [" ".join(words) in usual for words in self.vocabulary.words]
        self.usual = np.array(likely, np.float32)  # [L]
        hair_and_eyes = {" ".join(words) for words in self.vocabulary.words} <= set(NAMES)
        if self.open and not self.classify and hair_and_eyes and tagger.missing() is None:
            assert registry is not None
            self.tagger = tagger.load(registry)

    @property
    def assumed(self) -> list[str]:
        """What nobody said and the model is told: ["no male", "hair unknown"]."""
        if self.classify is not None or self.tagger is not None:
            return []
        found = []
        for name, part in self.vocabulary.attributes.items():
            if part.start in self.open:
                single = part.stop - part.start == 1
                likely = bool(self.usual[part.start])
                word = name if likely else f"no {name}"
                found.append(word if single else f"{name} unknown")
        return found

    def labels(self, picture: np.ndarray) -> np.ndarray | None:
        """Return labels float32 [L] of a picture uint8 [H, W, 3], None if unknown."""
        unread = self.classify is None and self.tagger is None
        if unread and self.given is None and not self.usual.any():
            return None
        found = self.usual if unread else np.zeros(len(self.spec.labels), np.float32)  # [L]
        if self.classify is not None:
            small = resize(picture, self.spec.size)[None]
            images = to_float(torch.from_numpy(small))  # [1, 3, S, S]
            with torch.inference_mode():
                logits = self.classify(images.to(_device_of(self.model)))[0].float().cpu()
            found = decided(logits, self.spec)
        elif self.tagger is not None:
            found = decided(self._tagged(picture), self.spec)
        if self.given is not None:
            found = np.where(self.given[1], self.given[0], found).astype(np.float32)
        return found

    def _tagged(self, picture: np.ndarray) -> Tensor:
        """Return how far each colour of hair and eyes is over one half, float32 [L]."""
        assert self.tagger is not None
        square = resize(picture, max(self.spec.size, min(picture.shape[:2])))
        likely = self.tagger.probabilities(square.transpose(2, 0, 1)[None])  # of [1, 3, S, S]
        known = dict(
            zip(NAMES, np.concatenate([likely["hair"][0], likely["eyes"][0]]), strict=True)
        )
        words = (" ".join(each) for each in self.vocabulary.words)
        return torch.tensor([float(known[each]) - 0.5 for each in words])

    def _said(self, source_attr: str | None) -> tuple[np.ndarray, np.ndarray] | None:
        if source_attr is None:
            return None
        if self.model.directions:
            raise UsageError("--source-attr is for models with attributes", "leave it out")
        labels, mask = parse(source_attr, self.vocabulary, where="--source-attr")
        return labels, self.vocabulary.closed(labels, mask)

    def _open(self, targets: Sequence[Target]) -> list[int]:
        said = np.zeros(len(self.spec.labels)) if self.given is None else self.given[1]
        masks = [np.maximum(said, each.mask) for each in targets if each.mask is not None]
        return np.flatnonzero(np.min(masks, axis=0) == 0).tolist() if masks else []


def _device_of(model: object) -> torch.device:
    assert isinstance(model, torch.nn.Module)
    weight = next(model.parameters(), None)
    return torch.device("cpu") if weight is None else weight.device


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
