"""Time the metrics beside plain numpy and scipy, in one process, and print the ratios.

    python benchmarks/speed/metrics.py [--num 1024] [--rounds 2] [--threads 2] [--peers]
    python benchmarks/speed/metrics.py --full

The references are the definitions written down in numpy and scipy, as one would without thinking
of speed but without waste: float32 pictures in minibatches of 128, scipy's filters with the 5x5
kernel and scipy's convolution by FFT, numpy's indexing for patches, one float32 matrix product a
set of directions (on all cores, as numpy's library likes) and numpy's sort of the descriptors as
they lie. Every evaluation of PGGAN also measures the real set against itself: the ratio with that
pass is printed too. Both sides measure the same pictures, in rounds that take turns, and the best
round of each counts; patches and directions are drawn apart, so the distances agree to a few per
cent and the similarities to six digits. On a machine that does other work look at the `cpu`
column, seconds of all processors together.

`--full` measures 10,000 against 10,000 pictures and prints the peak of memory. `--peers` times
MS-SSIM of torchmetrics and pytorch-msssim, whichever is installed, on pictures of 256 px (both
refuse less than 161) beside ours: other windows and another clipping, so other numbers.
"""

from __future__ import annotations

import argparse
import importlib
import resource
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from scipy import ndimage, signal

from animekit_plugins.metrics import ms_ssim
from animekit_plugins.metrics.swd import SWD

FULL = 10_000  # pictures in each set
MINIBATCH = 128  # pictures
PEERS_SIZE, PEERS_PAIRS = 256, 16
TORCHMETRICS = "multiscale_structural_similarity_index_measure"
KERNEL = (np.outer([1, 4, 6, 4, 1], [1, 4, 6, 4, 1]) / 256).astype(np.float32)[None, None]
WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
C1, C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2


ALIKE = 4  # times as many pictures for MS-SSIM as for SWD


def drawn(count: int, size: int, seed: int) -> np.ndarray:
    """Return smooth random pictures with grain: uint8 [count, 3, size, size]."""
    random = np.random.default_rng(seed)
    pictures = np.empty((count, 3, size, size), np.uint8)
    for part in minibatches(pictures):
        coarse = random.standard_normal(part.shape, dtype=np.float32)
        coarse = ndimage.gaussian_filter(coarse, (0, 0, size / 8, size / 8), mode="wrap")
        grain = random.standard_normal(coarse.shape, dtype=np.float32)
        part[:] = np.clip(128 + 45 * coarse / coarse.std() + 6 * grain, 0, 255)
    return pictures


def minibatches(pictures: np.ndarray) -> Iterator[np.ndarray]:
    """Yield runs of pictures."""
    for start in range(0, len(pictures), MINIBATCH):
        yield pictures[start : start + MINIBATCH]


def reference_swd(descriptors: list[list[np.ndarray]], random: np.random.Generator) -> float:
    """Return the sliced Wasserstein distance x1000 of two sets, averaged over levels."""
    distances = []
    for first, second in zip(*descriptors, strict=True):
        for _ in range(4):
            axes = random.standard_normal((first.shape[1], 128))
            axes = (axes / np.linalg.norm(axes, axis=0)).astype(np.float32)
            ours, theirs = np.sort(first @ axes, axis=0), np.sort(second @ axes, axis=0)
            distances.append(np.abs(ours - theirs).mean())
    return 1000 * float(np.mean(distances))


def described(pictures: np.ndarray, random: np.random.Generator) -> list[np.ndarray]:
    """Return 128 descriptors a picture for each level, normalised over the set."""
    found = [
        [patches(level, random) for level in pyramid(part.astype(np.float32))]
        for part in minibatches(pictures)
    ]
    return [normalised(np.concatenate(level)) for level in zip(*found, strict=True)]


def pyramid(images: np.ndarray) -> list[np.ndarray]:
    """Return the Laplacian pyramid of pictures [N, 3, S, S], finest first, down to 16 px."""
    levels = []
    while images.shape[2] // 2 >= 16:
        down = ndimage.convolve(images, KERNEL, mode="mirror")[:, :, ::2, ::2]
        grid = np.zeros_like(images)
        grid[:, :, ::2, ::2] = down
        levels.append(images - ndimage.convolve(grid, 4 * KERNEL, mode="mirror"))
        images = down
    return [*levels, images]


