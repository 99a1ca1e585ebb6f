"""Work that falls into rows: several processes do some each, and end with what one has."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import torch

from animekit import plugins
from animekit.cleaning.clean import CleanRequest, perform, take_part
from animekit.engines import crew
from animekit.engines.engine import LocalEngine
from animekit.evaluation.metric import MetricContext, build_metric
from animekit.images.write import write_png
from animekit.models import sampling
from animekit.testing.tiny import tiny_dataset, tiny_model

from .crew import together


def drawn_and_read() -> dict[str, torch.Tensor]:
    """Return pictures of a model and the features of them."""
    registry = plugins.load()
    torch.manual_seed(0)
    model = tiny_model(registry.get("model", "gan")).eval()
    images = sampling.draw(model, sampling.noise_of_seeds(model, range(7)))
    kind = registry.get("metric", "fd")
    params = kind.Params.model_validate({"extractor": "tagger"})
    metric: Any = build_metric(kind, params, MetricContext(registry=registry))
    features = metric.extractor.features(images.transpose(0, 3, 1, 2))
    return {"images": torch.from_numpy(images), "features": torch.from_numpy(features)}


def test_pictures_and_features_are_those_of_one_process(tmp_path: Path) -> None:
    def work(engine: LocalEngine) -> dict[str, torch.Tensor]:
        assert crew.join() == engine.is_main
        assert len(range(7)[crew.own(7)]) in (3, 4)  # each draws a part
        return drawn_and_read()

    one = drawn_and_read()
    for found in together(2, tmp_path, work):
        assert all(torch.equal(one[key], found[key]) for key in one)


def test_a_folder_is_cleaned_in_parts_as_in_one(tmp_path: Path) -> None:
    faces = tmp_path / "faces"
    faces.mkdir()
    for index in range(12):
        write_png(faces / f"{index}.png", np.asarray(tiny_dataset()[index % 10][0]))

    def request(name: str) -> CleanRequest:
        return CleanRequest(faces, out=tmp_path / name, workers=1)

    def work(engine: LocalEngine) -> int:
        crew.join()
        take_part(request("parts"), plugins.load())
        return os.getpid()

    whole = perform(request("whole"), plugins.load())
    together(2, tmp_path, work)
    parts = perform(request("parts"), plugins.load())
    assert parts.summary["measured"] == 0  # the parts did it all
    assert len(list((tmp_path / "parts" / "cache").glob("*.jsonl"))) >= 2
    assert parts.manifest.equals(whole.manifest)
