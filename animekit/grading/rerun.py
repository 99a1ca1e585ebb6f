"""Rerun: the scripts of a submission in fresh copies of it, twice, and what they write."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from animekit.errors import AnimekitError, UnusableError
from animekit.files import as_error
from animekit.grading.execution import Execution, ScriptLimits, execute
from animekit.grading.picture import difference
from animekit.grading.remark import Remark, hint, joined
from animekit.grading.submission import (
    KINDS,
    SAMPLES,
    SCRIPTS,
    WRITTEN,
    Kind,
    Submission,
    leads_out,
)
from animekit.images.decode import read_image_file
from animekit.text import clipped

TIMES = 2
COPY_BYTES, COPY_FILES = 4_000_000_000, 50_000  # of a submission that is copied, at most
LEFT_OUT = (".git",)
CLOSE = 1.0  # levels in the mean up to which another machine's rounding may be the reason
TEXT = "testing_text.txt"


@dataclass(frozen=True)
class Rerun:
    """What came of a script that was run twice.

    `name` is that of the script. `picture` is what it wrote the first time; `reproduced` whether
    both times were the same bytes, `as_handed_in` whether they are those of the picture that was
    handed in; None if unknown.
    """

    kind: Kind
    name: str
    executions: tuple[Execution, ...] = ()
    picture: bytes | None = None
    reproduced: bool | None = None
    as_handed_in: bool | None = None
    remarks: tuple[Remark, ...] = ()

    @property
    def good(self) -> bool:
        """Whether nothing about it is a fault."""
        return not any(each.fault for each in self.remarks)

    def words(self) -> str:
        """Say in one line how it went."""
        parts = [joined(self.remarks)] if self.remarks else []
        if self.reproduced:
            seconds = " and ".join(f"{each.seconds:.1f} s" for each in self.executions)
            same = ", those handed in" if self.as_handed_in else ""
            parts.append(f"twice the same bytes{same} ({seconds})")
        return "; ".join(parts)

    def facts(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {
            "script": self.name,
            "kind": self.kind,
            "reproduced": self.reproduced,
            "as_handed_in": self.as_handed_in,
            "executions": [
                {
                    "ended": each.ended,
                    "code": each.code,
                    "seconds": round(each.seconds, 2),
                    "output": each.output,
                }
                for each in self.executions
            ],
            "remarks": [each.facts() for each in self.remarks],
        }


def rerun(
    submission: Submission, kind: Kind, limits: ScriptLimits, prompts: Path | None = None
) -> Rerun | None:
    """Run the script of a part twice, in fresh copies; None where there is none.

    The pictures of the course are taken out of the copy first, so that what lies there afterwards
    was made. `prompts` is the testing text that run_cgan.sh gets.
    """
    script = submission.scripts.get(kind)
    if script is None or submission.root is None:
        return None
    name = f"{submission.name}/{script.relative_to(submission.place)}"
    if kind == "cgan" and prompts is None:
        text = f"{SCRIPTS[kind]} was not run: --prompts FILE is what it takes"
        return Rerun(kind, name, remarks=(hint("no_prompts", text),))
    executions: list[Execution] = []
    pictures: list[bytes] = []
    try:
        for _ in range(TIMES):
            with _copy_of(submission.root) as (folder, spare):
                words = ["bash", script.name]
                if prompts is not None and kind == "cgan":
                    words.append(str(shutil.copy(prompts, spare.parent / TEXT)))
                done = execute(words, folder, spare, limits)
                executions.append(done)
                pictures.append(_written(done, kind, folder, limits))
    except _Failed as failed:
        return Rerun(kind, name, tuple(executions), remarks=(failed.remark,))
    return _compared(kind, name, tuple(executions), pictures, submission)


class _Failed(Exception):
    """A script gave no picture; `remark` says why."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.remark = Remark(code, text)


