"""How sharp a VAE draws beside a GAN and beside real pictures (seed 002, question 2-5).

    python benchmarks/recipes/vae_sharpness.py RUN [--gan faces64] [--data FOLDER] [--num 1000]

Two numbers a picture, on its grey values in [0, 255]: the variance of the Laplacian, and the
sharpness of `animekit clean`, the standard deviation of the Laplacian over that of the picture,
which a pale picture does not lower. Printed are their means and medians over all pictures.
"""

from __future__ import annotations

import argparse

import cv2
import numpy as np
import torch

from animekit import plugins
from animekit.cleaning.check import sharpness
from animekit.evaluation import held_out
from animekit.images.pixels import to_float, to_uint8
from animekit.models import sampling
from animekit.runs.run import load_model


def rows(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the Laplacian's variance, and the sharpness, of each of uint8 [N, H, W, 3]."""
    greys = [cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) for image in images]
    variances = [float(cv2.Laplacian(grey, cv2.CV_64F).var()) for grey in greys]
    return np.array(variances), np.array([sharpness(grey) for grey in greys])


def drawn(where: str, count: int) -> np.ndarray:
    """Return images of the seeds 0 to count - 1."""
    model = load_model(where).model
    return sampling.draw(model, sampling.noise_of_seeds(model, range(count)))


def reconstructed(where: str, images: np.ndarray) -> np.ndarray:
    """Return what the model makes of images."""
    model = load_model(where).model
    parts = []
    with torch.inference_mode():
        for start in range(0, len(images), 64):
            part = np.ascontiguousarray(images[start : start + 64])
            parts.append(to_uint8(model.reconstruct(to_float(torch.from_numpy(part)))))
    return np.concatenate(parts)


def main() -> None:
    """Print a table with a row for each kind of pictures."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("vae")
    parser.add_argument("--gan", default="faces64")
    parser.add_argument("--data")
    parser.add_argument("--num", type=int, default=1000)
    asked = parser.parse_args()
    shown = held_out.find(load_model(asked.vae), asked.data, plugins.load())
    real = shown.images[: asked.num]
    sets = {
        f"real ({shown.where}, {shown.part})": real,
        f"GAN samples ({asked.gan})": drawn(asked.gan, asked.num),
        "VAE reconstructions of the real": reconstructed(asked.vae, real),
        "VAE samples": drawn(asked.vae, asked.num),
    }
    print(f"{'':44s} {'n':>5s} {'var(Laplacian)':>20s} {'sharpness':>20s}")
    print(f"{'':44s} {'':5s} {'mean':>10s}{'median':>10s} {'mean':>10s}{'median':>10s}")
    for name, images in sets.items():
        variance, sharp = rows(images)
        print(
            f"{name:44s} {len(images):5,d} {variance.mean():10,.0f}{np.median(variance):10,.0f}"
            f" {sharp.mean():10.3f}{np.median(sharp):10.3f}"
        )


if __name__ == "__main__":
    main()
