"""Submission: what somebody handed in, a picture or a folder with scripts, and where it lies."""

from __future__ import annotations

import os
import stat
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from animekit.errors import NotFoundError, UsageError
from animekit.grading.remark import Remark
from animekit.images.formats import EXTENSIONS, FOREIGN, suffix_of
from animekit.text import clipped, did_you_mean

Kind = Literal["gan", "cgan"]

KINDS: tuple[Kind, ...] = ("gan", "cgan")
SCRIPTS: dict[Kind, str] = {"gan": "run_gan.sh", "cgan": "run_cgan.sh"}
SAMPLES = "samples"
WRITTEN: dict[Kind, str] = {kind: f"{SAMPLES}/{kind}.png" for kind in KINDS}
"""Where the course's scripts write."""
RESULT = {"page": "index.html", "csv": "grades.csv"}
"""What a grading writes into its own folder, by which it is known."""
DEEPEST = 3  # folders below a student's own in which the homework is looked for
MOST_ENTRIES = 20_000  # of one submission that are looked at
MOST_PICTURES = 20  # of a submission whose pictures have names of their own


@dataclass(frozen=True)
class Handed:
    """A picture that was handed in: its file, its name, and of which part it is."""

    path: Path
    name: str
    kind: Kind


@dataclass(frozen=True)
class Submission:
    """What one person handed in: pictures, scripts, and what is wrong at sight.

    `originals` are the pictures that a script is to make again, by kind; `root` is the folder that
    scripts run in, None for a picture alone.
    """

    name: str
    place: Path
    root: Path | None = None
    pictures: tuple[Handed, ...] = ()
    originals: dict[Kind, Handed] = field(default_factory=dict)
    scripts: dict[Kind, Path] = field(default_factory=dict)
    remarks: tuple[Remark, ...] = ()


def find_submissions(places: Sequence[Path]) -> list[Submission]:
    """Return the submissions in pictures and folders, in order.

    A folder with a run_gan.sh, a samples/gan.png or the like is one; in any other each folder and
    each picture is. Links that lead out of a folder are not followed. Raises NotFoundError where
    the only place is not there or holds nothing; one of several is then a remark.
    """
    if not places:
        raise UsageError("nothing to grade", "name pictures or folders: animekit grade gan.png")
    found: list[Submission] = []
    for place in places:
        try:
            found += _at(place, several=len(places) > 1)
        except NotFoundError as error:
            if len(places) == 1:
                raise
            found.append(_ungraded(str(place), place, "missing", error.message))
    return found


def _ungraded(name: str, place: Path, code: str, text: str) -> Submission:
    return Submission(name, place, remarks=(Remark(code, text),))


def _at(place: Path, *, several: bool) -> Iterable[Submission]:
    if not os.path.lexists(place):
        near = did_you_mean(place.name, _names(place.parent))
        raise NotFoundError(
            f"no picture or folder {clipped(str(place), 250)}.{near}",
            "name a PNG of 25 faces, or a folder of submissions",
            code="path.not_found",
        )
    if not place.is_dir():
        handed = Handed(place, str(place), _kind(place.name))
        return [Submission(str(place), place, pictures=(handed,))]
    if _is_homework(place):
        return [_homework(str(place), place, place)]
    prefix = f"{place}/" if several else ""
    found = list(_each(place, prefix))
    if not found:
        raise NotFoundError(
            f"no picture and no submission in {place}",
            "a folder of submissions has one folder, or one picture, a student",
            code="path.not_found",
        )
    return found


def _names(folder: Path) -> list[str]:
    try:
        return sorted(entry.name for entry in os.scandir(folder or "."))
    except OSError:
        return []


def _each(folder: Path, prefix: str) -> Iterator[Submission]:
    """Yield what is in a folder that is no homework itself."""
    for entry in sorted(os.scandir(folder), key=lambda each: each.name):
        path, name = Path(entry.path), prefix + entry.name
        if entry.name.startswith((".", "__MACOSX")):
            continue
        is_folder = entry.is_dir(follow_symlinks=False)
        if entry.is_symlink() and leads_out(path, folder):
            yield _ungraded(name, path, "link", "a link out of the folder, which is not followed")
        elif is_folder and all((path / own).is_file() for own in RESULT.values()):
            continue  # an earlier grading of this very folder
        elif is_folder:
            yield _student(name, path)
        elif _is_picture_name(entry.name):
            yield Submission(name, path, pictures=(Handed(path, name, _kind(entry.name)),))


