"""The recipe in the metadata of a picture: all that is needed to draw it again."""

from __future__ import annotations

import base64
import binascii
import contextlib
import io
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from animekit.errors import AnimekitError, NotFoundError, UnusableError, UsageError
from animekit.files import is_file, write_atomic
from animekit.foreign import parse_json
from animekit.generation.interpolation import MAX_FRAMES, MODES
from animekit.images import noise_picture
from animekit.images.decode import MAX_PIXELS
from animekit.images.film import Film, need
from animekit.images.write import (
    KEY,
    may_replace,
    own_text,
    with_comment,
    write_errors,
    write_gif,
    write_jpeg,
    write_png,
)
from animekit.labels.attributes import Attrs
from animekit.runs.run import Weights
from animekit.seeds import MAX_IMAGES, parse_seeds
from animekit.text import clipped

DEFAULT_FPS = 20.0
ROWS = ("prompts", "attrs", "candidates", "scores", "strengths")
"""What has one entry an image, or a point of a path."""

MAX_MOVING_PIXELS = 100_000_000  # of all frames of a GIF
MAX_CANDIDATES = 1000  # of one image
MAX_TRUNCATION = 100.0  # what z is multiplied by
MAX_PATHS = 400  # faces of a film
MAX_VALUES = 1_000_000  # letters of the noise in a picture

