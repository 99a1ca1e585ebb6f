"""Session: what all parts of one transfer share, from the network to the list of results."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from animekit.files import Progress
from animekit.images.decode import ImageError
from animekit.signals import StopSignals
from animekit.translation.page import PAGE_FOLDER, ROWS, small_picture
from animekit.translation.photo import Photo, write_whole
from animekit.translation.plan import PlannedFile
from animekit.translation.request import TransferRequest
from animekit.translation.result import FailedFile, Item, Transferred
from animekit.translation.sheet import ComparisonSheet
from animekit.translation.targets import LabelReader, Target
from animekit.translation.translator import Translator

LONGEST = 16_384  # pixels of a side that --size may ask for


@dataclass
class TransferSession:
    """One transfer while it goes on: how it translates, and what came of it.

    `order` is the place of each input among all, by which results are listed; `backs` counts the
    pictures that were drawn there and back.
    """

    translator: Translator
    reader: LabelReader
    request: TransferRequest
    result: Transferred
    signals: StopSignals
    progress: Progress | None = None
    has_page: bool = False
    sheet: ComparisonSheet = field(default_factory=ComparisonSheet)
    order: dict[Path, int] = field(default_factory=dict)
    total: int = 0
    done: int = 0
    backs: int = 0

    @property
    def stopped(self) -> bool:
        """Whether a signal asks for an end."""
        return self.signals.received is not None

    def begin(self, files: Sequence[PlannedFile]) -> None:
        """Take files in; a watch does so again and again."""
        self.total += len(files)
        for each in files:
            self.order.setdefault(each.source.path, len(self.order))
        self.tell(0)

    def tell(self, more: int) -> None:
        """Count files that are done or have failed."""
        self.done += more
        if self.progress is not None:
            self.progress(self.done, self.total)

    def add(self, items: Sequence[Item]) -> None:
        """Take in what a file became."""
        self.result.items += items

    def fail(self, planned: PlannedFile, code: str, reason: str) -> None:
        """List a file as failed, and go on."""
        self.result.failed.append(FailedFile(planned.source.path, code, reason))
        self.tell(1)

    def place(self, path: Path) -> int:
        """Return which of all inputs a file is, counted from 0."""
        return self.order.get(path, 0)

    def one(self, photo: Photo, target: Target) -> Photo:
        """Translate one picture to one target."""
        photo = self.sized(photo)
        argument = target.argument(self.reader.labels(photo.pixels))
        return photo.showing(self.translator.translate([photo.pixels], argument)[0])

    def sized(self, photo: Photo) -> Photo:
        """Bring a picture to the size that was asked for, its shape kept."""
        width, height = photo.size
        if self.request.size == "keep":
            return self.bounded(photo)
        fit = self.request.size == "fit"
        side = self.translator.model.spec.size if fit else int(self.request.size)
        factor = side / min(width, height)
        wide, tall = (max(1, round(length * factor)) for length in (width, height))
        if max(wide, tall) > LONGEST:
            raise ImageError("", f"{width}x{height} would become {wide}x{tall}", "too_large")
        return self.bounded(photo.resized(wide, tall))

    def bounded(self, photo: Photo) -> Photo:
        """Return a picture that can pass. Raises ImageError where it has too many pixels."""
        width, height = photo.size
        if self.translator.fits(height, width):
            return photo
        raise ImageError(
            "", f"{width * height:,} pixels are too many in one piece; see --tile", "too_large"
        )

    def small(self, planned: PlannedFile, pixels: np.ndarray, ending: str = "") -> Path | None:
        """Write a small picture for the page; None where there is none, or it is full."""
        if not self.has_page or self.place(planned.source.path) >= ROWS:
            return None
        name = os.fsencode(f"{planned.outputs[0][1]}\0{ending}")
        folder = self.result.out / PAGE_FOLDER
        path = folder / f"{hashlib.blake2b(name, digest_size=8).hexdigest()}.webp"
        write_whole(path, small_picture(pixels))
        return path

    def sort(self, items: int, failed: int) -> None:
        """Order results as the inputs are, but for the first `items` and `failed`."""
        found, bad = self.result.items, self.result.failed
        found[items:] = sorted(found[items:], key=lambda item: self.place(item.source))
        bad[failed:] = sorted(bad[failed:], key=lambda each: self.place(each.path))
