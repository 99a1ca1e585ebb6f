"""The result of a cleaning: its counts and gates, and what can be done with its decisions."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from animekit.cleaning import quarantine
from animekit.cleaning.crop_list import faces_folder
from animekit.cleaning.journal import Journal
from animekit.cleaning.move_plan import FLAGGED
from animekit.cleaning.publish import publish
from animekit.cleaning.quarantine import Applied, Undone
from animekit.data.manifest import FILE, SUMMARY, numbered, write_manifest
from animekit.errors import GateError, UsageError
from animekit.files import Progress, as_error, write_atomic
from animekit.gates import Gate, parse_gate
from animekit.text import Printed

if TYPE_CHECKING:
    import pandas as pd

    from animekit.cleaning.check import Finding
    from animekit.cleaning.crop_list import Cropped
    from animekit.cleaning.measure import Table
    from animekit.cleaning.sheets import ContactSheet, ReasonGroup
    from animekit.data.dataset import Skipped
    from animekit.plugins import Registry


Way = Literal["quarantine", "copy", "link"]
"""How decisions are applied: what is flagged moves away, or the rest is copied or linked."""
CROPS: dict[str, Literal["all", "largest"]] = {"face": "all", "largest": "largest"}
"""What can be cut out: every face, or the largest one of each picture."""
COUNTS = ("flagged", "reject", "review", "keep", "files", "readable")
"""What gates can speak of besides the reasons of the checks."""


@dataclass
class Cleaning(Printed):
    """What came of one cleaning, and what can be done with its decisions.

    `manifest` has a row for each file, in the order of their names; `table` has the measures of
    the same rows, as in "blur.sharpness" and "face.boxes", and `findings` speak of its row numbers.
    Where the decisions came from a manifest, nothing was looked at: both are empty. `folder` has
    manifest.csv and summary.json, and what was asked for of sheets and report. `measured` keeps
    what `table` is made of when it is asked for.
    """

    folder: Path
    manifest: pd.DataFrame
    measured: Table | None
    findings: list[Finding]
    summary: dict[str, Any]
    warnings: list[str]
    groups: Sequence[ReasonGroup] = ()
    sheets: Sequence[ContactSheet] = ()
    report: Path | None = None
    way: Way | None = None
    applied: Applied | None = None
    cropped: Cropped | None = None

    def as_table(self) -> list[Sequence[str]]:
        """Return how many pictures were flagged for each reason, and how many are kept."""
        counts, reasons = self.counts(), self.summary.get("reasons", {})
        rows = [("reason", "pictures", "tier")]
        for name, count in self.by_reason().items():
            facts = reasons.get(name, {})
            rows.append((facts.get("words", name), f"{count:,}", facts.get("tier", "")))
        return [*rows, ("keep", f"{counts['keep']:,}", ""), ("files", f"{counts['files']:,}", "")]

    @cached_property
    def table(self) -> pd.DataFrame:
        """The measures of all files, by check and measure."""
        import pandas as pd

        return pd.DataFrame() if self.measured is None else self.measured.frame()

    @property
    def pictures(self) -> Path:
        """The folder of pictures that was cleaned."""
        return Path(self.summary["path"])

    @property
    def boxes(self) -> dict[str, Any]:
        """The faces that a detector has found, by the sha256 of the file."""
        if self.measured is None or "face.boxes" not in self.measured.columns:
            return {}
        found = self.measured.frame(["sha256", "face.boxes"])
        return dict(zip(found["sha256"], found["face.boxes"], strict=True))

    @property
    def refused(self) -> list[Skipped]:
        """The files that `apply` left alone, and why."""
        return self.applied.refused if self.applied else []

    def apply(
        self,
        way: Way = "quarantine",
        *,
        tiers: Sequence[str] = FLAGGED,
        out: str | Path | None = None,
        progress: Progress | None = None,
    ) -> Applied:
        """Move what is flagged to PATH_rejected, or copy or link the rest to PATH_clean.

        `tiers` are the decisions whose pictures move: ("reject",) leaves those to review. `out` is
        another place for the copies or links. `undo` brings back what was moved.
        """
        if way not in get_args(Way):
            raise UsageError(f'cannot apply by "{way}"', f"give one of: {' '.join(get_args(Way))}")
        if way == "quarantine":
            if out is not None:
                raise UsageError("what is flagged moves beside the folder, not to out", "copy it")
            source = str(self.folder / FILE)
            self.applied = quarantine.apply(
                self.pictures, self.manifest, manifest=source, tiers=tiers, progress=progress
            )
        else:
            if tuple(tiers) != FLAGGED:
                raise UsageError("tiers are for quarantine", "leave them out")
            self.applied = publish(self.pictures, self.manifest, out, how=way, progress=progress)
        self.way = way
        return self.applied

    def undo(self, *, progress: Progress | None = None) -> Undone:
        """Bring back what `apply` moved."""
        if self.applied is None or self.way != "quarantine":
            raise UsageError("this cleaning has moved nothing", 'apply("quarantine") moves')
        if self.applied.id is None:  # there was nothing to be moved
            return Undone(None, Journal(self.applied.into).path, 0, [])
        return quarantine.undo(self.pictures, str(self.applied.id), progress=progress)

    def crop(
        self,
        what: Literal["face", "largest"] = "face",
        *,
        out: str | Path | None = None,
        detector: str | None = None,
        workers: int | None = None,
        registry: Registry | None = None,
        progress: Progress | None = None,
        overwrite: bool = False,
        **settings: Any,
    ) -> Cropped:
        """Cut the faces out of what is not rejected, to PATH_faces or to `out`.

        Faces that this cleaning has found are not looked for again, unless by another detector.
        `settings` are those of `animekit.crop`: margin, resize, min_score and min_size.
        """
        from animekit.cleaning.crop import crop  # imports torch, which nothing else here needs

        if what not in CROPS:
            raise UsageError(f'cannot crop by "{what}"', f"give one of: {' '.join(CROPS)}")
        checks = self.summary.get("checks", {})
        looked = checks["face"]["params"]["detector"] if self.boxes else None
        if detector or looked:
            settings["detector"] = detector or looked
        self.cropped = crop(
            self.pictures,
            faces_folder(self.pictures) if out is None else out,
            faces=CROPS[what],
            boxes=self.boxes if detector in (None, looked) else None,
            workers=workers,
            registry=registry,
            progress=progress,
            overwrite=overwrite,
            **settings,
        )
        return self.cropped

    def failure(self, gates: Sequence[Gate]) -> GateError | None:
        """Return the error of the gates that fail, with the facts; None if none does."""
        counts = self.counts()
        failed = [gate for gate in gates if gate.fails(counts)]
        if not failed:
            return None
        seen = "; ".join(f"{gate.text} ({gate.seen(counts)})" for gate in failed)
        error = GateError(f"gate not met: {seen}", "nothing was moved")
        error.data = self.facts()
        return error

    def counts(self) -> dict[str, int]:
        """Return the counts that gates can speak of: decisions, files, and reasons."""
        counts = {name: int(self.summary[name]) for name in ("files", "keep", "reject", "review")}
        flagged = {"flagged": counts["reject"] + counts["review"], "readable": self._readable()}
        return self.by_reason() | counts | flagged

    def _readable(self) -> int:
        # a manifest that a person made has no summary, and may have no widths
        if "readable" in self.summary:
            return int(self.summary["readable"])
        return int((~self.manifest["width"].astype(str).isin(["", "0"])).sum())

    def by_reason(self) -> dict[str, int]:
        """Return how many pictures were flagged, by the name of the reason."""
        if "by_reason" in self.summary:
            return dict(self.summary["by_reason"])
        flagged = self.manifest.loc[self.manifest["decision"] != "keep", "reasons"]
        return dict(Counter(name for text in flagged for name in text.split(";") if name))

    def facts(self) -> dict[str, Any]:
        """Return the counts, the paths of results, and what was applied and cut out.

        These are the data of the JSON answer.
        """
        counts, applied = self.counts(), self.applied
        facts = {
            **{name: counts[name] for name in ("files", "readable", "keep", "reject", "review")},
            "by_reason": self.by_reason(),
            "applied": self.way or "none",
            "moved": applied.files if applied else 0,
            "into": str(applied.into) if applied else None,
            "journal": str(applied.journal) if applied and applied.journal else None,
            "refused": [vars(item) for item in self.refused],
            "gone": len(applied.gone) if applied else 0,
            "manifest": str(self.folder / FILE),
            "report": str(self.report) if self.report else None,
            "sheets": [str(sheet.path) for sheet in self.sheets],
            "shard": self.summary.get("shard"),
        }
        return facts | ({"crops": self.cropped.answer()} if self.cropped else {})


def read_gates(texts: Sequence[str], registry: Registry) -> list[Gate]:
    """Read gates such as "flagged>20%" on the counts and the reasons of checks.

    Raises UsageError where one cannot be read or names nothing that is counted.
    """
    checks = registry.all("check").values()
    reasons = sorted({reason.name for check in checks for reason in check.reasons})
    return [parse_gate(text, [*COUNTS, *reasons], whole="files") for text in texts]


def write_new(root: Path, manifest: pd.DataFrame, summary: Mapping[str, Any]) -> Path:
    """Write both files into a new numbered folder below a root, and return it."""
    import filelock

    try:
        root.mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(root / ".lock"):  # two processes would take the same number
            folder = root / f"{next_number(root):04d}"
            folder.mkdir()
        write_result(folder, manifest, summary)
    except OSError as error:
        raise as_error(
            error, "name a folder on another disk: --out DIR", doing="write to", where=root
        ) from None
    return folder


def next_number(root: Path) -> int:
    """Return the number of the next cleaning below a root."""
    return max((int(path.name) for path in numbered(root)), default=0) + 1


def write_result(folder: Path, manifest: pd.DataFrame, summary: Mapping[str, Any]) -> None:
    """Write the summary, and last the manifest: with it the decisions hold."""
    write_atomic(folder / SUMMARY, json.dumps(summary, indent=1) + "\n")
    write_manifest(folder / FILE, manifest)
