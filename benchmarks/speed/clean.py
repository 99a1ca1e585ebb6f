"""Time `animekit clean` beside the course's own loop over the same pictures, in one process.

    python benchmarks/speed/clean.py data/faces --cascade lbpcascade_animeface.xml [--num 2000]
    python benchmarks/speed/clean.py data/faces --parts      # where the time of a picture goes

The course's loop reads a picture with OpenCV, equalises its grey and calls `detectMultiScale` with
an LBP cascade (scale 1.1, 5 neighbours, faces from 24 pixels on): one question a picture. Ours
hashes and decodes it, asks every check, the detector `own` included, and writes the manifest. Both
take the pictures in turns, so that a busy machine slows both down. An OpenCV without cascades (the
plain build of 5) makes the course's loop slower than it is, and the ratio means nothing: put the
folder of an opencv-python 4 into PYTHONPATH.
"""

from __future__ import annotations

import argparse
import resource
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from animekit import plugins
from animekit.cleaning._workers import one_torch_thread
from animekit.cleaning.cascade import Cascade, find_cascade
from animekit.cleaning.check import Context, Picture
from animekit.cleaning.clean import clean
from animekit.cleaning.measure import FILES_A_TASK
from animekit.cleaning.request import CleanRequest
from animekit.images.decode import read_image_file
from animekit.images.formats import EXTENSIONS
from animekit.plugins import Registry


@dataclass
class Timing:
    """What one loop took in each round, in seconds: by the clock, and of the cores."""

    wall: list[float]
    cpu: list[float]

    def add(self, work: Callable[[], object]) -> None:
        """Time one round."""
        wall, cpu = time.perf_counter(), time.process_time()
        work()
        self.wall.append(time.perf_counter() - wall)
        self.cpu.append(time.process_time() - cpu)


def course(paths: list[Path], cascade: Cascade) -> int:
    """Return how many pictures have a face, as the course's loop finds them."""
    hits = 0
    for path in paths:
        image = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_COLOR)
        grey = cv2.equalizeHist(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY))
        hits += len(cascade.detect(grey)) > 0
    return hits


def ours(folder: Path, workers: int, registry: Registry, skip: list[str]) -> None:
    """Clean a folder, with nothing known of it."""
    with tempfile.TemporaryDirectory() as out:
        result = clean(folder, workers=workers, out=out, registry=registry, skip=skip)
        assert result.summary["measured"] > 0.9 * result.summary["files"]  # less copies


def parts_of(folder: Path, paths: list[Path], registry: Registry) -> dict[str, float]:
    """Return milliseconds of a core a picture for each part of the work, on one thread."""
    context = Context(folder, registry)
    checks = [check for check in CleanRequest(folder).choose(context) if check.measures]
    spent = dict.fromkeys(("read", "hash of the file", "decode", "grey and small"), 0.0)

    def timed(name: str, work: Callable[[], object]) -> None:
        began = time.thread_time()
        work()
        spent[name] = spent.get(name, 0.0) + (time.thread_time() - began) / len(paths) * 1e3

    with one_torch_thread():
        for start in range(0, len(paths), FILES_A_TASK):
            some = paths[start : start + FILES_A_TASK]
            data: list[bytes] = []
            timed("read", lambda some=some, to=data: to.extend(map(read_image_file, some)))
            pictures = [Picture(path.name, each) for path, each in zip(some, data, strict=True)]
            timed("hash of the file", lambda pictures=pictures: [p.sha256 for p in pictures])
            timed("decode", lambda pictures=pictures: [p.error for p in pictures])
            pictures = [picture for picture in pictures if picture.error is None]
            timed("grey and small", lambda pictures=pictures: [p.sharpness for p in pictures])
            for check in checks:
                timed(f"check {check.name}", lambda c=check, p=pictures: c.measure_many(p))
    return spent


def copies(paths: list[Path], rounds: int, folder: Path) -> list[list[Path]]:
    """Copy pictures into a folder for each round, in turns."""
    parts: list[list[Path]] = [[] for _ in range(rounds)]
    for index, path in enumerate(paths):
        place = folder / f"{index % rounds:02d}"
        place.mkdir(exist_ok=True)
        parts[index % rounds].append(Path(shutil.copy(path, place / f"{index}{path.suffix}")))
    return parts


def report(name: str, timing: Timing, count: int, base: Timing) -> None:
    """Print one row: pictures a second, milliseconds of a core, and how many times the base."""
    ratios = [b / t for b, t in zip(base.wall, timing.wall, strict=True)]
    cpu = [b / t for b, t in zip(base.cpu, timing.cpu, strict=True)]
    print(
        f"{name:26s} {count / sum(timing.wall):8.0f} img/s"
        f" {sum(timing.cpu) / count * 1e3:8.2f} ms CPU"
        f"   x{statistics.median(ratios):.2f} [{min(ratios):.2f}..{max(ratios):.2f}]"
        f"   x{statistics.median(cpu):.2f} of CPU"
    )


def peak() -> float:
    """Return the largest memory that this process had so far, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Print pictures a second and memory of both."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--cascade", type=Path)
    parser.add_argument("--num", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--parts", action="store_true", help="time the parts of our own work")
    parser.add_argument("--skip", nargs="*", default=[], help="checks to leave out")
    options = parser.parse_args()
    found = (path for path in options.folder.rglob("*") if path.suffix.lower() in EXTENSIONS)
    paths = sorted(found)
    chosen = np.random.default_rng(0).permutation(len(paths))[: options.num]
    registry = plugins.load()
    if options.parts:
        some = [paths[index] for index in chosen]
        parts_of(options.folder, some[:64], registry)  # imports, weights
        spent = parts_of(options.folder, some, registry)
        for name, each in (spent | {"all of it": sum(spent.values())}).items():
            print(f"{name:26s} {each:8.3f} ms CPU {100 * each / sum(spent.values()):6.1f} %")
        return
    cascade = Cascade(find_cascade(options.cascade))
    print(f"course's cascade: {cascade.backend}")
    with tempfile.TemporaryDirectory() as folder:
        parts = copies([paths[index] for index in chosen], options.rounds, Path(folder))
        ours(parts[0][0].parent, 2, registry, options.skip)  # imports, weights
        before = peak()
        loops = {name: Timing([], []) for name in ("course", "1 worker", "2 workers")}
        for part in parts:
            loops["course"].add(lambda part=part: course(part, cascade))
            for workers, name in ((1, "1 worker"), (2, "2 workers")):
                loops[name].add(
                    lambda part=part, workers=workers: ours(
                        part[0].parent, workers, registry, options.skip
                    )
                )
        for name, timing in loops.items():
            words = "the course's loop" if name == "course" else f"animekit clean, {name}"
            report(words, timing, len(chosen), loops["course"])
        print(f"peak memory {peak():.0f} MB, of which {before:.0f} MB after imports and a round")


if __name__ == "__main__":
    main()
