"""The best of several seeds, chosen by the tagger and marked as chosen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from animekit.data.spec import ImageSpec
from animekit.errors import UnusableError
from animekit.generation import best_of
from animekit.generation.recipe import read_recipe
from animekit.generation.reproduce import reproduce
from animekit.models import tagger
from animekit.models.tagger import Classifier
from tests.generation.weights import REGISTRY, make, weights_file


class Reader(Classifier):
    """A classifier that is sure of the hair where an image's first pixel is bright."""

    def __init__(self) -> None:
        pass

    def probabilities(self, images: np.ndarray) -> dict[str, np.ndarray]:
        sure = images[:, 0, 0, 0].astype(np.float64) / 255
        hair = np.repeat((1 - sure)[:, None] / 11, 12, axis=1)
        hair[:, 8] = sure  # blue
        return {"hair": hair, "eyes": np.full((len(images), 11), 1 / 11)}


class TestBestOf:
    def test_the_best_of_each_pool_is_chosen_and_marked(
        self, tmp_path: Path, course: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(tagger, "load", lambda registry: Reader())
        made = make(course, prompts="blue hair red eyes", num=3, best_of=4)
        all_ = make(course, prompts="blue hair red eyes", num=12)
        bright = all_.images[:, 0, 0, 0].reshape(3, 4)
        expected = bright.argmax(1) + np.arange(0, 12, 4)
        assert made.seeds == tuple(expected.tolist())
        assert np.array_equal(made.images, all_.images[list(made.seeds)])
        assert (made.how.best_of, made.how.candidates) == (4, ["0-3", "4-7", "8-11"])
        assert made.how.scores == pytest.approx(bright.max(1) / 255 / 11, abs=1e-4)
        picture = made.save(tmp_path / "a.png")
        monkeypatch.setattr(tagger, "load", None)  # nothing is searched again
        again = reproduce(picture, course, registry=REGISTRY)
        assert again.save(tmp_path / "b.png").read_bytes() == picture.read_bytes()
        one = made.save_each(tmp_path / "each")[1]
        assert read_recipe(one)["candidates"] == ["4-7"]
        assert read_recipe(one)["scores"] == [made.how.scores[1]]

    def test_candidates_are_asked_the_same_where_the_prompt_is_open(
        self, course: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(tagger, "load", lambda registry: Reader())
        made = make(course, best_of=3, seeds=range(30, 36))
        assert len(made.images) == 2
        assert made.how.attrs == make(course, seeds=[30, 33]).how.attrs

    def test_a_score_is_the_product_over_hair_and_eyes(self) -> None:
        images = np.full((3, 4, 4, 3), 51, np.uint8)  # blue: 0.2, each other hair 0.8 / 11
        attrs: list[Any] = [
            {"hair": "blue", "eyes": "red"},
            {"hair": ["blue", "pink"]},
            {"smile": True},
        ]
        found = best_of.score(images, attrs, Reader())
        assert found == pytest.approx([0.2 / 11, 0.2 + 0.8 / 11, 1.0])

    def test_the_bundled_tagger_scores_in_shares_that_sum_to_one(self) -> None:
        reader = tagger.load(REGISTRY)
        images = np.random.default_rng(0).integers(0, 256, (2, 3, 32, 32)).astype(np.uint8)
        shares = reader.probabilities(images)
        assert {name: part.shape for name, part in shares.items()} == {
            "hair": (2, 12),
            "eyes": (2, 11),
        }
        for name, part in shares.items():
            assert part.sum(1) == pytest.approx(1, abs=1e-5)
            assert np.array_equal(part.argmax(1), reader.read(images)[name])

    def test_a_model_without_colours_is_refused(self, tmp_path: Path) -> None:
        spec = ImageSpec(32, 3, ("smile", "hat"), (1, 1))
        path = weights_file(tmp_path / "x.safetensors", spec)
        with pytest.raises(UnusableError, match="no hair or eye colours"):
            make(path, best_of=2, num=1)


class Smiles(Classifier):
    """A classifier of one yes or no, the brightness of an image's first pixel."""

    def __init__(self) -> None:
        super().__init__(None, ("smile",), (1,))  # type: ignore[arg-type]

    def probabilities(self, images: np.ndarray) -> dict[str, np.ndarray]:
        sure = images[:, 0, 0, 0].astype(np.float64) / 255
        return {"smile": np.stack([1 - sure, sure], 1)}


def test_a_reader_of_other_words_chooses_by_yes_and_no() -> None:
    images = np.zeros((2, 8, 8, 3), np.uint8)
    images[1] = 255
    assert best_of.score(images, [{"smile": True}] * 2, Smiles()).tolist() == [0, 1]
    assert best_of.score(images, [{"smile": False}] * 2, Smiles()).tolist() == [1, 0]
    best_of.check(["smile"], "x", Smiles().attributes)
    with pytest.raises(UnusableError, match="model x has no smile, by which"):
        best_of.check(["hair"], "x", Smiles().attributes)
