"""A vocabulary as pictures of faces have it, for the tests of labels."""

from __future__ import annotations

import numpy as np

from animekit.labels.prompt import parse
from animekit.labels.vocabulary import Vocabulary

FACE = Vocabulary(
    (
        *("red hair", "blue hair", "blonde hair"),
        *("short hair", "very long hair", "long hair", "twintails"),
        *("green eyes", "blue eyes"),
        *("Smile", "open_mouth", "No_Beard", "Black_Hair", "5_o_Clock_Shadow", "Wearing_Hat"),
    ),
    (3, 4, 2, 1, 1, 1, 1, 1, 1),
)
"""Values that share their last word across attributes, and yes or no as CelebA names them."""


def said(text: str, vocabulary: Vocabulary = FACE) -> tuple[set[str], set[str]]:
    """The labels that a text sets, and the names of the attributes that it speaks of."""
    labels, mask = parse(text, vocabulary)
    assert labels.dtype == mask.dtype == np.uint8
    known = {name for name, columns in vocabulary.attributes.items() if mask[columns].all()}
    assert sum(mask) == sum(
        mask[columns].sum() for columns in map(vocabulary.attributes.get, known)
    )
    return {vocabulary.labels[place] for place in np.flatnonzero(labels)}, known
