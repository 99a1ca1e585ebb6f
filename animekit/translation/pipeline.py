"""Flow of a transfer: read ahead, translate in batches of one size, write behind."""

from __future__ import annotations

import hashlib
import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from animekit.errors import UnusableError
from animekit.images.decode import KINDS, ImageError, read_image_file
from animekit.signals import StopSignals
from animekit.translation import film
from animekit.translation.page import PAGE_FOLDER, ROWS, small_picture
from animekit.translation.photo import Photo, encode, read_photo, write_whole
from animekit.translation.plan import Work
from animekit.translation.result import Failure, Item, Transferred
from animekit.translation.sheet import Sheet
from animekit.translation.targets import Column, Source
from animekit.translation.translator import Translator

if TYPE_CHECKING:
    from animekit.translation.options import Wishes

Progress = Callable[[int, int], None]
WAITING_PIXELS = 32_000_000
"""Pixels of pictures that wait for others of their size."""


@dataclass(frozen=True)
class Drawn:
    """What a picture became in one column: file, pixels, and the way back."""

    column: Column
    path: Path
    pixels: np.ndarray
    back: np.ndarray | None = None


@dataclass
class Ready:
    """A picture that was read, brought to its size, and waits for its batch."""

    work: Work
    photo: Photo
    source: np.ndarray | None = None