def _student(name: str, folder: Path) -> Submission:
    """Return what a student's folder holds, which may lie a few folders deep."""
    shallow: Path | None = None
    for each in _folders(folder):
        if _is_homework(each):
            return _homework(name, folder, each)
        if shallow is None and any(_is_picture_name(entry) for entry in _names(each)):
            shallow = each
    if shallow is None:
        text = f"no picture: neither {WRITTEN['gan']} nor any other"
        return _ungraded(name, folder, "missing", text)
    handed, remarks = _inside(name, folder, _loose(shallow))
    return Submission(name, folder, shallow, handed, remarks=remarks)


def _folders(top: Path) -> Iterator[Path]:
    """Yield a folder and those in it, the shallow ones first; links are not followed."""
    waiting, seen = deque([(top, 0)]), 0
    while waiting and seen < MOST_ENTRIES:
        folder, depth = waiting.popleft()
        yield folder
        if depth == DEEPEST:
            continue
        try:
            entries = sorted(os.scandir(folder), key=lambda each: each.name)
        except OSError:
            continue
        seen += len(entries)
        waiting += [
            (Path(entry.path), depth + 1)
            for entry in entries
            if entry.is_dir(follow_symlinks=False) and not entry.name.startswith((".", "__MACOSX"))
        ]


def _marks(folder: Path) -> dict[str, Path]:
    """Return the files by which homework is known, by their names in small letters."""
    wanted = {f"{kind}{end}.png" for kind in KINDS for end in ("", "_original")}
    found = {}
    for name in _names(folder):
        low = name.lower()
        if low in wanted or low in SCRIPTS.values():
            found[low] = folder / name
    for below in _names(folder):
        if below.lower() == SAMPLES:
            names = _names(folder / below)
            found |= {n.lower(): folder / below / n for n in names if n.lower() in wanted}
    return found


def _is_homework(folder: Path) -> bool:
    return bool(_marks(folder))


def _homework(name: str, place: Path, root: Path) -> Submission:
    """Return a submission with the names of the course."""
    marks = _marks(root)
    pictures: list[Path] = []
    originals: dict[Kind, Handed] = {}
    scripts: dict[Kind, Path] = {}
    for kind in KINDS:
        first, original = marks.get(f"{kind}.png"), marks.get(f"{kind}_original.png")
        pictures += [path for path in (first, original) if path is not None][:1]
        if original is not None:
            originals[kind] = Handed(original, _called(name, place, original), kind)
        if SCRIPTS[kind] in marks:
            scripts[kind] = marks[SCRIPTS[kind]]
    if not pictures:
        pictures = [path for each in (root / SAMPLES, root) for path in _loose(each)]
    handed, remarks = _inside(name, place, pictures)
    kept, more = _inside(name, place, [each.path for each in originals.values()])
    names = {each.path for each in kept}
    originals = {kind: each for kind, each in originals.items() if each.path in names}
    if not handed and not remarks:
        text = f"no picture: neither {WRITTEN['gan']} nor samples/gan_original.png"
        remarks = (Remark("missing", text),)
    remarks = tuple(dict.fromkeys((*remarks, *more)))
    return Submission(name, place, root, handed, originals, scripts, remarks)


def _loose(folder: Path) -> list[Path]:
    names = [name for name in _names(folder) if _is_picture_name(name)]
    return [folder / name for name in names[:MOST_PICTURES]]


def _inside(
    name: str, place: Path, paths: Iterable[Path]
) -> tuple[tuple[Handed, ...], tuple[Remark, ...]]:
    """Return the pictures that lie in a submission, and remarks on links out of it."""
    handed, remarks = [], []
    for path in paths:
        called = _called(name, place, path)
        if leads_out(path, place):
            where = path.relative_to(place)
            text = f"{where} is a link out of the folder, which is not followed"
            remarks.append(Remark("link", text))
        else:
            handed.append(Handed(path, called, _kind(path.name)))
    return tuple(handed), tuple(remarks)


def _called(name: str, place: Path, path: Path) -> str:
    return f"{name}/{path.relative_to(place)}"


def leads_out(path: Path, folder: Path) -> bool:
    """Say whether a path lies elsewhere than in a folder once links are followed."""
    return not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder))


def _kind(name: str) -> Kind:
    return "cgan" if "cgan" in name.lower() else "gan"


def _is_picture_name(name: str) -> bool:
    return not name.startswith(".") and suffix_of(name) in (*EXTENSIONS, *FOREIGN)


def is_plain_file(path: Path) -> bool:
    """Say whether a path is a file, and no pipe or device, which might never end."""
    return stat.S_ISREG(path.stat().st_mode)
