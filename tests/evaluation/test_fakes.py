"""Contenders: models that draw, and images that are there."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from animekit.errors import NotFoundError
from animekit.evaluation.fakes import SetContender, contender
from animekit.plugins import Registry
from animekit.runs.run import Run
from animekit.testing.tiny import tiny_dataset
from tests.evaluation.support import SIZE


def test_a_model_draws_other_images_in_each_repeat(run: Run, few: Registry) -> None:
    model = contender(run, few)
    words: list[tuple[int, int]] = []

    def tell(done: int, total: int) -> None:
        words.append((done, total))

    first, labels = model.draw(6, 0, tell)
    second, _ = model.draw(6, 1, tell)
    again, _ = model.draw(6, 0, tell)
    assert labels is None
    assert first.shape == (6, 3, SIZE, SIZE)
    assert np.array_equal(first, again)
    assert not (first == second).all(axis=(1, 2, 3)).any()
    assert words[-1] == (6, 6)


def test_a_folder_of_images_is_a_contender(few: Registry, tmp_path: Path) -> None:
    for index, image in enumerate(tiny_dataset(6)[at] for at in range(6)):
        Image.fromarray(image[0]).save(tmp_path / f"{index}.jpg")
    found = contender(str(tmp_path), few)
    assert isinstance(found, SetContender)
    assert (found.size, found.limit) == (64, 6)
    assert [oddity.code for oddity in found.images.oddities] == ["data.jpeg"]


def test_a_model_that_draws_nothing_is_refused(few: Registry) -> None:
    with pytest.raises(NotFoundError, match='no run, checkpoint, weights or folder.*"nothing"'):
        contender("nothing", few)
