"""Train the network of the detector `own` and write its weights.

    python benchmarks/recipes/train_detector.py DATA --minutes 40 --out facefinder.safetensors

The data folder has `mlds_faces`, `mlds_extra`, `getchu64` (crops of anime faces), `apples_oranges`
and `celeba` (photographs). The pictures that `mlds_faces/labels.csv` names and all illustrations
are for tests: none is read here. One picture of twelve is held out to choose the threshold by.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import math
import sys
import time
from copy import deepcopy
from pathlib import Path

import cv2
import numpy as np
import torch
from detector_scenes import SIDE, Crop, Faces, Scenes
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, smooth_l1_loss
from torch.nn.utils.fusion import fuse_conv_bn_weights

from animekit.images.decode import decode
from animekit.models.weights import read, to_bytes
from animekit_plugins.detectors._finder import MIDDLE, STRIDE, Finder, overlaps
from animekit_plugins.detectors.own import Own, OwnParams

CELLS = SIDE // STRIDE
SHARE = 0.81
"""Side of a face box in that of a course crop, which is what the LBP cascade boxes (0.94 of it,
measured on padded crops). 0.86 of the cascade's side lies between its box and a tight one."""
SETS = {  # folder: face box (x, y, side) in a crop, weight, most pictures
    "mlds_faces/faces": ((0.5, 0.505, SHARE), 0.66, 12000),
    "mlds_extra/images": ((0.508, 0.508, 0.83), 0.14, 4000),
    "getchu64/images": ((0.508, 0.615, 0.83), 0.20, 2000),
}
PEOPLE, LARGE = 60, 400  # photographs of people; pixels from which art is a scene, not an object
NO_FACE = (
    *(39, 336, 402, 1023, 2507, 3304, 3605, 4288, 5227, 5525, 5621, 6002, 6157, 6532, 6725, 6751),
    *(6857, 6937, 7026, 7573, 7636, 7948, 7989, 8467, 8650, 8706, 9016, 9188, 9392, 9622, 10439),
    *(11168, 11722),
)
"""Crops of `mlds_faces` without a face, found by eye among those that a first network doubted."""
DOUBTFUL = 0.02  # share of the course's crops that is left out in the second round
HELD_OUT = 12  # one picture of so many never trains
CENTRE, RING = 0.2, 0.5  # cells this near the centre (in face sides) are faces; up to here, either


