"""Pictures in WebDataset shards: tar files whose members of one name are one sample."""

from __future__ import annotations

import tarfile
from array import array
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from animekit.containers.records import Names, flat, labels_in, refuse_many
from animekit.containers.schema import safe
from animekit.data.dataset import Skipped
from animekit.errors import AnimekitError, DataError
from animekit.foreign import parse_json
from animekit.images.decode import MAX_BYTES, ImageError
from animekit.images.formats import (
    HEAD_BYTES,
    head_of,
    suffix_of,
    unread_words,
    use_of,
    what_it_is,
)
from animekit.labels.rows import MAX_LINE
from animekit.labels.sources import Source

ENDING = ".tar"
MEMBERS = 20_000_000
"""Files of one data set, pictures and what lies beside them."""
MOST_HEADER = 64 * 1024
"""Bytes of a header that holds a long name: tarfile reads it into memory."""
BESIDE = (".json", ".cls", ".txt")
"""Members of a sample that say its labels: fields, the number of a class, tags."""
TOO_LARGE = f"larger than {MAX_BYTES >> 20} MB"


class Damaged(ValueError):
    """A tar file holds what no sound one does."""


class _Member(NamedTuple):
    name: str
    offset: int
    size: int
    problem: str = ""


class Shards:
    """Members of tar files as files: read where they lie, nothing is unpacked.

    `names` are the pictures in their order, `others` what else there is. Links, devices, names that
    lead elsewhere, files larger than a picture and a second of one name are skipped and said.
    Raises DataError for a file that is no tar, or holds too many members.
    """

    def __init__(self, paths: Sequence[Path], where: str) -> None:
        self.where, self.paths, self.files = where, list(paths), len(paths)
        self.names: list[str] = []
        self.others: list[str] = []
        self.skipped: list[Skipped] = []
        self.notes: list[str] = []
        self._places: dict[str, int] = {}
        self._keys = Names()
        # numbers in arrays: a million tuples of them would be 100 MB
        self._shard, self._offset, self._size = array("I"), array("Q"), array("Q")
        for number, path in enumerate(self.paths):
            for member in self._renamed(_members(path)):
                self._add(number, member)
            refuse_many(where, len(self._places), MEMBERS)
        self._leave_masks_out()

    def read(self, name: str, size: int = MAX_BYTES) -> bytes:
        """Return the bytes of a member, at most `size`; raises ImageError."""
        at = self._places[name]
        try:
            with self.paths[self._shard[at]].open("rb", buffering=0) as file:
                file.seek(self._offset[at])
                return file.read(min(size, self._size[at])) or b""
        except OSError as error:
            words = f"cannot be read: {error.strerror or error}"
            raise ImageError(name, words, "unreadable") from None

    def labels(self) -> list[Source]:
        """Return the labels beside the pictures, as a source that is read when asked.

        .json gives fields, .cls the number of a class, .txt tags. Texts alone are captions, which
        every set of files may have: they are not among these.
        """
        beside: dict[str, list[str]] = {key_of(name): [] for name in self.names}
        kinds = Counter[str]()
        for name in self.others:
            key, ending = key_of(name), suffix_of(name)
            if key in beside and ending in BESIDE and name == key + ending:
                beside[key].append(ending)
                kinds[ending] += 1
        if not kinds[".json"] and not kinds[".cls"]:
            return []
        bad: list[str] = []
        rows = (self._row(key_of(name), beside[key_of(name)], bad) for name in self.names)
        columns = flat(rows, len(self.names))
        if bad:
            self.notes.append(f"{len(bad):,} files beside pictures are not read: {bad[0]}")
        words = " and ".join(f"{kinds[each]:,} {each}" for each in BESIDE if kinds[each])
        return labels_in(f"{words} beside the pictures", self.names, columns)

    def _row(self, key: str, endings: list[str], bad: list[str]) -> dict[str, Any]:
        """Return what is said beside a picture."""
        row: dict[str, Any] = {}
        for ending in endings:
            name = key + ending
            try:
                text = self.read(name, MAX_LINE).decode("utf-8-sig").strip()
                found = parse_json(text, name, kind=DataError) if ending == ".json" else text
            except (AnimekitError, UnicodeDecodeError) as error:
                bad.append(
                    error.message if isinstance(error, AnimekitError) else f"{name}: {error}"
                )
                continue
            if ending == ".json":
                row |= found if isinstance(found, dict) else {}
            elif ending == ".cls":
                row["class"] = int(found) if found.isdecimal() and len(found) < 10 else found
            else:
                row.setdefault("text", found)
        return row

    def _renamed(self, members: Iterator[_Member]) -> Iterator[_Member]:
        """Yield members under names of their own: each of several shards may begin with a 0.png.

        All members of a sample get the same new name, so that they stay together.
        """
        seen: set[str] = set()
        names: dict[str, str] = {}
        for member in members:
            key = key_of(member.name)
            if member.problem:
                yield member
            elif member.name in seen:
                yield member._replace(problem="a second member of this name")
            else:
                seen.add(member.name)
                names[key] = names.get(key) or self._keys.fresh(key)
                yield member._replace(name=names[key] + member.name[len(key) :])

    def _add(self, shard: int, member: _Member) -> None:
        """Put one member among the pictures, the skipped or the others."""
        name = member.name
        if member.problem:
            self.skipped.append(Skipped(name, member.problem))
            return
        self._places[name] = len(self._shard)
        self._shard.append(shard)
        self._offset.append(member.offset)
        self._size.append(member.size)
        use = use_of(name, lambda: self._head(name))
        if use == "read":
            self.names.append(name)
        elif use == "foreign":
            self.skipped.append(Skipped(name, unread_words(name, self._head(name))))
        else:
            self.others.append(name)

    def _head(self, name: str) -> bytes:
        try:
            return self.read(name, HEAD_BYTES)
        except ImageError:
            return b""

    def _leave_masks_out(self) -> None:
        """Skip 0.seg.png where there is 0.png: a sample's other pictures are not its own."""
        plain = {key_of(name) for name in self.names if name == key_of(name) + _ending(name)}
        kept = []
        for name in self.names:
            key = key_of(name)
            if key in plain and name != key + _ending(name):
                self.skipped.append(Skipped(name, "a further picture of one sample"))
            else:
                kept.append(name)
        self.names = kept


