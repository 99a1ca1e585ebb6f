"""Labelling: what a tagger reads in pictures that nobody has tagged, as a file of labels."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from animekit import device as devices
from animekit import plugins
from animekit.data.dataset import Dataset
from animekit.data.joined import open_dataset
from animekit.data.pack import pack
from animekit.data.places import Data, joined, places_of
from animekit.errors import UsageError
from animekit.labelling.result import FoundLabels, refuse_place
from animekit.labels.sources import TAG_FILE
from animekit.labels.vocabulary import Vocabulary
from animekit.labels.written import header_of
from animekit.models.tagger import BUNDLED, Classifier
from animekit.runs.classifier import load_classifier
from animekit.text import Printed

if TYPE_CHECKING:
    from animekit.plugins import Registry

Told = Callable[[str, float], None]
"""Told what goes on, and the share of it that is done."""
SURE = 0.6
BLOCK = 1024  # pictures that are in memory at a time


@dataclass(frozen=True)
class ReadingPlan(Printed):
    """What would be read: the pictures, by whom, and where the labels go by default.

    `place` is None where a file has to be named: `why` says for which reason.
    """

    dataset: Dataset
    classifier: Classifier
    sure: float
    place: Path | None
    why: str = ""

    @property
    def vocabulary(self) -> Vocabulary:
        """The labels that are looked for."""
        return Vocabulary(self.classifier.labels, self.classifier.groups)

    @property
    def text(self) -> str:
        """What would be done, in words."""
        count, asked = len(self.dataset), ", ".join(self.classifier.attributes)
        pictures = f"{count:,} picture{'s' * (count != 1)}"
        by, _, _ = self.classifier.description.partition(",")
        return f"{pictures} for {asked}, by {by}, and keep what is {self.sure:g} sure"

    def as_table(self) -> list[Sequence[str]]:
        """Return what would be read, and where the labels would go."""
        return [("would read", self.text), ("into", str(self.place or f"out= ({self.why})"))]

    def out(self, out: Path | str | None, *, overwrite: bool = False) -> Path:
        """Return where the labels go; UsageError where nobody says it.

        Raises UnusableError where something is there that they would surely not be.
        """
        if out is None and self.place is None:
            raise UsageError(self.why, "name a file: --out tags.csv")
        path = Path(out) if out is not None else self.place
        assert path is not None
        refuse_place(path, header_of(self.vocabulary), overwrite=overwrite)
        return path


def label(
    data: Data,
    out: Path | str | None = None,
    *,
    classifier: str = BUNDLED,
    sure: float = SURE,
    overwrite: bool = False,
    threads: int | None = None,
    registry: Registry | None = None,
    progress: Told | None = None,
) -> FoundLabels:
    """Read labels in pictures with a tagger, for those who have pictures alone.

    `classifier` is a bundled name, a weights file or a run of a model that reads labels. A value
    counts where its probability is at least `sure`; any other is unknown. Labels that the data
    have already play no part. `out` is written as a table that `tags=` reads; without it nothing
    is, until `save` is called. Pictures that cannot be read are left out (`skipped`).

    Raises UsageError for joined sets and for `sure` outside (0, 1], NotFoundError and DataError as
    `open_dataset`, UnusableError for a file that is there with other content, unless `overwrite`.
    """
    plan = plan_label(data, classifier=classifier, sure=sure, registry=registry)
    if out is not None:
        plan.out(out, overwrite=overwrite)
    with devices.threads(threads):
        found = read_plan(plan, progress)
    if out is not None:
        found.save(out, overwrite=overwrite)
    return found


def plan_label(
    data: Data,
    *,
    classifier: str = BUNDLED,
    sure: float = SURE,
    registry: Registry | None = None,
) -> ReadingPlan:
    """Return what `label` would read; raises as it."""
    if not 0 < sure <= 1:
        raise UsageError(f"a probability of {sure:g} is none", "use --sure above 0, up to 1")
    where = joined(data)
    places = places_of(where)
    if len(places) > 1:
        raise UsageError(
            f"{where} are {len(places)} sets, whose pictures may have one name",
            f"label each alone, {places[0].where} first; then join them: each reads its tags.csv",
        )
    registry = plugins.load() if registry is None else registry
    dataset = open_dataset(where, registry)
    if type(dataset).file_of is Dataset.file_of:
        raise UsageError(
            f"{where} has no files: what it draws has the labels that it drew by",
            "give a folder, a .zip, a .parquet or a .tar of pictures",
        )
    reader = load_classifier(registry, classifier)
    return ReadingPlan(dataset, reader, sure, *_place(dataset))


def read_plan(plan: ReadingPlan, progress: Told | None = None) -> FoundLabels:
    """Read the pictures of a plan: decoded once, into the store of packs."""

    def packing(done: int, total: int) -> None:
        if progress is not None:
            progress("packing", done / total)

    reader = plan.classifier
    packed = pack(plan.dataset, reader.extractor.size, progress=packing)
    labels = np.zeros((len(packed), len(reader.labels)), np.uint8)
    certainty = np.zeros((len(packed), len(reader.groups)), np.float32)
    parts = [*plan.vocabulary.attributes.values()]
    for rows in _blocks(len(packed)):
        images = np.asarray(packed.images[rows]).transpose(0, 3, 1, 2)
        for column, likely in enumerate(reader.probabilities(images).values()):
            best = likely.argmax(axis=1)
            certainty[rows, column] = likely.max(axis=1)
            own = labels[rows, parts[column]]
            if own.shape[1] == 1:  # no stands before yes
                own[:, 0] = best
            else:
                own[np.arange(len(best)), best] = 1
        if progress is not None:
            progress("reading", rows.stop / len(packed))
    return FoundLabels(
        data=plan.dataset.where,
        place=plan.place,
        pictures=tuple(packed.names),
        vocabulary=plan.vocabulary,
        labels=labels,
        certainty=certainty,
        sure=plan.sure,
        classifier=reader.description,
        skipped=tuple(packed.skipped),
    )


def _blocks(count: int) -> Iterator[slice]:
    return (slice(at, min(at + BLOCK, count)) for at in range(0, count, BLOCK))


def _place(dataset: Dataset) -> tuple[Path | None, str]:
    """Return where the labels go by default: tags.csv in a folder that has no labels yet."""
    folder = Path(dataset.where)
    if not (folder / dataset.name_of(0)).is_file():
        return None, f"{dataset.where} is no folder of pictures, where {TAG_FILE} could lie"
    place = folder / TAG_FILE
    if dataset.spec(1).labels and not place.exists():
        return None, f"{folder} has labels already, in whose place {TAG_FILE} would be read"
    return place, ""
