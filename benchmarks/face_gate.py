"""Run the course's face gate: count faces on a 640x480 figure, pass at 20.

The course's check reads the figure as grey, equalises its histogram and calls OpenCV's
`detectMultiScale` with an LBP cascade for anime faces: scale factor 1.1, 5 neighbours, faces from
24 pixels on. OpenCV 5 has no cascades; there the same cascade file is read by scikit-image, and
OpenCV's pyramid and grouping are done here. On 64 figures of real faces, clean and spoilt by noise
(3 to 25 faces found), both counted the same on 63 and differed by one face on the other.

    python benchmarks/face_gate.py samples/gan.png --cascade lbpcascade_animeface.xml
    python benchmarks/face_gate.py --model 0007 --figures 20 --real data/faces --cascade ...

The cascade is nagadomi's lbpcascade_animeface.xml (MIT).
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw

SCALE, NEIGHBOURS, SMALLEST, PASS, CELLS = 1.1, 5, 24, 20, 25
SIMILAR = 0.2
"""OpenCV's share of the mean side by which the edges of two windows of one face may differ."""

Detector = Callable[[np.ndarray], np.ndarray]


def opencv_detector(cascade: Path) -> Detector:
    """Return OpenCV's own detector: equalised grey [H, W] -> boxes x, y, w, h [N, 4]."""
    classifier = cv2.CascadeClassifier(str(cascade))  # type: ignore[attr-defined]
    if classifier.empty():
        raise SystemExit(f"error: {cascade} is not a cascade")

    def detect(grey: np.ndarray) -> np.ndarray:
        found = classifier.detectMultiScale(grey, SCALE, NEIGHBOURS, minSize=(SMALLEST, SMALLEST))
        return np.array(found, dtype=int).reshape(-1, 4)

    return detect


def skimage_detector(cascade: Path) -> Detector:
    """Return a detector with scikit-image's cascade on OpenCV's pyramid, windows and grouping."""
    from skimage.feature import Cascade

    classifier = Cascade(str(cascade))
    side = classifier.window_width

    def windows(grey: np.ndarray) -> Iterator[tuple[int, int, int, int]]:
        factor = 1.0
        while min(grey.shape) / factor > side + 0.5:
            height, width = (round(length / factor) for length in grey.shape)
            small = cv2.resize(grey, (width, height), interpolation=cv2.INTER_LINEAR_EXACT)
            found = classifier.detect_multi_scale(
                small,
                scale_factor=SCALE,
                step_ratio=1 if factor > 2 else 2,  # OpenCV skips every other place when large
                min_size=(side, side),
                max_size=(side + 1, side + 1),  # one scale: the pyramid has the others
                min_neighbor_number=0,
                intersection_score_threshold=2.0,  # never reached: every window stays
            )
            length = round(side * factor)
            for window in found:
                # OpenCV leaves out the last place of each row and column.
                if window["c"] < width - side and window["r"] < height - side:
                    yield round(window["c"] * factor), round(window["r"] * factor), length, length
            factor *= SCALE

    return lambda grey: group(np.array(list(windows(grey)), dtype=int).reshape(-1, 4))


def group(boxes: np.ndarray) -> np.ndarray:
    """Join windows [N, 4] as OpenCV's groupRectangles does: one mean box for each face.

    Windows with all edges nearly equal belong together, also by way of others. A group needs more
    than `NEIGHBOURS` windows, and must not lie inside a larger group.
    """
    if not len(boxes):
        return boxes
    from scipy.sparse.csgraph import connected_components

    edges = np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], axis=1)
    smaller = np.minimum(boxes[:, None, 2:], boxes[None, :, 2:]).sum(axis=2)
    near = np.abs(edges[:, None] - edges[None]) <= SIMILAR * 0.5 * smaller[..., None]
    count, labels = connected_components(near.all(axis=2), directed=False)
    sizes = np.bincount(labels, minlength=count)
    means = np.stack([np.rint(boxes[labels == label].mean(axis=0)) for label in range(count)])
    strong = [label for label in range(count) if sizes[label] > NEIGHBOURS]
    kept = [
        label
        for label in strong
        if not any(
            sizes[other] > max(3, sizes[label]) and _inside(means[label], means[other])
            for other in strong
            if other != label
        )
    ]
    return means[kept].astype(int)


def _inside(box: np.ndarray, other: np.ndarray) -> bool:
    slack = np.trunc(other[2:] * SIMILAR)
    starts = box[:2] >= other[:2] - slack
    ends = box[:2] + box[2:] <= other[:2] + other[2:] + slack
    return bool(starts.all() and ends.all())


DETECTORS = {"opencv": opencv_detector, "skimage": skimage_detector}


def equalised(figure: np.ndarray) -> np.ndarray:
    """Return the figure, RGB or RGBA uint8 [H, W, C], as equalised grey [H, W]."""
    return np.asarray(cv2.equalizeHist(cv2.cvtColor(figure[..., :3], cv2.COLOR_RGB2GRAY)))


def model_figures(model: str | None, count: int, truncation: float) -> Iterator[np.ndarray]:
    """Draw figures of 25 images each from a model, seeds 0-24, 25-49, and so on."""
    from animekit import plugins
    from animekit.checkpoint import load_model
    from animekit.generation import generate
    from animekit.images import course_figure

    registry = plugins.load()
    loaded = load_model(model, registry)
    print(loaded.origin, file=sys.stderr)
    for number in range(count):
        seeds = range(CELLS * number, CELLS * (number + 1))
        yield course_figure(generate(loaded, seeds=seeds, truncation=truncation).images)


def real_figures(folder: Path, count: int) -> Iterator[np.ndarray]:
    """Draw figures of 25 images of a folder each, without repeats, the same every time."""
    from animekit.errors import DataError
    from animekit.images import EXTENSIONS, course_figure, decode, resize

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


def draw(figure: np.ndarray, boxes: np.ndarray, path: Path) -> None:
    """Write the figure with a red frame round each face."""
    picture = Image.fromarray(figure[..., :3])
    pen = ImageDraw.Draw(picture)
    for x, y, width, height in boxes.tolist():
        pen.rectangle((x, y, x + width, y + height), outline="red", width=2)
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.save(path)


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
    parser.add_argument("--detector", choices=["auto", *DETECTORS], default="auto")
    parser.add_argument("--out", type=Path, help="PNG of the first figure with boxes drawn")
    parser.add_argument("--json", action="store_true", help="print one JSON object at the end")
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    """Count faces and return 0, or 5 where a figure or the model's mean does not pass."""
    options = parsed(argv)
    if not options.cascade.is_file():
        raise SystemExit(f"error: no cascade {options.cascade}")
    name = options.detector
    if name == "auto":
        name = "opencv" if hasattr(cv2, "CascadeClassifier") else "skimage"
    detect = DETECTORS[name](options.cascade)
    print(f"detector: {name} (OpenCV {cv2.__version__})", file=sys.stderr)
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
            boxes = detect(equalised(figure))
            if options.out and not reports and not counts:
                draw(figure, boxes, options.out)
            counts.append(len(boxes))
        reports.append(judge(source, counts))
    if options.json:
        print(json.dumps({"detector": name, "opencv": cv2.__version__, "reports": reports}))
    failed = [report for report in reports if float(str(report["mean"])) < PASS]
    return 5 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
