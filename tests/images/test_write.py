"""Writing: the same bytes twice, whole or not at all, and text in a PNG."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from animekit.images.decode import ImageError, decode
from animekit.images.write import read_png_text, write_gif, write_png


def test_a_png_keeps_its_pixels_and_text_and_has_the_same_bytes_twice(tmp_path: Path) -> None:
    image = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    text = {"seed": "3", "prompt": "blue hair\n青い髪", "recipe": '{"a": 1}'}
    write_png(tmp_path / "new" / "a.png", image, text)
    write_png(tmp_path / "new" / "b.png", image, text)
    first, second = sorted((tmp_path / "new").iterdir())
    assert first.read_bytes() == second.read_bytes()
    assert read_png_text(first) == text
    assert np.array_equal(decode(first), image)


@pytest.mark.parametrize("shape", [(4, 4), (4, 4, 1), (4, 4, 3), (4, 4, 4)])
def test_a_png_may_be_grey_rgb_or_rgba(tmp_path: Path, shape: tuple[int, ...]) -> None:
    write_png(tmp_path / "a.png", np.full(shape, 255, np.uint8))
    assert (decode(tmp_path / "a.png") == 255).all()
    assert read_png_text(tmp_path / "a.png") == {}


def test_a_picture_that_cannot_be_written_leaves_the_old_one_and_nothing_else(
    tmp_path: Path,
) -> None:
    write_png(tmp_path / "a.png", np.zeros((2, 2, 3), np.uint8))
    before = (tmp_path / "a.png").read_bytes()
    with pytest.raises(TypeError):
        write_png(tmp_path / "a.png", np.zeros((2, 2, 7), np.uint8))
    (tmp_path / "b.png").mkdir()  # so that the last move fails
    with pytest.raises(OSError, match="directory"):
        write_png(tmp_path / "b.png", np.zeros((2, 2, 3), np.uint8))
    assert sorted(item.name for item in tmp_path.iterdir()) == ["a.png", "b.png"]
    assert (tmp_path / "a.png").read_bytes() == before


def test_text_of_what_is_not_a_png_is_an_image_error(tmp_path: Path) -> None:
    Image.new("RGB", (2, 2)).save(tmp_path / "a.png", "JPEG")
    (tmp_path / "b.png").write_bytes(b"")
    for name in ("a.png", "b.png", "missing.png"):
        with pytest.raises(ImageError, match=name):
            read_png_text(tmp_path / name)


def test_a_gif_loops_with_its_own_colours_in_each_frame(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    frames = [random.integers(0, 256, (6, 6, 3), dtype=np.uint8) for _ in range(4)]
    for name in ("a.gif", "b.gif"):
        write_gif(tmp_path / name, frames, fps=8)
    assert (tmp_path / "a.gif").read_bytes() == (tmp_path / "b.gif").read_bytes()
    with Image.open(tmp_path / "a.gif") as gif:
        assert gif.n_frames == 4
        assert gif.info["loop"] == 0
        assert gif.info["duration"] == 120  # 1/8 s on the 1/100 s that GIF counts in
        for index, frame in enumerate(frames):
            gif.seek(index)
            assert np.abs(np.asarray(gif.convert("RGB")).astype(int) - frame).max() <= 2


def test_a_gif_needs_a_frame(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at least one frame"):
        write_gif(tmp_path / "a.gif", [], fps=5)
    assert not list(tmp_path.iterdir())
