"""Packed pictures with other labels: pixels are those of the store that is there."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from animekit.data.dataset import Dataset
from animekit.data.joined import open_dataset
from animekit.data.pack import Pack, pack
from animekit.plugins import Registry
from animekit_plugins.datasets.folder import Folder
from tests.support import fill

WORDS = (None, "cats|dogs", "birds")


@pytest.fixture
def animals(tmp_path: Path) -> Path:
    """Return pictures in folders of classes, one of them damaged."""
    top = tmp_path / "animals"
    fill(top, "birds/0.png", "birds/1.png", "cats/0.png", "dogs/0.png", "dogs/1.png")
    (top / "cats" / "bad.png").write_bytes(b"\x89PNG\r\n\x1a\nno more")
    return top


def same_files(first: Pack, second: Pack) -> bool:
    return (first.folder / "images.npy").samefile(second.folder / "images.npy")


def contents(store: Pack) -> tuple[object, ...]:
    assert store.labels is not None and store.mask is not None
    arrays = (np.asarray(store.images), store.labels, store.mask)
    about = (store.names, store.skipped, store.found, store.spec, store.pixels, store.fingerprint)
    return (*(each.tobytes() for each in arrays), *about)


@pytest.mark.parametrize("joined", [False, True])
def test_other_labels_take_the_pixels_that_are_there(
    animals: Path, tmp_path: Path, registry: Registry, joined: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    where = f"{animals}+synthetic:3" if joined else str(animals)
    sets = [open_dataset(where, registry, labels=words) for words in WORDS]
    anew = [pack(each, 16, folder=tmp_path / str(number)) for number, each in enumerate(sets)]
    first = pack(sets[0], 16, folder=tmp_path / "packs")
    with monkeypatch.context() as patched:
        for kind in (Folder, Dataset, *registry.all("dataset").values()):
            patched.setattr(kind, "__getitem__", None)
            patched.setattr(kind, "render", None)
        stores = [first, *(pack(each, 16, folder=tmp_path / "packs") for each in sets[1:])]
    assert len({each.folder for each in stores}) == 3
    assert all(same_files(first, each) and each.verify() for each in stores)
    assert [contents(each) for each in stores] == [contents(each) for each in anew]
    assert "bad.png" in stores[2].skipped[-1].name
    shutil.rmtree(first.folder)
    assert stores[1].verify()


def test_another_size_and_other_pictures_are_packed_anew(
    animals: Path, tmp_path: Path, registry: Registry
) -> None:
    first = pack(Folder(str(animals)), 16, folder=tmp_path / "packs")
    words = open_dataset(str(animals), registry, labels="birds")
    assert pack(words, 8, folder=tmp_path / "packs").images.shape[1] == 8
    (animals / "birds" / "0.png").write_bytes((animals / "cats" / "0.png").read_bytes())
    changed = open_dataset(str(animals), registry, labels="birds")
    assert not same_files(first, pack(changed, 16, folder=tmp_path / "packs"))


def damage(store: Pack, monkeypatch: pytest.MonkeyPatch) -> None:
    path = store.folder / "images.npy"
    data, state = path.read_bytes(), path.stat()
    path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))  # as a disk does it


def forget(store: Pack, monkeypatch: pytest.MonkeyPatch) -> None:
    path = store.folder / "manifest.json"
    facts = json.loads(path.read_text())
    del facts["pictures"]  # as one of before
    path.write_text(json.dumps(facts))


def forbid(store: Pack, monkeypatch: pytest.MonkeyPatch) -> None:
    def link(*_: object) -> None:
        raise OSError("no links here")

    monkeypatch.setattr(os, "link", link)


@pytest.mark.parametrize("trouble", [damage, forget, forbid])
def test_pixels_that_cannot_be_shared_are_made_again(
    animals: Path,
    tmp_path: Path,
    registry: Registry,
    trouble: object,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    words = open_dataset(str(animals), registry, labels="birds")
    anew = contents(pack(words, 16, folder=tmp_path / "anew"))
    first = pack(Folder(str(animals)), 16, folder=tmp_path / "packs")
    trouble(first, monkeypatch)  # type: ignore[operator]
    second = pack(words, 16, folder=tmp_path / "packs")
    assert not same_files(first, second)
    assert contents(second) == anew and second.verify()
