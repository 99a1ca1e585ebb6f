"""What results are worth: read as asked or like the target set, and the rest as before."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from animekit.evaluation.image_set import Oddity
from animekit.evaluation.result import Value
from animekit.evaluation.translators.pictures import TargetPictures, shows
from animekit.evaluation.translators.result import NOT_OF_REAL, measured
from animekit.images.hue import hues
from animekit.models import tagger
from animekit.models.movement import NearerSet, Passed
from animekit.models.readings import BatchReader
from animekit.models.targets import Target
from animekit.plugins import Registry

SOUND = 0.7  # share of real pictures that a rule must place right to say anything
SURE = 0.25  # share by which more results than inputs must be read as another target
STEMS: dict[str, tuple[str, str, float | None]] = {
    "acc": ("higher", "share read as asked, of pictures that were not so before", None),
    "like": ("higher", "share nearer to the target set's mean in the tagger's features", None),
    "colour": ("higher", "share whose vivid hues are nearer to those of the target set", None),
    "kept": ("higher", "share of what was not asked that is read as before", 1.0),
    "cycle": ("lower", "there and back: mean |difference|, pixels in [-1, 1]", 0.0),
    "identity": ("lower", "pictures of the target already: mean |difference| in [-1, 1]", 0.0),
    "moved": ("lower", "mean |difference| to the input in [-1, 1]; 0 is no change at all", 0.0),
    "border": ("lower", "as moved, in the outer eighth of the picture: the ground", 0.0),
    "structure": ("higher", "SSIM of the grey pictures, input and result", 1.0),
}
"""Our own numbers: which way is good, what they are, and what untouched pictures get."""
OF_LABELS, OF_DIRECTIONS = ("acc", "kept"), ("like", "colour")
OF_ALL = tuple(stem for stem in STEMS if stem not in (*OF_LABELS, *OF_DIRECTIONS))


@dataclass
class OwnNumbers:
    """Numbers of one target: for each stem a value of each column.

    `ranks` [N] say which results came best; `oddities` what a reader should know.
    """

    values: dict[str, list[Value]] = field(default_factory=dict)
    ranks: np.ndarray = field(default_factory=lambda: np.zeros(0))
    oddities: list[Oddity] = field(default_factory=list)


def own_numbers(
    pictures: TargetPictures,
    made: Sequence[Passed],
    through: Sequence[Passed],
    *,
    reader: BatchReader | None,
    targets: Sequence[Target],
    registry: Registry,
) -> OwnNumbers:
    """Return our own numbers of a target.

    For each translator `made` is what became of the sources, `through` of pictures that are of the
    target already. The columns are real images, each translator, the untouched sources.
    """
    if pictures.before is None:
        found = _of_sets(pictures, made, through, registry)
    else:
        found = _of_labels(pictures, made, reader, targets)
    for stem in OF_ALL:
        values = []
        for here, own in zip(made, through, strict=True):
            each = own.moved if stem == "identity" else getattr(here, stem)
            why = "the model knows no way back" if stem == "cycle" else "the pictures are too small"
            values.append(measured(each, pictures.lack or why))
        found.values[stem] = _cells(stem, values, len(pictures.sources))
    return found


def _cells(stem: str, values: list[Value], count: int) -> list[Value]:
    return [Value(None, reason=NOT_OF_REAL), *values, Value(STEMS[stem][2], n=count)]


def _of_sets(
    pictures: TargetPictures,
    made: Sequence[Passed],
    through: Sequence[Passed],
    registry: Registry,
) -> OwnNumbers:
    """Say which set the results of a direction resemble, by features and by colour."""
    looks: dict[str, Callable[[np.ndarray], np.ndarray]] = {}
    if tagger.missing() is None:
        extractor = tagger.load(registry).extractor
        looks["like"] = lambda images: extractor.features(
            np.ascontiguousarray(images.transpose(0, 3, 1, 2))
        )
    looks["colour"] = hues
    found, told = OwnNumbers(), False
    for stem, look in looks.items():
        rule = NearerSet(look(pictures.sources), look(pictures.targets))
        margins = [rule.margins(look(each.made)) for each in made]
        own, others = rule.of_target() > 0, rule.of_source() > 0
        results = [measured(each > 0) for each in margins]
        found.values[stem] = [measured(own), *results, measured(others)]
        if not len(found.ranks):
            found.ranks = margins[0]
        if not told and min(own.mean(), 1 - others.mean()) >= SOUND:
            told = True
            back = rule.margins(look(through[0].made)) > 0
            found.oddities += _resembles_source(pictures.target.name, margins[0] > 0, back)
    return found


def _resembles_source(name: str, results: np.ndarray, back: np.ndarray) -> list[Oddity]:
    """Say where results resemble the set that they came from, and what that may mean."""
    if results.mean() >= 0.5:
        return []
    share = f"{(~results).sum()} of {len(results)} results are nearer to the source set"
    if back.mean() >= 0.5:
        words = f"{name}: {share} than to the target: the translator changes too little"
        return [Oddity("translation.little", words)]
    words = (
        f"{name}: {share} than to the target, and {(~back).sum()} of {len(back)} pictures of the"
        " target become like the source: is the direction swapped? Try --data B,A; for imported"
        " weights, the file of the other direction"
    )
    return [Oddity("translation.swapped", words)]


def _of_labels(
    pictures: TargetPictures,
    made: Sequence[Passed],
    reader: BatchReader | None,
    targets: Sequence[Target],
) -> OwnNumbers:
    """Say whether results are read as asked, and what else is read as before."""
    target, count = pictures.target, len(pictures.sources)
    found = OwnNumbers(ranks=np.zeros(count))
    if reader is None or not count:
        nobody = f"nothing here reads {target.words}" if reader is None else pictures.lack
        none = [measured(None, nobody) for _ in (*made, None)]
        for stem in OF_LABELS:
            found.values[stem] = [Value(None, reason=NOT_OF_REAL), *none]
        return found

    def right(labels: np.ndarray) -> np.ndarray:
        return shows(target, labels, np.ones_like(labels))[0]

    before = reader.read(pictures.sources)
    after = [reader.read(each.made) for each in made]
    own = measured(None, pictures.lack)
    if len(pictures.targets):
        own = measured(right(reader.read(pictures.targets).labels))
    hits = [right(each.labels) for each in after]
    found.values["acc"] = [own, *map(measured, hits), measured(right(before.labels))]
    assert target.mask is not None
    free = target.mask == 0
    kept = []
    for each in after:
        same = [each.labels[:, free] == before.labels[:, free]] if free.any() else []
        same += [(each.others[key] == value)[:, None] for key, value in before.others.items()]
        share = np.concatenate(same, 1).mean(1) if same else None
        kept.append(measured(share, "everything was asked for"))
    found.values["kept"] = _cells("kept", kept, count)
    found.ranks = hits[0] - made[0].moved  # those read as asked first, and of them who moved least
    found.oddities += _read_as_another(target, targets, before.labels, after[0].labels)
    return found


def _read_as_another(
    target: Target, targets: Sequence[Target], before: np.ndarray, after: np.ndarray
) -> list[Oddity]:
    """Say where results are mostly read as another target than the one that was asked for."""

    def share(each: Target, labels: np.ndarray) -> float:
        return float(shows(each, labels, np.ones_like(labels))[0].mean())

    for other in targets:
        now = share(other, after)
        if other is target or now < 0.5 or share(target, after) >= 0.5:
            continue
        if now - share(other, before) >= SURE:
            words = (
                f"asked for {target.words}, {now:.0%} are read as {other.words}: are the labels of"
                " the weights in another order?"
            )
            return [Oddity("translation.swapped", words)]
    return []
