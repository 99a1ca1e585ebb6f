"""What every metric keeps, whatever it measures: run over all that the plugins bring."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch

from animekit import plugins
from animekit.errors import DataError
from animekit.evaluation.image_set import known_colours
from animekit.evaluation.metric import Metric, MetricContext
from animekit.testing.tiny import tiny_dataset

REGISTRY = plugins.load()
NAMES = sorted(REGISTRY.all("metric"))
USING_REAL = [name for name in NAMES if REGISTRY.get("metric", name).uses_real]
FAST: dict[str, dict[str, Any]] = {
    "swd": {"patches": 32, "repeats": 2, "directions": 64},
    "kd": {"subsets": 5, "subset_size": 20},
    "inception_score": {"splits": 4},
    "ndb": {"level": 0.2},
}
"""Parameters with which a metric takes a part of its time."""
DRAWS = {"swd": 0.2, "ms_ssim": 0.5, "featdiv": 0.3, "inception_score": 0.3, "faces": 0.2}
"""Metrics that draw by place in the set, and how far an order may move them (a share)."""
SYMMETRIC = ("fd", "kd")
REAL, FAKE = slice(0, 80), slice(80, 150)


@cache
def drawn() -> tuple[np.ndarray, np.ndarray]:
    """Return drawn faces uint8 [150, 3, 32, 32] and their labels."""
    dataset = tiny_dataset(150)
    images, labels = zip(*(dataset[index] for index in range(150)), strict=True)
    colours = known_colours(np.stack(labels), dataset.spec(64).labels)
    assert colours is not None
    return np.stack(images).transpose(0, 3, 1, 2)[..., ::2, ::2].copy(), colours


def build(name: str, **context: Any) -> Metric:
    cls = REGISTRY.get("metric", name)
    params = cls.Params(**FAST.get(name, {}))
    made: Metric = cls(params, MetricContext(registry=REGISTRY, **context))
    return made


@cache
def make(name: str) -> Metric:
    """Return a metric; reading its network takes longer than these few faces."""
    return build(name)


def compute(metric: Metric, real: Any, rows: Any) -> dict[str, float]:
    """Return the numbers of some of the faces, with their labels where those are looked at."""
    images, labels = drawn()
    if metric.conditional:
        return metric.compute(real, images[rows], labels[rows])
    return metric.compute(real, images[rows])


@cache
def expected(name: str) -> dict[str, float]:
    """Return the numbers of the faces, computed in one thread."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return compute(make(name), drawn()[0][REAL], FAKE)
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("name", NAMES)
def test_a_metric_says_what_it_is(name: str) -> None:
    metric = make(name)
    assert metric.name == name
    assert re.fullmatch(r"[A-Z].{0,77}[.?]", type(metric).summary())
    assert all(field.description for field in type(metric.params).model_fields.values())
    assert type(metric)().params == type(metric).Params()
    assert metric.better in ("lower", "higher", "real")
    assert metric.definition(2048).endswith("n 2,048")
    assert metric.definition(64) == build(name).definition(64)


@pytest.mark.parametrize("name", NAMES)
def test_numbers_are_finite_named_and_the_same_again(name: str) -> None:
    found = expected(name)
    assert found
    assert all(math.isfinite(value) for value in found.values())
    for key in found:
        assert re.fullmatch(r"[a-z]\w*", key)
        assert re.sub("_(se|sd)$", "", key) in found
    assert compute(build(name), drawn()[0][REAL], FAKE) == found


@pytest.mark.parametrize("name", NAMES)
def test_threads_change_no_digit(name: str, threads: None) -> None:
    torch.set_num_threads(3)
    assert compute(make(name), drawn()[0][REAL], FAKE) == expected(name)
    assert torch.get_num_threads() == 3


@pytest.mark.parametrize("name", NAMES)
def test_the_order_of_images_does_not_matter(name: str) -> None:
    order = np.random.default_rng(0).permutation(80)
    rows = 80 + order[order < 70]
    found = compute(make(name), drawn()[0][order], rows)
    for key, value in expected(name).items():
        if not re.search("_(se|sd|subsets)$", key):
            assert found[key] == pytest.approx(value, rel=DRAWS.get(name, 1e-6), abs=1e-6), key


@pytest.mark.parametrize("name", NAMES)
def test_swapped_sets_give_other_numbers(name: str) -> None:
    metric, found = make(name), expected(name)
    swapped = compute(metric, drawn()[0][FAKE], REAL)
    if name in SYMMETRIC:
        key = next(iter(found))
        assert swapped[key] == pytest.approx(found[key], rel=1e-6)
    else:
        assert swapped != found
    if not metric.uses_real:  # then the real images change nothing
        assert compute(metric, None, REAL) == swapped


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "spoil",
    [
        lambda images: images.astype(np.float32),
        lambda images: images.transpose(0, 2, 3, 1),
        lambda images: images[0],
        lambda images: images[:0],
    ],
    ids=["floats", "channels last", "one picture", "none"],
)
def test_unfit_pictures_are_refused(name: str, spoil: Callable[[np.ndarray], np.ndarray]) -> None:
    images, labels = drawn()
    metric = make(name)
    spoilt = spoil(images[FAKE])
    given = [labels[FAKE][: len(spoilt)]] if metric.conditional else []
    with pytest.raises(DataError, match="fake pictures") as caught:
        metric.compute(images[REAL], spoilt, *given)
    assert caught.value.hint
    if metric.uses_real:
        with pytest.raises(DataError, match="real pictures"):
            make(name).compute(spoil(images[REAL]), images[FAKE])


@pytest.mark.parametrize("name", USING_REAL)
def test_prepared_reals_give_the_same_numbers(name: str) -> None:
    metric = make(name)
    prepared = metric.prepare(drawn()[0][REAL])
    for _ in range(2):
        assert compute(metric, prepared, FAKE) == expected(name)


@pytest.mark.parametrize("name", USING_REAL)
def test_exported_reals_give_the_numbers_without_the_images(name: str) -> None:
    metric, real = make(name), drawn()[0][REAL]
    arrays = metric.export(metric.prepare(real))
    if arrays is None:
        return
    assert all(array.dtype.kind in "fiu" for array in arrays.values())
    restored = build(name).restore({key: array.copy() for key, array in arrays.items()})
    rows = slice(60, 140)  # a restored swd takes as many fakes as there were real images
    found = compute(make(name), metric.prepare(real), rows)
    assert compute(make(name), restored, rows) == pytest.approx(found, rel=5e-3)


@pytest.mark.parametrize("name", NAMES)
def test_progress_never_goes_back_and_ends_at_one(name: str) -> None:
    told: list[float] = []
    metric, real = build(name, progress=told.append), drawn()[0][REAL]
    if metric.uses_real:
        real = metric.prepare(real)
        assert told == sorted(told)
        told.clear()
    compute(metric, real, FAKE)
    assert told == sorted(told)
    assert not told or told[-1] == 1
