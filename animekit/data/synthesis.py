"""A data set of drawn faces as files, with their labels."""

from __future__ import annotations

import csv
import io
import json
import shutil
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from animekit import plugins
from animekit.data.joined import open_dataset
from animekit.errors import UsageError
from animekit.files import Progress, as_error, cores, move, refuse_full, write_atomic
from animekit.images.write import write_png
from animekit.labels.tags import NAMES, format_labels

if TYPE_CHECKING:
    from animekit.plugins import Registry

TAGS = "tags.csv"
LABELS = "labels.csv"
KEY = "animekit-synth"
"""The text key of a PNG that says which picture it is, as JSON."""
LARGEST = 1024
BLOCK = 256
"""Pictures that are drawn between two words of progress."""


@dataclass(frozen=True)
class DrawnSet:
    """A folder of drawn faces: `0.png` and so on, and their labels."""

    folder: Path
    images: int
    size: int
    seed: int


def synth(
    out: Path | str,
    *,
    num: int = 1000,
    size: int = 64,
    seed: int = 0,
    registry: Registry | None = None,
    progress: Progress | None = None,
) -> DrawnSet:
    """Draw faces with labels into a new folder: `0.png`, `1.png`, ...

    Beside them, tags.csv has the course's simple form, `0,blue hair red eyes`, and labels.csv a
    column of 0 and 1 for each label, hair style and glasses too. Face i of a seed is always the
    same. The folder appears whole or not at all. Raises UnusableError where it holds something
    already.
    """
    out = Path(out)
    if num < 1 or not 8 <= size <= LARGEST or seed < 0:
        raise UsageError(
            f"cannot draw {num} faces of {size} pixels from seed {seed}",
            f"--num 1 or more, --size 8 to {LARGEST}, --seed 0 or more",
        )
    refuse_full(out)
    registry = plugins.load() if registry is None else registry
    dataset = open_dataset(f"synthetic:count={num},seed={seed}", registry)
    vocabulary = dataset.spec(size).labels
    labels = np.zeros((num, len(vocabulary)), np.uint8)

    def draw(index: int) -> None:
        image, label = dataset.render(index, size)
        assert label is not None  # drawn faces know what they are
        labels[index] = label
        facts = {"seed": seed, "index": index, "size": size}
        write_png(content / f"{index}.png", image, {KEY: json.dumps(facts)})

    try:
        out.absolute().parent.mkdir(parents=True, exist_ok=True)
        place = tempfile.mkdtemp(prefix=f".{out.name}-", dir=out.absolute().parent)
        try:
            content = Path(place) / "content"  # mkdtemp's own folder is closed to others
            content.mkdir()
            with ThreadPoolExecutor(cores(), thread_name_prefix="animekit-synth") as pool:
                for start in range(0, num, BLOCK):
                    part = range(start, min(start + BLOCK, num))
                    list(pool.map(draw, part))
                    if progress is not None:
                        progress(part.stop, num)
            _write_labels(content, vocabulary, labels)
            move(content, out)
        finally:
            shutil.rmtree(place, ignore_errors=True)
    except OSError as error:
        raise as_error(error, "name another folder") from None
    return DrawnSet(out, num, size, seed)


def _write_labels(folder: Path, vocabulary: tuple[str, ...], labels: np.ndarray) -> None:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["id", *vocabulary])
    writer.writerows([index, *row] for index, row in enumerate(labels.tolist()))
    write_atomic(folder / LABELS, text.getvalue())
    colours = labels[:, [vocabulary.index(name) for name in NAMES]]
    rows = [f"{index},{format_labels(row)}\n" for index, row in enumerate(colours)]
    write_atomic(folder / TAGS, "".join(rows))
