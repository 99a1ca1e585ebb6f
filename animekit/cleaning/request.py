"""What a cleaning is asked for: which pictures, by which checks, with which parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from animekit.cleaning.check import Check, Context
from animekit.config import CALL, Layer, resolve
from animekit.errors import ConfigError, NotFoundError, UsageError
from animekit.files import cores

Shard = tuple[int, int]
LOOKS = ("checks", "skip", "params", "tags", "workers", "shard", "parts", "sheets", "report")
"""What is without meaning where the decisions come from a manifest and nothing is looked at."""


@dataclass(frozen=True)
class CleanRequest:
    """What one cleaning is asked for; `animekit.clean` says what each value means.

    `parts` are the folders of shards that are judged together, None where nothing is merged.
    """

    path: Path
    checks: Sequence[str] | None = None
    skip: Sequence[str] = ()
    params: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    tags: Path | None = None
    workers: int | None = None
    shard: Shard | None = None
    parts: Sequence[Path] | None = None
    manifest: Path | None = None
    sheets: tuple[int, int] | None = None
    report: bool = False
    out: Path | None = None
    origins: Mapping[str, str] = field(default_factory=dict)
    """Where each of `params` was written, by "CHECK.NAME", for what is said of it."""

    def __post_init__(self) -> None:
        """Refuse values that cannot be, or that would silently do nothing together."""
        if self.workers is not None and self.workers < 1:
            raise UsageError(f"{self.workers} workers cannot work", "--workers 2, or leave it out")
        if self.shard is not None and not 1 <= self.shard[0] <= self.shard[1]:
            index, count = self.shard
            raise UsageError(f"there is no shard {index}/{count}", "--shard 1/4 to --shard 4/4")
        for name, without in (("manifest", LOOKS), ("shard", ("parts", "sheets", "report"))):
            others = [other for other in without if self._has(other)]
            if self._has(name) and others:
                raise UsageError(f"{name} and {others[0]} do not go together")

    def _has(self, name: str) -> bool:
        value = getattr(self, name)
        return value is not None if name == "parts" else bool(value)  # no parts: merge all there is

    @property
    def worker_count(self) -> int:
        """How many pictures are looked at at a time: as many as cores, if none is named."""
        return cores() if self.workers is None else self.workers

    def caches(self) -> list[Path]:
        """Return where the parts that are merged keep their measures."""
        found = [part / "cache" for part in self.parts or ()]
        for cache in found:
            if not cache.is_dir():
                raise NotFoundError(
                    f"no measures in {cache.parent}", "give the folder that the shard had as --out"
                )
        return found

    def choose(self, context: Context) -> list[Check]:
        """Return the checks that are asked for, made and ready, by name.

        A check that was not named and cannot run here is left out with a warning; one that was
        named raises its error.
        """
        known, named = context.registry.all("check"), context.registry.get
        params: dict[str, list[Layer]] = {}
        for key, values in self.params.items():
            params.setdefault(named("check", key).name, []).extend(
                Layer(self.origins.get(f"{key}.{name}", CALL), {name: value})
                for name, value in values.items()
            )
        skipped = {named("check", name).name for name in self.skip}
        names = {named("check", name).name for name in self.checks or ()}
        if self.checks is None:
            names = {name for name, check in known.items() if check.by_default}
        chosen = []
        for name in sorted(names - skipped):
            layers = params.get(name, [])
            check = _made(known[name], layers)
            error = check.missing(context)
            if error is None:
                check.begin(context)
                chosen.append(check)
            elif self.checks is not None or layers:
                raise error
            elif error.code != "tags.not_given":
                hint = f" ({error.hint})" if error.hint else ""
                context.warnings.append(f'check "{name}" was left out: {error.message}{hint}')
        if not chosen:
            raise UsageError("no check is left to run", f"known checks: {' '.join(known)}")
        return chosen


def _made(cls: type[Check], layers: Sequence[Layer]) -> Check:
    """Return a check with its parameters; ConfigError that names it."""
    try:
        return cls(resolve(cls.Params, layers).params)
    except ConfigError as error:
        raise ConfigError(f"{cls.name}: {error.message}", error.hint, code=error.code) from None
