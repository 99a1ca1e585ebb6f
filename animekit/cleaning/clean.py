"""Cleaning: checks look at every picture of a folder, and a manifest says what they found.

Nothing is moved and nothing but the folder's own `.animekit` is written: each cleaning is a new
numbered folder with a manifest.csv and a summary.json. What is to happen with the pictures is asked
of the result: `Cleaning.apply`, `Cleaning.crop`; `undo` takes it back.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from animekit import plugins
from animekit.cleaning.cache import MeasureCache
from animekit.cleaning.check import TIERS, Check, Context, Finding, Reason
from animekit.cleaning.decisions import adopt, judge, keep_decisions, make_manifest
from animekit.cleaning.journal import Journal
from animekit.cleaning.measure import Table, measure
from animekit.cleaning.move_plan import FLAGGED, rejected_folder
from animekit.cleaning.move_plan import plan as plan_moves
from animekit.cleaning.publish import plan_copy
from animekit.cleaning.quarantine import find, undo
from animekit.cleaning.report import write_report
from animekit.cleaning.request import CleanRequest, Shard
from animekit.cleaning.result import Cleaning, Way, next_number, read_gates, write_new
from animekit.cleaning.sheets import Thumbs, group_by_reason, write_sheets
from animekit.data.manifest import clean_folder, newest_manifest, read_manifest
from animekit.data.survey import File, Survey, survey
from animekit.engines import crew
from animekit.engines.processes import place
from animekit.errors import UsageError
from animekit.files import Progress

if TYPE_CHECKING:
    import pandas as pd

    from animekit.plugins import Registry

SHEET = (8, 8)
"""Columns and rows of a contact sheet, where `sheets=True` names none."""


def clean(
    path: str | Path,
    *,
    checks: Sequence[str] | None = None,
    skip: Sequence[str] = (),
    params: Mapping[str, Mapping[str, Any]] | None = None,
    tags: str | Path | None = None,
    workers: int | None = None,
    shard: Shard | None = None,
    parts: Iterable[str | Path] | None = None,
    manifest: str | Path | None = None,
    sheets: bool | tuple[int, int] = False,
    report: bool = False,
    fail_if: Sequence[str] = (),
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
    goes on. What a person had decided in the newest manifest is kept too.

    With `manifest` nothing is looked at: the decisions of that file become those of the folder.
    `sheets` (True, or columns and rows) and `report` draw what was flagged. `fail_if` has gates as
    in "flagged>20%": GateError where one holds, after everything is written.
    """
    request = CleanRequest(
        Path(path),
        checks=checks,
        skip=tuple(skip),
        params=params or {},
        tags=None if tags is None else Path(tags),
        workers=workers,
        shard=shard,
        parts=None if parts is None else tuple(Path(part) for part in parts),
        manifest=None if manifest is None else Path(manifest),
        sheets=SHEET if sheets is True else sheets or None,
        report=report,
        out=None if out is None else Path(out),
    )
    registry = plugins.load() if registry is None else registry
    gates = read_gates(fail_if, registry)
    result = perform(request, registry, progress)
    error = result.failure(gates)
    if error is not None:
        raise error
    return result


def merge(path: str | Path, parts: Iterable[str | Path] = (), **options: Any) -> Cleaning:
    """Clean a folder from what shards have measured; `options` are those of `clean`.

    The result is that of one whole cleaning. `parts` are the folders that the shards had as `out`;
    shards without one kept their measures where they are found anyway. What no shard has measured
    is measured now, and a warning says so.
    """
    return clean(path, parts=parts, **options)


def take_part(request: CleanRequest, registry: Registry, progress: Progress | None = None) -> None:
    """Measure this process's part of the pictures, and wait for the others.

    The measures lie where `perform` of the same request finds them.
    """
    context = Context(request.path, registry, request.tags)
    chosen, files = request.choose(context), survey(request.path).files
    here = place()
    part = [file for file in files if _number(file.name) % here.world == here.rank]
    root = clean_folder(request.path) if request.out is None else request.out
    with MeasureCache(root / "cache", request.caches()) as cache:
        measure(
            *(request.path, part, chosen, cache),
            workers=request.worker_count,
            progress=progress,
        )
    crew.wait()


