"""The packed store: every image decoded and resized once, then read as a memory map."""

from __future__ import annotations

import csv
import hashlib
import shutil
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from animekit.data.building import (
    TEMPORARY,
    VERSION,
    SamePictures,
    build,
    open_text,
    workplace,
)
from animekit.data.dataset import Dataset, Skipped
from animekit.data.seal import check_seal, is_sealed, seal
from animekit.data.spec import ImageSpec
from animekit.data.store.lock import one_builder
from animekit.data.store.parts import Pixels, open_parts
from animekit.errors import AnimekitError
from animekit.files import Progress, cache_dir
from animekit.foreign import parse_json, read_text
from animekit.text import clipped

MANIFEST_LIMIT = 256 * 1024 * 1024  # bytes; it names every file that was left out
MEANWHILE = "another process has just made them, and they are used"


@dataclass(frozen=True)
class Pack:
    """A data set at one size, on disk.

    `images` is uint8 [N, S, S, 3] and read-only; `labels` and `mask` are uint8 [N, L], or None
    where nothing is labelled. `found` counts what was looked at, the skipped included.
    """

    folder: Path
    spec: ImageSpec
    images: Pixels
    labels: np.ndarray | None
    mask: np.ndarray | None
    fingerprint: str
    skipped: list[Skipped]
    found: int
    pixels: str = ""
    """The sha256 of all pixels."""
    notes: tuple[str, ...] = ()
    """Words for the user: a damaged store was made again."""
    weights: np.ndarray | None = None
    """How often each image is drawn, float64 [N]; None: all equally often."""

    def __len__(self) -> int:
        return len(self.images)

    @cached_property
    def names(self) -> list[str]:
        """Names of the images, in order."""
        with open_text(self.folder / "meta.csv", "r") as file:
            return [row["name"] for row in csv.DictReader(file)]

    @property
    def content(self) -> str:
        """A hex hash of the content, and of the weights where there are any."""
        if self.weights is None:
            return self.fingerprint
        text = f"{self.fingerprint},{hashlib.sha256(self.weights.tobytes()).hexdigest()}"
        return hashlib.blake2b(text.encode(), digest_size=32).hexdigest()

    def held_out(self, share: float) -> np.ndarray:
        """Return bool [N]: the images to be kept out of training, about `share` of all.

        Each image is chosen by the hash of its pixels, so that copies go the same way, and the
        same images are chosen in any order and in any company.
        """
        hashes = (hashlib.blake2b(image.data, digest_size=4).digest() for image in self.images)
        return np.array([int.from_bytes(each, "little") < share * 2**32 for each in hashes])

    def verify(self) -> bool:
        """Read all files and say whether they are still what was written."""
        try:
            check_seal(self.folder, full=True)
        except (OSError, ValueError):
            return False
        return True


def pack(
    dataset: Dataset,
    size: int,
    *,
    folder: Path | None = None,
    progress: Progress | None = None,
    verify: bool = False,
    part_bytes: int | None = None,
) -> Pack:
    """Return the packed store of a data set at a size, built if it is not there.

    It lies in `folder`, else in `cache_dir()/packs`, under a name made from the content, so moving
    or renaming the data finds it again. Items that cannot be decoded are skipped and recorded. A
    damaged store is built anew, with a word in its notes; files that were not touched are taken for
    whole, unless `verify` has them read. Pixels of more than 20 GB lie in parts of 2 GB, or all in
    parts of `part_bytes`. Of several processes that want the same one, one builds it and the others
    wait. Where only the labels are others than those of a store beside it, its pixels are linked
    and nothing is decoded. Raises DataError where no image can be used.
    """
    how = _How(dataset, size, dataset.fingerprint(), progress, part_bytes)
    return _weighed(_packed(how, folder or cache_dir() / "packs", verify=verify), dataset)


@dataclass(frozen=True)
class _How:
    """Of what a store is built, and how."""

    dataset: Dataset
    size: int
    fingerprint: str
    progress: Progress | None
    part_bytes: int | None

    @property
    def key(self) -> str:
        text = f"{VERSION}:{self.size}:{self.fingerprint}"
        return hashlib.sha256(text.encode()).hexdigest()[:32]


def _weighed(found: Pack, dataset: Dataset) -> Pack:
    """Return a pack with the weights of its images, where the data set has any."""
    if type(dataset).weight_of is Dataset.weight_of:
        return found
    weights = np.array([dataset.weight_of(name) for name in found.names])
    return replace(found, weights=None if (weights == weights[0]).all() else weights)


def _packed(how: _How, root: Path, *, verify: bool) -> Pack:
    target = root / how.key
    if not target.exists():
        return _made(how, target)
    try:
        return _sound(target, how, verify=verify)
    except Exception as error:  # of any kind: numpy, json and csv read what may be anything
        reason = clipped(str(error) or type(error).__name__, 200)
    pixels, damaged = _pixels(target), _folder_id(target)
    try:
        made = _made(how, target, damaged)
    except AnimekitError as error:
        words = f"packed images in {target} are damaged ({reason}): {error.message}"
        raise type(error)(words, error.hint, code=error.code) from None
    word = f"packed images in {target} were damaged ({reason}) and are made again"
    if pixels and pixels != made.pixels:
        word += ", not quite as before: another version of Pillow decodes a little otherwise"
    return replace(made, notes=(word,))


def _folder_id(folder: Path) -> int:
    """Return what tells a folder from another one of its name; 0 where there is none."""
    try:
        return folder.stat().st_ino
    except OSError:
        return 0


