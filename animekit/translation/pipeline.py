"""Pipeline: read ahead, translate in batches of one size, write behind."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from animekit.errors import DataError, UnusableError
from animekit.files import cores
from animekit.images.decode import ImageError, read_image_file
from animekit.images.formats import KINDS
from animekit.models.targets import Target
from animekit.translation.faces import Part, restored
from animekit.translation.film import film
from animekit.translation.photo import Photo, encode, read_photo, write_whole
from animekit.translation.plan import PlannedFile
from animekit.translation.result import Item
from animekit.translation.session import TransferSession

# pixels of pictures that wait for others of their size
WAITING_PIXELS = 32_000_000
# pictures that are read before the network asks for them, and written after it drew them
AHEAD, BEHIND = 16, 32
MOVING = (".gif", ".webp", ".png", ".apng", "")  # endings of results that can hold several frames


@dataclass(frozen=True)
class Drawn:
    """What a picture became: its file, its pixels, and those translated back."""

    target: Target
    path: Path
    pixels: np.ndarray  # uint8 [H, W, 3]
    back: np.ndarray | None = None


Key = tuple[tuple[tuple[int, ...], ...], tuple[str, ...]]


@dataclass
class Ready:
    """A picture that was read, brought to its size, and waits for its batch.

    `parts` are what the network sees of it, and `labels` float32 [L] what each shows before.
    """

    planned: PlannedFile
    photo: Photo
    parts: list[Part]
    labels: list[np.ndarray | None]

    @property
    def key(self) -> Key:
        """What pictures of one batch have in common: sizes of their parts, targets."""
        names = tuple(target.name for target, _ in self.planned.outputs)
        return tuple(part.pixels.shape for part in self.parts), names


def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max(2, min(8, cores())))


@dataclass
class Pipeline:
    """Files on their way through the translator of a session; for one run.

    Threads decode and encode; the network has the main thread and torch's own threads.
    """

    session: TransferSession
    pool: ThreadPoolExecutor = field(default_factory=_pool)
    waiting: dict[Key, list[Ready]] = field(default_factory=dict)
    writing: deque[tuple[PlannedFile, Future[list[Item]]]] = field(default_factory=deque)

    def run(self, files: Sequence[PlannedFile]) -> None:
        """Translate all; a file that fails is listed in the result, and the others go on."""
        session = self.session
        session.begin(files)
        before = len(session.result.items), len(session.result.failed)
        try:
            for ready in self._read(files):
                group = self.waiting.setdefault(ready.key, [])
                group.append(ready)
                height, width = ready.parts[0].pixels.shape[:2]
                if len(group) * len(ready.parts) >= session.translator.batch(height, width):
                    self._translate(self.waiting.pop(ready.key))
                elif self._waiting_pixels() > WAITING_PIXELS:
                    self._flush()
            self._flush()
            while self.writing:
                self._take()
        finally:
            self.pool.shutdown(wait=True, cancel_futures=True)
        session.sort(*before)

    def _read(self, files: Sequence[PlannedFile]) -> Iterator[Ready]:
        """Yield pictures in their order, some of them read ahead; film those that move at once."""
        session = self.session
        ahead: deque[tuple[PlannedFile, Future[tuple[bytes, Photo]] | None]] = deque()
        left = iter(files)
        while not session.stopped:
            for planned in left:
                still = not planned.source.is_filmed
                ahead.append((planned, self.pool.submit(self._load, planned) if still else None))
                if len(ahead) >= AHEAD:
                    break
            if not ahead:
                return
            planned, loading = ahead.popleft()
            try:
                if loading is None:
                    film(session, planned)
                    continue
                data, photo = loading.result()
                if photo.moves and _may_move(planned):
                    film(session, planned, data)
                    continue
                parts = session.parts(photo)
                if parts:
                    yield Ready(planned, photo, parts, session.labels(parts))
                else:
                    session.faceless(planned)
            except ImageError as error:
                session.fail(planned, error.code, error.reason)
            except UnusableError as error:  # a single frame of it made NaN
                session.fail(planned, error.code, error.message)

    def _load(self, planned: PlannedFile) -> tuple[bytes, Photo]:
        name = str(planned.source.path)
        data = read_image_file(planned.source.path, name)
        photo = read_photo(data, name, self.session.request.alpha)
        return (data if photo.moves else b""), self.session.sized(photo)

    def _waiting_pixels(self) -> int:
        sizes = (ready.photo.size for group in self.waiting.values() for ready in group)
        return sum(width * height for width, height in sizes)

    def _flush(self) -> None:
        while self.waiting and not self.session.stopped:
            self._translate(self.waiting.pop(next(iter(self.waiting))))

    def _translate(self, group: list[Ready]) -> None:
        """Translate pictures of one size to all their targets, and hand them to the writers."""
        try:
            made = self._drawn(group)
        except UnusableError as error:
            if len(group) > 1:
                for ready in group:
                    self._translate([ready])
                return
            self.session.fail(group[0].planned, error.code, error.message.partition(",")[0])
            return
        for ready, drawn in zip(group, made, strict=True):
            self.writing.append((ready.planned, self.pool.submit(self._write, ready, drawn)))
        while len(self.writing) > BEHIND:
            self._take()

    def _drawn(self, group: list[Ready]) -> list[list[Drawn]]:
        """Return what each picture of a group becomes, target by target."""
        parts = [part for ready in group for part in ready.parts]
        labels = [each for ready in group for each in ready.labels]
        found: list[list[Drawn]] = [[] for _ in group]
        with_back = self._with_back(len(group))
        for place, (target, _) in enumerate(group[0].planned.outputs):
            made = self.session.drawn(parts, labels, target)
            backs = self.session.backs_of(parts, labels, made, target) if with_back else None
            for index, ready in enumerate(group):
                own = slice(index * len(ready.parts), (index + 1) * len(ready.parts))
                path, before = ready.planned.outputs[place][1], ready.photo.pixels
                pixels = restored(before, ready.parts, made[own])
                back = None if backs is None else restored(before, ready.parts, backs[own])
                found[index].append(Drawn(target, path, pixels, back))
        return found

    def _with_back(self, count: int) -> bool:
        """Say whether the page is to show pictures there and back, and count them."""
        session = self.session
        limit = session.request.reconstruct
        if not session.has_page or (limit is not None and session.backs >= limit):
            return False
        session.backs += count
        return True

    def _write(self, ready: Ready, drawn: list[Drawn]) -> list[Item]:
        """Write all that a picture became, and the small pictures of the page."""
        session, planned = self.session, ready.planned
        source, (width, height) = planned.source.path, ready.photo.size
        flat = ready.photo.flat()
        before = session.small(planned, flat)
        items = []
        for each in drawn:
            photo = ready.photo.showing(each.pixels)
            kind = KINDS.get(each.path.suffix.lower(), ready.photo.format)
            try:
                data = encode(photo, kind)
            except (OSError, ValueError) as error:
                raise ImageError("", f"cannot be written as {kind} ({error})", "write") from None
            write_whole(each.path, data)
            name, back = each.target.name, None
            if each.back is not None:
                back = session.small(planned, each.back, name)
            faces = session.counted(ready.parts)
            item = Item(source, each.path, name, width, height, faces=faces)
            items.append(replace(item, before=before, back=back))
        changed = {each.target.words: each.pixels for each in drawn}
        session.sheet.add(session.place(source), flat, changed)
        return items

    def _take(self) -> None:
        planned, written = self.writing.popleft()
        try:
            items = written.result()
        except ImageError as error:
            self.session.fail(planned, error.code, error.reason)
            return
        self.session.add(items)
        self.session.tell(1)


def translate_stream(session: TransferSession, planned: PlannedFile) -> None:
    """Translate the one picture of a request that reads or writes a stream.

    Raises DataError for what is no picture: there are no others to go on with.
    """
    request, ((target, path), *_) = session.request, planned.outputs
    name = str(planned.source.path)
    session.begin([planned])
    try:
        if request.source_stream is not None:
            data = request.source_stream.read()
        else:
            data = read_image_file(planned.source.path, name)
        photo, faces = session.one(read_photo(data, name, request.alpha), target, name)
        ending = path.suffix.lower() if request.ext == "same" else f".{request.ext}"
        made = encode(photo, KINDS.get(ending, photo.format))
    except ImageError as error:
        raise DataError(f"{name}: {error.reason}", error.hint, code=error.code) from None
    if request.out_stream is not None:
        request.out_stream.write(made)
        request.out_stream.flush()
    else:
        write_whole(path, made)
    session.add([Item(planned.source.path, path, target.name, *photo.size, faces=faces)])
    session.tell(1)


def _may_move(planned: PlannedFile) -> bool:
    """Say whether any result is of a format that can move; else the first frame is taken."""
    return any(path.suffix.lower() in MOVING for _, path in planned.outputs)