def perform(
    request: CleanRequest, registry: Registry, progress: Progress | None = None
) -> Cleaning:
    """Do what a request asks for, and write down what came of it."""
    if request.manifest is not None:
        return adopt(request.path, request.manifest, request.out)
    previous = newest_manifest(request.path) if request.path.is_dir() else None
    result = _look(request, registry, progress)
    if request.shard is None:
        result = keep_decisions(result, previous)
        _draw(request, result)
    return result


def _look(request: CleanRequest, registry: Registry, progress: Progress | None) -> Cleaning:
    """Measure and judge the pictures, and write the manifest and the summary."""
    started = time.perf_counter()
    path, workers = request.path, request.worker_count
    context = Context(path, registry, request.tags)
    caches = request.caches()
    chosen = request.choose(context)
    found = survey(path)
    files = found.files if request.shard is None else _part(found.files, request.shard)
    root = clean_folder(path) if request.out is None else request.out
    with MeasureCache(root / "cache", caches) as cache:
        table = measure(path, files, chosen, cache, workers=workers, progress=progress)
    if found.skipped:
        context.warnings.append(_skipped_words(found))
    if request.parts is not None and table.decoded:
        context.warnings.append(f"{table.decoded:,} pictures were in no part: measured now")
    del cache  # what it knows of each picture is in the table
    findings = judge(table)
    manifest = make_manifest(table, findings)
    summary = {
        "schema": "animekit.clean/1",
        "path": str(path),
        "shard": list(request.shard) if request.shard else None,
        **_counts(manifest, findings),
        "ignored": dict(sorted(found.ignored.items())),
        "skipped": [{"name": item.name, "reason": item.reason} for item in found.skipped],
        "checks": {check.name: _described(check, registry) for check in chosen},
        "warnings": context.warnings,
        **_speed(table, workers, time.perf_counter() - started),
    }
    if request.shard is not None:
        index, count = request.shard
        root = root / f"shards-{count}" / f"{index:04d}"
    folder = write_new(root, manifest, summary)
    return Cleaning(folder, manifest, table, findings, summary, context.warnings)


def _draw(request: CleanRequest, result: Cleaning) -> None:
    """Write the sheets and the report that are asked for."""
    if request.sheets is None and not request.report:
        return
    thumbs = Thumbs(request.path)
    result.groups = group_by_reason(result.manifest, result.findings)
    if request.sheets is not None:
        columns, rows = request.sheets
        place = result.folder / "sheets"
        result.sheets = write_sheets(result.groups, thumbs, place, columns=columns, rows=rows)
    if request.report:
        result.report = write_report(result, result.groups, result.sheets, thumbs)


@dataclass(frozen=True)
class CleanPlan:
    """What a cleaning would look at and write, and what it would move or copy.

    `moves` counts files. It and `into` are None where nothing is to be applied, or nothing is
    decided yet: what moves follows `source`, the manifest that is named or the newest one.
    """

    files: int
    folder: Path | None
    source: Path | None = None
    moves: int | None = None
    into: Path | None = None


def plan(
    request: CleanRequest,
    way: Way | None = None,
    *,
    tiers: Sequence[str] = FLAGGED,
    out: Path | None = None,
) -> CleanPlan:
    """Say what a request would do, and `Cleaning.apply` after it; nothing is written."""
    files, folder = len(survey(request.path).files), None
    if request.manifest is None:
        root = clean_folder(request.path) if request.out is None else request.out
        folder = root / f"{next_number(root):04d}"
    source = request.manifest or newest_manifest(request.path)
    if way is None or source is None:
        return CleanPlan(files, folder, source)
    table = read_manifest(source)
    if way == "quarantine":
        made = plan_moves(request.path, table, tiers)
    else:
        made = plan_copy(request.path, table, out)
    return CleanPlan(files, folder, source, len(made.moves), made.into)


def plan_undo(folder: str | Path, which: str = "last") -> tuple[int, Path]:
    """Return how many files `undo` would bring back at most, and from where."""
    into = rejected_folder(Path(folder))
    batch = find(Journal(into), which)
    return (0 if batch is None or batch.undone else len(batch.moves)), into


def _part(files: list[File], shard: Shard) -> list[File]:
    index, count = shard
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


__all__ = [
    "CleanPlan",
    "CleanRequest",
    "Cleaning",
    "clean",
    "merge",
    "perform",
    "plan",
    "plan_undo",
    "take_part",
    "undo",
]
