"""The manifest: written, edited by a person, read back and refused where it cannot be used."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from animekit.data import manifest
from animekit.data.manifest import (
    COLUMNS,
    clean_folder,
    kept_names,
    newest_manifest,
    numbered,
    read_manifest,
    write_manifest,
)
from animekit.errors import DataError, NotFoundError

NAMES = [
    "1.jpg",
    "007.png",
    "NA",
    "null.png",
    "a,b.png",
    'a "b".png',
    "sub/顔 with space.jpg",
    "new\nline.png",
    "carriage\rreturn.png",
    " leading.png",
    "=1+1.png",
    "bad \udcff byte.png",
]


def table(names: list[str], decision: str = "keep") -> pd.DataFrame:
    frame = pd.DataFrame({"name": names}, dtype=object)
    for column in COLUMNS[1:]:
        frame[column] = decision if column == "decision" else ""
    return frame


def written(folder: Path, text: str) -> Path:
    path = folder / "manifest.csv"
    path.write_bytes(text.encode("utf-8"))
    return path


@pytest.mark.parametrize("column", ["name", "decision", "note"])
def test_a_column_twice_is_an_error_that_names_it(tmp_path: Path, column: str) -> None:
    path = tmp_path / "manifest.csv"
    path.write_text(f"name,decision,note,{column}\na.png,keep,x,y\n")
    with pytest.raises(DataError, match=f'has 2 columns "{column}"'):
        read_manifest(path)
    path.write_text("name,decision,mine,mine,,\na.png,keep,x,y,,\n")  # columns of their own may be
    assert read_manifest(path)["decision"].tolist() == ["keep"]


def test_a_manifest_has_a_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(manifest, "MAX_BYTES", 100)
    path = tmp_path / "manifest.csv"
    path.write_text("name,decision\n" + "a.png,keep\n" * 20)
    with pytest.raises(DataError, match="has more than 0 MB"):
        read_manifest(path)
    monkeypatch.setattr(manifest, "MAX_BYTES", 10_000)
    monkeypatch.setattr(manifest, "MAX_LINE", 100)
    path.write_text("name,decision\n" + "a," * 200)
    with pytest.raises(DataError, match="line 2 has 400 letters"):
        read_manifest(path)


def test_every_name_that_a_file_can_have_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "manifest.csv"
    frame = table(NAMES)
    write_manifest(path, frame)
    assert read_manifest(path)["name"].tolist() == NAMES
    assert read_manifest(tmp_path).equals(read_manifest(path))
    assert [item.name for item in tmp_path.iterdir()] == ["manifest.csv"]


def test_the_decision_of_a_person_counts(tmp_path: Path) -> None:
    path = tmp_path / "manifest.csv"
    frame = table(["a.png", "b.png", "c.png"])
    frame["decision"] = ["keep", "review", "reject"]
    write_manifest(path, frame)
    assert kept_names(read_manifest(path)) == ["a.png"]
    text = path.read_text().replace("b.png,,,,,,review", "b.png,,,,,,keep")
    assert kept_names(read_manifest(written(tmp_path, text))) == ["a.png", "b.png"]


@pytest.mark.parametrize(
    "text",
    [
        "\ufeffname,decision\r\na.png, Keep \r\nb.png,REJECT\r\n",
        "name;decision\na.png;keep\nb.png;reject\n",
        "decision,name,mine\nkeep,a.png,x\nreject,b.png,y\n",
    ],
)
def test_what_a_spreadsheet_does_to_a_file_is_undone(tmp_path: Path, text: str) -> None:
    frame = read_manifest(written(tmp_path, text))
    assert list(frame.columns) == list(COLUMNS)
    assert frame["name"].tolist() == ["a.png", "b.png"]
    assert frame["decision"].tolist() == ["keep", "reject"]
    assert frame["sha256"].tolist() == ["", ""]


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ("a.png,kep", 'row 2 (a.png): unknown decision "kep". Did you mean "keep"?'),
        ("a.png,keep\nb.png,", 'row 3 (b.png): unknown decision ""'),
        ("a.png,keep\nb.png,keep\na.png,reject", "row 4: a.png is already in row 2"),
        ("a.png,keep\n,keep", "row 3: the name is empty"),
        ("../a.png,keep", 'row 2: "../a.png" leads out'),
        ("x/../../a.png,keep", "leads out"),
        ("/etc/passwd,keep", "leads out"),
        ("./a.png,keep", "is not how animekit writes a name: a.png"),
        ("a//b.png,keep", "is not how animekit writes a name: a/b.png"),
        ('"a\0.png",keep', "zero byte"),
    ],
)
def test_a_row_that_cannot_be_used_is_named(tmp_path: Path, rows: str, said: str) -> None:
    path = written(tmp_path, f"name,decision\n{rows}\n")
    with pytest.raises(DataError) as caught:
        read_manifest(path)
    assert said in caught.value.message
    assert "\n" not in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name,sha256\na.png,x\n", 'no column "decision"'),
        ("a.png\nb.png\n", 'no column "name"'),
        ("", 'no column "name"'),
        ('name,decision\n"a.png,keep\n', "is not a CSV file"),
        ("name,decision\na.png,keep\na,b,c,d\n", "row 3 has 4 cells, not 2"),
    ],
)
def test_what_is_no_manifest_is_refused(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(DataError, match=said):
        read_manifest(written(tmp_path, text))


def test_a_manifest_that_is_not_there_says_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError) as caught:
        read_manifest(tmp_path / "manifest.csv")
    assert "animekit clean" in str(caught.value.hint)


def test_the_newest_whole_cleaning_is_found(tmp_path: Path) -> None:
    assert newest_manifest(tmp_path) is None
    assert numbered(clean_folder(tmp_path)) == []
    for name in ("0002", "0010", "9", "0003-old", "cache"):
        (clean_folder(tmp_path) / name).mkdir(parents=True)
    write_manifest(clean_folder(tmp_path) / "0002" / "manifest.csv", table(["a.png"]))
    assert newest_manifest(tmp_path) == clean_folder(tmp_path) / "0002" / "manifest.csv"
    write_manifest(clean_folder(tmp_path) / "0010" / "manifest.csv", table(["a.png"]))
    assert newest_manifest(tmp_path) == clean_folder(tmp_path) / "0010" / "manifest.csv"