def patches(level: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Return 128 patches of 7x7 a picture: [N * 128, 3, 7, 7]."""
    count, _, side, _ = level.shape
    picture = np.arange(count).repeat(128)[:, None, None, None]
    row, column = random.integers(0, side - 6, (2, count * 128, 1, 1, 1))
    channel = np.arange(3)[None, :, None, None]
    down, across = np.arange(7)[None, None, :, None], np.arange(7)[None, None, None, :]
    return level[picture, channel, row + down, column + across]


def normalised(found: np.ndarray) -> np.ndarray:
    """Return patches less the mean of each channel, over its deviation: [N, 147]."""
    found -= found.mean((0, 2, 3), keepdims=True)
    found /= found.std((0, 2, 3), keepdims=True)
    return found.reshape(len(found), -1)


def reference_ms_ssim(pictures: np.ndarray) -> float:
    """Return the mean MS-SSIM of pictures (0, 1), (2, 3), ..., filtering by FFT."""
    return float(np.concatenate([similarities(part) for part in minibatches(pictures)]).mean())


def similarities(pictures: np.ndarray) -> np.ndarray:
    """Return the MS-SSIM of each pair of a minibatch."""
    first, second = pictures[::2].astype(np.float32), pictures[1::2].astype(np.float32)
    result = np.ones(len(first))
    for scale, weight in enumerate(WEIGHTS):
        if scale:
            first, second = halved(first), halved(second)
        luminance, contrast = maps(first, second)
        value = luminance * contrast if scale == len(WEIGHTS) - 1 else contrast
        result *= np.maximum(value.mean((1, 2, 3)), 0) ** weight
    return result


def maps(first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the maps of luminance and of contrast-structure similarity at one scale."""
    side = min(11, first.shape[2])
    taps = np.exp(-((np.arange(side) - (side - 1) / 2) ** 2) / 2 / (1.5 * side / 11) ** 2)
    window = (np.outer(taps, taps) / taps.sum() ** 2)[None, None]

    def mean(values: np.ndarray) -> np.ndarray:
        return signal.fftconvolve(values, window, mode="valid", axes=(2, 3))

    mean1, mean2 = mean(first), mean(second)
    squares = mean(first * first) - mean1**2 + mean(second * second) - mean2**2
    contrast = (2 * (mean(first * second) - mean1 * mean2) + C2) / (squares + C2)
    return (2 * mean1 * mean2 + C1) / (mean1**2 + mean2**2 + C1), contrast


def halved(images: np.ndarray) -> np.ndarray:
    """Return means of 2x2 pixels."""
    rows = images[:, :, ::2] + images[:, :, 1::2]
    return (rows[..., ::2] + rows[..., 1::2]) * np.float32(0.25)


@dataclass
class Timing:
    """The best of some rounds: seconds that passed, and seconds of all processors together."""

    value: float = np.nan
    wall: float = np.inf
    cpu: float = np.inf

    def add(self, job: Callable[[], float]) -> None:
        """Run a job once more."""
        wall, cpu = time.perf_counter(), time.process_time()
        self.value = job()
        self.wall = min(self.wall, time.perf_counter() - wall)
        self.cpu = min(self.cpu, time.process_time() - cpu)

    def __add__(self, other: Timing) -> Timing:
        return Timing(self.value, self.wall + other.wall, self.cpu + other.cpu)


class Duel:
    """Jobs of both sides on the same pictures, timed in turns."""

    def __init__(self, count: int, size: int) -> None:
        self.real, self.fake = (drawn(count, size, seed) for seed in (1, 2))
        self.many = drawn(ALIKE * count, size, 3)  # MS-SSIM is over too soon otherwise
        self.times: dict[str, Timing] = {}
        self.random = np.random.default_rng(0)
        self.described: list[np.ndarray] = []

    def round(self) -> None:
        """Run every job once."""
        swd, similar = SWD(), ms_ssim.MSSSIM(ms_ssim.MSSSIMParams(pairing="neighbours"))
        prepared = swd.prepare(self.real)
        for name, job in {
            "their swd": self.their_swd,
            "their reals": lambda: reference_swd([self.described] * 2, self.random),
            "our swd": lambda: swd.compute(self.real, self.fake)["swd_avg"],
            "our fakes": lambda: swd.compute(prepared, self.fake)["swd_avg"],
            "their ms_ssim": lambda: reference_ms_ssim(self.many),
            "our ms_ssim": lambda: similar.compute(None, self.many)["ms_ssim"],
        }.items():
            self.times.setdefault(name, Timing()).add(job)

    def their_swd(self) -> float:
        """Measure the fakes as the definition says."""
        self.described = described(self.real, self.random)
        return reference_swd([self.described, described(self.fake, self.random)], self.random)

    def show(self) -> None:
        """Print one line a comparison."""
        times = self.times
        whole = times["their swd"] + times["their reals"]
        print(f"{'':30}{'animekit':>10}{'scipy':>9}{'wall':>8}{'cpu':>8}{'value':>12}{'scipy':>12}")
        for name, ours, theirs in (
            ("swd", times["our swd"], times["their swd"]),
            ("swd, with reals v reals", times["our swd"], whole),
            ("swd, reals prepared", times["our fakes"], times["their swd"]),
            (f"ms_ssim, {len(self.many):,} pictures", times["our ms_ssim"], times["their ms_ssim"]),
        ):
            print(
                f"{name:30}{ours.wall:9.2f}s{theirs.wall:8.2f}s{theirs.wall / ours.wall:7.1f}x"
                f"{theirs.cpu / ours.cpu:7.1f}x{ours.value:12.6f}{theirs.value:12.6f}"
            )


def full(size: int) -> None:
    """Measure 10,000 against 10,000 pictures; print seconds and the peak of memory."""
    real, fake = (drawn(FULL, size, seed) for seed in (1, 2))
    before = peak()
    print(f"{FULL:,} v {FULL:,} pictures of {size} px; {before:.2f} GB before")
    for name, job in {
        "swd": lambda: SWD().compute(real, fake)["swd_avg"],
        "ms_ssim": lambda: ms_ssim.MSSSIM().compute(None, fake)["ms_ssim"],
    }.items():
        timing = Timing()
        timing.add(job)
        print(
            f"{name:10}{timing.wall:8.1f}s{timing.cpu:8.1f} cpu-s{timing.value:12.6f}"
            f"{peak():8.2f} GB at most"
        )


def peak() -> float:
    """Return the most memory that this process has had, in GB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9


def peers(rounds: int) -> None:
    """Time MS-SSIM of the packages that are installed on larger pictures, which they need."""
    pictures = drawn(2 * PEERS_PAIRS, PEERS_SIZE, 1)
    chosen = ms_ssim.pairs(len(pictures), "neighbours", 0)
    first, second = (torch.from_numpy(pictures[side::2].copy()).float() for side in (0, 1))
    jobs = {"animekit": lambda: float(ms_ssim.similarity(pictures, chosen).mean())}
    for name, module, function in (
        ("torchmetrics", "torchmetrics.functional.image", TORCHMETRICS),
        ("pytorch-msssim", "pytorch_msssim", "ms_ssim"),
    ):
        try:
            measure = getattr(importlib.import_module(module), function)
        except ImportError:
            print(f"{name} is not installed")
            continue
        jobs[name] = lambda measure=measure: float(measure(first, second, data_range=255.0))
    times = {name: Timing() for name in jobs}
    for _ in range(rounds):
        for name, job in jobs.items():
            times[name].add(job)
    print(f"{PEERS_PAIRS} pairs of {PEERS_SIZE} px")
    for name, timing in times.items():
        wall, cpu = (getattr(timing, kind) for kind in ("wall", "cpu"))
        ratios = f"{wall / times['animekit'].wall:6.1f}x{cpu / times['animekit'].cpu:7.1f}x"
        print(f"{name:20}{wall:8.3f}s{cpu:8.3f} cpu-s{ratios}{timing.value:12.6f}")


def main() -> None:
    """Print one line a comparison: seconds of both, ratios of wall and processor time, values."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--num", type=int, default=1024, help="pictures in each set")
    parser.add_argument("--size", type=int, default=64, help="side of the pictures, px")
    parser.add_argument("--rounds", type=int, default=2, help="times that everything is run")
    parser.add_argument("--threads", type=int, default=None, help="threads of animekit")
    parser.add_argument("--full", action="store_true", help="10,000 v 10,000, and memory")
    parser.add_argument("--peers", action="store_true", help="other packages, on 256 px")
    values = parser.parse_args()
    if values.threads:
        torch.set_num_threads(values.threads)
    print(f"{torch.get_num_threads()} threads")
    if values.full:
        full(values.size)
    elif values.peers:
        peers(values.rounds)
    else:
        print(f"{values.num:,} pictures of {values.size} px, best of {values.rounds}")
        duel = Duel(values.num, values.size)
        for _ in range(values.rounds):
            duel.round()
        duel.show()


if __name__ == "__main__":
    main()
