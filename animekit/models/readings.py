"""Reading which labels pictures show, many at a time, by whoever knows them best."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from animekit.data.spec import ImageSpec
from animekit.images.pixels import to_float
from animekit.labels.tags import NAMES
from animekit.labels.vocabulary import Vocabulary
from animekit.models import tagger
from animekit.models.sampling import device_of
from animekit.plugins import Registry

BATCH = 64  # images that pass through a network at once


@dataclass(frozen=True)
class LabelReading:
    """What was read in images: labels uint8 [N, L], and what else, by name [N].

    A value that the model has no label for leaves zeros.
    """

    labels: np.ndarray
    others: dict[str, np.ndarray] = field(default_factory=dict)


@dataclass(frozen=True)
class BatchReader:
    """Who reads labels in images uint8 [N, S, S, 3], in words too."""

    words: str
    read: Callable[[np.ndarray], LabelReading]


def reader_of(
    model: object, spec: ImageSpec, registry: Registry, *, untrained: bool = False
) -> BatchReader | None:
    """Return who reads the labels of a model; None where nobody does.

    The bundled tagger reads hair and eyes: the model did not learn from it. For other labels the
    model itself is asked where it can `classify`, as the discriminator of a StarGAN can, unless it
    is `untrained` for that.
    """
    vocabulary = Vocabulary(spec.labels, spec.groups)
    names = [" ".join(words) for words in vocabulary.words]
    if spec.labels and set(names) <= set(NAMES) and tagger.missing() is None:
        return _tagger(names, registry)
    classify = None if untrained else getattr(model, "classify", None)
    if classify is None or not spec.labels:
        return None
    return BatchReader("the model's own discriminator", lambda images: _own(classify, images, spec))


def _tagger(names: list[str], registry: Registry) -> BatchReader:
    found = tagger.load(registry)
    columns = [NAMES.index(name) for name in names]
    asked = {name.split()[-1] for name in names}

    def read(images: np.ndarray) -> LabelReading:
        likely = found.read(np.ascontiguousarray(images.transpose(0, 3, 1, 2)))
        whole = np.zeros((len(images), len(NAMES)), np.uint8)
        first = 0
        for attribute, colours in tagger.ATTRIBUTES.items():
            whole[np.arange(len(images)), first + likely[attribute]] = 1
            first += len(colours)
        others = {name: places for name, places in likely.items() if name not in asked}
        return LabelReading(whole[:, columns], others)

    return BatchReader(f"the bundled {found.description}", read)


def _own(classify: Callable[[Tensor], Tensor], images: np.ndarray, spec: ImageSpec) -> LabelReading:
    labels = np.zeros((len(images), len(spec.labels)), np.uint8)
    owner = getattr(classify, "__self__", None)
    with torch.inference_mode():
        for rows in _parts(len(images)):
            pictures = to_float(torch.from_numpy(np.ascontiguousarray(images[rows])))
            logits = classify(pictures.to(device_of(owner))).float().cpu().numpy()
            for part in spec.parts():
                if part.stop - part.start == 1:
                    labels[rows, part.start] = logits[:, part.start] > 0
                else:
                    labels[rows, part.start + logits[:, part].argmax(1)] = 1
    return LabelReading(labels)


def _parts(count: int) -> Iterator[np.ndarray]:
    for start in range(0, count, BATCH):
        yield np.arange(start, min(start + BATCH, count))
