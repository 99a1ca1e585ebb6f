"""Pictures that a translator is tested on: what it is given, and what that should become."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from animekit.data.joined import open_dataset
from animekit.data.pack import Pack, pack
from animekit.data.unpaired import find_domains, find_tests
from animekit.errors import NotFoundError, UnusableError, UsageError
from animekit.evaluation import held_out
from animekit.evaluation.image_set import Oddity
from animekit.evaluation.request import EvaluateRequest
from animekit.files import Progress
from animekit.labels.vocabulary import Vocabulary
from animekit.models.abilities import Translates
from animekit.models.readings import BatchReader
from animekit.models.targets import Target
from animekit.plugins import Registry
from animekit.runs.options import options_of
from animekit.runs.run import Loaded
from animekit.seeds import derive_seed

MOST = 500  # pictures of each side where nobody says how many; with labels, of each target:
MOST_OF_LABELS = 200


@dataclass(frozen=True)
class TargetPictures:
    """What is translated to one target, and real pictures that are of it.

    Both are uint8 [N, S, S, 3]; `before` and `own` are their labels float32 [N, L], None for a
    direction.
    """

    target: Target
    sources: np.ndarray
    targets: np.ndarray
    names: list[str]
    before: np.ndarray | None = None
    own: np.ndarray | None = None

    @property
    def lack(self) -> str:
        """Why there are no numbers, where pictures of one kind are missing; else ""."""
        for words, each in (("not", self.sources), ("already", self.targets)):
            if not len(each):
                return f"no picture is {words} of {self.target.words}"
        return ""

    def arguments(self, labels: np.ndarray | None) -> Any:
        """Return what `translate` takes for pictures of labels [N, L]."""
        wanted, mask = self.target.labels, self.target.mask
        if wanted is None or mask is None:
            return self.target.name
        assert labels is not None
        return np.where(mask, wanted, labels).astype(np.float32)


@dataclass(frozen=True)
class TranslatorData:
    """The pictures of all targets, where they are from, and what is odd about them."""

    words: str
    facts: dict[str, Any]
    pictures: list[TargetPictures]
    oddities: tuple[Oddity, ...] = ()


def find_places(loaded: Loaded, data: str | Path | None) -> tuple[str, ...]:
    """Return where the test pictures are: two places for directions, one for labels.

    Without `data` those of the run, or of a folder that is called as the data that weights were
    trained on; of a folder with testA and testB these. Raises NotFoundError that says what to type.
    """
    model = loaded.model
    assert isinstance(model, Translates)
    where = str(data) if data is not None else _own(loaded)
    if not model.directions:
        return (where,)
    return find_tests(where) or find_domains(where)


def _own(loaded: Loaded) -> str:
    about = (loaded.config or {}).get("data", {})
    name = str(about.get("name") or "")
    looked = [options_of(loaded.run).get("data"), name, f"data/{name}" if name else None]
    found = [each for each in looked if each]
    for where in found:
        if Path(where).exists() or ":" in where or "," in where:
            return where
    directions = bool(getattr(loaded.model, "directions", ()))
    what = (
        "two sets of real pictures, A,B or a folder with testA and testB"
        if directions
        else ("a folder of real pictures, with labels if there are any")
    )
    trained = f", and what it was trained on ({' '.join(found)}) is not here" if found else ""
    raise NotFoundError(
        f"nothing says what to measure {loaded.name} on: it takes {what}{trained}",
        f"animekit evaluate {loaded.name} --data {'A,B' if directions else 'DIR'}",
        code="data.not_found",
    )


def open_directions(
    places: Sequence[str],
    targets: Sequence[Target],
    size: int,
    request: EvaluateRequest,
    registry: Registry,
    progress: Progress | None = None,
) -> TranslatorData:
    """Return the pictures of two sets for each direction."""
    packs = [pack(open_dataset(each, registry), size, progress=progress) for each in places]
    for place, each in zip(places, packs, strict=True):
        if each.spec.channels != 3:
            raise UnusableError(f"{place} has no colour pictures", "name other sets")
    found = []
    for target in targets:
        first, second = packs if target.name == "a2b" else packs[::-1]
        rows, others = (_chosen(len(each), request, MOST) for each in (first, second))
        names = first.names
        found.append(
            TargetPictures(
                target,
                np.asarray(first.images)[rows],
                np.asarray(second.images)[others],
                [names[row] for row in rows],
            )
        )
    facts = {
        "kind": "images",
        "name": ", ".join(places),
        "fingerprint": ",".join(each.fingerprint for each in packs),
        "n": [len(each) for each in packs],
        "size": size,
    }
    words = " and ".join(
        f"{len(each):,} in {place}" for each, place in zip(packs, places, strict=True)
    )
    odd = [odd for place, each in zip(places, packs, strict=True) for odd in _odd(place, each)]
    return TranslatorData(words, facts, found, tuple(odd))


def _odd(place: str, packed: Pack) -> list[Oddity]:
    odd = [Oddity("data.repacked", note) for note in packed.notes]
    if packed.skipped:
        words = f"{place}: {len(packed.skipped):,} files could not be read"
        odd.append(Oddity("data.skipped", words))
    return odd


def open_labels(
    loaded: Loaded,
    where: str,
    targets: Sequence[Target],
    reader: BatchReader | None,
    request: EvaluateRequest,
    registry: Registry,
    progress: Progress | None = None,
) -> TranslatorData:
    """Return for each target pictures that are not of it, and those that are.

    What they are is known from labels; where there are none the reader says it. Raises
    UnusableError where nobody can.
    """
    shown = held_out.find(loaded, where, registry, tags=request.tags, progress=progress)
    spec = loaded.model.spec
    labels, mask, source = _labels(shown, loaded)
    odd = [Oddity("data.repacked", note) for note in shown.notes]
    if shown.part == "trained on":
        words = f"{shown.where}: these pictures were trained on, so numbers may be too good"
        odd.append(Oddity("data.trained", words))
    if not mask.any():
        if reader is None:
            raise UnusableError(
                f"nobody knows what the pictures in {where} are of {' '.join(spec.labels[:5])}",
                "give their labels (--tags FILE)",
                code="data.labels",
            )
        labels, source = reader.read(shown.images).labels, reader.words
        mask = np.ones_like(labels)
    found = []
    for target in targets:
        of_it, known = shows(target, labels, mask)
        names = shown.names
        sources, own = np.flatnonzero(known & ~of_it), np.flatnonzero(known & of_it)
        rows = sources[_chosen(len(sources), request, MOST_OF_LABELS)]
        others = own[_chosen(len(own), request, MOST_OF_LABELS)]
        found.append(
            TargetPictures(
                target,
                shown.images[rows],
                shown.images[others],
                [names[row] for row in rows],
                (labels * mask)[rows].astype(np.float32),
                (labels * mask)[others].astype(np.float32),
            )
        )
    facts = {"kind": "images", "name": shown.where, "labels": source, **shown.facts()}
    words = f"{shown.words}, of which {source} says what they show"
    return TranslatorData(words, facts, found, tuple(odd))


def _labels(shown: held_out.TestImages, loaded: Loaded) -> tuple[np.ndarray, np.ndarray, str]:
    """Return the pictures' labels and mask uint8 [N, L] by the model's names, and who said them."""
    spec = loaded.model.spec
    labels, mask = np.zeros((2, len(shown), len(spec.labels)), np.uint8)
    if shown.labels is None or shown.mask is None:
        return labels, mask, ""
    theirs = Vocabulary(shown.spec.labels, shown.spec.groups).places
    for column, words in enumerate(Vocabulary(spec.labels, spec.groups).words):
        if words in theirs:
            labels[:, column] = shown.labels[:, theirs[words]] > 0
            mask[:, column] = shown.mask[:, theirs[words]]
    return labels, mask, "the labels of the data"


def shows(target: Target, labels: np.ndarray, mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return which of labels [N, L] are as a target asks, and which are known.

    What is asked to be on must be on; a target that asks for nothing but "no" wants that off.
    """
    assert target.labels is not None and target.mask is not None
    on = np.flatnonzero((target.labels > 0) & (target.mask > 0))
    off = np.flatnonzero((target.labels == 0) & (target.mask > 0))
    columns, wanted = (on, 1) if len(on) else (off, 0)
    known = np.all(mask[:, columns] > 0, axis=1)
    right = np.all(labels[:, columns] == wanted, axis=1) & known
    return right, known


def _chosen(count: int, request: EvaluateRequest, most: int) -> np.ndarray:
    """Return rows of a set: all, or as many as were asked for, drawn from the seed."""
    rng = np.random.default_rng(derive_seed(request.seed, "translated", count))
    return np.sort(rng.permutation(count)[: request.num or most])


def check_size(model: Translates, size: int) -> int:
    """Return a side; UsageError where the model cannot take it."""
    if size % model.multiple:
        raise UsageError(
            f"this translator takes no pictures of {size} px",
            f"use a --size that {model.multiple} divides",
        )
    return size
