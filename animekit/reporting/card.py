"""Card: what a run is, of which data, and by which commands it is made again."""

from __future__ import annotations

import shlex
from collections import Counter
from pathlib import Path
from typing import Any

from animekit.config import show
from animekit.data.manifest import FOLDER, SUMMARY
from animekit.errors import AnimekitError
from animekit.files import sha256_of
from animekit.foreign import read_json
from animekit.labels.vocabulary import Vocabulary
from animekit.reporting.section import Section
from animekit.runs.checkpoint import AVERAGE, MODEL, pointer, steps_of
from animekit.runs.reports import last_with
from animekit.runs.run import Run
from animekit.runs.summary import SHOWN, RunSummary, own_values
from animekit.text import age, duration, number, size, spelled

OWN = ("tags", "labels", "min_count", "size", "steps", "epochs", "minutes")
FLAGS = {key: f"--{spelled(key)}" for key in OWN}
"""Options that have a flag of their own in the command that trains again."""
MOST_REASONS = 20
MOST_LABELS = 60
HASHED = ("config.json", "metrics.jsonl", "evaluations.jsonl")
WORDS = 40  # lines of log.txt that are shown


def card(run: Run, config: dict[str, Any], found: RunSummary) -> Section:
    """Return what the run is: its model, data, time, device, and best numbers."""
    section, data = Section("card"), config.get("data", {})
    resolved, rows = config.get("resolved", {}), run.metrics()
    images = last_with(rows, "images").get("images")
    speed = last_with(rows, "img_s").get("img_s")
    facts = {
        "model": found.method + (f", preset {found.preset}" if found.preset else ""),
        "data": _data_words(found, data),
        "steps": f"{found.steps:,}" + (f" of {found.total:,}" if found.total else ""),
        "time": duration(found.seconds) + (f", {number(speed)} images/s" if speed else ""),
        "images seen": None if images is None else f"{images:,.0f}",
        "device": _device(resolved),
        "seed": config.get("options", {}).get("seed"),
        "animekit": config.get("animekit"),
        "on disk": f"{size(found.bytes)}, last written {_ago(found.age)}",
    }
    section.values = {
        "id": run.id,
        "state": found.state,
        "facts": {key: value for key, value in facts.items() if value not in (None, "")},
        "best": [
            (key, number(each.value), None if each.real is None else number(each.real), each)
            for key, each in sorted(found.best.items(), key=_rank)
        ],
        "own": [(k, show(v), origin) for k, (v, origin) in own_values(config).items()],
        "preset": found.preset,
        "warnings": _warnings(run),
    }
    return section


def data(run: Run, config: dict[str, Any]) -> Section:
    """Return what the run was trained on, what was left out, and labels."""
    section, facts = Section("data"), config.get("data", {})
    skipped = facts.get("skipped")
    reasons = Counter(
        str(each[1])
        for each in (skipped if isinstance(skipped, list) else ())
        if isinstance(each, list) and len(each) == 2
    )
    section.values = {
        "facts": {
            key: value
            for key, value in (
                ("where", facts.get("where")),
                ("description", facts.get("description")),
                ("found", facts.get("found")),
                ("used", facts.get("used")),
                ("held out", facts.get("held_out")),
                ("fingerprint", facts.get("fingerprint")),
            )
            if value not in (None, "")
        },
        "reasons": reasons.most_common(MOST_REASONS),
        "more_reasons": max(0, len(reasons) - MOST_REASONS),
        "cleaning": _cleaning(str(facts.get("where", ""))),
        "labels": _labels(config),
    }
    if not facts:
        section.absent.append("config.json does not say what the run was trained on")
    if section.values["cleaning"] is None:
        section.absent.append("no cleaning record beside the data: animekit clean makes one")
    return section


def reproduce(run: Run, config: dict[str, Any]) -> Section:
    """Return the commands that make everything again, values and hashes."""
    section = Section("reproduce")
    section.values = {
        "commands": {
            "train it again": train_command(config),
            "go on with it": f"animekit train {config.get('model')} --resume-run {run.id}",
            "measure it": f"animekit evaluate {run.id}",
            "write this report again": f"animekit report {run.id}",
        },
        "values": [
            (key, show(value), str(config.get("origins", {}).get(key, "")))
            for key, value in {**config.get("options", {}), **config.get("params", {})}.items()
        ],
        "environment": {
            **{key: str(value) for key, value in config.get("environment", {}).items()},
            **{f"plugin {key}": str(value) for key, value in config.get("plugin", {}).items()},
        },
        "hashes": hashes(run),
    }
    return section


