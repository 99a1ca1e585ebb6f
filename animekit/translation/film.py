"""Film: pictures that move through a translator, frame by frame."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from animekit.images.decode import ImageError
from animekit.images.formats import KINDS
from animekit.models.targets import Target
from animekit.translation.faces import Part, restored
from animekit.translation.photo import Photo, write_whole
from animekit.translation.plan import PlannedFile
from animekit.translation.result import Item
from animekit.translation.session import TransferSession
from animekit.translation.video import Video, encode_animation, new_video, read_animation

PART = 8  # frames of a video that are read at a time
HELD = 0.9  # share of the frames that a video announces which may be its estimate alone
MEASURED = 8  # frames by which the speed of a camera's video is known


def film(session: TransferSession, planned: PlannedFile, data: bytes | None = None) -> None:
    """Translate what moves: a video, a camera, or an animation.

    `data` are the bytes of an animation. A video that is stopped leaves nothing; Ctrl-C is how a
    camera ends. Raises ImageError, and DeviceError without a camera.
    """
    if data is not None:
        items = _animation(session, planned, data)
    elif planned.source.camera is not None:
        items = _camera(session, planned, planned.source.camera)
    else:
        items = _video(session, planned)
    made = 0
    for item in items:  # one by one: what was done before a failure stays
        session.add([item])
        made += 1
    if made == len(planned.outputs):
        session.tell(1)


def _animation(session: TransferSession, planned: PlannedFile, data: bytes) -> Iterator[Item]:
    """Translate all frames of a GIF, an animated WebP or PNG."""
    source = planned.source.path
    frames, timing = read_animation(data, str(source), session.request.alpha, session.sized)
    reel = Reel(session)
    parts = reel.parts(frames)
    if not any(parts):
        session.faceless(planned)
        return
    before = session.small(planned, frames[0].flat())
    for target, path in planned.outputs:
        made = reel.translated(frames, parts, target)
        kind = KINDS.get(path.suffix.lower(), frames[0].format)
        write_whole(path, encode_animation(made, timing, kind))
        yield Item(source, path, target.name, *frames[0].size, len(made), reel.faces, before)


def _video(session: TransferSession, planned: PlannedFile) -> Iterator[Item]:
    """Translate a video, from its beginning for each target."""
    source = planned.source.path
    for target, path in planned.outputs:
        with Video(source, str(source)) as file:
            item = _copy(session, file, target, path, planned)
        if item is None:
            return
        yield item


def _camera(session: TransferSession, planned: PlannedFile, number: int) -> Iterator[Item]:
    """Translate what a camera sees until Ctrl-C, or as many frames as asked, into one video.

    Its frame rate is that of the translation.
    """
    source, ((target, path), *_) = planned.source.path, planned.outputs
    first: list[np.ndarray] = []
    file, count, reel, began = None, 0, Reel(session), time.monotonic()
    with Video(number, str(source)) as eye, contextlib.ExitStack() as stack:
        for pixels in eye.frames():
            photo = _even(session.sized(Photo(pixels)))
            made = reel.translated([photo], reel.parts([photo]), target)[0].pixels
            count += 1
            ends = session.stopped or count == session.request.limit
            if file is None:
                first.append(made)
                if count < MEASURED and not ends:
                    continue
                fps = max(0.5, min(60.0, count / max(time.monotonic() - began, 1e-3)))
                file = new_video(path, made.shape[1], made.shape[0], fps)
                stack.callback(file.discard)
                file.write(first)
            else:
                file.write([made])
            if ends:
                break
        if file is None:
            raise ImageError(str(source), "the camera gave no picture", "video")
        yield Item(source, file.finish(), target.name, *file.size, count, reel.faces)


def _copy(
    session: TransferSession, file: Video, target: Target, path: Path, planned: PlannedFile
) -> Item | None:
    """Write a translated video; None, and no file, where it was stopped."""
    frames = (session.sized(Photo(pixels)) for pixels in file.frames())
    made, count, before, reel = None, 0, None, Reel(session)
    with contextlib.ExitStack() as stack:
        for part in _in_parts(frames):
            if session.stopped:
                return None
            if made is None:
                before = session.small(planned, part[0].pixels)
                size = _even(part[0]).size
                made = new_video(path, *size, file.fps, planned.source.path)
                stack.callback(made.discard)
            even = [_even(photo) for photo in part]
            drawn = reel.translated(even, reel.parts(even), target)
            made.write(photo.pixels for photo in drawn)
            count += len(part)
        if made is None:
            raise ImageError("", "a video without frames", "video")
        if reel.faces == 0:
            session.faceless(planned)
            return None
        made.finish()
        _tell_losses(session, file, count, part[0].size, made.size)
        return Item(planned.source.path, path, target.name, *made.size, count, reel.faces, before)


@dataclass
class Reel:
    """The frames of one film: what the first one shows holds for all of them.

    `faces` are the most that a frame has, None where none is looked for; a frame without a face
    stays as it is.
    """

    session: TransferSession
    faces: int | None = None
    labels: np.ndarray | None = None  # float32 [L]
    read: bool = False

    def parts(self, photos: list[Photo]) -> list[list[Part]]:
        """Return what the network sees of each frame."""
        found = [self.session.parts(photo) for photo in photos]
        if self.session.finder is not None:
            self.faces = max(self.faces or 0, *map(len, found))
        first = next((each[0] for each in found if each), None)
        if not self.read and first is not None:
            self.labels, self.read = self.session.reader.labels(first.look), True
        return found

    def translated(
        self, photos: list[Photo], parts: list[list[Part]], target: Target
    ) -> list[Photo]:
        """Return frames as the target has them."""
        flat = [part for each in parts for part in each]
        drawn = iter(self.session.drawn(flat, [self.labels] * len(flat), target))
        return [
            photo.showing(restored(photo.pixels, each, [next(drawn) for _ in each]))
            for photo, each in zip(photos, parts, strict=True)
        ]


def _even(photo: Photo) -> Photo:
    """Return a frame without its odd column or row, which most codecs refuse."""
    width, height = photo.size
    if min(width, height) < 2:
        return photo.resized(max(2, width // 2 * 2), max(2, height // 2 * 2))
    return photo.showing(photo.pixels[: height // 2 * 2, : width // 2 * 2])


def _tell_losses(
    session: TransferSession,
    file: Video,
    count: int,
    before: tuple[int, int],
    after: tuple[int, int],
) -> None:
    """Say what of a video is not in its result: an odd column or row, frames that are damaged."""
    told = session.result.warnings
    if before != after:
        sizes = "{}x{} to {}x{}".format(*before, *after)
        told.append(f"{file.name} was cut from {sizes}: videos have even sides")
    if count < HELD * file.count:
        told.append(f"{file.name} is damaged or cut short: {count:,} of {file.count:,} frames")


def _in_parts(frames: Iterator[Photo]) -> Iterator[list[Photo]]:
    part: list[Photo] = []
    for photo in frames:
        part.append(photo)
        if len(part) == PART:
            yield part
            part = []
    if part:
        yield part