def key_of(name: str) -> str:
    """Return what members of a sample share: all before the first dot.

    >>> key_of("a.b/0.seg.png"), key_of("0.png")
    ('a.b/0', '0')
    """
    folder, slash, last = name.rpartition("/")
    return folder + slash + last.partition(".")[0]


def _ending(name: str) -> str:
    return PurePosixPath(name).suffix


class _Header(tarfile.TarInfo):
    """A tar header that does not make tarfile read megabytes of names into memory."""

    @classmethod
    def frombuf(cls, buf: Any, encoding: Any, errors: Any) -> _Header:
        header: _Header = super().frombuf(buf, encoding, errors)
        if header.type in b"xgXLK" and not 0 <= header.size <= MOST_HEADER:
            raise Damaged(f"a header of {header.size:,} bytes")
        return header


def _members(path: Path) -> Iterator[_Member]:
    """Yield the files of a tar; DataError where it is none."""
    count = 0
    try:
        length = path.stat().st_size
        with tarfile.open(path, "r:", tarinfo=_Header) as file:
            for member in file:
                file.members.clear()  # type: ignore[attr-defined]  # all headers it has seen
                if found := _member(member, length):
                    count += 1
                    yield found
    except (OSError, tarfile.TarError, ValueError, OverflowError) as error:
        if not count:
            raise _no_tar(path, error) from None
        yield _Member(path.name, 0, 0, f"damaged behind its first {count:,} files ({error})")


def _member(member: tarfile.TarInfo, length: int) -> _Member | None:
    """Return what is read of a member; None for folders and hidden files."""
    name = member.name.removeprefix("./")
    parts = name.replace("\\", "/").split("/")
    if member.isdir() or any(part.startswith(".") and part != ".." for part in parts):
        return None
    plain, problem = safe(name), ""
    if not member.isreg() or member.issparse():
        problem = "not a regular file"
    elif not plain:
        problem = "its name leads out of the archive"
    elif member.offset_data + member.size > length:
        problem = "cut short: the archive ends in it"
    elif member.size > MAX_BYTES:
        problem = TOO_LARGE
    return _Member(plain or name, member.offset_data, member.size, problem)


def _no_tar(path: Path, error: Exception) -> DataError:
    head = head_of(path)
    what = what_it_is(head)
    if head.startswith(b"\x1f\x8b"):
        return DataError(
            f"{path} is packed with gzip, and pictures in it are read where they lie",
            f"gunzip it first, or unpack it: mkdir faces && tar -xf {path} -C faces",
        )
    words = f"it is {what}" if what and "tar" not in what else str(error) or type(error).__name__
    return DataError(f"{path} is not a sound tar file: {words}", "get it again")