def train_command(config: dict[str, Any], *, another: bool = False) -> str:
    """Return the command line that trains a run again, or another one like it."""
    options = config.get("options", {})
    words = ["animekit", "train", str(config.get("model"))]
    if config.get("preset"):
        words += ["--preset", str(config["preset"])]
    words += ["--data", str(options.get("data") or config.get("data", {}).get("where", ""))]
    for key, (value, origin) in own_values(config).items():
        if origin == "epochs" or (another and key == "name"):  # steps that came of them
            continue
        if key in FLAGS and value is not None:
            words += [FLAGS[key], show(value)]
        elif key not in ("data", *FLAGS):
            words += ["--set", f"{key}={show(value)}"]
    return shlex.join(words)


def hashes(run: Run) -> list[tuple[str, str]]:
    """Return the sha256 of a run's own files, and of its best and last weights."""
    paths = [run.path / name for name in HASHED]
    have = [path.name for path in steps_of(run.path)]
    names = {pointer(run.path, "best"), pointer(run.path, "last") or (have[-1] if have else None)}
    for name in sorted(each for each in names if each is not None):
        paths += [run.checkpoints / name / file for file in (MODEL, AVERAGE)]
    found = []
    for path in paths:
        if path.is_file():
            found.append((path.relative_to(run.path).as_posix(), sha256_of(path)))
    return found


def _ago(seconds: float) -> str:
    words = age(seconds)
    return "just now" if words == "now" else f"{words} ago"


def _rank(item: tuple[str, Any]) -> int:
    """Return where a number stands on the card: those of a list of runs first."""
    return SHOWN.index(item[0]) if item[0] in SHOWN else len(SHOWN)


def _data_words(found: RunSummary, facts: dict[str, Any]) -> str:
    count = "" if found.images is None else f", {found.images:,} images"
    held = facts.get("held_out")
    return f"{found.data}{count}" + (
        f", {held:,} held out" if isinstance(held, int) and held else ""
    )


def _device(resolved: dict[str, Any]) -> str:
    words = [str(resolved[key]) for key in ("device", "precision") if resolved.get(key)]
    if resolved.get("threads"):
        count = resolved["threads"]
        words.append(f"{count} thread" if count == 1 else f"{count} threads")
    return ", ".join(words)


def _warnings(run: Run) -> list[str]:
    """Return what log.txt warns of, and how often a training went back."""
    path = run.path / "log.txt"
    if not path.is_file():
        return []
    kinds = (" warning: ", " rollback: ", " diverged: ", " alarm: ")
    with path.open(encoding="utf-8", errors="replace") as file:
        found = [line.rstrip() for line in file if any(kind in line for kind in kinds)]
    return list(dict.fromkeys(found))[-WORDS:]


def _cleaning(where: str) -> dict[str, Any] | None:
    """Return the newest summary of a cleaning beside the data; None where there is none."""
    try:
        found = sorted((Path(where) / FOLDER / "clean").glob(f"*/{SUMMARY}"))
    except (OSError, ValueError):  # a name that no folder can have
        return None
    for path in reversed(found):
        try:
            summary = read_json(path, "summary of a cleaning")
            reasons = summary["by_reason"]
            return {
                "id": path.parent.name,
                **{key: int(summary[key]) for key in ("files", "keep", "review", "reject")},
                "reasons": [(str(key), int(count)) for key, count in reasons.items()],
            }
        except (AnimekitError, LookupError, TypeError, ValueError, AttributeError):
            continue
    return None


def _labels(config: dict[str, Any]) -> list[dict[str, Any]]:
    """Return how often each label occurs, by attribute, as shares of the most frequent."""
    spec, counts = config.get("spec", {}), config.get("data", {}).get("label_counts")
    labels, groups = spec.get("labels") or [], spec.get("groups") or []
    if not isinstance(counts, dict) or not labels:
        return []
    try:
        vocabulary = Vocabulary(tuple(labels), tuple(groups))
        rows = []
        for name, part in vocabulary.attributes.items():
            values = [(label, int(counts.get(label, 0))) for label in labels[part]]
            most = max(1, *(count for _, count in values))
            rows.append(
                {"name": name, "values": [(label, n, round(100 * n / most)) for label, n in values]}
            )
    except (TypeError, ValueError, AnimekitError):
        return []
    return rows[:MOST_LABELS]
