"""What a StarGAN of hair colours does to real faces: is the hair as asked, is the rest kept?

    python benchmarks/recipes/edited_hair.py RUN data/extra_gray --num 500 --holdout 0.05

Every face is given every hair colour. The bundled tagger reads hair and eyes of the results; what
it reads of the untouched faces stands beside, for it errs too. Distances are means over pixels, in
levels of 255, in the hair, on the skin and elsewhere. Hair and skin are told by eight colours of
the face (k-means in Lab): those that are common above the forehead, and those of the cheeks. The
rule is rough, and right for most faces: `--masks FILE.png` draws what it found.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from animekit import plugins
from animekit.data.dataset import open_dataset
from animekit.data.pack import pack
from animekit.device import choose_device, choose_precision
from animekit.errors import AnimekitError
from animekit.images.layout import grid
from animekit.images.write import write_png
from animekit.labels.tags import HAIR
from animekit.models import tagger
from animekit.models.targets import targets_of
from animekit.plugins import Registry
from animekit.translation.translator import Translator, TranslatorOptions
from animekit.translation.weights import TranslatorWeights, find_weights

COLOURS = 8
SHOWN = 12  # faces in the picture of masks


@dataclass
class Faces:
    """Real faces uint8 [N, S, S, 3], and the masks [N, S, S] of their hair and skin."""

    images: np.ndarray
    hair: np.ndarray
    skin: np.ndarray


def parts(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the masks [H, W] of hair and skin of a face uint8 [H, W, 3]."""
    lab = cv2.cvtColor(image, cv2.COLOR_RGB2LAB).astype(np.float32)
    cv2.setRNGSeed(0)
    rule = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 20, 1.0)
    _, flat, _ = cv2.kmeans(lab.reshape(-1, 3), COLOURS, None, rule, 3, cv2.KMEANS_PP_CENTERS)
    which = flat.reshape(image.shape[:2])
    y, x = np.mgrid[: image.shape[0], : image.shape[1]] / image.shape[0]
    top = (y > 0.08) & (y < 0.33) & (x > 0.25) & (x < 0.75)
    cheeks = (y > 0.6) & (y < 0.82) & (x > 0.35) & (x < 0.65)
    hair, skin = np.zeros_like(top), np.zeros_like(top)
    for colour in range(COLOURS):
        here = which == colour
        above, below = here[top].mean(), here[cheeks].mean()
        if below > 0.08 and below > 1.5 * above:
            skin |= here
        elif above > 0.04 and above > below:
            hair |= here
    inner = (y > 0.4) & (x > 0.15) & (x < 0.85)
    return hair, skin & inner


def real_faces(data: str, registry: Registry, size: int, num: int, holdout: float) -> Faces:
    """Return faces of a data set, of its held out part if there is one, spread over it."""
    packed = pack(open_dataset(data, registry), size)
    rows = np.flatnonzero(packed.held_out(holdout)) if holdout else np.arange(len(packed))
    rows = rows[np.linspace(0, len(rows) - 1, min(num, len(rows))).astype(int)]
    images = np.asarray(packed.images)[rows]
    masks = [parts(image) for image in images]
    return Faces(images, np.stack([m[0] for m in masks]), np.stack([m[1] for m in masks]))


def edits(named: TranslatorWeights, images: np.ndarray, precision: str) -> dict[int, np.ndarray]:
    """Return the faces with each hair colour that the model knows: {place in HAIR: images}."""
    device = choose_device("auto")
    way = TranslatorOptions(None, 512, choose_precision(precision, device))
    translator = Translator(named.model, device, way)
    known = {target.words: target for target in targets_of(named.model, None, ())}
    made = {}
    for place, colour in enumerate(HAIR):
        if column := known.get(f"{colour} hair"):
            target = column.argument(None)
            made[place] = np.stack(translator.translate(list(images), target))
    return made


def channels_first(images: np.ndarray) -> np.ndarray:
    """Return images [N, 3, H, W] of [N, H, W, 3]."""
    return np.ascontiguousarray(images.transpose(0, 3, 1, 2))


def share(values: np.ndarray) -> str:
    """Return a mean in percent."""
    return f"{100 * values.mean():5.1f} %"


def within(distance: np.ndarray, mask: np.ndarray) -> float:
    """Return the mean of distances [N, H, W] over a mask of the same shape."""
    return float(distance[mask].mean())


def main() -> None:
    """Edit, read, and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("weights", help="run, weights file or name of a stargan that knows hair")
    parser.add_argument("data", help="real faces, of which none need be tagged")
    parser.add_argument("--num", type=int, default=500)
    parser.add_argument("--holdout", type=float, default=0.0, help="as it was in training")
    parser.add_argument("--precision", default="auto", choices=("auto", "fp32", "bf16"))
    parser.add_argument("--masks", type=Path, help="draw hair and skin of twelve faces")
    asked = parser.parse_args()
    registry = plugins.load()
    try:
        named = find_weights("stargan", asked.weights, registry)
        size = named.loaded.model.spec.size
        faces = real_faces(asked.data, registry, size, asked.num, asked.holdout)
    except AnimekitError as error:
        raise SystemExit(f"error: {error}") from None
    print(f"{named.loaded.origin}\n{len(faces.images)} faces of {asked.data}, {size} px")
    if asked.masks:
        draw_masks(asked.masks, faces)
    report(faces, edits(named, faces.images, asked.precision), tagger.load(registry))


def report(faces: Faces, made: dict[int, np.ndarray], reader: tagger.Classifier) -> None:
    """Print how hair and eyes are read, and how far pixels moved."""
    before = reader.read(channels_first(faces.images))
    after = {place: reader.read(channels_first(images)) for place, images in made.items()}
    print("hair as asked:")
    for place, found in after.items():
        untouched = share(before["hair"] == place)
        print(f"  {HAIR[place]:7} {share(found['hair'] == place)}   before {untouched}")
    right = np.stack([found["hair"] == place for place, found in after.items()])
    other = np.stack([before["hair"] != place for place in after])
    print(
        f"  all     {share(right)}   of faces read as another colour before {share(right[other])}"
    )
    kept = np.stack([found["eyes"] == before["eyes"] for found in after.values()])
    print(f"eye colour read as before: {share(kept)}")
    distance = {p: np.abs(i.astype(int) - faces.images).mean(3) for p, i in made.items()}
    rest = ~(faces.hair | faces.skin)
    for name, mask in (("hair", faces.hair), ("skin", faces.skin), ("elsewhere", rest)):
        mean = np.mean([within(each, mask) for each in distance.values()])
        print(f"pixels moved, {name:9} {mean:6.2f} levels ({share(mask)} of pixels)")
    own = np.stack(
        [made[p][i] if p in made else faces.images[i] for i, p in enumerate(before["hair"])]
    )
    moved = np.abs(own.astype(int) - faces.images).mean()
    print(f"asked for the hair it is read to have: {moved:.2f} levels")


def draw_masks(path: Path, faces: Faces) -> None:
    """Draw faces, their hair in magenta and their skin in green."""
    shown = []
    for image, hair, skin in zip(faces.images, faces.hair, faces.skin, strict=True):
        painted = image.copy()
        painted[hair], painted[skin] = (255, 0, 255), (0, 200, 0)
        shown += [image, painted]
    write_png(path, grid(np.stack(shown[: 2 * SHOWN]), 8))


if __name__ == "__main__":
    main()
