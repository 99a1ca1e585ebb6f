"""Compare face detectors on hand-labelled pictures: what they keep, catch, find and cost.

    python benchmarks/recipes/detectors.py ../shared/data
    python benchmarks/recipes/detectors.py ../shared/data \\
        --detectors own lbp --cascade FILE.xml --peers

`mlds_faces/labels.csv` says of crops whether they show a face (`random` rows give the rate of
faces kept, `hard` rows what is caught of the rest; ambiguous rows are left out),
`illustrations/faces.csv` has boxes. A crop is kept if anything is found in it. A box is found if
one overlaps a listed box by 0.5 (intersection over union). `--peers` adds the package `animeface`
where it is installed (2.0.3 finds nothing with Pillow 11 and later: it needs an older one).
"""

from __future__ import annotations

import argparse
import csv
import json
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import torch
from PIL import Image

from animekit import plugins
from animekit.images.decode import decode
from animekit_plugins.detectors._finder import overlaps

Detect = Callable[[np.ndarray], np.ndarray]
ENOUGH = 0.5
SETS = {"mlds_faces": "mlds_faces/faces", "mlds_extra": "mlds_extra/images"}
SETS["getchu64"] = "getchu64/images"


def rows_of(path: Path) -> list[dict[str, str]]:
    """Return the rows of a CSV file."""
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def share(parts: list[bool]) -> str:
    """Write a share as a percentage and a fraction."""
    return f"{100 * np.mean(parts):5.1f} % ({sum(parts)}/{len(parts)})" if parts else "-"


def labelled(detect: Detect, data: Path, missed: list[str]) -> dict[str, str]:
    """Return the shares of faces kept and of other pictures caught."""
    results: dict[str, list[bool]] = {"random faces kept": [], "hard faces kept": []}
    results["non-faces caught"] = []
    for row in rows_of(data / "mlds_faces" / "labels.csv"):
        if row["ambiguous"] == "1":
            continue
        found = len(detect(decode(data / "mlds_faces" / row["file"]))) > 0
        face = row["label"] == "face"
        key = f"{row['picked']} faces kept" if face else "non-faces caught"
        results[key].append(found == face)
        if found != face:
            missed.append(f"{row['file']} ({row['label']} {row['note']})")
    return {key: share(values) for key, values in results.items()}


def illustrated(detect: Detect, data: Path, missed: list[str]) -> dict[str, str]:
    """Return the share of boxes found, and how many are false."""
    boxes, sprites, others, extra, false = [], [], 0, 0, 0
    crowd = ""
    for row in rows_of(data / "illustrations" / "faces.csv"):
        found = detect(decode(data / "illustrations" / "images" / row["file"]))
        listed = [
            np.array(text.split(), dtype=float)
            for text in (row["lbp_box_xywh"], row["animeface_box_xywh"])
            if text
        ]
        if row["n_faces"] == "0":
            others += 1
            false += len(found)
            missed += [f"{row['file']}: false box"] * (len(found) > 0)
        elif listed:
            hits = [any(overlaps(box[:4], found)[0] >= ENOUGH) for box in listed if len(found)]
            boxes.append(any(hits))
            extra += len(found) - boxes[-1]
            missed += [f"{row['file']}: not found"] * (not boxes[-1])
        elif row["n_faces"] == "1":
            sprites.append(len(found) == 1)
        elif row["n_faces"].isdigit():
            crowd = f"{len(found)} of about {row['n_faces']}"
    return {
        "boxes found, IoU 0.5": share(boxes),
        "other boxes on those": str(extra),
        "sprites with one box": share(sprites),
        f"false boxes, {others} pictures without": str(false),
        "boxes in the crowd": crowd,
    }


