"""Stored: what the folder of a run holds already, as parts of its report."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from animekit.comparison.numbers import shown
from animekit.data.joined import open_dataset
from animekit.data.pack import pack
from animekit.errors import NotFoundError, UnusableError
from animekit.evaluation.metric import MetricContext, build_metric
from animekit.images.decode import ImageError
from animekit.images.figures import PageFigure, curve_figures, frames, read, sample_grids
from animekit.plugins import Registry
from animekit.reporting.drawing import Drawing, tiles
from animekit.reporting.section import Section
from animekit.runs.curves import panels
from animekit.runs.history import read_history
from animekit.runs.options import options_of
from animekit.runs.records import Record, records
from animekit.runs.run import Run

FRAMES = 12
LONGEST = 640  # px of a frame or sheet
MOST_REAL = 5_000  # pictures among which the nearest are looked for
KIND = "neighbours"


def timeline(run: Run, longest: int, most: int = FRAMES) -> Section:
    """Return the sample grids from the first step to the last."""
    section = Section("timeline")
    paths = sample_grids(run.samples)
    section.values["frames"] = frames(paths, most, longest=longest)
    section.values["count"] = len(paths)
    gif = run.path / "timeline.gif"
    section.values["gif"] = gif.name if gif.is_file() else None
    if not paths:
        section.absent.append(
            "the run has no sample grids: its model draws none, or it ended early"
        )
    return section


def curves(run: Run, config: dict[str, Any], registry: Registry) -> Section:
    """Return the curves of what was reported, and how to read this model's losses."""
    section, history = Section("curves"), read_history(run)
    longest = max((len(each.steps) for each in history.series.values()), default=0)
    section.values["figures"] = curve_figures(panels({run.id: history})) if longest > 1 else []
    if longest < 2:
        section.absent.append(f"metrics.jsonl has {longest} report{'s' if longest != 1 else ''}")
    model = registry.find("model", str(config.get("model")))
    section.values["notes"] = "" if model is None else str(getattr(model, "notes", ""))
    section.values["marks"] = [(mark.kind, mark.step) for mark in history.marks]
    return section


def reals(run: Run, config: dict[str, Any]) -> list[np.ndarray]:
    """Return the real images that a run drew beside its samples, [] without."""
    side = config.get("spec", {}).get("size")
    try:
        return tiles(read(run.samples / "reals.png"), side) if isinstance(side, int) else []
    except ImageError:
        return []


def picture(path: Any, title: str, longest: int) -> PageFigure | None:
    """Return a picture of the run as a figure, None where it cannot be read."""
    try:
        return PageFigure.of(title, read(path), longest=longest)
    except ImageError:
        return None


def honesty(
    run: Run, config: dict[str, Any], drawing: Drawing, found: list[Record], longest: int
) -> Section:
    """Return numbers with their floor, nearest real pictures, and the lowest scores."""
    section = Section("honesty")
    last = found[-1] if found else None
    section.values |= {"rows": [], "verdict": None, "record": None}
    section.values |= {"neighbours": None, "lowest": None}
    if last is None and not drawing.generates_or_unknown:
        section.absent.append("numbers, neighbours and scores are of models that draw from noise")
        return section
    if last is None:
        section.absent.append(f"never evaluated: animekit evaluate {run.id}")
    else:
        section.values |= {
            "rows": [
                {
                    "key": each.key,
                    "better": "as real" if each.better == "real" else each.better,
                    "value": shown(each.value, each.spread),
                    "real": shown(each.real, each.real_spread),
                    "definition": each.reason or each.definition,
                }
                for each in last.numbers.values()
            ],
            "verdict": last.verdict,
            "record": f"{last.folder.parent.name}/{last.folder.name}",
            "n": last.n,
            "step": last.of.get("step"),
        }
    section.attempt("neighbours", lambda: _neighbours(run, drawing, found, longest), "neighbours")
    section.attempt(
        "lowest",
        lambda: drawing.lowest(reals(run, config)),
        "lowest-scoring samples",
    )
    return section


def of_kind(found: list[Record], kind: str) -> tuple[Record, Any] | None:
    """Return the newest picture of a kind that an evaluation stored, and its record."""
    for record in reversed(found):
        for path in record.pictures(kind):
            return record, path
    return None


def _neighbours(
    run: Run, drawing: Drawing, found: list[Record], longest: int
) -> tuple[PageFigure, str]:
    """Return the sheet of nearest real pictures: as it was stored, or drawn now."""
    stored = of_kind(found, KIND)
    if stored is not None:
        record, path = stored
        figure = PageFigure.of("nearest real pictures", read(path), longest=2 * longest)
        return figure, f"as {record.folder.parent.name}/{record.folder.name} stored it"
    fake = drawing.judged.images.transpose(0, 3, 1, 2)
    real = real_images(run, drawing.registry)
    metric = build_metric(
        (cls := drawing.registry.get("metric", "nearest")),
        cls.Params(),
        MetricContext(registry=drawing.registry),
    )
    (exhibit, *_) = metric.illustrate(real, fake, None)
    if exhibit.image is None:
        raise UnusableError("the metric nearest draws no picture")
    figure = PageFigure.of("nearest real pictures", exhibit.image, longest=2 * longest)
    return figure, f"drawn for this report: {len(fake)} samples among {len(real):,} real images"


def real_images(run: Run, registry: Registry) -> np.ndarray:
    """Return the images that a run was trained on, up to 5,000: uint8 [N, 3, H, W].

    Raises NotFoundError where the data are not here, UnusableError where they are not the same.
    """
    options, config = options_of(run), run.config
    where = str(options.get("data", ""))
    try:
        tags = None if options.get("tags") is None else Path(options["tags"])
        dataset = open_dataset(where, registry, tags, options.get("labels"))
        size, crop = int(config["spec"]["size"]), int(options.get("crop", 0))
        packed = pack(dataset, size + crop)
    except NotFoundError:
        hint = f"animekit evaluate {run.id} --nearest where they are stores the sheet"
        raise NotFoundError(f"the data are not here ({where}); {hint}") from None
    except (LookupError, TypeError, ValueError) as error:
        raise UnusableError(f"config.json of {run.id} does not say what the data are") from error
    if packed.content != config.get("data", {}).get("fingerprint"):
        raise UnusableError(f"{where} does not hold any more what the run was trained on")
    rows = np.unique(np.linspace(0, len(packed) - 1, MOST_REAL).round().astype(int))
    edge = crop // 2
    images = np.asarray(packed.images[rows])[:, edge : edge + size, edge : edge + size]
    return np.ascontiguousarray(images.transpose(0, 3, 1, 2))


def newest_records(run: Run) -> list[Record]:
    """Return the records of a run; none where its folder cannot be read."""
    try:
        return records(run)
    except OSError:
        return []
