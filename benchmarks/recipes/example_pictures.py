"""Draw the example pictures of the bundled translators, and what these make of them.

    python benchmarks/recipes/example_pictures.py animekit/assets/weights/examples
    python benchmarks/recipes/example_pictures.py animekit/assets/weights/examples --samples samples

Faces are drawn by the bundled `cfaces64`; version 0.1.0 drew the fruit. Not a real picture is among
them.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch

from animekit import generate, plugins
from animekit.images.decode import decode
from animekit.images.layout import grid
from animekit.images.pixels import resize
from animekit.images.write import write_png
from animekit.models.targets import targets_of
from animekit.plugins import Registry
from animekit.translation.translator import Translator, TranslatorOptions
from animekit.translation.weights import find_weights

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
CYCLEGAN, STARGAN = "cyclegan-apple2orange", "stargan-hair"


def examples(out: Path, registry: Registry) -> None:
    """Draw the faces below a folder."""
    for prompt, seed in FACES.items():
        path = out / STARGAN / "test" / f"{prompt.split()[0]}.png"
        generate("cfaces64", prompts=prompt, seeds=[seed], registry=registry).save(path)


def pictures(folder: Path) -> list[np.ndarray]:
    """Return the pictures of a folder in the order of their names."""
    return [decode(path) for path in sorted(folder.iterdir())]


def fruit_there_and_back(out: Path, registry: Registry) -> np.ndarray:
    """Return rows of an apple, as an orange, back; an orange, as an apple, back."""
    named = find_weights("cyclegan", CYCLEGAN, registry)
    translator = Translator(named.model, torch.device("cpu"), TranslatorOptions())
    columns = []
    for domain, ways in (("testA", ("a2b", "b2a")), ("testB", ("b2a", "a2b"))):
        real = pictures(out / CYCLEGAN / domain)
        there = translator.translate(real, ways[0])
        columns += [real, there, translator.translate(there, ways[1])]
    tiles = [resize(column[row], 128) for row in range(len(columns[0])) for column in columns]
    return grid(np.stack(tiles), len(columns), gap=2)


def hair(out: Path, registry: Registry) -> np.ndarray:
    """Return rows of a face, and the same with every hair colour."""
    named = find_weights("stargan", STARGAN, registry)
    translator = Translator(named.model, torch.device("cpu"), TranslatorOptions())
    real = pictures(out / STARGAN / "test")
    columns = [real]
    for target in targets_of(named.model, None, ()):
        columns.append(translator.translate(real, target.argument(None)))
    tiles = [column[row] for row in range(len(real)) for column in columns]
    return grid(np.stack(tiles), len(columns), gap=2)


def main() -> None:
    """Draw what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path, help="folder of the examples")
    parser.add_argument("--samples", type=Path, help="draw transfer.png and hair.png here")
    asked = parser.parse_args()
    registry = plugins.load()
    if asked.samples is None:
        examples(asked.out, registry)
        return
    write_png(asked.samples / "transfer.png", fruit_there_and_back(asked.out, registry))
    write_png(asked.samples / "hair.png", hair(asked.out, registry))


if __name__ == "__main__":
    main()
