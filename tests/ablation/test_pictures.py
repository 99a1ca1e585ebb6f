"""The pictures of an ablation: what they show, and that files and page hold them."""

from __future__ import annotations

from PIL import Image

from animekit.ablation.pictures import draw_sheet, pair_frames, runs_of
from animekit.ablation.result import Ablation


def test_a_pair_goes_from_the_first_sample_to_the_last(done: Ablation) -> None:
    runs = list(runs_of(done).items())
    frames = pair_frames(*runs)
    samples = len(list(runs[0][1].samples.glob("0*.png")))
    assert len(frames) == samples == 4
    left = frames[0].shape[1] // 2
    assert (frames[0][:, :left] != frames[-1][:, :left]).any()
    assert {frame.shape for frame in frames} == {frames[0].shape}


def test_the_sheet_has_a_row_a_variant(done: Ablation) -> None:
    sheet = draw_sheet(done)
    assert sheet is not None
    assert list(sheet.rows) == ["base", "model = lsgan"]
    assert len(sheet.seeds) == 10
    assert Image.fromarray(sheet.picture()).size[0] > 10 * 64
