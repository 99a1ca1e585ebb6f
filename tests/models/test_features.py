"""Features of images: one resize, one way of computing, and a cache that is never wrong."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from animekit.errors import UnusableError
from animekit.models import features
from animekit.models.features import Extractor, LastMaps, bicubic, cached_features

SIDE = 16


def pictures(count: int, side: int = SIDE, seed: int = 0) -> np.ndarray:
    """Return pictures of one colour each, with grain."""
    random = np.random.Generator(np.random.Philox(seed))
    colours = random.integers(30, 225, (count, 3, 1, 1))
    return np.clip(colours + random.normal(0, 12, (count, 3, side, side)), 0, 255).astype(np.uint8)


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 12, 3, 2, 1), nn.ReLU(), nn.Conv2d(12, 20, 3, 2, 1), nn.ReLU()
    ).eval()


def extractor(name: str = "tiny", side: int = SIDE) -> Extractor:
    layers = network()

    def pooled(pixels: Tensor) -> Tensor:
        found: Tensor = layers(pixels / 255).mean((2, 3))
        return found

    return Extractor(name, "ab" * 32, side, pooled, lambda x: pooled(x)[:, :4] - 1)


class Counted:
    """An extractor that counts the chunks which it computes."""

    def __init__(self) -> None:
        self.calls = 0
        self.extractor = replace(extractor(), to_features=self.features)
        self.inner = extractor().to_features

    def features(self, pixels: Tensor) -> Tensor:
        self.calls += 1
        return self.inner(pixels)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ANIMEKIT_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(features, "CACHED_FROM", 20)
    return tmp_path / "home"


@pytest.fixture
def threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def test_features_change_neither_with_threads_nor_with_the_length_of_the_set(threads: None) -> None:
    images, network = pictures(150), extractor()
    assert network.chunk == 64
    torch.set_num_threads(1)
    expected = network.features(images)
    assert expected.shape == (150, 20)
    assert expected.dtype == np.float32
    torch.set_num_threads(3)
    assert np.array_equal(network.features(images), expected)
    assert torch.get_num_threads() == 3
    assert np.array_equal(network.features(images[:7]), expected[:7])
    assert np.array_equal(network.features(images[:1]), expected[:1])
    assert network.features(images[5:60]) == pytest.approx(expected[5:60], rel=1e-5)
    with torch.no_grad():
        pixels = torch.from_numpy(images[140:]).float()
        assert expected[140:] == pytest.approx(network.to_features(pixels).numpy(), rel=1e-5)


def test_views_of_a_packed_store_give_the_same_features() -> None:
    images = pictures(10)
    view = np.ascontiguousarray(images.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    view.flags.writeable = False
    assert np.array_equal(extractor().features(view), extractor().features(images))
    with torch.inference_mode():
        assert np.array_equal(extractor().features(view), extractor().features(images))


@pytest.mark.parametrize(("before", "after"), [(24, 16), (16, 24), (50, 17)])
def test_images_are_resized_as_pillow_does_by_its_bicubic_filter(before: int, after: int) -> None:
    image = pictures(1, before)[0]
    expected = Image.fromarray(image.transpose(1, 2, 0)).resize(
        (after, after), Image.Resampling.BICUBIC
    )
    found = bicubic(torch.from_numpy(image[None]).float(), after)[0].numpy()
    assert np.array_equal(found, found.round())
    assert 0 <= found.min() < found.max() <= 255
    gap = np.abs(found.transpose(1, 2, 0) - np.asarray(expected, np.float32))
    assert gap.max() <= 1  # Pillow rounds between its two passes
    assert gap.mean() < 0.25


def test_overshoot_is_cut_off_and_a_fitting_size_is_left_alone() -> None:
    edge = torch.zeros(1, 3, 8, 8)
    edge[..., 4:] = 255
    wide = bicubic(edge, 32)
    assert (float(wide.min()), float(wide.max())) == (0, 255)
    odd = torch.rand(1, 3, 8, 8)
    assert bicubic(odd, 8) is odd


def test_an_extractor_sees_images_in_its_own_size_and_their_own_range() -> None:
    seen: list[Tensor] = []

    def look(pixels: Tensor) -> Tensor:
        seen.append(pixels)
        return pixels.mean((2, 3))

    means = replace(extractor(side=24), to_features=look).features(pictures(3))
    (pixels,) = seen
    assert pixels.shape[1:] == (3, 24, 24)
    assert pixels.dtype == torch.float32
    assert means == pytest.approx(pictures(3).mean((2, 3)), abs=0.6)


@pytest.mark.parametrize(("side", "expected"), [(16, 64), (64, 64), (96, 56), (299, 4), (1024, 4)])
def test_chunks_are_even_and_smaller_for_larger_images(side: int, expected: int) -> None:
    assert extractor(side=side).chunk == expected


def test_progress_rises_to_one() -> None:
    told: list[float] = []
    extractor().features(pictures(130), told.append)
    assert told == sorted(told)
    assert len(told) == 3
    assert told[-1] == 1


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        (lambda x: x.mean((1, 2, 3)), "gave [5] for 5 images, not one row for each"),
        (lambda x: x.mean((1, 2, 3))[:, None] / 0, "numbers that are not finite"),
        (lambda x: x, "gave [5, 3, 16, 16] for 5 images"),
    ],
)
def test_a_network_that_gives_no_features_is_an_error(broken: features.Read, words: str) -> None:
    with pytest.raises(UnusableError) as caught:
        replace(extractor(), to_features=broken).features(pictures(5))
    assert f"extractor tiny {words}" in caught.value.message.replace("gave numbers", "numbers")
    assert caught.value.hint


def test_classes_that_are_not_there_are_an_error() -> None:
    assert extractor().logits(pictures(3)).shape == (3, 4)
    with pytest.raises(UnusableError, match="extractor tiny gives no classes"):
        replace(extractor(), to_logits=None).logits(pictures(3))


def test_maps_are_the_last_ones_of_each_size_in_every_thread(threads: None) -> None:
    torch.set_num_threads(4)
    layers = network()
    layers.append(nn.AdaptiveAvgPool2d(1))  # a pooled map is none
    maps_of = LastMaps(layers, lambda pixels: layers(pixels / 255))
    images = pictures(600)
    with torch.no_grad():
        whole = maps_of(torch.from_numpy(images).float())
    assert [tuple(found.shape) for found in whole] == [(600, 12, 8, 8), (600, 20, 4, 4)]
    assert float(whole[0].min()) == 0  # behind the ReLU

    def means(maps: list[Tensor]) -> Tensor:
        return torch.stack([found.mean((1, 2, 3)) for found in maps], 1)

    expected = means(whole).numpy()
    found = extractor().over(images, lambda pixels: means(maps_of(pixels)))
    assert found == pytest.approx(expected, rel=1e-5)
    layers(torch.zeros(1, 3, 8, 8))  # nobody asks for maps: nothing is kept
    assert not hasattr(maps_of.local, "found")


def test_features_of_a_set_are_computed_once(home: Path) -> None:
    counted, images = Counted(), pictures(30)
    first = cached_features(counted.extractor, images)
    second = cached_features(counted.extractor, images.copy())
    assert counted.calls == 1
    assert np.array_equal(first, second)
    (file,) = (home / "features").iterdir()
    assert file.suffix == ".safetensors"


def test_anything_that_changes_features_is_computed_anew(home: Path) -> None:
    counted, images = Counted(), pictures(30)
    cached_features(counted.extractor, images)
    other = images.copy()
    other[29, 2, 15, 15] ^= 1
    expected = 1
    for network, looked_at in (
        (counted.extractor, other),
        (counted.extractor, images[::-1]),
        (counted.extractor, images[:-1]),
        (counted.extractor, images.reshape(30, 3, 8, 32)),
        (replace(counted.extractor, sha256="cd" * 32), images),
        (replace(counted.extractor, name="other"), images),
        (replace(counted.extractor, size=24), images),
        (replace(counted.extractor, resizer=features.Resizer("as it is", bicubic)), images),
    ):
        found = cached_features(network, looked_at)
        expected += 1
        assert counted.calls == expected
        assert np.array_equal(found, network.features(looked_at))
        counted.calls = expected
    logits = cached_features(counted.extractor, images, kind="logits")
    assert logits.shape == (30, 4)
    assert np.array_equal(cached_features(counted.extractor, images, kind="logits"), logits)


def test_small_sets_leave_no_file(home: Path) -> None:
    counted = Counted()
    for _ in range(2):
        cached_features(counted.extractor, pictures(19))
    assert counted.calls == 2
    assert not home.exists()


@pytest.mark.parametrize("damage", ["cut", "flipped", "emptied", "replaced"])
def test_a_damaged_file_is_computed_anew_and_written_again(home: Path, damage: str) -> None:
    counted, images = Counted(), pictures(30)
    expected = cached_features(counted.extractor, images)
    (file,) = (home / "features").iterdir()
    data = bytearray(file.read_bytes())
    if damage == "cut":
        data = data[:-10]
    elif damage == "flipped":
        data[-10] ^= 0x40  # safetensors itself cannot see it
    elif damage == "emptied":
        data.clear()
    else:
        cached_features(counted.extractor, pictures(30, seed=1))
        (wrong,) = set((home / "features").iterdir()) - {file}
        data = bytearray(wrong.read_bytes())
        counted.calls = 1
    file.write_bytes(data)
    assert np.array_equal(cached_features(counted.extractor, images), expected)
    assert counted.calls == 2
    assert np.array_equal(cached_features(counted.extractor, images), expected)
    assert counted.calls == 2


def test_a_cache_that_cannot_be_written_is_done_without(home: Path) -> None:
    home.write_text("a file, not a folder")
    counted = Counted()
    for _ in range(2):
        assert cached_features(counted.extractor, pictures(30)).shape == (30, 20)
    assert counted.calls == 2


def test_the_least_recently_used_sets_go_first(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    counted, sets = Counted(), [pictures(30, seed=seed) for seed in range(3)]

    def files() -> set[Path]:
        return set((home / "features").iterdir())

    cached_features(counted.extractor, sets[0])
    (first,) = files()
    cached_features(counted.extractor, sets[1])
    (second,) = files() - {first}
    for age, file in ((300, first), (200, second)):
        os.utime(file, (file.stat().st_atime, file.stat().st_mtime - age))
    cached_features(counted.extractor, sets[0])  # used again: younger than the second
    monkeypatch.setattr(features, "CACHE_BYTES", 2 * first.stat().st_size)
    cached_features(counted.extractor, sets[2])
    assert first in files()
    assert second not in files()
    assert len(files()) == 2
