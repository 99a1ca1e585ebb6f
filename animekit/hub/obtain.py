"""Obtaining: weights that others published, downloaded, checked and converted in one step."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from animekit.errors import CheckpointError, NotFoundError
from animekit.hub import catalog
from animekit.hub.catalog import Entry
from animekit.hub.convert import Imported, import_weights
from animekit.hub.download import DownloadProgress
from animekit.hub.published import read_published
from animekit.models import weights
from animekit.plugins import Registry
from animekit.text import did_you_mean

PUBLISHED = "published"


@dataclass(frozen=True)
class Offer:
    """Weights of the catalogue, and those of the other direction if wanted."""

    model: str
    name: str
    entry: Entry
    back: Entry | None = None

    @property
    def entries(self) -> list[Entry]:
        """What is made of it: one file, or one for each direction."""
        return [self.entry] if self.back is None else [self.entry, self.back]

    @property
    def missing(self) -> list[Entry]:
        """What must be downloaded first."""
        return [each for each in self.entries if catalog.state_of(each) != "here"]

    @property
    def path(self) -> Path:
        """The file that the converted weights have, under a name that is nobody else's."""
        name = published_name(self.model, self.name)
        return weights.imported_dir() / f"{name}.safetensors"

    @property
    def is_ready(self) -> bool:
        """Whether they are here, converted, for all directions that are wanted."""
        params = weights.about(self.path).get("params")
        both = isinstance(params, dict) and params.get("directions") == "both"
        return isinstance(params, dict) and (self.back is None or both)


def published_name(model: str, name: str) -> str:
    """Return how converted weights of others are called: they replace none of ours.

    >>> published_name("cyclegan", "apple2orange")
    'cyclegan-apple2orange-published'
    """
    return f"{model}-{name}-{PUBLISHED}"


def offer(model: str, name: str, *, back: bool = False) -> Offer:
    """Return what others published under a name; NotFoundError with known names.

    With `back` the generator of the other direction goes with it: orange2apple with apple2orange.
    """
    known = catalog.entries("weights")
    entry = known.get(f"{model}/{name}")
    names = [key.removeprefix(f"{model}/") for key in known if key.startswith(f"{model}/")]
    if entry is None:
        raise NotFoundError(
            f'nobody published weights "{name}" of {model}.{did_you_mean(name, names)}',
            f"published: {' '.join(names) or 'none'}",
            code="weights.unknown",
        )
    if not back:
        return Offer(model, name, entry)
    reverse = re.sub(r"^([a-z]+)2([a-z]+)|_([a-z]+)2([a-z]+)", _turned, name, count=1)
    other = known.get(f"{model}/{reverse}")
    if other is None or other is entry:
        raise NotFoundError(
            f"nobody published the way back of {model}/{name}",
            "--direction a2b is what there is",
            code="weights.unknown",
        )
    return Offer(model, name, entry, other)


def _turned(found: re.Match[str]) -> str:
    first, second = (found[1], found[2]) if found[1] else (found[3], found[4])
    return f"{'' if found[1] else '_'}{second}2{first}"


def seen(entry: Entry) -> str | None:
    """Return the sha256 of what was downloaded, as it is on record; None without."""
    found = catalog.record_of(entry).get("download")
    return found if isinstance(found, str) else None


def forget(entry: Entry) -> None:
    """Delete downloaded weights and what is on record of them."""
    for path in (catalog.place_of(entry), catalog.record_path(entry)):
        path.unlink(missing_ok=True)


def obtain(
    wanted: Offer,
    registry: Registry,
    *,
    unpinned: bool = False,
    progress: DownloadProgress | None = None,
) -> Imported:
    """Download what is missing, hold it against its sha256, and convert it.

    `unpinned` accepts files that nobody published a sha256 of; what came first is what they must be
    ever after. A file that is no such weights is not kept, unless a published sha256 says that it
    is the right one. Raises NetworkError, and CheckpointError that says what came instead.
    """
    paths = [
        catalog.pull(each.name, unpinned=unpinned, progress=progress) for each in wanted.entries
    ]
    for entry, path in zip(wanted.entries, paths, strict=True):
        try:
            read_published(path)
        except CheckpointError as error:
            if entry.pinned:
                raise
            forget(entry)
            raise CheckpointError(
                error.message,
                f"it is not kept: the same command gets it anew; or see {entry.page}",
                code=error.code,
            ) from None
    return import_weights(
        wanted.entry.name,
        registry,
        back=None if wanted.back is None else paths[1],
        name=wanted.path.stem,
        overwrite=True,
    )
