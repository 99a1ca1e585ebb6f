"""Compare models with real images: sliced Wasserstein distance and MS-SSIM, with the real floor.

    python benchmarks/quality.py --data data/faces faces64 runs/0007-wgangp-faces64

Row "real" compares real images with other real ones, the nearest that a model can come. Images of
a model are those of the seeds 0, 1, 2...
"""

from __future__ import annotations

import argparse

import numpy as np

from animekit import plugins
from animekit.data import open_dataset
from animekit.generation import generate
from animekit.store import pack


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="+", help="runs, weights or bundled names")
    parser.add_argument("--data", required=True, help="folder of real images")
    parser.add_argument("--num", type=int, default=2048, help="images of each set")
    parser.add_argument("--size", type=int, default=64)
    arguments = parser.parse_args()
    registry = plugins.load()
    real = pack(open_dataset(arguments.data, registry), arguments.size)
    count = min(arguments.num, len(real) // 2)
    order = np.random.default_rng(0).permutation(len(real))
    halves = [np.asarray(real.images[np.sort(order[i * count : (i + 1) * count])]) for i in (0, 1)]
    swd, ms_ssim = (registry.get("metric", name)() for name in ("swd", "ms_ssim"))
    prepared = swd.prepare(halves[0].transpose(0, 3, 1, 2))
    sets = {"real": halves[1]}
    for model in arguments.models:
        sets[model] = generate(model, seeds=range(count), registry=registry).images
    print(f"{arguments.data}: {count} real images against {count} of each row, {real.spec.size} px")
    for name, images in sets.items():
        images = images.transpose(0, 3, 1, 2)
        scores = {**swd.compute(prepared, images), **ms_ssim.compute(None, images)}
        row = "  ".join(f"{key} {value:.3f}" for key, value in scores.items())
        print(f"{name:40s}  {row}", flush=True)


if __name__ == "__main__":
    main()
