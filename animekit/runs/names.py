"""What a word names: weights, a run, or a file; the one rule that all commands follow.

A word with a / or a \\ in it is a path, and so is a Path. Any other word is taken for the first of
these that there is: weights that come with animekit, weights that were imported, a run (its name,
the beginning of that, or its number), a file or folder. Whoever takes it says what else has the
name, and that ./WORD is the file or folder.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from animekit.errors import NotFoundError
from animekit.files import is_file
from animekit.models import weights
from animekit.text import did_you_mean

RUNS = Path("runs")
TRASH = "trash"
"""The folder in the folder of runs: a folder a removal in it, and the runs of it in that."""
LONGEST = 20  # digits of a number that may be a run's
SHOWN = 8  # runs that a hint names


class Meaning(NamedTuple):
    """One thing that a word names, in words, and the weights file if it is one."""

    words: str
    weights: Path | None = None
    run: Path | None = None

    def __str__(self) -> str:
        return self.words


def meanings(word: str | Path) -> list[Meaning]:
    """Return all that a word names, that first for which it is taken."""
    found = []
    if isinstance(word, str) and not re.search(r"[/\\\\]", word):
        for kind, known in (("bundled", weights.bundled()), ("imported", weights.imported())):
            if word in known:
                found.append(Meaning(f"the {kind} weights {word}", weights=known[word]))
        try:
            run = find_run(word, RUNS)
            found.append(Meaning(f"run {run.name}", run=run))
        except NotFoundError:
            pass
    path = Path(word)
    folder = os.path.isdir(path)  # noqa: PTH112 - Path.is_dir raises for names of 300 letters
    if (folder or is_file(path)) and all(each.run != path for each in found):
        kind = "folder" if folder else "file"
        beside = "./" if found else ""
        found.append(Meaning(f"the {kind} {beside}{word}"))
    return found


def list_runs(runs: Path = RUNS, *, complete: bool = True) -> list[Path]:
    """Return the run folders, oldest first; complete ones have their config.json."""
    if not runs.is_dir():
        return []
    found = (path for path in runs.iterdir() if re.match(r"\d{4,}-", path.name) and path.is_dir())
    kept = (path for path in found if not complete or (path / "config.json").is_file())
    return sorted(kept, key=lambda path: (number_of(path), path.name))


def folder_of(model: str, data: str, runs: Path = RUNS) -> Path:
    """Return the folder of a new run, numbered behind the newest.

    The name of the data is put in letters that are safe anywhere.
    """
    label = re.sub(r"[^\w.-]+", "-", data).strip("-.") or "data"
    known = list_runs(runs, complete=False)
    for removal in sorted((runs / TRASH).glob("[0-9]*")):  # whose runs may come back
        known += list_runs(removal, complete=False)
    numbers = [number_of(path) for path in known]
    return runs / f"{max(numbers, default=0) + 1:04d}-{model}-{label}"


def number_of(path: Path) -> int:
    """Return the number that a run folder's name begins with."""
    return int(path.name.partition("-")[0])


def find_run(where: str, runs: Path) -> Path:
    """Return the folder of a run by its name, the beginning of it, or its number."""
    known = {path.name: path for path in list_runs(runs)}
    if where in known:
        return known[where]
    if where.isdecimal() and len(where) < LONGEST:
        matches = [path for path in known.values() if number_of(path) == int(where)]
    else:
        matches = [path for name, path in known.items() if where and name.startswith(where)]
    if len(matches) == 1:
        return matches[0]
    if matches:
        raise NotFoundError(
            f'"{where}" can be {", ".join(path.name for path in matches)}',
            "give the whole name",
            code="run.not_found",
        )
    raise NotFoundError(
        f'no run "{where}" in {runs}{_no_run_in(where)}.{_near_run(where, known)}',
        _known_runs(known),
        code="run.not_found",
    )


def nothing_named(where: str | Path, hint: str | None) -> NotFoundError:
    """Return the error that a word is no weights and no run, with what is like it."""
    known, runs = weights.bundled(), [path.name for path in list_runs(RUNS)]
    meant = did_you_mean(str(where), known) or _near_run(str(where), runs)
    return NotFoundError(
        f'no run, checkpoint, file or bundled weights "{where}"{_no_run_in(where)}'
        f"{meant and '.' + meant}",
        f"bundled: {' '.join(known)}; {hint}",
        code="model.not_found",
    )


def _no_run_in(where: str | Path) -> str:
    """Say of a folder that is there why it is no run; "" of all else."""
    there = os.path.isdir(where)  # noqa: PTH112 - Path.is_dir raises for names of 300 letters
    return f"; the folder {where} has no config.json" if there else ""


def _near_run(where: str, known: Iterable[str]) -> str:
    """Return ' Did you mean "RUN"?' for a name that holds the word, or is like it.

    >>> _near_run("gan", ["0001-gan-faces64", "0002-gan-art64"])
    ' Did you mean "0002-gan-art64"?'
    """
    holding = [name for name in known if where and where in name]
    return f' Did you mean "{holding[-1]}"?' if holding else did_you_mean(where, known)


def _known_runs(known: Iterable[str]) -> str:
    """Return a hint that names the newest runs, and counts the older ones."""
    names = list(known)
    if not names:
        return "train one: animekit train wgangp"
    older = f" and {len(names) - SHOWN:,} older" if len(names) > SHOWN else ""
    return f"known runs: {' '.join(names[-SHOWN:])}{older}"
