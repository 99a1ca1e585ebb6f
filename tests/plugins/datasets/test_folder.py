"""Folders of images: what counts as one, and where labels come from."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from animekit.data.dataset import seen
from animekit.data.joined import open_dataset
from animekit.data.pack import pack
from animekit.errors import DataError
from animekit.images.decode import ImageError
from animekit.plugins import Registry
from animekit_plugins.datasets.folder import Folder
from tests.support import fill, names, picture, reasons, words


def test_images_are_found_at_any_depth_in_a_fixed_order(tmp_path: Path) -> None:
    fill(tmp_path, "b.PNG", "a/x.jpg", "a/b/y.gif", "c.webp", "d.bmp", "e.jpeg")
    dataset = Folder(str(tmp_path))
    assert names(dataset) == ["a/b/y.gif", "a/x.jpg", "b.PNG", "c.webp", "d.bmp", "e.jpeg"]
    assert dataset.description == "6 images in 3 folders"
    assert dataset.spec(32).labels == ()


def test_hidden_files_and_our_own_notes_are_not_looked_at(tmp_path: Path) -> None:
    fill(tmp_path, "a.png", ".b.png", ".animekit/clean/0001/sheets/s.png", "._a.png", "x/.y/z.png")
    (tmp_path / "Thumbs.db").write_bytes(b"\xd0\xcf")
    assert names(Folder(str(tmp_path))) == ["a.png"]
    assert Folder(str(tmp_path)).skipped == []


def test_a_folder_named_like_an_image_is_a_folder(tmp_path: Path) -> None:
    fill(tmp_path, "x.jpg/inside.png", "b.png")
    assert names(Folder(str(tmp_path))) == ["b.png", "x.jpg/inside.png"]


def test_names_need_not_be_ascii_nor_utf8(tmp_path: Path) -> None:
    fill(tmp_path / "faces", "顔 with space.png", os.fsdecode(b"\xff\xfe.png"))
    dataset = Folder(str(tmp_path / "faces"))
    store = pack(dataset, 4, folder=tmp_path / "packs")
    assert store.names == names(dataset)
    assert pack(dataset, 4, folder=tmp_path / "packs").names == names(dataset)


def test_files_without_extension_are_known_by_their_first_bytes(tmp_path: Path) -> None:
    fill(tmp_path, "image", "sub/photo")
    (tmp_path / "README").write_text("words")
    (tmp_path / "photo.tiff").write_bytes(b"II*\0")
    dataset = Folder(str(tmp_path))
    assert names(dataset) == ["image", "sub/photo"]
    assert reasons(dataset) == {"photo.tiff": ".tiff is not a format that animekit reads"}


def test_links_are_followed_but_never_round_in_circles(tmp_path: Path) -> None:
    real = fill(tmp_path / "real", "a.png", "b.png")
    folder = fill(tmp_path / "faces", "own.png")
    (folder / "file.png").symlink_to(real / "a.png")
    (folder / "gone.png").symlink_to(tmp_path / "nowhere.png")
    (folder / "more").symlink_to(real)
    (folder / "again").symlink_to(real)
    (folder / "self").symlink_to(folder)
    (real / "back").symlink_to(folder)
    dataset = Folder(str(folder))
    assert names(dataset) == ["again/a.png", "again/b.png", "file.png", "own.png"]
    assert reasons(dataset) == {"gone.png": "a link to nothing"}


def test_what_is_not_a_regular_file_is_never_opened(tmp_path: Path) -> None:
    fill(tmp_path, "a.png")
    os.mkfifo(tmp_path / "pipe.png")  # opening it would wait for ever
    assert reasons(Folder(str(tmp_path))) == {"pipe.png": "not a regular file"}


def test_a_folder_without_images_says_what_was_seen(tmp_path: Path) -> None:
    for name in ("a.txt", "b.txt", "c.csv", "README", "d.tiff"):
        (tmp_path / name).write_text("words")
    with pytest.raises(DataError) as caught:
        Folder(str(tmp_path))
    assert caught.value.message == (
        f"no images in {tmp_path}: found 2 .txt, 1 without extension, 1 .csv, 1 .tiff;"
        " left out: 1 (.tiff is not a format that animekit reads)"
    )
    assert f"magick mogrify -format png {tmp_path}/*.tiff" in str(caught.value.hint)
    (tmp_path / "d.tiff").unlink()
    with pytest.raises(DataError) as caught:
        Folder(str(tmp_path))
    assert "looked for .png .jpg" in str(caught.value.hint)
    assert caught.value.exit_code == 4


def test_seen_counts_the_commonest_kinds_and_ends_somewhere() -> None:
    assert seen([]) == "0 files"
    assert seen([f"a.{letter}" for letter in "abcdefghij"]).endswith(", 2 other kinds")


def test_an_image_that_cannot_be_decoded_raises_where_it_is_read(tmp_path: Path) -> None:
    fill(tmp_path, "a.png")
    (tmp_path / "b.png").write_bytes(picture()[:40])
    dataset = Folder(str(tmp_path))
    with pytest.raises(ImageError, match=r"^b\.png: "):
        dataset[1]


def test_tags_in_the_folder_beside_it_or_given_label_the_images(tmp_path: Path) -> None:
    folder = fill(tmp_path / "set" / "images", "0.png", "1.png", "2.png")
    tags = tmp_path / "set" / "tags.csv"
    tags.write_text("0,aqua hair red eyes\n2,pink hair\n")
    given = tmp_path / "other.csv"
    given.write_text("1,green hair\n")
    for where in (folder, folder.parent):
        dataset = Folder(str(where))
        assert [words(dataset, i) for i in range(3)] == [
            ["aqua hair", "red eyes"],
            [],
            ["pink hair"],
        ]
        assert dataset.description == "3 images in 1 folder, 2 with tags"
        assert dataset.spec(8).groups == (12, 11)
    assert words(Folder(str(folder), tags=given), 1) == ["green hair"]


def test_unknown_labels_are_masked_in_the_store(tmp_path: Path) -> None:
    folder = fill(tmp_path / "faces", "0.png", "1.png", "2.png")
    (folder / "1.png").write_bytes(b"broken")
    (folder / "tags.csv").write_text("1,red hair red eyes\n2,pink hair\n")
    store = pack(Folder(str(folder)), 4, folder=tmp_path / "packs")
    assert store.names == ["0.png", "2.png"]
    assert store.labels is not None
    assert store.mask is not None
    assert store.labels.sum(1).tolist() == [0, 1]
    assert store.labels[1, store.spec.labels.index("pink hair")] == 1
    assert store.mask.tolist() == [[0] * 23, [1] * 12 + [0] * 11]


def test_tags_below_speak_only_of_the_images_at_their_side(tmp_path: Path) -> None:
    fill(tmp_path, "a/0.png", "a/images/1.png", "b/0.png")
    (tmp_path / "a" / "tags.csv").write_text("0,red hair\n1,blue hair\n")
    dataset = Folder(str(tmp_path))
    assert [words(dataset, i) for i in range(3)] == [["red hair"], ["blue hair"], []]
    (tmp_path / "b" / "tags.csv").write_text("0,pink hair\n")
    assert Folder(str(tmp_path)).spec(8).labels == ()


def test_images_of_one_stem_are_all_kept_and_a_path_in_the_tags_tells_them_apart(
    tmp_path: Path,
) -> None:
    fill(tmp_path, "1.png", "1.jpg", "x/1.png")
    (tmp_path / "tags.csv").write_text("1.jpg,red hair\n1.png,pink hair\nx/1.png,blue hair\n")
    dataset = Folder(str(tmp_path))
    assert names(dataset) == ["1.jpg", "1.png", "x/1.png"]
    assert [words(dataset, i) for i in range(3)] == [["red hair"], ["pink hair"], ["blue hair"]]


def test_tags_given_for_other_images_are_an_error_and_found_ones_are_said(
    tmp_path: Path,
) -> None:
    folder = fill(tmp_path / "faces", "0.png")
    tags = tmp_path / "tags.csv"
    tags.write_text("77,red hair\n")
    dataset = Folder(str(folder))
    assert dataset.spec(8).labels == ()
    assert dataset.description.startswith("1 image in 1 folder (tags.csv is not used: ")
    assert "no row for any of the 1 images" in dataset.description
    with pytest.raises(DataError, match="has no row for any of the 1 images"):
        Folder(str(folder), tags=tags)


def test_a_found_tags_file_that_cannot_be_read_is_named_and_stops_nothing(tmp_path: Path) -> None:
    fill(tmp_path, "0.png")
    (tmp_path / "tags.csv").write_bytes(b"\xff\xfe\0\0")
    dataset = Folder(str(tmp_path))
    assert dataset.spec(8).labels == ()
    assert "tags.csv is not used" in dataset.description


def test_class_folders_are_labels(tmp_path: Path) -> None:
    fill(tmp_path, "cat/0.png", "cat/1.png", "dog/0.png")
    dataset = Folder(str(tmp_path))
    assert [words(dataset, i) for i in range(3)] == [["cat"], ["cat"], ["dog"]]
    assert dataset.spec(8).groups == (2,)
    assert dataset.description == "3 images in 2 folders, 2 classes: cat dog"


def test_many_numbered_folders_are_no_classes(tmp_path: Path) -> None:
    fill(tmp_path, *(f"{number:03d}/a.png" for number in range(101)))
    assert Folder(str(tmp_path)).spec(8).labels == ()
    assert "numbered folders, no classes" in Folder(str(tmp_path)).description
    (tmp_path / "100").rename(tmp_path / "x100")
    assert len(Folder(str(tmp_path)).spec(8).labels) == 101


@pytest.mark.parametrize("extra", ["top.png", "cat/deep/2.png"])
def test_folders_are_no_classes_if_an_image_lies_elsewhere(tmp_path: Path, extra: str) -> None:
    fill(tmp_path, "cat/0.png", "dog/0.png", extra)
    assert Folder(str(tmp_path)).spec(8).labels == ()


def test_a_table_with_named_columns_labels_the_images(tmp_path: Path) -> None:
    folder = fill(tmp_path / "faces", "0.png", "1.png", "2.png")
    table = tmp_path / "table.csv"
    table.write_text("file,hair style,smile\n0.png,long,1\n1,short,\n9.png,long,0\n")
    dataset = Folder(str(folder), tags=table)
    assert dataset.description == (
        "3 images in 1 folder, 2 with labels (table: hair style 2, 1 yes or no)"
    )
    assert dataset.spec(8).labels == ("long hair", "short hair", "smile")
    assert dataset.spec(8).groups == (2, 1)
    assert [words(dataset, i) for i in range(3)] == [["long hair", "smile"], ["short hair"], []]
    mask = dataset.mask_of(1)
    assert mask is not None and mask.tolist() == [1, 1, 0]
    plain = Folder(str(folder)).fingerprint()
    assert dataset.fingerprint() != plain
    table.write_text("file,smile\n9.png,1\n")
    with pytest.raises(DataError, match="has no row for any of the 3 images"):
        Folder(str(folder), tags=table)


def test_a_found_table_that_is_malformed_is_named_and_stops_nothing(tmp_path: Path) -> None:
    fill(tmp_path, "0.png")
    (tmp_path / "tags.csv").write_text("file,smile\n0.png,perhaps\n0.png,1\n")
    description = Folder(str(tmp_path)).description
    assert "tags.csv is not used: " in description
    assert 'id "0.png" was already given in row 2' in description


@pytest.mark.data
def test_the_faces_of_celeba_open_with_their_forty_attributes(shared_data: Path) -> None:
    folder = shared_data / "celeba"
    faces = Folder(str(folder / "images"), tags=folder / "list_attr_celeba.txt")
    assert faces.spec(64).groups == (1,) * 40
    assert "3,000 with labels (CelebA's list: 40 yes or no)" in faces.description
    assert "Smiling" in words(faces, names(faces).index("000001.jpg"))


@pytest.mark.data
def test_the_course_data_opens_with_its_labels(shared_data: Path) -> None:
    extra = Folder(str(shared_data / "mlds_extra"))
    assert extra.description == "13,000 images in 1 folder, 12,998 with tags"
    index = names(extra).index("images/0.jpg")
    assert words(extra, index) == ["aqua hair", "aqua eyes"]
    faces = Folder(str(shared_data / "mlds_faces"))
    assert len(faces) == 12_012
    tags = shared_data / "mlds_faces" / "train_tag_dict.txt"
    tagged = Folder(str(shared_data / "mlds_faces" / "faces"), tags=tags)
    assert tagged.spec(64).groups == (12, 11)


# what a cleaning decided


def decide(folder: Path, rows: str, number: str = "0001") -> Path:
    """Write a manifest as a person may make it."""
    path = folder / ".animekit" / "clean" / number / "manifest.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"name,decision\n{rows}", encoding="utf-8")
    return path


def test_the_newest_manifest_says_which_images_are_used(tmp_path: Path) -> None:
    folder = fill(tmp_path / "faces", "a.png", "b.png", "c/d.png", "e.png")
    everything = Folder(str(folder))
    decide(folder, "a.png,reject\n")
    decide(folder, "a.png,keep\nb.png,reject\nc/d.png,review\ngone.png,keep\n", "0002")
    cleaned = Folder(str(folder))
    assert names(cleaned) == ["a.png", "e.png"]
    assert cleaned.description == "2 images in 1 folder (manifest 0002: 1 of 4 kept, 1 newer)"
    assert cleaned.fingerprint() != everything.fingerprint()
    assert pack(cleaned, 4, folder=tmp_path / "packs").names == ["a.png", "e.png"]


def test_an_edit_by_hand_counts_at_once(tmp_path: Path) -> None:
    folder = fill(tmp_path / "faces", "a.png", "b.png")
    path = decide(folder, "a.png,keep\nb.png,review\n")
    before = Folder(str(folder))
    path.write_text("\ufeffname;decision\r\na.png; Keep\r\nb.png;KEEP \r\n", encoding="utf-8")
    after = Folder(str(folder))
    assert (names(before), names(after)) == (["a.png"], ["a.png", "b.png"])
    assert after.description == "2 images in 1 folder (manifest 0001: 2 of 2 kept)"
    assert before.fingerprint() != after.fingerprint()


def test_raw_data_are_the_folder_as_if_it_was_never_cleaned(
    tmp_path: Path, registry: Registry
) -> None:
    fill(tmp_path, "a.png", "b.png")
    decide(tmp_path, "a.png,keep\nb.png,reject\n")
    cleaned, raw = (open_dataset(f"{kind}{tmp_path}", registry) for kind in ("", "raw:"))
    assert (names(cleaned), names(raw)) == (["a.png"], ["a.png", "b.png"])
    assert raw.description == "2 images in 1 folder (raw: no manifest counts)"
    assert raw.fingerprint() != cleaned.fingerprint()


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("a.png,keep\nb.png,kep\n", r"row 3 \(b.png\): unknown decision \"kep\""),
        ("a.png,keep\na.png,reject\n", "row 3: a.png is already in row 2"),
        ("../a.png,keep\n", "row 2: .* leads out of the folder"),
    ],
)
def test_a_damaged_manifest_is_an_error_that_names_the_row(
    tmp_path: Path, rows: str, message: str
) -> None:
    folder = fill(tmp_path / "faces", "a.png", "b.png")
    decide(folder, rows)
    with pytest.raises(DataError, match=message):
        Folder(str(folder))


def test_a_manifest_that_keeps_nothing_says_so(tmp_path: Path) -> None:
    folder = fill(tmp_path / "faces", "a.png", "b.png")
    decide(folder, "a.png,reject\nb.png,review\n")
    with pytest.raises(DataError, match="keeps none of the 2 images"):
        Folder(str(folder))


def test_labels_are_those_of_the_images_that_are_kept(tmp_path: Path) -> None:
    folder = fill(tmp_path / "faces", "cat/0.png", "dog/0.png", "top.png")
    decide(folder, "top.png,reject\n")
    assert Folder(str(folder)).spec(8).labels == ("cat", "dog")