Title = Annotated[str, Field(max_length=200)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class NoiseFile(_Part):
    """Which noise a picture was drawn from, where it came from a file or an array.

    A projected picture, and a path from one to another, hold it themselves: `values` are float32,
    little-endian, in base64, and `shape` is that of all rows.
    """

    file: str | None = None
    sha256: str
    values: str | None = Field(default=None, max_length=MAX_VALUES)
    shape: tuple[int, ...] | None = Field(default=None, max_length=4)

    @classmethod
    def of(cls, z: np.ndarray, file: str | None = None, *, whole: bool = False) -> NoiseFile:
        """Return which noise [N, ...] it was, with its numbers if it is whole."""
        if not whole:
            return cls(file=file, sha256=_digest(z))
        values = base64.b64encode(np.ascontiguousarray(z, "<f4").tobytes()).decode("ascii")
        if len(values) > MAX_VALUES:
            raise UsageError(
                f"{len(z):,} rows of noise are too many for the metadata of a picture",
                "take fewer points",
            )
        return cls(file=file, sha256=_digest(z), values=values, shape=z.shape)

    def rows(self) -> np.ndarray | None:
        """Return the noise that is held here, float32 [N, ...]; None where a file has it."""
        if self.values is None or self.shape is None:
            return None
        return np.frombuffer(base64.b64decode(self.values), "<f4").reshape(self.shape)

    @model_validator(mode="after")
    def _same(self) -> NoiseFile:
        if (self.values is None) != (self.shape is None):
            raise ValueError("noise has a shape and no values, or values and no shape")
        try:
            rows = self.rows()
        except (binascii.Error, ValueError):
            raise ValueError("the noise is damaged") from None
        if rows is not None and (not len(rows) or _digest(rows) != self.sha256):
            raise ValueError("the noise is not the one of its sha256")
        return self


class Shift(_Part):
    """A direction in which noise is moved: its words, who read it, and its numbers."""

    words: list[Title]
    reader: Title | None = None
    noise: NoiseFile


class Layout(_Part):
    """How images become one picture.

    `columns` are those of a grid; in the strip of an interpolation they are the images that are
    shown from seed to seed. `tile` is the side of an image in pixels. A table has titles: `heads`
    above its columns, `sides` beside its rows.
    """

    style: Literal["plain", "figure", "strip", "gif", "table"] = "plain"
    columns: int | None = Field(default=None, ge=1, le=MAX_IMAGES)
    tile: int | None = Field(default=None, ge=8, le=4096)
    fps: float | None = Field(default=None, ge=0.1, le=50)
    heads: list[Title] | None = None
    sides: list[Title] | None = None


class Recipe(_Part):
    """Everything that is needed to make a picture again, byte for byte.

    `prompts` and `attrs` are those of each image, or of each point of an interpolation: what was
    asked for, and all that the model was given. With `best_of` each image is the one of its
    `candidates` (seeds) that had the best of `scores`; `seeds` are the chosen ones. `matrix` and
    `vary` name the attributes that the rows and columns of a table show. Noise is moved along
    `shift` by each of `strengths`. A film of several faces has so many `paths` beside each other.
    """

    version: str
    model: Weights
    mode: Literal["seeds", "noise", "slerp", "lerp"]
    seeds: str | None = None
    noise: NoiseFile | None = None
    truncation: float = Field(default=1.0, gt=0, le=MAX_TRUNCATION)
    frames: int | None = Field(default=None, ge=2, le=MAX_FRAMES)
    loop: bool | None = None
    index: int | None = Field(default=None, ge=0)
    labels: list[list[float]] | None = None
    prompts: list[str | None] | None = None
    attrs: list[Attrs] | None = None
    matrix: tuple[str, str] | None = None
    vary: str | None = None
    best_of: int | None = Field(default=None, ge=2, le=MAX_CANDIDATES)
    candidates: list[str] | None = None
    scores: list[float] | None = None
    shift: Shift | None = None
    strengths: list[float] | None = None
    paths: int | None = Field(default=None, ge=1, le=MAX_PATHS)
    layout: Layout | None = None

    @model_validator(mode="after")
    def _whole(self) -> Recipe:
        if self.mode == "noise" and self.noise is None:
            raise ValueError("noise is missing")
        points, paths = 0 if self.mode == "noise" else self.points, self.paths or 1
        each = points // paths
        if self.mode in MODES and (self.loop is None or not 2 <= each <= (self.frames or 0)):
            raise ValueError(f"{self.frames} frames do not join {each} seeds")
        if points % paths or (paths > 1 and self.mode not in MODES):
            raise ValueError(f"{points} points are not {paths} paths")
        if (self.shift is None) != (self.strengths is None):
            raise ValueError("a direction has no strengths, or strengths have no direction")
        for name in ROWS:
            rows = getattr(self, name)
            if self.mode != "noise" and rows is not None and len(rows) != points:
                raise ValueError(f"{len(rows)} {name} for {points} seeds")
        return self

    @property
    def points(self) -> int:
        """How many seeds there are, or rows of the noise that is held here."""
        if self.noise is not None:
            return 0 if self.noise.shape is None else self.noise.shape[0]
        return len(parse_seeds(self.seeds or ""))

    def text(self) -> str:
        """Return the recipe as compact JSON."""
        return json.dumps(self.facts(), separators=(",", ":"))

    def facts(self) -> dict[str, Any]:
        """Return the recipe as plain values; what does not apply is left out."""
        return self.model_dump(mode="json", exclude_none=True)

    def but(self, **changes: Any) -> Recipe:
        """Return the recipe with some values changed."""
        return self.model_copy(update=changes)

    @classmethod
    def read(cls, path: Path | str) -> Recipe:
        """Return the recipe in a PNG or GIF that animekit made.

        Raises NotFoundError where there is no file, UnusableError where it holds no recipe.
        """
        if not is_file(Path(path)):
            raise NotFoundError(
                f"no picture {clipped(str(path))}", "name a PNG or GIF that animekit generate wrote"
            )
        text = own_text(Path(path))
        if text is None:
            raise UnusableError(
                f"{path} holds no recipe: animekit did not make it, or a program removed its"
                " metadata",
                "name a PNG or GIF as animekit generate wrote it",
                code="recipe.none",
            )
        try:
            return cls.model_validate(parse_json(text, "it"))
        except ValidationError as error:
            first = error.errors(include_input=False)[0]
            place = ".".join(map(str, first["loc"])) or "recipe"
            raise _unreadable(path, f"{place}: {first['msg']}") from None
        except AnimekitError as error:
            raise _unreadable(path, error.message) from None


def _digest(z: np.ndarray) -> str:
    from animekit.models.sampling import digest  # brings torch, which a recipe needs for no more

    return digest(z)


def check_pixels(count: int, side: int, columns: int = 1, *, moving: bool = False) -> None:
    """Raise UsageError where so many images of a side are too large for one picture.

    A GIF keeps all of its frames in memory, at the size at which they are written: frames times
    pixels are bounded.
    """
    if moving and count * side**2 > MAX_MOVING_PIXELS:
        raise UsageError(
            f"{count:,} frames of {side}x{side} pixels pass {MAX_MOVING_PIXELS:,} pixels in all",
            "use fewer --frames or a smaller --image-size",
        )
    if not moving and -(-count // columns) * columns * side**2 > MAX_PIXELS:
        raise UsageError(
            f"a picture of {count:,} images at {side} pixels passes {MAX_PIXELS:,} pixels",
            "--save-each DIR writes single images; or use a smaller --image-size",
        )


def read_recipe(picture: Path | str) -> dict[str, Any]:
    """Return the recipe in the metadata of a PNG or GIF that animekit generated."""
    return Recipe.read(picture).facts()


like = read_recipe  # its name in version 0.1.0


def _unreadable(path: Path | str, why: str) -> UnusableError:
    reason = clipped(" ".join(why.split()), 200)
    return UnusableError(
        f"{path} holds a recipe that this version cannot read ({reason})",
        "use the version of animekit that made it",
        code="recipe.unreadable",
    )


def save_png(path: Path, image: np.ndarray, recipe: Recipe, *, overwrite: bool) -> Path:
    """Write a PNG with its recipe; see `may_replace`."""
    may_replace(path, ".png", overwrite=overwrite)
    with write_errors(path):
        write_png(path, image, {KEY: recipe.text()})
    return path


def save_jpeg(
    path: Path, image: np.ndarray, recipe: Recipe, *, quality: int, overwrite: bool
) -> Path:
    """Write a JPEG with its recipe as a comment; see `may_replace`."""
    may_replace(path, path.suffix.lower(), overwrite=overwrite)
    with write_errors(path):
        write_jpeg(path, image, f"{KEY} {recipe.text()}", quality)
    return path


def save_gif(path: Path, frames: Sequence[np.ndarray], recipe: Recipe, *, overwrite: bool) -> Path:
    """Write a GIF with its recipe as a comment; see `may_replace`."""
    may_replace(path, ".gif", overwrite=overwrite)
    fps = (recipe.layout and recipe.layout.fps) or DEFAULT_FPS
    with write_errors(path), tempfile.TemporaryDirectory(prefix="animekit-") as folder:
        plain = Path(folder) / "plain.gif"
        write_gif(plain, frames, fps)
        write_atomic(path, with_comment(plain.read_bytes(), f"{KEY} {recipe.text()}"))
    return path


def save_film(path: Path, frames: Sequence[np.ndarray], recipe: Recipe, *, overwrite: bool) -> Path:
    """Write an .mp4 with its recipe as a comment; see `may_replace`.

    Frames of odd sides lose a column or a row: videos have even ones.
    """
    need()
    may_replace(path, ".mp4", overwrite=overwrite)
    fps = (recipe.layout and recipe.layout.fps) or DEFAULT_FPS
    even = [frame[: frame.shape[0] // 2 * 2, : frame.shape[1] // 2 * 2] for frame in frames]
    height, width = even[0].shape[:2]
    with write_errors(path):
        film = Film(path, width, height, fps, comment=f"{KEY} {recipe.text()}")
        try:
            film.write(even)
            return film.finish()
        finally:
            film.discard()


MOVING = {".gif": save_gif, ".mp4": save_film}
"""What writes pictures that move, by the ending of the name."""


def save_noise(path: Path, z: np.ndarray, *, overwrite: bool) -> Path:
    """Write noise as .npy, of one image as .png; other noise needs `overwrite`."""
    if path.suffix.lower() == ".png":
        return _save_noise_picture(path, z, overwrite=overwrite)
    buffer = io.BytesIO()
    np.save(buffer, z, allow_pickle=False)
    same = path.is_file() and path.read_bytes() == buffer.getvalue()
    may_replace(path, ".npy", overwrite=overwrite or same)
    with write_errors(path):
        write_atomic(path, buffer.getvalue())
    return path


def _save_noise_picture(path: Path, z: np.ndarray, *, overwrite: bool) -> Path:
    """Write the noise of one image as a picture, which pages open too."""
    if len(z) != 1:
        raise UsageError(
            f"{path} is one picture for the noise of {len(z)} images", "name a .npy file"
        )
    row = np.asarray(z[0], np.float32).ravel()
    with contextlib.suppress(AnimekitError):
        overwrite = overwrite or bool((noise_picture.read_noise(path, len(row)) == row).all())
    may_replace(path, ".png", overwrite=overwrite)
    with write_errors(path):
        noise_picture.write_noise(path, row)
    return path
