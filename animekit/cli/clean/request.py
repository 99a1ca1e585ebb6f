"""What was asked of `animekit clean`: its options, read and held against each other."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from animekit.cleaning.clean import Shard
from animekit.cleaning.move_plan import FLAGGED
from animekit.cli._options import Common
from animekit.config import parse_set, read_file
from animekit.errors import ConfigError, UsageError
from animekit.training.recipe import TrainOptions

WAYS = ("quarantine", "copy", "link")
SHORT = {
    "detector": ("face", "detector"),
    "faces": ("face", "faces"),
    "min_size": ("size", "min"),
    "aspect": ("size", "aspect"),
    "dup_distance": ("duplicate", "distance"),
    "keep": ("duplicate", "keep"),
    "blur": ("blur", "threshold"),
}
"""Options that are parameters of checks."""
LOOKS = ("check", "skip", *SHORT, "tags", "workers", "shard", "merge")
"""Options about how to look: without meaning where nothing is looked at."""
CUTS = ("crop", "margin", "resize", "min_score")
"""Options about cutting faces out."""


@dataclass(frozen=True)
class Wishes:
    """The options of the command, as they were typed."""

    path: str | None
    check: list[str] | None
    skip: list[str] | None
    detector: str | None
    faces: str | None
    min_size: int | None
    aspect: str | None
    dup_distance: str | None
    keep: str | None
    blur: str | None
    tags: Path | None
    apply: str | None
    tier: str | None
    undo: str | None
    source: Path | None
    crop: str | None
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
        for flag, without in (
            ("undo", (*LOOKS, *CUTS, "apply", "source", "fail_if", "sheet", "tier", "out")),
            ("source", (*LOOKS, "sheet")),
            ("shard", (*CUTS, "merge", "apply", "sheet")),
            ("crop", ("apply",)),
        ):
            others = [name for name in without if getattr(self, name) not in (None, [])]
            if getattr(self, flag) is not None and others:
                raise UsageError(f"{_flag(flag)} and {_flag(others[0])} do not go together")
        for flag in CUTS[1:]:
            if self.crop is None and getattr(self, flag) is not None:
                raise UsageError(f"{_flag(flag)} is about crops", "add --crop face")
        if self.apply is not None and self.apply not in WAYS:
            raise UsageError(f'cannot apply by "{self.apply}"', f"give one of: {' '.join(WAYS)}")
        if self.tier not in (None, "reject"):
            raise UsageError(f'cannot move only "{self.tier}"', "--tier reject, or leave it out")
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
    def root(self) -> Path | None:
        """Where the cleaning's own files go; with copies or crops, --out is theirs."""
        copies = self.apply in ("copy", "link") or self.crop is not None
        return None if copies else self.out

    def cuts(self, params: dict[str, dict[str, Any]]) -> dict[str, Any]:
        """Return the settings of crops; the detector is the one of the check."""
        return {
            "detector": params.get("face", {}).get("detector"),
            "margin": self.margin,
            "resize": self.resize,
            "min_score": self.min_score,
            "min_size": self.min_size,
            "workers": self.threads(),
        }

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

    def threads(self) -> int | None:
        """Return how many pictures are looked at at a time; None for as many as cores."""
        if self.workers in (None, "auto"):
            return None
        if not str(self.workers).isdecimal():
            raise UsageError(f'cannot read --workers "{self.workers}"', "auto, or a number")
        return int(str(self.workers))

    def checks(self) -> list[str] | None:
        """Return the checks that were named."""
        return None if not self.check else _names(self.check)

    def skipped(self) -> list[str]:
        """Return the checks that were left out."""
        return _names(self.skip or [])

    def params(self, common: Common) -> dict[str, dict[str, Any]]:
        """Return the parameters of checks: of --config, --set and their own options."""
        values: dict[str, dict[str, Any]] = {}
        if common.config is not None:
            table = read_file(common.config).values.get("clean", {})
            for check, entries in table.items() if isinstance(table, dict) else ():
                if not isinstance(entries, dict):
                    raise ConfigError(f"{common.config}: [clean] has {check}", _TABLES)
                values.setdefault(check, {}).update(entries)
        for key, value in parse_set(list(common.set or [])).values.items():
            check, dot, name = key.partition(".")
            if not dot or not check or not name:
                raise ConfigError(
                    f'cannot read --set "{key}"', "write CHECK.PARAM=VALUE, as in blur.side=96"
                )
            values.setdefault(check, {})[name] = value
        for flag, (check, name) in SHORT.items():
            if getattr(self, flag) is None:
                continue
            if check in self.skipped() or check not in (self.checks() or [check]):
                raise UsageError(f"{_flag(flag)} is for the check {check}, which is left out")
            values.setdefault(check, {})[name] = getattr(self, flag)
        return values


_TABLES = "parameters of checks stand in tables, as in [clean.blur]"


def _names(texts: list[str]) -> list[str]:
    return [name.strip() for text in texts for name in text.split(",") if name.strip()]


def _flag(name: str) -> str:
    return "--from" if name == "source" else "--" + name.replace("_", "-")
