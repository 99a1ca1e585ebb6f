"""Pictures: decoding, the resize rule, layouts, and what is written."""

from __future__ import annotations

import csv
import io
import threading
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from animekit.errors import DataError
from animekit.images.decode import MAX_BYTES, ImageError, decode
from animekit.images.layout import course_figure, grid, strip
from animekit.images.pixels import mirror, resize, to_float, to_uint8
from animekit.images.write import read_png_text, write_gif, write_png

# Of the files in shared/data/corrupt, those that are not one whole image, and why.
BAD = {
    "._0.jpg": "not an image",
    "Thumbs.db": "not an image",
    "bomb_header_20000x12000.png": "240,000,000 pixels",
    "bomb_header_60000x60000.png": "3,600,000,000 pixels",
    "float.tiff": "not an image in a format that animekit reads",
    "html_error_page.png": "an HTML page",
    "png_bad_crc.png": "damaged",
    "png_truncated.png": "truncated",
    "random_bytes.jpg": "truncated",
    "text_renamed.jpg": "text, not an image",
    "truncated_half.jpg": "truncated",
    "truncated_header.jpg": "truncated",
    "truncated_tail.jpg": "truncated",
    "zero_bytes.jpg": "empty file",
}


def encoded(image: Image.Image, format: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def one_pixel(mode: str, colour: object, format: str = "PNG", **options: object) -> list[int]:
    return decode(encoded(Image.new(mode, (2, 2), colour), format, **options))[0, 0].tolist()


@pytest.mark.parametrize(
    ("mode", "colour", "seen"),
    [
        ("RGB", (10, 20, 30), [10, 20, 30]),
        ("L", 77, [77, 77, 77]),
        ("1", 1, [255, 255, 255]),
        ("I;16", 0x8040, [128, 128, 128]),
        ("LA", (0, 0), [255, 255, 255]),
        ("LA", (100, 255), [100, 100, 100]),
        ("RGBA", (200, 0, 0, 0), [255, 255, 255]),
        ("RGBA", (0, 0, 0, 51), [204, 204, 204]),
    ],
)
def test_every_mode_becomes_rgb_on_white(mode: str, colour: object, seen: list[int]) -> None:
    assert one_pixel(mode, colour) == seen


def test_a_transparent_palette_colour_becomes_white() -> None:
    image = Image.new("P", (2, 2), 1)
    image.putpalette([0, 0, 0, 9, 8, 7])
    assert decode(encoded(image))[0, 0].tolist() == [9, 8, 7]
    assert decode(encoded(image, transparency=1))[0, 0].tolist() == [255, 255, 255]
    assert decode(encoded(image, "GIF", transparency=1))[0, 0].tolist() == [255, 255, 255]


def test_cmyk_is_converted() -> None:
    assert one_pixel("CMYK", (0, 0, 0, 0), "JPEG") == [255, 255, 255]
    assert one_pixel("CMYK", (0, 0, 0, 255), "JPEG") == [0, 0, 0]


def test_exif_rotation_is_applied_and_damaged_exif_is_not_an_error() -> None:
    image = Image.new("RGB", (4, 2), "black")
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: rotate by 90 degrees clockwise
    assert decode(encoded(image, "JPEG", exif=exif)).shape == (4, 2, 3)
    assert decode(encoded(image, "JPEG", exif=b"Exif\0\0nonsense")).shape == (2, 4, 3)


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP"])
def test_a_rotation_is_found_wherever_a_format_keeps_it(format: str) -> None:
    image = Image.new("RGB", (4, 2), "black")
    exif = Image.Exif()
    exif[0x0112] = 6
    assert decode(encoded(image, format, exif=exif)).shape == (4, 2, 3)
    if format != "PNG":  # Pillow writes none there
        xmp = b'<x:xmpmeta><rdf:Description tiff:Orientation="6"/></x:xmpmeta>'
        assert decode(encoded(image, format, xmp=xmp)).shape == (4, 2, 3)


def test_the_first_frame_of_an_animation_is_taken() -> None:
    frames = [Image.new("RGB", (4, 4), colour) for colour in ("red", "blue")]
    for format in ("GIF", "PNG", "WEBP"):
        options = {"save_all": True, "append_images": frames[1:]}
        if format == "WEBP":
            options["lossless"] = True
        assert decode(encoded(frames[0], format, **options))[0, 0].tolist() == [255, 0, 0]


def test_a_plain_jpeg_decodes_to_the_pixels_of_pillow() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (40, 30, 3), dtype=np.uint8)
    data = encoded(Image.fromarray(pixels), "JPEG", quality=80)
    with Image.open(io.BytesIO(data)) as image:
        assert np.array_equal(decode(data), np.asarray(image))


