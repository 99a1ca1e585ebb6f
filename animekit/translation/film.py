"""Filming: pictures that move through a translator, frame by frame."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from animekit.images.decode import KINDS, ImageError
from animekit.translation.photo import Photo, write_whole
from animekit.translation.result import Item
from animekit.translation.targets import Column
from animekit.translation.video import Video, VideoFile, encode_animation, read_animation

if TYPE_CHECKING:
    from animekit.translation.pipeline import Flow
    from animekit.translation.plan import Work

PART = 8  # frames of a video that are read at a time
MEASURED = 8  # frames by which the speed of a camera's video is known


def animation(flow: Flow, work: Work, data: bytes) -> None:
    """Translate all frames of a GIF, an animated WebP or PNG. Raises ImageError."""
    frames, timing = read_animation(data, str(work.source.path), flow.wishes.alpha)
    frames = [flow.sized(photo) for photo in frames]
    labels = flow.source.labels(frames[0].pixels)
    before = flow.small(work, frames[0].flat())
    for column, path in work.targets:
        made = _translated(flow, frames, column, labels)
        kind = KINDS.get(path.suffix.lower(), frames[0].format)
        write_whole(path, encode_animation(made, timing, kind))
        size, count = frames[0].size, len(made)
        item = Item(work.source.path, path, column.name, *size, count, before)
        flow.result.items.append(item)
    flow.tell(1)


def video(flow: Flow, work: Work) -> None:
    """Translate a video; one that is stopped leaves nothing. Raises ImageError."""
    source = work.source.path
    for column, path in work.targets:
        with Video(source, str(source)) as file:
            item = _film(flow, file, column, path, work)
        if item is None:
            return
        flow.result.items.append(item)
    flow.tell(1)


def camera(flow: Flow, number: int, column: Column, path: Path, limit: int | None) -> Item:
    """Translate what a camera sees until Ctrl-C, or `limit` frames, into one video.

    Its frame rate is that of the translation. Raises DeviceError without a camera.
    """
    first: list[np.ndarray] = []
    file, count, labels, began = None, 0, None, time.monotonic()
    with Video(number, f"cam:{number}") as eye, contextlib.ExitStack() as stack:
        for pixels in eye.frames():
            photo = flow.sized(Photo(pixels))
            photo = photo.resized(*_even(photo))
            labels = flow.source.labels(photo.pixels) if count == 0 else labels
            made = _translated(flow, [photo], column, labels)[0].pixels
            count += 1
            ends = flow.signals.received is not None or count == limit
            if file is None:
                first.append(made)
                if count < MEASURED and not ends:
                    continue
                fps = max(0.5, min(60.0, count / max(time.monotonic() - began, 1e-3)))
                file = VideoFile(path, made.shape[1], made.shape[0], fps)
                stack.callback(file.discard)
                file.write(first)
            else:
                file.write([made])
            if ends:
                break
        if file is None:
            raise ImageError(f"cam:{number}", "the camera gave no picture", "video")
        return Item(Path(f"cam:{number}"), file.finish(), column.name, *file.size, count)


def _film(flow: Flow, file: Video, column: Column, path: Path, work: Work) -> Item | None:
    frames = (flow.sized(Photo(pixels)) for pixels in file.frames())
    labels, made, count, before = None, None, 0, None
    with contextlib.ExitStack() as stack:
        for part in _in_parts(frames):
            if flow.signals.received is not None:
                return None
            if made is None:
                labels = flow.source.labels(part[0].pixels)
                before = flow.small(work, part[0].pixels)
                made = VideoFile(path, *_even(part[0]), file.fps)
                stack.callback(made.discard)
            even = [photo.resized(*made.size) for photo in part]
            made.write(photo.pixels for photo in _translated(flow, even, column, labels))
            count += len(part)
        if made is None:
            raise ImageError("", "a video without frames", "video")
        made.finish()
        return Item(work.source.path, path, column.name, *made.size, count, before)


def _translated(
    flow: Flow, photos: list[Photo], column: Column, labels: np.ndarray | None
) -> list[Photo]:
    width, height = photos[0].size
    target, made = column.target(labels), []
    size = flow.translator.batch(height, width)
    for start in range(0, len(photos), size):
        part = photos[start : start + size]
        drawn = flow.translator.translate([photo.pixels for photo in part], target)
        made += [photo.showing(pixels) for photo, pixels in zip(part, drawn, strict=True)]
    return made


def _even(photo: Photo) -> tuple[int, int]:
    """Return the size without an odd column or row, which most codecs refuse."""
    width, height = photo.size
    return max(2, width // 2 * 2), max(2, height // 2 * 2)


def _in_parts(frames: Iterator[Photo]) -> Iterator[list[Photo]]:
    part: list[Photo] = []
    for photo in frames:
        part.append(photo)
        if len(part) == PART:
            yield part
            part = []
    if part:
        yield part
