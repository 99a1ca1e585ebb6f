"""Pages in a real browser, where there is one: their width, and what is seen without scripts."""

from __future__ import annotations

import html
import re
import shutil
import subprocess
from pathlib import Path

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
POLICY = re.compile(r'<meta http-equiv="Content-Security-Policy"[^>]*>')
ASK = """<script>document.title = [document.documentElement.scrollWidth <= innerWidth,
  document.querySelectorAll(".frames.one").length].join()</script>"""


def browser() -> str:
    """Return the browser's command; skip the test where there is none."""
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip("no Chromium on this machine to look at pages with")
    return found


def dom(page: Path, folder: Path, *options: str) -> str:
    """Return what a page has become in the browser, as HTML."""
    words = [browser(), "--headless=new", "--no-sandbox", "--disable-gpu", *options]
    words += [f"--user-data-dir={folder / 'browser'}", "--virtual-time-budget=4000", "--dump-dom"]
    done = subprocess.run([*words, page.resolve().as_uri()], capture_output=True, timeout=120)
    return done.stdout.decode("utf-8", "replace")


def seen_at(page: Path, width: int, folder: Path) -> tuple[bool, int]:
    """Return whether a page fits its width without a scroll bar, and how many scrubbers it has.

    The page stands in a frame of that many pixels, since a window cannot be so narrow.
    """
    text = POLICY.sub("", page.read_text("utf-8")).replace("</body>", f"{ASK}</body>")
    fits, scrubbers = _framed(text, width, folder, "inner.title", "")
    return fits == "true", int(scrubbers)


def seen_without_scripts(page: Path, folder: Path) -> tuple[int, int]:
    """Return how many sections and frames of a timeline are to be seen where no script may run."""
    count = "[...inner.querySelectorAll('{}')].filter(each => each.offsetHeight > 0).length"
    ask = f"[{count.format('section')}, {count.format('.frames figure')}].join()"
    policy = 'sandbox="allow-same-origin"'
    sections, frames = _framed(page.read_text("utf-8"), 390, folder, ask, policy)
    return int(sections), int(frames)


def _framed(text: str, width: int, folder: Path, ask: str, how: str) -> list[str]:
    """Return what a script beside a framed page finds in it, two words."""
    style = f"border:0;width:{width}px;height:900px"
    frame = f'<iframe {how} style="{style}" srcdoc="{html.escape(text)}"></iframe>'
    find = f"onload = () => {{ const inner = frames[0].document; document.title = {ask} }}"
    outer = folder / "outer.html"
    outer.write_text(f'<body style="margin:0">{frame}<script>{find}</script></body>', "utf-8")
    title = re.search(r"<title>(\w+),(\w+)</title>", dom(outer, folder))
    assert title is not None
    return list(title.groups())