def kept(detect: Detect, data: Path, count: int) -> dict[str, str]:
    """Return the share of random crops of each set in which a face is found."""
    labels = {row["file"] for row in rows_of(data / "mlds_faces" / "labels.csv")}
    result = {}
    for name, folder in SETS.items():
        paths = sorted((data / folder).glob("*.jpg"))
        order = np.random.default_rng(1).permutation(len(paths))
        chosen = [paths[k] for k in order if f"faces/{paths[k].name}" not in labels][:count]
        result[f"kept of {name}"] = share([len(detect(decode(path))) > 0 for path in chosen])
    paths = sorted((data / SETS["mlds_faces"]).glob("*.jpg"))[:: max(1, 12_000 // count)]
    small = [cv2.resize(decode(path), (64, 64), interpolation=cv2.INTER_AREA) for path in paths]
    result["kept of mlds_faces at 64 px"] = share([len(detect(picture)) > 0 for picture in small])
    return result


def timed(detect: Detect, data: Path) -> dict[str, str]:
    """Return milliseconds of CPU for pictures of three sizes, the median of many."""
    crops = [decode(path) for path in sorted((data / SETS["mlds_faces"]).glob("*.jpg"))[:40]]
    small = [cv2.resize(picture, (64, 64), interpolation=cv2.INTER_AREA) for picture in crops]
    folder = data / "illustrations" / "images"
    whole = [decode(path) for path in sorted(folder.glob("tla_nishikino_maki_1*.jpg"))[:6]]
    result = {}
    sets = {"64 px crop": small, "96 px crop": crops, "illustration, 0.9 Mpx": whole}
    for name, pictures in sets.items():
        detect(pictures[0])
        times = []
        for picture in pictures * 2:
            start = time.process_time()
            detect(picture)
            times.append(1000 * (time.process_time() - start))
        result[f"ms, {name}"] = f"{np.median(times):.1f}"
    return result


def peer() -> Detect | None:
    """Return the detector of the package `animeface`, if it is installed."""
    try:
        import animeface
    except ImportError:
        return None

    def detect(image: np.ndarray) -> np.ndarray:
        faces = animeface.detect(Image.fromarray(image))
        rows = [
            (
                *(float(getattr(face.face.pos, side)) for side in ("x", "y", "width", "height")),
                float(face.likelihood),
            )
            for face in faces
        ]
        return np.array(rows, dtype=np.float32).reshape(-1, 5)

    return detect


def chosen(options: argparse.Namespace) -> dict[str, Detect]:
    """Return the detectors to compare, by name."""
    registry = plugins.load()
    detectors: dict[str, Detect] = {}
    for name, cls in registry.all("detector").items():
        if options.detectors and name not in options.detectors:
            continue
        known = cls.Params.model_fields
        values = {"cascade": str(options.cascade)} if options.cascade else {}
        values |= {"threshold": options.threshold} if options.threshold else {}
        detector = cls(cls.Params(**{key: values[key] for key in values if key in known}))
        error = detector.missing()
        if error is not None:
            print(f"{name} left out: {error.message}; {error.hint}")
            continue
        detectors[name] = detector.detect
    if options.peers:
        animeface = peer()
        if animeface is None:
            print("animeface left out: pip install animeface")
        else:
            detectors["animeface"] = animeface
    return detectors


def main(argv: list[str] | None = None) -> int:
    """Print a table, one row for each figure and one column for each detector."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--detectors", nargs="*", help="names (default: all that are registered)")
    parser.add_argument("--cascade", type=Path, help="lbpcascade_animeface.xml")
    parser.add_argument("--threshold", type=float, help="of the detectors that have one")
    parser.add_argument("--crops", type=int, default=1000, help="random crops of each set")
    parser.add_argument("--peers", action="store_true")
    parser.add_argument("--misses", action="store_true", help="name what went wrong")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(argv)
    torch.set_num_threads(1)
    table: dict[str, dict[str, str]] = {}
    for name, detect in chosen(options).items():
        missed: list[str] = []
        table[name] = {
            **labelled(detect, options.data, missed),
            **illustrated(detect, options.data, missed),
            **(kept(detect, options.data, options.crops) if options.crops else {}),
            **timed(detect, options.data),
        }
        if options.misses:
            print(name, *missed, sep="\n  ")
    if options.json:
        print(json.dumps(table, indent=1))
        return 0
    print("| | " + " | ".join(table) + " |\n|---" * 1 + "|---" * len(table) + "|")
    for key in next(iter(table.values()), {}):
        print(f"| {key} | " + " | ".join(row[key].strip() for row in table.values()) + " |")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
