"""The catalogue: weights and data sets that others published, and the store of what is here."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from animekit.errors import (
    AnimekitError,
    CheckpointError,
    NetworkError,
    NotFoundError,
    UnusableError,
    UsageError,
)
from animekit.files import (
    cache_dir,
    move,
    refuse_full,
    room_for,
    sha256_of,
    weights_dir,
    write_atomic,
)
from animekit.foreign import read_json, read_toml
from animekit.hub.addresses import Refused, check_address
from animekit.hub.archive import below, unpacked
from animekit.hub.download import DownloadProgress, fetch
from animekit.text import clipped, did_you_mean

LIST = Path(__file__).parents[1] / "assets" / "catalog.toml"
DIGEST = r"^[0-9a-f]{64}$"

Kind = Literal["weights", "dataset", "runtime"]
OTHER = {"weights": "animekit models pull {}", "dataset": "animekit data get {}"}
OTHER |= {"runtime": "animekit export MODEL --web DIR gets it"}
State = Literal["here", "missing", "damaged"]


class Entry(BaseModel):
    """One thing that can be downloaded; assets/catalog.toml says what its keys mean."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    kind: Kind
    summary: str
    file: str
    urls: tuple[str, ...] = Field(min_length=1)
    sha256: str | None = Field(None, pattern=DIGEST)
    size: int | None = Field(None, gt=0)
    most: int | None = Field(None, gt=0)
    licence: str
    page: str
    source: str
    note: str = ""
    verified: bool
    plain_http: bool = False
    member: str = ""
    root: str = ""
    files: int | None = None
    manifest: str | None = Field(None, pattern=DIGEST)

    @model_validator(mode="after")
    def _is_safe(self) -> Self:
        for url in self.urls:
            try:
                check_address(url, plain_http=self.plain_http and self.sha256 is not None)
            except Refused as refused:
                raise ValueError(f"{self.name}: {refused}") from None
        return self

    @property
    def pinned(self) -> bool:
        """Whether a digest tells the right bytes from others."""
        return self.sha256 is not None or self.manifest is not None

    @property
    def warnings(self) -> list[str]:
        """What a person should know before a download."""
        found = []
        if not self.pinned:
            found.append(
                f"{self.name} is unpinned: no sha256 was ever published, so nothing shows"
                " whether the bytes are the right ones"
            )
        if not self.verified:
            found.append(f"{self.name} was not tried by us: its facts are from {self.source}")
        return found


@dataclass(frozen=True)
class Fetched:
    """A data set that was downloaded: where it is, and on which terms."""

    entry: Entry
    folder: Path
    files: int

    @property
    def terms(self) -> str:
        """One line on the licence and where to read about it."""
        return f"licence: {self.entry.licence}; see {self.entry.page}"


def entries(kind: Kind | None = None) -> dict[str, Entry]:
    """Return what can be downloaded, by name, in the order of the catalogue."""
    return {n: each for n, each in read_catalogue(LIST).items() if kind in (None, each.kind)}


def find(name: str, kind: Kind) -> Entry:
    """Return an entry by name; NotFoundError where the catalogue has none."""
    known = entries()
    if name not in known:
        near = did_you_mean(name, entries(kind))
        what = "weights" if kind == "weights" else "data set"
        raise NotFoundError(
            f'no {what} "{name}" in the catalogue.{near}',
            "known: " + " ".join(entries(kind)),
            code=f"{kind}.unknown",
        )
    if known[name].kind != kind:
        raise UsageError(f"{name} is a {known[name].kind}", OTHER[known[name].kind].format(name))
    return known[name]


def place_of(entry: Entry) -> Path:
    """Return where the store keeps the file of an entry."""
    return weights_dir() / entry.file


def state_of(entry: Entry) -> State:
    """Say whether weights are here, by their size; `verify` reads the bytes."""
    path = place_of(entry)
    if not path.is_file():
        return "missing"
    size = record_of(entry).get("size", None if entry.member else entry.size)
    return "here" if size in (None, path.stat().st_size) else "damaged"


def stored(name: str) -> Path:
    """Return the file of downloaded weights; NotFoundError says how to get it."""
    entry = find(name, "weights")
    path, state = place_of(entry), state_of(entry)
    if state == "missing":
        raise NotFoundError(
            f"no weights {name} in the store",
            f"animekit models pull {name}",
            code="weights.missing",
        )
    if state == "damaged":
        raise CheckpointError(
            f"{path} has the wrong size: {path.stat().st_size:,} bytes",
            f"get it again: animekit models pull {name}",
            code="weights.damaged",
        )
    return path


def pull(
    name: str,
    *,
    sha256: str | None = None,
    unpinned: bool = False,
    progress: DownloadProgress | None = None,
) -> Path:
    """Download weights into the store unless they are there, sound; return the file.

    `sha256` is one that the caller knows; `unpinned` accepts weights that nobody published one of.
    Their sha256 is recorded when they come first, and is what they must have ever after.
    """
    entry = find(name, "weights")
    path, record = place_of(entry), record_of(entry)
    known = sha256 or entry.sha256 or record.get("download")
    if path.is_file() and (not entry.member or known == record.get("download")):
        expected = sha256 if sha256 and not entry.member else _expected(entry, record)
        if expected in (None, sha256_of(path)):  # None: somebody put it there by hand
            return path
    download = _downloads() / f"{path.name}.zip" if entry.member else path
    fetch(
        entry.urls,
        download,
        sha256=known,
        size=entry.size,
        most=entry.most,
        unpinned=unpinned,
        plain_http=entry.plain_http,
        progress=progress,
    )
    came = sha256_of(download)
    if entry.member:
        try:
            _take_member(download, entry, path)
        except AnimekitError:
            if known is None:  # else it is the right one, and would only come again
                download.unlink(missing_ok=True)
            raise
    facts = {
        "name": name,
        "sha256": sha256_of(path),
        "download": came,
        "size": path.stat().st_size,
        "urls": list(entry.urls),
        "licence": entry.licence,
        "page": entry.page,
    }
    write_atomic(record_path(entry), json.dumps(facts, indent=2) + "\n")
    return path


