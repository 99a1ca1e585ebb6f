"""Cleaning: checks look at every picture of a folder, and a manifest says what they found.

Nothing is moved and nothing but the folder's own `.animekit` is written: each cleaning is a new
numbered folder with a manifest.csv and a summary.json.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from animekit import plugins
from animekit.cleaning.cache import MeasureCache
from animekit.cleaning.check import TIERS, Check, Context, Finding, Reason
from animekit.cleaning.judge import judge, make_manifest
from animekit.cleaning.measure import Progress, Table, measure
from animekit.config import Layer, resolve
from animekit.data.manifest import FILE, SUMMARY, clean_folder, numbered, write_manifest
from animekit.data.survey import File, Survey, survey
from animekit.errors import DeviceError, NotFoundError, UsageError
from animekit.files import cores, write_atomic

if TYPE_CHECKING:
    import pandas as pd

    from animekit.plugins import Registry

Shard = tuple[int, int]


@dataclass(frozen=True)
class Cleaning:
    """What came of one cleaning; all but `table` and `findings` is also in `folder`.

    `manifest` has a row for each file, in the order of their names; `table` has the measures of
    the same rows, as in "blur.sharpness" and "face.boxes"; `findings` speak of its row numbers.
    """

    folder: Path
    manifest: pd.DataFrame
    table: pd.DataFrame
    findings: list[Finding]
    summary: dict[str, Any]
    warnings: list[str]


def clean(
    path: str | Path,
    *,
    checks: Sequence[str] | None = None,
    skip: Sequence[str] = (),
    params: Mapping[str, Mapping[str, Any]] | None = None,
    tags: str | Path | None = None,
    workers: int | None = None,
    shard: Shard | None = None,
    out: str | Path | None = None,
    registry: Registry | None = None,
    progress: Progress | None = None,
) -> Cleaning:
    """Check the pictures in a folder, and write a manifest of what was found.

    `checks` are names (all that can run here by default), less those in `skip`; `params` has the
    parameters of checks by name. `shard` (i, n) looks at the i-th of n parts only, 1 <= i <= n, and
    judges it alone: `merge` then judges all parts together. The manifest goes into a new folder
    below `PATH/.animekit/clean`, or below `out`; the pictures are never touched. What was measured
    is kept beside it, so a second cleaning only looks at what is new, and one that was stopped
    goes on.
    """
    return _clean(
        Path(path),
        Request(checks, skip, params or {}, None if tags is None else Path(tags)),
        workers=workers,
        shard=shard,
        out=out,
        registry=registry,
        progress=progress,
    )


def merge(
    path: str | Path,
    parts: Iterable[str | Path] = (),
    *,
    checks: Sequence[str] | None = None,
    skip: Sequence[str] = (),
    params: Mapping[str, Mapping[str, Any]] | None = None,
    tags: str | Path | None = None,
    workers: int | None = None,
    out: str | Path | None = None,
    registry: Registry | None = None,
    progress: Progress | None = None,
) -> Cleaning:
    """Clean a folder from what shards have measured.

    The result is that of one whole cleaning. `parts` are the folders that the shards had as `out`;
    shards without one kept their measures where they are found anyway. What no shard has measured
    is measured now, and a warning says so.
    """
    caches = []
    for part in map(Path, parts):
        if not (part / "cache").is_dir():
            raise NotFoundError(
                f"no measures in {part}", "give the folder that the shard had as --out"
            )
        caches.append(part / "cache")
    return _clean(
        Path(path),
        Request(checks, skip, params or {}, None if tags is None else Path(tags)),
        workers=workers,
        out=out,
        registry=registry,
        progress=progress,
        caches=caches,
        is_merge=True,
    )


@dataclass(frozen=True)
class Request:
    """Which checks are asked for, and with which parameters."""

    checks: Sequence[str] | None
    skip: Sequence[str]
    params: Mapping[str, Mapping[str, Any]]
    tags: Path | None


def _clean(
    path: Path,
    request: Request,
    *,
    workers: int | None,
    out: str | Path | None,
    registry: Registry | None,
    progress: Progress | None,
    shard: Shard | None = None,
    caches: Sequence[Path] = (),
    is_merge: bool = False,
) -> Cleaning:
    started = time.perf_counter()
    workers = cores() if workers is None else workers
    if workers < 1:
        raise UsageError(f"{workers} workers cannot work", "--workers 2, or leave it out")
    registry = plugins.load() if registry is None else registry
    context = Context(path, registry, request.tags)
    chosen = choose(request, context)
    found = survey(path)
    files = found.files if shard is None else _part(found.files, shard)
    root = Path(out) if out is not None else clean_folder(path)
    with MeasureCache(root / "cache", caches) as measured:
        table = measure(path, files, chosen, measured, workers=workers, progress=progress)
    if found.skipped:
        context.warnings.append(_skipped_words(found))
    if is_merge and table.decoded:
        context.warnings.append(f"{table.decoded:,} pictures were in no part: measured now")
    frame = table.frame()
    findings = judge(chosen, frame)
    manifest = make_manifest(chosen, frame, findings)
    summary = {
        "schema": "animekit.clean/1",
        "path": str(path),
        "shard": list(shard) if shard else None,
        **_counts(manifest, findings),
        "ignored": dict(sorted(found.ignored.items())),
        "skipped": [{"name": item.name, "reason": item.reason} for item in found.skipped],
        "checks": {check.name: _described(check, registry) for check in chosen},
        "warnings": context.warnings,
        **_speed(table, workers, time.perf_counter() - started),
    }
    folder = _write(root, shard, manifest, summary)
    return Cleaning(folder, manifest, frame, findings, summary, context.warnings)


def choose(request: Request, context: Context) -> list[Check]:
    """Return the checks that are asked for, made and ready, by name.

    A check that was not named and cannot run here is left out with a warning; one that was named
    raises its error.
    """
    known = context.registry.all("check")
    for name in (*(request.checks or ()), *request.skip, *request.params):
        context.registry.get("check", name)
    wanted = request.checks
    if wanted is None:
        wanted = [name for name, check in known.items() if check.by_default]
    chosen = []
    for name in sorted(set(wanted) - set(request.skip)):
        values = request.params.get(name, {})
        check: Check = known[name](resolve(known[name].Params, [Layer(name, values)]).params)
        error = check.missing(context)
        if error is None:
            check.begin(context)
            chosen.append(check)
        elif request.checks is not None or values:
            raise error
        elif error.code != "tags.not_given":
            hint = f" ({error.hint})" if error.hint else ""
            context.warnings.append(f'check "{name}" was left out: {error.message}{hint}')
    if not chosen:
        raise UsageError("no check is left to run", f"known checks: {' '.join(known)}")
    return chosen


def _part(files: list[File], shard: Shard) -> list[File]:
    index, count = shard
    if not 1 <= index <= count:
        raise UsageError(f"there is no shard {index}/{count}", "--shard 1/4 to --shard 4/4")
    part = [file for file in files if _number(file.name) % count == index - 1]
    if not part:
        raise UsageError(
            f"shard {index}/{count} of {len(files):,} pictures is empty", "ask for fewer shards"
        )
    return part


def _number(name: str) -> int:
    digest = hashlib.blake2b(name.encode("utf-8", "surrogateescape"), digest_size=8).digest()
    return int.from_bytes(digest, "big")


def _counts(manifest: pd.DataFrame, findings: list[Finding]) -> dict[str, Any]:
    reasons: dict[str, Reason] = {}
    rows: dict[str, set[int]] = {}
    for finding in findings:
        reasons[finding.reason.name] = finding.reason
        rows.setdefault(finding.reason.name, set()).add(finding.row)
    order = sorted(
        reasons.values(), key=lambda r: (TIERS.index(r.tier), -len(rows[r.name]), r.name)
    )
    flagged = {r.name: len(rows[r.name]) for r in order if r.tier != "note"}
    decisions = manifest["decision"].value_counts()
    return {
        "files": len(manifest),
        "readable": int((manifest["width"] > 0).sum()),
        **{name: int(decisions.get(name, 0)) for name in ("keep", "reject", "review")},
        "by_reason": flagged,
        "noted": {r.name: len(rows[r.name]) for r in order if r.tier == "note"},
        "reasons": {r.name: {"words": r.words, "tier": r.tier, "worst": r.worst} for r in order},
        "groups": len(set(manifest["group"]) - {""}),
    }


def _described(check: Check, registry: Registry) -> dict[str, Any]:
    source = registry.sources.get(type(check))
    return {
        "params": check.params.model_dump(mode="json"),
        "thresholds": {name: _finite(value) for name, value in check.thresholds.items()},
        "version": check.version,
        "plugin": str(source) if source else type(check).__module__,
    }


def _finite(value: float) -> float | None:
    return None if value == float("inf") else value


def _speed(table: Table, workers: int, seconds: float) -> dict[str, Any]:
    return {
        "measured": table.decoded,
        "workers": workers,
        "seconds": round(seconds, 3),
        "images_per_second": round(len(table.files) / seconds, 1),
    }


def _skipped_words(found: Survey) -> str:
    first = found.skipped[0]
    return f"{len(found.skipped):,} not looked at, such as {first.name}: {first.reason}"


def _write(
    root: Path, shard: Shard | None, manifest: pd.DataFrame, summary: dict[str, Any]
) -> Path:
    """Write both files into a new numbered folder, the manifest last."""
    import filelock

    place = root if shard is None else root / f"shards-{shard[1]}" / f"{shard[0]:04d}"
    try:
        place.mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(place / ".lock"):  # two processes would take the same number
            number = max((int(path.name) for path in numbered(place)), default=0) + 1
            folder = place / f"{number:04d}"
            folder.mkdir()
        write_atomic(folder / SUMMARY, json.dumps(summary, indent=1) + "\n")
        write_manifest(folder / FILE, manifest)
    except OSError as error:
        raise DeviceError(
            f"cannot write to {place}: {error.strerror or error}",
            "name a folder on another disk: --out DIR",
        ) from None
    return folder