def _made(how: _How, target: Path, damaged: int = 0) -> Pack:
    """Build a store, or wait for the process that builds it already and take what it made.

    `damaged` is the folder that is to be made again, where there is one.
    """
    prefix = f"{TEMPORARY}{target.name[:8]}-"
    row_bytes = how.size * how.size * 3
    with one_builder(target, prefix, len(how.dataset), row_bytes, how.progress):
        if _folder_id(target) != damaged:
            with suppress(Exception):  # of any kind, as above
                found = _sound(target, how, verify=False)
                return replace(found, notes=(f"packed images in {target}: {MEANWHILE}",))
        return _make(how, target, prefix)


def _make(how: _How, target: Path, prefix: str) -> Pack:
    """Build a store and put it in its place; a whole one that came first stays."""
    with workplace(target.parent, prefix) as temporary:
        same = _same_pictures(how, target.parent) if how.part_bytes is None else None
        build(
            *(how.dataset, how.size, how.fingerprint, temporary, how.progress, how.part_bytes),
            same=same,
        )
        seal(temporary)
        try:
            temporary.rename(target)
        except OSError:
            if not target.exists():
                raise
            try:
                return _sound(target, how, verify=True)
            except Exception:  # as above
                shutil.rmtree(target)
                temporary.rename(target)
    return _open(target)


def _same_pictures(how: _How, root: Path) -> SamePictures | None:
    """Return a whole store of the same pictures at this size, whatever its labels are."""
    pictures = how.dataset.pictures()
    for folder in sorted(root.iterdir()) if pictures else ():
        with suppress(Exception):  # of any kind, as above
            if _manifest(folder).get("pictures") != pictures or not is_sealed(folder):
                continue
            found = _open(folder)
            left = {item.name: item.reason for item in found.skipped}
            same = SamePictures(folder, found.images, found.names, left, found.pixels)
            if found.spec.size == how.size and same.fits(how.dataset):
                check_seal(folder, full=True)
                return same
    return None


def _sound(target: Path, how: _How, *, verify: bool) -> Pack:
    """Return a store that is whole and of this data set; raises where it is not."""
    sealed = is_sealed(target)
    if sealed:
        check_seal(target, full=verify)
    found = _open(target)
    if (found.fingerprint, found.spec) != (how.fingerprint, how.dataset.spec(how.size)):
        raise ValueError("it is of other images")
    if not sealed:  # of 0.1.0, which kept a hash of the pixels alone
        _compare(found, how.dataset)
        with suppress(OSError):
            seal(target)
    return found


def _compare(found: Pack, dataset: Dataset) -> None:
    """Raise ValueError where a store without a seal cannot be what was written.

    Pixels have a hash, names those of the data set, and labels a form: 1 or 0, one of several
    values, and a mask that the data set knows. What only looks odd is built anew, which costs time
    and nothing else.
    """
    if _manifest(found.folder).get("sealed"):
        raise ValueError("its seal is gone")
    if hashlib.sha256(np.asarray(found.images).data).hexdigest() != found.pixels:
        raise ValueError("images.npy is not what was written")
    left_out = Counter(item.name for item in found.skipped) - Counter(
        item.name for item in dataset.skipped
    )
    indices = [i for i in range(len(dataset)) if dataset.name_of(i) not in left_out]
    if found.names != [dataset.name_of(i) for i in indices]:
        raise ValueError("meta.csv is not what was written")
    if found.found != len(found) + len(found.skipped):
        raise ValueError("manifest.json is not what was written")
    if found.labels is None or found.mask is None:
        return
    known = [dataset.mask_of(index) for index in indices]
    for part in found.spec.parts():
        several = part.stop - part.start > 1
        chosen, seen = found.labels[:, part], found.mask[:, part]
        if chosen.max() > 1 or seen.max() > 1 or (several and chosen.sum(axis=1).max() > 1):
            raise ValueError("labels.npy is not what was written")
        if any(
            mask is not None and not np.array_equal(mask[part], row)
            for mask, row in zip(known, seen, strict=True)
        ):
            raise ValueError("mask.npy is not what was written")


def _pixels(folder: Path) -> str:
    """Return the sha256 of the pixels that a damaged store had, "" where it does not say."""
    try:
        return str(_manifest(folder)["sha256"])
    except (AnimekitError, OSError, ValueError, KeyError):
        return ""


def _open(folder: Path) -> Pack:
    """Open a store; raises errors of many kinds where it is not whole."""
    manifest = _manifest(folder)
    images = open_parts(folder, manifest.get("parts"))
    if manifest["version"] != VERSION or list(images.shape) != manifest["shape"]:
        raise ValueError("the manifest does not fit the images")
    spec = manifest["spec"]
    labelled = manifest["labelled"]
    labels = np.load(folder / "labels.npy", allow_pickle=False) if labelled else None
    mask = np.load(folder / "mask.npy", allow_pickle=False) if labelled else None
    for values in (labels, mask):
        shape = (len(images), len(spec["labels"]))
        if values is not None and (values.shape != shape or values.dtype != np.uint8):
            raise ValueError("the labels do not fit the images")
    if (folder / "meta.csv").stat().st_size != manifest["meta_bytes"]:
        raise ValueError("the names are not whole")
    return Pack(
        folder=folder,
        spec=ImageSpec(
            spec["size"], spec["channels"], tuple(spec["labels"]), tuple(spec["groups"])
        ),
        images=images,
        labels=labels,
        mask=mask,
        fingerprint=manifest["fingerprint"],
        skipped=[Skipped(**item) for item in manifest["skipped"]],
        found=manifest["found"],
        pixels=manifest["sha256"],
    )


def _manifest(folder: Path) -> dict[str, Any]:
    text = read_text(folder / "manifest.json", "manifest", limit=MANIFEST_LIMIT)
    values = parse_json(text, "manifest", any_name=True)
    if not isinstance(values, dict):
        raise ValueError("the manifest is not an object")
    return values
