"""Labels that occur: what no image has is left out before a model is made to learn it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from animekit.data.pack import Pack
from animekit.data.spec import ImageSpec
from animekit.errors import UnusableError

SHOWN = 8
"""Names of labels in one message."""


def occurring(pack: Pack) -> tuple[Pack, list[str]]:
    """Return a pack with the labels that occur, and words for the others.

    Of an attribute of several values stay those that some image has; where that is one or none,
    the attribute goes. A yes or no stays. Raises UnusableError where nothing is left.
    """
    spec, labels = pack.spec, pack.labels
    if labels is None:
        return pack, []
    present = np.asarray(labels.any(axis=0))
    kept, said = [], []
    for part in spec.parts():
        places = np.arange(part.start, part.stop)
        found = places[present[part]]
        if len(places) == 1 or len(found) > 1:
            kept += list(places if len(places) == 1 else found)
        elif len(found) == 1:
            said.append(
                f'"{spec.labels[found[0]]}" is left out: it is the only one of {len(places)} values'
                " that occurs, so there is nothing to choose"
            )
    absent = sorted(set(range(len(spec.labels))) - set(kept))
    never = [spec.labels[place] for place in absent if not present[place]]
    if never:
        more = f" and {len(never) - SHOWN} more" if len(never) > SHOWN else ""
        said.insert(
            0,
            f"{len(spec.labels) - len(never)} of {len(spec.labels)} labels occur; not in the data:"
            f" {', '.join(never[:SHOWN])}{more}",
        )
    if not kept:
        raise UnusableError(
            "the labels do not tell the images apart: each attribute has one value or none",
            "give --tags a file with more labels",
        )
    return (chosen(pack, [spec.labels[place] for place in kept]) if absent else pack), said


def chosen(pack: Pack, names: Sequence[str]) -> Pack:
    """Return a pack with some of its labels, in its own order.

    The groups shrink with them.
    """
    places = [place for place, name in enumerate(pack.spec.labels) if name in set(names)]
    owner = np.repeat(np.arange(len(pack.spec.groups)), pack.spec.groups)[places]
    spec = ImageSpec(
        pack.spec.size,
        pack.spec.channels,
        tuple(pack.spec.labels[place] for place in places),
        tuple(int(count) for count in np.bincount(owner) if count),
    )
    labels, mask = (
        None if values is None else np.ascontiguousarray(values[:, places])
        for values in (pack.labels, pack.mask)
    )
    return replace(pack, spec=spec, labels=labels, mask=mask)


def named(pack: Pack, attributes: str) -> Pack:
    """Return a pack with the labels of named attributes alone, as in "hair, smile"; "" keeps all.

    Raises ConfigError for a name that the data do not have.
    """
    columns = pack.spec.columns(attributes)
    if len(columns) == len(pack.spec.labels):
        return pack
    return chosen(pack, [pack.spec.labels[column] for column in columns])


def label_counts(pack: Pack, rows: np.ndarray | None = None) -> dict[str, dict[str, int]]:
    """Return how many images have each label, and on how many it is known.

    `rows` are the images that count, all by default. Empty where the pack has no labels.
    """
    if pack.labels is None or pack.mask is None:
        return {}
    use = slice(None) if rows is None else rows
    counts, known = pack.labels[use].sum(0, np.int64), pack.mask[use].sum(0, np.int64)
    return {
        "label_counts": dict(zip(pack.spec.labels, counts.tolist(), strict=True)),
        "label_known": dict(zip(pack.spec.labels, known.tolist(), strict=True)),
    }
