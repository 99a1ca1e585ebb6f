"""Time the metrics beside plain numpy and scipy, in one process, and print the ratios.

    python benchmarks/metrics_speed.py [--num 256] [--size 64] [--threads 2]

The references are what the definitions become when written with scipy's filters, numpy's fancy
indexing and numpy's sort on the descriptors as they come: float32, whole arrays, no tricks. Both
sides measure the same random pictures; patches and directions are drawn apart, so the distances
agree to a few per cent and the similarities to six digits.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from scipy import ndimage, signal

from animekit_plugins.metrics.ms_ssim import MSSSIM, MSSSIMParams
from animekit_plugins.metrics.swd import SWD

KERNEL = (np.outer([1, 4, 6, 4, 1], [1, 4, 6, 4, 1]) / 256).astype(np.float32)[None, None]
WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)


def drawn(count: int, size: int, seed: int) -> np.ndarray:
    """Return smooth random pictures with grain: uint8 [count, 3, size, size]."""
    random = np.random.default_rng(seed)
    coarse = random.standard_normal((count, 3, size, size), dtype=np.float32)
    coarse = ndimage.gaussian_filter(coarse, (0, 0, size / 8, size / 8), mode="wrap")
    grain = random.standard_normal(coarse.shape, dtype=np.float32)
    return np.clip(128 + 45 * coarse / coarse.std() + 6 * grain, 0, 255).astype(np.uint8)


def reference_swd(real: np.ndarray, fake: np.ndarray) -> float:
    """Return the sliced Wasserstein distance x1000, averaged over levels."""
    random = np.random.default_rng(0)
    levels = [pyramid(images.astype(np.float32)) for images in (real, fake)]
    distances = []
    for pair in zip(*levels, strict=True):
        first, second = (patches(level, random) for level in pair)
        for _ in range(4):
            axes = random.standard_normal((first.shape[1], 128))
            axes = (axes / np.linalg.norm(axes, axis=0)).astype(np.float32)
            ours, theirs = np.sort(first @ axes, axis=0), np.sort(second @ axes, axis=0)
            distances.append(np.abs(ours - theirs).mean())
    return 1000 * float(np.mean(distances))


def pyramid(images: np.ndarray) -> list[np.ndarray]:
    """Return the Laplacian pyramid of pictures [N, 3, S, S], finest first, down to 16 px."""
    levels = []
    while images.shape[2] // 2 >= 16:
        down = ndimage.correlate(images, KERNEL, mode="mirror")[:, :, ::2, ::2]
        grid = np.zeros_like(images)
        grid[:, :, ::2, ::2] = down
        levels.append(images - ndimage.correlate(grid, 4 * KERNEL, mode="mirror"))
        images = down
    return [*levels, images]


def patches(level: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Return 128 patches of 7x7 a picture, normalised over the set by channel: [N * 128, 147]."""
    count, _, side, _ = level.shape
    picture = np.arange(count).repeat(128)[:, None, None, None]
    row, column = random.integers(0, side - 6, (2, count * 128, 1, 1, 1))
    channel = np.arange(3)[None, :, None, None]
    down, across = np.arange(7)[None, None, :, None], np.arange(7)[None, None, None, :]
    found = level[picture, channel, row + down, column + across]
    found -= found.mean((0, 2, 3), keepdims=True, dtype=np.float64)
    found /= found.std((0, 2, 3), keepdims=True, dtype=np.float64)
    return found.reshape(len(found), -1)


def reference_ms_ssim(pictures: np.ndarray) -> float:
    """Return the mean MS-SSIM of pictures (0, 1), (2, 3), ..., filtering by FFT."""
    first, second = pictures[::2].astype(np.float64), pictures[1::2].astype(np.float64)
    result = np.ones(len(first))
    for scale, weight in enumerate(WEIGHTS):
        side = min(11, first.shape[2])
        taps = np.exp(-((np.arange(side) - (side - 1) / 2) ** 2) / 2 / (1.5 * side / 11) ** 2)
        window = (np.outer(taps, taps) / taps.sum() ** 2)[None, None]

        def mean(values: np.ndarray, window: np.ndarray = window) -> np.ndarray:
            return signal.fftconvolve(values, window, mode="valid", axes=(2, 3))

        mean1, mean2 = mean(first), mean(second)
        squares = mean(first**2) - mean1**2 + mean(second**2) - mean2**2
        value = (2 * (mean(first * second) - mean1 * mean2) + 7.65**2) / (squares + 7.65**2)
        if scale == len(WEIGHTS) - 1:
            value *= (2 * mean1 * mean2 + 2.55**2) / (mean1**2 + mean2**2 + 2.55**2)
        result *= np.maximum(value.mean((1, 2, 3)), 0) ** weight
        first, second = (
            (a[:, :, ::2, ::2] + a[:, :, 1::2, ::2] + a[:, :, ::2, 1::2] + a[:, :, 1::2, 1::2]) / 4
            if scale < len(WEIGHTS) - 1
            else a
            for a in (first, second)
        )
    return float(result.mean())


@dataclass(frozen=True)
class Timing:
    """A job's result, the seconds that passed, and the seconds of all processors together."""

    value: float
    wall: float
    cpu: float

    @classmethod
    def of(cls, job: Callable[[], float]) -> Timing:
        """Run a job once."""
        wall, cpu = time.perf_counter(), time.process_time()
        value = job()
        return cls(value, time.perf_counter() - wall, time.process_time() - cpu)


def main() -> None:
    """Print one line a metric: seconds of both, ratios of wall and processor time, both values."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--num", type=int, default=256, help="pictures in each set")
    parser.add_argument("--size", type=int, default=64, help="side of the pictures, px")
    parser.add_argument("--threads", type=int, default=None, help="threads of animekit")
    values = parser.parse_args()
    if values.threads:
        torch.set_num_threads(values.threads)
    real, fake = (drawn(values.num, values.size, seed) for seed in (1, 2))
    swd, similar = SWD(), MSSSIM(MSSSIMParams(pairing="neighbours"))
    swd.compute(real[:8], fake[:8])  # the first call builds the filters
    prepared = swd.prepare(real)
    distance = Timing.of(lambda: reference_swd(real, fake))
    similarity = Timing.of(lambda: reference_ms_ssim(fake))
    jobs: list[tuple[str, Callable[[], float], Timing]] = [
        ("swd", lambda: swd.compute(real, fake)["swd_avg"], distance),
        ("swd, reals prepared", lambda: swd.compute(prepared, fake)["swd_avg"], distance),
        ("ms_ssim", lambda: similar.compute(None, fake)["ms_ssim"], similarity),
    ]
    print(f"{values.num} pictures of {values.size} px, {torch.get_num_threads()} threads")
    print(f"{'':20}{'animekit':>10}{'scipy':>9}{'wall':>8}{'cpu':>7}{'value':>12}{'scipy':>12}")
    for name, job, other in jobs:
        ours = Timing.of(job)
        wall, cpu = other.wall / ours.wall, other.cpu / ours.cpu
        print(
            f"{name:20}{ours.wall:9.2f}s{other.wall:8.2f}s{wall:7.1f}x{cpu:6.1f}x"
            f"{ours.value:12.6f}{other.value:12.6f}"
        )


if __name__ == "__main__":
    main()
