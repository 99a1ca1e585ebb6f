"""Draw the example pictures that come with the bundled translators.

    python benchmarks/example_pictures.py animekit/weights/examples

Fruit is drawn by `fruit:`, faces by the bundled `cfaces64`; not a real picture is among them.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from PIL import Image

from animekit import generate, plugins
from animekit.data import open_dataset

FRUIT = {"apples": (0, 25, 29, 35, 38, 47), "oranges": (0, 33, 41, 42, 44, 46)}
DOMAINS = {"apples": "testA", "oranges": "testB"}
FACES = {
    "blonde hair green eyes": 1,
    "black hair blue eyes": 7,
    "blue hair red eyes": 16,
    "brown hair brown eyes": 23,
    "pink hair purple eyes": 24,
    "white hair yellow eyes": 34,
    "red hair green eyes": 39,
    "purple hair aqua eyes": 44,
}
"""Prompts, and the seed of each: those of 48 that looked best."""
SIZE, QUALITY = 256, 90


def main() -> None:
    """Draw both sets below a folder."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    out = parser.parse_args().out
    registry = plugins.load()
    for kind, numbers in FRUIT.items():
        dataset = open_dataset(f"fruit:{kind}", registry)
        folder = out / "cyclegan-apple2orange" / DOMAINS[kind]
        folder.mkdir(parents=True, exist_ok=True)
        for number in numbers:
            image, _ = dataset.render(number, SIZE)
            path = folder / f"{kind.rstrip('s')}{number:02}.jpg"
            Image.fromarray(image).save(path, quality=QUALITY)
    for prompt, seed in FACES.items():
        path = out / "stargan-hair" / f"{prompt.split()[0]}.png"
        generate("cfaces64", prompts=prompt, seeds=[seed], registry=registry).save(path)


if __name__ == "__main__":
    main()
