"""Decisions: what the checks decide about each picture, and what a person has decided since.

A person's decisions outlive the next cleaning, and can be taken from an edited manifest.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from animekit.cleaning.check import FOREIGN, TIERS, UNOPENED, Check, Finding, Reason
from animekit.cleaning.measure import BARE, Table
from animekit.cleaning.result import Cleaning, write_new, write_result
from animekit.data.manifest import (
    COLUMNS,
    DECISIONS,
    FILE,
    SUMMARY,
    clean_folder,
    newest_manifest,
    read_manifest,
)
from animekit.data.survey import survey
from animekit.errors import AnimekitError
from animekit.files import write_atomic
from animekit.foreign import read_json
from animekit.plugins import broken

if TYPE_CHECKING:
    import pandas as pd

UNREADABLE = Reason("unreadable", "reject", "cannot be read")
WHOLE = {"foreign": FOREIGN, "unreadable": UNOPENED}
"""For files that cannot be decoded where no check that was asked for says why; by kind of error."""

DECISION = {"reject": "reject", "review": "review", "note": "keep", "": "keep"}
DISAGREE = (
    ("not_here", "files of the manifest are not in the folder"),
    ("not_listed", "files in the folder are not in the manifest, and so are kept"),
)
"""What an edited manifest and the folder may not agree on, and the words for it."""


def judge(table: Table) -> list[Finding]:
    """Return the findings of all checks, by row, the most severe first."""
    findings: list[Finding] = []
    flagged = [""] * len(table.files)
    bare = table.frame(BARE)

    def take(found: list[Finding]) -> None:
        findings.extend(found)
        for finding in found:
            tier = finding.reason.tier
            if _severity(tier) < _severity(flagged[finding.row]):
                flagged[finding.row] = tier

    for last in (False, True):
        for check in table.checks:
            if check.last is last:
                view = bare.assign(flagged=flagged)
                for measure in check.measures:
                    view[measure] = table.columns[f"{check.name}.{measure}"].series()
                found = check.judge(view)
                if not isinstance(found, list) or not all(isinstance(f, Finding) for f in found):
                    raise broken(check, "judge", found, "a list of findings")
                take(found)
        if not last:
            damaged = bare[bare["error"] != ""][["error", "error_kind"]]
            unread = [
                Finding(r, WHOLE.get(k, UNREADABLE), note=n) for r, n, k in damaged.itertuples()
            ]
            take([f for f in unread if _severity(f.reason.tier) < _severity(flagged[f.row])])
    return sorted(findings, key=lambda found: (found.row, _severity(found.reason.tier)))


def _severity(tier: str) -> int:
    return TIERS.index(tier) if tier in TIERS else len(TIERS)


def make_manifest(measured: Table, findings: list[Finding]) -> pd.DataFrame:
    """Return the manifest: a row for each file, with all of its columns."""
    import pandas as pd

    shown, counted = _shown(measured.checks), _counting(measured.checks)
    table = measured.frame([*BARE, *shown, *counted])
    names = table["name"].tolist()
    by_row: dict[int, list[Finding]] = {}
    for finding in findings:
        by_row.setdefault(finding.row, []).append(finding)
    groups = {found.row: (found.group, found.kept) for found in findings if found.group is not None}
    groups |= {kept: (group, kept) for group, kept in groups.values() if kept is not None}
    texts: dict[str, list[str]] = {name: [] for name in COLUMNS if name not in BARE}
    # column by column, and never a dict a row: a million of those are gigabytes
    for row, (scores, faces) in enumerate(
        zip(_scores(table[shown]), _faces(table[counted]), strict=True)
    ):
        found = by_row.get(row, [])
        tier = found[0].reason.tier if found else ""
        group, kept = groups.get(row, (None, None))
        scores |= {f.reason.name: f.score for f in found if f.score is not None}
        for name, text in (
            ("decision", DECISION[tier]),
            ("tier", tier),
            ("reasons", ";".join(dict.fromkeys(item.reason.name for item in found))),
            ("scores", json.dumps(scores, default=float)),  # of numpy
            ("group", "" if group is None else str(group)),
            ("kept", "" if kept is None else names[kept]),
            ("faces", faces),
            ("note", "; ".join(item.note for item in found if item.note)),
        ):
            texts[name].append(text)
    # names as objects: pyarrow, where it is installed, cannot hold one that is not valid UTF-8
    kinds = dict.fromkeys(("name", "kept"), object)
    columns = {name: table[name] for name in BARE if name in COLUMNS}
    columns |= {name: pd.Series(each, dtype=kinds.get(name)) for name, each in texts.items()}
    return pd.DataFrame({name: columns[name] for name in COLUMNS})


def _counting(checks: Sequence[Check]) -> list[str]:
    """Return the column that counts faces, if a check does."""
    return [f"{check.name}.faces" for check in checks if "faces" in check.measures][:1]


def _shown(checks: Sequence[Check]) -> list[str]:
    """Return the columns that the manifest shows for every picture."""
    return [f"{check.name}.{measure}" for check in checks for measure in check.shown]


def _faces(table: pd.DataFrame) -> list[str]:
    """Return the number of faces that a check counted, as text; "" where none did."""
    if table.columns.empty:
        return [""] * len(table)
    counts = table.iloc[:, 0].astype(float)
    return ["" if count != count else f"{count:.0f}" for count in counts]


def _scores(table: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """Yield the measures of each row that are there, by name."""
    columns = [table[name].tolist() for name in table]
    keys = [name.rpartition(".")[2] for name in table]
    for values in zip(*columns, strict=True) if columns else [()] * len(table):
        pairs = zip(keys, values, strict=True)
        yield {key: value for key, value in pairs if value is not None and value == value}


def by_hand(table: pd.DataFrame) -> dict[tuple[str, str], str]:
    """Return the decisions that no check made, by the name and sha256 of the picture."""
    own = table["tier"].map(DECISION).fillna("keep")
    edited = table[table["decision"] != own]
    keys = zip(edited["name"], edited["sha256"], strict=True)
    return dict(zip(keys, edited["decision"], strict=True))


def keep_decisions(cleaning: Cleaning, previous: Path | None) -> Cleaning:
    """Return the cleaning with what a person had decided in an earlier manifest.

    A decision holds for the same name and content. The files of the cleaning are written anew, and
    a warning says how many decisions were kept.
    """
    if previous is None:
        return cleaning
    try:
        known = by_hand(read_manifest(previous, ["sha256", "tier"]))
    except AnimekitError as error:
        words = f"decisions that were made by hand in it are not kept: {error.message}"
        return replace(cleaning, warnings=[*cleaning.warnings, words])
    if not known:
        return cleaning
    table = cleaning.manifest.copy()
    keys = list(zip(table["name"], table["sha256"], strict=True))
    old = table["decision"].tolist()
    # a manifest that a person made may lack the hashes
    pairs = zip(keys, old, strict=True)
    new = [known.get(key) or known.get((key[0], "")) or was for key, was in pairs]
    count = sum(was != now for was, now in zip(old, new, strict=True))
    if not count:
        return cleaning
    table["decision"] = new
    warning = f"{count:,} decisions that were made by hand are kept, from {previous}"
    warnings = [*cleaning.warnings, warning]
    summary = {**cleaning.summary, **counts(table), "by_hand": count, "warnings": warnings}
    write_result(cleaning.folder, table, summary)
    return replace(cleaning, manifest=table, summary=summary, warnings=warnings)


def adopt(folder: Path, manifest: Path, out: Path | None = None) -> Cleaning:
    """Make the decisions of an edited manifest those of a folder of pictures.

    The newest manifest of the folder stays where it is; another file is copied to a new numbered
    folder, so that `train` finds it.
    """
    found = survey(folder)
    table = read_manifest(manifest)
    source = manifest / FILE if manifest.is_dir() else manifest
    here = {file.name for file in found.files}
    named = set(table["name"])
    summary = _summary_beside(source) | {
        "schema": "animekit.clean/1",
        "path": str(folder),
        "files": len(table),
        **counts(table),
        "by_hand": len(by_hand(table)),
        "not_here": len(named - here),
        "not_listed": len(here - named),
    }
    newest = newest_manifest(folder)
    if out is None and newest is not None and source.samefile(newest):
        write_atomic(source.parent / SUMMARY, json.dumps(summary, indent=1) + "\n")
        place = source.parent
    else:
        summary["from"] = str(source)
        place = write_new(clean_folder(folder) if out is None else out, table, summary)
    warnings = [f"{summary[key]:,} {words}" for key, words in DISAGREE if summary[key]]
    return Cleaning(place, table, None, [], summary, warnings)


def counts(table: pd.DataFrame) -> dict[str, int]:
    """Return how many pictures have each decision."""
    found = table["decision"].value_counts()
    return {name: int(found.get(name, 0)) for name in DECISIONS}


def _summary_beside(source: Path) -> dict[str, Any]:
    """Return the summary of the cleaning that a manifest came from, if it lies beside it."""
    try:
        summary = read_json(source.parent / SUMMARY, "summary")
    except AnimekitError:
        return {}
    kinds = {"reasons": dict, "checks": dict, "readable": int, "by_reason": dict}  # what is used
    sound = isinstance(summary, dict) and all(
        isinstance(summary.get(key, kind()), kind) for key, kind in kinds.items()
    )
    return summary if sound else {}
