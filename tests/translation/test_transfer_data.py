"""Three hundred real files, damaged ones among them: every good one done, the others listed."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

import pytest
from PIL import Image

from animekit import transfer
from animekit.errors import PartialError
from animekit.plugins import load
from tests.translation.models import plugin, swap_weights

UNREADABLE = {"float.tiff", "bomb_header_20000x12000.png"}
"""What Pillow could open, and what the limits or the formats of animekit refuse."""
ODD = {".hidden.jpg", "._0.jpg", "Thumbs.db", "manifest.csv"}
"""What is hidden or no picture: left alone without a word of failure."""


def fill(folder: Path, shared: Path) -> tuple[set[str], set[str]]:
    """Copy 300 files into a nested folder; return the names of good and of bad ones."""
    good: set[str] = set()
    places = ("", "sub", "a b/c d", "ünïcode/顔", "deep/er/still")
    faces = sorted((shared / "mlds_faces" / "faces").glob("*.jpg"))[:230]
    fruit = sorted((shared / "apples_oranges").glob("test*/*.jpg"))
    for index, path in enumerate([*faces, *fruit]):
        name = Path(places[index % len(places)]) / path.name
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, folder / name)
        good.add(name.as_posix())
    bad: set[str] = set()
    with (shared / "corrupt" / "manifest.csv").open(encoding="utf-8", newline="") as file:
        fine = {row["file"]: row["pillow_load"] == "ok" for row in csv.DictReader(file)}
    for path in sorted((shared / "corrupt").rglob("*")):
        name = path.relative_to(shared / "corrupt").as_posix()
        if path.is_dir():
            continue
        (folder / "odd" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, folder / "odd" / name)
        if path.name in ODD:
            continue
        ok = fine[name] and path.name not in UNREADABLE
        (good if ok else bad).add(f"odd/{name}")
    return good, bad


@pytest.mark.data
def test_three_hundred_mixed_files(shared_data: Path, tmp_path: Path) -> None:
    good, bad = fill(tmp_path / "in", shared_data)
    assert len(good) + len(bad) >= 290
    assert len(bad) >= 12
    registry = load(plugin(tmp_path / "plugins"))
    weights = swap_weights(tmp_path / "swap.safetensors")
    out = tmp_path / "out"
    settings = {"registry": registry, "precision": "fp32", "threads": 1}
    made = transfer("swap", str(weights), tmp_path / "in", out, reconstruct=0, **settings)
    below = (path.relative_to(out) for path in out.rglob("*") if path.is_file())
    names = {path.as_posix() for path in below if path.parts[0] != ".page"}
    assert names - {"index.html", "failed.txt"} == good
    assert {each.path.relative_to(tmp_path / "in").as_posix() for each in made.failed} == bad
    assert (made.done, made.pictures) == (len(good), len(good) + len(bad))
    failure = made.failure()
    assert isinstance(failure, PartialError)
    assert failure.exit_code == 8
    assert len((out / "failed.txt").read_text(encoding="utf-8").splitlines()) == len(bad)
    for name in good:
        with Image.open(out / name) as image, Image.open(tmp_path / "in" / name) as source:
            image.load()
            assert sorted(image.size) == sorted(source.size), name
    with Image.open(out / "odd" / "animated.gif") as image:
        assert image.n_frames == 5  # type: ignore[attr-defined]
