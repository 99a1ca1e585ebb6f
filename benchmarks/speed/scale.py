"""How time and memory grow with the number of pictures: pack, load, clean, evaluate.

    python benchmarks/speed/scale.py                              # 1,000, 10,000 and 100,000
    python benchmarks/speed/scale.py --counts 1000000 --only pack,load --form parquet
    python benchmarks/speed/scale.py --counts 1000000 --only pack,load --form parquet --step 0.24

Pictures are 1,000 drawn faces of 64 px as JPEG, again and again under new names, in a folder or in
one Parquet file; each job is a process of its own, which says its peak of memory, and the seconds
of its processor a picture. A job is linear where the last column stays as it is.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np

DISTINCT, SIZE, BATCH, STEPS, TIMED = 1000, 64, 64, 300, 100
JOBS = ("pack", "load", "clean", "evaluate")
FORMS = ("folder", "parquet")


@dataclass(frozen=True)
class Row:
    """What one job took for so many pictures: seconds by the clock and of the cores, memory."""

    job: str
    form: str
    count: int
    wall: float
    cpu: float
    peak_mb: float
    note: str = ""

    @property
    def per_picture(self) -> float:
        """Microseconds of a core a picture."""
        return 1e6 * self.cpu / self.count


@cache
def faces() -> list[bytes]:
    """Return drawn faces as JPEG files."""
    import cv2

    from animekit import plugins
    from animekit.data.joined import open_dataset

    drawn = open_dataset(f"synthetic:{DISTINCT}", plugins.load())
    images = (drawn.render(index, SIZE)[0] for index in range(DISTINCT))
    return [cv2.imencode(".jpg", image[:, :, ::-1])[1].tobytes() for image in images]


def make(form: str, count: int, top: Path) -> Path:
    """Write so many pictures; return where they are."""
    if form == "parquet":
        import pyarrow as pa
        import pyarrow.parquet as pq

        path = top / f"{count}.parquet"
        kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
        with pq.ParquetWriter(path, pa.schema([("image", kind)])) as file:
            for start in range(0, count, DISTINCT):
                rows = range(start, min(start + DISTINCT, count))
                said = [{"bytes": faces()[i % DISTINCT], "path": f"{i}.jpg"} for i in rows]
                file.write_table(pa.table({"image": pa.array(said, kind)}))
        return path
    folder = top / str(count)
    for index in range(count):
        part = folder / f"{index // 1000:04}"
        if index % 1000 == 0:
            part.mkdir(parents=True)
        # the end of a JPEG may be followed by anything: no two files are copies
        (part / f"{index}.jpg").write_bytes(faces()[index % DISTINCT] + str(index).encode())
    return folder


def pack_all(where: Path, top: Path) -> str:
    """Pack a data set."""
    from animekit import plugins
    from animekit.data.joined import open_dataset
    from animekit.data.pack import pack

    store = pack(open_dataset(str(where), plugins.load()), SIZE, folder=top / "packs")
    return f"{len(store):,} packed"


def load_all(where: Path, top: Path, step: float = 0.0) -> str:
    """Gather batches of a pack that is there; say how long one takes.

    With a `step`, so many seconds are computed between two, and nothing is in memory at first.
    """
    from animekit.data.pack import _open
    from animekit.data.sampler import Loader

    [folder] = [path for path in (top / "packs").iterdir() if path.name != "locks"]
    if step:
        forget(sorted(folder.glob("images*.npy")))
    loader = Loader(_open(folder), BATCH, 0, flip=True, crop=0)
    loader.batch(1)  # the order of the first epoch
    matrix = np.random.default_rng(0).random((512, 512), np.float32)
    seconds = []
    for number in range(2, TIMED if step else STEPS):
        until = time.perf_counter() + step
        while time.perf_counter() < until:
            matrix @ matrix
        began = time.perf_counter()
        loader.batch(number)
        seconds.append(time.perf_counter() - began)
    mean, middle = 1e3 * float(np.mean(seconds)), 1e3 * float(np.median(seconds))
    return f"{middle:.3f} ms a batch of {BATCH}, mean {mean:.3f}"


def forget(paths: list[Path]) -> None:
    """Put files out of memory; needs an operating system that takes such advice."""
    for path in paths:
        with path.open("rb") as file:
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def clean_all(where: Path, top: Path) -> str:
    """Clean a folder with all checks."""
    from animekit.cleaning.clean import clean

    found = clean(where, out=top / "cleaned", workers=1)
    return f"{found.summary['measured']:,} measured"


def evaluate_all(where: Path, top: Path) -> str:
    """Hold a data set against itself: all of it is packed, 1,000 pictures a side are measured."""
    from animekit.evaluation.evaluate import evaluate

    evaluate(str(where), str(where), metrics=["swd"], num=512, size=SIZE, repeats=1)
    return "swd of 512 a side"


WORK: dict[str, Callable[[Path, Path], str]] = {
    "pack": pack_all,
    "load": load_all,
    "clean": clean_all,
    "evaluate": evaluate_all,
}


def here(job: str, form: str, count: int, where: Path, top: Path) -> Row:
    """Do one job in this process."""
    import torch

    torch.set_num_threads(1)
    wall, cpu = time.perf_counter(), time.process_time()
    note = WORK[job](where, top)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if MAC else 2**10)
    return Row(job, form, count, wall, cpu, peak, note)


MAC = sys.platform == "darwin"


def measure(job: str, form: str, count: int, where: Path, top: Path, step: float) -> Row:
    """Do one job in a process of its own."""
    words = [sys.executable, __file__, "--here", job, form, str(count), str(where), str(top)]
    words += ["--step", str(step)]
    done = subprocess.run(words, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    return Row(**json.loads(done.stdout.splitlines()[-1]))


def rows(
    counts: list[int], jobs: list[str], form: str, top: Path | None, step: float
) -> Iterator[Row]:
    """Yield a row for each count and job."""
    for count in counts:
        with tempfile.TemporaryDirectory(dir=top) as folder:
            place = Path(folder)
            where = make(form, count, place)
            for job in jobs:
                if job != "clean" or form == "folder":
                    yield measure(job, form, count, where, place, step)


def shown(row: Row) -> str:
    """Return a row as a line."""
    return (
        f"{row.job:9}{row.form:9}{row.count:>10,}{row.wall:9.1f} s{row.cpu:9.1f} cpu-s"
        f"{row.peak_mb:8.0f} MB{row.per_picture:9.1f} us a picture   {row.note}"
    )


def main() -> None:
    """Print a line for each count and job."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--counts", default="1000,10000,100000")
    parser.add_argument("--only", default=",".join(JOBS))
    parser.add_argument("--form", choices=FORMS, default="folder")
    parser.add_argument("--place", type=Path, help="a folder on a disk with room")
    parser.add_argument("--step", type=float, default=0.0, help="seconds between two batches")
    parser.add_argument("--here", nargs=5, help=argparse.SUPPRESS)
    asked: Any = parser.parse_args()
    if asked.here:
        job, form, count, where, top = asked.here
        WORK["load"] = partial(load_all, step=asked.step)
        print(json.dumps(asdict(here(job, form, int(count), Path(where), Path(top)))))
        return
    counts = [int(word) for word in asked.counts.split(",")]
    for row in rows(counts, asked.only.split(","), asked.form, asked.place, asked.step):
        print(shown(row), flush=True)


if __name__ == "__main__":
    main()
