"""Reconstruction: which images are tested, the pairs and the files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import animekit
from animekit.data.joined import open_dataset
from animekit.data.pack import pack
from animekit.errors import UnusableError, UsageError
from animekit.evaluation.held_out import find
from animekit.evaluation.reconstruct import reconstruct
from animekit.runs.run import Loaded, load_model
from tests.evaluation.support import REGISTRY, TINY


def held_out(count: int = 40) -> np.ndarray:
    """Return the images that a run on drawn faces with --holdout 0.3 keeps out of training."""
    packed = pack(open_dataset(f"synthetic:{count}", REGISTRY), 32)
    return np.asarray(packed.images)[packed.held_out(0.3)]


def test_a_run_is_tested_on_what_it_held_out(loaded: Loaded) -> None:
    found = reconstruct(loaded, registry=REGISTRY, num=4)
    real = held_out()
    assert 4 < len(real) < 25
    assert (found.data["part"], found.scores.n) == ("held out", len(real))
    scaled = torch.from_numpy(real).permute(0, 3, 1, 2) / 127.5 - 1
    with torch.inference_mode():
        mu, logvar = loaded.model.encoder(scaled)
        copies = loaded.model.decoder(mu)
    assert found.scores.mse == pytest.approx((copies - scaled).square().mean().item(), rel=1e-4)
    nats = 0.5 * (mu**2 + logvar.exp() - 1 - logvar).sum(1).mean()
    assert found.scores.nats == pytest.approx(nats.item(), rel=1e-4)
    assert found.warnings == ()
    assert found.originals.shape == found.copies.shape == (4, 32, 32, 3)
    assert all((found.originals[i] == real).all((1, 2, 3)).any() for i in range(4))


def test_other_images_are_taken_whole_and_one_s_own_without_holdout_with_a_warning(
    loaded: Loaded,
) -> None:
    others = reconstruct(loaded, "synthetic:9", registry=REGISTRY)
    assert (others.data["part"], others.scores.n, others.warnings) == ("others", 9, ())
    loaded.run = None  # as a weights file: nothing says what was held out
    own = reconstruct(loaded, "synthetic:40", registry=REGISTRY)
    assert (own.data["part"], own.scores.n) == ("trained on", 40)
    assert "trained on" in own.warnings[0]


def test_with_crop_the_middle_of_the_larger_images_is_taken(tmp_path: Path) -> None:
    run = animekit.train(
        "vae", "synthetic:20", runs=tmp_path / "cut", registry=REGISTRY, **TINY, crop=4, holdout=0.4
    )
    found = find(load_model(run, REGISTRY), None, REGISTRY)
    packed = pack(open_dataset("synthetic:20", REGISTRY), 36)
    assert (found.images == packed.images[packed.held_out(0.4)][:, 2:34, 2:34]).all()


def test_pairs_stand_above_each_other(loaded: Loaded) -> None:
    found = reconstruct(loaded, registry=REGISTRY, num=3)
    picture = found.picture()
    assert picture.shape == (64, 3 * 32 + 2 * 2, 3)
    assert (picture[:32, 34:66] == found.originals[1]).all()
    assert (picture[32:, 34:66] == found.copies[1]).all()
    assert found.picture(image_size=64).shape == (128, 3 * 64 + 4, 3)
    again = reconstruct(loaded, registry=REGISTRY, num=3)
    assert (again.picture() == picture).all()
    assert found.names != reconstruct(loaded, registry=REGISTRY, num=3, seed=1).names


def test_python_writes_every_file_that_the_command_writes(loaded: Loaded, tmp_path: Path) -> None:
    found = reconstruct(loaded, "synthetic:40", attribute="hair", map_num=20, registry=REGISTRY)
    chart, table = found.save_map(tmp_path / "map.png", coordinates=True, thumbnails=True)
    assert (chart.name, table.name) == ("map.png", "map.csv")
    assert found.map is not None
    assert table.read_text("utf-8").count("\n") == len(found.map.places) + 1
    assert found.save_map(tmp_path / "other.csv") == [
        tmp_path / "other.png",
        tmp_path / "other.csv",
    ]
    table.write_text("mine")
    chart.unlink()
    with pytest.raises(UnusableError, match="holds something else"):
        found.save_map(chart, coordinates=True)
    assert not chart.exists()
    found.save_map(chart, coordinates=True, overwrite=True)
    assert table.read_text("utf-8") != "mine"
    with pytest.raises(UsageError, match="neither in .png nor in .csv"):
        found.save_map(tmp_path / "map.jpg")
    with pytest.raises(UsageError, match="there is no map"):
        reconstruct(loaded, "synthetic:9", registry=REGISTRY).save_map(chart)
