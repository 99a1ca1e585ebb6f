"""The packed store: built once, keyed by content, whole or not there."""

from __future__ import annotations

import json
import os
import shutil
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from animekit.data import seal
from animekit.data.building import STALE_SECONDS
from animekit.data.pack import Pack, pack
from animekit.errors import DataError, DeviceError
from animekit.files import cache_dir, sha256_of
from animekit.images.pixels import resize
from animekit_plugins.datasets.folder import Folder
from tests.support import fill, names, reasons


def test_a_store_holds_each_image_resized_in_order(pictures: Path, tmp_path: Path) -> None:
    dataset = Folder(str(pictures))
    calls: list[tuple[int, int]] = []
    store = pack(dataset, 16, folder=tmp_path, progress=lambda *done: calls.append(done))
    assert store.images.shape == (24, 16, 16, 3)
    assert store.names == names(dataset)
    for index in range(24):
        assert np.array_equal(store.images[index], resize(dataset[index][0], 16))
    assert calls[-1] == (24, 24)
    assert (store.found, store.skipped, len(store)) == (24, [], 24)
    assert store.verify()


def test_a_store_is_built_once_and_then_opened(pictures: Path, tmp_path: Path) -> None:
    first = pack(Folder(str(pictures)), 16, folder=tmp_path)
    built = (first.folder / "images.npy").stat().st_mtime_ns
    calls: list[int] = []
    again = pack(
        Folder(str(pictures)), 16, folder=tmp_path, progress=lambda done, _: calls.append(done)
    )
    assert again.folder == first.folder
    assert (again.folder / "images.npy").stat().st_mtime_ns == built
    assert calls == []
    assert pack(Folder(str(pictures)), 8, folder=tmp_path).folder != first.folder
    assert [item for item in tmp_path.iterdir() if item.name.startswith(".")] == []


def test_the_key_is_the_content_and_not_the_place(pictures: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(pictures, tmp_path / "elsewhere")
    original = Folder(str(pictures)).fingerprint()
    assert Folder(str(copy)).fingerprint() == original
    assert Folder(str(copy.rename(tmp_path / "moved"))).fingerprint() == original


@pytest.mark.parametrize("change", ["byte", "name", "more", "less", "tags"])
def test_any_change_of_content_changes_the_key(pictures: Path, tmp_path: Path, change: str) -> None:
    copy = shutil.copytree(pictures, tmp_path / "copy")
    original = Folder(str(copy)).fingerprint()
    file = copy / "00.png"
    if change == "byte":
        data = bytearray(file.read_bytes())
        data[-1] ^= 1
        times = file.stat()
        file.write_bytes(data)
        os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))
    elif change == "name":
        (copy / "23.png").rename(copy / "24.png")  # the order stays
    elif change == "more":
        shutil.copy(file, copy / "zz.png")
    elif change == "less":
        file.unlink()
    else:
        (copy / "tags.csv").write_text("00,red hair\n")
    assert Folder(str(copy)).fingerprint() != original


def test_bad_files_are_listed_by_a_new_store_and_by_an_old_one(tmp_path: Path) -> None:
    folder = fill(tmp_path / "faces", *(f"{i}.png" for i in range(5)))
    (folder / "1.png").write_bytes(b"")
    (folder / "3.png").write_bytes(b"<html>")
    (folder / "x.tiff").write_bytes(b"II*\0")
    for _ in range(2):
        store = pack(Folder(str(folder)), 4, folder=tmp_path / "packs")
        assert store.names == ["0.png", "2.png", "4.png"]
        assert (store.images[:, 0, 0, 0] == [0, 2, 4]).all()
        assert reasons(store) == {
            "1.png": "empty file (0 bytes)",
            "3.png": "an HTML page, not an image",
            "x.tiff": ".tiff is not a format that animekit reads",
        }
        assert store.found == 6


def test_a_folder_of_bad_files_only_is_an_error_that_says_why(tmp_path: Path) -> None:
    for index in range(3):
        (tmp_path / f"{index}.png").write_bytes(b"<html>")
    with pytest.raises(DataError, match="of 3 found, 3 an HTML page, not an image"):
        pack(Folder(str(tmp_path)), 4, folder=tmp_path / "packs")
    assert list((tmp_path / "packs").iterdir()) == []


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("images.npy", None),
        ("images.npy", b""),
        ("images.npy", -1),
        ("manifest.json", None),
        ("manifest.json", b"{"),
        ("manifest.json", b"[]"),
        ("manifest.json", b"{}"),
        ("meta.csv", -9),
        ("labels.npy", None),
        ("labels.npy", -1),
        ("mask.npy", b"junk"),
    ],
)
def test_a_damaged_store_is_built_anew(
    tmp_path: Path, name: str, content: bytes | int | None
) -> None:
    folder = fill(tmp_path / "faces", "0.png", "1.png")
    (folder / "tags.csv").write_text("0,red hair\n")
    whole = pack(Folder(str(folder)), 4, folder=tmp_path / "packs")
    expected = np.array(whole.images)
    path = whole.folder / name
    if content is None:
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:content] if isinstance(content, int) else content)
    again = pack(Folder(str(folder)), 4, folder=tmp_path / "packs")
    assert np.array_equal(again.images, expected)
    assert again.names == ["0.png", "1.png"]
    assert again.labels is not None
    assert again.labels.sum() == 1
    assert [item.name for item in (tmp_path / "packs").iterdir()] == [whole.folder.name]


