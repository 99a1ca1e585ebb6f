"""What a run says of the data that it is trained on, and what it calls them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from animekit.data.dataset import Dataset
from animekit.data.occurring import common, label_counts, named, occurring, refuse_absent
from animekit.data.pack import Pack
from animekit.data.places import PATTERN, places_of
from animekit.data.unpaired import both_fingerprints, names_of
from animekit.labels.plan import LabelPlan
from animekit.training.recipe import TrainRecipe


def data_name(where: str) -> str:
    """Return what a user calls the data, as "faces"; of several sets, all names.

    >>> data_name("synthetic:200"), data_name("photos/cats,photos/dogs")
    ('synthetic', 'cats-dogs')
    >>> data_name("drawn:apples,drawn:oranges"), data_name("drawn:apples+photos/pears*2")
    ('apples-oranges', 'apples-pears')
    """
    if len(names_of(where)) > 1:
        return "-".join(data_name(part) for part in names_of(where))
    if len(places := places_of(where)) > 1:
        return "-".join(data_name(place.where) for place in places)
    name, _, rest = where.partition(":")
    path = next((text for text in (where, rest) if text and Path(text).exists()), name)
    path = rest if path == name and rest.isalpha() else path
    if PATTERN.search(path) and not Path(path).exists():
        path = str(Path(path).parent)  # of "shards/{00..03}.tar", shards
    return Path(path).resolve().stem or "data"


def fingerprint_of(packs: Sequence[Pack]) -> str:
    """Return a hash of all content: of one set, or of two in this order."""
    return packs[0].content if len(packs) == 1 else both_fingerprints(*packs)


def data_facts(
    where: str,
    description: str,
    packs: Sequence[Pack],
    rows: Sequence[np.ndarray | None],
    *,
    labelled: bool,
) -> dict[str, Any]:
    """Return what config.json holds of one pack or two.

    `rows` are the images that are trained on, None where all are.
    """
    pairs = list(zip(packs, rows, strict=True))
    facts = {
        "where": where,
        "name": data_name(where),
        "description": description,
        "fingerprint": fingerprint_of(packs),
        "pixels": [pack.pixels for pack in packs],
        "found": sum(pack.found for pack in packs),
        "used": sum(len(pack) for pack in packs),
        "held_out": sum(0 if kept is None else len(pack) - len(kept) for pack, kept in pairs),
        "skipped": [[item.name, item.reason] for pack in packs for item in pack.skipped],
    }
    if len(packs) > 1:
        facts["domains"] = [
            {"fingerprint": pack.fingerprint, "found": pack.found, "used": len(pack)}
            for pack in packs
        ]
    return facts | (label_counts(packs[0], rows[0]) if labelled else {})


def learned(recipe: TrainRecipe, packed: Pack, dataset: Dataset) -> tuple[Pack, list[str]]:
    """Return a pack with the labels to learn, and what is to know of the others."""
    options, notes = recipe.options, []
    if options.labels is not None:
        refuse_absent(packed, LabelPlan.parse(options.labels), dataset.said)
    notes += [
        f"{count:,} rows say several of {words}: there it counts as unknown"
        for words, count in dataset.clashes.items()
    ]
    packed = named(packed, getattr(recipe.params, "attributes", ""))
    packed, rare = common(packed, options.min_count)
    if recipe.model.keeps_all_labels:
        return packed, notes + rare
    packed, absent = occurring(packed)
    return packed, [*notes, *rare, *absent]
