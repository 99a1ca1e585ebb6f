"""The report of a cleaning: one HTML file that needs no other, no script and no network."""

from __future__ import annotations

import base64
import html
import io
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from animekit.cleaning.report_style import STYLE
from animekit.cleaning.sheets import Example, Sheet, Shelf, Thumbs, caption, short
from animekit.files import write_atomic
from animekit.text import printable

if TYPE_CHECKING:
    from animekit.cleaning.clean import Cleaning

FILE = "report.html"
EXAMPLES = 24
GROUPS = 40
MEMBERS = 6  # pictures of a group
PICTURE_BYTES = 7_000_000
"""What all pictures may have together; base64 makes four bytes of three."""
QUALITY = 72
BINS = 48
WIDE, HIGH = 240, 56  # of a histogram
TAILS = 0.5  # per cent at both ends that a histogram may leave out


@dataclass
class Embedded:
    """Pictures as `<img>`, until they have so many bytes; then names stand alone."""

    thumbs: Thumbs
    left: int = PICTURE_BYTES
    omitted: int = 0

    def tag(self, name: str) -> str:
        """Return the picture of a file as an element."""
        small = self.thumbs.get(name)
        if small is None:
            return '<span class="none">cannot be shown</span>'
        data = io.BytesIO()
        Image.fromarray(small).save(data, "WEBP", quality=QUALITY, method=4)
        if data.tell() > self.left:
            self.omitted += 1
            return '<span class="none">left out</span>'
        self.left -= data.tell()
        text = base64.b64encode(data.getvalue()).decode("ascii")
        side = small.shape[0]
        return f'<img alt="" width="{side}" height="{side}" src="data:image/webp;base64,{text}">'


def write_report(
    cleaning: Cleaning, shelves: Sequence[Shelf], sheets: Sequence[Sheet], thumbs: Thumbs
) -> Path:
    """Write report.html into the folder of a cleaning, and return its path."""
    path = cleaning.folder / FILE
    write_atomic(path, render(cleaning, shelves, sheets, thumbs))
    return path


def render(
    cleaning: Cleaning, shelves: Sequence[Shelf], sheets: Sequence[Sheet], thumbs: Thumbs
) -> str:
    """Return the report: what was found, the scores, examples, how to go on."""
    pictures = Embedded(thumbs)
    title = f"animekit clean: {text(cleaning.summary['path'])}"
    body = [
        f"<h1>{text(cleaning.summary['path'])}</h1>",
        _figures(cleaning.summary),
        _next_steps(cleaning),
        _warnings(cleaning.warnings),
        _table(cleaning, shelves),
        *(_section(shelf, pictures, sheets) for shelf in shelves),
        _settings(cleaning.summary),
    ]
    if pictures.omitted:
        body.append(f"<p>{pictures.omitted:,} pictures were left out, to keep this file small.</p>")
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta http-equiv="Content-Security-Policy"'
        " content=\"default-src 'none'; img-src data:; style-src 'unsafe-inline'\">\n"
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f"<title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n"
        + "\n".join(filter(None, body))
        + "\n</main>\n</body>\n</html>\n"
    )


def text(value: Any) -> str:
    """Return a value as text that HTML shows as it is, on one line.

    >>> text("<b>&'\\n.png")
    '&lt;b&gt;&amp;&#x27;�.png'
    """
    return html.escape(printable(str(value)))


def _name(name: str) -> str:
    """Return a file name as an element; `bdi` keeps what is written from right to left inside."""
    return f"<bdi>{text(name)}</bdi>"


def _figures(summary: dict[str, Any]) -> str:
    files, keep = summary["files"], summary["keep"]
    share = f"{100 * keep / files:.1f} %" if files else ""
    cells = [
        ("files", files, ""),
        ("readable", summary["readable"], ""),
        ("keep", keep, share),
        ("review", summary["review"], "look at them"),
        ("reject", summary["reject"], ""),
    ]
    items = "".join(
        f'<div class="{name}"><dt>{name}</dt><dd>{value:,}</dd><dd><small>{note}</small></dd></div>'
        for name, value, note in cells
    )
    return f'<dl class="figures">{items}</dl>'


