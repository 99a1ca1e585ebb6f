"""What `animekit generate` was asked for: its options as typed, and the request that they make."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from animekit.cli._commands import OWN_SEEDS
from animekit.cli._options import checkpoint_of
from animekit.errors import UsageError
from animekit.generation.interpolation import Interpolation
from animekit.generation.naming import NameTemplate
from animekit.generation.recipe import MOVING, check_pixels
from animekit.generation.request import GenerateRequest, Noise
from animekit.labels.lines import PromptFile
from animekit.labels.prompt import MAX_BYTES
from animekit.text import clipped

if TYPE_CHECKING:
    from animekit.cli._options import Common
    from animekit.generation.result import Generated

PATH = "0,1,2"
ENDINGS = {
    ".png": ("--gif", "--mp4", "--fps"),
    ".gif": ("--style", "--mp4"),
    ".mp4": ("--style", "--gif"),
}
"""What a file may be called, and the options that are of another kind."""
DEFAULT = Path("samples/gan.png")
WITH_PROMPTS = Path("samples/cgan.png")
BESIDE = Path("samples/beside.png")


@dataclass(frozen=True)
class GenerateOptions:
    """The options of the command, as they were typed."""

    model: str | None
    num: int | None
    seeds: str | None
    checkpoint: str
    truncation: float | None
    noise: Sequence[Path] | None
    threads: int | None
    reproduce: Path | None
    prompt: Sequence[str] | None
    prompts: Path | None
    per_prompt: str | None
    random: str | None
    sweep: str | None
    beside: Sequence[str] | None
    best_of: int | None
    classifier: str | None
    more: Sequence[str] | None
    less: Sequence[str] | None
    strength: str | None
    interpolate: str | None
    frames: int
    mode: str
    loop: bool
    out: Path | None
    grid: str | None
    image_size: int | None
    style: str | None
    gif: bool
    mp4: bool
    fps: float | None
    save_each: Path | None
    name: str | None
    quality: int
    save_noise: Path | None
    preview: bool

    def __post_init__(self) -> None:
        """Refuse two options of which one would be ignored."""
        path = None if self.interpolate == OWN_SEEDS else self.interpolate
        seeds = {"--seeds": self.seeds, "--noise": self.noise, "--interpolate": path}
        prompts = {"--prompt": self.prompt, "--prompts": self.prompts}
        if self.reproduce is not None:
            del seeds["--noise"]  # the picture says which noise, and this is where it lies
            others: dict[str, object] = {"--num": self.num, "--per-prompt": self.per_prompt}
            others |= {"--more": self.more, "--less": self.less, "--strength": self.strength}
            others |= {"--random": self.random, "--sweep": self.sweep, "--best-of": self.best_of}
            given = [flag for flag, value in {**seeds, **prompts, **others}.items() if value]
            if given:
                raise UsageError(
                    f"--reproduce brings its own seeds and prompts, and {given[0]} others",
                    "leave the others out",
                )
        self._check_ending()
        self._check_beside()
        if self.name is not None:
            NameTemplate(self.name)
            if self.save_each is None:
                raise UsageError(
                    "--name is of single images, which nobody asked for", "add --save-each samples"
                )
        _one_of(seeds, "are two sources of noise")
        _one_of(prompts, "both bring prompts")

    def _check_ending(self) -> None:
        """Refuse a name whose ending says another format than the options do, or none of ours."""
        ending = "" if self.out is None or str(self.out) == "-" else self.out.suffix.lower()
        given: dict[str, object] = {
            "--gif": self.gif,
            "--mp4": self.mp4,
            "--style": self.style,
            "--fps": self.fps,
        }
        if self.gif and self.mp4:
            raise UsageError("--gif and --mp4 are two kinds of one file", "leave one of them out")
        if self.out is not None and str(self.out) != "-" and ending not in ENDINGS:
            raise UsageError(
                f"{self.out} ends in none of {' '.join(ENDINGS)}",
                "name a .png file for a picture, a .gif or .mp4 file for an animation",
            )
        wrong = [flag for flag in ENDINGS.get(ending, ()) if given[flag]]
        if wrong:
            kinds = ["a picture", "an animation"]
            is_kind, of_kind = kinds if ending == ".png" else reversed(kinds)
            of_kind = {"--gif": "a GIF", "--mp4": "an .mp4"}.get(wrong[0], of_kind)
            other = wrong[0].replace("--", ".") if wrong[0] in ("--gif", "--mp4") else ".png"
            other = ".gif" if wrong[0] == "--fps" else other
            raise UsageError(
                f"{self.out} is {is_kind}, and {wrong[0]} is for {of_kind}",
                f"name {'an' if other == '.mp4' else 'a'} {other} file, or leave {wrong[0]} out",
            )

    @property
    def moving(self) -> str:
        """The ending of an animation that is asked for; "" for a picture."""
        if self.gif or self.mp4:
            return ".gif" if self.gif else ".mp4"
        ending = "" if self.out is None else self.out.suffix.lower()
        return ending if ending in MOVING else ""

    def _check_beside(self) -> None:
        """Refuse with --beside what is of one model's picture alone."""
        names = (
            *("reproduce", "noise", "random", "best_of", "interpolate", "truncation", "grid"),
            *("style", "gif", "mp4", "save_each", "save_noise", "num", "preview"),
            *("more", "less", "strength"),
        )
        given = [name for name in names if getattr(self, name)] if self.beside else []
        if given:
            flag = "--" + given[0].replace("_", "-")
            raise UsageError(
                f"--beside draws one sheet of several models, and {flag} is of one",
                f"leave {flag} out; what to draw: --prompt --prompts --per-prompt --sweep --seeds",
            )

    def request(self, common: Common) -> GenerateRequest:
        """Return what is asked of the library; the file of prompts is read here."""
        if self.num is not None and self.num < 1:
            raise UsageError(f"cannot make {self.num} images", "ask for --num 1 or more")
        prompts: Any = self.prompt or None
        if self.prompts is not None and str(self.prompts) == "-":
            prompts = PromptFile("stdin", sys.stdin.buffer.read(MAX_BYTES + 1))
        elif self.prompts is not None:
            prompts = PromptFile.read(self.prompts)
        path = None
        if self.interpolate is not None:
            path = Interpolation(self.frames, self.mode, self.loop)  # type: ignore[arg-type]
        noise, between = self._noise(), self.seeds
        if path is not None and noise is None:
            between = self.seeds or PATH if self.interpolate == OWN_SEEDS else self.interpolate
        return GenerateRequest(
            model=self.model,
            checkpoint=checkpoint_of(self.checkpoint),
            device=common.device or "auto",
            threads=self.threads,
            prompts=prompts,
            seeds=between,
            num=self.num,
            per_prompt=self.images_per_prompt(),
            seed=common.seed or 0,
            grid=self.shape(),
            random=self.random,
            sweep=self.sweep,
            best_of=1 if self.best_of is None else self.best_of,
            classifier=self.classifier,
            noise=noise,
            truncation=self.truncation,
            interpolation=path,
            more=self.more,
            less=self.less,
            strength=self.strength,
            film=self._film(),
        )

    def _film(self) -> Interpolation | None:
        """Return how a sweep, or several strengths, are a film; None for a picture."""
        several = self.strength is not None and "," in self.strength
        alone = self.sweep is not None and "," not in self.sweep
        if not self.moving or self.interpolate is not None or not (several or alone):
            return None
        return Interpolation(self.frames, "lerp", self.loop)

    def _noise(self) -> Noise | None:
        """Return the files that noise is from: --noise, or those that --interpolate names."""
        word = self.interpolate
        if word is None or word == OWN_SEEDS or re.fullmatch(r"[\d,\s-]*", word):
            paths = list(self.noise or ())
        else:
            paths = [Path(part.strip()) for part in word.split(",") if part.strip()]
        return (paths[0] if len(paths) == 1 else paths) if paths else None

    def check_size(self, request: GenerateRequest, own: int) -> None:
        """Refuse a picture too large to be written, before its images are drawn.

        `own` is the side of what the model draws. Prompts may make more images than are counted
        here; then the result says so.
        """
        target = self.target()
        if target is None:
            return
        moving = bool(self.moving) or target.suffix.lower() in MOVING
        if request.interpolation is not None:
            count = request.interpolation.frames
        elif request.film is not None:
            count = request.film.frames * (len(request.numbers) if request.numbers else 1)
        elif request.numbers is not None:
            count = len(request.numbers) // request.best_of
        else:
            count = request.num or request.cells or 1
        columns = 1 if request.grid is None else request.grid[0]
        check_pixels(count, self.image_size or own, columns, moving=moving)

    def shape(self) -> tuple[int, int] | None:
        """Return columns and rows of --grid."""
        if self.grid is None:
            return None
        found = re.fullmatch(r"(\d{1,9})[x×](\d{1,9})", self.grid.strip().lower())
        if found is None or "0" in found.groups():
            raise UsageError(
                f'cannot read --grid "{clipped(self.grid)}"', "write columns x rows, as in 5x5"
            )
        return int(found[1]), int(found[2])

    def images_per_prompt(self) -> int | None:
        """Return the images of each prompt; None stands for auto."""
        if self.per_prompt is None or self.per_prompt == "auto":
            return None
        if not re.fullmatch(r"\d{1,9}", self.per_prompt) or not int(self.per_prompt):
            raise UsageError(
                f'cannot read --per-prompt "{clipped(self.per_prompt)}"',
                "write auto, or a number from 1 on",
            )
        return int(self.per_prompt)

    def target(self, drawn: Generated | None = None) -> Path | None:
        """Return where the picture goes; None where only single images were asked for."""
        if self.out is not None or (self.save_each is not None and not self.moving):
            return self.out
        recipe = None if drawn is None else drawn.how
        layout = None if recipe is None else recipe.layout
        again = ".gif" if layout is not None and layout.style == "gif" else ""
        if self.beside:
            return BESIDE
        by_name = bool(self.prompt or self.prompts or self.random or self.sweep)
        by_name |= recipe is not None and recipe.prompts is not None
        place = WITH_PROMPTS if by_name else DEFAULT
        return place.with_suffix(self.moving or again or place.suffix)


def _one_of(options: Mapping[str, object], problem: str) -> None:
    given = [flag for flag, value in options.items() if value not in (None, [], ())]
    if len(given) > 1:
        raise UsageError(f"{' and '.join(given[:2])} {problem}", "give one of them")
