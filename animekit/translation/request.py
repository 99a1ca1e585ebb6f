"""Request: what is asked of a transfer, checked before anything is looked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Literal

from animekit.config import renamed_arguments
from animekit.errors import UsageError
from animekit.translation.photo import Alpha

Existing = Literal["refuse", "skip", "overwrite"]
CAMERA = "cam:"
SIDES = range(8, 8193)  # of --size, in pixels
TILE_SIDES = range(256, 4097)
CHOICES = {
    "weights": (None, "published", "bundled"),
    "face": ("auto", "on", "off"),
    "alpha": ("keep", "white", "drop"),
    "precision": ("auto", "fp32", "bf16", "fp16"),
    "existing": ("refuse", "skip", "overwrite"),
}
EXTENSIONS = ("same", "png", "jpg", "webp")


@dataclass(frozen=True)
class TransferRequest:
    """Which pictures are to be translated by which weights, and how they are written.

    `weights` takes those alone that others published (animekit.hub.obtain brings them), or that
    come with animekit. `inputs` are files, folders, patterns, or a camera such as "cam:0"; without
    any the test pictures of the data are meant. `source_stream` holds one picture in their place,
    `out_stream` takes one result in the place of `out`. `size` is keep, fit (the model's own size),
    pixels of the shorter side, or auto: kept, and where the weights know labels, seen at their own
    size. `face` says whether faces are found and translated one by one: auto does so where the
    weights know drawn faces. `source_attr` says which attributes all inputs have.
    """

    model: str
    name: str
    inputs: tuple[str, ...] = ()
    out: Path | None = None
    source_stream: BinaryIO | None = None
    out_stream: BinaryIO | None = None
    weights: Literal["published", "bundled"] | None = None
    checkpoint: str | int = "best"
    direction: str | None = None
    attrs: Sequence[str] = ()
    source_attr: str | None = None
    size: str = "auto"
    face: Literal["auto", "on", "off"] = "auto"
    detector: str = "own"  # of faces
    tile: bool | None = None  # None: only what is too large for one piece
    tile_size: int = 512
    alpha: Alpha = "keep"
    ext: str = "same"
    suffix: str = ""
    existing: Existing = "refuse"
    limit: int | None = None  # pictures, or frames of a camera; None for all
    html: bool = True
    reconstruct: int | None = 100  # pictures that the page shows there and back; None for all
    watch: bool = False
    device: str = "auto"
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto"
    threads: int | None = None

    @classmethod
    @renamed_arguments(gpu="device")
    def of(
        cls,
        model: str,
        name: str,
        inputs: Sequence[str | Path] | str | Path | BinaryIO = (),
        out: Path | str | BinaryIO | None = None,
        **options: Any,
    ) -> TransferRequest:
        """Return the request that a call makes, where files may be open binary streams."""
        if isinstance(inputs, (str, Path)):
            options["inputs"] = (str(inputs),)
        elif hasattr(inputs, "read"):
            options["source_stream"] = inputs
        else:
            options["inputs"] = tuple(map(str, inputs))
        if hasattr(out, "write"):
            options["out_stream"] = out
        elif out is not None:
            options["out"] = Path(out)
        return cls(model, name, **options)

    def __post_init__(self) -> None:
        self._check_values()
        self._check_ends()

    @property
    def is_piped(self) -> bool:
        """Whether one picture is read from a stream, or written to one."""
        return self.source_stream is not None or self.out_stream is not None

    @property
    def camera(self) -> int | None:
        """The number of the camera that is to be filmed, None for files."""
        word = self.inputs[0] if self.inputs else ""
        return int(word.removeprefix(CAMERA)) if word.startswith(CAMERA) else None

    @property
    def until_stopped(self) -> bool:
        """Whether Ctrl-C is how it ends, rather than a failure."""
        return self.watch or self.camera is not None

    def _check_values(self) -> None:
        if self.size not in ("auto", "keep", "fit") and not (
            self.size.isdecimal() and int(self.size) in SIDES
        ):
            raise UsageError(f'cannot read --size "{self.size}"', "--size auto|keep|fit|8..8192")
        for name, known in CHOICES.items():
            if getattr(self, name) not in known:
                raise UsageError(
                    f'--{name} "{getattr(self, name)}"', f"one of {' '.join(filter(None, known))}"
                )
        if self.limit is not None and self.limit < 1:
            raise UsageError(f"--limit {self.limit} leaves nothing", "--limit 1 or more, or all")
        if self.tile_size not in TILE_SIDES:
            raise UsageError(f"--tile-size {self.tile_size}", "256 to 4096 pixels")
        if self.ext not in EXTENSIONS:
            raise UsageError(f'cannot write "{self.ext}"', f"--ext {'|'.join(EXTENSIONS)}")
        if any(sign in self.suffix for sign in "/\\\0"):
            raise UsageError(
                f'--suffix "{self.suffix}" is no part of a name', "as in --suffix _orange"
            )

    def _check_ends(self) -> None:
        """Refuse what a stream, a camera or a watch cannot do."""
        cameras = [word for word in self.inputs if word.startswith(CAMERA)]
        count = len(self.inputs) + (self.source_stream is not None)
        if (cameras or self.is_piped) and count != 1:
            raise UsageError("- and cam:0 stand for one picture or film", "name one input")
        for word in cameras:
            if not word.removeprefix(CAMERA).isdecimal():
                raise UsageError(f'no camera "{word}"', "cam:0 is the first one")
        if cameras and self.out_stream is not None:
            raise UsageError("a film goes to a file", "name it, as in -o film.mp4")
        if self.source_stream is not None and self.out is None and self.out_stream is None:
            raise UsageError("nothing says where the picture goes", "name a file or a stream")
        if self.watch and (not self.inputs or cameras or self.is_piped):
            raise UsageError("--watch needs a folder to look at", "name one, and a folder with -o")
