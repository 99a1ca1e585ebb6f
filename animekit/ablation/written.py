"""An ablation as files: tables in Markdown, CSV and JSON, the pictures, and a page of it all."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageSequence

from animekit.ablation import pictures
from animekit.ablation.result import Ablation, Outcome
from animekit.evaluation.result import Value
from animekit.files import write_atomic
from animekit.images import page
from animekit.text import duration

PAGE = "index.html"
QUALITY, MOVING = 88, 65  # of the pictures in the page, and of those that move
WIDEST = 1400  # px of a picture in the page
CSV_COLUMNS = (
    *("variant", "changes", "seed", "metric", "value", "spread"),
    *("difference", "deviation", "judgement", "steps", "seconds"),
)
WORDS = {"better": "better", "worse": "worse", "alike": "alike", "unknown": ""}


def save(ablation: Ablation) -> dict[str, Path]:
    """Write everything into the folder of an ablation; return the files by kind."""
    folder = ablation.folder
    found = {"page": folder / PAGE}
    for name, text in (
        ("table.md", as_markdown(ablation)),
        ("table.csv", as_csv(ablation)),
        ("table.json", json.dumps(ablation.facts(), indent=1, allow_nan=False) + "\n"),
    ):
        write_atomic(folder / name, text)
        found[name.partition(".")[2]] = folder / name
    sheet = pictures.draw_sheet(ablation)
    if sheet is not None:
        found["sheet"] = sheet.save(folder / pictures.SHEET, overwrite=True)
    curves = pictures.write_curves(ablation)
    if curves:
        found["curves"] = curves[0]
    pairs = pictures.write_pairs(ablation)
    found |= {f"pair.{name}": path for name, path in pairs.items()}
    page.write(
        folder / PAGE,
        "ablation.html",
        ablation=ablation,
        rows=_rows(ablation),
        about=about(ablation),
        sheet=_picture(found.get("sheet")),
        sheet_notes=[] if sheet is None else list(sheet.notes),
        curves=_picture(found.get("curves")),
        pairs={name: _moving(path) for name, path in pairs.items()},
    )
    return found


def about(ablation: Ablation) -> list[tuple[str, str]]:
    """Return what all trainings have in common, in words."""
    request, plan = ablation.plan.request, ablation.plan
    base = ablation.base.planned.recipe
    spent = sum(state.seconds for each in ablation.outcomes for state in each.states)
    values = {key: value for key, value in request.values.items() if key != "data"}
    return [
        ("base", f"{base.model.name}" + (f", preset {base.preset}" if base.preset else "")),
        *(
            [("told", " ".join(f"{key}={_shown(each)}" for key, each in values.items()))]
            * bool(values)
        ),
        ("data", f"{base.options.data}, {base.options.size} px"),
        ("budget", f"{request.budget} each"),
        ("seeds", ", ".join(map(str, request.seeds))),
        (
            "measured",
            f"{ablation.n:,} images of each side, checkpoint {request.measure.checkpoint}",
        ),
        ("trainings", f"{len(plan.trials)}, {duration(spent)} of the processor in all"),
    ]


def _shown(value: Any) -> str:
    from animekit.config import show

    return show(value)


def as_markdown(ablation: Ablation) -> str:
    """Return the table as Markdown, with what it says and what it was made of."""
    head, *rows = ablation.as_table()
    lines = [
        f"# Ablation of {ablation.base.planned.recipe.model.name}",
        "",
        *(f"- {name}: {words}" for name, words in about(ablation)),
        "",
        _line([*head[:1], "changes", *head[1:]]),
        _line(["---"] * (len(head) + 1)),
    ]
    changes = ["", *(each.planned.changes for each in ablation.outcomes)]
    changes = changes[0 if ablation.floor else 1 :]
    lines += [
        _line([row[0], changed, *row[1:]]) for row, changed in zip(rows, changes, strict=True)
    ]
    lines += ["", "Mean over seeds, ± the larger of their deviation and that of measuring."]
    lines += [f"- {sentence}" for sentence in (*ablation.sentences(), *ablation.warnings())]
    return "\n".join(lines) + "\n"


def _line(cells: list[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def as_csv(ablation: Ablation) -> str:
    """Return the table as CSV: for each variant and number its mean and each seed."""
    text = io.StringIO()
    table = csv.DictWriter(text, CSV_COLUMNS, lineterminator="\n")
    table.writeheader()
    for key, value in ablation.floor.items():
        row = {"variant": "real pictures", "metric": key}
        table.writerow({**row, "value": value.value, "spread": value.spread})
    for outcome in ablation.outcomes:
        for key in outcome.values:
            table.writerows(_csv_rows(ablation, outcome, key))
    return text.getvalue()


def _csv_rows(ablation: Ablation, outcome: Outcome, key: str) -> Iterator[dict[str, Any]]:
    """Yield one number of a variant over all seeds, then for each seed."""
    about = {"variant": outcome.name, "changes": outcome.planned.changes, "metric": key}
    value, apart = outcome.values[key], ablation.difference(outcome, key)
    is_base = outcome is ablation.base
    yield {
        **about,
        "seed": "all",
        "value": value.value,
        "spread": value.spread,
        "difference": None if apart is None or is_base else apart[0],
        "deviation": None if apart is None or is_base else apart[1],
        "judgement": "" if is_base else ablation.judge(outcome, key),
        "steps": outcome.steps,
        "seconds": outcome.seconds,
    }
    for state in outcome.done:
        one = Value(**(state.measured or {})["fake"].get(key, {"value": None}))
        spent = {"steps": state.step, "seconds": round(state.seconds, 1)}
        yield {**about, "seed": state.seed, "value": one.value, "spread": one.spread, **spent}


def _rows(ablation: Ablation) -> list[dict[str, Any]]:
    """Return a row for each variant as the page shows it."""
    return [_row(ablation, outcome) for outcome in ablation.outcomes]


def _row(ablation: Ablation, outcome: Outcome) -> dict[str, Any]:
    return {
        "name": outcome.name,
        "model": outcome.planned.recipe.model.name,
        "changes": outcome.planned.changes,
        "steps": ablation.steps_of(outcome),
        "failed": [(each.failed or {}).get("message", "") for each in outcome.failed],
        "verdicts": outcome.verdicts,
        "cells": [
            {
                "text": str(outcome.values[row.key])
                if outcome.values[row.key].value is not None
                else "-",
                "judged": ""
                if outcome is ablation.base
                else WORDS[ablation.judge(outcome, row.key)],
            }
            for row in ablation.rows
        ],
    }


def _picture(path: Path | None) -> Mapping[str, Any] | None:
    """Return a picture as the page embeds it, None where there is none."""
    if path is None:
        return None
    with Image.open(path) as picture:
        pixels = np.asarray(picture.convert("RGB"))
    data = page.webp(pixels, QUALITY, WIDEST)
    with Image.open(io.BytesIO(data)) as small:
        width, height = small.size
    return {"address": page.embedded(data), "width": width, "height": height}


def _moving(path: Path) -> Mapping[str, Any]:
    """Return a GIF as the page embeds it: WebP moves in a fraction of its bytes."""
    data = io.BytesIO()
    with Image.open(path) as picture:
        width, height = picture.size
        frames = [frame.convert("RGB") for frame in ImageSequence.Iterator(picture)]
        shown = {"duration": picture.info.get("duration", 250), "loop": 0}
    frames[0].save(
        data, "WEBP", save_all=True, append_images=frames[1:], quality=MOVING, method=2, **shown
    )
    return {"address": page.embedded(data.getvalue()), "width": width, "height": height}
