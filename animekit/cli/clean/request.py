"""What was asked of `animekit clean`: its options, read and held against each other."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from animekit.cleaning.crop_list import faces_folder
from animekit.cleaning.move_plan import FLAGGED
from animekit.cleaning.request import CleanRequest, Shard
from animekit.cleaning.result import Way
from animekit.cli._options import Common
from animekit.config import command_tables, parse_set
from animekit.errors import ConfigError, UsageError
from animekit.training.recipe import TrainOptions

PARAMS = {
    "detector": ("face", "detector"),
    "faces": ("face", "faces"),
    "min_size": ("size", "min"),
    "aspect": ("size", "aspect"),
    "dup_distance": ("duplicate", "distance"),
    "keep_duplicate": ("duplicate", "keep"),
    "blur": ("blur", "threshold"),
}
"""Options that are parameters of checks."""
LOOKS = ("check", "skip", *PARAMS, "tags", "workers", "shard", "merge")
"""Options about how to look: without meaning where nothing is looked at."""
CUTS = ("margin", "resize", "min_score")
"""Options about cutting faces out."""
EXCLUSIVE = {
    "undo": (*LOOKS, "crop", *CUTS, "apply", "manifest", "fail_if", "sheet", "tier", "out"),
    "manifest": (*LOOKS, "sheet"),
    "shard": ("crop", *CUTS, "merge", "apply", "sheet"),
    "crop": ("apply",),
}
"""Options with which others would silently do nothing."""


@dataclass(frozen=True)
class CleanOptions:
    """The options of the command, as they were typed."""

    path: str | None
    check: list[str] | None
    skip: list[str] | None
    detector: str | None
    faces: str | None
    min_size: int | None
    aspect: str | None
    dup_distance: str | None
    keep_duplicate: str | None
    blur: str | None
    tags: Path | None
    apply: Way | None
    tier: str | None
    undo: str | None
    manifest: Path | None
    crop: Any  # "face" or "largest", by the parser
    margin: float | None
    resize: int | None
    min_score: float | None
    sheet: str | None
    fail_if: list[str] | None
    out: Path | None
    workers: str | None
    shard: str | None
    merge: list[str] | None

    def __post_init__(self) -> None:
        """Refuse options that would silently do nothing together."""
        for name, without in EXCLUSIVE.items():
            others = [other for other in without if getattr(self, other) not in (None, [])]
            if getattr(self, name) is not None and others:
                raise UsageError(f"{_flag(name)} and {_flag(others[0])} do not go together")
        for name in CUTS:
            if self.crop is None and getattr(self, name) is not None:
                raise UsageError(f"{_flag(name)} is about crops", "add --crop face")
        if self.tier is not None and self.apply != "quarantine":
            raise UsageError("--tier is for --apply quarantine", "add --apply")

    @property
    def folder(self) -> Path:
        """The folder of pictures."""
        default = TrainOptions.model_fields["data"].default
        return Path(self.path if self.path is not None else default)

    @property
    def tiers(self) -> tuple[str, ...]:
        """The decisions whose pictures move."""
        return FLAGGED if self.tier is None else (self.tier,)

    @property
    def copies(self) -> Path | None:
        """Where copies or links go; None for beside the folder."""
        return self.out if self.apply in ("copy", "link") else None

    @property
    def crops(self) -> Path | None:
        """Where the faces go that are cut out; None where none are asked for."""
        if self.crop is None:
            return None
        return faces_folder(self.folder) if self.out is None else self.out

    def request(self, common: Common) -> CleanRequest:
        """Return what the library is asked for.

        `--out` is the place of copies or crops where there are any, else that of the manifest.
        """
        own = self.out if self.copies is None and self.crop is None else None
        if self.manifest is not None:
            return CleanRequest(self.folder, manifest=self.manifest, out=own)
        return CleanRequest(
            self.folder,
            checks=_names(self.check) if self.check else None,
            skip=_names(self.skip or []),
            params=self.params(common),
            origins=self._origins(common),
            tags=self.tags,
            workers=self.worker_count(),
            shard=self.part(),
            parts=None if self.merge is None else [Path(part) for part in self.merge],
            sheets=None if self.shard else self.grid(),
            report=self.shard is None,
            out=own,
        )

    def cuts(self, common: Common) -> dict[str, Any]:
        """Return the settings of crops; the detector is the one of the check."""
        settings = {
            "detector": self.params(common).get("face", {}).get("detector"),
            "margin": self.margin,
            "resize": self.resize,
            "min_score": self.min_score,
            "min_size": self.min_size,
            "workers": self.worker_count(),
        }
        return {name: value for name, value in settings.items() if value is not None}

    def grid(self) -> tuple[int, int]:
        """Return columns and rows of a sheet."""
        found = re.fullmatch(r"(\d{1,3})[x×](\d{1,3})", (self.sheet or "8x8").strip().lower())
        if found is None:
            raise UsageError(f'cannot read --sheet "{self.sheet}"', "columns x rows, as in 8x8")
        return int(found[1]), int(found[2])

    def part(self) -> Shard | None:
        """Return which part of how many."""
        if self.shard is None:
            return None
        found = re.fullmatch(r"(\d+)/(\d+)", self.shard.strip())
        if found is None:
            raise UsageError(f'cannot read --shard "{self.shard}"', "write I/N, as in 1/4")
        return int(found[1]), int(found[2])

    def worker_count(self) -> int | None:
        """Return how many pictures are looked at at a time; None for as many as cores."""
        if self.workers in (None, "auto"):
            return None
        if not str(self.workers).isdecimal():
            raise UsageError(f'cannot read --workers "{self.workers}"', "auto, or a number")
        return int(str(self.workers))

    def params(self, common: Common) -> dict[str, dict[str, Any]]:
        """Return the parameters of checks: of files, --set and their own options."""
        values: dict[str, dict[str, Any]] = {}
        for layer in command_tables(common.config, "clean"):
            for key, value in layer.values.items():
                check, _, name = key.partition(".")
                values.setdefault(check, {})[name] = value
        for key, value in parse_set(list(common.set or [])).values.items():
            check, dot, name = key.partition(".")
            if not dot or not check or not name:
                raise ConfigError(
                    f'cannot read --set "{key}"', "write CHECK.PARAM=VALUE, as in blur.side=96"
                )
            values.setdefault(check, {})[name] = value
        for option, (check, name) in PARAMS.items():
            if getattr(self, option) is None:
                continue
            if check in _names(self.skip or []) or check not in _names(self.check or [check]):
                raise UsageError(f"{_flag(option)} is for the check {check}, which is left out")
            values.setdefault(check, {})[name] = getattr(self, option)
        return values

    def _origins(self, common: Common) -> dict[str, str]:
        """Return where each parameter of a check was written, by CHECK.NAME."""
        layers = [*command_tables(common.config, "clean"), parse_set(list(common.set or []))]
        found = {key: layer.origin for layer in layers for key in layer.values}
        typed = {option: where for option, where in PARAMS.items() if getattr(self, option)}
        return found | {".".join(where): _flag(option) for option, where in typed.items()}


def read_options(values: dict[str, Any]) -> CleanOptions:
    """Return the options from what was typed.

    A flag and the option that gives it a value, as `--undo` and `--undo-id`, are one.
    """
    way, batch, shards = (values.pop(name) for name in ("apply_as", "undo_id", "shards"))
    return CleanOptions(
        **values
        | {
            "apply": way or ("quarantine" if values["apply"] else None),
            "undo": batch or ("last" if values["undo"] else None),
            "merge": shards or ([] if values["merge"] else None),
        }
    )


def _names(texts: list[str]) -> list[str]:
    return [name.strip() for text in texts for name in text.split(",") if name.strip()]


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")
