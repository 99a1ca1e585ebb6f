"""Contact sheets: which pictures, in which order, how many sheets, and what stands under them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from animekit.cleaning.check import Finding, Reason
from animekit.cleaning.result import Cleaning
from animekit.cleaning.sheets import (
    HEAD,
    TILE,
    Example,
    ReasonGroup,
    Thumbs,
    draw_sheet,
    fit,
    group_by_reason,
    write_sheets,
)
from animekit.errors import UsageError
from animekit.images.captions import width, without_middle
from animekit.text import printable

GAP = 6  # px between tiles, and before the first
BLUR = Reason("blur", "review", "blurred", worst="lowest")
DARK = Reason("dark", "review", "too dark")
NEAR = Reason("near_duplicate", "reject", "near duplicate", worst="lowest")


def found(folder: Path, findings: list[Finding], count: int = 12) -> Cleaning:
    """Write pictures whose level of grey is their number, and say what was found in them."""
    folder.mkdir(parents=True, exist_ok=True)
    names = [f"{index:02d}.png" for index in range(count)]
    for index, name in enumerate(names):
        Image.new("RGB", (40, 20), (index * 20,) * 3).save(folder / name)
    table = pd.DataFrame({"name": names})
    return Cleaning(folder / "0001", table, table, findings, {}, [])


def grouped(cleaning: Cleaning) -> list[ReasonGroup]:
    return group_by_reason(cleaning.manifest, cleaning.findings)


def test_the_worst_come_first_and_the_largest_reason_too(tmp_path: Path) -> None:
    scores = {3: 0.2, 5: 0.1, 1: 0.3}
    findings = [Finding(row, BLUR, score) for row, score in scores.items()]
    findings += [Finding(row, DARK, score) for row, score in ((7, 1.0), (8, 5.0))]
    made = grouped(found(tmp_path, findings))
    assert [(group.reason.name, group.count) for group in made] == [("blur", 3), ("dark", 2)]
    assert [each.name for each in made[0].examples] == ["05.png", "03.png", "01.png"]
    assert [each.name for each in made[1].examples] == ["08.png", "07.png"]


def test_duplicates_stand_beside_the_one_that_is_kept(tmp_path: Path) -> None:
    findings = [
        Finding(4, NEAR, 3.0, 4.0, "", 1, 9),
        Finding(2, NEAR, 0.0, 4.0, "", 2, 0),
        Finding(6, NEAR, 1.0, 4.0, "", 1, 9),
    ]
    (group,) = grouped(found(tmp_path, findings))
    names = [(each.name, each.is_kept) for each in group.examples]
    assert names == [
        ("09.png", True),
        ("06.png", False),
        ("04.png", False),
        ("00.png", True),
        ("02.png", False),
    ]
    assert (group.count, group.threshold) == (3, 4.0)


def test_sheets_are_bounded_and_numbered(tmp_path: Path) -> None:
    cleaning = found(tmp_path / "faces", [Finding(row, BLUR, row / 10) for row in range(12)])
    made = grouped(cleaning)
    thumbs = Thumbs(tmp_path / "faces")
    sheets = write_sheets(made, thumbs, tmp_path / "sheets", columns=2, rows=2, most=2)
    assert [(sheet.path.name, sheet.tiles) for sheet in sheets] == [
        ("blur_01.png", 4),
        ("blur_02.png", 4),
    ]
    assert set(thumbs.known) == {f"{index:02d}.png" for index in range(8)}  # no more was decoded
    first = np.asarray(Image.open(sheets[0].path))
    middle = HEAD + TILE // 2
    assert first[middle, GAP + TILE // 2].tolist() == [0, 0, 0]
    assert first[middle, 2 * GAP + TILE + TILE // 2].tolist() == [20, 20, 20]


def test_what_cannot_be_decoded_is_not_shown(tmp_path: Path) -> None:
    folder = tmp_path / "faces"
    cleaning = found(folder, [Finding(row, DARK) for row in (0, 1, 2)])
    (folder / "00.png").write_bytes(b"broken")
    (folder / "01.png").unlink()
    made = grouped(cleaning)
    (sheet,) = write_sheets(made, Thumbs(folder), tmp_path / "sheets")
    assert sheet.tiles == 1
    (folder / "02.png").write_bytes(b"")
    assert write_sheets(made, Thumbs(folder), tmp_path / "none") == []
    assert not (tmp_path / "none").exists()


def test_a_sheet_has_a_green_frame_round_what_is_kept(tmp_path: Path) -> None:
    folder = tmp_path / "faces"
    found(folder, [])
    page = [Example("00.png", is_kept=True), Example("01.png", 2.0)]
    sheet = draw_sheet(page, Thumbs(folder), 8, "head")
    green = (sheet == (46, 158, 79)).all(axis=2)
    assert green[HEAD - 3 : HEAD, GAP : GAP + TILE].all()
    assert not green[:, GAP + TILE + GAP :].any()


def test_a_picture_is_whole_in_its_tile() -> None:
    wide = np.zeros((10, 40, 3), np.uint8)
    tile = fit(wide, 96)
    assert (tile[36:60] == 0).all()
    assert (tile[:36] == 255).all()
    assert fit(np.zeros((1, 5000, 3), np.uint8), 96).shape == (96, 96, 3)
    assert (fit(np.zeros((300, 300, 3), np.uint8), 96) == 0).all()


@pytest.mark.parametrize("name", ["顔" * 60, "a\tb\x1b[31m\n.png", "\udcff\udcfe.png", "\u202egnp"])
def test_names_of_any_kind_can_be_drawn(tmp_path: Path, name: str) -> None:
    shown = printable(name)
    assert shown.isprintable()
    shown.encode("utf-8")
    assert width(without_middle(shown, TILE, 10), 10) <= TILE
    thumbs = Thumbs(tmp_path, {name: np.zeros((TILE, TILE, 3), np.uint8)})
    assert draw_sheet([Example(name, 1.0)], thumbs, 8, name).shape[2] == 3


@pytest.mark.parametrize("shape", [(0, 8), (8, 33)])
def test_an_impossible_sheet_is_refused(tmp_path: Path, shape: Any) -> None:
    with pytest.raises(UsageError, match=f"cannot make sheets of {shape[0]}x{shape[1]}"):
        write_sheets([], Thumbs(tmp_path), tmp_path, columns=shape[0], rows=shape[1])
