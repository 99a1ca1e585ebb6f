"""Variety: copies and near copies are found among images, real variety is left alone."""

from __future__ import annotations

import numpy as np

from animekit.grading.variety import measure_variety
from animekit.plugins import Registry
from tests.grading.support import CGAN, cells


def jittered(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return an image shifted by up to two pixels, brighter or darker, and noisy."""
    shift = tuple(rng.integers(-2, 3, 2))
    moved = np.roll(image, shift, (0, 1)) * rng.uniform(0.9, 1.1)
    noisy = moved + rng.normal(0, 5, image.shape)
    return np.clip(noisy, 0, 255).astype(np.uint8)


def test_generated_faces_are_varied(registry: Registry) -> None:
    found = measure_variety(list(cells()), registry)
    assert (found.different, found.copies, found.collapsed) == (25, (), False)
    assert found.ms_ssim is not None
    assert 0.4 < found.ms_ssim < 0.6
    assert found.words().startswith("varied (MS-SSIM 0.")


def test_equal_images_are_named(detector: Registry) -> None:
    images = list(cells())
    images[7] = images[2]
    found = measure_variety(images, detector)
    assert (found.different, found.copies, found.twins) == (24, ((3, 8),), ((3, 8),))
    assert found.words() == "24 different pictures of 25: images 3 = 8"
    assert not found.collapsed


def test_a_few_pictures_again_and_again_look_like_a_collapse(registry: Registry) -> None:
    rng = np.random.default_rng(0)
    images = [jittered(cells(CGAN)[index % 3], rng) for index in range(25)]
    found = measure_variety(images, registry)
    assert found.different <= 5
    assert found.collapsed
    assert not found.copies
    assert found.words().endswith("mode collapse?")


def test_flat_images_are_all_the_same(detector: Registry) -> None:
    found = measure_variety(
        [np.full((64, 64, 3), value, np.uint8) for value in range(25)], detector
    )
    assert (found.different, found.collapsed, found.ms_ssim) == (1, True, None)