@dataclass
class Flow:
    """Pictures on their way through a translator, into `result`.

    Threads decode and encode; the network has the main thread and torch's own threads.
    """

    translator: Translator
    source: Source
    wishes: Wishes
    result: Transferred
    progress: Progress | None
    signals: StopSignals
    sheet: Sheet = field(default_factory=Sheet)
    backs: int = 0
    total: int = 0

    def run(self, works: Sequence[Work]) -> None:
        """Translate all; a file that fails is listed in the result, and the others go on."""
        self.total = len(works)
        self.told = 0
        self.order = {work.source.path: index for index, work in enumerate(works)}
        self.pool = ThreadPoolExecutor(max(2, min(8, os.cpu_count() or 2)))
        self.writing: deque[tuple[Work, Future[list[Item]]]] = deque()
        self.tell(0)
        first_item, first_failure = len(self.result.items), len(self.result.failed)
        try:
            waiting: dict[tuple[int, int, tuple[str, ...]], list[Ready]] = {}
            for ready in self._read(works):
                names = tuple(column.name for column, _ in ready.work.targets)
                group = waiting.setdefault((*ready.photo.size, names), [])
                group.append(ready)
                width, height = ready.photo.size
                if len(group) >= self.translator.batch(height, width):
                    self._translate(waiting.pop((width, height, names)))
                elif _pixels(waiting) > WAITING_PIXELS:
                    self._flush(waiting)
            self._flush(waiting)
            while self.writing:
                self._take()
        finally:
            self.pool.shutdown(wait=True, cancel_futures=True)
        self.result.items[first_item:] = sorted(
            self.result.items[first_item:], key=lambda item: self.order.get(item.source, 0)
        )
        self.result.failed[first_failure:] = sorted(
            self.result.failed[first_failure:], key=lambda each: self.order.get(each.path, 0)
        )

    def one(self, photo: Photo, column: Column) -> Photo:
        """Translate one picture to one column."""
        photo = self.sized(photo)
        target = column.target(self.source.labels(photo.pixels))
        return photo.showing(self.translator.translate([photo.pixels], target)[0])

    def _flush(self, waiting: dict[tuple[int, int, tuple[str, ...]], list[Ready]]) -> None:
        while waiting and self.signals.received is None:
            self._translate(waiting.pop(next(iter(waiting))))

    def _read(self, works: Sequence[Work]) -> Iterator[Ready]:
        """Yield pictures in their order, some of them read ahead; do those that move at once."""
        ahead: deque[tuple[Work, Future[tuple[bytes, Photo]] | None]] = deque()
        left = iter(works)
        while self.signals.received is None:
            for work in left:
                job = None if work.source.is_video else self.pool.submit(self._load, work)
                ahead.append((work, job))
                if len(ahead) >= 16:
                    break
            if not ahead:
                return
            work, job = ahead.popleft()
            try:
                if job is None:
                    film.video(self, work)
                    continue
                data, photo = job.result()
                if photo.moves and _stays_moving(work):
                    film.animation(self, work, data)
                else:
                    yield Ready(work, photo, self.source.labels(photo.pixels))
            except ImageError as error:
                self.fail(work, error.code, error.reason)
            except UnusableError as error:  # a single frame of it made NaN
                self.fail(work, error.code, error.message)

    def _load(self, work: Work) -> tuple[bytes, Photo]:
        name = str(work.source.path)
        data = read_image_file(work.source.path, name)
        photo = read_photo(data, name, self.wishes.alpha)
        return (data if photo.moves else b""), self.sized(photo)

    def sized(self, photo: Photo) -> Photo:
        """Bring a picture to the size that was asked for, its shape kept."""
        width, height = photo.size
        if self.wishes.size == "keep":
            return self._bounded(photo)
        fit = self.wishes.size == "fit"
        side = self.translator.model.spec.size if fit else int(self.wishes.size)
        factor = side / min(width, height)
        wide, tall = (max(1, round(length * factor)) for length in (width, height))
        limit = 16_384
        if max(wide, tall) > limit:
            raise ImageError("", f"{width}x{height} would become {wide}x{tall}", "too_large")
        return self._bounded(photo.resized(wide, tall))

    def _bounded(self, photo: Photo) -> Photo:
        width, height = photo.size
        if self.translator.fits(height, width):
            return photo
        raise ImageError(
            "", f"{width * height:,} pixels are too many in one piece; see --tile", "too_large"
        )

    def _translate(self, group: list[Ready]) -> None:
        """Translate pictures of one size to all their columns, and hand them to the writers."""
        try:
            made = self._drawn(group)
        except UnusableError as error:
            if len(group) > 1:
                for ready in group:
                    self._translate([ready])
                return
            self.fail(group[0].work, error.code, error.message.partition(",")[0])
            return
        for ready, drawn in zip(group, made, strict=True):
            self.writing.append((ready.work, self.pool.submit(self._write, ready, drawn)))
        while len(self.writing) > 32:
            self._take()

    def _drawn(self, group: list[Ready]) -> list[list[Drawn]]:
        """Return what each picture of a group becomes, column by column."""
        pictures = [ready.photo.pixels for ready in group]
        found: list[list[Drawn]] = [[] for _ in group]
        for place, (column, _) in enumerate(group[0].work.targets):
            targets = [column.target(ready.source) for ready in group]
            target = torch.cat(targets) if isinstance(targets[0], torch.Tensor) else targets[0]
            made = self.translator.translate(pictures, target)
            backs = self._back(group, pictures, made, target)
            for index, ready in enumerate(group):
                path = ready.work.targets[place][1]
                back = None if backs is None else backs[index]
                found[index].append(Drawn(column, path, made[index], back))
        return found

    def _back(
        self,
        group: list[Ready],
        pictures: list[np.ndarray],
        made: list[np.ndarray],
        target: object,
    ) -> list[np.ndarray] | None:
        """Return the pictures there and back, for as many as the page is to show."""
        limit = self.wishes.reconstruct
        if not self.wishes.html or (limit is not None and self.backs >= limit):
            return None
        self.backs += len(group)
        known = [ready.source for ready in group if ready.source is not None]
        source = torch.from_numpy(np.stack(known)) if len(known) == len(group) else None
        source = None if source is None else source.to(self.translator.device)
        return self.translator.back(pictures, made, target, source)

    def _write(self, ready: Ready, drawn: list[Drawn]) -> list[Item]:
        """Write all that a picture became, and the small pictures of the page."""
        items = []
        work, (width, height) = ready.work, ready.photo.size
        flat = ready.photo.flat()
        before = self.small(work, flat)
        for each in drawn:
            photo = ready.photo.showing(each.pixels)
            kind = KINDS.get(each.path.suffix.lower(), ready.photo.format)
            try:
                data = encode(photo, kind)
            except (OSError, ValueError) as error:
                raise ImageError("", f"cannot be written as {kind} ({error})", "write") from None
            write_whole(each.path, data)
            back = None if each.back is None else self.small(work, each.back, each.column.name)
            item = Item(work.source.path, each.path, each.column.name, width, height)
            items.append(replace(item, before=before, back=back))
        changed = {each.column.words: each.pixels for each in drawn}
        self.sheet.add(self.order[work.source.path], flat, changed)
        return items

    def small(self, work: Work, pixels: np.ndarray, ending: str = "") -> Path | None:
        """Write a small picture for the page; None where there is none, or it is full."""
        if not self.wishes.html or self.order[work.source.path] >= ROWS:
            return None
        name = os.fsencode(f"{work.targets[0][1]}\0{ending}")
        folder = self.result.out / PAGE_FOLDER
        path = folder / f"{hashlib.blake2b(name, digest_size=8).hexdigest()}.webp"
        write_whole(path, small_picture(pixels))
        return path

    def _take(self) -> None:
        work, job = self.writing.popleft()
        try:
            items = job.result()
        except ImageError as error:
            self.fail(work, error.code, error.reason)
            return
        self.result.items += items
        self.tell(1)

    def fail(self, work: Work, code: str, reason: str) -> None:
        """List a file as failed, and go on."""
        self.result.failed.append(Failure(work.source.path, code, reason))
        self.tell(1)

    def tell(self, more: int) -> None:
        """Count files that are done or have failed."""
        self.told += more
        if self.progress is not None:
            self.progress(self.told, self.total)


def _stays_moving(work: Work) -> bool:
    """Say whether any result is of a format that can move; else the first frame is taken."""
    return any(path.suffix.lower() in (".gif", ".webp", ".png", "") for _, path in work.targets)


def _pixels(waiting: dict[tuple[int, int, tuple[str, ...]], list[Ready]]) -> int:
    return sum(size[0] * size[1] * len(group) for size, group in waiting.items())
