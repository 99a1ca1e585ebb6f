"""Film: pictures as a video that browsers play (H.264, yuv420p), by PyAV; with sound, if any."""

from __future__ import annotations

import importlib.util
import secrets
from collections.abc import Iterable, Iterator
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from animekit.errors import UnusableError
from animekit.text import install_hint

ENDINGS = (".mp4", ".m4v", ".mov")
CODEC, QUALITY = "libx264", "18"  # of 0 to 51: eyes cannot tell it from the original
BT601 = 6, 1  # the numbers of its matrix, and of a range of 16 to 235, which players then know
TO_YUV = np.array(
    [[65.481, 128.553, 24.966], [-37.797, -74.203, 112.0], [112.0, -93.786, -18.214]], np.float32
)
"""Red, green and blue of 0 to 1 to brightness and two colours (ITU-R BT.601)."""
SOUND = ("aac", "mp3", "ac3", "alac")
"""Sound that such a file holds as it is; other sound becomes the first of these."""


def is_had() -> bool:
    """Say whether PyAV is here."""
    return importlib.util.find_spec("av") is not None


def need() -> None:
    """Raise UnusableError where PyAV is not installed."""
    if not is_had():
        raise UnusableError("no .mp4 without PyAV", install_hint("video"), code="video.missing")


class Film:
    """A video that gets its name when it is whole; sides are even.

    `sound` is a file whose first sound is taken over, as it is where that is possible; `comment` a
    text in the metadata. Raises UnusableError where PyAV is missing or cannot write it.
    """

    def __init__(
        self,
        path: Path,
        width: int,
        height: int,
        fps: float,
        *,
        sound: Path | None = None,
        comment: str = "",
    ) -> None:
        need()
        import av

        path.parent.mkdir(parents=True, exist_ok=True)
        self.path, self.size = path, (width, height)
        self.temporary = path.with_name(f".{secrets.token_hex(8)}{path.suffix}")
        # the index in front, so that a browser begins before it has all; no clock in the file
        options = {"movflags": "+faststart+use_metadata_tags", "fflags": "+bitexact"}
        self.container = av.open(str(self.temporary), "w", format="mp4", options=options)
        try:
            if comment:
                self.container.metadata["comment"] = comment
            rate = Fraction(fps).limit_denominator(1001)
            stream: Any = self.container.add_stream(CODEC, rate=rate)
            stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
            stream.options = {"crf": QUALITY}
            stream.thread_count = 1  # so that the same frames are the same bytes
            stream.codec_context.colorspace, stream.codec_context.color_range = BT601
            stream.codec_context.open()  # which says what it cannot do
            self.stream, self.rate, self.count = stream, rate, 0
            self.sound = None if sound is None else _Sound.of(sound, self.container)
        except Exception as error:
            self.discard()
            what = f"{width}x{height} at {fps:g} frames a second"
            raise UnusableError(
                f"PyAV writes no video of {what}: {error}", "give other sides", code="video"
            ) from None

    def write(self, pictures: Iterable[np.ndarray]) -> None:
        """Add frames uint8 [H, W, 3], RGB."""
        import av

        for picture in pictures:
            frame = av.VideoFrame.from_ndarray(_planes(picture), format="yuv420p")
            frame.pts, frame.time_base = self.count, 1 / self.rate
            self.container.mux(self.stream.encode(frame))
            self.count += 1
            if self.sound is not None:
                self.sound.copy(float(self.count / self.rate))

    def finish(self) -> Path:
        """Close the video and give it its name."""
        self.container.mux(self.stream.encode())
        if self.sound is not None:
            self.sound.copy(float(self.count / self.rate))
            self.sound.end()
        self.container.close()
        self.temporary.replace(self.path)
        return self.path

    def discard(self) -> None:
        """Leave nothing behind."""
        with suppress(Exception):  # a file without a frame has no end that could be written
            self.container.close()
        self.temporary.unlink(missing_ok=True)


def _planes(picture: np.ndarray) -> np.ndarray:
    """Return RGB uint8 [H, W, 3] as yuv420p [H * 3 / 2, W]: a colour is that of 2x2 pixels.

    Not by FFmpeg's own conversion, which need not give the same bytes twice.
    """
    height, width = picture.shape[:2]
    yuv = cv2.transform(picture.astype(np.float32) / 255, TO_YUV)
    light = yuv[..., 0] + 16
    colours = cv2.resize(yuv[..., 1:], (width // 2, height // 2), interpolation=cv2.INTER_AREA)
    parts = [light.ravel(), *(colours[..., place].ravel() + 128 for place in (0, 1))]
    return np.rint(np.concatenate(parts)).astype(np.uint8).reshape(height * 3 // 2, width)


class _Sound:
    """The sound of a file, taken over as far as the pictures are."""

    def __init__(self, source: Any, packets: Iterator[Any], stream: Any, container: Any) -> None:
        self.source, self.packets = source, packets
        self.stream, self.container = stream, container
        self.waiting: Any = None

    @classmethod
    def of(cls, path: Path, container: Any) -> _Sound | None:
        """Return the first sound of a file; None where it has none, or none that can be read."""
        import av

        try:
            source = av.open(str(path))
        except (av.FFmpegError, OSError):
            return None
        if not source.streams.audio:
            source.close()
            return None
        given = source.streams.audio[0]
        if given.codec_context.name in SOUND:
            packets: Iterator[Any] = (each for each in source.demux(given) if each.dts is not None)
            return cls(source, packets, container.add_stream_from_template(given), container)
        made = container.add_stream(SOUND[0], rate=given.codec_context.sample_rate or 44100)
        return cls(source, _encoded(source, given, made), made, container)

    def copy(self, until: float) -> None:
        """Take over what is heard before a time, in seconds."""
        while True:
            packet = next(self.packets, None) if self.waiting is None else self.waiting
            self.waiting = packet
            if packet is None or float((packet.pts or 0) * packet.time_base) >= until:
                return
            packet.stream = self.stream
            self.container.mux(packet)
            self.waiting = None

    def end(self) -> None:
        """Let go of the file."""
        self.source.close()


def _encoded(source: Any, given: Any, made: Any) -> Iterator[Any]:
    """Yield sound in another form."""
    for frame in source.decode(given):
        yield from made.encode(frame)
    yield from made.encode(None)


def comment_of(path: Path) -> str:
    """Return the comment of a video; "" where it has none, or cannot be read."""
    if not is_had():
        return ""
    import av

    try:
        with av.open(str(path)) as container:
            return str(container.metadata.get("comment", ""))
    except (av.FFmpegError, OSError, ValueError):
        return ""
