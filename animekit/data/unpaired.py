"""Two sets of images without pairs: where they lie, and batches with one image of each."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import numpy as np
import torch

from animekit.data.batch import Batch
from animekit.data.dataset import looked_for, nothing_at
from animekit.data.pack import Pack
from animekit.data.places import is_here, places_of
from animekit.data.sampler import Loader
from animekit.errors import DataError, UsageError
from animekit.images.formats import KINDS
from animekit.seeds import derive_seed

TRAINING = (("trainA", "trainB"), ("train/A", "train/B"), ("A", "B"))
TESTING = (("testA", "testB"), ("test/A", "test/B"))
"""Names of the folders of two sets, the first that is there counts."""
FORMS = "trainA and trainB, A and B, or two data sets with a comma: cats,dogs"
SHOWN = 8


def find_domains(where: str) -> tuple[str, str]:
    """Return the places of the two sets that `where` means.

    It is a folder that holds trainA and trainB, train/A and train/B, or A and B; or two data sets
    of any kind with a comma between them. Raises NotFoundError and DataError that say what there
    is.

    >>> find_domains("synthetic:60,synthetic:count=40,seed=1")
    ('synthetic:60', 'synthetic:count=40,seed=1')
    """
    path = Path(where)
    if not path.exists():
        parts = _parts(where)
        if len(parts) == 1:
            _refuse_joined(where)
            raise nothing_at(where)
        if len(parts) > 2 or not all(parts):
            which = "more than two data sets" if len(parts) > 2 else "one data set, not two"
            raise DataError(f'"{where}" names {which}', "as in --data cats,dogs")
        return parts[0], parts[1]
    found = _pair(path, TRAINING)
    if found is None:
        raise DataError(
            f"{where} does not hold two sets of images: {_seen(path)}", f"it takes {FORMS}"
        )
    return found


def _refuse_joined(where: str) -> None:
    """Raise UsageError for sets that are joined to one, where two are wanted."""
    sets = [str(place) for place in places_of(where)]
    if len(sets) > 1 and is_here(where):
        raise UsageError(
            f"{where} is one set, joined of {len(sets)}, and two are wanted",
            f"a pair has a comma: {','.join(sets[:2])}",
        )


def find_tests(where: str) -> tuple[str, str] | None:
    """Return the places of test images beside the two sets, None without any.

    Two data sets with a comma, and folders called A and B, have none.
    """
    return _pair(Path(where), TESTING)


def names_of(where: str) -> list[str]:
    """Return what a user calls the data: the folder's name, or those of both sets.

    >>> names_of("data/cats,data/dogs")
    ['data/cats', 'data/dogs']
    """
    parts = [where] if Path(where).exists() else _parts(where)
    return parts if len(parts) == 2 else [where]


def _parts(where: str) -> list[str]:
    """Cut at commas, but for those between the parameters of one data set."""
    return [part.strip() for part in re.split(r",(?!\s*\w+=)", where)]


def _pair(path: Path, names: tuple[tuple[str, str], ...]) -> tuple[str, str] | None:
    for first, second in names:
        if (path / first).is_dir() and (path / second).is_dir():
            return str(path / first), str(path / second)
    return None


def _seen(path: Path) -> str:
    """Say what a place holds, in words."""
    if not path.is_dir():
        return f"it is a file; unpack an archive first (images are {looked_for()})"
    try:
        entries = sorted(path.iterdir())
    except OSError as error:
        return f"it cannot be read ({error.strerror})"
    folders = [entry.name for entry in entries if entry.is_dir() and entry.name[0] != "."]
    files = [entry for entry in entries if entry.is_file()]
    images = sum(entry.suffix.lower() in KINDS for entry in files)
    shown = ", ".join(folders[:SHOWN]) + (", ..." if len(folders) > SHOWN else "")
    words = f"it has the folders {shown}" if folders else "it has no folders"
    return f"{words} and {images:,} image{'s' * (images != 1)}"


def both_fingerprints(first: Pack, second: Pack) -> str:
    """Return a hex hash of the content of two packs, in this order."""
    text = f"{first.content},{second.content}"
    return hashlib.blake2b(text.encode(), digest_size=32).hexdigest()


class PairLoader(Loader):
    """Batches with `images` of one pack and `others` of another, by step.

    Each domain has its own order, windows and mirrors, all functions of (seed, step), and ends its
    epochs by itself. As a loader it is that of the first domain.
    """

    def __init__(
        self,
        packs: tuple[Pack, Pack],
        batch: int,
        seed: int,
        *,
        flip: bool,
        crop: int,
        device: torch.device | str = "cpu",
        rows: tuple[np.ndarray | None, np.ndarray | None] = (None, None),
    ) -> None:
        super().__init__(packs[0], batch, seed, flip=flip, crop=crop, device=device, rows=rows[0])
        seed = derive_seed(seed, "others")
        self.second = Loader(
            packs[1], batch, seed, flip=flip, crop=crop, device=device, rows=rows[1]
        )

    def batch(self, step: int, own: np.ndarray | None = None) -> Batch:
        """Return the batch of a step: images and others, [N, 3, H, W] in [-1, 1]."""
        batch = super().batch(step, own)
        return Batch(images=batch.images, others=self.second.batch(step, own).images)
