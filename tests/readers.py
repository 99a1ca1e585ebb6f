"""Classifiers that read what they are told, for tests of what is made of it."""

from __future__ import annotations

import numpy as np

from animekit.models.tagger import Classifier

WORDS = ("Smiling", "long hair", "short hair")


class ToldReader(Classifier):
    """A reader of a smile and of the length of hair, that sees what it was told."""

    def __init__(self, smiles: list[int], lengths: list[int]) -> None:
        super().__init__(None, WORDS, (1, 2))  # type: ignore[arg-type]
        object.__setattr__(self, "seen", {"smiling": smiles, "hair": lengths})

    @property
    def description(self) -> str:
        return "reader"

    def read(self, images: np.ndarray, progress: object = None) -> dict[str, np.ndarray]:
        return {name: np.array(values) for name, values in self.seen.items()}  # type: ignore[attr-defined]
