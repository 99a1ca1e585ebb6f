"""Watch: pictures that come into a folder are translated as they come."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from animekit.errors import DataError
from animekit.models.targets import Target
from animekit.translation.inputs import InputFile, Inputs, find
from animekit.translation.pipeline import Pipeline
from animekit.translation.plan import plan_files
from animekit.translation.session import TransferSession

# between two looks at a folder; a file is taken when it was alike in both
WATCH_SECONDS = 1.0

Stamp = tuple[int, int]  # size and time of a file, by which a later look tells that it is complete


def watch(session: TransferSession, targets: Sequence[Target], out: Path) -> None:
    """Translate what is there and what comes, until a signal ends it.

    A file that was done and changed is done again where results may be replaced.
    """
    seen: dict[Path, Stamp] = {}
    done: dict[Path, Stamp] = {}
    while not session.stopped:
        files = look(session.request.inputs, out).files
        now = _stamps(files)
        fresh = {path for path, stamp in now.items() if seen.get(path) == stamp != done.get(path)}
        seen = now
        if fresh:
            done |= {path: now[path] for path in fresh}
            _translate(session, [file for file in files if file.path in fresh], targets, out)
        time.sleep(0 if session.stopped else WATCH_SECONDS)
    result = session.result
    result.pictures = len({item.source for item in result.items}) + len(result.failed)


def look(inputs: Sequence[str], out: Path) -> Inputs:
    """Return what is there by now, which may be nothing."""
    try:
        return find(inputs, out)
    except DataError:
        return Inputs()


def _translate(
    session: TransferSession, files: Sequence[InputFile], targets: Sequence[Target], out: Path
) -> None:
    request = session.request
    plan = plan_files(
        [(file, targets) for file in files],
        out,
        ext=request.ext,
        suffix=request.suffix,
        existing="overwrite" if request.existing == "overwrite" else "skip",
        folders=len(targets) > 1,
    )
    Pipeline(session).run(plan.files)


def _stamps(files: Sequence[InputFile]) -> dict[Path, Stamp]:
    stamps = {}
    for file in files:
        try:
            facts = file.path.stat()
        except OSError:
            continue  # it went away again
        stamps[file.path] = (facts.st_size, facts.st_mtime_ns)
    return stamps