@pytest.mark.parametrize(
    ("data", "reason", "code"),
    [
        (b"", "empty file (0 bytes)", "image.empty"),
        (b"<!DOCTYPE html><title>404</title>", "an HTML page, not an image", "image.format"),
        (b"just words", "text, not an image", "image.format"),
        (bytes(range(256)), "not an image in a format that animekit reads", "image.format"),
        (b"\xff" * (MAX_BYTES + 1), "larger than 64 MB", "image.too_large"),
        (encoded(Image.new("F", (2, 2)), "TIFF"), "not an image in a format", "image.format"),
    ],
)
def test_what_is_not_an_image_is_named(data: bytes, reason: str, code: str) -> None:
    with pytest.raises(ImageError) as caught:
        decode(data, "a/b.png")
    assert caught.value.reason.startswith(reason)
    assert caught.value.message == f"a/b.png: {caught.value.reason}"
    assert caught.value.code == code
    assert isinstance(caught.value, DataError)
    assert caught.value.exit_code == 4


def test_an_error_names_the_file_that_was_given(tmp_path: Path) -> None:
    path = tmp_path / "顔.png"
    with pytest.raises(ImageError, match=r"顔\.png: cannot be read: No such file"):
        decode(path)
    path.mkdir()
    with pytest.raises(ImageError, match=r"顔\.png: cannot be read: Is a directory"):
        decode(path)


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP", "BMP", "GIF"])
def test_a_truncated_image_is_refused_and_never_half_grey(format: str) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    data = encoded(Image.fromarray(pixels), format)
    for part in (0.2, 0.5, 0.9):
        with pytest.raises(ImageError):
            decode(data[: int(len(data) * part)])


def test_a_small_file_cannot_ask_for_much_memory() -> None:
    chunk = io.BytesIO()
    Image.new("1", (9000, 9000)).save(chunk, "PNG")  # 81 million pixels in about 10 kB
    assert len(chunk.getvalue()) < 20_000
    with pytest.raises(ImageError, match="81,000,000 pixels, more than the 40,000,000 allowed"):
        decode(chunk.getvalue())


@given(st.data())
def test_random_damage_never_raises_anything_but_image_error(data: st.DataObject) -> None:
    pixels = np.arange(16 * 16 * 3, dtype=np.uint8).reshape(16, 16, 3)
    format = data.draw(st.sampled_from(["PNG", "JPEG", "WEBP", "BMP", "GIF"]))
    damaged = bytearray(encoded(Image.fromarray(pixels), format))
    for _ in range(data.draw(st.integers(1, 6))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    try:
        image = decode(bytes(damaged))
    except ImageError:
        return
    assert image.dtype == np.uint8
    assert image.ndim == 3
    assert image.shape[2] == 3


def test_decoding_in_threads_leaves_the_warning_filters_as_they_were() -> None:
    image = Image.new("P", (8, 8), 0)
    image.putpalette([1, 2, 3])
    noisy = encoded(image, transparency=b"\x80" * 4)  # Pillow warns about such palettes
    before = list(warnings.filters)

    def work() -> None:
        for _ in range(50):
            decode(noisy)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert warnings.filters == before


@pytest.mark.data
def test_every_file_made_to_break_loaders_decodes_or_says_why(
    shared_data: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = shared_data / "corrupt"
    with (folder / "manifest.csv").open(encoding="utf-8") as file:
        names = [row["file"] for row in csv.DictReader(file)]
    assert len(names) > 40
    for name in names:
        reason = BAD.get(name)
        if reason is None:
            assert decode(folder / name).shape[2] == 3, name
            continue
        with pytest.raises(ImageError) as caught:
            decode(folder / name)
        assert caught.value.reason.startswith(reason), name
    assert capfd.readouterr() == ("", "")


@pytest.mark.data
def test_variants_of_one_real_face_decode_to_nearly_the_same_pixels(shared_data: Path) -> None:
    folder = shared_data / "corrupt"
    with Image.open(folder / "animated.png") as image:
        first = np.asarray(image.convert("RGB")).astype(int)
    for name in ("animated.webp", "no_extension"):
        assert np.abs(decode(folder / name) - first).mean() < 6, name
    upright = decode(folder / "bitmap.bmp").astype(int)
    assert np.abs(decode(folder / "exif_rotate6.jpg") - upright).mean() < 6
    high = decode(folder / "UPPERCASE.JPG").astype(int)
    assert np.abs(decode(folder / "rgb16.png") - high).mean() < 6


def test_resize_takes_the_centre_square() -> None:
    image = np.zeros((4, 10, 3), np.uint8)
    image[:, 3:7] = 200
    assert (resize(image, 4) == 200).all()
    assert (resize(image.transpose(1, 0, 2), 2) == 200).all()


def test_resize_down_averages_areas_and_resize_up_keeps_flat_colours() -> None:
    checks = np.indices((8, 8)).sum(0) % 2 * np.uint8(200)
    image = np.repeat(checks[..., None], 3, axis=2).astype(np.uint8)
    assert (resize(image, 4) == 100).all()
    assert (resize(np.full((1, 1, 3), 9, np.uint8), 64) == 9).all()


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 40))
def test_resize_gives_the_asked_size_in_own_memory(height: int, width: int, size: int) -> None:
    image = np.full((height, width, 3), 50, np.uint8)
    small = resize(image, size)
    assert small.shape == (size, size, 3)
    assert small.flags.c_contiguous
    assert (small == 50).all()


