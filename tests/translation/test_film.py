"""Pictures that move: animations keep their timing, videos their frames."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from animekit.errors import DeviceError, UsageError
from animekit.images.decode import ImageError
from animekit.translation import video
from animekit.translation.result import Transferred
from animekit.translation.video import Video, VideoFile, cv2, read_animation
from tests.images.test_film import loudness, with_sound

COLOURS = [(200, 30, 30), (180, 90, 10), (120, 10, 60), (240, 20, 90)]


def frames(size: tuple[int, int] = (33, 22)) -> list[Image.Image]:
    return [Image.new("RGB", size, colour) for colour in COLOURS]


def facts(path: Path | str) -> tuple[list[int], Any, list[Any]]:
    """Return the durations, the loop, and the middle pixel of each frame."""
    durations, pixels = [], []
    with Image.open(path) as image:
        for index in range(getattr(image, "n_frames", 1)):
            image.seek(index)
            pixels.append(image.convert("RGB").getpixel((9, 9)))
            durations.append(round(image.info["duration"]))
        return durations, image.info.get("loop"), pixels


@pytest.mark.parametrize("loop", [None, 0, 3])
@pytest.mark.parametrize("name", ["a.gif", "a.webp", "a.png"])
def test_an_animation_keeps_frames_durations_and_loop(
    name: str, loop: int | None, swap: Callable[..., Transferred]
) -> None:
    if loop is None and name != "a.gif":
        pytest.skip("only a GIF can say nothing of its loops")
    first, *others = frames()
    how: dict[str, Any] = {"duration": [40, 100, 250, 70], "append_images": others}
    how |= {} if loop is None else {"loop": loop}
    how |= {"lossless": True} if name == "a.webp" else {}
    first.save(name, save_all=True, **how)
    made = swap(name)
    assert made.items[0].frames == 4
    assert facts(f"out/{name}")[:2] == facts(name)[:2] == ([40, 100, 250, 70], loop)
    for before, after in zip(facts(name)[2], facts(f"out/{name}")[2], strict=True):
        assert np.abs(np.subtract(before[::-1], after)).max() <= 6


def test_transparent_frames_stay_so(swap: Callable[..., Transferred]) -> None:
    images = [image.convert("RGBA") for image in frames()]
    for image in images:
        image.paste((0, 0, 0, 0), (0, 0, 10, 22))
    images[0].save("a.gif", save_all=True, append_images=images[1:], duration=80, disposal=2)
    swap("a.gif")
    with Image.open("out/a.gif") as made:
        for index in range(4):
            made.seek(index)
            pixels = made.convert("RGBA")
            assert pixels.getpixel((3, 9))[3] == 0  # type: ignore[index]
            assert pixels.getpixel((20, 9))[3] == 255  # type: ignore[index]


def test_a_still_format_takes_the_first_frame(swap: Callable[..., Transferred]) -> None:
    first, *others = frames()
    first.save("a.gif", save_all=True, append_images=others, duration=50)
    made = swap("a.gif", ext="jpg")
    assert made.items[0].frames == 1
    with Image.open("out/a.jpg") as image:
        assert np.abs(np.subtract(image.getpixel((9, 9)), COLOURS[0][::-1])).max() <= 6


def test_an_animation_that_breaks_off_is_listed(swap: Callable[..., Transferred]) -> None:
    first, *others = frames()
    first.save("a.gif", save_all=True, append_images=others, duration=50)
    data = Path("a.gif").read_bytes()
    Path("b.gif").write_bytes(data[: len(data) // 2])
    made = swap("a.gif", "b.gif", html=False)
    assert [item.source.name for item in made.items] == ["a.gif"]
    assert [each.path.name for each in made.failed] == ["b.gif"]


def test_an_animation_of_too_many_pixels_is_refused(
    swap: Callable[..., Transferred], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, *others = frames()
    first.save("a.gif", save_all=True, append_images=others, duration=50)
    monkeypatch.setattr(video, "MAX_FRAME_PIXELS", 33 * 22 * 3)
    assert [each.code for each in swap("a.gif").failed] == ["image.too_large"]


def test_frames_are_counted_as_they_come_and_held_at_their_size(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A GIF of 30,000 frames on a canvas of 36 million pixels is 0.7 MB."""
    size = (6000).to_bytes(2, "little") * 2
    frame = b"\x21\xf9\4\0\0\0\0\0\x2c\0\0\0\0\1\0\1\0\0\2\2\x44\1\0"
    data = b"GIF89a" + size + b"\x80\0\0\xff\0\0\0\0\0" + frame * 30_000 + b";"
    monkeypatch.setattr(video, "MAX_FRAME_PIXELS", 80_000_000)
    with pytest.raises(ImageError, match="more than 2 frames of 36,000,000 pixels"):
        read_animation(data, "a.gif", "keep", lambda photo: photo.resized(8, 8))
    small = data.replace(size, (4).to_bytes(2, "little") * 2)
    monkeypatch.setattr(video, "MAX_FRAMES", 300)
    with pytest.raises(ImageError, match="more than 300 frames"):
        read_animation(small, "a.gif", "keep")
    monkeypatch.setattr(video, "MAX_HELD_PIXELS", 200 * 100)
    with pytest.raises(ImageError, match="20,100 pixels in the first 201 frames") as caught:
        read_animation(small, "a.gif", "keep", lambda photo: photo.resized(10, 10))
    assert "--size" in str(caught.value.hint)


