"""Accuracy of the tagger on held-out real images, per colour, and how its data are laid out.

The tagger that comes with animekit learned from two sets of the course: human tags of anime faces
(`train_tag_dict.txt`) and the tags of the extra data. One image in ten, chosen by its pixels so
that copies stay together, was kept out; this prints how it reads those.

    python benchmarks/recipes/tagger.py --make tagdata FACES EXTRA     one folder with tags.csv
    animekit train tagger --data tagdata --steps 3600 --batch-size 128 --precision bf16 \\
        --holdout 0.1
    python benchmarks/recipes/tagger.py tagdata --model tagger

FACES is a folder with faces/ and train_tag_dict.txt, EXTRA one with images/ and tags.csv.
"""

from __future__ import annotations

import argparse
import ast
import json
import shutil
from pathlib import Path

import numpy as np

from animekit import plugins
from animekit.data.joined import open_dataset
from animekit.data.pack import Pack, pack
from animekit.labels.tags import EYES, HAIR
from animekit.models import tagger

HOLDOUT = 0.1


def make(target: Path, faces: Path, extra: Path) -> int:
    """Copy both sets into one folder with one tags.csv; return how many images have tags."""
    rows = []
    human = ast.literal_eval((faces / "train_tag_dict.txt").read_text("utf-8"))
    lines = (extra / "tags.csv").read_text("utf-8").splitlines()
    given = dict(line.split(",", 1) for line in lines if line)
    sources = [("course", faces / "faces", human), ("extra", extra / "images", given)]
    for name, folder, tags in sources:
        (target / name).mkdir(parents=True, exist_ok=True)
        for key, text in tags.items():
            source = folder / f"{key}.jpg"
            if source.is_file():
                shutil.copyfile(source, target / name / source.name)
                rows.append(f"{name}/{source.name},{text}")
    (target / "tags.csv").write_text("\n".join(rows) + "\n", "utf-8")
    return len(rows)


def accuracy(packed: Pack, rows: np.ndarray, model: str) -> dict[str, object]:
    """Return how some labelled images of a pack are read, in all and per colour."""
    assert packed.labels is not None
    reader = tagger.load(plugins.load(), model)
    read = reader.read(np.ascontiguousarray(packed.images[rows].transpose(0, 3, 1, 2)))
    labels = dict(zip(("hair", "eyes"), np.split(packed.labels[rows], [len(HAIR)], 1), strict=True))
    found: dict[str, object] = {"images": len(rows)}
    for name, colours in (("hair", HAIR), ("eyes", EYES)):
        wanted = labels[name]
        known = wanted.any(1)
        hits = wanted[np.arange(len(wanted)), read[name]] > 0
        table = {}
        for column, colour in enumerate(colours):
            chosen = wanted[:, column] > 0
            share = float(hits[chosen].mean()) if chosen.any() else None
            table[colour] = {"images": int(chosen.sum()), "right": share}
        found[name] = {
            "known": int(known.sum()),
            "right": float(hits[known].mean()),
            "common": float(wanted[known].sum(0).max() / known.sum()),
            "colours": table,
        }
    return found


def show(title: str, found: dict[str, object]) -> None:
    """Print one table."""
    print(f"\n{title}: {found['images']} held-out images")
    for name in ("hair", "eyes"):
        part = found[name]
        assert isinstance(part, dict)
        print(
            f"  {name}: {part['right']:.1%} right of {part['known']}"
            f" (always the commonest colour: {part['common']:.1%})"
        )
        for colour, row in part["colours"].items():
            share = "-" if row["right"] is None else f"{row['right']:.0%}"
            print(f"    {colour:8} {share:>5}  of {row['images']}")


def main() -> None:
    """Make the folder, or measure."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("data", nargs="+", type=Path)
    parser.add_argument("--make", type=Path, help="write the folder of both sets here")
    parser.add_argument("--model", default="tagger", help="bundled name or weights file")
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    if options.make is not None:
        print(f"{make(options.make, *options.data):,} images with tags in {options.make}")
        return
    packed = pack(open_dataset(str(options.data[0]), plugins.load()), options.size)
    held = packed.held_out(HOLDOUT)
    part = np.array([name.partition("/")[0] for name in packed.names])
    report = {}
    for title in np.unique(part):
        report[str(title)] = accuracy(packed, np.flatnonzero(held & (part == title)), options.model)
        show(str(title), report[str(title)])
    print(f"\nchance of a colour: hair {1 / len(HAIR):.1%}, eyes {1 / len(EYES):.1%}")
    if options.json:
        options.json.write_text(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
