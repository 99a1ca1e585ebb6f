"""The metrics against slow references written from their definitions, and against known faults."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.lib.stride_tricks import sliding_window_view
from PIL import Image
from scipy import ndimage

from animekit.errors import AnimekitError, DataError, UnusableError
from animekit_plugins.metrics import _common, ms_ssim, swd
from animekit_plugins.metrics._swd import histograms, patches
from tests.support import refuses

SMALL = {"patches": 16, "repeats": 2, "directions": 64}


def fields(count: int, side: int, seed: int) -> np.ndarray:
    """Return smooth random pictures with grain: red and green go together, blue goes alone."""
    random = np.random.default_rng(seed)
    coarse = ndimage.gaussian_filter(
        random.standard_normal((count, 3, side, side)), (0, 0, side / 8, side / 8), mode="wrap"
    )
    coarse /= coarse.std()
    coarse[:, 1] = 0.8 * coarse[:, 0] + 0.6 * coarse[:, 1]
    grain = random.standard_normal(coarse.shape)
    return np.clip(128 + 45 * coarse + 6 * grain, 0, 255).astype(np.uint8)


def blurred(pictures: np.ndarray) -> np.ndarray:
    return ndimage.uniform_filter(pictures, (1, 1, 3, 3))


def measure(real: np.ndarray, fake: np.ndarray, **params: int) -> dict[str, float]:
    return swd.SWD(swd.SWDParams(**{**SMALL, **params})).compute(real, fake)


# The sliced Wasserstein distance from its definition: one picture and one patch at a time.


def reference_level(picture: np.ndarray, side: int) -> np.ndarray:
    """Return one level of the Laplacian pyramid of one picture [3, H, W]."""
    kernel = np.outer([1, 4, 6, 4, 1], [1, 4, 6, 4, 1])[None] / 256
    image = picture.astype(np.float64)
    while image.shape[1] > side:
        image = ndimage.correlate(image, kernel, mode="mirror")[:, ::2, ::2]
    if side // 2 < 16:
        return image
    grid = np.zeros_like(image)
    grid[:, ::2, ::2] = ndimage.correlate(image, kernel, mode="mirror")[:, ::2, ::2]
    return image - ndimage.correlate(grid, 4 * kernel, mode="mirror")


def reference_patches(pictures: np.ndarray, side: int, places: np.ndarray) -> np.ndarray:
    found = []
    for picture, corners in zip(pictures, places, strict=True):
        level = reference_level(picture, side)
        found += [level[:, y : y + 7, x : x + 7] for y, x in corners]
    patches = np.stack(found)
    patches -= patches.mean((0, 2, 3), keepdims=True)
    patches /= patches.std((0, 2, 3), keepdims=True)
    return patches.transpose(0, 2, 3, 1).reshape(len(patches), -1)


def reference_swd(metric: swd.SWD, real: np.ndarray, fake: np.ndarray, side: int) -> float:
    axes = metric.axes(0, side).double().numpy()
    projected = []
    for pictures, stream in ((real, swd.REAL), (fake, swd.FAKE)):
        places = metric.places(stream, 0, side, len(pictures))
        projected.append(np.sort(reference_patches(pictures, side, places) @ axes.T, axis=0))
    return float(1000 * np.abs(projected[0] - projected[1]).mean())


@pytest.mark.parametrize(
    ("size", "sides"),
    [(16, [16]), (32, [32, 16]), (48, [48, 24]), (64, [64, 32, 16]), (128, [128, 64, 32, 16])],
)
def test_swd_agrees_with_a_slow_reference(size: int, sides: list[int]) -> None:
    metric = swd.SWD(swd.SWDParams(**SMALL))
    real, fake = fields(5, size, 1), blurred(fields(5, size, 2))
    result = metric.compute(real, fake)
    expected = {f"swd_{side}": reference_swd(metric, real, fake, side) for side in sides}
    expected["swd_avg"] = float(np.mean(list(expected.values())))
    assert list(result) == list(expected)
    assert result == pytest.approx(expected, rel=1e-4)


def test_swd_agrees_where_fakes_lie_far_beyond_the_reals() -> None:
    metric = swd.SWD(swd.SWDParams(**SMALL))
    real, fake = fields(6, 16, 1), np.full((6, 3, 16, 16), 128, np.uint8)
    fake[:, :, 4:6, 5], fake[2, :, 8, 8] = 131, 255  # nearly flat, so its spikes are huge
    expected = reference_swd(metric, real, fake, 16)
    assert metric.compute(real, fake)["swd_16"] == pytest.approx(expected, rel=1e-4)
    expected = reference_swd(metric, fake, real, 16)
    assert metric.compute(fake, real)["swd_16"] == pytest.approx(expected, rel=1e-4)


def test_a_set_against_itself_gives_the_floor_of_other_patches() -> None:
    real, other = fields(64, 32, 1), fields(64, 32, 2)
    same, held_out = measure(real, real), measure(real, other)
    assert 0 < same["swd_avg"] < held_out["swd_avg"]


def test_blur_shows_at_the_finest_level_and_swapped_channels_at_the_coarsest() -> None:
    real, other = fields(48, 64, 1), fields(48, 64, 2)
    floor, blur, swap = (
        measure(real, fake, patches=64) for fake in (other, blurred(other), other[:, ::-1])
    )
    rise = {name: blur[name] - floor[name] for name in floor}
    assert rise["swd_64"] > 5 * max(rise["swd_32"], rise["swd_16"])
    assert blur["swd_64"] > 2 * floor["swd_64"]
    rise = {name: swap[name] - floor[name] for name in floor}
    assert rise["swd_16"] > 5 * rise["swd_64"]
    assert swap["swd_16"] > max(1.5 * floor["swd_16"], swap["swd_32"], swap["swd_64"])


def test_fakes_from_eight_pictures_are_further_than_varied_ones() -> None:
    real, other = fields(64, 32, 1), fields(64, 32, 2)
    collapsed = np.tile(other[:8], (8, 1, 1, 1))
    assert measure(real, collapsed)["swd_16"] > 1.5 * measure(real, other)["swd_16"]


def test_brightness_and_contrast_of_a_whole_set_are_not_seen() -> None:
    real, other = fields(16, 32, 1), fields(16, 32, 2) // 2
    brighter = other + 90
    expected = measure(real, other)
    assert measure(real, brighter) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("size", [16, 24])
def test_sizes_of_tasks_change_no_digit_of_swd(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    real, fake = fields(40, 32, 1), fields(40, 32, 2)
    expected = measure(real, fake)
    monkeypatch.setattr(patches, "TASK", 20 * size)
    monkeypatch.setattr(patches, "CUT", 500 * size)
    monkeypatch.setattr(histograms, "TILE", 2 * size)
    monkeypatch.setattr(histograms, "STRIP", size // 2)
    assert measure(real, fake) == expected


def test_the_similarity_of_a_pair_does_not_depend_on_the_pairs_after_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pictures = fields(24, 32, 1)
    chosen = ms_ssim.pairs(24, "random", 0)
    whole = ms_ssim.similarity(pictures, chosen)
    for count in (1, 5, 11):
        assert np.array_equal(ms_ssim.similarity(pictures, chosen[:count]), whole[:count])
    monkeypatch.setattr(ms_ssim, "STRIP", 10_000)  # tasks of 18 pairs, strips of 3 and more
    assert ms_ssim.similarity(pictures, chosen) == pytest.approx(whole, abs=1e-9)


def test_patches_of_a_picture_do_not_depend_on_the_pictures_after_it() -> None:
    metric = swd.SWD()
    many, few = (metric.places(swd.FAKE, 0, 32, count) for count in (300, 7))
    assert np.array_equal(many[:7], few)
    assert many.min() == 0
    assert many.max() == 32 - 7
    counts = np.bincount(many.ravel(), minlength=26)
    assert counts.min() > 0.9 * many.size / 26
    for other in (
        metric.places(swd.REAL, 0, 32, 7),
        metric.places(swd.FAKE, 1, 32, 7),
        swd.SWD(swd.SWDParams(seed=1)).places(swd.FAKE, 0, 32, 7),
    ):
        assert not np.array_equal(few, other)


def test_directions_are_unit_vectors_that_point_everywhere() -> None:
    axes = swd.SWD().axes(0, 64)
    assert axes.shape == (512, 147)
    assert torch.allclose(axes.norm(dim=1), torch.ones(512), atol=1e-6)
    assert axes.mean(0).abs().max() < 5 / (147 * 512) ** 0.5


def test_prepared_reals_give_the_same_numbers_again_and_again() -> None:
    real, first, second = fields(20, 32, 1), fields(20, 32, 2), blurred(fields(20, 32, 3))
    metric = swd.SWD(swd.SWDParams(**SMALL))
    prepared = metric.prepare(real)
    for fake in (first, second, first):
        assert metric.compute(prepared, fake) == metric.compute(real, fake)
    other = swd.SWD(swd.SWDParams(**SMALL, seed=1))
    assert other.compute(prepared, first) == other.compute(real, first)


def test_the_larger_set_is_cut_to_a_seeded_subset() -> None:
    large, small = fields(30, 16, 1), fields(20, 16, 2)
    metric = swd.SWD(swd.SWDParams(**SMALL, seed=5))
    part = swd.subset(large, 20, seed=5)
    assert part.shape == small.shape
    assert not np.array_equal(part, large[:20])
    assert metric.compute(large, small) == metric.compute(part, small)
    assert metric.compute(small, large) == metric.compute(small, part)
    assert metric.compute(metric.prepare(large), small) == metric.compute(part, small)
    assert metric.compute(metric.prepare(small), large) == metric.compute(small, part)


def test_pictures_may_be_views_tensors_or_grey() -> None:
    real, fake = fields(6, 16, 1), fields(6, 16, 2)
    view = np.ascontiguousarray(fake.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    view.flags.writeable = False  # as a packed store is
    expected = measure(real, fake)
    assert measure(real, view) == expected
    assert measure(torch.from_numpy(real), torch.from_numpy(fake)) == expected
    with torch.inference_mode():
        assert measure(real, fake) == expected
    grey = fake[:, :1]
    assert measure(real, grey) == measure(real, np.repeat(grey, 3, axis=1))


def test_passes_are_averaged_with_their_spread() -> None:
    real, fake = fields(8, 16, 1), fields(8, 16, 2)
    one, two = measure(real, fake), measure(real, fake, passes=2)
    assert list(two) == ["swd_16", "swd_avg", "swd_16_sd", "swd_avg_sd"]
    assert two["swd_avg_sd"] > 0
    second = 2 * two["swd_avg"] - one["swd_avg"]  # the first pass is the one that stands alone
    assert two["swd_avg_sd"] == pytest.approx(abs(one["swd_avg"] - second) / 2**0.5)
    metric = swd.SWD(swd.SWDParams(**SMALL, passes=2))
    assert metric.compute(metric.prepare(real), fake) == two


PICTURES = fields(8, 16, 1)


@pytest.mark.parametrize(
    ("real", "fake", "words"),
    [
        (PICTURES.transpose(0, 2, 3, 1), PICTURES, "real pictures are uint8 [8, 16, 16, 3]"),
        (PICTURES, fields(8, 32, 1), "real pictures are 16 px and fake ones 32 px"),
        (PICTURES[..., :12], PICTURES, "12 x 16 px, not square"),
        (PICTURES[..., :12, :12], PICTURES[..., :12, :12], "12 px: the side must be at least 16"),
        (fields(2, 75, 1), fields(2, 75, 2), "75 px: 75 px is odd"),
        (fields(2, 66, 1), fields(2, 66, 2), "66 px: 33 px is odd"),
    ],
)
def test_swd_says_which_pictures_it_cannot_use(
    real: np.ndarray, fake: np.ndarray, words: str
) -> None:
    refuses(measure, real, fake, words)


def test_flat_pictures_are_an_error_that_names_the_set_and_never_nan() -> None:
    flat = np.full_like(PICTURES, 200)
    one_channel = PICTURES.copy()
    one_channel[:, 2] = 0
    for real, fake, words in (
        (PICTURES, flat, "fake pictures: the distance is undefined"),
        (flat, PICTURES, "real pictures: the distance is undefined"),
        (PICTURES, one_channel, "no pixel differs at 16 px in channel B"),
    ):
        with pytest.raises(UnusableError) as caught:
            measure(real, fake)
        assert words in caught.value.message
        assert caught.value.code == "metric.undefined"


# MS-SSIM from its definition: moments of each window of one pair of pictures, in float64.


def reference_ms_ssim(first: np.ndarray, second: np.ndarray) -> float:
    """Return the MS-SSIM of two pictures [3, H, W]."""
    x, y, result = first.astype(np.float64), second.astype(np.float64), 1.0
    for scale, weight in enumerate([0.0448, 0.2856, 0.3001, 0.2363, 0.1333]):
        side = min(11, *x.shape[1:])
        taps = np.exp(-((np.arange(side) - (side - 1) / 2) ** 2) / 2 / (1.5 * side / 11) ** 2)
        window = np.outer(taps, taps) / taps.sum() ** 2

        def mean(values: np.ndarray, window: np.ndarray = window) -> np.ndarray:
            return (values * window).sum((-2, -1), keepdims=True)

        x_at, y_at = (sliding_window_view(a, window.shape, axis=(1, 2)) for a in (x, y))
        mean_x, mean_y = mean(x_at), mean(y_at)
        var_x, var_y = mean((x_at - mean_x) ** 2), mean((y_at - mean_y) ** 2)
        both = mean((x_at - mean_x) * (y_at - mean_y))
        value = (2 * both + 7.65**2) / (var_x + var_y + 7.65**2)
        if scale == 4:
            value *= (2 * mean_x * mean_y + 2.55**2) / (mean_x**2 + mean_y**2 + 2.55**2)
            return float(result * max(value.mean(), 0) ** weight)
        result *= max(value.mean(), 0) ** weight
        x, y = (
            (a[:, ::2, ::2] + a[:, 1::2, ::2] + a[:, ::2, 1::2] + a[:, 1::2, 1::2]) / 4
            for a in (x, y)
        )
    raise AssertionError("there are five scales")


@pytest.mark.parametrize(
    ("height", "width"), [(16, 16), (32, 32), (48, 48), (64, 48), (64, 64), (128, 128)]
)
def test_ms_ssim_agrees_with_a_slow_reference(height: int, width: int) -> None:
    count = 8 if height < 128 else 4
    pictures = fields(count, max(height, width), 3)[..., :height, :width]
    pictures[1] = pictures[0] // 2 + pictures[1] // 2  # alike, so that not all are near 0
    chosen = ms_ssim.pairs(count, "neighbours", 0)
    expected = [reference_ms_ssim(pictures[first], pictures[second]) for first, second in chosen]
    assert max(expected) > 0.1
    assert ms_ssim.similarity(pictures, chosen) == pytest.approx(expected, abs=2e-6)
    metric = ms_ssim.MSSSIM(ms_ssim.MSSSIMParams(pairing="neighbours"))
    result = metric.compute(None, pictures)
    assert result["ms_ssim"] == pytest.approx(np.mean(expected), abs=2e-6)
    spread = np.std(expected, ddof=1) / len(expected) ** 0.5
    assert result["ms_ssim_se"] == pytest.approx(spread, abs=2e-6)


def test_a_picture_is_wholly_like_itself_and_not_at_all_like_its_negative() -> None:
    pictures = fields(2, 32, 1)
    negative = 255 - pictures
    pair = np.array([[0, 1]])
    assert ms_ssim.similarity(pictures[[0, 0]], pair)[0] == pytest.approx(1, abs=1e-9)
    assert ms_ssim.similarity(np.stack([pictures[0], negative[0]]), pair)[0] == 0


def test_collapse_is_seen_by_random_pairs_and_hidden_from_neighbours() -> None:
    varied = fields(96, 32, 1)
    collapsed = np.tile(varied[:8], (12, 1, 1, 1))

    def value(pictures: np.ndarray, pairing: str) -> float:
        params = ms_ssim.MSSSIMParams.model_validate({"pairing": pairing})
        return ms_ssim.MSSSIM(params).compute(None, pictures)["ms_ssim"]

    assert value(collapsed, "random") > value(varied, "random") + 0.05
    assert value(collapsed, "neighbours") == pytest.approx(value(varied[:8], "neighbours"))


def test_random_pairs_are_disjoint_and_change_with_the_seed() -> None:
    chosen = ms_ssim.pairs(101, "random", 0)
    assert chosen.shape == (50, 2)
    assert len(np.unique(chosen)) == 100
    assert np.array_equal(chosen, ms_ssim.pairs(101, "random", 0))
    assert not np.array_equal(chosen, ms_ssim.pairs(101, "random", 1))


@pytest.mark.parametrize(
    ("pictures", "words"),
    [
        (PICTURES[:3], "fake pictures: 3, where at least 4 are needed"),
        (PICTURES[..., :8, :8], "8 x 8 px: sides must be multiples of 16"),
        (fields(4, 40, 1), "40 x 40 px: sides must be multiples of 16"),
    ],
)
def test_ms_ssim_says_which_pictures_it_cannot_use(pictures: np.ndarray, words: str) -> None:
    with pytest.raises(DataError) as caught:
        ms_ssim.MSSSIM().compute(None, pictures)
    assert words in caught.value.message
    assert caught.value.hint


def test_a_failing_task_gives_the_threads_back(threads: None) -> None:
    torch.set_num_threads(2)

    def fail(index: int) -> None:
        raise UnusableError(f"task {index}")

    with pytest.raises(AnimekitError, match="task 0"), _common.workers() as run:
        run(fail, range(4))
    assert torch.get_num_threads() == 2
    with ThreadPoolExecutor(1) as pool:  # a new thread takes what was set last anywhere
        assert pool.submit(torch.get_num_threads).result() == 2


@pytest.mark.slow
@pytest.mark.data
def test_real_faces_give_the_floor_and_the_variety_that_pggan_gives(shared_data: Path) -> None:
    """PGGAN's own code gave these on two halves of 3,840 faces, resized by Pillow's bicubic."""
    names = sorted((shared_data / "mlds_faces" / "faces").glob("*.jpg"), key=lambda p: int(p.stem))
    bicubic = Image.Resampling.BICUBIC
    images = [Image.open(name).convert("RGB").resize((64, 64), bicubic) for name in names[:3840]]
    faces = np.stack([np.asarray(image) for image in images]).transpose(0, 3, 1, 2)
    even, odd = faces[::2], faces[1::2]
    floor = swd.SWD().compute(even, odd)
    assert floor == pytest.approx(
        {"swd_64": 4.3, "swd_32": 4.3, "swd_16": 8.4, "swd_avg": 5.6}, 0.1
    )
    metric = ms_ssim.MSSSIM(ms_ssim.MSSSIMParams(pairing="neighbours"))
    assert metric.compute(even, even)["ms_ssim"] == pytest.approx(0.343, abs=0.001)
    assert metric.compute(even, odd)["ms_ssim"] == pytest.approx(0.337, abs=0.001)
    assert ms_ssim.MSSSIM().compute(even, odd)["ms_ssim"] == pytest.approx(0.34, abs=0.02)
