"""Makes the data of the bundled conditional models: the extra data, with gray eyes painted.

    python benchmarks/recipes/conditional_data.py EXTRA OUT

EXTRA is the course's extra data (images/ and tags.csv). It has ten eye colours of the vocabulary's
eleven: no gray. Images whose eyes are blue, aqua or green while nothing else near the eyes has that
hue are copied with the saturation of those pixels taken away, under the tag gray eyes. OUT gets
images/ and tags.csv.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter

HUES = {"blue": (0.5, 0.72), "aqua": (0.42, 0.6), "green": (0.3, 0.5)}
HAIR = {"red", "pink", "orange", "brown", "blonde", "black", "white"}
ROWS, COLUMNS = slice(24, 42), slice(10, 54)  # where the eyes of aligned faces are, of 64 px
SATURATED, LEAST, MOST = 0.25, 14, 150  # of 1; pixels of an eye colour that make eyes
COOL = (0.2, 0.88)  # hues that an iris of these colours also has
SHARE = 0.6  # of the images that could be painted


def painted(image: np.ndarray, eyes: str) -> np.ndarray | None:
    """Return the image uint8 [64, 64, 3] with gray eyes, None where they cannot be told apart."""
    hsv = np.asarray(Image.fromarray(image).convert("HSV"), np.float32) / 255
    low, high = HUES[eyes]
    chosen = (hsv[..., 0] >= low) & (hsv[..., 0] <= high) & (hsv[..., 1] > SATURATED)
    window = np.zeros_like(chosen)
    window[ROWS, COLUMNS] = chosen[ROWS, COLUMNS]
    if not LEAST <= window.sum() <= MOST or chosen.sum() > 1.6 * window.sum() + 20:
        return None  # nothing to paint, or the hue is elsewhere too: hair, clothes, shadows
    left, right = window[:, :32].sum(), window[:, 32:].sum()
    if min(left, right) < LEAST // 4:
        return None
    near = np.zeros_like(window)
    near[ROWS, COLUMNS] = _grown(window)[ROWS, COLUMNS]
    cool = (hsv[..., 0] > COOL[0]) & (hsv[..., 0] < COOL[1])
    near &= cool | _grown(window, 1)
    gray = image.astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32)
    result = image.astype(np.float32)
    result[near] = gray[near][:, None]
    return result.round().astype(np.uint8)


def _grown(mask: np.ndarray, steps: int = 3) -> np.ndarray:
    """Return a mask bool [H, W] grown by some pixels to all sides."""
    return np.asarray(
        Image.fromarray(mask).convert("L").filter(ImageFilter.MaxFilter(2 * steps + 1)), bool
    )


def main() -> None:
    """Copy the extra data and add the painted images."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("extra", type=Path)
    parser.add_argument("out", type=Path)
    told = parser.parse_args()
    images = told.out / "images"
    images.mkdir(parents=True)
    rows, added = [], 0
    rng = np.random.default_rng(0)
    for line in (told.extra / "tags.csv").read_text().splitlines():
        key, _, text = line.partition(",")
        source = told.extra / "images" / f"{key}.jpg"
        if not source.is_file():
            continue
        rows.append(line)
        shutil.copy(source, images)
        words = text.split()
        hair, eyes = words[0], words[2]
        if eyes in HUES and hair in HAIR and rng.random() < SHARE:
            image = np.asarray(Image.open(source).convert("RGB"))
            gray = painted(image, eyes) if image.shape == (64, 64, 3) else None
            if gray is not None:
                Image.fromarray(gray).save(images / f"{key}_gray.png")
                rows.append(f"{key}_gray,{hair} hair gray eyes")
                added += 1
    (told.out / "tags.csv").write_text("\n".join(rows) + "\n")
    print(f"{len(rows) - added:,} images copied, {added:,} with gray eyes added: {told.out}")


if __name__ == "__main__":
    main()
