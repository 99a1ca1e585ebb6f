"""Metrics on features against brute force, closed forms and the numbers of other tools."""

from __future__ import annotations

import hashlib
import io
import tracemalloc
import warnings
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.linalg
import torch
from torch import Tensor, nn

from animekit.data.spec import ImageSpec
from animekit.errors import (
    AnimekitError,
    CheckpointError,
    ConfigError,
    DataError,
    UnusableError,
)
from animekit.evaluation.metric import MetricContext
from animekit.evaluation.request import EvaluateRequest, metric_requests
from animekit.models import weights
from animekit.models.features import Extractor
from animekit.plugins import Registry
from animekit_plugins.metrics import fd, inception_score, kd, prdc
from animekit_plugins.metrics._features import efficientnet, extractors, inception

NAMES = ("fd", "kd", "prdc", "inception_score", "featdiv")
LABELS = ("red hair", "blue hair", "green hair", "red eyes", "blue eyes")


def pictures(count: int, seed: int = 0, side: int = 32) -> np.ndarray:
    """Return pictures of two colours each, side by side, with grain."""
    random = np.random.Generator(np.random.Philox(seed))
    halves = random.integers(20, 235, (count, 3, 1, 2)).repeat(side // 2, axis=3)
    grain = random.normal(0, 8, (count, 3, side, side))
    return np.clip(halves + grain, 0, 255).astype(np.uint8)


def colours(pixels: Tensor) -> Tensor:
    """Return the mean colours of both halves: six features whose values a test can foresee."""
    left, right = pixels.chunk(2, dim=3)
    return torch.cat([left.mean((2, 3)), right.mean((2, 3))], 1) / 255


def eye(name: str = "eye") -> Extractor:
    """Return an extractor that sees only colours."""
    return Extractor(
        name,
        "0123456789abcdef" * 4,
        32,
        colours,
        lambda pixels: 20 * colours(pixels),
        lambda pixels: [pixels[:, :, ::8, ::8]],
    )


def make(
    name: str,
    registry: Registry,
    seen: Extractor | None = None,
    context: MetricContext | None = None,
    **params: Any,
) -> Any:
    """Return a metric; `seen` stands in for the extractor that its parameters name."""
    cls = registry.get("metric", name)
    metric = cls(cls.Params(**params), context or MetricContext(registry=registry))
    if seen is not None:
        metric.extractor = seen
    return metric


def trusting(registry: Registry) -> MetricContext:
    return MetricContext(registry=registry, trust_extractor=True)


def features(images: np.ndarray) -> np.ndarray:
    return eye().features(images)


def samples(n: int = 80, m: int = 60, d: int = 8) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows on which the other tools were run: real [n, d] and fake [m, d]."""
    random = np.random.Generator(np.random.Philox(0))
    real = random.standard_normal((n, d)) * np.linspace(0.5, 2, d)
    fake = random.standard_normal((m, d)) * np.linspace(1, 0.7, d) + 0.4
    fake[:, 0] += 0.5 * fake[:, 1]
    return real.astype(np.float32), fake.astype(np.float32)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ANIMEKIT_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, registry: Registry) -> Path:
    """Return the file of a small tagger that stands for the bundled one."""
    torch.manual_seed(0)
    cls = registry.get("model", "tagger")
    model = cls(cls.Params(base_channels=2), ImageSpec(32, 3, LABELS, (3, 2))).eval()
    for name, buffer in model.named_buffers():  # as if trained: no two channels alike
        if name.endswith("running_mean"):
            buffer.normal_(0, 0.2)
        elif name.endswith("running_var"):
            buffer.uniform_(0.1, 0.4)
    path = tmp_path / "weights" / "tagger.safetensors"
    path.parent.mkdir()
    path.write_bytes(weights.to_bytes(model.state_dict(), weights.describe(model, 0, {})))
    monkeypatch.setattr(weights, "BUNDLED", path.parent)
    return path


# The Fréchet distance.


def exact(mean: np.ndarray, covariance: np.ndarray, count: int = 50) -> np.ndarray:
    """Return rows whose mean and covariance are exactly these."""
    random = np.random.Generator(np.random.Philox(7))
    rows = random.standard_normal((count, len(mean)))
    rows -= rows.mean(0)
    white = rows @ np.linalg.inv(np.linalg.cholesky(np.cov(rows, rowvar=False))).T
    return white @ np.linalg.cholesky(covariance).T + mean


def frechet(real: np.ndarray, fake: np.ndarray) -> float:
    return fd.distance(fd.gaussian(real), fd.gaussian(fake))


def test_fd_of_independent_gaussians_has_its_closed_form() -> None:
    first, second = np.array([1.0, 4.0, 9.0]), np.array([4.0, 1.0, 0.25])
    mean = np.array([0.5, -1.0, 2.0])
    value = frechet(exact(np.zeros(3), np.diag(first)), exact(mean, np.diag(second)))
    assert value == pytest.approx((mean**2).sum() + 1 + 1 + 2.5**2, rel=1e-9)


def test_fd_of_correlated_gaussians_agrees_with_a_matrix_root() -> None:
    random = np.random.Generator(np.random.Philox(3))
    first, second = (a @ a.T + 0.1 * np.eye(5) for a in random.standard_normal((2, 5, 5)))
    root = scipy.linalg.sqrtm(first @ second).real
    expected = 9 * 5 + np.trace(first + second - 2 * root)
    value = frechet(exact(np.zeros(5), first), exact(np.full(5, 3.0), second))
    assert value == pytest.approx(expected, rel=1e-9)


def test_fd_of_shifted_features_is_the_squared_shift_even_without_full_rank() -> None:
    real = samples(20, 20, 64)[0]
    assert frechet(real, real + np.float32(0.5)) == pytest.approx(64 * 0.25, rel=1e-5)
    assert 0 <= frechet(real, real) < 1e-6


@pytest.mark.parametrize(
    ("shape", "expected", "rel"),
    [
        ((80, 60, 8), 6.944156400674689, 1e-12),
        ((300, 200, 32), 24.42328701211624, 1e-12),
        ((30, 25, 64), 109.4103163301352, 1e-7),
    ],
)
def test_fd_is_that_of_torch_fidelity(
    shape: tuple[int, int, int], expected: float, rel: float
) -> None:
    """Its version 0.4.0 gave these for the same rows, in float64."""
    assert frechet(*samples(*shape)) == pytest.approx(expected, rel=rel)


def test_fd_says_when_there_are_fewer_images_than_features(registry: Registry) -> None:
    said: list[str] = []
    metric = make("fd", registry, eye(), MetricContext(warn=said.append))
    result = metric.compute(pictures(7), pictures(6, 1))
    assert result["fd_eye"] > 0
    (warning,) = said
    assert "6 fake images for 6 features: nearly all of the distance is bias" in warning
    metric.compute(pictures(7), pictures(7, 1))
    assert said == [warning]
    with pytest.raises(DataError, match="fake pictures: 1, where at least 2 are needed"):
        metric.compute(pictures(7), pictures(1))


# The kernel distance.


def kernel_distance(real: np.ndarray, fake: np.ndarray) -> float:
    """Return the unbiased squared distance, one pair at a time."""

    def kernel(x: np.ndarray, y: np.ndarray) -> float:
        return float((float(x.astype(np.float64) @ y.astype(np.float64)) / len(x) + 1) ** 3)

    def mean(rows: np.ndarray) -> float:
        pairs = [(i, j) for i in range(len(rows)) for j in range(len(rows)) if i != j]
        return float(np.mean([kernel(rows[i], rows[j]) for i, j in pairs]))

    between = np.mean([kernel(x, y) for x in real for y in fake])
    return mean(real) + mean(fake) - 2 * float(between)


def test_kd_agrees_with_brute_force(registry: Registry) -> None:
    real, fake = pictures(13), pictures(9, 1) // 2 + 100
    metric = make("kd", registry, eye())
    expected = 1000 * kernel_distance(features(real), features(fake))
    result = metric.compute(real, fake)
    assert result["kd_eye"] == pytest.approx(expected, rel=1e-9)
    rows = samples(13, 9)
    assert kd.squared_distance(*rows) == pytest.approx(kernel_distance(*rows), rel=1e-9)


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((80, 60, 8), 1.6803684991493548),
        ((30, 25, 64), 0.6604754555285988),
        ((300, 200, 32), 0.9366815846170886),
    ],
)
def test_kd_is_that_of_torch_fidelity(shape: tuple[int, int, int], expected: float) -> None:
    """Its version 0.4.0 gave these for the same rows, cut to equal number, in float64."""
    real, fake = samples(*shape)
    count = min(shape[:2])
    assert kd.squared_distance(real[:count], fake[:count]) == pytest.approx(expected, rel=1e-12)


def test_kd_of_halves_of_one_set_is_near_nothing_and_may_be_negative(registry: Registry) -> None:
    metric = make("kd", registry, eye())
    values = [metric.compute(pictures(40, s), pictures(40, s + 100))["kd_eye"] for s in range(6)]
    moved = metric.compute(pictures(40), pictures(40, 100) // 2)["kd_eye"]
    assert min(values) < 0 < max(values)
    assert moved > 5 * max(map(abs, values))


def test_kd_shows_its_spread_over_subsets_where_a_subset_is_not_all(registry: Registry) -> None:
    real, fake = pictures(30), pictures(20, 1) // 2 + 60
    params = {"subset_size": 10, "subsets": 40}
    result = make("kd", registry, eye(), **params).compute(real, fake)
    assert list(result) == ["kd_eye", "kd_eye_subsets", "kd_eye_subsets_sd"]
    spread = result["kd_eye_subsets_sd"]
    assert spread > 0
    assert abs(result["kd_eye_subsets"] - result["kd_eye"]) < 4 * spread / 40**0.5
    other = make("kd", registry, eye(), **params, seed=1).compute(real, fake)
    assert other["kd_eye"] == result["kd_eye"]
    assert other["kd_eye_subsets"] != result["kd_eye_subsets"]
    assert list(make("kd", registry, eye()).compute(fake, fake)) == ["kd_eye"]
    wide = make("kd", registry, eye(), subsets=3).compute(real, fake)
    assert "kd_eye_subsets_sd" in wide  # subsets of 20 of the 30 real ones


# Precision, recall, density and coverage.


def brute_prdc(real: np.ndarray, fake: np.ndarray, k: int) -> dict[str, float]:
    """Return the four shares from their definitions, one image at a time."""

    def radius(rows: np.ndarray, index: int) -> float:
        others = np.delete(rows, index, axis=0)
        return float(np.sort(np.linalg.norm(others - rows[index], axis=1))[k - 1])

    real, fake = real.astype(np.float64), fake.astype(np.float64)
    reach = [radius(real, i) for i in range(len(real))]
    others = [radius(fake, j) for j in range(len(fake))]
    near = np.array([[np.linalg.norm(x - y) for y in fake] for x in real])
    held = np.array([[near[i, j] < reach[i] for j in range(len(fake))] for i in range(len(real))])
    recalled = [any(near[i, j] < others[j] for j in range(len(fake))) for i in range(len(real))]
    return {
        "precision": float(np.mean(held.any(axis=0))),
        "recall": float(np.mean(recalled)),
        "density": float(held.sum() / k / len(fake)),
        "coverage": float(np.mean(held.any(axis=1))),
    }


def shares(real: np.ndarray, fake: np.ndarray, k: int = 5) -> dict[str, float]:
    return prdc.neighbourhoods(real, fake, prdc.radii(real, k), prdc.radii(fake, k), k)


@pytest.mark.parametrize("k", [1, 3, 5])
def test_prdc_agrees_with_brute_force(k: int) -> None:
    real, fake = samples(30, 22, 3)
    expected = brute_prdc(real, fake, k)
    assert shares(real, fake, k) == pytest.approx(expected, rel=1e-12)
    assert len({round(value, 6) for value in expected.values()}) > 2  # not all alike
    assert shares(fake, real, k) == pytest.approx(brute_prdc(fake, real, k), rel=1e-12)


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((80, 60, 8), (0.9666666666666667, 0.3875, 1.1166666666666667, 0.7)),
        ((300, 200, 32), (0.98, 0.0033333333333333335, 3.34, 0.8933333333333333)),
    ],
)
def test_prdc_is_that_of_the_package_of_its_authors(
    shape: tuple[int, int, int], expected: tuple[float, ...]
) -> None:
    """The package prdc 0.2 gave these for the same rows, with k = 5."""
    names = ("precision", "recall", "density", "coverage")
    assert shares(*samples(*shape)) == pytest.approx(dict(zip(names, expected, strict=True)))


def test_fakes_of_one_kind_are_precise_and_recall_little(registry: Registry) -> None:
    real = pictures(60)
    narrow = np.repeat(real[:1], 40, axis=0) // 2 + pictures(40, 1) // 16 + real[:1] // 2 - 8
    metric = make("prdc", registry, eye())
    result = metric.compute(real, narrow)
    swapped = metric.compute(narrow, real)
    assert list(result) == ["precision_eye", "recall_eye", "density_eye", "coverage_eye"]
    assert result["precision_eye"] > 0.9
    assert result["recall_eye"] < 0.2
    assert result["coverage_eye"] < 0.4
    assert swapped["precision_eye"] < 0.2
    assert swapped["recall_eye"] > 0.9


def test_ties_of_copied_images_do_not_depend_on_rounding(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = samples(301, 1, 7)[0] + np.float32(3)
    copies = shares(rows, rows[:101])
    for block in (1 << 21, 3333, 1000):
        monkeypatch.setattr(prdc, "BLOCK", block)
        # of the k nearest, the k-th is not strictly nearer than itself, but the image itself is
        assert set(shares(rows, np.roll(rows, 37, axis=0)).values()) == {1.0}
        assert shares(rows, rows[:101]) == copies


def test_distances_of_all_pairs_never_lie_in_memory_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    measure = prdc._squares
    # memory of torch is not traced, that of numpy is
    monkeypatch.setattr(
        prdc, "_squares", lambda x, y: torch.from_numpy(measure(x, y).numpy().copy())
    )
    monkeypatch.setattr(prdc, "BLOCK", 10_000)
    rows = samples(1000, 1000)
    tracemalloc.start()
    try:
        shares(*rows)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 1000 * 1000 * 8 / 4


def test_equal_features_hold_nothing_and_it_is_said(registry: Registry) -> None:
    said: list[str] = []
    metric = make("prdc", registry, eye(), MetricContext(warn=said.append))
    flat = np.full((12, 3, 32, 32), 99, np.uint8)
    with pytest.raises(UnusableError, match="each of the 12 has 5 others with its features"):
        metric.compute(flat, flat)
    said.clear()
    metric.compute(pictures(12), np.concatenate([flat[:7], pictures(5)]))
    (warning,) = said
    assert "7 of 12 fake images" in warning
    with pytest.raises(DataError, match="fake pictures: 5, where at least 6 are needed"):
        metric.compute(flat, flat[:5])


# All of them.


def test_blocks_and_threads_change_no_digit(
    registry: Registry, monkeypatch: pytest.MonkeyPatch, threads: None
) -> None:
    real, fake = pictures(70), pictures(50, 1)
    metrics = [make(name, registry, eye()) for name in NAMES]
    metrics[1] = make("kd", registry, eye(), subset_size=20, subsets=5)
    torch.set_num_threads(1)
    expected = [metric.compute(real, fake) for metric in metrics]
    torch.set_num_threads(3)
    assert [metric.compute(real, fake) for metric in metrics] == expected
    assert torch.get_num_threads() == 3
    monkeypatch.setattr(prdc, "BLOCK", 700)
    monkeypatch.setattr(kd, "BLOCK", 700)
    for metric, values in zip(metrics, expected, strict=True):
        assert metric.compute(real, fake) == pytest.approx(values, rel=1e-12)


@pytest.mark.parametrize("name", ["fd", "kd", "prdc"])
def test_prepared_reals_hold_no_image_and_are_of_one_network(name: str, registry: Registry) -> None:
    real, metric = pictures(30), make(name, registry, eye())
    arrays = metric.export(metric.prepare(real))
    assert sum(array.nbytes for array in arrays.values()) < real.nbytes / 20
    other = make(name, registry, replace(eye(), sha256="f" * 64))
    with pytest.raises(UnusableError) as caught:
        other.compute(metric.restore(arrays), pictures(25, 1))
    assert "of eye 01234567, the fakes' would be of eye ffffffff" in caught.value.message


def test_prepared_neighbourhoods_of_another_k_are_made_anew(registry: Registry) -> None:
    real, fake = pictures(30), pictures(25, 1)
    prepared = make("prdc", registry, eye(), k=2).prepare(real)
    metric = make("prdc", registry, eye(), k=4)
    assert metric.compute(prepared, fake) == metric.compute(real, fake)


def test_only_the_inception_of_the_fid_gives_names_known_from_papers(registry: Registry) -> None:
    real, fake = pictures(30), pictures(25, 1)
    named: dict[str, set[str]] = {}
    for extractor in ("inception", "eye"):
        metrics = [make(name, registry, eye(extractor)) for name in NAMES]
        named[extractor] = {key for metric in metrics for key in metric.compute(real, fake)}
    assert named["inception"] == {
        *("fid", "kid", "kid_subsets", "kid_subsets_sd", "is_inception", "is_inception_sd"),
        *("precision_inception", "recall_inception", "density_inception", "coverage_inception"),
        *("featdiv_inception", "featdiv_inception_se"),
    }
    assert named["eye"] == {
        *("fd_eye", "kd_eye", "kd_eye_subsets", "kd_eye_subsets_sd", "is_eye", "is_eye_sd"),
        *("precision_eye", "recall_eye", "density_eye", "coverage_eye"),
        *("featdiv_eye", "featdiv_eye_se"),
    }


def test_the_metrics_are_found_with_what_is_good(registry: Registry) -> None:
    good = {name: registry.get("metric", name).better for name in NAMES}
    assert good == {
        "fd": "lower",
        "kd": "lower",
        "prdc": "higher",
        "inception_score": "higher",
        "featdiv": "real",
    }
    assert {n for n in NAMES if registry.get("metric", n).uses_real} == {"fd", "kd", "prdc"}
    assert [n for n in NAMES if not registry.get("metric", n).by_default] == ["inception_score"]


def test_progress_rises_over_reals_fakes_and_the_number(registry: Registry) -> None:
    told: list[float] = []
    metric = make("fd", registry, eye(), MetricContext(progress=told.append))
    metric.compute(pictures(130), pictures(70, 1))
    assert told == sorted(told)
    assert told[0] < 0.3 < told[-2] < 1 == told[-1]
    told.clear()
    metric.prepare(pictures(130))
    assert told[-1] == 1


@pytest.mark.parametrize(
    ("images", "words"),
    [
        (pictures(24)[..., :16], "pictures are 16 x 32 px, not square"),
        (pictures(1), "where at least"),
    ],
)
@pytest.mark.parametrize("name", NAMES)
def test_unfit_pictures_are_refused(
    name: str, images: np.ndarray, words: str, registry: Registry
) -> None:
    with pytest.raises(DataError, match=words):
        make(name, registry, eye()).compute(pictures(24), images)
    if registry.get("metric", name).uses_real:
        with pytest.raises(DataError, match=f"real .*{words}"):
            make(name, registry, eye()).compute(images, pictures(24))


# The Inception score and the diversity of features.


def test_the_score_is_the_number_of_classes_that_are_surely_met() -> None:
    sure = 50 * np.eye(4)[np.arange(40) % 4]
    assert inception_score.score(inception_score.log_classes(sure)) == pytest.approx(4, rel=1e-9)
    unsure = np.zeros((40, 4))
    assert inception_score.score(inception_score.log_classes(unsure)) == pytest.approx(1)
    one = 50 * np.eye(4)[np.zeros(40, int)]
    assert inception_score.score(inception_score.log_classes(one)) == pytest.approx(1)


def test_the_score_is_that_of_torch_fidelity() -> None:
    """Its version 0.4.0 gave these for the same logits in 10 splits, not shuffled."""
    logs = inception_score.log_classes(samples()[0])
    scores = [inception_score.score(part) for part in np.split(logs, 10)]
    assert np.mean(scores) == pytest.approx(1.6654813934847135, rel=1e-12)
    assert np.std(scores) == pytest.approx(0.13029004431669225, rel=1e-12)


def test_two_questions_give_as_many_classes_as_there_are_pairs_of_answers() -> None:
    hair, eyes = np.divmod(np.arange(60) % 6, 2)
    logits = 50 * np.hstack([np.eye(3)[hair], np.eye(2)[eyes]])
    both = inception_score.log_classes(logits, (3, 2))
    assert both.shape == (60, 6)
    assert np.exp(both).sum(1) == pytest.approx(np.ones(60))
    assert inception_score.score(both) == pytest.approx(6, rel=1e-9)
    with pytest.raises(UnusableError, match="over 10,000 classes"):
        inception_score.log_classes(np.zeros((2, 66)), (22, 22, 22))


def test_the_score_of_pictures_is_higher_for_more_colours(registry: Registry) -> None:
    said: list[str] = []
    context = MetricContext(warn=said.append)
    metric = make("inception_score", registry, eye(), context, splits=4)
    varied, alike = pictures(40), np.repeat(pictures(2), 20, axis=0)
    high, low = metric.compute(None, varied), metric.compute(None, alike)
    assert high["is_eye"] > low["is_eye"] > 1
    assert high["is_eye_sd"] > 0
    assert "not those of anime faces" in said[0]
    blind = make("inception_score", registry, replace(eye(), to_logits=None))
    with pytest.raises(UnusableError, match="extractor eye gives no classes"):
        blind.compute(None, varied)


def test_feature_diversity_agrees_with_brute_force(registry: Registry) -> None:
    fake = pictures(9)
    metric = make("featdiv", registry, eye())
    order = np.random.Generator(np.random.Philox(np.random.SeedSequence(0))).permutation(9)
    values = []
    for first, second in order[:8].reshape(4, 2):
        places = []
        for row in range(0, 32, 8):
            for column in range(0, 32, 8):
                a, b = (fake[i, :, row, column].astype(np.float64) for i in (first, second))
                gap = a / np.linalg.norm(a) - b / np.linalg.norm(b)
                places.append(gap @ gap / 2)
        values.append(np.mean(places))
    result = metric.compute(None, fake)
    assert result["featdiv_eye"] == pytest.approx(np.mean(values), rel=1e-6)
    error = np.std(values, ddof=1) / len(values) ** 0.5
    assert result["featdiv_eye_se"] == pytest.approx(error, rel=1e-6)


def test_feature_diversity_falls_to_nothing_in_collapse(registry: Registry) -> None:
    metric = make("featdiv", registry, eye())
    varied = pictures(60)
    assert metric.compute(None, np.repeat(varied[:1], 60, axis=0))["featdiv_eye"] == 0
    alike = metric.compute(None, varied // 8 + 100)["featdiv_eye"]
    assert 0 < alike < metric.compute(None, varied)["featdiv_eye"] / 4
    blind = make("featdiv", registry, replace(eye(), to_maps=None))
    with pytest.raises(UnusableError, match="extractor eye gives no maps"):
        blind.compute(None, varied)


# Extractors.


def test_the_bundled_tagger_is_the_default_of_every_metric(
    reader: Path, registry: Registry
) -> None:
    real, fake = pictures(40, side=40), pictures(40, 1, side=40)
    digest = hashlib.sha256(reader.read_bytes()).hexdigest()[:8]
    for name in NAMES:
        metric = make(name, registry)
        assert metric.missing() is None
        result = metric.compute(real, fake, None)
        assert all(np.isfinite(value) for value in result.values())
        assert all("_tagger" in key for key in result)
        definition = metric.definition(1000)
        assert f"{name}, tagger {digest}, torch bicubic antialiased" in definition
        assert definition.endswith("n 1,000")
        assert ("seed 0" in definition) == hasattr(metric.params, "seed")
    extractor = metric.extractor
    assert extractor.groups == (3, 2)
    assert extractor.features(real).shape == (40, 16)
    assert extractor.logits(real).shape == (40, 5)
    maps = extractor.to_maps(torch.zeros(2, 3, 32, 32))
    assert [tuple(found.shape[1:]) for found in maps] == [
        (2, 16, 16),
        (4, 8, 8),
        (8, 4, 4),
        (16, 2, 2),
    ]


def test_a_model_sees_pixels_in_its_own_range(reader: Path, registry: Registry) -> None:
    extractor = make("fd", registry).extractor
    tensors, about, _ = weights.read(reader)
    model: Any = weights.build(about, tensors, registry, reader)
    images = pictures(3)
    with torch.no_grad():
        floats = torch.from_numpy(images).float() / 127.5 - 1
        expected = model.features(floats), model.classify(floats)
    assert float((expected[0] > 0).float().mean()) > 0.5
    assert extractor.features(images) == pytest.approx(expected[0].numpy(), rel=1e-4, abs=1e-6)
    assert extractor.logits(images) == pytest.approx(expected[1].numpy(), rel=1e-4, abs=1e-5)


def test_a_file_is_named_with_its_hash_so_that_it_passes_for_nothing_else(
    reader: Path, registry: Registry, tmp_path: Path
) -> None:
    digest = hashlib.sha256(reader.read_bytes()).hexdigest()[:8]
    for name, stem in (("inception", "inception"), ("My Net-2", "my_net_2"), ("名", "file")):
        path = tmp_path / f"{name}.safetensors"
        path.write_bytes(reader.read_bytes())
        result = make("fd", registry, extractor=str(path)).compute(pictures(20), pictures(20, 1))
        assert list(result) == [f"fd_{stem}_{digest}"]


def test_missing_weights_are_told_with_what_to_type(
    registry: Registry, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(weights, "BUNDLED", tmp_path)
    monkeypatch.setattr(extractors, "EFFNET_PACKAGE", "no_such_package")
    absent = str(tmp_path / "absent.safetensors")
    for name, extractor, message, hint, code in (
        ("fd", "inception", "FID not computed: no Inception weights",
         "animekit models pull inception, or --set fd.extractor=PATH", "weights.missing"),
        ("kd", "inception", "KID not computed: no Inception weights",
         "animekit models pull inception, or --set kd.extractor=PATH", "weights.missing"),
        ("prdc", "tagger", "prdc not computed: no tagger weights in this installation",
         "--set prdc.extractor=effnetlite0, or --set prdc.extractor=PATH", "weights.missing"),
        ("fd", "effnetlite0", "fd not computed: extractor effnetlite0 is not installed",
         'pip install -e ".[features]"', "extra.missing"),
        ("featdiv", absent, f"featdiv not computed: no file {absent}",
         "--set featdiv.extractor=PATH", "weights.missing"),
        ("fd", "incepton", 'unknown extractor "incepton". Did you mean "inception"?',
         "known: tagger effnetlite0 inception", "extractor.unknown"),
    ):  # fmt: skip
        metric = make(name, registry, extractor=extractor)
        error = metric.missing()
        assert error is not None
        assert (error.message, error.code) == (message, code)
        assert error.hint is not None
        assert error.hint.startswith(hint)
        assert extractor in metric.definition(10)
        with pytest.raises(type(error)) as caught:
            metric.compute(pictures(30), pictures(30))
        assert caught.value.message == message


def test_files_that_are_no_extractor_are_refused(
    reader: Path, registry: Registry, tmp_path: Path
) -> None:
    cls = registry.get("model", "gan")
    gan = cls(cls.Params(g_channels=4, d_channels=4), ImageSpec(32))
    files = {
        "gan.safetensors": weights.to_bytes(gan.state_dict(), weights.describe(gan, 0, {})),
        "cut.safetensors": reader.read_bytes()[:-5],
        "other.pth": b"something else",
        "other.pt": b"something else",
    }
    words = ("reads no labels", "not a sound safetensors", "sha256 begins with", "not a sound")
    for (name, data), told in zip(files.items(), words, strict=True):
        (tmp_path / name).write_bytes(data)
        metric = make("fd", registry, extractor=str(tmp_path / name), size=None)
        if name.endswith(".pt"):
            metric = make(
                "fd", registry, context=trusting(registry), extractor=str(tmp_path / name), size=32
            )
        with pytest.raises(AnimekitError) as caught:
            metric.compute(pictures(9), pictures(9))
        assert told in caught.value.message
        assert caught.value.code == "checkpoint"
        assert caught.value.hint
    with pytest.raises(ConfigError, match="extractor tagger has a size of its own"):
        _ = make("fd", registry, size=64).extractor


class Script(nn.Module):
    """What users save as TorchScript: mean, least and most of each channel."""

    def forward(self, x: Tensor) -> Tensor:
        assert x.shape[2] == 24
        return torch.cat([x.mean((2, 3)), x.amin((2, 3)), x.amax((2, 3))], 1)


def test_a_torchscript_file_sees_floats_around_zero_of_the_size_it_is_told(
    registry: Registry, tmp_path: Path
) -> None:
    path = tmp_path / "stats.pt"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.jit.save(torch.jit.script(Script()), path)
    context = trusting(registry)
    metric = make("fd", registry, context=context, extractor=str(path), size=24)
    real = pictures(30, side=24)
    (key,) = metric.compute(real, pictures(30, 1, side=24))
    digest = hashlib.sha256(path.read_bytes()).hexdigest()[:8]
    assert key == f"fd_stats_{digest}"
    found = metric.extractor.features(real)
    floats = real / 127.5 - 1
    expected = [floats.mean((2, 3)), floats.min((2, 3)), floats.max((2, 3))]
    assert found == pytest.approx(np.hstack(expected), abs=1e-5)
    assert "24 px" in metric.definition(30)
    with pytest.raises(ConfigError, match="does not say which size it takes"):
        make("fd", registry, context=context, extractor=str(path)).compute(real, real)
    with pytest.raises(AnimekitError, match=r"cannot take float \[N, 3, 32, 32\]"):
        make("fd", registry, context=context, extractor=str(path), size=32).compute(real, real)
    with pytest.raises(UnusableError, match="gives no maps"):
        make("featdiv", registry, context=context, extractor=str(path), size=24).compute(None, real)


@pytest.mark.parametrize("suffix", [".pt", ".ts", ".PT"])
def test_a_torchscript_program_is_not_even_read_without_consent(
    registry: Registry, tmp_path: Path, suffix: str
) -> None:
    path = tmp_path / f"net{suffix}"
    path.write_bytes(b"whatever")
    for name in ("fd", "kd", "prdc", "featdiv", "inception_score"):
        metric = make(name, registry, extractor=str(path), size=24)
        error = metric.missing()
        assert error is not None
        assert error.code == "extractor.untrusted"
        assert "is a TorchScript program" in error.message
        assert error.hint is not None
        assert "--trust-extractor" in error.hint
        with pytest.raises(CheckpointError, match="not run unasked"):
            metric.compute(pictures(30), pictures(30))


def test_a_file_of_pickled_tensors_is_not_called_a_program(
    registry: Registry, tmp_path: Path
) -> None:
    path = tmp_path / "plain.pt"
    torch.save({"x": torch.zeros(2)}, path)
    error = make("fd", registry, extractor=str(path), size=24).missing()
    assert error is not None and error.hint is not None
    assert "is not a TorchScript file" in error.message and "trust" not in error.hint


def test_an_evaluation_asks_for_consent_even_where_no_metric_was_named(
    registry: Registry, tmp_path: Path
) -> None:
    path = tmp_path / "net.pt"
    path.write_bytes(b"whatever")
    for metrics in (None, "all", ["fd"], ["swd", "prdc"]):
        request = EvaluateRequest.of(metrics=metrics, params={"extractor": str(path), "size": 24})
        with pytest.raises(CheckpointError, match="not run unasked"):
            metric_requests(request, registry)
    trusting = EvaluateRequest.of(
        metrics=["fd"], params={"extractor": str(path), "size": 24}, trust_extractor=True
    )
    assert list(metric_requests(trusting, registry)) == ["fd"]


# The networks of others.


def drawn(network: nn.Module) -> dict[str, Tensor]:
    """Return weights that depend on nothing but their names and shapes."""
    state = {}
    for key, value in network.state_dict().items():
        random = np.random.Generator(np.random.Philox(zlib.crc32(key.encode())))
        shape = tuple(value.shape)
        if key.endswith("num_batches_tracked"):
            continue  # as in the published file of old
        if key.endswith("running_var"):
            drawn = random.uniform(0.5, 1.5, shape)
        elif key.endswith(("running_mean", "bias")):
            drawn = random.normal(0, 0.1, shape)
        elif key.endswith("bn.weight"):
            drawn = random.uniform(0.8, 1.2, shape)
        else:
            drawn = random.standard_normal(shape, dtype=np.float32)
            drawn = drawn * np.sqrt(2 / np.prod(shape[1:]))
        state[key] = torch.from_numpy(np.asarray(drawn, np.float32))
    return state


def test_the_inception_is_that_of_torch_fidelity(
    registry: Registry, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its version 0.4.0, filled with the same drawn weights, gave these to the last digit."""
    with torch.device("meta"):
        state = drawn(inception.Inception())
    file = home / "weights" / "weights-inception-2015-12-05-6726825d.pth"
    file.parent.mkdir(parents=True)
    torch.save(state, file)
    metric = make("fd", registry, extractor="inception")
    assert metric.missing() is None
    with pytest.raises(AnimekitError, match="sha256 begins with .*, not 6726825d"):
        _ = metric.extractor
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    monkeypatch.setattr(extractors, "INCEPTION_SHA256", digest)
    assert metric.definition(10) == (
        f"fid, inception {digest[:8]}, TensorFlow 1 bilinear, not antialiased, 299 px, n 10"
    )
    images = np.random.Generator(np.random.Philox(0)).integers(
        0, 256, (2, 3, 64, 64), dtype=np.uint8
    )
    found = metric.extractor.features(images)
    expected = [9.734561920166016, 1.3118375539779663, 3.048732042312622, 3.7764506340026855]
    assert found[0, [2, 3, 10, 2047]] == pytest.approx(expected, rel=1e-4)
    assert found.mean(dtype=np.float64) == pytest.approx(1.7696033542239924, rel=1e-5)
    with torch.no_grad():
        pixels = inception.tensorflow_bilinear(torch.from_numpy(images[:1]).float(), 299)
        maps = metric.extractor.to_maps(pixels)
    assert [found.shape[2] for found in maps] == [73, 35, 35, 17, 8]


def test_tensorflow_resizes_from_the_first_corner() -> None:
    image = torch.tensor([[0.0, 30.0, 60.0], [90.0, 120.0, 150.0], [180.0, 210.0, 240.0]])
    found = inception.tensorflow_bilinear(image.expand(1, 3, 3, 3), 6)[0, 1]
    steps = torch.tensor([0, 15, 30, 45, 60, 60.0])  # the last pixel is repeated
    assert torch.equal(found, steps + 3 * steps[:, None])
    small = inception.tensorflow_bilinear(torch.arange(36.0).view(1, 1, 6, 6), 3)[0, 0]
    assert small.tolist() == [[0, 2, 4], [12, 14, 16], [24, 26, 28]]  # nothing is averaged


def test_efficientnet_has_as_many_weights_as_published() -> None:
    with torch.device("meta"):
        network = efficientnet.EfficientNetLite0()
    assert sum(p.numel() for p in network.parameters()) == 4_652_008
    with torch.no_grad():
        maps = network.to_empty(device="cpu").maps(torch.zeros(1, 3, 96, 96))
    assert [found.shape[2] for found in maps] == [48, 24, 12, 6, 3]


def test_efficientnet_sees_what_its_own_package_sees(registry: Registry) -> None:
    """The package efficientnet-lite-pytorch 0.1.0 gave these for the same picture."""
    metric = make("kd", registry, extractor="effnetlite0")
    if metric.missing():
        pytest.skip("the extra animekit[features] is not installed")
    images = np.random.Generator(np.random.Philox(5)).integers(
        0, 256, (4, 3, 96, 96), dtype=np.uint8
    )
    slope = torch.linspace(0, 180, 96)
    images[1:] = (torch.from_numpy(images[1:]).float() / 4 + slope).to(torch.uint8).numpy()
    found = metric.extractor.features(images)
    assert found.mean(dtype=np.float64) == pytest.approx(0.051004581634651915, rel=1e-4)
    assert found[0, 2] == pytest.approx(2.0442001819610596, rel=1e-4)
    assert metric.extractor.logits(images).argmax(1).tolist() == [111, 892, 892, 818]
    assert "effnetlite0 57934424" in metric.definition(4)
    assert list(metric.compute(images, images[::-1])) == ["kd_effnetlite0"]


def test_weights_that_do_not_fit_the_network_are_refused(tmp_path: Path) -> None:
    file = io.BytesIO()
    torch.save({"conv.weight": torch.zeros(3)}, file)
    for data in (file.getvalue(), b"no archive"):
        with pytest.raises(AnimekitError, match="does not hold the weights it should"):
            extractors.fill(efficientnet.EfficientNetLite0, data, tmp_path / "net.pth")
