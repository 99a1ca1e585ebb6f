"""Jury: who counts faces here, as the course's loop does and image by image, and reads colours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from animekit.cleaning.cascade import (
    NEIGHBOURS,
    SCALE,
    SMALLEST,
    Cascade,
    equalised,
    find_cascade,
)
from animekit.cleaning.detector import Detector, boxes_of
from animekit.errors import AnimekitError, NotFoundError
from animekit.labels.lines import Prompt, PromptFile, parse_prompts
from animekit.labels.vocabulary import COURSE, Vocabulary
from animekit.models import tagger
from animekit.models.tagger import Classifier
from animekit.plugins import Registry
from animekit.runs.classifier import load_classifier

DETECTOR = "own"
SETTING = f"grey, equalised, scale {SCALE}, neighbours {NEIGHBOURS}, smallest {SMALLEST} px"
NO_BOXES = np.zeros((0, 4), int)


@dataclass(frozen=True)
class Jury:
    """A cascade for whole pictures, a detector for images, a tagger for prompts.

    `notes` say what is missing or is not the course's; without a cascade the detector decides.
    """

    registry: Registry
    cascade: Cascade | None
    detector: Detector | None
    prompts: Sequence[Prompt] = ()
    classifier: Classifier | None = None
    notes: list[str] = field(default_factory=list)

    @property
    def decides(self) -> str:
        """Whose number the gate looks at: "cascade" or "detector"."""
        return "detector" if self.cascade is None else "cascade"

    def words(self) -> str:
        """Say who counts, and how."""
        if self.cascade is not None:
            return f"{self.cascade.path.name} on the whole picture ({SETTING})"
        return f"detector {self._name()} on each image"

    def facts(self) -> dict[str, Any]:
        """Return who counts, as plain values."""
        cascade = self.cascade
        return {
            "decides": self.decides,
            "cascade": None if cascade is None else cascade.path.name,
            "backend": None if cascade is None else cascade.backend,
            "setting": None if cascade is None else SETTING,
            "detector": self._name() or None,
        }

    def _name(self) -> str:
        return "" if self.detector is None else str(self.detector.name)

    def by_cascade(self, image: np.ndarray) -> np.ndarray | None:
        """Return the boxes [N, 4] that the course's loop finds; None without it."""
        return None if self.cascade is None else self.cascade.detect(equalised(image))

    def by_detector(self, image: np.ndarray) -> np.ndarray:
        """Return the boxes [N, 4] that the detector finds in uint8 RGB."""
        if self.detector is None:
            return NO_BOXES
        return boxes_of(self.detector, np.ascontiguousarray(image))[:, :4].round().astype(int)


def find_jury(
    registry: Registry,
    *,
    cascade: Path | str | None = None,
    detector: str | None = None,
    prompts: Path | PromptFile | Sequence[str] | None = None,
    classifier: str | None = None,
) -> Jury:
    """Return who can judge here.

    Prompts are in the words of the classifier, those of the course without one. Raises the error of
    what was named and is not there, and that of prompts that cannot be read; NotFoundError where
    neither a cascade nor a detector is.
    """
    notes: list[str] = []
    counting, absent = None, None
    try:
        counting = Cascade(find_cascade(cascade))
    except AnimekitError as error:
        if cascade is not None or not isinstance(error, NotFoundError):
            raise
        absent = error
    judge = _detector(registry, detector)
    if counting is None and absent is not None:
        if judge is None:
            raise absent
        notes.append(
            f"{absent.message}: detector {judge.name} decides, one image at a time; the course's is"
            " had by: animekit models pull lbpcascade_animeface"
        )
    elif counting is not None and counting.note:
        notes.append(counting.note)
    reader, vocabulary = None, COURSE
    if classifier is not None:
        reader = load_classifier(registry, classifier)
        vocabulary = Vocabulary(reader.labels, reader.groups)
    asked = () if prompts is None else parse_prompts(prompts, vocabulary)
    if asked and reader is None:
        if (lacking := tagger.missing()) is not None:
            notes.append(f"{lacking.message}: nobody reads the prompts")
        else:
            reader = tagger.load(registry)
    return Jury(registry, counting, judge, asked, reader, notes)


def _detector(registry: Registry, name: str | None) -> Detector | None:
    try:
        found: Detector = registry.get("detector", name or DETECTOR)()
        missing = found.missing()
    except AnimekitError as error:
        missing = error
    if missing is None:
        return found
    if name is not None:
        raise missing
    return None
