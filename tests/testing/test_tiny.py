"""The tiny data set: the same everywhere, with exact labels, and without a disk."""

from __future__ import annotations

from animekit.data.spec import ImageSpec
from animekit.testing.check import TinyFaces, tiny_dataset


def test_the_tiny_faces_are_the_same_everywhere_and_their_labels_are_exact():
    faces = tiny_dataset(40)
    assert len(faces) == 40
    assert (faces[3][0] == TinyFaces("9")[3][0]).all()
    assert not (faces[3][0] == faces[4][0]).all()
    spec = faces.spec(64)
    for index in range(40):
        image, labels = faces[index]
        names = [spec.labels[i] for i in labels.nonzero()[0]]
        assert len(names) == 2
        assert names[0].endswith("hair") and names[1].endswith("eyes")
        top, eyes = image[:20].reshape(-1, 3).astype(int), image[20:50].reshape(-1, 3).astype(int)
        for name, wanted in zip(names, ((60, 90, 210), (200, 30, 40)), strict=True):
            seen = (abs((top if "hair" in name else eyes) - wanted).sum(1) == 0).any()
            assert seen == (name in ("blue hair", "red eyes"))


def test_a_pack_of_tiny_faces_needs_no_disk():
    pack = tiny_dataset(5).pack(32)
    assert pack.images.shape == (5, 32, 32, 3)
    assert pack.images.dtype == "uint8"
    assert pack.labels.shape == pack.mask.shape == (5, 5)
    assert pack.spec == ImageSpec(32, 3, pack.spec.labels, (3, 2))