def test_an_animation_that_ends_early_is_damaged_and_not_shorter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    first, *others = frames()
    for name in ("a.gif", "a.webp", "a.png"):
        first.save(name, save_all=True, append_images=others, duration=50)
        data = Path(name).read_bytes()
        whole, _ = read_animation(data, name, "keep")
        assert len(whole) == 1 + len(others)
        for part in (0.5, 0.9):
            with pytest.raises(ImageError):
                read_animation(data[: int(len(data) * part)], name, "keep")


@pytest.mark.parametrize("name", ["a.mp4", "ü b.avi"])
def test_a_video_keeps_its_frames_and_speed(name: str, swap: Callable[..., Transferred]) -> None:
    video = VideoFile(Path(name), 32, 24, 12.5)
    video.write(np.full((24, 32, 3), COLOURS[index // 5], np.uint8) for index in range(20))
    video.finish()
    item = swap(name).items[0]
    assert (item.width, item.height, item.frames) == (32, 24, 20)
    with Video(Path("out") / name, name) as made:
        assert made.fps == pytest.approx(12.5)
        pixels = [frame[12, 16] for frame in made.frames()]
    assert len(pixels) == 20
    for index in (2, 7, 12, 17):
        expected = COLOURS[index // 5][::-1]
        assert np.abs(np.subtract(pixels[index].astype(int), expected)).max() < 20
    assert not [path for path in Path("out").iterdir() if path.name.startswith(".") and path.suffix]


def test_what_is_no_video_is_listed(swap: Callable[..., Transferred]) -> None:
    Path("a.mp4").write_bytes(b"nothing")
    assert [each.code for each in swap("a.mp4").failed] == ["image.video"]


class Eye:
    """A camera that sees six frames."""

    def __init__(self, number: int) -> None:
        self.left = 6 if number == 3 else 0

    def isOpened(self) -> bool:  # as OpenCV calls it
        return bool(self.left)

    def get(self, what: int) -> float:
        return 0.0

    def read(self) -> tuple[bool, Any]:
        self.left -= 1
        return self.left >= 0, np.full((25, 33, 3), COLOURS[0][::-1], np.uint8)

    def release(self) -> None:
        self.left = 0


@pytest.fixture
def eye(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a camera in the place of OpenCV's."""
    real = cv2.VideoCapture
    monkeypatch.setattr(cv2, "VideoCapture", lambda w: Eye(w) if isinstance(w, int) else real(w))


@pytest.mark.usefixtures("eye")
def test_a_camera_becomes_a_video(swap: Callable[..., Transferred]) -> None:
    result = swap("cam:3", out="cam.mp4", limit=4)
    assert (result.items[0].frames, result.items[0].width) == (4, 32)
    assert (result.failure(), result.pictures, result.done) == (None, 1, 1)
    with Video(Path("cam.mp4"), "cam") as video:
        seen = [frame[12, 16] for frame in video.frames()]
    assert len(seen) == 4
    assert np.abs(np.subtract(seen[0].astype(int), COLOURS[0][::-1])).max() < 20
    with pytest.raises(DeviceError, match="no camera 0"):
        swap("cam:0", out="none.mp4")
    assert not Path("none.mp4").exists()
    with pytest.raises(UsageError, match=r"cam.mp4 is there already"):
        swap("cam:3", out="cam.mp4")


@pytest.mark.usefixtures("eye")
def test_ctrl_c_ends_a_camera_and_is_no_failure(
    swap: Callable[..., Transferred], monkeypatch: pytest.MonkeyPatch
) -> None:
    look = Eye.read

    def read(eye: Eye) -> tuple[bool, Any]:
        if eye.left == 4:  # of six
            signal.raise_signal(signal.SIGINT)
        return look(eye)

    monkeypatch.setattr(Eye, "read", read)
    result = swap("cam:3", out="films")
    assert (result.items[0].out, result.items[0].frames) == (Path("films/cam3.mp4"), 3)
    assert result.failure() is None


@pytest.mark.usefixtures("eye")
def test_a_camera_that_sees_nothing_is_a_failure(
    swap: Callable[..., Transferred], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Eye, "read", lambda eye: (False, None))
    failure = swap("cam:3", out="cam.mp4").failure()
    assert failure is not None
    assert (failure.exit_code, "gave no picture" in failure.message) == (4, True)
    assert not Path("cam.mp4").exists()


def test_what_opencv_and_ffmpeg_write_stays_off_the_screen(
    swap: Callable[..., Transferred], capfd: pytest.CaptureFixture[str]
) -> None:
    rng = np.random.default_rng(0)
    Path("in").mkdir()
    for name in ("noise.mp4", "noise.webm", "noise.avi"):
        Path("in", name).write_bytes(rng.bytes(3000))
    Path("in/words.mkv").write_text("no video")
    Path("in/empty.mp4").write_bytes(b"")
    film = VideoFile(Path("in/film.webm"), 32, 16, 10)  # OpenCV tells of its tag
    film.write(rng.integers(0, 255, (9, 16, 32, 3), np.uint8))
    film.finish()
    whole = Path("in/film.webm").read_bytes()
    Path("in/cut.webm").write_bytes(whole[: len(whole) * 2 // 3])
    made = swap("in", html=False)
    assert capfd.readouterr() == ("", "")
    assert {each.path.name for each in made.failed} >= {"noise.mp4", "words.mkv", "empty.mp4"}
    assert (
        len([each for each in made.warnings if "in/cut.webm is damaged or cut short" in each]) == 1
    )


def test_file_descriptor_2_comes_back(capfd: pytest.CaptureFixture[str]) -> None:
    with contextlib.suppress(ValueError), video.hushed():
        os.write(2, b"native words\n")
        raise ValueError
    os.write(2, b"ours\n")
    assert capfd.readouterr().err == "ours\n"


def test_a_video_of_odd_sides_says_that_it_was_cut(
    swap: Callable[..., Transferred], monkeypatch: pytest.MonkeyPatch
) -> None:
    film = VideoFile(Path("a.avi"), 34, 24, 10)
    film.write([np.full((24, 34, 3), 90, np.uint8)] * 3)
    film.finish()
    kept = Video.frames
    with monkeypatch.context() as patch:
        patch.setattr(Video, "frames", lambda self: (each[:23, :33] for each in kept(self)))
        made = swap("a.avi")
    assert made.warnings == ["a.avi was cut from 33x23 to 32x22: videos have even sides"]
    assert (made.items[0].width, made.items[0].height) == (32, 22)
    assert swap("a.avi", out="more").warnings == []


def test_a_video_keeps_its_sound_and_browsers_play_it(swap: Callable[..., Transferred]) -> None:
    av = pytest.importorskip("av")
    with_sound(Path("a.mp4"))
    made = swap("a.mp4")
    with av.open(str(made.items[0].out)) as container:
        assert container.streams.video[0].codec_context.name == "h264"
        assert container.streams.video[0].frames == 20
    assert loudness(made.items[0].out)[1] == pytest.approx(2, abs=0.1)
    assert made.page is not None and "<video" in made.page.read_text(encoding="utf-8")


def test_without_pyav_a_page_offers_no_video_that_browsers_do_not_play(
    swap: Callable[..., Transferred], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("animekit.images.film.is_had", lambda: False)
    for name in ("a.mp4", "b.webm"):
        moving = VideoFile(Path("in", name), 32, 24, 10)
        moving.write(np.zeros((5, 24, 32, 3), np.uint8))
        moving.finish()
    made = swap("in")
    assert made.page is not None and made.page.read_text(encoding="utf-8").count("<video") == 1
