"""Plan of a transfer: which file becomes which, checked before any work is done."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from animekit.errors import UnusableError, UsageError
from animekit.images.formats import KINDS
from animekit.models.targets import Target
from animekit.text import apart, one_name
from animekit.translation.inputs import VIDEOS, InputFile
from animekit.translation.request import Existing

NAMED = 3  # collisions that an error names
FOLDER = Path("transfers")  # of results without a place of their own


@dataclass(frozen=True)
class PlannedFile:
    """One file, and what it becomes: each target with the file it goes to."""

    source: InputFile
    outputs: tuple[tuple[Target, Path], ...]


@dataclass
class TransferPlan:
    """All that is to be done below `out`, and how much was done before.

    `single`: it is one result that goes to a file or a stream of its own, without a page.
    """

    out: Path
    files: list[PlannedFile] = field(default_factory=list)
    skipped: int = 0
    single: bool = False

    @property
    def results(self) -> int:
        """How many files will be written."""
        return sum(len(each.outputs) for each in self.files)

    @property
    def videos(self) -> int:
        """How many of the files are videos."""
        return sum(each.source.is_video for each in self.files)


def default_out(model: str, name: str) -> Path:
    """Return a new numbered folder such as transfers/0003-cyclegan-apple2orange."""
    label = "".join(c if c.isalnum() or c in "._-" else "-" for c in Path(name).name)
    numbers = [int(path.name[:4]) for path in FOLDER.glob("[0-9][0-9][0-9][0-9]-*")]
    label = label.removeprefix(f"{model}-").strip(".-") or "pictures"
    return FOLDER / f"{max(numbers, default=0) + 1:04d}-{model}-{label}"


def is_file_name(out: Path) -> bool:
    """Say whether OUT names one picture or video and no folder."""
    return out.suffix.lower() in (*KINDS, *VIDEOS) and not out.is_dir()


def plan_files(
    pairs: Iterable[tuple[InputFile, Sequence[Target]]],
    out: Path,
    *,
    ext: str = "same",
    suffix: str = "",
    existing: Existing = "refuse",
    folders: bool = False,
) -> TransferPlan:
    """Return what each source becomes, with `folders` in one for each target.

    Raises UsageError or UnusableError, before anything is written: two pictures with one name, a
    name that is an input, a file that is there and may be neither replaced nor passed over, a
    folder that a link leads out of OUT.
    """
    pairs = list(pairs)
    plan, taken = TransferPlan(out), dict[str, tuple[Path, Path]]()
    inputs = {os.path.realpath(source.path) for source, _ in pairs}
    there: list[Path] = []
    for source, targets in pairs:
        outputs = []
        for target in targets:
            name = renamed(source.name, ext, suffix)
            path = out / target.name / name if folders else out / name
            _refuse_clash(taken, path, source.path)
            if os.path.realpath(path) in inputs:
                raise UsageError(
                    f"{path} is one of the pictures to be translated",
                    "name another folder with -o, or add --suffix _new",
                    code="usage.same_file",
                )
            if os.path.lexists(path):
                there.append(path)
                if existing == "skip":
                    plan.skipped += 1
                    continue
            outputs.append((target, path))
        if outputs:
            plan.files.append(PlannedFile(source, tuple(outputs)))
    _refuse_existing(there, existing)
    _refuse_links(plan)
    return plan


def plan_single(source: InputFile, target: Target, path: Path, existing: Existing) -> TransferPlan:
    """Return the plan of one picture that goes to one file."""
    if os.path.realpath(path) == os.path.realpath(source.path):
        raise UsageError(f"{path} is the picture itself", "name another file with -o")
    if os.path.lexists(path):
        if existing == "skip":
            return TransferPlan(path.parent, skipped=1, single=True)
        _refuse_existing([path], existing)
    return TransferPlan(path.parent, [PlannedFile(source, ((target, path),))], single=True)


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


def _refuse_clash(taken: dict[str, tuple[Path, Path]], path: Path, source: Path) -> None:
    """Keep a name free of other spellings: on some systems A.png and a.png are one file."""
    key = one_name(str(path))
    if key not in taken:
        taken[key] = path, source
        return
    known, other = taken[key]
    hint = "--ext same keeps their extensions; or translate them apart"
    if how := apart(str(known), str(path)):
        hint = f"they differ {how}, and to some systems they are one file: rename one"
    raise UsageError(f"{other} and {source} would both become {path}", hint, code="usage.collision")


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


def _refuse_links(plan: TransferPlan) -> None:
    """Refuse folders below OUT that are links to somewhere else."""
    top = os.path.realpath(plan.out)
    folders = {path.parent for each in plan.files for _, path in each.outputs}
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