def crops_of(data: Path, *, held_out: bool) -> list[list[Crop]]:
    """Return the crops of each set, without those that test."""
    with (data / "mlds_faces" / "labels.csv").open(newline="") as file:
        labelled = {row["file"] for row in csv.DictReader(file)}
    sets: list[list[Crop]] = []
    for folder, (box, _, most) in SETS.items():
        paths = sorted((data / folder).glob("*.jpg"), key=lambda path: path.stem.zfill(12))
        chosen = [
            path
            for path in paths[:: max(1, len(paths) // most)]
            if "mlds_faces" not in folder
            or (f"faces/{path.name}" not in labelled and int(path.stem) not in NO_FACE)
        ]
        seen = (
            {
                hashlib.sha256((data / "mlds_faces" / name).read_bytes()).digest()
                for name in labelled
            }
            if "mlds_faces" in folder
            else set()
        )
        pictures = [
            decode(path)
            for path in chosen
            if (_bucket(path) == 0) == held_out
            and hashlib.sha256(path.read_bytes()).digest() not in seen
        ]
        sets.append([(picture, box) for picture in pictures])
    return sets


def without_doubtful(crops: list[Crop], path: Path) -> list[Crop]:
    """Leave out the crops in which earlier weights see least of a face: some show none."""
    detector = Own(OwnParams(weights=path, threshold=0.02))
    found = detector.detect_many([picture for picture, _ in crops])
    scores = np.array([max(boxes[:, 4], default=0) for boxes in found])
    return [crops[k] for k in np.flatnonzero(scores > np.quantile(scores, DOUBTFUL))]


def _bucket(path: Path) -> int:
    """Return a number below HELD_OUT; copies of one picture get the same one."""
    return hashlib.sha256(path.read_bytes()).digest()[0] % HELD_OUT


def photos_of(data: Path, art: list[Path], *, held_out: bool) -> list[np.ndarray]:
    """Return photographs: fruit, people (who are no anime faces), and large pictures of `art`."""
    folders = ("testA", "testB") if held_out else ("trainA", "trainB")
    paths = [p for f in folders for p in sorted((data / "apples_oranges" / f).iterdir())]
    people = sorted((data / "celeba" / "images").glob("*.jpg"))
    paths += people[-10:] if held_out else people[:PEOPLE]
    photos = [_shrunk(decode(path), 320) for path in paths]
    large = [picture for picture in _art(art, held_out=held_out) if _large(picture)]
    return photos + 3 * large


def clips_of(art: list[Path], *, held_out: bool) -> list[np.ndarray]:
    """Return clip art, cut to what is not white."""
    clips = []
    for picture in _art(art, held_out=held_out):
        rows, columns = np.nonzero(picture.min(axis=2) < 245)
        if not _large(picture) and len(rows) and np.ptp(rows) > 8 and np.ptp(columns) > 8:
            box = slice(rows.min(), rows.max() + 1), slice(columns.min(), columns.max() + 1)
            clips.append(_shrunk(np.ascontiguousarray(picture[box]), 200))
    return clips


def _art(folders: list[Path], *, held_out: bool) -> list[np.ndarray]:
    paths = sorted(path for folder in folders for path in folder.rglob("*") if path.is_file())
    return [_shrunk(decode(p), 1000) for p in paths if (_bucket(p) == 0) == held_out]


def _large(picture: np.ndarray) -> bool:
    return max(picture.shape[:2]) > LARGE


def _shrunk(picture: np.ndarray, side: int) -> np.ndarray:
    scale = side / max(picture.shape[:2])
    if scale >= 1:
        return picture
    return cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)


def training_scenes(data: Path, art: list[Path], seed: int, *, held_out: bool = False) -> Scenes:
    """Return the scenes of the pictures that train, or of those held out."""
    faces = data / "mlds_faces" / "faces"
    return Scenes(
        crops_of(data, held_out=held_out),
        [share for _, share, _ in SETS.values()],
        photos_of(data, art, held_out=held_out),
        clips_of(art, held_out=held_out),
        [] if held_out else [decode(faces / f"{number}.jpg") for number in NO_FACE],
        seed,
    )


def batch_of(scenes: Scenes, count: int) -> tuple[Tensor, Tensor]:
    """Return images [N, 3, S, S] in [-1, 1] and targets [N, 5, C, C]: weight, is, x, y, size."""
    drawn = [scenes.draw() for _ in range(count)]
    images = torch.from_numpy(np.stack([canvas for canvas, _ in drawn])).permute(0, 3, 1, 2)
    targets = np.stack([target_of(faces) for _, faces in drawn])
    return images.float() / 127.5 - 1, torch.from_numpy(targets)


def target_of(faces: Faces) -> np.ndarray:
    """Return what the maps should say: float32 [5, C, C]."""
    target = np.zeros((5, CELLS, CELLS), np.float32)
    target[0] = 1
    middles = np.arange(CELLS) * STRIDE + STRIDE / 2
    for x, y, size in faces:
        far = np.maximum(abs(middles[None, :] - x), abs(middles[:, None] - y))
        target[0][(far <= RING * size) & (target[1] == 0)] = 0
        cells = far <= max(CENTRE * size, STRIDE / 2)
        target[0][cells] = target[1][cells] = 1
        rows, columns = np.nonzero(cells)
        target[2, rows, columns] = (x - middles[columns]) / MIDDLE
        target[3, rows, columns] = (y - middles[rows]) / MIDDLE
        target[4, rows, columns] = math.log(size / MIDDLE)
    return target


def loss_of(maps: Tensor, target: Tensor, doubt: float) -> tuple[Tensor, Tensor]:
    """Return the focal loss of the logits and the box loss, both per cell that is a face.

    A cell said to be a face that the network gives less than `doubt` is left out: one crop of a
    hundred shows no face at all.
    """
    weight, face = target[:, 0], target[:, 1]
    logit = maps[:, 0]
    likely = torch.sigmoid(logit).detach()
    weight = weight * ~((face > 0) & (likely < doubt))
    wrong = torch.where(face > 0, 1 - likely, likely.pow(1.5))
    losses = binary_cross_entropy_with_logits(logit, face * 0.98 + 0.004, reduction="none")
    count = face.sum().clamp(min=1)
    boxes = smooth_l1_loss(maps[:, 1:], target[:, 2:], reduction="none", beta=0.1).sum(1)
    return (losses * weight * wrong).sum() / count, (boxes * face).sum() / count


def train(options: argparse.Namespace) -> Finder:
    """Train for a number of minutes and return the averaged, folded network."""
    torch.manual_seed(options.seed)
    torch.set_num_threads(1)
    scenes = training_scenes(options.data, options.art, options.seed)
    if options.clean:
        scenes.crops[0] = without_doubtful(scenes.crops[0], options.clean)
    finder = started(options.start).to(memory_format=torch.channels_last)
    average = deepcopy(finder)
    optimizer = torch.optim.AdamW(finder.parameters(), lr=options.lr, weight_decay=0.02)
    start, step, sums, share = time.monotonic(), 0, np.zeros(2), 0.0
    saved = 0.0
    while share < 1:
        share = (time.monotonic() - start) / (60 * options.minutes)
        warm = min(1.0, (step + 1) / 200)
        for group in optimizer.param_groups:
            group["lr"] = (
                options.lr * warm * (0.01 + 0.495 * (1 + math.cos(math.pi * min(share, 1))))
            )
        images, target = batch_of(scenes, options.batch)
        with torch.autocast("cpu", torch.bfloat16, enabled=options.bf16):
            maps = finder(images.contiguous(memory_format=torch.channels_last))
        terms = loss_of(maps.float(), target, 0.05 if share > 0.35 else 0.0)
        optimizer.zero_grad(set_to_none=True)
        (terms[0] + 2 * terms[1]).backward()
        torch.nn.utils.clip_grad_norm_(finder.parameters(), 5.0)
        optimizer.step()
        follow(average, finder, min(0.998, step / (step + 50)))
        sums += [term.item() for term in terms]
        step += 1
        if step % 100 == 0:
            seconds = time.monotonic() - start
            print(
                f"{step} {seconds:.0f} s: score {sums[0] / 100:.4f} box {sums[1] / 100:.4f}",
                flush=True,
            )
            sums[:] = 0
            if seconds - saved > 120:
                saved = seconds
                write(fold(average), options.out, step)
    write(fold(average), options.out, step)
    return fold(average)


def started(path: Path | None) -> Finder:
    """Return a new network, or that of a file (which has its normalisation worked in)."""
    finder = Finder(norm=path is None)
    if path is None:
        torch.nn.init.constant_(finder.head.bias[:1], -4.0)
    else:
        tensors = read(path)[0]
        finder.load_state_dict({name: value.float() for name, value in tensors.items()})
    return finder


@torch.no_grad()
def follow(average: Finder, finder: Finder, keep: float) -> None:
    """Move the averaged network towards the trained one."""
    for ours, theirs in zip(
        average.state_dict().values(), finder.state_dict().values(), strict=True
    ):
        if ours.is_floating_point():
            ours.lerp_(theirs, 1 - keep)


def fold(finder: Finder) -> Finder:
    """Return a network without normalisation that computes the same, in eval mode."""
    if isinstance(finder.body[0].norm, torch.nn.Identity):
        return finder
    plain = Finder().eval()
    for ours, theirs in zip(plain.body, finder.body, strict=True):
        conv, norm = theirs.conv, theirs.norm
        ours.conv.weight, ours.conv.bias = fuse_conv_bn_weights(
            conv.weight,
            conv.bias,
            norm.running_mean,
            norm.running_var,
            norm.eps,
            norm.weight,
            norm.bias,
        )
    plain.head.load_state_dict(finder.head.state_dict())
    return plain


def write(finder: Finder, path: Path, step: int) -> None:
    """Write the weights as float16, half the size; what they find stays the same."""
    tensors = {name: value.half() for name, value in finder.state_dict().items()}
    path.write_bytes(to_bytes(tensors, {"model": "own", "kind": "detector", "step": step}))


def validate(scenes: Scenes, path: Path) -> None:
    """Print what the weights keep, catch and find of pictures held out, by threshold."""
    lowest = 0.2
    whole, crops = (
        Own(OwnParams(weights=path, threshold=lowest, sure=0, crop=crop)) for crop in (0, 128)
    )
    pictures = [picture for source in scenes.crops for picture, _ in source[:1000]]
    small = [cv2.resize(picture, (64, 64), interpolation=cv2.INTER_AREA) for picture in pictures]
    others = [scenes.colours(scenes.ground()) for _ in range(1500)]
    others = [cv2.resize(picture, (96, 96), interpolation=cv2.INTER_AREA) for picture in others]
    kept, kept64, not_caught = (
        np.array([max(boxes[:, 4], default=0) for boxes in crops.detect_many(images)])
        for images in (pictures, small, others)
    )
    collages = [scenes.collage() for _ in range(400)]
    found = whole.detect_many([canvas for canvas, _ in collages])
    grounds = whole.detect_many(others)
    listed = [
        [np.array([x - size / 2, y - size / 2, size, size]) for x, y, size in faces]
        for _, faces in collages
    ]
    print("threshold, crops kept, at 64 px, others caught, faces of collages found, false boxes:")
    for threshold in (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9):
        over = [boxes[boxes[:, 4] >= threshold] for boxes in found]
        hits = [
            len(boxes) > 0 and overlaps(box, boxes)[0].max() >= 0.5
            for faces, boxes in zip(listed, over, strict=True)
            for box in faces
        ]
        false = sum(int((boxes[:, 4] >= threshold).sum()) for boxes in grounds) / len(grounds)
        shares = [np.mean(kept >= threshold), np.mean(kept64 >= threshold)]
        shares += [np.mean(not_caught < threshold), np.mean(hits)]
        print(threshold, *(f"{share:.4f}" for share in shares), f"{false:.4f} a picture")


def main(argv: list[str] | None = None) -> int:
    """Train, write the weights, say their sha256."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument(
        "--art", type=Path, nargs="+", required=True, help="folders of pictures without faces"
    )
    parser.add_argument("--out", type=Path, default=Path("facefinder.safetensors"))
    parser.add_argument("--minutes", type=float, default=40)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--lr", type=float, default=3e-3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--clean", type=Path, help="weights that say which crops to leave out")
    parser.add_argument("--start", type=Path, help="weights to go on from")
    parser.add_argument("--validate", action="store_true", help="only try the weights of --out")
    parser.add_argument("--bf16", action="store_true")
    options = parser.parse_args(argv)
    print(json.dumps(vars(options), default=str), file=sys.stderr)
    if not options.validate:
        train(options)
    validate(training_scenes(options.data, options.art, 1, held_out=True), options.out)
    print(options.out, hashlib.sha256(options.out.read_bytes()).hexdigest())
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
