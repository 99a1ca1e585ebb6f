"""What users rely on: known faults move the numbers, prepared reals can be shipped, memory ends."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from animekit.errors import DataError, UnusableError
from animekit.evaluation.metric import Metric, MetricContext
from animekit_plugins.metrics import ms_ssim, swd
from animekit_plugins.metrics.ms_ssim import MSSSIM, MSSSIMParams
from animekit_plugins.metrics.swd import SWD, SWDParams

SMALL = SWDParams(patches=32, repeats=2, directions=64)


def faces(count: int, seed: int, side: int = 32) -> np.ndarray:
    """Return drawn faces, all alike in their make: skin, hair and eyes of some colour and place."""
    random = np.random.default_rng(seed)
    rows, columns = np.mgrid[:side, :side] * (64 / side)
    pictures = np.empty((count, 3, side, side), np.uint8)
    for picture in pictures:
        ground, hair, eyes = random.uniform(20, 235, (3, 3, 1, 1))
        y, x, radius = random.uniform((28, 28, 17), (38, 38, 26))
        image = np.broadcast_to(ground, picture.shape)
        image = np.where(
            (rows - y) ** 2 + (columns - x) ** 2 < radius**2, [[[225]], [[190]], [[170]]], image
        )
        image = np.where((rows < y - radius / 3) & (abs(columns - x) < radius), hair, image)
        for sign in (-1, 1):
            inside = (rows - y) ** 2 + (columns - x - sign * radius / 2.2) ** 2 < (radius / 5) ** 2
            image = np.where(inside, eyes, image)
        picture[:] = np.clip(image + random.normal(0, 4, picture.shape), 0, 255)
    return pictures


def distances(real: np.ndarray, fake: np.ndarray) -> dict[str, float]:
    return SWD(SMALL).compute(real, fake)


def variety(pictures: np.ndarray) -> float:
    return MSSSIM().compute(None, pictures)["ms_ssim"]


REAL, OTHER = faces(96, 1), faces(96, 2)


def test_the_same_set_twice_gives_less_than_two_sets_of_one_make() -> None:
    metric = SWD(SMALL.model_copy(update={"patches": 128}))
    again, floor = metric.compute(REAL, REAL), metric.compute(REAL, OTHER)
    for key in floor:
        assert 0 < again[key] < floor[key]


def test_blur_raises_the_finest_level_most() -> None:
    blurred = ndimage.uniform_filter(OTHER, (1, 1, 3, 3))
    floor, blur = distances(REAL, OTHER), distances(REAL, blurred)
    assert blur["swd_32"] > 1.5 * floor["swd_32"]
    assert blur["swd_32"] - floor["swd_32"] > 2 * abs(blur["swd_16"] - floor["swd_16"])


def test_collapse_raises_both_metrics() -> None:
    collapsed = [np.tile(OTHER[start : start + 8], (12, 1, 1, 1)) for start in range(0, 96, 8)]
    assert np.mean([variety(pictures) for pictures in collapsed]) > variety(OTHER) + 0.05
    assert distances(REAL, collapsed[0])["swd_avg"] > 1.5 * distances(REAL, OTHER)["swd_avg"]


def test_similarity_is_that_of_the_second_set() -> None:
    collapsed = np.tile(OTHER[:8], (12, 1, 1, 1))
    metric = MSSSIM()
    assert not metric.uses_real
    assert metric.compute(collapsed, REAL)["ms_ssim"] == variety(REAL)
    assert metric.compute(REAL, collapsed)["ms_ssim"] == variety(collapsed)


def test_swapped_sets_draw_other_patches_and_errors_name_the_right_one() -> None:
    forth, back = distances(REAL, OTHER), distances(OTHER, REAL)
    assert forth != back
    assert forth["swd_avg"] == pytest.approx(back["swd_avg"], rel=0.3)
    flat = np.full_like(REAL, 200)
    for sets, which in (((REAL, flat), "fake"), ((flat, REAL), "real")):
        with pytest.raises(UnusableError, match=f"^{which} pictures"):
            distances(*sets)


# Pairs


def test_more_pairs_are_further_pairings_of_the_same_pictures() -> None:
    def value(pairs: int | None) -> dict[str, float]:
        return MSSSIM(MSSSIMParams(pairs=pairs)).compute(None, OTHER)

    assert value(None) == value(48)
    few, many = value(20), value(400)
    assert many["ms_ssim_se"] < value(48)["ms_ssim_se"] < few["ms_ssim_se"]
    assert many["ms_ssim"] == pytest.approx(value(48)["ms_ssim"], abs=0.1)


def test_pairs_that_do_not_exist_are_refused_with_their_number() -> None:
    for pairing, most in (("neighbours", "4"), ("random", "28")):
        params = MSSSIMParams.model_validate({"pairing": pairing, "pairs": 29})
        with pytest.raises(DataError, match=f"29 {pairing} pairs, but {most}") as caught:
            MSSSIM(params).compute(None, OTHER[:8])
        assert caught.value.hint is not None and "--num" in caught.value.hint


# The real half, exported


def test_an_exported_real_half_gives_the_numbers_without_the_pictures() -> None:
    metric = SWD(SWDParams(patches=32))
    prepared = metric.prepare(REAL)
    arrays = metric.export(prepared)
    assert {array.dtype for array in arrays.values()} == {np.dtype(np.uint8)}
    assert sum(array.nbytes for array in arrays.values()) < 2 * 2**21
    restored = SWD(SWDParams(patches=32)).restore(
        {key: array.copy() for key, array in arrays.items()}
    )
    assert restored.pictures is None
    for fake in (OTHER, ndimage.uniform_filter(OTHER, (1, 1, 3, 3))):
        expected = metric.compute(prepared, fake)
        assert metric.compute(restored, fake) == pytest.approx(expected, rel=5e-3)
    for key, array in metric.export(restored).items():
        assert np.array_equal(array, arrays[key])


def test_an_exported_real_half_reaches_as_far_as_the_fakes_do() -> None:
    metric = SWD(SWDParams(patches=32))
    spiked = OTHER.copy()
    spiked[::16, :, 10:12, 20:22] = 255 - spiked[::16, :, 10:12, 20:22]
    flat = REAL // 16 + 120
    flat[::48, :, 5, 5] = 255  # few spikes, many deviations from the rest
    for real, fake in ((REAL, flat), (flat, REAL), (spiked, flat)):
        prepared = metric.prepare(real)
        restored = metric.restore(metric.export(prepared))
        expected = metric.compute(prepared, fake)
        assert metric.compute(restored, fake) == pytest.approx(expected, rel=5e-3)


def test_an_exported_real_half_wants_as_many_fakes_and_takes_a_part_of_more() -> None:
    metric = SWD(SMALL)
    restored = metric.restore(metric.export(metric.prepare(REAL[:40])))
    part = swd.subset(OTHER, 40, seed=0)
    assert metric.compute(restored, OTHER) == metric.compute(restored, part)
    with pytest.raises(DataError, match="fake pictures: 39, .* of 40") as caught:
        metric.compute(restored, OTHER[:39])
    assert caught.value.hint is not None and "--num 40" in caught.value.hint
    with pytest.raises(DataError, match="real pictures are 32 px and fake ones 64 px"):
        metric.compute(restored, faces(40, 3, side=64))


def test_an_exported_real_half_of_other_parameters_or_versions_is_refused() -> None:
    metric = SWD(SMALL)
    arrays = metric.export(metric.prepare(REAL[:8]))
    other = SWD(SMALL.model_copy(update={"seed": 1}))
    with pytest.raises(UnusableError, match="other parameters: seed=0"):
        other.compute(other.restore(arrays), OTHER[:8])
    about = arrays["about"].tobytes()
    for key, value in (
        ("about", np.frombuffer(about.replace(b'"format": 1', b'"format": 2'), np.uint8)),
        ("about", arrays["about"][:20]),
        ("0/16", None),
    ):
        damaged = {**arrays, key: value}
        if value is None:
            del damaged[key]
        with pytest.raises(UnusableError, match="cannot be read") as caught:
            metric.restore(damaged)
        assert caught.value.code == "metric.reference"


# Progress, words, memory


@pytest.mark.parametrize(
    "work",
    [
        lambda metric: metric.compute(REAL, OTHER),
        lambda metric: metric.compute(REAL[:50], OTHER),
        lambda metric: metric.compute(metric.prepare(REAL[:40]), OTHER[:40]),
    ],
)
@pytest.mark.parametrize(
    "make",
    [
        lambda context: SWD(SWDParams(directions=8, passes=2), context),
        lambda context: MSSSIM(context=context),
    ],
)
def test_progress_grows_up_to_all(
    make: Callable[[MetricContext], Metric],
    work: Callable[[Metric], object],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ms_ssim, "STRIP", 1 << 12)  # several tasks
    told: list[list[float]] = []

    def listen(share: float) -> None:
        if not told or told[-1][-1] == 1:
            told.append([])  # the work of `prepare` comes before that of `compute`
        told[-1].append(share)

    work(make(MetricContext(progress=listen)))
    for shares in told:
        assert len(shares) > 2
        assert shares == sorted(set(shares))
        assert 0 < shares[0] < shares[-1] == 1
    assert 1 <= len(told) <= 2


def test_definitions_fix_the_numbers() -> None:
    assert SWD(SWDParams(seed=3)).definition(2048) == (
        "swd/pggan, levels halved down to 16 px, 128 patches of 7 px a picture and level,"
        " 4 x 128 directions, passes 1, seed 3, n 2,048"
    )
    assert MSSSIM().definition(2048) == (
        "ms_ssim/pggan, 5 scales, windows 11 11 11 8 4 px at 64 px, 1,024 random pairs, seed 0,"
        " n 2,048"
    )
    assert "300 random pairs" in MSSSIM(MSSSIMParams(pairs=300)).definition(64)


MEMORY = """
import resource, torch, numpy as np
from animekit_plugins.metrics.ms_ssim import MSSSIM
from animekit_plugins.metrics.swd import SWD, SWDParams
torch.set_num_threads(2)
random = np.random.default_rng(0)
real, fake = (random.integers(0, 256, (2000, 3, 64, 64), np.uint8) for _ in range(2))
swd = SWD(SWDParams(repeats=1, directions=8))
for count in (200, 2000):
    swd.compute(real[:count], fake[:count])
    MSSSIM().compute(None, fake[:count])
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss is kilobytes on Linux only")
def test_more_pictures_take_less_than_30_kilobytes_each_beyond_their_own() -> None:
    """Their descriptors alone would be 75 kilobytes a picture, at one level."""
    command = [sys.executable, "-W", "error", "-c", MEMORY]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    few, many = map(int, done.stdout.split())
    assert many - few < 30 * 1800


@pytest.mark.slow
@pytest.mark.data
def test_an_exported_real_half_is_exact_enough_for_the_floor_of_real_faces(
    shared_data: Path,
) -> None:
    names = sorted((shared_data / "mlds_faces" / "faces").glob("*.jpg"), key=lambda p: int(p.stem))
    bicubic = Image.Resampling.BICUBIC
    images = [Image.open(name).convert("RGB").resize((64, 64), bicubic) for name in names[:4096]]
    pictures = np.stack([np.asarray(image) for image in images]).transpose(0, 3, 1, 2)
    metric = SWD()
    prepared = metric.prepare(pictures[::2])
    arrays = metric.export(prepared)
    assert sum(array.nbytes for array in arrays.values()) < 6e6
    expected = metric.compute(prepared, pictures[1::2])
    assert metric.compute(metric.restore(arrays), pictures[1::2]) == pytest.approx(
        expected, rel=5e-3
    )