def verify(names: Iterable[str] | None = None) -> list[dict[str, Any]]:
    """Read the store's weights again; say of each whether its sha256 is right.

    The state is sound, damaged, or unknown where neither catalogue nor record has a sha256.
    """
    chosen = entries("weights").values() if names is None else [find(n, "weights") for n in names]
    rows = []
    for entry in chosen:
        path = place_of(entry)
        if not path.is_file():
            continue
        found, expected = sha256_of(path), _expected(entry, record_of(entry))
        state = "unknown" if expected is None else "sound" if found == expected else "damaged"
        row = {"name": entry.name, "state": state, "sha256": found, "expected": expected}
        rows.append({**row, "path": str(path)})
    return rows


def get_dataset(
    name: str,
    folder: Path,
    *,
    sha256: str | None = None,
    unpinned: bool = False,
    progress: DownloadProgress | None = None,
) -> Fetched:
    """Download a data set as a new folder; check its files where they are known.

    A folder that holds something is never touched. What a cut download left is continued by the
    next call. Raises NetworkError, or UnusableError for an archive that is not what it should be.
    """
    entry = find(name, "dataset")
    refuse_full(folder)
    download = _downloads() / entry.file
    fetch(
        entry.urls,
        download,
        sha256=sha256 or entry.sha256,
        size=entry.size,
        unpinned=unpinned or entry.manifest is not None,
        plain_http=entry.plain_http,
        progress=progress,
    )
    if not entry.root:
        folder.mkdir(parents=True, exist_ok=True)
        with room_for(folder / entry.file):
            write_atomic(folder / entry.file, download.read_bytes())
        download.unlink(missing_ok=True)
        return Fetched(entry, folder, 1)
    with unpacked(download, folder, place=below(entry.root)) as content:
        files = _check(entry, content, download)
        move(content, folder)
    download.unlink(missing_ok=True)  # it would double the room that the data set takes
    return Fetched(entry, folder, files)


def manifest_of(folder: Path) -> tuple[int, str]:
    """Return a folder's file count, and one sha256 over names, sizes and bytes."""
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))
    digest, files = hashlib.sha256(), 0
    for name in names:
        if (path := folder / name).is_file():
            files += 1
            digest.update(f"{name} {path.stat().st_size} {sha256_of(path)}\n".encode())
    return files, digest.hexdigest()


def _check(entry: Entry, content: Path, download: Path) -> int:
    """Return the number of files; delete a download whose files are not the published ones."""
    files, found = manifest_of(content)
    if not files or entry.manifest not in (None, found):
        download.unlink()
        expected = f"{entry.files:,} with manifest {entry.manifest}" if entry.manifest else "some"
        raise NetworkError(
            f"{entry.name}: {files:,} files with manifest {found}, expected {expected}",
            f"another set may be published there now: {entry.page}",
            code="network.checksum",
        )
    return files


def _take_member(archive: Path, entry: Entry, path: Path) -> None:
    """Take one file out of an archive into the store."""

    def place(name: PurePosixPath) -> PurePosixPath | None:
        return PurePosixPath(entry.member) if name.name == entry.member else None

    with unpacked(archive, path, place=place) as content:
        if not (content / entry.member).is_file():
            raise NetworkError(
                f"{archive.name} holds no {entry.member}", f"see {entry.page}", code="archive"
            )
        (content / entry.member).replace(path)
    archive.unlink()


def _downloads() -> Path:
    return cache_dir() / "downloads"


def record_path(entry: Entry) -> Path:
    """Return where it is on record what was downloaded."""
    path = place_of(entry)
    return path.with_name(path.name + ".json")


def record_of(entry: Entry) -> dict[str, Any]:
    """Return what is on record of a download, {} without."""
    try:
        record = read_json(record_path(entry), "record of a download")
    except AnimekitError:
        return {}
    return record if isinstance(record, dict) else {}


def _expected(entry: Entry, record: dict[str, Any]) -> str | None:
    """Return the sha256 that stored weights must have: the catalogue's word counts first."""
    published = None if entry.member else entry.sha256  # of the archive, where there is one
    return published or record.get("sha256")


@cache
def read_catalogue(path: Path) -> dict[str, Entry]:
    """Return the entries of a catalogue by name; UnusableError for a bad one."""
    rows = read_toml(path, "catalogue").get("entry")
    try:
        found = {row["name"]: Entry.model_validate(row) for row in rows or ()}
        if len(found) != len(rows or ()):
            raise ValueError("two entries have one name")
    except (LookupError, TypeError, ValueError) as error:  # pydantic's, too
        reason = f"is not sound: {clipped(' '.join(str(error).split()), 200)}"
        raise UnusableError(f"catalogue {path} {reason}", "install it again") from None
    return found
