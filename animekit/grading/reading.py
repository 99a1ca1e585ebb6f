"""Reading: what the tagger sees, hair and eyes mostly, beside what each prompt asked for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import starmap
from typing import Any

import numpy as np

from animekit.evaluation.image_set import LabelTable
from animekit.images.pixels import resize
from animekit.labels.lines import Prompt
from animekit.models.tagger import Classifier

SIDE = 64  # px that the tagger sees


@dataclass(frozen=True)
class PromptRow:
    """A prompt, its images by their numbers from 1, and what was read of each.

    `right` holds for each attribute that was asked for how many images have it.
    """

    id: str
    text: str
    cells: tuple[int, ...]
    read: tuple[dict[str, str], ...]
    right: dict[str, int]

    def words(self) -> str:
        """Say how many images are right, attribute by attribute.

        >>> PromptRow("1", "blue hair", (1, 2), (), {"hair": 2}).words()
        'hair 2 of 2'
        """
        return ", ".join(
            f"{name} {count} of {len(self.cells)}" for name, count in self.right.items()
        )

    def seen(self) -> str:
        """Return what was read and how often, as in "blue hair red eyes (4), ..."."""
        words = (" ".join(starmap(_said, one.items())) for one in self.read)
        return ", ".join(f"{text} ({count})" for text, count in Counter(words).most_common())

    def facts(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {
            "id": self.id,
            "text": self.text,
            "cells": list(self.cells),
            "read": [dict(each) for each in self.read],
            "right": dict(self.right),
        }


@dataclass(frozen=True)
class PromptReading:
    """What was read of all prompts, and by whom."""

    rows: tuple[PromptRow, ...]
    by: str

    def shares(self) -> dict[str, tuple[int, int]]:
        """Return for each attribute how many images have it, and were asked for it."""
        found: dict[str, tuple[int, int]] = {}
        for row in self.rows:
            for name, count in row.right.items():
                before = found.get(name, (0, 0))
                found[name] = before[0] + count, before[1] + len(row.cells)
        return found

    def words(self) -> str:
        """Say how often the images have what was asked."""
        parts = [f"{name} {right} of {asked}" for name, (right, asked) in self.shares().items()]
        return f"as asked: {', '.join(parts)}"

    def facts(self) -> dict[str, Any]:
        """Return it as plain values."""
        shares = self.shares().items()
        return {
            "by": self.by,
            "right": {name: right for name, (right, _) in shares},
            "asked": {name: asked for name, (_, asked) in shares},
            "rows": [row.facts() for row in self.rows],
        }


def _said(name: str, value: str) -> str:
    """Return what was read of an attribute in words.

    >>> _said("hair", "blue"), _said("smile", "yes"), _said("smile", "no")
    ('blue hair', 'smile', 'no smile')
    """
    return {"yes": name, "no": f"no {name}"}.get(value, f"{value} {name}")


def read_prompts_of(
    cells: Sequence[np.ndarray], prompts: Sequence[Prompt], classifier: Classifier
) -> PromptReading:
    """Read images uint8 [H, W, 3] of prompts: as many each as fill them, or one.

    There must be at least as many images as prompts, whose labels are those of the classifier. An
    image that was asked for two colours is right with either.
    """
    known = classifier.attributes
    each = len(cells) // len(prompts) if len(cells) % len(prompts) == 0 else 1
    images = np.stack([resize(cell, SIDE) for cell in cells]).transpose(0, 3, 1, 2)
    read = classifier.read(np.ascontiguousarray(images))
    rows = []
    for index, prompt in enumerate(prompts):
        places = range(index * each, (index + 1) * each)
        table = LabelTable(classifier.labels, prompt.labels[None], prompt.mask[None])
        asked = table.columns(classifier.columns)
        wanted = {} if asked is None else classifier.split(asked)
        rows.append(
            PromptRow(
                prompt.id,
                prompt.text,
                tuple(place + 1 for place in places),
                tuple({name: known[name][read[name][place]] for name in known} for place in places),
                {
                    name: sum(int(labels[0, read[name][place]] > 0) for place in places)
                    for name, labels in wanted.items()
                    if labels.any()
                },
            )
        )
    return PromptReading(tuple(rows), classifier.description)
