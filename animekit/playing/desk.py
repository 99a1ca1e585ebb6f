"""Desks: what a page asks of a model on this machine: noise, faces, translated pictures."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import numpy as np

from animekit import device as devices
from animekit.errors import DataError, UsageError
from animekit.exporting.page import described
from animekit.images.decode import ImageError
from animekit.labels.attributes import Attributes, Value
from animekit.labels.vocabulary import Vocabulary
from animekit.models import sampling
from animekit.models.targets import LabelReader, Target
from animekit.playing.server import Asked, Service
from animekit.runs.run import Loaded
from animekit.seeds import parse_seeds
from animekit.translation.inputs import InputFile, Inputs
from animekit.translation.photo import read_photo
from animekit.translation.plan import PlannedFile, TransferPlan
from animekit.translation.request import TransferRequest
from animekit.translation.transfer import PreparedTransfer, finder_of
from animekit.translation.weights import TranslatorWeights

if TYPE_CHECKING:
    from animekit.plugins import Registry

AT_ONCE = 8  # faces of a request
MOST = 16 * 1024 * 1024  # bytes of a picture
LONGEST = 2048  # pixels of its longer side
SAID = "is."  # before the name of an attribute in an address


class DrawingDesk:
    """Draws faces for a page: z and labels in, RGBA out."""

    def __init__(self, loaded: Loaded, device: str = "auto") -> None:
        self.model = sampling.as_generating(loaded.model)
        loaded.model.to(devices.choose_device(device))
        self.shape = sampling.noise_of_seeds(self.model, (0,)).shape[1:]
        self.width = len(self.model.spec.labels)
        self.row = 4 * (int(np.prod(self.shape)) + self.width)  # bytes of a face

    @property
    def services(self) -> dict[str, Service]:
        """What the page may ask for."""
        return {
            "draw": Service(self.draw, AT_ONCE * self.row),
            "noise": Service(self.noise, 0),
        }

    def noise(self, words: Asked, body: bytes) -> bytes:
        """Return z of a seed, float32 [D]."""
        seeds = parse_seeds(words.get("seed", ""))
        if len(seeds) != 1:
            raise UsageError("one seed at a time", "ask for each")
        return sampling.noise_of_seeds(self.model, seeds).astype("<f4").tobytes()

    def draw(self, words: Asked, body: bytes) -> bytes:
        """Return the pixels uint8 [N, S, S, 4] of z and labels, float32 [N, D + L]."""
        if not body or len(body) % self.row:
            raise DataError(f"{len(body)} bytes", f"send {self.row} for each face")
        numbers = np.frombuffer(body, "<f4").astype(np.float32).reshape(-1, self.row // 4)
        if not np.isfinite(numbers).all():
            raise DataError("numbers that are none", "send finite ones")
        count = numbers.shape[1] - self.width
        z = numbers[:, :count].reshape(-1, *self.shape)
        labels = np.ascontiguousarray(numbers[:, count:]) if self.width else None
        pixels = sampling.draw(self.model, z, labels)  # [N, S, S, 3]
        return np.insert(pixels, 3, 255, axis=3).tobytes()


class TranslatingDesk:
    """Translates pictures for a page: a picture in any format in, a PNG out."""

    def __init__(self, loaded: Loaded, registry: Registry, device: str = "auto") -> None:
        self.weights = TranslatorWeights(loaded, loaded.name)
        self.registry, self.device = registry, device
        spec = self.weights.model.spec
        self.attributes = Attributes(Vocabulary(spec.labels, spec.groups))

    @property
    def services(self) -> dict[str, Service]:
        """What the page may ask for."""
        return {"translate": Service(self.translate, MOST, "image/png")}

    def config(self) -> dict[str, Any]:
        """Return what the page knows of the model."""
        directions = list(self.weights.model.directions)
        known = [] if directions else described(self.attributes, 0, None)
        return {
            "name": self.weights.loaded.name,
            "draws": "there",
            "size": self.weights.model.spec.size,
            "directions": directions,
            "attributes": known,
        }

    def translate(self, words: Asked, body: bytes) -> bytes:
        """Return what a picture becomes, as a PNG."""
        try:
            size = read_photo(body, "picture").size
        except ImageError as error:
            raise DataError(f"the picture: {error.reason}", error.hint) from None
        if max(size) > LONGEST:
            raise DataError(f"a picture of {size[0]}x{size[1]} pixels", f"at most {LONGEST}")
        target, out = self._target(words), io.BytesIO()
        request = TransferRequest.of(
            *(self.weights.loaded.model.name, self.weights.name, io.BytesIO(body), out),
            device=self.device,
            ext="png",
        )
        place = InputFile(Path("picture"), PurePosixPath("picture"))
        files = [PlannedFile(place, ((target, Path("-")),))]
        PreparedTransfer(
            *(request, self.weights, [target], Inputs([place])),
            TransferPlan(Path("-"), files, single=True),
            self._reader(target),
            finder_of(request, self.weights.model, self.registry),
        ).run()
        return out.getvalue()

    def _target(self, words: Asked) -> Target:
        directions = self.weights.model.directions
        if directions:
            name = words.get("to", directions[0])
            if name not in directions:
                raise UsageError("no such direction", f"directions: {' '.join(directions)}")
            return Target(name, name)
        labels, mask = self.attributes.labels(dict(self._asked(words)))
        mask = self.attributes.vocabulary.closed(labels, mask)
        return Target("page", "as asked", labels.astype(np.uint8), mask.astype(np.uint8))

    def _asked(self, words: Asked) -> Iterator[tuple[str, Value]]:
        for key, text in words.items():
            if key.startswith(SAID):
                name = self.attributes.check(key.removeprefix(SAID))
                single = self.attributes.values(name) == [False, True]
                yield name, text == "1" if single else text

    def _reader(self, target: Target) -> LabelReader:
        return LabelReader(
            *(self.weights.model, None, [target]),
            registry=self.registry,
            untrained=self.weights.is_average,
            usual=self.weights.usual,
        )
