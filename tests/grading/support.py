"""What tests of grading share: 25 faces, and homework of one's own making."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from tests.project.house import ROOT

GAN = ROOT / "tests" / "data" / "gan_0_1_0.png"
"""25 faces that detectors find, as version 0.1.0 drew them."""
CGAN = ROOT / "samples" / "cgan_original.png"
PROMPTS = ROOT / "samples" / "testing_tags.txt"
SIDE = 64


def faces(path: Path = GAN) -> np.ndarray:
    """Return the picture of 25 faces in the repository, uint8 [320, 320, 3]."""
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def cells(path: Path = GAN) -> np.ndarray:
    """Return its images, uint8 [25, 64, 64, 3]."""
    rows = faces(path).reshape(5, SIDE, 5, SIDE, 3).swapaxes(1, 2)
    return np.ascontiguousarray(rows.reshape(25, SIDE, SIDE, 3))


def write(path: Path, pixels: np.ndarray, **how: object) -> Path:
    """Write an image to a file whose folder need not be there; the format is that of its name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, **how)  # type: ignore[arg-type]
    return path


def script(folder: Path, text: str, name: str = "run_gan.sh") -> Path:
    """Write a script into a folder that need not be there."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path
