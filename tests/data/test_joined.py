"""Several data sets as one: images in order, labels by name, masks, weights, and a training."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from animekit.data.dataset import Dataset
from animekit.data.info import describe
from animekit.data.joined import Joined, open_dataset
from animekit.data.pack import pack
from animekit.data.places import DataPlace
from animekit.data.spec import ImageSpec
from animekit.data.survey import survey
from animekit.errors import DataError, NotFoundError, UnusableError, UsageError
from animekit.evaluation.image_set import open_images
from animekit.labels.tags import NAMES
from animekit.plugins import Registry
from animekit.runs.checkpoint import newest_sound
from animekit.runs.run import Run
from animekit.training.job import new_job
from animekit.training.request import TrainRequest
from tests.support import fill, names, picture, zipped


@pytest.fixture
def sets(tmp_path: Path) -> str:
    """Folders of 6 and of 4 images with tags of their own, and ids in common."""
    fill(tmp_path / "faces", *(f"{n}.png" for n in range(6)))
    (tmp_path / "faces/tags.csv").write_text("0,blue hair red eyes\n1,red hair\n", "utf-8")
    fill(tmp_path / "extra", *(f"{n}.png" for n in range(4)))
    (tmp_path / "extra/tags.csv").write_text("0,pink hair blue eyes\n", "utf-8")
    return f"{tmp_path}/faces+{tmp_path}/extra"


class Fixed(Dataset):
    """Two images with given labels."""

    name = "fixed"

    def __init__(self, labels: tuple[str, ...], groups: tuple[int, ...]) -> None:
        super().__init__("fixed")
        self.given = ImageSpec(1, 3, labels, groups)

    def spec(self, size: int) -> ImageSpec:
        return self.given

    def __len__(self) -> int:
        return 2

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        labels = np.eye(len(self.given.labels), dtype=np.uint8)[index]
        return np.full((8, 8, 3), index, np.uint8), labels

    def fingerprint(self) -> str:
        return repr(self.given)


def of(*sets: Fixed) -> Joined:
    return Joined("a+b", [DataPlace("a"), DataPlace("b")], sets)


def test_images_stand_in_order_each_with_the_tags_of_its_own_set(
    sets: str, registry: Registry
) -> None:
    found = open_dataset(sets, registry)
    assert len(found) == 10
    assert names(found)[5:8] == ["1:faces/5.png", "2:extra/0.png", "2:extra/1.png"]
    labels, mask = found[6][1], found.mask_of(6)
    assert labels is not None and mask is not None
    assert [NAMES[place] for place in np.flatnonzero(labels)] == ["pink hair", "blue eyes"]
    assert mask.all() and found[7][1] is None
    assert found[-1][0].shape == (8, 8, 3)
    with pytest.raises(IndexError):
        found[10]
    assert "10 images of 2 sets" in found.description and "2 with tags" in found.description


def test_labels_with_a_name_in_common_are_one_attribute_and_others_are_unknown() -> None:
    found = of(
        Fixed(("red", "blue", "hat"), (2, 1)), Fixed(("blue", "green", "big", "small"), (2, 2))
    )
    spec = found.spec(8)
    assert spec.labels == ("red", "blue", "green", "hat", "big", "small")
    assert spec.groups == (3, 1, 2)
    first, second = found[0][1], found[2][1]
    assert first is not None and first.tolist() == [1, 0, 0, 0, 0, 0]
    assert second is not None and second.tolist() == [0, 1, 0, 0, 0, 0]
    masks = [found.mask_of(index) for index in (0, 2)]
    assert [mask.tolist() for mask in masks if mask is not None] == [
        [1, 1, 1, 1, 0, 0],
        [1, 1, 1, 0, 1, 1],
    ]


@pytest.mark.parametrize(
    ("labels", "groups"), [(("red",), (1,)), (("hat", "cap"), (2,)), (("blue", "hat"), (2,))]
)
def test_labels_that_contradict_each_other_are_refused(
    labels: tuple[str, ...], groups: tuple[int, ...]
) -> None:
    with pytest.raises(DataError, match="do not go together"):
        of(Fixed(("red", "blue", "hat"), (2, 1)), Fixed(labels, groups))


def test_a_zip_and_drawn_faces_join_too(tmp_path: Path, registry: Registry) -> None:
    zipped(tmp_path / "more.zip", {"0.png": picture(3)})
    found = open_dataset(f"{tmp_path}/more.zip + synthetic:3", registry)
    packed = pack(found, 16)
    assert len(packed) == 4 and packed.weights is None
    assert packed.mask is not None and packed.mask.any(1).tolist() == [False, True, True, True]


def test_each_set_takes_a_label_file_of_its_own_and_one_for_all_is_refused(
    sets: str, registry: Registry, tmp_path: Path
) -> None:
    (tmp_path / "other.csv").write_text("3,green hair\n", "utf-8")
    with pytest.raises(UsageError, match="names 1 file"):
        open_dataset(sets, registry, tmp_path / "other.csv")
    found = open_dataset(sets, registry, Path(f"+{tmp_path}/other.csv"))
    assert [found[index][1] is not None for index in (0, 6, 9)] == [True, False, True]


def test_one_missing_set_is_named_and_none_at_all_is_the_whole_name(
    sets: str, registry: Registry
) -> None:
    with pytest.raises(NotFoundError, match=r"extras: .* no such"):
        open_dataset(f"{sets}s", registry)
    with pytest.raises(NotFoundError, match=r"no images in my\+photos"):
        open_dataset("my+photos", registry)


def test_the_manifest_of_each_set_counts(sets: str, registry: Registry) -> None:
    place = Path(sets.split("+")[1]) / ".animekit/clean/0001"
    place.mkdir(parents=True)
    (place / "manifest.csv").write_text("name,decision\n0.png,keep\n1.png,reject\n", "utf-8")
    found = open_dataset(sets, registry)
    assert len(found) == 9 and "manifest 0001" in found.description


def test_info_tells_of_each_part_and_of_all(sets: str, registry: Registry) -> None:
    found = describe(sets, registry=registry)
    assert (found.images, found.labelled) == (10, 3)
    assert [(part.images, part.labelled) for part in found.parts] == [(6, 2), (4, 1)]
    assert found.labels["pink hair"] == 1 and found.labels["red hair"] == 1
    assert found.copies == 4  # of the other set
    json.dumps(found.facts())


def test_an_evaluation_takes_joined_images(sets: str, registry: Registry) -> None:
    found = open_images(sets, None, registry)
    assert len(found) == 10 and found.labels is not None
    assert found.labels[6].sum() == 2


def drawn(job: object, steps: int) -> list[int]:
    """How often images of each set are drawn in some steps, by their first pixel's place."""
    loader = job.stepper().loader  # type: ignore[attr-defined]
    order = torch.cat([loader.sampler.indices(step) for step in range(1, steps + 1)])
    return torch.bincount(order, minlength=10).tolist()


