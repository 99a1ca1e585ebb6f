"""The crops in a folder: where each came from, and what must not be in their way."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path, PurePosixPath
from typing import Any

from pydantic import TypeAdapter, ValidationError

from animekit.data.dataset import Skipped
from animekit.errors import AnimekitError, DataError, UnusableError, UsageError
from animekit.files import write_atomic
from animekit.foreign import parse_json
from animekit.images.write import read_png_text
from animekit.text import Printed, apart

LIST = "crops.csv"
SUMMARY = "crops.json"
KEY = "animekit-crop"
"""The text key of a PNG that holds its row of crops.csv, as JSON."""
AGAIN = "--yes writes there all the same; --out writes elsewhere"


@dataclass(frozen=True)
class Crop:
    """One crop and its provenance: a row of crops.csv.

    `x y w h` is the detector's box in pixels of the upright source, `left top side` the square
    that was cut out, `size` the side of the file. Names are those below the two folders.
    """

    crop: str
    source: str
    source_sha256: str
    x: float
    y: float
    w: float
    h: float
    score: float
    detector: str
    margin: float
    left: int
    top: int
    side: int
    size: int


@dataclass
class Cropped(Printed):
    """What came of cropping a folder; `crops` are in the order of their sources.

    `faceless` are the sources without a sure face, `unsure` counts the boxes of a low score and
    `small` the faces whose crops would be too small, `rejected` are the sources that the newest
    manifest rejects, and `stale` the crops of an earlier time that were not made again.
    """

    folder: Path
    sources: int
    crops: list[Crop] = field(default_factory=list)
    faceless: list[str] = field(default_factory=list)
    unsure: int = 0
    small: int = 0
    failed: list[Skipped] = field(default_factory=list)
    rejected: list[str] = field(default_factory=list)
    stale: list[str] = field(default_factory=list)
    settings: dict[str, Any] = field(default_factory=dict)

    def as_table(self) -> list[Sequence[str]]:
        """Return the counts."""
        counts = {
            "faces": len(self.crops),
            "pictures": self.sources,
            "without a sure face": len(self.faceless),
            "boxes of a low score": self.unsure,
            "faces too small": self.small,
            "failed": len(self.failed),
        }
        return [("crops", str(self.folder)), *((k, f"{v:,}") for k, v in counts.items())]

    def answer(self) -> dict[str, Any]:
        """Return the facts and where they and the crops are: the data of the JSON answer."""
        places = {"folder": str(self.folder), "list": str(self.folder / LIST)}
        return self.facts() | places | {"stale": self.stale}

    def facts(self) -> dict[str, Any]:
        """Return the counts and lists, as crops.json holds them."""
        return {
            "schema": "animekit.crops/1",
            "sources": self.sources,
            "crops": len(self.crops),
            "with_faces": len({crop.source for crop in self.crops}),
            "unsure": self.unsure,
            "small": self.small,
            "faceless": self.faceless,
            "failed": [asdict(item) for item in self.failed],
            "rejected": self.rejected,
            "settings": self.settings,
        }


def faces_folder(folder: Path) -> Path:
    """Return the folder beside a folder of pictures where its faces go.

    >>> faces_folder(Path("/data/art")).name
    'art_faces'
    """
    path = folder.absolute()
    return path.with_name(f"{path.name}_faces")


def read_crop(path: Path | str) -> Crop | None:
    """Return where a crop came from, as its own metadata says; None for another file."""
    try:
        text = read_png_text(path)[KEY]
        return TypeAdapter(Crop).validate_python(parse_json(text, "crop", any_name=True))
    except (AnimekitError, KeyError, ValidationError):
        return None


def refuse(source: Path, out: Path, names: list[str], *, overwrite: bool) -> set[str]:
    """Raise where crops cannot be written; return those that an earlier list names."""
    here, there = os.path.realpath(source), os.path.realpath(out)
    if Path(there).is_relative_to(here) or Path(here).is_relative_to(there):
        raise UsageError(
            f"{out} and {source} lie in each other", "name a folder outside with --out"
        )
    claimed: dict[str, str] = {}
    for name in names:
        key = _plain(stem(name))
        if key in claimed:
            how = apart(stem(claimed[key]), stem(name))
            differ = f"they differ {how}, and to some systems they are one file: " if how else ""
            raise DataError(
                f"{claimed[key]} and {name} would have crops of one name: {stem(name)}_1.png",
                f"{differ}rename or move one of the two; nothing was written",
                code="file.collision",
            )
        claimed[key] = name
    if out.exists() and not out.is_dir():
        raise UnusableError(f"{out} is no folder", AGAIN, code="file.exists")
    if not out.is_dir() or not any(out.iterdir()):
        return set()
    if not overwrite:
        raise UnusableError(f"{out} is not empty", AGAIN, code="file.exists")
    for path in sorted(out.rglob("*.png")):
        base = re.fullmatch(r"(.+)_\d+", stem(path.relative_to(out).as_posix()))
        if base and _plain(base[1]) in claimed and read_crop(path) is None:
            raise UnusableError(
                f"{path} is in the way, and is no crop",
                "move it away, or name another folder with --out",
                code="file.exists",
            )
    return _listed(out / LIST)


def _listed(path: Path) -> set[str]:
    try:
        text = path.read_bytes().decode("utf-8", "surrogateescape")
    except OSError:
        return set()
    rows = csv.DictReader(io.StringIO(text, newline=""))
    return {row["crop"] for row in rows if row.get("crop")}


def still_there(out: Path, names: set[str]) -> list[str]:
    """Return which of the names are files in a folder."""
    return sorted(name for name in names if (out / name).is_file())


def write_list(made: Cropped) -> None:
    """Write crops.csv and crops.json into the folder of the crops."""
    made.folder.mkdir(parents=True, exist_ok=True)
    text = io.StringIO(newline="")
    columns = [column.name for column in fields(Crop)]
    # quoted: a carriage return in a file name is not by itself where lines end in "\n"
    writer = csv.DictWriter(text, columns, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC)
    writer.writeheader()
    writer.writerows(asdict(each) for each in made.crops)
    # File names need not be valid UTF-8.
    write_atomic(made.folder / LIST, text.getvalue().encode("utf-8", "surrogateescape"))
    write_atomic(made.folder / SUMMARY, json.dumps(made.facts(), indent=1) + "\n")


def stem(name: str) -> str:
    """Return the name of a source without its extension, which its crops begin with."""
    return str(PurePosixPath(name).with_suffix(""))


def _plain(name: str) -> str:
    """Return what two names have in common that some systems take for one file."""
    return unicodedata.normalize("NFC", name).casefold()
