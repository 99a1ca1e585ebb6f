"""Verdicts: what all checks found about each picture, and the manifest that says it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from animekit.cleaning.check import TIERS, Check, Finding, Reason
from animekit.cleaning.measure import BARE
from animekit.data.manifest import COLUMNS

if TYPE_CHECKING:
    import pandas as pd

UNREADABLE = Reason("unreadable", "reject", "cannot be read")
"""For files that cannot be decoded where no check that was asked for says why."""

DECISION = {"reject": "reject", "review": "review", "note": "keep", "": "keep"}


def judge(checks: Sequence[Check], table: pd.DataFrame) -> list[Finding]:
    """Return the findings of all checks, by row, the most severe first."""
    findings: list[Finding] = []
    flagged = [""] * len(table)

    def take(found: list[Finding]) -> None:
        findings.extend(found)
        for finding in found:
            tier = finding.reason.tier
            if _severity(tier) < _severity(flagged[finding.row]):
                flagged[finding.row] = tier

    for last in (False, True):
        for check in checks:
            if check.last is last:
                view = table[list(BARE)].assign(flagged=flagged)
                for measure in check.measures:
                    view[measure] = table[f"{check.name}.{measure}"]
                take(check.judge(view))
        if not last:
            damaged = table[(table["error"] != "")]
            notes = zip(damaged.index, damaged["error"], strict=True)
            take([Finding(r, UNREADABLE, note=n) for r, n in notes if flagged[r] != "reject"])
    return sorted(findings, key=lambda found: (found.row, _severity(found.reason.tier)))


def _severity(tier: str) -> int:
    return TIERS.index(tier) if tier in TIERS else len(TIERS)


def make_manifest(
    checks: Sequence[Check], table: pd.DataFrame, findings: list[Finding]
) -> pd.DataFrame:
    """Return the manifest: a row for each file, with all of its columns."""
    import pandas as pd

    names = table["name"].tolist()
    by_row: dict[int, list[Finding]] = {}
    for finding in findings:
        by_row.setdefault(finding.row, []).append(finding)
    groups = {found.row: (found.group, found.kept) for found in findings if found.group is not None}
    groups |= {kept: (group, kept) for group, kept in groups.values() if kept is not None}
    faces = _faces(checks, table)
    scores = _scores(checks, table)
    rows: list[dict[str, Any]] = []
    for row, fact in enumerate(table[list(BARE)].to_dict("records")):
        found = by_row.get(row, [])
        tier = found[0].reason.tier if found else ""
        group, kept = groups.get(row, (None, None))
        rows.append(
            fact
            | {
                "decision": DECISION[tier],
                "tier": tier,
                "reasons": ";".join(dict.fromkeys(item.reason.name for item in found)),
                "scores": json.dumps(
                    scores[row] | {f.reason.name: f.score for f in found if f.score is not None},
                    default=float,  # of numpy
                ),
                "group": "" if group is None else str(group),
                "kept": "" if kept is None else names[kept],
                "faces": faces[row],
                "note": "; ".join(item.note for item in found if item.note),
            }
        )
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _faces(checks: Sequence[Check], table: pd.DataFrame) -> list[str]:
    """Return the number of faces that a check counted, as text; "" where none did."""
    columns = [f"{check.name}.faces" for check in checks if "faces" in check.measures]
    if not columns:
        return [""] * len(table)
    return ["" if count != count else f"{count:.0f}" for count in table[columns[0]].astype(float)]


def _scores(checks: Sequence[Check], table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the measures that are shown, by name, for each row."""
    shown = [f"{check.name}.{measure}" for check in checks for measure in check.shown]
    columns = [table[name].tolist() for name in shown]
    keys = [name.rpartition(".")[2] for name in shown]
    scores = []
    for values in zip(*columns, strict=True):
        pairs = zip(keys, values, strict=True)
        scores.append({key: value for key, value in pairs if value is not None and value == value})
    return scores or [{}] * len(table)
