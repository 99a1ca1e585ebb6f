"""Two sets of images without pairs: where they are found, and the batches of both."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from animekit.data.batch import Batch
from animekit.data.sampler import Loader
from animekit.data.unpaired import PairLoader, both_fingerprints, find_domains, find_tests, names_of
from animekit.errors import DataError, NotFoundError, UnusableError
from animekit.images.pixels import to_uint8
from animekit.images.write import write_png
from animekit.runs.run import Run
from animekit.testing.check import tiny_dataset
from animekit.training import samples
from animekit.training.job import new_job
from animekit.training.request import TrainRequest
from animekit.training.train import train

SMALL = {
    "size": 32,
    "batch_size": 2,
    "g_channels": 4,
    "d_channels": 4,
    "n_blocks": 1,
    "pool_size": 3,
    "threads": 1,
    "log_every": 1,
    "eval_every": 0,
}


def folder(path: Path, count: int, colour: int, side: int = 40) -> Path:
    path.mkdir(parents=True)
    for index in range(count):
        square = np.full((side, side, 3), 10, np.uint8)
        square[..., colour] = 100 + index
        write_png(path / f"{index}.png", square)
    return path


@pytest.fixture
def fruit(tmp_path: Path) -> Path:
    folder(tmp_path / "fruit" / "trainA", 5, 0)
    folder(tmp_path / "fruit" / "trainB", 3, 1)
    folder(tmp_path / "fruit" / "testA", 1, 0)
    folder(tmp_path / "fruit" / "testB", 1, 1)
    return tmp_path / "fruit"


@pytest.mark.parametrize("names", [("trainA", "trainB"), ("train/A", "train/B"), ("A", "B")])
def test_two_folders_are_found_by_their_names(names, tmp_path):
    for name in names:
        (tmp_path / name).mkdir(parents=True)
    assert find_domains(str(tmp_path)) == tuple(str(tmp_path / name) for name in names)


def test_training_folders_come_before_others_and_test_folders_beside_them(fruit):
    (fruit / "A").mkdir()
    (fruit / "B").mkdir()
    assert find_domains(str(fruit)) == (str(fruit / "trainA"), str(fruit / "trainB"))
    assert find_tests(str(fruit)) == (str(fruit / "testA"), str(fruit / "testB"))
    assert find_tests(str(fruit / "trainA")) is None


def test_two_data_sets_of_any_kind_have_a_comma_between_them(tmp_path):
    assert find_domains("cats, dogs.zip") == ("cats", "dogs.zip")
    assert find_domains("synthetic:9,folder:x") == ("synthetic:9", "folder:x")
    odd = tmp_path / "a,b"
    (odd / "A").mkdir(parents=True)
    (odd / "B").mkdir()
    assert find_domains(str(odd)) == (str(odd / "A"), str(odd / "B"))
    assert names_of(str(odd)) == [str(odd)]


def test_what_is_there_is_said_where_two_sets_are_not(tmp_path):
    folder(tmp_path / "cats" / "black", 2, 0)
    folder(tmp_path / "cats" / "trainA", 2, 0)
    write_png(tmp_path / "cats" / "one.png", np.zeros((8, 8, 3), np.uint8))
    with pytest.raises(DataError, match="has the folders black, trainA and 1 image$") as caught:
        find_domains(str(tmp_path / "cats"))
    assert "trainA and trainB, A and B" in caught.value.hint
    archive = tmp_path / "a.zip"
    archive.write_bytes(b"PK")
    for where, kind, message in (
        (str(tmp_path / "gone"), NotFoundError, "no images in"),
        (str(archive), DataError, "unpack an archive first"),
        ("a,b,c", DataError, "more than two data sets"),
        ("cats,", DataError, "names one data set, not two"),
    ):
        with pytest.raises(kind, match=message):
            find_domains(where)


def packs(first: int = 7, second: int = 5, size: int = 36):
    made = tiny_dataset(first).pack(size), tiny_dataset(second).pack(size)
    return made[0], replace(made[1], images=255 - made[1].images, fingerprint="other")


def loader(batch: int = 4, seed: int = 3) -> PairLoader:
    return PairLoader(packs(), batch, seed, flip=True, crop=4)


def test_a_batch_is_a_function_of_seed_and_step_for_both_domains():
    batch, again = loader().batch(9), loader().batch(9)
    for images_, repeated in ((batch.images, again.images), (batch.others, again.others)):
        assert torch.equal(images_, repeated)
        assert images_.shape == (4, 3, 32, 32)
    assert not torch.equal(batch.images, loader().batch(10).images)
    assert not torch.equal(batch.others, loader(seed=4).batch(9).others)


def test_each_domain_has_an_order_windows_and_epochs_of_its_own():
    same = (packs()[0], packs()[0])
    batch = PairLoader(same, 7, 3, flip=True, crop=4).batch(1)
    assert not torch.equal(batch.images, batch.others)
    found = PairLoader(packs(), 5, 3, flip=False, crop=0)
    for step in (1, 2, 3):  # five others: each step is one of their epochs
        others = found.batch(step).others.sum((1, 2, 3)).sort().values
        assert torch.allclose(others, found.batch(1).others.sum((1, 2, 3)).sort().values)


def test_the_first_domain_sees_what_a_loader_of_its_own_gives():
    plain = Loader(packs()[0], 4, 3, flip=True, crop=4).batch(2)
    assert torch.equal(loader().batch(2).images, plain.images)


def test_held_out_images_of_either_domain_are_never_drawn():
    rows = (np.array([0, 1]), np.array([2]))
    found = PairLoader(packs(), 4, 0, flip=False, crop=0, rows=rows)
    second = packs()[1].images[2]
    for step in range(1, 4):
        batch = found.batch(step)
        assert (to_uint8(batch.others) == second).all()


def test_examples_are_the_first_of_both_uncut_and_end_with_the_smaller_set():
    batch = samples.examples(loader(), 8)
    assert len(batch.images) == len(batch.others) == 5
    assert torch.equal(batch.images[0], samples.examples(loader(seed=8), 1).images[0])
    labelled = samples.examples(Loader(packs()[0], 2, 0, flip=False, crop=0), 3)
    assert labelled.labels.shape == labelled.mask.shape == (3, 5)
    assert labelled.others is None
    assert samples.draw_reals(loader(), 64, 5).shape == (64, 160, 3)


def test_fingerprints_know_both_sets_and_which_is_which():
    first, second = packs()
    assert both_fingerprints(first, second) != both_fingerprints(second, first)
    assert both_fingerprints(first, first) != both_fingerprints(first, second)


def test_a_training_says_what_it_was_given_and_goes_on_bit_for_bit(fruit, tmp_path, registry):
    settings = {**SMALL, "crop": 4, "mirror": True, "registry": registry, "save_every": 2}
    straight = train("cyclegan", fruit, steps=4, runs=tmp_path / "a", **settings)
    data = straight.config["data"]
    assert (data["found"], data["used"]) == (8, 8)
    assert [each["used"] for each in data["domains"]] == [5, 3]
    assert data["fingerprint"] not in [each["fingerprint"] for each in data["domains"]]
    assert data["name"] == "fruit"
    first = train("cyclegan", fruit, steps=2, runs=tmp_path / "b", **settings)
    again = train("cyclegan", resume=first.path, steps=4, registry=registry, runs=tmp_path / "b")
    states = [
        Run(run.path).model(registry, checkpoint="last", ema=False) for run in (straight, again)
    ]
    for key, value in states[0].state_dict().items():
        assert torch.equal(value, states[1].state_dict()[key]), key
    assert any(states[0].state_dict()[f"pools.{each}.filled"] for each in "ab")


def test_a_change_in_either_set_is_noticed_on_resume(fruit, tmp_path, registry):
    run = train("cyclegan", fruit, steps=1, runs=tmp_path / "runs", registry=registry, **SMALL)
    write_png(fruit / "trainB" / "9.png", np.zeros((40, 40, 3), np.uint8))
    with pytest.raises(UnusableError, match="it had 8 images, now 9"):
        train("cyclegan", resume=run.path, steps=2, registry=registry, runs=tmp_path / "runs")


def test_two_data_sets_give_a_run_both_their_names(fruit, tmp_path, registry):
    where = f"{fruit / 'trainA'},{fruit / 'trainB'}"
    made = new_job(TrainRequest("cyclegan", {**SMALL, "data": where, "steps": 1}, registry))
    assert made.label == "trainA-trainB32"
    assert json.dumps(made.config())  # plain values
    assert made.description == "5 images in 1 folder, and 3 images in 1 folder"
    batch = made.stepper().draw(1)
    assert isinstance(batch, Batch) and batch.others is not None
    reds, greens = to_uint8(batch.images)[..., 0], to_uint8(batch.others)[..., 1]
    assert reds.min() >= 100 and greens.min() >= 100


def test_a_share_of_both_sets_is_held_out(tmp_path, registry):
    folder(tmp_path / "x" / "A", 30, 0)
    folder(tmp_path / "x" / "B", 30, 1)
    values = {**SMALL, "data": str(tmp_path / "x"), "steps": 1, "holdout": 0.5}
    made = new_job(TrainRequest("cyclegan", values, registry))
    assert 0 < len(made.rows) < 30 and 0 < len(made.other_rows) < 30
    held = made.config()["data"]["held_out"]
    assert held == 60 - len(made.rows) - len(made.other_rows)
