"""Sharpness of pictures: in closed form, and of blurred ones."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from animekit import evaluate, plugins
from animekit.evaluation.metric import Metric
from animekit.testing.tiny import tiny_dataset

CLS: type[Metric] = plugins.load().get("metric", "sharpness")


def test_a_chessboard_has_the_laplacian_of_its_squares() -> None:
    board = (np.indices((16, 16)).sum(0) % 2 * 10 + 100).astype(np.uint8)
    found = CLS().compute(None, np.broadcast_to(board, (4, 1, 16, 16)))
    # each pixel differs from its four neighbours by 10: +-40, where the picture has +-5
    assert found["sharpness"] == pytest.approx(8.0)
    assert found["sharpness_laplacian"] == pytest.approx(1600.0)
    assert found["sharpness_se"] == 0


def test_what_is_blurred_is_less_sharp_and_what_is_paler_is_not() -> None:
    dataset = tiny_dataset(8)
    faces = [dataset[index][0] for index in range(8)]
    sharp, blurred, pale = (
        CLS().compute(None, np.stack([change(face) for face in faces]).transpose(0, 3, 1, 2))
        for change in (
            lambda face: face,
            lambda face: cv2.GaussianBlur(face, (5, 5), 1.5),
            lambda face: face // 2 + 64,
        )
    )
    assert blurred["sharpness"] < 0.7 * sharp["sharpness"]
    assert pale["sharpness"] == pytest.approx(sharp["sharpness"], rel=0.05)
    assert pale["sharpness_laplacian"] < 0.5 * sharp["sharpness_laplacian"]


def test_it_is_measured_where_it_is_asked_for_alone() -> None:
    assert not CLS.by_default
    found = evaluate("synthetic:8", "synthetic:16", metrics=["sharpness"], repeats=1, size=32)
    assert 0.2 < found.value("sharpness") < 2
    assert 0.2 < found.real.values["sharpness"].value < 2
