"""One verdict on mode collapse, from two metrics and what real images get."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from animekit.evaluation.evaluate import evaluate
from animekit.evaluation.image_set import ImageSet
from animekit.models.collapse import Training, Verdict, collapse
from animekit.testing.tiny import tiny_dataset
from animekit_plugins.metrics.ms_ssim import MSSSIM
from animekit_plugins.metrics.ndb import NDB

REAL = {"ms_ssim": 0.44, "ndb": 0.06, "ndb_lost": 0.01}
SPREAD = {"ms_ssim": 0.004}


def judge(**fake: float) -> Verdict:
    result = collapse(REAL, SPREAD, fake, SPREAD)
    assert result is not None
    return result


def test_the_sentence_gives_the_numbers_and_the_conclusion() -> None:
    result = judge(ms_ssim=0.62, ndb=0.71, ndb_lost=0.43)
    assert result.level == "collapse"
    assert result.text == (
        "MS-SSIM 0.62 against 0.44 of real images (+0.18, 32 sd); ndb: 71 % of bins differ"
        " (real 6 %), 43 % of real images lie in modes that are gone: mode collapse"
    )


@pytest.mark.parametrize(
    ("level", "fake"),
    [
        ("none", {"ms_ssim": 0.44}),
        ("none", {"ms_ssim": 0.485}),
        ("risk", {"ms_ssim": 0.505}),
        ("collapse", {"ms_ssim": 0.545}),
        ("none", {"ms_ssim": 0.35}),
        ("risk", {"ms_ssim": 0.06}),
        ("none", {"ndb": 0.9, "ndb_lost": 0.04}),
        ("none", {"ndb": 0.2, "ndb_lost": 0.105}),
        ("risk", {"ndb": 0.2, "ndb_lost": 0.115}),
        ("risk", {"ndb": 0.2, "ndb_lost": 0.5}),
        ("collapse", {"ndb": 0.2, "ndb_lost": 0.52}),
        ("collapse", {"ms_ssim": 0.44, "ndb": 0.2, "ndb_lost": 0.52}),
        ("collapse", {"ms_ssim": 0.56, "ndb": 0.1, "ndb_lost": 0.0}),
        ("risk", {"ms_ssim": 0.06, "ndb": 1.0, "ndb_lost": 1.0}),
    ],
)
def test_levels_follow_from_either_metric(level: str, fake: dict[str, float]) -> None:
    assert judge(**fake).level == level


def test_less_alike_than_real_images_is_never_praised() -> None:
    noise = judge(ms_ssim=0.06, ndb=1.0, ndb_lost=1.0)
    assert "less alike than real images" in noise.text
    assert "noise?" in noise.text
    assert "better" not in noise.text
    assert "(-0.38, 67 sd)" in noise.text


def test_a_rise_that_may_be_an_accident_is_not_held_against_the_fakes() -> None:
    wide = {"ms_ssim": 0.04}
    for fake in ({"ms_ssim": 0.56}, {"ms_ssim": 0.28}):
        result = collapse(REAL, wide, fake, wide)
        assert result is not None
        assert result.level == "none"
    known = collapse(REAL, {}, {"ms_ssim": 0.56, "ms_ssim_se": 0.04}, {})
    assert known is not None
    assert known.level == "none"
    assert "3 sd" in known.text


def test_without_a_floor_the_numbers_stand_alone() -> None:
    result = collapse({}, {}, {"ms_ssim": 0.9, "ndb": 0.5, "ndb_lost": 0.3}, {})
    assert result is not None
    assert result.level == "risk"
    assert result.text == (
        "ndb: 50 % of bins differ, 30 % of real images lie in modes that are gone: risk of mode"
        " collapse"
    )


@pytest.mark.parametrize(
    ("real", "fake"),
    [
        ({}, {}),
        (REAL, {"swd_avg": 3.0}),
        ({}, {"ms_ssim": 0.9}),
        (REAL, {"ms_ssim": float("nan"), "ndb": float("nan"), "ndb_lost": float("nan")}),
    ],
)
def test_nothing_is_said_where_nothing_was_measured(
    real: dict[str, float], fake: dict[str, float]
) -> None:
    assert collapse(real, {}, fake, {}) is None


def patterns(count: int, seed: int) -> np.ndarray:
    """Return pictures of 4 x 4 soft patches round a common one, so that they are a bit alike."""
    random = np.random.default_rng(seed)
    common = np.random.default_rng(0).normal(0, 40, (1, 3, 4, 4))
    coarse = 128 + common + random.normal(0, 35, (count, 3, 4, 4))
    return np.clip(coarse.repeat(4, 2).repeat(4, 3), 0, 255).astype(np.uint8)


def test_pictures_that_have_collapsed_are_judged_so_from_end_to_end() -> None:
    real, other, new = (patterns(800, seed) for seed in (1, 2, 3))
    random = np.random.default_rng(0)
    few = new[np.arange(800) % 4].astype(int) + random.integers(-2, 3, new.shape)
    noise = random.integers(0, 256, new.shape, dtype=np.uint8)
    bins, metric = NDB().prepare(real), MSSSIM()

    def numbers(pictures: np.ndarray) -> dict[str, float]:
        return metric.compute(None, pictures) | NDB().compute(bins, pictures)

    floor = numbers(other)
    for pictures, level in (
        (new, "none"),
        (np.clip(few, 0, 255).astype(np.uint8), "collapse"),
        (noise, "risk"),
    ):
        result = collapse(floor, {}, numbers(pictures), {})
        assert result is not None
        assert result.level == level, result.text


def faces(start: int, count: int = 300) -> np.ndarray:
    """Return drawn faces uint8 [N, 32, 32, 3]."""
    dataset = tiny_dataset(1000)
    return np.stack([dataset[start + index][0][::2, ::2] for index in range(count)])


def blurred(images: np.ndarray) -> np.ndarray:
    return np.stack([cv2.GaussianBlur(image, (0, 0), 2.0) for image in images])


def shifted(images: np.ndarray, by: int) -> np.ndarray:
    return np.clip(images.astype(int) + by, 0, 255).astype(np.uint8)


RANDOM = np.random.default_rng(0)
OTHERS = faces(600)
SETS: dict[str, tuple[str, np.ndarray]] = {
    "others": ("none", OTHERS),
    "noise": ("noise", RANDOM.integers(0, 256, OTHERS.shape, dtype=np.uint8)),
    "flat": ("flat", RANDOM.integers(0, 256, (300, 1, 1, 3), dtype=np.uint8).repeat(32, 1)),
    "bright": ("tones", shifted(OTHERS, 60)),
    "dark": ("tones", shifted(OTHERS, -70)),
    "grey": ("tones", OTHERS.mean(3, keepdims=True).astype(np.uint8).repeat(3, 3)),
    "blurred": ("blur", blurred(OTHERS)),
    "eight": ("collapse", OTHERS[np.arange(300) % 8]),
    "half of eight": ("collapse", np.concatenate([OTHERS[:120], OTHERS[np.arange(180) % 8]])),
    "eight, not quite equal": (
        "collapse",
        shifted(OTHERS[np.arange(300) % 8], RANDOM.integers(-6, 7, OTHERS.shape)),
    ),
    "one pattern": (  # no face, but the same for every z
        "collapse",
        shifted(RANDOM.integers(40, 216, (1, 32, 32, 3)), RANDOM.integers(-9, 10, OTHERS.shape)),
    ),
}
SETS["flat"] = ("flat", np.broadcast_to(SETS["flat"][1][:, :1], OTHERS.shape).copy())


@pytest.mark.parametrize("name", SETS)
def test_only_what_collapsed_is_called_a_collapse(name: str) -> None:
    kind, images = SETS[name]
    found = evaluate(
        ImageSet(name, images),
        ImageSet("reals", faces(0, 600)),
        metrics=["ms_ssim", "ndb", "nearest"],
        num=300,
        repeats=1,
        illustrate=False,
    )
    verdict = found.verdicts[name]
    assert verdict.kind == kind, (verdict.text, verdict.looks)
    assert (verdict.level == "collapse") is (kind == "collapse")
    words = verdict.text.rpartition(": ")[2]
    assert ("mode collapse" in words.replace("no sign of mode collapse", "")) is (
        kind == "collapse"
    )


@pytest.mark.parametrize("metrics", [["nearest"], ["ms_ssim", "ndb", "nearest"]])
def test_copies_of_real_images_are_not_praised(metrics: list[str]) -> None:
    reals = ImageSet("reals", faces(0, 600))
    asked = {"metrics": metrics, "num": 600, "repeats": 1, "illustrate": False}
    copies = ImageSet("copies", np.concatenate([OTHERS[:240], reals.images[:60]]))
    verdict = evaluate(copies, reals, **asked).verdicts["copies"]
    assert (verdict.level, verdict.kind) == ("risk", "copies")
    few = ImageSet("few", reals.images[np.arange(300) % 5])
    verdict = evaluate(few, reals, **asked).verdicts["few"]
    assert verdict.kind == "collapse"
    assert "the same few real images again and again" in verdict.text


def test_a_model_that_hardly_learned_is_undertrained_and_its_loss_is_told() -> None:
    young = Training(step=10, images=640, losses="d/adv 0.02")
    result = collapse(REAL, SPREAD, {"ms_ssim": 0.99}, SPREAD, training=young)
    assert result is not None
    assert (result.level, result.kind) == ("risk", "undertrained")
    assert result.text.endswith(
        "undertrained: train on and ask again (step 10, 640 images seen, d/adv 0.02)"
    )
    old = collapse(REAL, SPREAD, {"ms_ssim": 0.99}, SPREAD, training=Training(5000, 320_000))
    assert old is not None
    assert old.level == "collapse"


def test_real_images_that_are_all_alike_tell_nothing() -> None:
    flat = ImageSet("reals", np.full((600, 32, 32, 3), 128, np.uint8))
    found = evaluate(ImageSet("fakes", OTHERS), flat, metrics=["ms_ssim"], repeats=1)
    assert "flat or all the same tell nothing" in found.verdicts["fakes"].text
    assert found.verdicts["fakes"].level == "none"
