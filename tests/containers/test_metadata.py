"""A data set folder of the Hub on disk: metadata beside pictures, in all its forms."""

from __future__ import annotations

from pathlib import Path

import pytest

from animekit_plugins.datasets.folder import Folder
from tests.containers.conftest import parquet
from tests.support import fill, words

ROWS = [
    {"file_name": f"{i}.png", "hair": ["red", "blue"][i % 2], "score": 0.5 * i, "label": i % 3}
    for i in range(6)
]


def _written(folder: Path, form: str) -> Folder:
    fill(folder, *(f"train/{i}.png" for i in range(6)))
    if form == "parquet":
        parquet(folder / "train" / "metadata.parquet", ROWS)
    elif form == "csv":
        lines = [",".join(ROWS[0]), *(",".join(map(str, row.values())) for row in ROWS)]
        (folder / "train" / "metadata.csv").write_text("\n".join(lines))
    else:
        import json

        text = "\n".join(json.dumps(row) for row in ROWS)
        (folder / "train" / "metadata.jsonl").write_text(text)
    return Folder(str(folder))


@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet"])
def test_metadata_beside_train_labels_its_pictures(tmp_path: Path, form: str) -> None:
    found = _written(tmp_path, form)
    assert sorted(found.spec(8).labels) == [
        "blue hair",
        "class 0",
        "class 1",
        "class 2",
        "red hair",
    ]
    assert words(found, 4) == ["red hair", "class 1"]
    assert "left out score (numbers)" in found.description.replace("and score", "score")


def test_all_three_forms_are_one_data_set(tmp_path: Path) -> None:
    prints = {_written(tmp_path / f, f).fingerprint() for f in ("csv", "jsonl", "parquet")}
    assert len(prints) == 1


def test_a_damaged_table_leaves_the_pictures_without_labels(tmp_path: Path) -> None:
    fill(tmp_path, "0.png")
    (tmp_path / "metadata.parquet").write_bytes(b"PAR1 and nothing")
    found = Folder(str(tmp_path))
    assert len(found) == 1
    assert "metadata.parquet is not a readable Parquet file" in found.description
