"""Labels of a folder: every row is used, or counted and explained, and nothing is guessed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from animekit.data.joined import open_dataset
from animekit.errors import AnimekitError, DataError, NotFoundError
from animekit.labels.ids import LabelUse
from animekit.plugins import Registry
from animekit_plugins.datasets.folder import Folder
from tests.support import fill, names, picture, words, zipped


def shown(dataset: Folder) -> dict[str, list[str]]:
    return {dataset.name_of(i): words(dataset, i) for i in range(len(dataset))}


def told(dataset: Folder) -> LabelUse:
    assert dataset.label_use is not None
    return dataset.label_use


# the cases of 0.1.0


def test_an_index_column_does_not_shift_labels_to_other_pictures(tmp_path: Path) -> None:
    fill(tmp_path, "0.png", "1.png", "2.png")
    tags = tmp_path / "tags.csv"
    tags.write_text("0,2.png,blonde hair\n1,0.png,brown hair\n2,1.png,purple hair\n")
    right = {"0.png": ["brown hair"], "1.png": ["purple hair"], "2.png": ["blonde hair"]}
    assert shown(Folder(str(tmp_path))) == right
    assert "pictures named in column 2" in Folder(str(tmp_path)).description
    tags.write_text(",file,hair\n0,2.png,blonde\n1,0.png,brown\n2,1.png,purple\n")
    assert shown(Folder(str(tmp_path))) == right
    tags.write_text("0,2,blonde hair\n1,0,brown hair\n2,1,purple hair\n")
    assert shown(Folder(str(tmp_path))) == {name: [] for name in right}
    assert "may both be the picture's id" in Folder(str(tmp_path)).description
    with pytest.raises(DataError, match="may both be the picture's id"):
        Folder(str(tmp_path), tags=tags)


def test_one_row_never_labels_two_pictures(tmp_path: Path) -> None:
    fill(tmp_path, "a/0.png", "b/0.png", "b/1.png")
    tags = tmp_path / "tags.csv"
    tags.write_text("0,red hair\n1,blue hair\n")
    dataset = Folder(str(tmp_path))
    assert dataset.spec(8).labels == ()  # nor are the folders classes, since there is a file
    assert 'row 1: "0" may be a/0.png or b/0.png' in dataset.description
    with pytest.raises(DataError) as caught:
        Folder(str(tmp_path), tags=tags)
    assert caught.value.hint == 'write the path: "a/0.png" for the one, "b/0.png" for the other'
    tags.write_text("b/0,red hair\n1,blue hair\n")
    assert shown(Folder(str(tmp_path))) == {
        "a/0.png": [],
        "b/0.png": ["red hair"],
        "b/1.png": ["blue hair"],
    }


def test_one_id_with_other_labels_is_refused_and_with_the_same_counted(tmp_path: Path) -> None:
    fill(tmp_path, "0.png", "1.png")
    tags = tmp_path / "tags.csv"
    tags.write_text("0,red hair\n1,red hair\n0,blue hair\n")
    assert Folder(str(tmp_path)).spec(8).labels == ()
    with pytest.raises(DataError, match=r'tags\.csv, row 3: id "0" was already given in row 1'):
        Folder(str(tmp_path), tags=tags)
    tags.write_text("0,red hair\n1,red hair\n0,red_hair\n")
    use = told(Folder(str(tmp_path)))
    assert (use.rows, use.used, use.doubled.count) == (3, 2, 1)
    tags.write_text("{0: 'red hair', 0: 'blue hair'}")
    with pytest.raises(DataError, match=r'row 2: id "0" was already given in row 1, with other'):
        Folder(str(tmp_path), tags=tags)


@pytest.mark.parametrize(
    ("id", "name"),
    [
        ("007", "7.png"),
        ("7", "007.png"),
        ("0.png", "0.jpg"),
        ("/elsewhere/a.png", "b.png"),
        ("x\\y.png", "b.png"),
    ],
)
def test_a_file_of_which_no_row_matches_is_said_and_alike_when_given(
    tmp_path: Path, id: str, name: str
) -> None:
    folder = fill(tmp_path / "set", name)
    for tags in (folder / "tags.csv", tmp_path / "tags.csv"):
        tags.write_text(f"{id},red hair\n")
        description = Folder(str(folder)).description
        assert "(tags.csv is not used: " in description
        assert "has no row for any of the 1 images" in description
        assert f'row 1: "{id}"' in description
        with pytest.raises(DataError, match="has no row for any of the 1 images") as caught:
            Folder(str(folder), tags=tags)
        assert name in str(caught.value.hint)
        tags.unlink()


def test_paths_of_other_systems_and_places_are_matched_and_counted(tmp_path: Path) -> None:
    folder = fill(tmp_path / "set", "a/0.png", "a/1.png", "a/2.png", "3.png")
    rows = f"C:\\pics\\a\\0.png,red hair\n{folder}/a/1.png,blue hair\na\\2,pink hair\n"
    rows += "x/3.png,aqua hair\na/9.png,red hair\n3,long hair\n"
    (folder / "tags.csv").write_text(rows)
    dataset = Folder(str(folder))
    assert shown(dataset) == {
        "3.png": ["aqua hair"],
        "a/0.png": ["red hair"],
        "a/1.png": ["blue hair"],
        "a/2.png": ["pink hair"],
    }
    use = told(dataset)
    assert use.ways == {"path": 2, "end of a path": 1, "file name alone": 1}
    assert (use.rows, use.used, use.unmatched.count, use.skipped.count) == (6, 4, 1, 1)
    assert use.unmatched.first == ['row 5: "a/9.png"']


def test_a_path_of_a_file_that_is_there_labels_no_other(tmp_path: Path) -> None:
    fill(tmp_path, "train/0.png", "test/0.png", "test/1.png")
    tags = tmp_path / "tags.csv"
    tags.write_text("train/0.png,red hair\ntest/1.png,blue hair\n")
    dataset = Folder(str(tmp_path / "test"), tags=tags)
    assert shown(dataset) == {"0.png": [], "1.png": ["blue hair"]}


def test_messages_name_the_file_in_an_archive_and_never_a_temporary_one(tmp_path: Path) -> None:
    members = {"set/0.png": picture(), "set/tags.csv": b"0,red hair\n0,blue hair\n"}
    path = zipped(tmp_path / "set.zip", members)
    description = Folder(str(path)).description
    assert f"{path}/set/tags.csv, row 2" in description
    members["set/tags.csv"] = b"\n" * (80 << 20)
    assert "larger than" in Folder(str(zipped(tmp_path / "bomb.zip", members))).skipped[0].reason
    members["set/tags.csv"] = b"\n" * (8 << 20)
    many = Folder(str(zipped(tmp_path / "many.zip", members)))
    assert "no label file is so large" in many.description


# what people have


def test_captions_beside_the_pictures_are_labels(tmp_path: Path) -> None:
    fill(tmp_path, "a/0.png", "b/0.png", "b/1.png")
    (tmp_path / "a" / "0.txt").write_text("1girl, blue_hair, red_eyes")
    (tmp_path / "b" / "0.txt").write_text("green_hair")
    dataset = Folder(str(tmp_path))
    assert shown(dataset) == {
        "a/0.png": ["blue hair", "red eyes"],
        "b/0.png": ["green hair"],
        "b/1.png": [],
    }
    assert "2 with tags (2 .txt beside the pictures)" in dataset.description
    (tmp_path / "tags.csv").write_text("a/0,pink hair\n")
    dataset = Folder(str(tmp_path))
    assert shown(dataset)["b/0.png"] == []
    assert dataset.label_notes == ["2 .txt beside the pictures: read only without tags.csv"]


def test_captions_of_other_words_leave_class_folders_and_are_said(tmp_path: Path) -> None:
    fill(tmp_path, "cat/0.png", "dog/0.png")
    (tmp_path / "cat" / "0.txt").write_text("a cute cat")
    dataset = Folder(str(tmp_path))
    assert dataset.spec(8).labels == ("cat", "dog")
    assert "1 .txt beside the pictures is not used: no hair or eye" in dataset.description


def test_a_caption_of_two_pictures_is_refused(tmp_path: Path) -> None:
    fill(tmp_path, "0.png", "0.jpg")
    (tmp_path / "0.txt").write_text("red hair")
    assert '"0" may be 0.jpg or 0.png' in Folder(str(tmp_path)).description


def test_metadata_and_classes_of_others_are_labels(tmp_path: Path) -> None:
    folder = fill(tmp_path / "hub", "train/0.png", "train/1.png")
    rows = [{"file_name": "0.png", "text": "blue_hair"}, {"file_name": "1.png", "text": "red_eyes"}]
    (folder / "train" / "metadata.jsonl").write_text("\n".join(map(json.dumps, rows)))
    assert shown(Folder(str(folder))) == {"train/0.png": ["blue hair"], "train/1.png": ["red eyes"]}
    members = {f"0000{i}/img.png": picture(i) for i in range(3)}
    labels = {"labels": [[name, place % 2] for place, name in enumerate(members)]}
    both = {**members, "dataset.json": json.dumps(labels).encode()}
    dataset = Folder(str(zipped(tmp_path / "gan.zip", both)))
    assert "3 with labels (dataset.json: 2 classes)" in dataset.description
    assert [found[0] for found in shown(dataset).values()] == ["class 0", "class 1", "class 0"]


def test_the_shards_of_stylegan_are_no_classes_where_it_says_there_are_none(tmp_path: Path) -> None:
    members = {f"0000{i}/img.png": picture(i) for i in range(3)}
    members["dataset.json"] = b'{"labels": null}'
    dataset = Folder(str(zipped(tmp_path / "gan.zip", members)))
    assert dataset.spec(8).labels == ()
    assert "dataset.json is not used" in dataset.description


def test_a_folder_may_be_given_for_the_tags(tmp_path: Path, registry: Registry) -> None:
    folder = fill(tmp_path / "set", "0.png", "1.png")
    (tmp_path / "captions").mkdir()
    (tmp_path / "captions" / "1.txt").write_text("1girl, brown hair, green eyes")
    dataset = open_dataset(str(folder), registry, tmp_path / "captions")
    assert isinstance(dataset, Folder)
    assert shown(dataset) == {"0.png": [], "1.png": ["brown hair", "green eyes"]}
    (tmp_path / "empty").mkdir()
    with pytest.raises(NotFoundError, match="no labels in"):
        open_dataset(str(folder), registry, tmp_path / "empty")
    with pytest.raises(AnimekitError) as caught:
        open_dataset(str(folder), registry, tmp_path / "caption")
    assert 'did you mean "' in str(caught.value.hint) and '/captions"' in str(caught.value.hint)


def test_rows_of_pictures_that_a_cleaning_left_out_are_no_strangers(tmp_path: Path) -> None:
    folder = fill(tmp_path / "faces", "0.png", "1.png")
    manifest = folder / ".animekit" / "clean" / "0001" / "manifest.csv"
    manifest.parent.mkdir(parents=True)
    manifest.write_text("name,decision\n0.png,reject\n1.png,keep\n")
    (folder / "tags.csv").write_text("0,red hair\n1,blue hair\n")
    dataset = Folder(str(folder))
    assert names(dataset) == ["1.png"]
    assert dataset.description.endswith("1 with tags")
    assert told(dataset).unmatched.count == 0
