"""Plan of a transfer: which file becomes which, checked before any work is done."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Literal

from animekit.errors import UnusableError, UsageError
from animekit.images.decode import KINDS
from animekit.translation.inputs import VIDEOS, Source
from animekit.translation.targets import Column

Existing = Literal["refuse", "skip", "overwrite"]
EXTENSIONS = ("same", "png", "jpg", "webp")
NAMED = 3  # collisions that an error names
FOLDER = Path("transfers")  # of what was not told where to go


@dataclass(frozen=True)
class Work:
    """One file, and what it becomes: each column with the file it goes to."""

    source: Source
    targets: tuple[tuple[Column, Path], ...]


@dataclass
class Plan:
    """All that is to be done below `out`, and how much was done before."""

    out: Path
    works: list[Work] = field(default_factory=list)
    skipped: int = 0

    @property
    def pictures(self) -> int:
        """How many files will be written."""
        return sum(len(work.targets) for work in self.works)


def default_out(model: str, name: str) -> Path:
    """Return a new numbered folder such as transfers/0003-cyclegan-apple2orange."""
    label = "".join(c if c.isalnum() or c in "._-" else "-" for c in Path(name).name)
    numbers = [int(path.name[:4]) for path in FOLDER.glob("[0-9][0-9][0-9][0-9]-*")]
    label = label.removeprefix(f"{model}-").strip(".-") or "pictures"
    return FOLDER / f"{max(numbers, default=0) + 1:04d}-{model}-{label}"


def is_file_name(out: Path) -> bool:
    """Say whether OUT names one picture or video and no folder."""
    return out.suffix.lower() in (*KINDS, *VIDEOS) and not out.is_dir()


def make(
    pairs: Iterable[tuple[Source, Sequence[Column]]],
    out: Path,
    *,
    ext: str = "same",
    suffix: str = "",
    existing: Existing = "refuse",
    folders: bool = False,
) -> Plan:
    """Return what each source becomes, with `folders` in one for each column.

    Raises UsageError or UnusableError, before anything is written: two pictures with one name, a
    name that is an input, a file that is there and may be neither replaced nor passed over, a
    folder that a link leads out of OUT.
    """
    if ext not in EXTENSIONS:
        raise UsageError(f'cannot write "{ext}"', f"--ext {'|'.join(EXTENSIONS)}")
    if any(sign in suffix for sign in "/\\\0"):
        raise UsageError(f'--suffix "{suffix}" is no part of a name', "as in --suffix _orange")
    pairs = list(pairs)
    plan, taken = Plan(out), dict[str, str]()
    inputs = {os.path.realpath(source.path) for source, _ in pairs}
    there: list[Path] = []
    for source, columns in pairs:
        targets = []
        for column in columns:
            name = renamed(source.name, ext, suffix)
            target = out / column.name / name if folders else out / name
            _refuse_clash(taken, target, str(source.path))
            if os.path.realpath(target) in inputs:
                raise UsageError(
                    f"{target} is one of the pictures to be translated",
                    "name another folder with -o, or add --suffix _new",
                    code="usage.same_file",
                )
            if os.path.lexists(target):
                there.append(target)
                if existing == "skip":
                    plan.skipped += 1
                    continue
            targets.append((column, target))
        if targets:
            plan.works.append(Work(source, tuple(targets)))
    _refuse_existing(there, existing)
    _refuse_links(plan)
    return plan


def one(source: Source, column: Column, target: Path, existing: Existing) -> Plan:
    """Return the plan of one picture that goes to one file."""
    if os.path.realpath(target) == os.path.realpath(source.path):
        raise UsageError(f"{target} is the picture itself", "name another file with -o")
    if os.path.lexists(target):
        if existing == "skip":
            return Plan(target.parent, skipped=1)
        _refuse_existing([target], existing)
    return Plan(target.parent, [Work(source, ((column, target),))])


def renamed(name: PurePosixPath, ext: str, suffix: str = "") -> PurePosixPath:
    """Return the name of a result: its own extension, unless another one is wanted.

    A video keeps its own in any case.

    >>> str(renamed(PurePosixPath("a/b.jpg"), "png", "_new"))
    'a/b_new.png'
    """
    ending = name.suffix
    if ext != "same" and ending.lower() not in VIDEOS:
        ending = f".{ext}"
    stem = name.name.removesuffix(name.suffix) if name.suffix else name.name
    return name.with_name(f"{stem}{suffix}{ending}")


def _refuse_clash(taken: dict[str, str], target: Path, source: str) -> None:
    """Keep a name free of other spellings: on some systems A.png and a.png are one file."""
    plain = unicodedata.normalize("NFC", str(target)).casefold()
    if plain in taken:
        raise UsageError(
            f"{taken[plain]} and {source} would both become {target}",
            "--ext same keeps their extensions; or translate them apart",
            code="usage.collision",
        )
    taken[plain] = source


def _refuse_existing(there: Sequence[Path], existing: Existing) -> None:
    folders = [path for path in there if path.is_dir() and not path.is_symlink()]
    if folders or (there and existing == "refuse"):
        seen = folders or there
        shown = " ".join(map(str, seen[:NAMED])) + (" ..." if len(seen) > NAMED else "")
        raise UnusableError(
            f"{len(seen):,} results are there already: {shown}",
            "--skip-existing goes on behind them, --overwrite replaces them; or name another -o",
            code="file.exists",
        )


def _refuse_links(plan: Plan) -> None:
    """Refuse folders below OUT that are links to somewhere else."""
    top = os.path.realpath(plan.out)
    folders = {target.parent for work in plan.works for _, target in work.targets}
    for folder in sorted(folders):
        if not Path(os.path.realpath(folder)).is_relative_to(top):
            raise UnusableError(
                f"{folder} leads out of {plan.out}", "take the link away", code="path"
            )
        inner = folder
        while inner != plan.out and inner != inner.parent:
            if inner.exists() and not inner.is_dir():
                raise UnusableError(f"{inner} is no folder", "name another -o", code="path")
            inner = inner.parent
    if plan.out.exists() and not plan.out.is_dir():
        raise UnusableError(f"{plan.out} is no folder", "name a folder with -o", code="path")
