"""Labels that occur: what no image has is left out before a model is made to learn it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from animekit.data.pack import Pack
from animekit.data.spec import ImageSpec
from animekit.errors import UnusableError
from animekit.labels.plan import LabelPlan
from animekit.labels.words import shown
from animekit.text import did_you_mean

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


def refuse_absent(pack: Pack, plan: LabelPlan, said: Mapping[str, int]) -> None:
    """Raise UnusableError where a word of a plan is said of no image.

    It names the nearest that is. `said` counts the words of the label file.
    """
    if pack.labels is None:
        return
    counts = pack.labels.sum(0, np.int64).tolist()
    absent = plan.absent(counts, pack.spec.groups)
    if not absent:
        return
    near = []
    for word in absent[:SHOWN]:
        others = {name: n for name, n in said.items() if name not in plan.words}
        close = did_you_mean(word, others).strip()
        name = close.split('"')[1] if close else ""
        count = f" ({others[name]:,} pictures)" if others.get(name, 0) > 1 else ""
        near.append(f'"{shown(word)}".' + (f" {shown(close, 100)}{count}" if close else ""))
    raise UnusableError(
        f"no picture has the label {' or '.join(near)}",
        "animekit data tags FILE --top 50 lists the words that there are",
        code="labels.absent",
    )


def common(pack: Pack, least: int) -> tuple[Pack, list[str]]:
    """Return a pack with the labels that `least` images have, and words.

    An image that has a label which is left out counts as unknown in its attribute; an attribute of
    several values of which one is left goes. Raises UnusableError where nothing is left.
    """
    if pack.labels is None or least < 1:
        return pack, []
    counts = pack.labels.sum(0, np.int64)
    rare = [place for place, count in enumerate(counts) if 0 < count < least]
    kept = [place for place, count in enumerate(counts) if count >= least]
    for part in pack.spec.parts():
        left = [place for place in kept if part.start <= place < part.stop]
        if part.stop - part.start > 1 and len(left) == 1:
            kept.remove(left[0])
            rare += left
    if len(kept) == len(counts):
        return pack, []
    if not kept:
        most = int(counts.max(initial=0))
        raise UnusableError(
            f"no label is on {least:,} images or more; the commonest is on {most:,}",
            f"use --min-count {max(1, most // 2)}",
        )
    names = [pack.spec.labels[place] for place in kept]
    found = chosen(pack, names)
    assert found.labels is not None and found.mask is not None
    for part in found.spec.parts():
        if part.stop - part.start > 1:
            found.mask[:, part] *= found.labels[:, part].any(1, keepdims=True)
    if not rare:
        return found, []
    told = ", ".join(f"{pack.spec.labels[place]} ({counts[place]:,})" for place in rare[:SHOWN])
    more = f" and {len(rare) - SHOWN} more" if len(rare) > SHOWN else ""
    return found, [f"left out, on fewer than {least:,} images or alone of its kind: {told}{more}"]


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
    """Return a pack with the labels of named attributes: "hair, smile"; "" keeps all.

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
