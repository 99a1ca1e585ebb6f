"""Inputs of a transfer: the pictures that words name, and the name each keeps below OUT."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path, PurePosixPath

from animekit.data.dataset import Skipped, looked_for, nothing_at, seen
from animekit.errors import DataError, NotFoundError, UsageError
from animekit.images.formats import KINDS, head_of, unread_words, use_of

VIDEOS = (".mp4", ".webm", ".avi", ".mkv", ".mov", ".m4v", ".mpg", ".mpeg", ".ogv")


@dataclass(frozen=True)
class InputFile:
    """A file to translate, and its place below OUT, without ".." and never absolute."""

    path: Path
    name: PurePosixPath
    camera: int | None = None  # its number, where a camera is read in place of a file

    @property
    def is_video(self) -> bool:
        """Whether it is a file that OpenCV is to read, by its name."""
        return self.camera is None and self.name.suffix.lower() in VIDEOS

    @property
    def is_filmed(self) -> bool:
        """Whether it is read frame by frame, from a video or a camera."""
        return self.camera is not None or self.is_video


@dataclass
class Inputs:
    """The files that words name: to be read, unreadable, and others."""

    files: list[InputFile] = field(default_factory=list)
    failed: list[Skipped] = field(default_factory=list)
    others: list[str] = field(default_factory=list)

    @property
    def folders(self) -> int:
        """How many sub-folders hold them."""
        return len({file.name.parent for file in self.files} - {PurePosixPath(".")})

    def add(self, path: Path, name: PurePosixPath, *, asked: bool = False) -> None:
        """Take one file, by its extension; without one, by its first bytes.

        `asked`: it was named itself, so that its content decides and not its name.
        """
        head = partial(head_of, path)
        use = "read" if asked or name.suffix.lower() in VIDEOS else use_of(name.name, head)
        if use == "read":
            self.files.append(InputFile(path, name))
        elif use == "foreign":
            self.failed.append(Skipped(str(path), unread_words(name.name, head())))
        else:
            self.others.append(str(path))


def find(words: Sequence[str | Path], out: Path | None = None) -> Inputs:
    """Return what files, folders and patterns name; what lies in `out` is left out.

    A folder's tree is kept. Of several folders each keeps its own name too. Raises NotFoundError
    for what is not there, and DataError where there is no picture; both say what was seen.
    """
    found = Inputs()
    many = len(words) > 1
    away = None if out is None else os.path.realpath(out)
    for word in map(str, words):
        path = Path(word)
        if path.is_dir():
            _refuse_same(path, out)
            prefix = PurePosixPath(path.resolve().name) if many else PurePosixPath()
            for name, inner in sorted(_walk(path, found, away)):
                found.add(inner, prefix / name)
        elif path.exists():
            found.add(path, PurePosixPath(path.name), asked=True)
        elif glob.has_magic(word):
            _add_pattern(word, found, away)
        else:
            raise _nothing(word)
    if not found.files and not found.failed:
        raise DataError(
            f"no pictures in {' '.join(map(str, words))}: found {seen(found.others)}",
            f"looked for {looked_for()}, and videos {' '.join(VIDEOS)}",
        )
    return found


def _refuse_same(path: Path, out: Path | None) -> None:
    if out is not None and os.path.realpath(path) == os.path.realpath(out):
        raise UsageError(
            f"{out} is where the pictures come from: they would be written over",
            "name another folder with -o",
            code="usage.same_folder",
        )


def _nothing(word: str) -> NotFoundError:
    error = nothing_at(word)
    return NotFoundError(error.message, error.hint, code=error.code)


def _add_pattern(word: str, found: Inputs, away: str | None) -> None:
    """Take what a pattern matches; names begin behind its fixed part."""
    matches = sorted(glob.glob(word, recursive=True))  # noqa: PTH207  # Path.glob takes no ".."
    base = Path(*_fixed(Path(word).parts))
    before = len(found.files) + len(found.failed)
    for match in map(Path, matches):
        if match.is_file() and not _lies_in(match, away):
            found.add(match, PurePosixPath(match.relative_to(base).as_posix()))
    if len(found.files) + len(found.failed) == before:
        raise NotFoundError(
            f'no picture matches "{word}"',
            f"{len(matches):,} files and folders do; looked for {looked_for()}",
            code="data.not_found",
        )


def _fixed(parts: Iterable[str]) -> Iterator[str]:
    for part in list(parts)[:-1]:
        if glob.has_magic(part):
            return
        yield part


def _walk(top: Path, found: Inputs, away: str | None) -> Iterator[tuple[PurePosixPath, Path]]:
    """Yield files by their name below `top`. Links are followed, but no folder entered twice."""
    entered = {os.path.realpath(top)} | ({away} if away else set())
    waiting = [(PurePosixPath(), top)]
    while waiting:
        prefix, folder = waiting.pop()
        try:
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except OSError as error:
            found.failed.append(Skipped(str(folder), f"cannot be opened: {error.strerror}"))
            continue
        for entry in entries:
            if entry.name.startswith("."):
                continue
            path, name = Path(entry.path), prefix / entry.name
            if path.is_dir():  # an entry would raise on a link that leads to itself
                real = os.path.realpath(path)
                if real not in entered:
                    entered.add(real)
                    waiting.append((name, path))
            elif path.is_file():
                yield name, path
            elif name.suffix.lower() in (*KINDS, *VIDEOS):
                reason = "a link to nothing" if entry.is_symlink() else "not a regular file"
                found.failed.append(Skipped(str(path), reason))


def _lies_in(path: Path, folder: str | None) -> bool:
    return folder is not None and Path(os.path.realpath(path)).is_relative_to(folder)
