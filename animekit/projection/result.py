"""What came of a projection: each picture beside what the model makes of it, and its noise."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import numpy as np

from animekit.data.dataset import Skipped
from animekit.errors import AnimekitError, PartialError, UsageError
from animekit.generation.draw import draw_recipe
from animekit.generation.interpolation import Interpolation
from animekit.generation.recipe import NoiseFile, Recipe
from animekit.generation.result import Generated
from animekit.images.layout import below, grid, strip
from animekit.images.pixels import resize
from animekit.images.write import KEY, may_replace, write_errors, write_png
from animekit.models.sampling import digest, noise_of_file
from animekit.projection.search import How
from animekit.runs.run import Loaded
from animekit.text import Printed

FOUND = 30.0
"""dB of PSNR from which on the eye sees the same picture."""
COLUMNS = 8  # pictures in a row of the sheet
TILE = 128  # px of a picture in the sheet, at least
PAIRS = "pairs.png"


@dataclass(frozen=True)
class FoundFace:
    """One picture, what the model draws most alike, and how alike it is.

    `psnr` in dB is of 8-bit pixels at the model's size, `length` that of the noise against drawn
    noise (1 is typical). `drawn` is one image with its noise and its recipe.
    """

    name: str
    target: np.ndarray
    drawn: Generated
    psnr: float
    length: float
    steps: int

    @property
    def found(self) -> bool:
        """Whether the eye sees the same picture."""
        return self.psnr >= FOUND

    def facts(self) -> dict[str, Any]:
        """Return the numbers, and what the model was told besides its noise."""
        attrs = self.drawn.how.attrs
        return {
            "name": self.name,
            "psnr": round(self.psnr, 2),
            "found": self.found,
            "length": round(self.length, 3),
            "steps": self.steps,
            "attrs": attrs[0] if attrs else {},
            "noise": digest(self.drawn.z),
        }


@dataclass(frozen=True)
class Projection(Printed):
    """All pictures of one projection; `faces` are in the order of the pictures.

    `skipped` are pictures of a folder that could not be read.
    """

    faces: tuple[FoundFace, ...]
    loaded: Loaded
    how: How
    classifier: str
    skipped: tuple[Skipped, ...] = ()

    @property
    def z(self) -> np.ndarray:
        """The noise of all pictures, float32 [N, ...], as `generate(noise=...)` takes it."""
        return np.concatenate([face.drawn.z for face in self.faces])

    def as_table(self) -> list[Sequence[str]]:
        """Return each picture with its PSNR, the length of its noise and labels."""
        rows: list[Sequence[str]] = [("picture", "PSNR", "noise", "shows")]
        for face in self.faces:
            attrs = face.facts()["attrs"]
            shows = ", ".join(f"{name} {value}" for name, value in attrs.items())
            rows.append((face.name, f"{face.psnr:.1f} dB", f"{face.length:.2f}", shows))
        return rows

    def facts(self) -> dict[str, Any]:
        """Return everything but the pictures as plain values."""
        return {
            "animekit": version("animekit"),
            "model": self.loaded.weights.model_dump(mode="json", exclude_none=True),
            "how": asdict(self.how) | {"classifier": self.classifier},
            "faces": [face.facts() for face in self.faces],
            "mean_psnr": round(float(np.mean([face.psnr for face in self.faces])), 2),
            "skipped": [asdict(each) for each in self.skipped],
        }

    def failure(self) -> PartialError | None:
        """Return the error of pictures that could not be read; None where all could."""
        if not self.skipped:
            return None
        first, count = self.skipped[0], len(self.skipped)
        error = PartialError(
            f"{count} of {count + len(self.faces)} pictures could not be read, such as"
            f" {first.name}: {first.reason}",
            "all others are done",
            code="image.some_failed",
        )
        error.data = self.facts()
        return error

    def picture(self, image_size: int | None = None) -> np.ndarray:
        """Return the given pictures above what the model makes of them, with PSNR."""
        side = image_size or max(TILE, self.faces[0].target.shape[0])
        rows = []
        for start in range(0, len(self.faces), COLUMNS):
            part = self.faces[start : start + COLUMNS]
            above = np.stack([resize(face.target, side) for face in part])
            under = np.stack([resize(face.drawn.images[0], side) for face in part])
            words = [f"{face.psnr:.1f} dB" for face in part]
            rows.append(below([grid(above, len(part), gap=2), strip(under, words)], gap=2))
        return below(rows, gap=6)

    def save(self, folder: Path | str, *, overwrite: bool = False) -> dict[str, Path]:
        """Write the pairs as one sheet, and each picture with its noise; return paths.

        NAME.png is what the model draws, with a recipe that holds its noise: `reproduce` draws it
        again, `generate(noise=...)` and `interpolate(noise=...)` take it. NAME.npy is the noise
        alone. Files that animekit did not make are replaced only if `overwrite` is true.
        """
        folder = Path(folder)
        if folder.exists() and not folder.is_dir():
            raise UsageError(f"{folder} is a file", "name a folder")
        made = {PAIRS: folder / PAIRS}
        for face in self.faces:
            made |= {f"{face.name}{end}": folder / f"{face.name}{end}" for end in (".png", ".npy")}
        if len(made) != 1 + 2 * len(self.faces):
            raise UsageError("a picture is called pairs, as the sheet is", "rename it")
        for path in made.values():
            ours = path.suffix == ".npy" and self._is_ours(path)
            may_replace(path, path.suffix, overwrite=overwrite or ours)
        for face in self.faces:
            face.drawn.save(made[f"{face.name}.png"], columns=1, overwrite=True)
            face.drawn.save_noise(made[f"{face.name}.npy"], overwrite=True)
        with write_errors(made[PAIRS]):
            write_png(made[PAIRS], self.picture(), {KEY: json.dumps(self.facts())})
        return made

    def between(
        self,
        frames: int = 60,
        *,
        mode: Literal["slerp", "lerp"] = "slerp",
        loop: bool = True,
    ) -> Generated:
        """Draw images from each picture to the next, and back to the first in a loop."""
        if len(self.faces) < 2:
            raise UsageError("a path needs two pictures or more", "project two or more")
        path = Interpolation(frames, mode, loop)
        path.check(len(self.faces))
        attrs = [(face.drawn.how.attrs or [{}])[0] for face in self.faces]
        recipe = Recipe(
            version=version("animekit"),
            model=self.loaded.weights,
            mode=mode,
            noise=NoiseFile.of(self.z, whole=True),
            frames=frames,
            loop=loop,
            attrs=attrs if any(attrs) else None,
        )
        return draw_recipe(self.loaded, recipe, self.z)

    def _is_ours(self, path: Path) -> bool:
        """Say whether noise is that of the picture beside it, which animekit drew."""
        try:
            noise = Recipe.read(path.with_suffix(".png")).noise
            there = noise_of_file(path, self.loaded.model)  # type: ignore[arg-type]
        except AnimekitError:
            return False
        return noise is not None and noise.sha256 == digest(there)
