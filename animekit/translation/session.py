"""Session: what all parts of one transfer share, from the network to the list of results."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from animekit.engines import crew
from animekit.files import Progress
from animekit.images.decode import ImageError
from animekit.models.targets import LabelReader, Target
from animekit.signals import StopSignals
from animekit.translation.faces import FaceFinder, Part, restored, whole_part
from animekit.translation.page import PAGE_FOLDER, ROWS, small_picture
from animekit.translation.photo import Photo, write_whole
from animekit.translation.plan import PlannedFile
from animekit.translation.request import TransferRequest
from animekit.translation.result import NAMED, FailedFile, Item, Transferred, no_face
from animekit.translation.sheet import ComparisonSheet
from animekit.translation.translator import Translator

MUCH = 2  # times the size that weights know of one face: there is more in the picture than that
LONGEST = 16_384  # pixels of a side that --size may ask for


@dataclass
class TransferSession:
    """One transfer while it goes on: how it translates, and what came of it.

    `order` is the place of each input among all, by which results are listed; `backs` counts the
    pictures that were drawn there and back, `shrunk` those that were seen much smaller than they
    are.
    """

    translator: Translator
    reader: LabelReader
    request: TransferRequest
    result: Transferred
    signals: StopSignals
    progress: Progress | None = None
    has_page: bool = False
    finder: FaceFinder | None = None
    sheet: ComparisonSheet = field(default_factory=ComparisonSheet)
    order: dict[Path, int] = field(default_factory=dict)
    total: int = 0
    done: int = 0
    backs: int = 0
    shrunk: int = 0

    @property
    def stopped(self) -> bool:
        """Whether a signal asks for an end."""
        return self.signals.received is not None

    def begin(self, files: Sequence[PlannedFile]) -> None:
        """Take files in; a watch does so again and again."""
        self.total += len(files)
        self.number(files)
        self.tell(0)

    def number(self, files: Sequence[PlannedFile]) -> None:
        """Give each file its place among all."""
        for each in files:
            self.order.setdefault(each.source.path, len(self.order))

    def unite(self) -> None:
        """Take in what other processes made, in the order of the inputs."""
        result = self.result
        parts = crew.everyone(
            [(result.items, result.failed, result.faceless, self.sheet.rows, self.shrunk)]
        )
        result.items = [item for part in parts for item in part[0]]
        result.failed = list(dict.fromkeys(each for part in parts for each in part[1]))
        result.faceless = [path for part in parts for path in part[2]]
        self.sheet.rows = {key: row for part in parts for key, row in part[3].items()}
        self.shrunk = sum(part[4] for part in parts)

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

    def faceless(self, planned: PlannedFile) -> None:
        """List a file as without a face, and go on."""
        self.result.faceless.append(planned.source.path)
        self.tell(1)

    def parts(self, photo: Photo) -> list[Part]:
        """Return what the network sees of a picture; [] where it lacks the faces wanted.

        Weights that know labels see a picture at their own size, unless another one was asked for.
        """
        model, request = self.translator.model, self.request
        if self.finder is not None:
            return self.finder.parts(photo.pixels)
        if model.directions or request.size != "auto" or request.tile:
            return [Part(photo.pixels, photo.pixels)]
        self.shrunk += min(photo.size) > MUCH * model.spec.size
        return [whole_part(photo.pixels, model.spec.size, model.multiple)]

    def warnings(self) -> list[str]:
        """Return what a person should know of the pictures, in sentences."""
        found = []
        faceless = self.result.faceless
        if faceless and self.result.items:
            shown = ", ".join(map(str, faceless[:NAMED])) + " ..." * (len(faceless) > NAMED)
            found.append(
                f"{len(faceless):,} of {self.result.pictures:,} pictures left alone, no face found:"
                f" {shown} (--face off translates them whole)"
            )
        if self.shrunk:
            many = f"{self.shrunk:,} pictures are" if self.shrunk > 1 else "1 picture is"
            found.append(
                f"{many} much larger than the {self.translator.model.spec.size} px that the weights"
                " know, and seen shrunk: cut out what they know first, or look for drawn faces with"
                " --face on"
            )
        return found

    def labels(self, parts: Sequence[Part]) -> list[np.ndarray | None]:
        """Return the labels float32 [L] of each part, None where they are unknown."""
        return [self.reader.labels(part.look) for part in parts]

    def drawn(
        self, parts: Sequence[Part], labels: Sequence[np.ndarray | None], target: Target
    ) -> list[np.ndarray]:
        """Return what parts of any sizes become, uint8 [h, w, 3] each."""

        def translate(pictures: list[np.ndarray], places: list[int]) -> list[np.ndarray]:
            argument = _argument(target, [labels[place] for place in places])
            return self.translator.translate(pictures, argument)

        made = self._by_size(parts, translate)
        assert made is not None, "only the way back may be unknown"
        return made

    def backs_of(
        self,
        parts: Sequence[Part],
        labels: Sequence[np.ndarray | None],
        made: Sequence[np.ndarray],
        target: Target,
    ) -> list[np.ndarray] | None:
        """Return parts there and back, None where the model knows no way back.

        `made` is what became of them.
        """
        known = [each for each in labels if each is not None]
        whole = len(known) == len(labels)

        def back(pictures: list[np.ndarray], places: list[int]) -> list[np.ndarray] | None:
            source = (
                torch.from_numpy(np.stack([known[place] for place in places])) if whole else None
            )
            return self.translator.back(
                pictures,
                [made[place] for place in places],
                _argument(target, [labels[place] for place in places]),
                None if source is None else source.to(self.translator.device),  # [N, L]
            )

        return self._by_size(parts, back)

    def _by_size(
        self,
        parts: Sequence[Part],
        call: Callable[[list[np.ndarray], list[int]], Sequence[np.ndarray] | None],
    ) -> list[np.ndarray] | None:
        """Call a function for parts of one size, as many as pass at once; None as soon as it is."""
        groups: dict[tuple[int, ...], list[int]] = {}
        for place, part in enumerate(parts):
            groups.setdefault(part.pixels.shape, []).append(place)
        made: dict[int, np.ndarray] = {}
        for (height, width, _), places in groups.items():
            size = self.translator.batch(height, width)
            for start in range(0, len(places), size):
                some = places[start : start + size]
                drawn = call([parts[place].pixels for place in some], some)
                if drawn is None:
                    return None
                made |= zip(some, drawn, strict=True)
        return [made[place] for place in range(len(parts))]

    def one(self, photo: Photo, target: Target, name: str) -> tuple[Photo, int | None]:
        """Translate one picture to one target; return it and the number of its faces.

        Raises UnusableError where a face is wanted and none is there.
        """
        photo = self.sized(photo)
        parts = self.parts(photo)
        if not parts:
            raise no_face([Path(name)])
        drawn = self.drawn(parts, self.labels(parts), target)
        return photo.showing(restored(photo.pixels, parts, drawn)), self.counted(parts)

    def counted(self, parts: Sequence[Part]) -> int | None:
        """Return how many faces parts are, None where no face was looked for."""
        return None if self.finder is None else len(parts)

    def sized(self, photo: Photo) -> Photo:
        """Bring a picture to the size that was asked for, its shape kept."""
        width, height = photo.size
        if self.request.size in ("auto", "keep"):
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


def _argument(target: Target, labels: Sequence[np.ndarray | None]) -> Any:
    """Return what `translate` takes for pictures of these labels: labels [N, L], or a direction."""
    arguments = [target.argument(each) for each in labels]
    return torch.cat(arguments) if isinstance(arguments[0], torch.Tensor) else arguments[0]
