"""The page of a transfer: input, output and the way back, with a slider to compare them.

It needs nothing but the files beside it, by relative names, so that it works from a zip; without
script everything can be read, side by side. Nothing is fetched from anywhere.
"""

from __future__ import annotations

import base64
import hashlib
import html
import io
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import cv2
import numpy as np
from PIL import Image

from animekit.files import write_atomic
from animekit.text import printable
from animekit.translation.inputs import VIDEOS

if TYPE_CHECKING:
    from animekit.translation.result import FailedFile, Transferred

FILE = "index.html"
PAGE_FOLDER = ".page"
"""Where the small pictures lie: hidden, so that no data set takes them for results."""
ROWS = 2000
"""Results that a page shows; more would be slow to open."""
SIDE = 512
QUALITY = 80
FAILURES = 200


@dataclass(frozen=True)
class Row:
    """One result; names are relative to the page, with "/" between the parts."""

    out: str
    source: str
    column: str
    width: int
    height: int
    frames: int
    before: str | None
    back: str | None


def small_picture(pixels: np.ndarray) -> bytes:
    """Return a picture uint8 [H, W, 3] as WebP, `SIDE` pixels at most."""
    height, width = pixels.shape[:2]
    longer = max(height, width)
    if longer > SIDE:
        size = tuple(max(1, round(side * SIDE / longer)) for side in (width, height))
        pixels = np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA))
    data = io.BytesIO()
    Image.fromarray(pixels).save(data, "WEBP", quality=QUALITY, method=2)
    return data.getvalue()


def write(result: Transferred, rows: Sequence[Row]) -> Path:
    """Write index.html into the folder of the results, and return its path."""
    path = result.out / FILE
    write_atomic(path, render(result, rows))
    return path


def render(result: Transferred, rows: Sequence[Row]) -> str:
    """Return the page as text."""
    model = result.model
    origin = f"{model['model']} {model['name']}, step {model['step']}, {result.precision}"
    title = f"{model['name']}: {len(rows):,} results"
    pinned = base64.b64encode(hashlib.sha256(SCRIPT.encode()).digest()).decode("ascii")
    policy = (
        "default-src 'none'; img-src 'self' file: data:; media-src 'self' file:;"
        f" style-src 'unsafe-inline'; script-src 'sha256-{pinned}'"
    )
    more = len(rows) - ROWS
    body = [
        f"<h1>{text(model['name'])}</h1>",
        f"<p>{text(origin)}. {len(rows):,} results"
        + (f", {len(result.failed):,} failures" if result.failed else "")
        + ' <button id="toggle" hidden>slider</button></p>',
        '<div class="rows">' + "\n".join(_row(row) for row in rows[:ROWS]) + "</div>",
        f"<p>and {more:,} more in the folder</p>" if more > 0 else "",
        _failures(result.failed),
    ]
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f"<title>{text(title)}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n"
        + "\n".join(filter(None, body))
        + f"\n</main>\n<script>{SCRIPT}</script>\n</body>\n</html>\n"
    )


def text(value: object) -> str:
    """Return a value as text that HTML shows as it is, on one line.

    >>> text("<b>&'")
    '&lt;b&gt;&amp;&#x27;'
    """
    return html.escape(printable(str(value)))


def link(name: str) -> str:
    """Return a relative name as an address: whatever is in it leads nowhere else.

    >>> link("a b/ü?.png"), link("javascript:1")
    ('./a%20b/%C3%BC%3F.png', './javascript%3A1')
    """
    return "./" + quote(os.fsencode(name))


def _row(row: Row) -> str:
    facts = f"{row.column} · {row.width}×{row.height}"
    facts += f" · {row.frames:,} frames" if row.frames > 1 else ""
    shown = _figure(row, row.out, "output", "after")
    if Path(row.out).suffix.lower() in VIDEOS:
        shown = (
            f'<figure class="after"><video controls preload="none" src="{link(row.out)}">'
            f"</video><figcaption>output</figcaption></figure>"
        )
    before = "" if row.before is None else _figure(row, row.before, "input", "before")
    back = "" if row.back is None else _figure(row, row.back, "and back", "back")
    return (
        f'<section><h2><a href="{link(row.out)}"><bdi>{text(row.out)}</bdi></a>'
        f" <small>{text(facts)}</small></h2>\n"
        f'<div class="row"><div class="pair">{before}{shown}</div>{back}</div></section>'
    )


