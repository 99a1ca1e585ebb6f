"""Run the course's face gate: count faces on a 640x480 figure, pass at 20.

The course's check reads the figure as grey, equalises its histogram and calls OpenCV's
`detectMultiScale` with an LBP cascade for anime faces: scale factor 1.1, 5 neighbours, faces from
24 pixels on. An OpenCV without cascades, as the plain build of 5 is, makes no difference: then
`animekit.cleaning.cascade_numpy` finds the same boxes.

    python benchmarks/recipes/face_gate.py samples/gan.png --cascade lbpcascade_animeface.xml
    python benchmarks/recipes/face_gate.py --model 0007 --figures 20 --real data/faces --cascade ...

The cascade is nagadomi's lbpcascade_animeface.xml (MIT).
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from animekit.cleaning.cascade import Cascade, equalised, find_cascade, framed
from animekit.errors import AnimekitError
from animekit.images.write import write_png
from animekit_plugins.metrics.faces import CELLS, Faces

PASS = Faces.PASS


def model_figures(model: str | None, count: int, truncation: float) -> Iterator[np.ndarray]:
    """Draw figures of 25 images each from a model, seeds 0-24, 25-49, and so on."""
    from animekit import plugins
    from animekit.generation.generate import generate
    from animekit.images.layout import course_figure
    from animekit.runs.run import load_model

    registry = plugins.load()
    loaded = load_model(model, registry)
    print(loaded.origin, file=sys.stderr)
    for number in range(count):
        seeds = range(CELLS * number, CELLS * (number + 1))
        yield course_figure(generate(loaded, seeds=seeds, truncation=truncation).images)


def real_figures(folder: Path, count: int) -> Iterator[np.ndarray]:
    """Draw figures of 25 images of a folder each, without repeats, the same every time."""
    from animekit.errors import DataError
    from animekit.images.decode import decode
    from animekit.images.formats import EXTENSIONS
    from animekit.images.layout import course_figure
    from animekit.images.pixels import resize

    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in EXTENSIONS)
    if len(paths) < CELLS * count:
        raise SystemExit(f"error: {folder} has {len(paths)} images, {count} figures need more")
    order = iter(np.random.default_rng(0).permutation(len(paths)))
    for _ in range(count):
        images: list[np.ndarray] = []
        while len(images) < CELLS:
            try:
                images.append(resize(decode(paths[next(order)]), 64))
            except DataError:
                continue
        yield course_figure(np.stack(images))


def judge(name: str, counts: list[int]) -> dict[str, object]:
    """Print and return what the counts of one source say."""
    passed = sum(count >= PASS for count in counts)
    mean, spread = float(np.mean(counts)), float(np.std(counts))
    verdict = "pass" if mean >= PASS else "fail"
    print(
        f"{name}: {mean:.2f} faces of {CELLS} (spread {spread:.2f}, {min(counts)}-{max(counts)},"
        f" {passed} of {len(counts)} figures pass at {PASS}): {verdict}"
    )
    return {"name": name, "counts": counts, "mean": mean, "std": spread, "passed": passed}


def parsed(argv: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("figure", nargs="*", type=Path, help="640x480 PNG to count faces on")
    parser.add_argument("--cascade", type=Path, required=True, help="lbpcascade_animeface.xml")
    parser.add_argument("--model", nargs="?", const="", help="run or weights (default: newest)")
    parser.add_argument("--real", type=Path, help="folder of real faces, as the reference")
    parser.add_argument("--figures", type=int, default=20, help="figures of a model or folder")
    parser.add_argument("--truncation", type=float, default=1.0)
    parser.add_argument("--detector", choices=["auto", "opencv", "numpy"], default="auto")
    parser.add_argument("--out", type=Path, help="PNG of the first figure with boxes drawn")
    parser.add_argument("--json", action="store_true", help="print one JSON object at the end")
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    """Count faces and return 0, or 5 where a figure or the model's mean does not pass."""
    options = parsed(argv)
    try:
        using = None if options.detector == "auto" else options.detector
        cascade = Cascade(find_cascade(options.cascade), using)
    except AnimekitError as error:
        raise SystemExit(f"error: {error.message}") from None
    print(f"detector: {cascade.backend} (OpenCV {cv2.__version__})", file=sys.stderr)
    sources: list[tuple[str, Iterator[np.ndarray]]] = [
        (str(path), iter([np.asarray(Image.open(path).convert("RGB"))])) for path in options.figure
    ]
    if options.model is not None or not (options.figure or options.real):
        figures = model_figures(options.model or None, options.figures, options.truncation)
        sources.append(("model", figures))
    if options.real:
        sources.append((f"real {options.real}", real_figures(options.real, options.figures)))
    reports: list[dict[str, object]] = []
    for source, figures in sources:
        counts: list[int] = []
        for figure in figures:
            boxes = cascade.detect(equalised(figure))
            if options.out and not reports and not counts:
                write_png(options.out, framed(np.ascontiguousarray(figure[..., :3]), boxes))
            counts.append(len(boxes))
        reports.append(judge(source, counts))
    if options.json:
        print(
            json.dumps({"detector": cascade.backend, "opencv": cv2.__version__, "reports": reports})
        )
    failed = [report for report in reports if float(str(report["mean"])) < PASS]
    return 5 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