def _next_steps(cleaning: Cleaning) -> str:
    where = shlex.quote(str(cleaning.summary["path"]))
    manifest = shlex.quote(str(cleaning.folder / "manifest.csv"))
    steps = [
        (f"animekit clean {where} --apply", "move what is flagged to a folder beside"),
        (f"animekit clean {where} --undo", "bring it back"),
        (f"animekit clean {where} --from {manifest}", "after an edit of the column decision"),
        (f"animekit train wgangp --data {where}", "uses what is kept"),
    ]
    rows = "".join(
        f"<tr><td><code>{text(line)}</code></td><td>{words}</td></tr>" for line, words in steps
    )
    return (
        f"<h2>How to go on</h2>\n<p>Looking at the pictures moved none.</p>\n<table>{rows}</table>"
    )


def _warnings(warnings: Sequence[str]) -> str:
    items = "".join(f"<li>{text(words)}</li>" for words in warnings)
    return f"<h2>Warnings</h2>\n<ul>{items}</ul>" if items else ""


def _table(cleaning: Cleaning, shelves: Sequence[Shelf]) -> str:
    if not shelves:
        return "<h2>Reasons</h2>\n<p>Nothing was flagged.</p>"
    rows = "".join(
        f'<tr><td><a href="#{text(shelf.reason.name)}">{text(shelf.reason.words)}</a></td>'
        f'<td class="number">{shelf.count:,}</td>'
        f'<td><span class="tier {text(shelf.reason.tier)}">{text(shelf.reason.tier)}</span></td>'
        f'<td class="number">{_limit(shelf)}</td><td>{_histogram(cleaning, shelf)}</td></tr>'
        for shelf in shelves
    )
    head = "<th>reason</th><th>flagged</th><th>tier</th><th>threshold</th><th>scores</th>"
    note = "Scores of all pictures, flagged ones in colour; heights are square roots."
    table = f"<table><tr>{head}</tr>{rows}</table>"
    return f"<h2>Reasons</h2>\n{table}\n<p><small>{note}</small></p>"


def _limit(shelf: Shelf) -> str:
    return "" if shelf.threshold is None else short(shelf.threshold)


def _histogram(cleaning: Cleaning, shelf: Shelf) -> str:
    """Draw how the scores of all pictures lie, and where the threshold is."""
    scores = {f.row: f.score for f in shelf.findings if f.score is not None}
    if not scores:
        return ""
    flagged = np.array(list(scores.values()), np.float64)
    every = _scores_of_all(cleaning, scores)
    if every is None and len(np.unique(flagged)) == 1:
        return ""  # exact duplicates are all equally exact
    every = flagged if every is None else every
    marks = [shelf.threshold] if shelf.threshold is not None else []
    low, high = np.percentile(every, [TAILS, 100 - TAILS])
    low, high = min(low, flagged.min(), *marks), max(high, *marks, flagged.min())
    if not low < high:
        return ""
    edges = np.linspace(low, high, BINS + 1)
    counts = [np.histogram(np.clip(part, low, high), edges)[0] for part in (every, flagged)]
    return _bars(np.maximum(counts[0], counts[1]), counts[1], (low, high), marks)


def _scores_of_all(cleaning: Cleaning, scores: dict[int, float]) -> np.ndarray | None:
    """Return the measure that the scores of a reason are, for all pictures, if there is one."""
    rows = list(scores)
    wanted = np.array([scores[row] for row in rows], np.float64)
    table = cleaning.table
    for column in (name for name in table.columns if "." in name):
        try:
            values = table[column].to_numpy(dtype=np.float64, na_value=np.nan)
        except (TypeError, ValueError):
            continue  # lists, hashes
        if np.allclose(values[rows], wanted, atol=1e-9) and len(np.unique(values)) > 2:
            return values[np.isfinite(values)]
    return None


def _bars(every: np.ndarray, flagged: np.ndarray, ends: tuple[float, float], marks: Any) -> str:
    low, high = ends
    tall = np.sqrt(every.max())
    step = WIDE / BINS
    shapes = []
    for index, (count, bad) in enumerate(zip(every, flagged, strict=True)):
        if not count:
            continue
        full = HIGH * np.sqrt(count) / tall
        part = full * bad / count
        place = f'x="{index * step:.1f}" width="{step - 0.5:.1f}"'
        shapes.append(f'<rect {place} y="{HIGH - full:.1f}" height="{full:.1f}"/>')
        if bad:
            shape = f'<rect class="bad" {place} y="{HIGH - part:.1f}" height="{part:.1f}"/>'
            shapes.append(shape)
    for mark in marks:
        x = WIDE * (mark - low) / (high - low)
        shapes.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="0" y2="{HIGH}"/>')
    label = f"from {short(low)} to {short(high)}"
    return (
        f'<svg role="img" aria-label="{label}" viewBox="0 0 {WIDE} {HIGH + 14}"'
        f' width="{WIDE}" height="{HIGH + 14}">{"".join(shapes)}'
        f'<text x="0" y="{HIGH + 11}">{short(low)}</text>'
        f'<text class="end" x="{WIDE}" y="{HIGH + 11}">{short(high)}</text></svg>'
    )