def test_weights_say_how_often_images_are_drawn(sets: str, registry: Registry) -> None:
    first, second = sets.split("+")
    values = {"data": f"{first}*0.5+{second}*2", "size": 32, "batch_size": 11, "g_channels": 4}
    job = new_job(TrainRequest("gan", values, registry))
    assert job.images == 11  # 3 of 6 images, and 8 of 4
    assert drawn(job, 4) == [2] * 6 + [8] * 4
    config = job.config()["data"]
    assert config["fingerprint"] != job.pack.fingerprint
    assert config["name"] == "faces-extra" and "*0.5: 6 images" in config["description"]


def test_balance_beside_weights_is_refused(sets: str, registry: Registry) -> None:
    with pytest.raises(UnusableError, match="both say how often"):
        new_job(TrainRequest("gan", {"data": f"{sets}*2", "size": 32, "balance": True}, registry))


def test_pictures_without_labels_are_counted_set_by_set(sets: str, registry: Registry) -> None:
    job = new_job(TrainRequest("acgan", {"data": sets, "size": 32}, registry))
    assert [words.rpartition("/")[2] for words in job.warnings if "no labels" in words] == [
        "faces: 4 of 6 images have no labels",
        "extra: 3 of 4 images have no labels",
    ]


def test_a_run_on_joined_data_resumes_exactly_wherever_they_moved_and_on_no_others(
    sets: str, tiny: Callable[..., Run], tmp_path: Path
) -> None:
    values = {"size": 32, "batch_size": 4}
    straight = tiny(data=f"{sets}*2", steps=3, **values)
    cut = tiny(data=f"{sets}*2", steps=2, **values)
    for other in (sets, f"{sets}*3", "+".join(reversed(sets.split("+")))):
        with pytest.raises(UnusableError, match="changed since run"):
            tiny(resume=cut.path, data=other, steps=3)
    shutil.move(tmp_path / "faces", tmp_path / "moved")
    tiny(resume=cut.path, data=[tmp_path / "moved", f"{tmp_path}/extra*2"], steps=3)
    ours, theirs = (newest_sound(run.path) / "model.safetensors" for run in (straight, cut))
    assert torch_equal(ours, theirs)


def torch_equal(first: Path, second: Path) -> bool:
    from safetensors.torch import load_file

    ours, theirs = load_file(first), load_file(second)
    return all(torch.equal(ours[key], theirs[key]) for key in ours)


def test_joined_sets_are_cleaned_one_by_one(sets: str) -> None:
    with pytest.raises(UsageError, match="each is cleaned by itself") as found:
        survey(Path(sets))
    assert str(found.value.hint).count("animekit clean ") == 2