def test_bytes_survive_the_way_to_floats_and_back() -> None:
    images = torch.arange(256, dtype=torch.uint8).reshape(1, 16, 16, 1).repeat(2, 1, 1, 3)
    floats = to_float(images)
    assert floats.shape == (2, 3, 16, 16)
    assert floats.dtype == torch.float32
    assert floats.is_contiguous(memory_format=torch.channels_last)
    assert (floats.min().item(), floats.max().item()) == (-1.0, 1.0)
    assert np.array_equal(to_uint8(floats), images.numpy())


def test_to_uint8_clamps_rounds_and_repeats_grey() -> None:
    values = torch.tensor([-9.0, -1.0, 0.0, 1.0, 9.0]).reshape(1, 1, 1, 5)
    assert to_uint8(values)[0, 0].tolist() == [[v] * 3 for v in (0, 0, 128, 255, 255)]


def test_mirror_flips_left_to_right_and_takes_no_images_too() -> None:
    images = np.random.default_rng(0).integers(0, 256, (3, 4, 5, 3), dtype=np.uint8)
    assert np.array_equal(mirror(images), images[:, :, ::-1])
    assert mirror(images[:0]).shape == (0, 4, 5, 3)


def test_grid_is_row_major_with_gaps_and_an_unfinished_last_row() -> None:
    images = np.stack([np.full((2, 3, 3), value, np.uint8) for value in (10, 20, 30)])
    sheet = grid(images, columns=2, gap=1, background=(1, 2, 3))
    assert sheet.shape == (5, 7, 3)
    assert sheet[0, 0, 0] == 10
    assert sheet[0, 4, 0] == 20
    assert sheet[3, 0, 0] == 30
    assert sheet[2, 0].tolist() == [1, 2, 3]
    assert sheet[3, 4].tolist() == [1, 2, 3]
    assert np.array_equal(grid(images, columns=3)[:, 3:6], images[1])


def test_the_course_figure_has_the_geometry_of_matplotlib() -> None:
    images = np.zeros((25, 64, 64, 3), np.uint8)
    figure = course_figure(images)
    assert figure.shape == (480, 640, 4)
    assert (figure[..., 3] == 255).all()
    drawn = figure[..., 0] == 0
    assert drawn.sum() == 25 * 64 * 64
    rows, columns = np.flatnonzero(drawn.any(1)), np.flatnonzero(drawn.any(0))
    # plt.subplots(5, 5) leaves 57.6 pixels above, 52.8 below and 80 + 10.9 to the left.
    assert (rows[0], columns[0]) == (58, 91)
    assert abs(rows[-1] + 1 - (480 - 52.8)) < 1
    tops = rows[np.diff(rows, prepend=-9) > 1]
    lefts = columns[np.diff(columns, prepend=-9) > 1]
    assert np.abs(tops - (57.6 + 76.47 * np.arange(5))).max() <= 0.5
    assert np.abs(lefts - (90.9 + 102.62 * np.arange(5))).max() <= 0.5


def test_the_course_figure_takes_fewer_images_of_any_size_but_not_more_than_25() -> None:
    figure = course_figure(np.zeros((7, 32, 32, 3), np.uint8))
    assert (figure[..., 0] == 0).sum() == 7 * 64 * 64
    with pytest.raises(ValueError, match="25 cells, got 26"):
        course_figure(np.zeros((26, 8, 8, 3), np.uint8))


def test_a_strip_is_one_row_with_captions_under_it() -> None:
    images = np.full((3, 40, 40, 3), 90, np.uint8)
    plain = strip(images)
    assert plain.shape == (40, 3 * 40 + 2 * 2, 3)
    captioned = strip(images, ["0", "", "20,000"])
    assert captioned.shape == (56, plain.shape[1], 3)
    assert np.array_equal(captioned[:40], plain)
    below = captioned[40:]
    assert (below[:, :40] < 128).any()
    assert (below[:, 42:82] == 255).all()
    assert (below[:, 84:] < 128).any()


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
    (tmp_path / "a.png").write_bytes(encoded(Image.new("RGB", (2, 2)), "JPEG"))
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