def flipped(path: Path, place: int, *, unseen: bool = False) -> None:
    """Flip one bit of a file; `unseen`, as a disk does, leaves its times alone."""
    state, data = path.stat(), bytearray(path.read_bytes())
    data[place] ^= 1 << abs(place) % 8
    path.write_bytes(data)
    if unseen:
        os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))
    else:  # a clock of few digits may not tell two writes apart
        os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns + 1))


@pytest.fixture
def labelled(tmp_path: Path) -> Folder:
    folder = fill(tmp_path / "faces", *(f"{index}.png" for index in range(6)))
    (folder / "3.png").write_bytes(b"<html>")
    (folder / "tags.csv").write_text("0,red hair blue eyes\n1,green hair\n2,blue hair red eyes\n")
    return Folder(str(folder))


def content(store: Pack) -> tuple[object, ...]:
    assert store.labels is not None
    assert store.mask is not None
    arrays = (store.images.tobytes(), store.labels.tobytes(), store.mask.tobytes())
    return (*arrays, store.names, store.spec, store.skipped, store.found, store.fingerprint)


FILES = ("images.npy", "labels.npy", "mask.npy", "meta.csv", "manifest.json", "seal.json")


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("unseen", [False, True], ids=["touched", "rotten"])
def test_a_flipped_bit_of_any_file_is_seen_and_the_store_built_anew(
    labelled: Folder, tmp_path: Path, name: str, *, unseen: bool
) -> None:
    whole = pack(labelled, 8, folder=tmp_path / "packs")
    assert whole.notes == ()
    expected, path = content(whole), whole.folder / name
    size = path.stat().st_size
    for place in sorted({0, 3, size // 3, size // 2, size - 1}):
        flipped(path, place, unseen=unseen)
        assert not whole.verify()
        again = pack(labelled, 8, folder=tmp_path / "packs", verify=unseen)
        assert content(again) == expected
        assert len(again.notes) == 1
        assert "made again" in again.notes[0]
        assert again.verify()


def test_damage_that_moved_no_time_waits_for_verify(labelled: Folder, tmp_path: Path) -> None:
    whole = pack(labelled, 8, folder=tmp_path / "packs")
    flipped(whole.folder / "images.npy", -1, unseen=True)
    assert pack(labelled, 8, folder=tmp_path / "packs").notes == ()
    assert "images.npy is not what was written" in "".join(
        pack(labelled, 8, folder=tmp_path / "packs", verify=True).notes
    )


def test_a_copied_store_is_read_once_and_sealed_with_its_own_times(
    labelled: Folder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = pack(labelled, 8, folder=tmp_path / "packs")
    for file in whole.folder.iterdir():
        os.utime(file, ns=(1, 1))
    read: list[str] = []

    def counted(path: Path) -> str:
        read.append(path.name)
        return sha256_of(path)

    monkeypatch.setattr(seal, "sha256_of", counted)
    for expected in (set(FILES) - {"seal.json"}, set()):
        read.clear()
        assert pack(labelled, 8, folder=tmp_path / "packs").notes == ()
        assert set(read) == expected


@pytest.fixture
def old(labelled: Folder, tmp_path: Path) -> Pack:
    """Return a store as 0.1.0 wrote it: a hash of the pixels, and no seal."""
    store = pack(labelled, 8, folder=tmp_path / "packs")
    (store.folder / "seal.json").unlink()
    manifest = store.folder / "manifest.json"
    values = json.loads(manifest.read_text())
    del values["sealed"]
    manifest.write_text(json.dumps(values, indent=1))
    return store


def test_a_store_of_0_1_0_is_looked_through_once_and_sealed(
    old: Pack, labelled: Folder, tmp_path: Path
) -> None:
    built = (old.folder / "images.npy").stat().st_mtime_ns
    again = pack(labelled, 8, folder=tmp_path / "packs")
    assert again.notes == ()
    assert content(again) == content(old)
    assert (again.folder / "images.npy").stat().st_mtime_ns == built
    assert again.verify()


@pytest.mark.parametrize("name", FILES[:-1])
def test_damage_to_a_store_of_0_1_0_is_seen(
    old: Pack, labelled: Folder, tmp_path: Path, name: str
) -> None:
    expected, path = content(old), old.folder / name
    for place in (3, -1, -2, path.stat().st_size // 2):
        flipped(path, place)
        again = pack(labelled, 8, folder=tmp_path / "packs")
        assert content(again) == expected, place
        (old.folder / "seal.json").unlink()
        manifest = old.folder / "manifest.json"
        manifest.write_text(manifest.read_text().replace(' "sealed": true,\n', ""))


def test_a_store_that_lost_its_seal_is_built_anew(labelled: Folder, tmp_path: Path) -> None:
    store = pack(labelled, 8, folder=tmp_path / "packs")
    (store.folder / "seal.json").unlink()
    assert "its seal is gone" in pack(labelled, 8, folder=tmp_path / "packs").notes[0]


def test_another_decoder_is_named_where_new_pixels_are_not_the_old_ones(
    labelled: Folder, tmp_path: Path
) -> None:
    store = pack(labelled, 8, folder=tmp_path / "packs")
    manifest = store.folder / "manifest.json"
    manifest.write_text(manifest.read_text().replace(store.pixels, "0" * 64))
    assert "Pillow" in pack(labelled, 8, folder=tmp_path / "packs").notes[0]


def test_a_damaged_store_that_cannot_be_made_again_is_refused_with_both_reasons(
    labelled: Folder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = pack(labelled, 8, folder=tmp_path / "packs")
    flipped(store.folder / "labels.npy", -1)
    for index in (0, 1, 2, 4, 5):
        (tmp_path / "faces" / f"{index}.png").unlink()
    monkeypatch.setattr(Folder, "fingerprint", lambda self: store.fingerprint)
    with pytest.raises(DataError, match="are damaged .*labels.npy.*no usable image") as caught:
        pack(labelled, 8, folder=tmp_path / "packs")
    assert caught.value.hint


def test_a_store_of_another_version_of_the_code_is_not_used(pictures: Path, tmp_path: Path) -> None:
    store = pack(Folder(str(pictures)), 8, folder=tmp_path)
    manifest = store.folder / "manifest.json"
    values = json.loads(manifest.read_text())
    manifest.write_text(json.dumps(values | {"version": 0}))
    pack(Folder(str(pictures)), 8, folder=tmp_path)
    assert json.loads(manifest.read_text())["version"] == values["version"]


def test_what_a_killed_process_left_behind_is_removed_once_it_is_old(
    pictures: Path, tmp_path: Path
) -> None:
    old, new = tmp_path / ".tmp-old", tmp_path / ".tmp-new"
    old.mkdir()
    new.mkdir()
    before = time.time() - STALE_SECONDS - 60
    os.utime(old, (before, before))
    pack(Folder(str(pictures)), 8, folder=tmp_path)
    assert (old.exists(), new.exists()) == (False, True)


def test_two_at_once_build_the_same_store(pictures: Path, tmp_path: Path) -> None:
    stores: list[Pack] = []

    def work() -> None:
        stores.append(pack(Folder(str(pictures)), 8, folder=tmp_path))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({store.folder for store in stores}) == 1
    assert all(np.array_equal(store.images, stores[0].images) for store in stores)
    assert len(list(tmp_path.iterdir())) == 1


def test_an_interrupted_build_leaves_nothing(pictures: Path, tmp_path: Path) -> None:
    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pack(Folder(str(pictures)), 8, folder=tmp_path, progress=stop)
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_one_clear_error_and_leaves_nothing(pictures: Path, tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    dataset = Folder(str(pictures))
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
    try:
        with pytest.raises(DeviceError, match="cannot write packed images") as caught:
            pack(dataset, 64, folder=tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert str(caught.value.hint).startswith("free some space, or set ANIMEKIT_HOME")
    assert list(tmp_path.iterdir()) == []


def test_a_cache_that_is_a_file_is_one_clear_error(pictures: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DeviceError, match="cannot write packed images") as caught:
        pack(Folder(str(pictures)), 8, folder=tmp_path / "file" / "packs")
    assert "space" not in str(caught.value.hint)


def test_the_cache_is_where_the_user_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ANIMEKIT_HOME", str(tmp_path / "a"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "b"))
    assert cache_dir() == tmp_path / "a"
    monkeypatch.delenv("ANIMEKIT_HOME")
    assert cache_dir() == tmp_path / "b" / "animekit"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "c"))
    linux = tmp_path / "c" / ".cache" / "animekit"
    assert cache_dir() == linux or sys.platform != "linux"


@pytest.mark.data
def test_the_folder_of_files_made_to_break_loaders_packs(
    shared_data: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    store = pack(Folder(str(shared_data / "corrupt")), 32, folder=tmp_path)
    assert len(store) == 27
    assert len(store.skipped) == 12
    assert {"no_extension", "folder_named.jpg/inside.jpg", "UPPERCASE.JPG"} <= set(store.names)
    assert not {".hidden.jpg", "._0.jpg", "Thumbs.db", "manifest.csv"} & set(store.names)
    assert capfd.readouterr() == ("", "")