def _section(shelf: Shelf, pictures: Embedded, sheets: Sequence[Sheet]) -> str:
    reason = shelf.reason
    has_groups = any(example.is_kept for example in shelf.examples)
    shown = _side_by_side(shelf, pictures) if has_groups else _gallery(shelf, pictures)
    own = [sheet for sheet in sheets if sheet.reason == reason.name]
    links = ", ".join(
        f'<a href="sheets/{text(sheet.path.name)}">{text(sheet.path.name)}</a>' for sheet in own
    )
    left = len(shelf.examples) - sum(sheet.tiles for sheet in own)
    more = f"; {left:,} more in manifest.csv" if own and left else ""
    return (
        f'<section id="{text(reason.name)}">\n<h2>{text(reason.words)}'
        f' <span class="tier {text(reason.tier)}">{text(reason.tier)}</span>'
        f" <small>{shelf.count:,}</small></h2>\n{shown}\n"
        + (f"<p><small>Sheets: {links}{more}</small></p>\n" if links else "")
        + "</section>"
    )


def _gallery(shelf: Shelf, pictures: Embedded) -> str:
    shown = shelf.examples[:EXAMPLES]
    pictures.thumbs.load(example.name for example in shown)
    if all(pictures.thumbs.get(example.name) is None for example in shown):
        items = "".join(f"<li>{_name(each.name)}: {text(each.note)}</li>" for each in shown)
        return f"<ul>{items}</ul>{_and_more(len(shelf.examples) - len(shown))}"
    tiles = "".join(_figure(example, pictures) for example in shown)
    return f'<div class="tiles">{tiles}</div>{_and_more(len(shelf.examples) - len(shown))}'


def _side_by_side(shelf: Shelf, pictures: Embedded) -> str:
    groups = [list(each) for _, each in groupby(shelf.examples, key=lambda each: each.group)]
    parts = []
    for members in groups[:GROUPS]:
        pictures.thumbs.load(each.name for each in members[:MEMBERS])
        tiles = "".join(_figure(each, pictures) for each in members[:MEMBERS])
        more = _and_more(len(members) - MEMBERS)
        parts.append(f'<div class="tiles group">{tiles}{more}</div>')
    return f'<div class="groups">{"".join(parts)}</div>{_and_more(len(groups) - GROUPS, "groups")}'


def _and_more(count: int, noun: str = "") -> str:
    words = f"and {count:,} more {noun}".rstrip()
    return f"<p><small>{words}</small></p>" if count > 0 else ""


def _figure(example: Example, pictures: Embedded) -> str:
    kind = ' class="kept"' if example.is_kept else ""
    title = f' title="{text(example.note)}"' if example.note else ""
    return (
        f"<figure{kind}{title}>{pictures.tag(example.name)}"
        f"<figcaption>{_name(example.name)}<br>{text(caption(example))}</figcaption></figure>"
    )


def _settings(summary: dict[str, Any]) -> str:
    rows = []
    for name, facts in summary["checks"].items():
        values = {**facts.get("params", {}), **facts.get("thresholds", {})}
        words = ", ".join(f"{key} {value}" for key, value in values.items())
        rows.append(f"<tr><td>{text(name)}</td><td>{text(words)}</td></tr>")
    speed = _speed(summary)
    lists = _listed("Not looked at", ([s["name"], s["reason"]] for s in summary["skipped"]))
    return f"<h2>Checks</h2>\n<table>{''.join(rows)}</table>\n{speed}{lists}"


def _speed(summary: dict[str, Any]) -> str:
    return (
        f"<p><small>{summary['files']:,} files in {summary['seconds']:,.0f} s,"
        f" {summary['images_per_second']:,.0f} a second; {summary['measured']:,} of them were new."
        "</small></p>"
    )


def _listed(head: str, rows: Iterable[Sequence[str]]) -> str:
    items = "".join(f"<li>{_name(name)}: {text(reason)}</li>" for name, reason in rows)
    return f"<details><summary>{head}</summary><ul>{items}</ul></details>" if items else ""
