"""LBP cascades: the course's face detector, the same with any OpenCV and with none.

OpenCV 4 and the contrib build of 5 bring `CascadeClassifier`; the plain build of 5 does not. There
the cascade is evaluated by `animekit.cleaning.cascade_numpy`, which finds the same boxes in two to
three times the time. scikit-image reads such cascades too, but looks at other windows: on single
crops of 96 px it finds a fifth fewer faces, and it is slower.
"""

from __future__ import annotations

import hashlib
import threading
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
from PIL import Image, ImageDraw

from animekit.cleaning import cascade_numpy
from animekit.errors import CheckpointError, NotFoundError, UnusableError
from animekit.files import weights_dir

NAME = "lbpcascade_animeface.xml"
SHA256 = "9376d30ac38db6bda2a68b88b3b76bbd7e6aa33af47f7f5c76bc88ca75f1ce30"
"""Of nagadomi's file (MIT, 2011), which the course uses."""
SCALE, NEIGHBOURS, SMALLEST = 1.1, 5, 24
"""The course's setting: from a size to the next, windows that a face needs more of, pixels."""
PULL = "animekit models pull lbpcascade_animeface, or give its path: --set faces.cascade=FILE"
MAX_BYTES = 5 * 1024 * 1024  # the course's cascade has a quarter of one
FRAME = 2  # px, the course's


def find_cascade(path: Path | str | None = None) -> Path:
    """Return the cascade at a path, else the one in the weights store.

    Raises NotFoundError (code "weights.missing") that says how to get it.
    """
    if path is not None:
        given = Path(path).expanduser()
        if not given.is_file():
            raise NotFoundError(f"no cascade {path}", PULL, code="weights.missing")
        return given
    stored = weights_dir() / NAME
    if not stored.is_file():
        raise NotFoundError(f"no cascade {NAME}", PULL, code="weights.missing")
    if hashlib.sha256(_read(stored)).hexdigest() != SHA256:
        raise CheckpointError(f"{stored} is not the published {NAME}: its sha256 differs", PULL)
    return stored


def equalised(image: np.ndarray) -> np.ndarray:
    """Return RGB or RGBA uint8 [H, W, C] as grey [H, W] with an equalised histogram.

    >>> equalised(np.array([[[9, 9, 9], [99, 99, 99]]], np.uint8)).tolist()
    [[0, 255]]
    """
    rgb = np.ascontiguousarray(image[..., :3])
    return np.asarray(cv2.equalizeHist(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)))


def framed(image: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Return a copy of RGB uint8 [H, W, 3] with a red frame round each box [N, 4]."""
    picture = Image.fromarray(image)
    pen = ImageDraw.Draw(picture)
    for x, y, width, height in boxes.tolist():
        pen.rectangle((x, y, x + width, y + height), outline="red", width=FRAME)
    return np.array(picture)


class Cascade:
    """A face detector from an LBP cascade in OpenCV's XML.

    Works with OpenCV's own classifier where there is one, else in numpy; `backend` says which.
    `note` says so where the file is not the one that the course uses. Safe to be called from
    several threads. Raises UnusableError for a file that is no LBP cascade of stumps.
    """

    def __init__(self, path: Path | str, using: Literal["opencv", "numpy"] | None = None) -> None:
        self.path = Path(path)
        data = _read(self.path)
        try:
            self._own = cascade_numpy.parse(data)
        except ValueError as error:
            raise _unusable(self.path, str(error)) from None
        self._text = data.decode("utf-8", "replace")
        self._local = threading.local()
        self._opencv = hasattr(cv2, "CascadeClassifier") if using is None else using == "opencv"
        if self._opencv:
            self._classifier()  # so that what OpenCV cannot read fails here
        release = ".".join(cv2.__version__.split(".")[:2])
        self.backend = f"opencv {release}" if self._opencv else "numpy, with the windows of OpenCV"
        digest = hashlib.sha256(data).hexdigest()
        self.note = "" if digest == SHA256 else f"{self.path.name} is not the course's {NAME}"

    def detect(
        self,
        grey: np.ndarray,
        scale: float = SCALE,
        neighbours: int = NEIGHBOURS,
        smallest: int = SMALLEST,
    ) -> np.ndarray:
        """Return boxes x, y, width, height of a grey picture uint8 [H, W], as int [N, 4]."""
        return self.find(grey, scale, neighbours, smallest)[0]

    def find(
        self,
        grey: np.ndarray,
        scale: float = SCALE,
        neighbours: int = NEIGHBOURS,
        smallest: int = SMALLEST,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return boxes int [N, 4] and how many windows each was joined from, most first."""
        if self._opencv:
            found, counted = self._classifier().detectMultiScale2(
                grey, scale, neighbours, minSize=(smallest, smallest)
            )
            boxes = np.array(found, dtype=int).reshape(-1, 4)
            counts = np.array(counted, dtype=int).reshape(-1)
        else:
            boxes, counts = cascade_numpy.group(
                self._own.windows(grey, scale, smallest), neighbours
            )
            height, width = grey.shape
            boxes[:, 2:] = np.minimum(boxes[:, 2:], [width, height] - boxes[:, :2])
        order = np.lexsort((boxes[:, 2], boxes[:, 0], boxes[:, 1], -counts))
        return boxes[order], counts[order]

    def _classifier(self) -> Any:
        """Return this thread's classifier of OpenCV, which keeps state while it works."""
        if not hasattr(self._local, "classifier"):
            # Read from memory: OpenCV opens no path that is not ASCII on some systems.
            try:
                memory = cv2.FILE_STORAGE_READ | cv2.FILE_STORAGE_MEMORY
                file = cv2.FileStorage(self._text, memory)
                classifier = cv2.CascadeClassifier()  # type: ignore[attr-defined]
                good = classifier.read(file.getFirstTopLevelNode())
            except (cv2.error, SystemError):
                good = False
            if not good:
                raise _unusable(self.path, "OpenCV cannot read it")
            self._local.classifier = classifier
        return self._local.classifier


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise _unusable(path, f"it cannot be read: {error.strerror or error}") from None
    if len(data) > MAX_BYTES:
        raise _unusable(path, f"it is larger than {MAX_BYTES >> 20} MB")
    return data


def _unusable(path: Path, reason: str) -> UnusableError:
    return UnusableError(f"{path} is not an LBP cascade: {reason}", PULL, code="cascade")
