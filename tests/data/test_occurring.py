"""Labels that no image has: left out of what a model learns, counted in what it says of itself."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from animekit.data.occurring import chosen, common, label_counts, occurring, refuse_absent
from animekit.data.pack import Pack
from animekit.data.sampler import Loader
from animekit.data.spec import ImageSpec
from animekit.errors import ConfigError, UnusableError
from animekit.evaluation.fakes import asked_labels, contender
from animekit.evaluation.image_set import ImageSet, open_images
from animekit.labels.plan import LabelPlan
from animekit.labels.tags import NAMES
from animekit.models import weights
from animekit.plugins import Registry
from animekit.runs.checkpoint import newest_sound
from animekit.runs.run import Run, load_model
from animekit.testing.tiny import tiny_dataset
from animekit.training.job import new_job
from animekit.training.request import TrainRequest
from animekit.training.resume import resumed_job
from tests.attacks import kill_runs

SEEN = ("red hair", "pink hair", "blue hair", "green eyes", "blue eyes")
TAGS = ("blue hair green eyes", "red hair blue eyes", "pink hair", "blue hair blue eyes")


@pytest.fixture
def faces(pictures: Path, tmp_path: Path) -> Path:
    """Discs of which 20 have tags, of five labels; the first colour is far the commonest."""
    folder = tmp_path / "faces"
    shutil.copytree(pictures, folder)
    rows = [f"{index:02d},{TAGS[max(0, index - 14) % 4]}" for index in range(20)]
    (folder / "tags.csv").write_text("\n".join(rows), "utf-8")
    return folder


def labelled(labels: list[list[int]], groups: tuple[int, ...], mask: object = None) -> Pack:
    """A pack of tiny images with these labels, named a, b, c and so on."""
    plain = tiny_dataset(len(labels)).pack(16)
    values = np.array(labels, np.uint8)
    known = np.ones_like(values) if mask is None else np.array(mask, np.uint8)
    names = tuple("abcdefgh"[: values.shape[1]])
    return replace(plain, spec=ImageSpec(16, 3, names, groups), labels=values, mask=known)


def test_values_that_no_image_has_are_dropped_from_names_groups_and_columns() -> None:
    pack = labelled([[1, 0, 0, 0, 1, 0], [0, 0, 1, 1, 0, 0]], (3, 2, 1), [[1] * 6, [1] * 5 + [0]])
    found, words = occurring(pack)
    assert found.spec.labels == ("a", "c", "d", "e", "f")
    assert found.spec.groups == (2, 2, 1)
    assert found.labels is not None and found.mask is not None
    assert found.labels.tolist() == [[1, 0, 0, 1, 0], [0, 1, 1, 0, 0]]
    assert found.mask.tolist() == [[1] * 5, [1] * 4 + [0]]
    assert words == ["5 of 6 labels occur; not in the data: b"]
    assert found.images is pack.images


def test_an_attribute_without_a_choice_is_dropped_with_a_word_and_a_yes_or_no_stays() -> None:
    found, words = occurring(labelled([[1, 0, 0, 0, 0, 1]] * 3, (2, 2, 1, 1)))
    assert (found.spec.labels, found.spec.groups) == (("e", "f"), (1, 1))
    assert words[0] == "3 of 6 labels occur; not in the data: b, c, d"
    assert words[1].startswith('"a" is left out: it is the only one of 2 values that occurs')


def test_labels_that_all_occur_are_left_as_they_are() -> None:
    pack = labelled([[1, 0], [0, 1]], (2,))
    assert occurring(pack) == (pack, [])


def test_labels_that_tell_nothing_apart_cannot_be_learned() -> None:
    with pytest.raises(UnusableError, match="do not tell the images apart"):
        occurring(labelled([[1, 0]] * 3, (2,)))


def test_labels_are_chosen_by_name_in_the_order_of_the_pack() -> None:
    found = chosen(labelled([[1, 0, 0, 1]], (2, 2)), ["d", "a"])
    assert (found.spec.labels, found.spec.groups) == (("a", "d"), (1, 1))
    assert found.labels is not None and found.labels.tolist() == [[1, 1]]


def test_counts_are_of_the_images_that_are_used() -> None:
    pack = labelled([[1, 0, 1], [0, 1, 0], [0, 1, 0]], (2, 1), [[1] * 3, [1] * 3, [1, 1, 0]])
    assert label_counts(pack) == {
        "label_counts": {"a": 1, "b": 2, "c": 1},
        "label_known": {"a": 3, "b": 3, "c": 2},
    }
    assert label_counts(pack, np.array([1, 2]))["label_counts"] == {"a": 0, "b": 2, "c": 0}
    assert label_counts(tiny_dataset(2).pack(16)) != label_counts(replace(pack, labels=None))


def test_a_conditional_model_learns_the_labels_that_occur_and_says_which(
    tiny: Callable[..., Run], faces: Path, registry: Registry
) -> None:
    made = new_job(TrainRequest("cwgangp", {"data": str(faces), "size": 32}, registry))
    assert made.spec.labels == SEEN
    assert made.warnings[0].startswith("5 of 23 labels occur; not in the data: orange hair, ")
    assert made.stepper().loader.batch(1).labels.shape[1] == 5
    run = tiny("cwgangp", data=faces, steps=1)
    data = run.config["data"]
    assert data["label_counts"] == dict(zip(SEEN, (2, 1, 17, 16, 3), strict=True))
    assert data["label_known"]["red hair"] == 20
    about = weights.read(newest_sound(run.path) / "ema.safetensors")[1]
    assert about["data"]["label_counts"] == data["label_counts"]
    assert about["data"]["held_out"] == 0


def test_a_tagger_keeps_all_labels(faces: Path, registry: Registry) -> None:
    made = new_job(TrainRequest("tagger", {"data": str(faces), "size": 32, "threads": 1}, registry))
    assert made.spec.labels == NAMES
    assert made.warnings == []


@pytest.mark.parametrize("values", [{}, {"balance": True, "holdout": 0.2}])
def test_a_run_on_some_of_the_labels_resumes_exactly(
    tiny: Callable[..., Run], faces: Path, values: dict[str, object]
) -> None:
    straight = tiny("cwgangp", data=faces, steps=3, **values)
    cut = tiny("cwgangp", data=faces, steps=1, **values)
    tiny("cwgangp", resume=cut.path, steps=3)
    assert kill_runs.differences(straight, cut) == []


def test_a_run_that_began_with_all_labels_goes_on_with_all(
    tiny: Callable[..., Run], faces: Path, registry: Registry
) -> None:
    run = tiny("cwgangp", data=faces, steps=1)
    config = run.config
    config["spec"] |= {"labels": list(NAMES), "groups": [12, 11]}
    (run.path / "config.json").write_text(json.dumps(config), "utf-8")
    made = resumed_job(Run(run.path), TrainRequest("cwgangp", {}, registry))
    assert (made.spec.labels, made.spec.groups) == (NAMES, (12, 11))


def test_balance_is_refused_where_nothing_is_labelled(pictures: Path, registry: Registry) -> None:
    with pytest.raises(UnusableError, match="balance needs labels"):
        new_job(TrainRequest("gan", {"data": str(pictures), "size": 32, "balance": True}, registry))
    made = new_job(TrainRequest("gan", {"data": str(pictures), "size": 32}, registry))
    assert isinstance(made.stepper().loader, Loader)
    assert not issubclass(UnusableError, ConfigError)


def test_a_model_is_asked_for_what_the_data_have_by_the_names_of_its_labels(
    tiny: Callable[..., Run], faces: Path, registry: Registry
) -> None:
    model = contender(load_model(tiny("cwgangp", data=faces, steps=1), registry), registry)
    rows = np.zeros((3, 23), np.uint8)
    rows[:, NAMES.index("pink hair")] = 1
    rows[:2, NAMES.index("gray eyes")] = 1  # which the model does not know
    rows[2, NAMES.index("green eyes")] = 1
    images = ImageSet("real", np.zeros((3, 32, 32, 3), np.uint8), rows)
    table = model.draw(60, 0, lambda done, total: None, asked_labels(images))[1]
    assert table is not None
    labels = table.columns(NAMES)
    assert labels is not None
    assert labels[:, NAMES.index("pink hair")].all()
    eyes = labels[:, 12:].sum(0)
    assert eyes[NAMES.index("green eyes") - 12] > eyes[NAMES.index("blue eyes") - 12] > 0
    assert (labels[:, 12:].sum(1) == 1).all()
    given = asked_labels(open_images(str(faces), None, registry))
    assert given is not None
    assert given.names == NAMES
    assert len(given.labels) == 20


def test_labels_on_too_few_images_are_left_out_and_unknown_there() -> None:
    rows = [[1, 0, 0, 1], [1, 0, 0, 1], [0, 1, 0, 0], [0, 1, 0, 0], [0, 0, 1, 1]]
    found, words = common(labelled(rows, (3, 1)), 2)
    assert found.spec.labels == ("a", "b", "d") and found.spec.groups == (2, 1)
    assert found.mask is not None
    assert found.mask.tolist() == [[1, 1, 1]] * 4 + [[0, 0, 1]]  # it had c, which nobody learns
    assert words == ["left out, on fewer than 2 images or alone of its kind: c (1)"]
    whole = labelled(rows, (3, 1))
    assert common(whole, 0) == (whole, []) and common(whole, 1) == (whole, [])
    alone, words = common(labelled([[1, 0, 1], [1, 0, 1], [0, 1, 1]], (2, 1)), 2)
    assert alone.spec.labels == ("c",) and "b (1), a (2)" in words[0]
    with pytest.raises(UnusableError, match="no label is on 9 images or more.*on 3"):
        common(whole, 9)


def test_a_word_that_no_image_has_is_told_with_the_nearest_that_is_said() -> None:
    pack = labelled([[1, 0, 0], [1, 0, 0]], (1, 2))
    plan = LabelPlan.parse("smile,shrot hair|hat")
    with pytest.raises(UnusableError) as caught:
        refuse_absent(pack, plan, {"short hair": 1403, "smile": 2, "bow": 1})
    assert caught.value.message.startswith(
        'no picture has the label "shrot hair". Did you mean "short hair"? (1,403 pictures)'
    )
    assert '"hat"' in caught.value.message and caught.value.exit_code == 4
    refuse_absent(labelled([[1]], (1,)), LabelPlan.parse("smile"), {})
