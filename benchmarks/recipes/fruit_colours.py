"""What a CycleGAN does to test pictures of two domains that colour tells apart.

    python benchmarks/recipes/fruit_colours.py cyclegan-apple2orange data/apples_oranges

Prints, for each direction: the cycle error (mean distance of a picture and its way back, in levels
of 255), what is changed of pictures that are of the target domain already, and the share of
pictures whose dominant colour moved to the other domain.

The dominant colour of a picture is its most frequent hue, weighted by saturation times value, among
warm hues (magenta-red over orange to yellow): leaves, sky and white ground do not count. The border
between the domains is the hue that tells the training pictures apart best; how well it tells real
test pictures apart is printed beside, and no share can be trusted more than that.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
import torch

from animekit import plugins
from animekit.data.unpaired import find_domains, find_tests
from animekit.device import choose_device, choose_precision
from animekit.errors import AnimekitError
from animekit.images.decode import EXTENSIONS, decode
from animekit.images.pixels import resize
from animekit.translation.translator import Translator, TranslatorOptions
from animekit.translation.weights import TranslatorWeights, find_weights

WARM = (-40.0, 75.0)
"""Hues in degrees that can be the colour of a fruit: from magenta-red to yellow."""
BINS = 46  # of 2.5 degrees each
SATURATED, BRIGHT = 0.35, 0.25
ENOUGH = 0.01  # of the picture must be warm, else it has no dominant colour


def read(folder: str, size: int) -> np.ndarray:
    """Return the pictures of a folder, uint8 [N, size, size, 3], squeezed as training does."""
    paths = sorted(p for p in Path(folder).iterdir() if p.suffix.lower() in EXTENSIONS)
    return np.stack([resize(decode(path), size) for path in paths])


def dominant_hue(picture: np.ndarray) -> float:
    """Return the most frequent warm hue of a picture uint8 [H, W, 3] in degrees, nan without one.

    >>> red = np.zeros((8, 8, 3), np.uint8) + np.uint8([200, 20, 10])
    >>> abs(dominant_hue(red) - 3.0) < 3
    True
    """
    hsv = cv2.cvtColor(picture.astype(np.float32) / 255, cv2.COLOR_RGB2HSV)
    hue, saturation, value = hsv[..., 0], hsv[..., 1], hsv[..., 2]
    hue = np.where(hue > 180, hue - 360, hue)
    taken = (saturation > SATURATED) & (value > BRIGHT) & (hue > WARM[0]) & (hue < WARM[1])
    if taken.mean() < ENOUGH:
        return float("nan")
    counts, edges = np.histogram(hue[taken], BINS, WARM, weights=(saturation * value)[taken])
    smooth = np.convolve(counts, [0.25, 0.5, 0.25], mode="same")
    place = int(smooth.argmax())
    return float((edges[place] + edges[place + 1]) / 2)


def border(first: np.ndarray, second: np.ndarray) -> float:
    """Return the hue in degrees that tells hues [N] and [M] apart with the fewest errors."""
    places = np.arange(WARM[0], WARM[1], 0.5)
    right = [(first < p).mean() + (second >= p).mean() for p in places]
    best = np.flatnonzero(np.isclose(right, max(right)))
    return float(places[best].mean())


def hues(pictures: np.ndarray) -> np.ndarray:
    """Return the dominant hue of each picture uint8 [N, H, W, 3], float [N]."""
    return np.array([dominant_hue(picture) for picture in pictures])


def levels(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return the mean distance of pictures uint8 [N, H, W, 3], in levels of 255, [N]."""
    distance: np.ndarray = np.abs(one.astype(float) - other).mean((1, 2, 3))
    return distance


def main() -> None:
    """Translate the test pictures there and back, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("weights", help="run, weights file or name of a cyclegan")
    parser.add_argument("data", help="folder with trainA, trainB, testA and testB")
    parser.add_argument("--size", type=int, help="side of the pictures (that of training)")
    parser.add_argument("--precision", default="auto", choices=("auto", "fp32", "bf16"))
    asked = parser.parse_args()
    try:
        named = find_weights("cyclegan", asked.weights, plugins.load())
        trains, tests = find_domains(asked.data), find_tests(asked.data)
    except AnimekitError as error:
        raise SystemExit(f"error: {error}") from None
    if tests is None:
        raise SystemExit(f"error: {asked.data} has no testA and testB")
    size = asked.size or named.loaded.model.spec.size
    known = [hues(read(where, size)) for where in trains]
    edge = border(known[0], known[1])
    print(f"{named.loaded.origin}\npictures of {size} px; border of hue {edge:.1f} degrees")
    real = [read(where, size) for where in tests]
    report(named, real, edge, asked.precision)


def report(named: TranslatorWeights, real: list[np.ndarray], edge: float, precision: str) -> None:
    """Print what becomes of the test pictures of both domains."""
    device = choose_device("auto")
    way = TranslatorOptions(None, 512, choose_precision(precision, device))
    translator = Translator(named.model, device, way)
    seen = [hues(pictures) for pictures in real]
    own = [seen[0] < edge, seen[1] >= edge]
    for place, name in enumerate(("a2b", "b2a")):
        pictures, other = real[place], real[1 - place]
        made = np.stack(translator.translate(list(pictures), name))
        back = np.stack(translator.translate(list(made), ("b2a", "a2b")[place]))
        same = np.stack(translator.translate(list(other), name))
        found = hues(made)
        moved = (found >= edge) if place == 0 else (found < edge)
        print(f"{name}: {len(pictures)} test pictures")
        print(f"  read as their own domain before  {own[place].sum():3} of {len(pictures)}")
        print(f"  read as the other one after      {moved.sum():3} of {len(pictures)}")
        both = (moved & own[place]).sum()
        print(f"  moved, of those read rightly     {both:3} of {own[place].sum()}")
        print(f"  median hue {np.nanmedian(seen[place]):.0f} -> {np.nanmedian(found):.0f} degrees")
        print(f"  cycle error    {levels(pictures, back).mean():6.2f} levels of 255")
        print(f"  changed        {levels(pictures, made).mean():6.2f}")
        print(f"  identity error {levels(other, same).mean():6.2f} (pictures of the target)")


if __name__ == "__main__":
    with torch.inference_mode():
        main()
