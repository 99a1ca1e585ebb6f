"""How a picture says how it was made: a recipe in its metadata, and the files it may replace."""

from __future__ import annotations

import errno
import io
import json
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from PIL import Image
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from animekit.attributes import Attrs
from animekit.errors import DeviceError, NotFoundError, UnusableError, UsageError
from animekit.generations.interpolation import MODES
from animekit.images import ImageError, read_png_text, write_gif, write_png
from animekit.run import write_atomic
from animekit.seeds import parse_seeds

KEY = "animekit"
"""The tEXt key of a PNG, and the first word of a GIF's comment."""
DEFAULT_FPS = 20.0
MAX_FRAMES = 10_000
ROWS = ("prompts", "attrs", "candidates", "scores")
"""Parts of a recipe that have one entry an image, or a point of an interpolation."""

Title = Annotated[str, Field(max_length=200)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Weights(_Part):
    """Which weights drew a picture; `run` only where they are a run's."""

    name: str
    run: str | None = None
    step: int
    sha256: str


class NoiseFile(_Part):
    """Which noise a picture was drawn from, where it came from a file or an array."""

    file: str | None = None
    sha256: str


class Layout(_Part):
    """How images become one picture.

    `columns` are those of a grid; in the strip of an interpolation they are the images that are
    shown from seed to seed. `tile` is the side of an image in pixels. A table has titles: `heads`
    above its columns, `sides` beside its rows.
    """

    style: Literal["plain", "figure", "strip", "gif", "table"] = "plain"
    columns: int | None = Field(default=None, ge=1)
    tile: int | None = Field(default=None, ge=8, le=4096)
    fps: float | None = Field(default=None, ge=0.1, le=50)
    heads: list[Title] | None = None
    sides: list[Title] | None = None


class Recipe(_Part):
    """Everything that is needed to make a picture again, byte for byte.

    `prompts` and `attrs` are those of each image, or of each point of an interpolation: what was
    asked, and all that the model was told. With `best_of` each image is the one of its
    `candidates` (seeds) that had the best of `scores`; `seeds` are the chosen ones. `matrix` and
    `vary` name the attributes that the rows and columns of a table show.
    """

    version: str
    model: Weights
    mode: Literal["seeds", "noise", "slerp", "lerp"]
    seeds: str | None = None
    noise: NoiseFile | None = None
    truncation: float = Field(default=1.0, gt=0, allow_inf_nan=False)
    frames: int | None = Field(default=None, ge=2, le=MAX_FRAMES)
    loop: bool | None = None
    index: int | None = Field(default=None, ge=0)
    labels: list[list[float]] | None = None
    prompts: list[str | None] | None = None
    attrs: list[Attrs] | None = None
    matrix: tuple[str, str] | None = None
    vary: str | None = None
    best_of: int | None = Field(default=None, ge=2)
    candidates: list[str] | None = None
    scores: list[float] | None = None
    layout: Layout | None = None

    @model_validator(mode="after")
    def _whole(self) -> Recipe:
        if self.mode == "noise" and self.noise is None:
            raise ValueError("noise is missing")
        points = 0 if self.mode == "noise" else len(parse_seeds(self.seeds or ""))
        if self.mode in MODES and (self.loop is None or not 2 <= points <= (self.frames or 0)):
            raise ValueError(f"{self.frames} frames do not join {points} seeds")
        for name in ROWS:
            rows = getattr(self, name)
            if self.mode != "noise" and rows is not None and len(rows) != points:
                raise ValueError(f"{len(rows)} {name} for {points} seeds")
        return self

    def text(self) -> str:
        """Return the recipe as compact JSON."""
        return json.dumps(self.facts(), separators=(",", ":"))

    def facts(self) -> dict[str, Any]:
        """Return the recipe as plain values; what does not apply is left out."""
        return self.model_dump(mode="json", exclude_none=True)

    def but(self, **changes: Any) -> Recipe:
        """Return the recipe with some values changed."""
        return self.model_copy(update=changes)


def read_recipe(path: Path | str) -> Recipe:
    """Return the recipe in a PNG or GIF that animekit made.

    Raises NotFoundError where there is no file, UnusableError where it holds no recipe.
    """
    if not Path(path).is_file():
        raise NotFoundError(f"no picture {path}", "name a PNG or GIF that animekit generate wrote")
    text = _text(Path(path))
    if text is None:
        raise UnusableError(
            f"{path} holds no recipe: animekit did not make it, or a program removed its metadata",
            "name a PNG or GIF as animekit generate wrote it",
            code="recipe.none",
        )
    try:
        return Recipe.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "recipe"
        raise _unreadable(path, f"{place}: {first['msg']}") from None
    except UsageError as error:
        raise _unreadable(path, error.message) from None


def _unreadable(path: Path | str, why: str) -> UnusableError:
    return UnusableError(
        f"{path} holds a recipe that this version cannot read ({' '.join(why.split())})",
        "use the version of animekit that made it",
        code="recipe.unreadable",
    )


def save_png(path: Path, image: np.ndarray, recipe: Recipe, *, overwrite: bool) -> Path:
    """Write a PNG with its recipe; see `may_replace`."""
    may_replace(path, ".png", overwrite=overwrite)
    with _writing(path):
        write_png(path, image, {KEY: recipe.text()})
    return path


def save_gif(path: Path, frames: Sequence[np.ndarray], recipe: Recipe, *, overwrite: bool) -> Path:
    """Write a GIF with its recipe as a comment; see `may_replace`."""
    may_replace(path, ".gif", overwrite=overwrite)
    fps = (recipe.layout and recipe.layout.fps) or DEFAULT_FPS
    with _writing(path), tempfile.TemporaryDirectory(prefix="animekit-") as folder:
        plain = Path(folder) / "plain.gif"
        write_gif(plain, frames, fps)
        write_atomic(path, _commented(plain.read_bytes(), f"{KEY} {recipe.text()}"))
    return path


def save_noise(path: Path, z: np.ndarray, *, overwrite: bool) -> Path:
    """Write noise as .npy; a file with other noise needs `overwrite`."""
    buffer = io.BytesIO()
    np.save(buffer, z, allow_pickle=False)
    same = path.is_file() and path.read_bytes() == buffer.getvalue()
    may_replace(path, ".npy", overwrite=overwrite or same)
    with _writing(path):
        write_atomic(path, buffer.getvalue())
    return path


def may_replace(path: Path, suffix: str, *, overwrite: bool) -> None:
    """Refuse another kind of name, a folder, and a file that animekit did not make."""
    if path.suffix.lower() != suffix:
        raise UsageError(f"{path} does not end in {suffix}", f"name a {suffix} file")
    if path.is_dir():
        raise UsageError(f"{path} is a folder", f"name a {suffix} file in it")
    if path.exists() and not overwrite and _text(path) is None:
        raise UnusableError(
            f"{path} exists and animekit did not make it",
            "--yes replaces it; --out writes elsewhere",
            code="file.exists",
        )


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        kind = DeviceError if error.errno in (errno.ENOSPC, errno.EDQUOT) else UnusableError
        reason = error.strerror or error
        raise kind(f"cannot write {path}: {reason}", "--out writes elsewhere") from None


def _text(path: Path) -> str | None:
    if path.suffix.lower() == ".gif":
        try:
            with Image.open(path, formats=("GIF",)) as image:
                comment = bytes(image.info.get("comment", b"")).decode("utf-8", "replace")
        except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
            return None
        word, _, text = comment.partition(" ")
        return text if word == KEY else None
    try:
        return read_png_text(path).get(KEY)
    except ImageError:
        return None


def _commented(gif: bytes, text: str) -> bytes:
    """Put a comment behind the header and the common palette of a GIF89a."""
    start = 13 + (3 << (gif[10] & 7) + 1 if gif[10] & 0x80 else 0)
    data = text.encode("ascii")
    blocks = (data[at : at + 255] for at in range(0, len(data), 255))
    comment = b"\x21\xfe" + b"".join(bytes([len(block)]) + block for block in blocks) + b"\0"
    return gif[:start] + comment + gif[start:]
