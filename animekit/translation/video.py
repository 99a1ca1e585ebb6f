"""Pictures that move: GIF, animated WebP and PNG by Pillow, videos and cameras by OpenCV."""

from __future__ import annotations

import contextlib
import io
import os
import secrets
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image

from animekit.errors import DeviceError, UnusableError
from animekit.images import film
from animekit.images.decode import ImageError, read_with
from animekit.images.film import Film
from animekit.translation.photo import Alpha, Photo, as_image, frame

ANIMATED = ("GIF", "WEBP", "PNG")
# what all frames of an animation may have together: their number and their pixels in the file,
# which take time, and their pixels once they are sized, which wait in memory
MAX_FRAMES = 10_000
MAX_FRAME_PIXELS = 1_000_000_000
MAX_HELD_PIXELS = 200_000_000
CODES = {".webm": "VP80", ".avi": "MJPG", ".ogv": "VP80", ".mpg": "PIM1", ".mpeg": "PIM1"}
DEFAULT_CODE = "mp4v"  # its builds cannot write H.264
DEFAULT_FPS = 25.0


@dataclass(frozen=True)
class Timing:
    """How an animation runs: milliseconds of each frame, and its loops (0: for ever)."""

    durations: tuple[int, ...]
    loop: int | None


def read_animation(
    data: bytes, name: str, alpha: Alpha, sized: Callable[[Photo], Photo] = lambda photo: photo
) -> tuple[list[Photo], Timing]:
    """Decode all frames of a GIF, animated WebP or PNG, each sized at once.

    Frames are counted as they come, since a file can promise any number. Raises ImageError for one
    that would take too long to read or too much memory to hold.
    """

    def read(image: Image.Image) -> tuple[list[Photo], Timing]:
        canvas, loop = image.width * image.height, image.info.get("loop")
        frames: list[Photo] = []
        durations, held = [], 0
        for index in count():
            try:
                image.seek(index)
            except EOFError:
                break
            if index == MAX_FRAMES or (index + 1) * canvas > MAX_FRAME_PIXELS:
                words = f"more than {index:,} frames of {canvas:,} pixels"
                raise ImageError(name, words, "too_large", "cut it into shorter ones")
            frames.append(sized(frame(image, alpha, moves=True)))
            held += frames[-1].pixels.size // 3
            if held > MAX_HELD_PIXELS:
                words = f"{held:,} pixels in the first {index + 1:,} frames"
                raise ImageError(name, words, "too_large", "a smaller --size, or a shorter one")
            durations.append(round(float(image.info.get("duration", 100) or 100)))
        return frames, Timing(tuple(durations), None if loop is None else int(loop))

    return read_with(read, data, name)


def encode_animation(frames: list[Photo], timing: Timing, kind: str) -> bytes:
    """Return an animation; in a format for still pictures, its first frame."""
    buffer = io.BytesIO()
    images = [as_image(each, kind) for each in frames]
    if kind not in ANIMATED:
        images[0].save(buffer, kind)
        return buffer.getvalue()
    settings: dict[str, Any] = {} if timing.loop is None else {"loop": timing.loop}
    if kind == "WEBP":
        settings |= {"quality": 90, "loop": timing.loop or 0}
    if kind == "GIF":
        images = [_with_palette(image) for image in images]
        settings |= {"disposal": 2} if any(each.alpha is not None for each in frames) else {}
    images[0].save(
        buffer,
        kind,
        save_all=True,
        append_images=images[1:],
        duration=list(timing.durations),
        **settings,
    )
    return buffer.getvalue()


def _with_palette(image: Image.Image) -> Image.Image:
    """Give a frame 256 colours of its own; Pillow itself finds those of one with alpha."""
    return image if image.mode == "RGBA" else image.quantize(256, Image.Quantize.MEDIANCUT)


@contextlib.contextmanager
def hushed() -> Iterator[None]:
    """Keep off the screen what OpenCV and FFmpeg write there by themselves.

    Their log levels do not hold for all: some lines go straight to file descriptor 2, so that it is
    turned away while they open something.
    """
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")  # AV_LOG_QUIET; read at the first use
    try:
        kept = os.dup(2)
    except OSError:  # there is no screen
        yield
        return
    try:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 2)
        os.close(nowhere)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


class Video:
    """A video or a camera that OpenCV reads frame by frame. There is no sound in it."""

    def __init__(self, where: Path | int, name: str) -> None:
        self.name = name
        with hushed():
            self.capture = cv2.VideoCapture(where if isinstance(where, int) else str(where))
        if not self.capture.isOpened():
            if isinstance(where, int):
                raise DeviceError(
                    f"no camera {where}: OpenCV cannot open it",
                    "is it plugged in, and may this user read /dev/video*? Else name a video file",
                    code="device.camera",
                )
            raise ImageError(name, "not a video that OpenCV reads", "video")
        fps = self.capture.get(cv2.CAP_PROP_FPS)
        self.fps = float(fps) if 0.1 <= fps <= 1000 else DEFAULT_FPS
        self.count = max(0, int(self.capture.get(cv2.CAP_PROP_FRAME_COUNT)))

    def frames(self) -> Iterator[np.ndarray]:
        """Yield frames uint8 [H, W, 3], RGB."""
        while True:
            there, picture = self.capture.read()
            if not there:
                return
            yield cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)

    def close(self) -> None:
        """Let go of the file or the camera."""
        self.capture.release()

    def __enter__(self) -> Video:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def new_video(
    path: Path, width: int, height: int, fps: float, sound: Path | None = None
) -> Film | VideoFile:
    """Begin a video: H.264 with the sound of a file, or what OpenCV writes."""
    if path.suffix.lower() in film.ENDINGS and film.is_had():
        with contextlib.suppress(UnusableError):  # of sides that H.264 does not have
            return Film(path, width, height, fps, sound=sound)
    return VideoFile(path, width, height, fps)


class VideoFile:
    """A video that gets its name when it is whole."""

    def __init__(self, path: Path, width: int, height: int, fps: float) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path, self.size = path, (width, height)
        self.temporary = path.with_name(f".{secrets.token_hex(8)}{path.suffix}")
        letters = cv2.VideoWriter.fourcc(*CODES.get(path.suffix.lower(), DEFAULT_CODE))
        with hushed():
            self.writer = cv2.VideoWriter(str(self.temporary), letters, fps, self.size)
        if not self.writer.isOpened():
            self.temporary.unlink(missing_ok=True)
            what = f"{path.suffix} videos of {width}x{height} at {fps:g} frames a second"
            raise ImageError(path.name, f"this OpenCV writes no {what}", "video")

    def write(self, pictures: Iterable[np.ndarray]) -> None:
        """Add frames uint8 [H, W, 3], RGB."""
        for picture in pictures:
            self.writer.write(cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))

    def finish(self) -> Path:
        """Close the video and give it its name."""
        self.writer.release()
        self.temporary.replace(self.path)
        return self.path

    def discard(self) -> None:
        """Leave nothing behind."""
        self.writer.release()
        self.temporary.unlink(missing_ok=True)
