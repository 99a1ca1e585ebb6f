"""Variants of a training: what one axis, one tip or one named change makes of the base."""

from __future__ import annotations

import itertools
import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, get_args, get_origin

from animekit.config import Params, parse_value, show
from animekit.data.manifest import newest_manifest
from animekit.data.places import PLUS, places_of
from animekit.errors import UsageError

BASE = "base"
"""The name of what all variants are held against."""
TIP, ON, MODEL, PRESET = "tip", "on", "model", "preset"
CLEANED, RAW = "cleaned", "raw"
LONGEST = 60
"""Letters of the part of a file's name that a variant gives."""


@dataclass(frozen=True)
class Variant:
    """One change of the base: a name, and values by key.

    Keys are parameters, options of the training, or one of the words `model`, `preset`, `tip` and
    `on`. The base changes nothing.
    """

    name: str
    values: Mapping[str, Any] = field(default_factory=dict)

    @property
    def slug(self) -> str:
        """The name in letters that a file can have.

        >>> Variant("gp_weight=0.5").slug, Variant("Adam, in G alone").slug
        ('gp_weight-0.5', 'Adam-in-G-alone')
        """
        return re.sub(r"[^\w.]+", "-", self.name, flags=re.ASCII).strip("-.")[:LONGEST] or "variant"

    @property
    def words(self) -> str:
        """What it changes, as it would be typed."""
        return " ".join(f"{key}={show(value)}" for key, value in self.values.items())


def read_axis(text: str, fields: Mapping[str, Any] | None = None) -> tuple[str, list[Any]]:
    """Read KEY=V1,V2 into a key and its values; a ; parts those with commas.

    `fields` are those of the parameters: of one that holds several numbers a comma parts none.

    >>> read_axis("gp_weight=1,10"), read_axis("betas=0,0.9;0.5,0.999")
    (('gp_weight', [1, 10]), ('betas', [(0, 0.9), (0.5, 0.999)]))
    """
    key, equals, values = text.partition("=")
    key = key.strip().replace("-", "_")
    if not equals or not key or not values.strip():
        raise UsageError(
            f'cannot read the axis "{text}"', "write KEY=VALUE,VALUE, as in gp_weight=1,10,100"
        )
    whole = ";" in values or _holds_several((fields or {}).get(key))
    parts = [part.strip() for part in values.split(";" if whole else ",")]
    return key, [parse_value(part) for part in parts if part]


def read_variant(text: str) -> Variant:
    """Read "NAME: KEY=VALUE KEY=VALUE" into a variant of that name.

    >>> read_variant("Adam in G: optimizer=adam betas=0.5,0.5").values
    {'optimizer': 'adam', 'betas': (0.5, 0.5)}
    """
    name, colon, changes = text.partition(":")
    hint = 'write "NAME: KEY=VALUE KEY=VALUE", as in "soft labels: real_label=0.8,1.2"'
    try:
        pairs = [pair.partition("=") for pair in shlex.split(changes)]
    except ValueError as error:
        raise UsageError(f'cannot read the variant "{text}": {error}', hint) from None
    if not colon or not name.strip() or not pairs or not all(key and eq for key, eq, _ in pairs):
        raise UsageError(f'cannot read the variant "{text}"', hint)
    values = {key.replace("-", "_"): parse_value(value) for key, _, value in pairs}
    return Variant(name.strip(), values)


def expand(
    tips: Sequence[str],
    axes: Mapping[str, Sequence[Any]],
    named: Iterable[Variant],
    base: Mapping[str, Any],
    *,
    grid: bool,
) -> list[Variant]:
    """Return the base and its variants: a change each, or all combinations.

    `base` are the values of the base by key: a variant that equals it is the base itself. Raises
    UsageError where nothing differs, or two variants have one name.
    """
    changes = [[(key, value) for value in values] for key, values in axes.items()]
    found = [Variant(BASE)]
    if grid:
        switches = [[None, (TIP, tip)] for tip in tips]
        for pairs in itertools.product(*switches, *changes):
            values: dict[str, Any] = {}
            for pair in filter(None, pairs):
                key, value = pair
                values[key] = f"{values[key]},{value}" if key == TIP and TIP in values else value
            found.append(_variant(values, base))
    else:
        found += [_variant({TIP: tip}, base) for tip in tips]
        found += [_variant(dict([pair]), base) for pair in itertools.chain(*changes)]
    kept: dict[str, Variant] = {}
    for each in [*found, *named]:
        other = kept.get(each.slug)
        if other is not None and dict(other.values) != dict(each.values):
            raise UsageError(f'two variants are called "{each.slug}"', "give each its own name")
        kept.setdefault(each.slug, each)
    if len(kept) == 1:
        raise UsageError(
            "nothing differs from the base",
            "name what to change: --tip 4,5, --axis gp_weight=1,100, --axis model=wgan,lsgan",
        )
    return list(kept.values())


def _variant(values: Mapping[str, Any], base: Mapping[str, Any]) -> Variant:
    changed = {key: value for key, value in values.items() if not _same(value, base.get(key))}
    words = [
        f"{key} {value}" if key in (TIP, ON) else f"{key}={show(value)}"
        for key, value in changed.items()
    ]
    return Variant(", ".join(words) or BASE, changed)


def _same(one: Any, other: Any) -> bool:
    """Say whether two values are one, as 10 and 10.0 are."""
    if isinstance(one, (tuple, list)) and isinstance(other, (tuple, list)):
        return len(one) == len(other) and all(map(_same, one, other))
    numbers = [type(value) in (int, float) for value in (one, other)]
    return float(one) == float(other) if all(numbers) else show(one) == show(other)


def _holds_several(field: Any) -> bool:
    kinds = () if field is None else (field.annotation, *get_args(field.annotation))
    return any(get_origin(kind) is tuple for kind in kinds)


def fields_of(*schemas: type[Params]) -> dict[str, Any]:
    """Return the fields of some schemas by name, the first that has one first."""
    found: dict[str, Any] = {}
    for schema in schemas:
        for name, each in schema.model_fields.items():
            found.setdefault(name, each)
    return found


def is_raw(data: str) -> bool:
    """Say whether any of the data are named as they were before cleaning."""
    return any(place.where.startswith(f"{RAW}:") for place in places_of(data))


def cleaned_or_raw(data: str, on: str) -> str:
    """Return the data with what their cleaning rejected, or without it.

    Of several sets those that were never cleaned stay as they are.
    """
    plain = [replace(p, where=p.where.removeprefix(f"{RAW}:")) for p in places_of(data)]
    cleaned = [newest_manifest(place.where) is not None for place in plain]
    if not any(cleaned):
        where = PLUS.join(map(str, plain))
        raise UsageError(
            f"{where} was never cleaned: raw and cleaned are the same",
            f"animekit clean {plain[0].where}",
        )
    return PLUS.join(
        f"{RAW}:{place}" if on == RAW and each else str(place)
        for place, each in zip(plain, cleaned, strict=True)
    )