def _written(done: Execution, kind: Kind, folder: Path, limits: ScriptLimits) -> bytes:
    """Return the picture that a script wrote; _Failed says in one line why there is none."""
    script = SCRIPTS[kind]
    if done.ended == "time":
        raise _Failed("time", f"{script} was stopped after {limits.seconds:g} s")
    if done.ended == "size":
        raise _Failed("size", f"{script} was stopped: it wrote over {limits.size // 1_000_000} MB")
    said = f": {clipped(done.last_line(), 160)}" if done.last_line() else ""
    if done.ended == "failed":
        code = done.code or 0
        how = f"signal {code - 128}" if code > 128 else f"code {code}"
        raise _Failed("exit", f"{script} ended with {how}{said}")
    path = folder / WRITTEN[kind]
    if path.is_symlink() or not path.exists():
        what = "a link" if path.is_symlink() else _elsewhere(folder, path.name)
        raise _Failed(
            "nothing", f"{script} wrote no {WRITTEN[kind]}{what and f', but {what}'}{said}"
        )
    try:
        if not path.is_file():
            raise _Failed("nothing", f"{script} wrote no picture at {WRITTEN[kind]}")
        return read_image_file(path, WRITTEN[kind])
    except AnimekitError as error:
        raise _Failed("unreadable", f"{script} wrote {error.message}") from None


def _elsewhere(folder: Path, name: str) -> str:
    """Return where a picture of that name lies instead, "" if nowhere."""
    for place, _, names in os.walk(folder):
        if name in names:
            return str((Path(place) / name).relative_to(folder))
    return ""


def _compared(
    kind: Kind,
    name: str,
    executions: tuple[Execution, ...],
    pictures: list[bytes],
    submission: Submission,
) -> Rerun:
    """Hold two pictures against each other and against the one that was handed in."""
    first, second = pictures
    remarks = []
    apart = difference(first, second)
    if not apart.same:
        text = (
            f"{SCRIPTS[kind]} writes another picture each time ({apart.words}): is the seed fixed?"
        )
        remarks.append(Remark("differs", text))
    elif apart.words:
        remarks.append(hint("bytes", f"{SCRIPTS[kind]} writes {apart.words} each time"))
    handed = submission.originals.get(kind)
    if handed is None:
        handed = next((each for each in submission.pictures if each.kind == kind), None)
    as_handed_in = None
    if handed is not None:
        try:
            original = read_image_file(handed.path)
        except AnimekitError:
            original = None  # it is remarked where it is graded
        if original is not None:
            as_handed_in = original == first
            remarks += _beside(kind, handed.path.name, original, first)
    return Rerun(kind, name, executions, first, first == second, as_handed_in, tuple(remarks))


def _beside(kind: Kind, name: str, original: bytes, made: bytes) -> Iterator[Remark]:
    apart = difference(original, made)
    if apart.same and apart.words:
        yield hint("bytes", f"{SCRIPTS[kind]} writes {apart.words} than {name}")
    elif 0 < apart.levels <= CLOSE:
        text = f"{SCRIPTS[kind]} makes {name} but for the rounding of another machine"
        yield hint("close", f"{text}: {apart.words}")
    elif not apart.same:
        text = f"{SCRIPTS[kind]} does not make {name} again: {apart.words}"
        yield Remark("not_handed_in", text)


@contextmanager
def _copy_of(root: Path) -> Iterator[tuple[Path, Path]]:
    """Give a copy of a folder without the course's pictures, and an empty folder beside it."""
    with tempfile.TemporaryDirectory(prefix="animekit-", ignore_cleanup_errors=True) as top:
        folder, spare = Path(top) / (root.resolve().name or "submission"), Path(top) / "home"
        if folder == spare:
            folder = Path(top) / "submission"
        spare.mkdir()
        try:
            _copy(root, folder)
        except OSError as error:
            raise _Failed("copy", f"it cannot be copied: {as_error(error).message}") from None
        except UnusableError as error:
            raise _Failed("copy", error.message) from None
        for kind in KINDS:
            for name in (f"{kind}.png", f"{kind}_original.png"):
                for place in (folder, folder / SAMPLES):
                    (place / name).unlink(missing_ok=True)
        yield folder, spare


def _copy(root: Path, target: Path) -> None:
    """Copy files, folders and the links that stay inside; of anything else nothing."""
    files = total = 0
    for place, folders, names in os.walk(root):
        here = target / Path(place).relative_to(root)
        here.mkdir(parents=True, exist_ok=True)
        folders[:] = [name for name in folders if name not in LEFT_OUT]
        for name in [*names, *folders]:
            source = Path(place) / name
            if source.is_symlink():
                if not (leads_out(source, root) or (to := source.readlink()).is_absolute()):
                    (here / name).symlink_to(to)
            elif source.is_file():
                files, total = files + 1, total + source.stat().st_size
                if files > COPY_FILES or total > COPY_BYTES:
                    raise UnusableError(
                        f"it is too large to be run: over {COPY_FILES:,} files or"
                        f" {COPY_BYTES // 1_000_000_000} GB"
                    )
                shutil.copy(source, here / name)