def _figure(row: Row, name: str, caption: str, kind: str) -> str:
    factor = min(1.0, SIDE / max(row.width, row.height))
    width, height = (max(1, round(side * factor)) for side in (row.width, row.height))
    return (
        f'<figure class="{kind}"><img loading="lazy" alt="{caption}" width="{width}"'
        f' height="{height}" src="{link(name)}"><figcaption>{caption}</figcaption></figure>'
    )


def _failures(failed: Sequence[FailedFile]) -> str:
    if not failed:
        return ""
    items = "".join(
        f"<li><bdi>{text(each.path)}</bdi>: {text(each.reason)}</li>" for each in failed[:FAILURES]
    )
    more = len(failed) - FAILURES
    items += f"<li>and {more:,} more in failed.txt</li>" if more > 0 else ""
    return f"<h2>Failures</h2>\n<ul>{items}</ul>"


STYLE = """\
:root { --paper: #ffffff; --ink: #1c1c1c; --faded: #666666; --line: #dddddd; --card: #f5f5f5; }
@media (prefers-color-scheme: dark) {
  :root { --paper: #16181c; --ink: #e6e6e6; --faded: #9a9fa8; --line: #33373e; --card: #20242a; }
}
body {
  margin: 0; background: var(--paper); color: var(--ink);
  font: 15px/1.45 system-ui, sans-serif;
}
main { max-width: 1200px; margin: 0 auto; padding: 1rem; }
h1 { font-size: 1.4rem; overflow-wrap: anywhere; }
h2 { font-size: 1rem; margin: 1.6rem 0 .4rem; overflow-wrap: anywhere; }
small, figcaption { color: var(--faded); }
a { color: inherit; }
.rows { display: flex; flex-wrap: wrap; gap: 0 2rem; }
section { max-width: 100%; }
.row { display: flex; flex-wrap: wrap; gap: .8rem; align-items: flex-start; }
.pair { display: flex; flex-wrap: wrap; gap: .8rem; max-width: 100%; }
figure { margin: 0; max-width: min(100%, 360px); }
img, video {
  display: block; max-width: 100%; height: auto; max-height: 512px;
  background: repeating-conic-gradient(var(--card) 0 25%, transparent 0 50%) 0 / 16px 16px;
}
figcaption { font-size: .8rem; }
button { font: inherit; padding: .1rem .7rem; }
input[type=range] { display: none; width: 100%; margin: .2rem 0 0; grid-area: 2 / 1; }
.slide .pair:has(input) { display: grid; }
.slide .pair:has(input) figure { grid-area: 1 / 1; }
.slide .pair:has(input) figcaption { visibility: hidden; }
.slide .pair .after img { clip-path: inset(0 0 0 var(--x, 50%)); }
.slide .pair input[type=range] { display: block; max-width: 360px; }
@media print { main { max-width: none; } section { break-inside: avoid; } }
"""


SCRIPT = """
const root = document.documentElement, toggle = document.getElementById("toggle");
for (const pair of document.querySelectorAll(".pair")) {
  if (!pair.querySelector(".before") || !pair.querySelector(".after img")) continue;
  const slider = document.createElement("input");
  slider.type = "range";
  slider.value = 50;
  slider.setAttribute("aria-label", "share of the input that is shown");
  slider.oninput = () => pair.style.setProperty("--x", slider.value + "%");
  pair.append(slider);
}
toggle.hidden = !document.querySelector("input[type=range]");
toggle.onclick = () => {
  toggle.textContent = root.classList.toggle("slide") ? "side by side" : "slider";
};
"""
