"""Hold animekit against its peers, in one process, turn by turn: `python -m benchmarks`.

    python -m benchmarks                                # all sections: 15 minutes on two cores
    python -m benchmarks --quick                        # does it run at all: a minute
    python -m benchmarks --only loading,metrics --json
    python -m benchmarks --faces data/faces --cascade lbpcascade_animeface.xml
    python -m benchmarks --only steps --keep            # one section; the others stay as they were

It prints one table of ratios as Markdown, and writes it with a plot of how cost grows with batch,
size and count. Peers are written in their plain style on the same networks and pictures: the loops
of pytorch/examples' dcgan and PyTorch-GAN's wgan_gp, ImageFolder with a DataLoader, the course's
cleaning loop with OpenCV's cascade, metrics in numpy and scipy, transfer one picture at a time.
Every ratio is taken within a round, so that a machine that slows down slows both sides; on one that
does other work all figures are still worse than they are: it warns, and with --strict it refuses.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.rows import BUSY, IDLE, Asked, Table, kept, load, markdown

UNUSABLE = 4
OUT = Path("build") / "benchmarks"


def arguments(words: Sequence[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--only", default="", help="sections, with commas between them")
    parser.add_argument("--quick", action="store_true", help="tiny networks and few pictures")
    parser.add_argument("--rounds", type=int, default=3, help="turns of each side")
    parser.add_argument("--faces", help="folder of faces to clean; drawn ones without")
    parser.add_argument("--cascade", help="the cascade of the course's loop")
    parser.add_argument("--out", "-o", type=Path, default=OUT, help="folder of table and plot")
    parser.add_argument("--keep", action="store_true", help="keep sections that are not run now")
    parser.add_argument("--json", action="store_true", help="print JSON in place of Markdown")
    parser.add_argument("--strict", action="store_true", help="refuse on a busy machine")
    return parser.parse_args(words)


def main(words: Sequence[str]) -> int:
    """Run the sections that are asked for, and write the table and the plot."""
    asked = arguments(words)
    busy = load()
    warning = ""
    if busy is not None and busy > IDLE:
        warning = f"{BUSY} (load {busy:.1f}): trust ratios a little, rates not at all."
        print(warning, file=sys.stderr)
        if asked.strict:
            print("hint: wait until it is idle, or leave --strict out", file=sys.stderr)
            return UNUSABLE
    import torch

    from benchmarks.sections import SECTIONS
    from benchmarks.speed.training import machine

    names = [name.strip() for name in asked.only.split(",") if name.strip()] or list(SECTIONS)
    unknown = [name for name in names if name not in SECTIONS]
    if unknown:
        print(f"no section {unknown[0]}: {' '.join(SECTIONS)}", file=sys.stderr)
        return 2
    if asked.quick:
        torch.set_num_threads(1)  # two that wait for each other take minutes on a busy machine
    rounds = 1 if asked.quick else max(asked.rounds, 1)
    how = Asked(quick=asked.quick, rounds=rounds, faces=asked.faces, cascade=asked.cascade)
    table = kept(asked.out, names) if asked.keep else Table()
    table.notes += [warning] if warning else []
    for name in names:
        began = time.perf_counter()
        with _aside():
            table.take(SECTIONS[name](how))
        print(f"{name}: {time.perf_counter() - began:.0f} s", file=sys.stderr, flush=True)
        write(table, asked.out, machine(), busy)  # what is there stays if the next one is stopped
    text = (asked.out / "table.json" if asked.json else asked.out / "table.md").read_text("utf-8")
    print(text)
    print(f"written to {asked.out}", file=sys.stderr)
    return 0


def write(table: Table, folder: Path, machine: str, busy: float | None) -> None:
    """Write the table as Markdown and JSON, and the plot."""
    folder.mkdir(parents=True, exist_ok=True)
    text = markdown(table.rows, table.notes, machine)
    (folder / "table.md").write_text(text, encoding="utf-8")
    facts = {"machine": machine, "load": busy} | table.facts()
    (folder / "table.json").write_text(json.dumps(facts, indent=1), encoding="utf-8")
    if table.points:
        from benchmarks.plot import draw

        draw(table.points, folder / "growth.png")


@contextlib.contextmanager
def _aside() -> Iterator[None]:
    """Let what sections print go to the error output: the table alone is the result."""
    with contextlib.redirect_stdout(sys.stderr):
        yield


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
