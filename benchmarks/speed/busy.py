"""Time train, evaluate and transfer beside busy loops, and alone: how many times as long?

    python benchmarks/speed/busy.py                     # two loops beside, three rounds
    python benchmarks/speed/busy.py --loops 4 --only train
    python benchmarks/speed/busy.py --policy ACTIVE     # as OpenMP waits by itself

Each command runs as a user runs it, start and imports included, by turns alone and beside the
loops: what else the machine does slows both down. A round has a ratio, and the median counts; at
most 2.5 is wanted of two loops on two cores, where a fair share is one half.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator

WANTED = 2.5
# ends by itself where this program was killed
LOOP = """
import os
parent = os.getppid()
while os.getppid() == parent:
    for _ in range(100_000):
        pass
"""
COMMANDS = {
    "train": "train gan --data faces --preset demo --steps 60 --name busy",
    "evaluate": "evaluate faces64 --ref faces --num 150 --repeats 1 --swd --ms-ssim -o judged",
    "transfer": "transfer cyclegan apple2orange -o out --overwrite --no-html",
}
PICTURES = "data synth faces --num 300"


@contextlib.contextmanager
def busy(count: int) -> Iterator[None]:
    """Run so many busy loops beside the block."""
    loops = [subprocess.Popen([sys.executable, "-c", LOOP]) for _ in range(count)]
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()


def run(words: str, folder: str, policy: str | None) -> float:
    """Run one command of animekit in a folder; return the seconds that it took."""
    environment = {key: value for key, value in os.environ.items() if key != "OMP_WAIT_POLICY"}
    if policy is not None:
        environment["OMP_WAIT_POLICY"] = policy
    began = time.perf_counter()
    made = subprocess.run(
        [sys.executable, "-m", "animekit", *words.split(), "--quiet"],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
    )
    if made.returncode:
        sys.exit(f"animekit {words}: {made.stderr}")
    return time.perf_counter() - began


def main() -> None:
    """Print the seconds of each command by turns alone and beside the loops, and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--loops", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", choices=COMMANDS, action="append")
    parser.add_argument("--policy", choices=("ACTIVE", "PASSIVE"))
    asked = parser.parse_args()
    if hasattr(os, "getloadavg") and os.getloadavg()[0] > 0.5:
        print(f"not idle: the load is {os.getloadavg()[0]:.1f}, so the ratios are too small")
    with tempfile.TemporaryDirectory() as folder:
        run(PICTURES, folder, asked.policy)
        for name in asked.only or COMMANDS:
            run(COMMANDS[name], folder, asked.policy)  # packs, and fills caches
            alone, beside = [], []
            for _ in range(asked.rounds):
                alone.append(run(COMMANDS[name], folder, asked.policy))
                with busy(asked.loops):
                    beside.append(run(COMMANDS[name], folder, asked.policy))
            ratios = [late / soon for late, soon in zip(beside, alone, strict=True)]
            ratio = statistics.median(ratios)
            print(
                f"{name:10} alone {min(alone):6.1f} s   beside {asked.loops} busy loops"
                f" {min(beside):6.1f} s   x{ratio:.2f} [{min(ratios):.2f}..{max(ratios):.2f}]"
                f"   {'within' if ratio <= WANTED else 'OVER'} {WANTED}",
                flush=True,
            )


if __name__ == "__main__":
    main()
