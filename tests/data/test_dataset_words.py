"""Data sets with other labels than their own."""

import numpy as np
import pytest

from animekit.data.joined import open_dataset
from animekit.data.pack import pack
from animekit.data.relabelled import Relabelled
from animekit.errors import ConfigError
from animekit.labels.plan import LabelPlan
from animekit.testing.tiny import tiny_dataset
from tests.support import fill


def test_faces_that_are_drawn_have_the_words_of_a_plan(tmp_path):
    plain = tiny_dataset(8)
    plan = LabelPlan.parse("eyes,black hair|blue hair,blonde hair")
    made = Relabelled(plain, plan)
    packed = pack(made, 16, folder=tmp_path)
    assert packed.spec.labels[2:] == ("black hair", "blue hair", "blonde hair")
    assert packed.spec.groups == (2, 2, 1)
    own = pack(plain, 16, folder=tmp_path)
    assert packed.fingerprint != own.fingerprint and np.array_equal(packed.images, own.images)
    assert packed.labels is not None and packed.mask is not None and own.labels is not None
    assert np.array_equal(packed.labels[:, :2], own.labels[:, 3:])
    assert np.array_equal(packed.labels[:, 4], own.labels[:, 1])
    blonde = own.labels[:, 1] > 0
    assert not packed.mask[blonde, 2:4].any() and packed.mask[~blonde].all()


def test_synthetic_faces_and_class_folders_take_words_too(registry, tmp_path):
    drawn = open_dataset("synthetic:4", registry, labels="smile,hair")
    assert drawn.spec(16).groups == (12, 1) and drawn.spec(16).labels[-1] == "smile"
    assert "labels hair,smile" in drawn.description
    fill(tmp_path, "cats/0.png", "dogs/1.png", "birds/2.png")
    classes = open_dataset(str(tmp_path), registry, labels="cats|dogs")
    assert classes.spec(16).labels == ("cats", "dogs")
    birds = next(i for i in range(3) if classes.name_of(i).startswith("birds"))
    known = classes.mask_of(birds)
    assert known is not None and not known.any()


def test_labels_that_cannot_be_read_are_refused_at_once(registry):
    with pytest.raises(ConfigError, match="named twice"):
        open_dataset("synthetic:4", registry, labels="smile,smile")
