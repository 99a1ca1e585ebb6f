"""Pages: HTML that needs nothing from elsewhere, rendered from the templates beside this file.

Whatever a template shows is escaped, file names too; nothing that a name says becomes markup.
"""

from __future__ import annotations

import base64
import hashlib
import io
import os
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

import cv2
import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from PIL import Image

from animekit.errors import UnusableError, UsageError
from animekit.files import write_atomic
from animekit.text import printable


def write(path: Path, template: str, **values: Any) -> Path:
    """Render a template into a file, whole or not at all, and return its path."""
    write_atomic(path, render(template, **values))
    return path


MADE = '<meta name="generator" content="animekit">'
"""What the head of every page says, so that it may be written again."""


def may_replace_page(path: Path, *, overwrite: bool) -> None:
    """Refuse another kind of name, a folder, and a page that animekit did not make."""
    if path.suffix.lower() not in (".html", ".htm"):
        raise UsageError(f"{path} does not end in .html", "name a .html file")
    refuse_others(path, MADE, overwrite=overwrite)


def refuse_others(path: Path, mark: str, *, overwrite: bool) -> None:
    """Refuse a folder, and a text that does not begin with a mark of animekit."""
    if path.is_dir():
        raise UsageError(f"{path} is a folder", "name a file in it")
    if not path.exists() or overwrite:
        return
    with path.open("rb") as file:
        if mark.encode() not in file.read(2048):
            raise UnusableError(
                f"{path} exists and animekit did not make it",
                "--yes replaces it; --out writes elsewhere",
                code="file.exists",
            )


def render(template: str, **values: Any) -> str:
    """Return a template with its values; a value that is not there is an error."""
    return _environment().get_template(template).render(values)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("animekit.images"),
        autoescape=True,
        finalize=_shown,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"link": link, "pin": pin, "thousands": "{:,}".format}
    return environment


def _shown(value: Any) -> Any:
    """Return a value as one line of text; what controls a screen or is no text is spelled out.

    Jinja calls it for all that a template shows, and escapes what comes out.
    """
    if hasattr(value, "__html__"):
        return value  # markup of the template itself
    text = str(value)
    return text if text.isprintable() else printable(text)


def link(name: str) -> str:
    """Return a relative name as an address: whatever is in it leads nowhere else.

    >>> link("a b/ü?.png"), link("javascript:1")
    ('./a%20b/%C3%BC%3F.png', './javascript%3A1')
    """
    return "./" + quote(os.fsencode(name))


def pin(script: str) -> str:
    """Return what a Content-Security-Policy calls a script, so that no other runs.

    >>> pin("")
    'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='
    """
    return f"sha256-{_base64(hashlib.sha256(script.encode()).digest())}"


def webp(image: np.ndarray, quality: int, longest: int | None = None) -> bytes:
    """Return an image uint8 [H, W, 3] as WebP, not larger than `longest` pixels."""
    height, width = image.shape[:2]
    if longest is not None and longest < max(height, width):
        factor = longest / max(height, width)
        size = max(1, round(width * factor)), max(1, round(height * factor))
        image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA))
    data = io.BytesIO()
    Image.fromarray(image).save(data, "WEBP", quality=quality, method=2)
    return data.getvalue()


def embedded(picture: bytes) -> str:
    """Return a WebP picture as an address that holds all of it."""
    return f"data:image/webp;base64,{_base64(picture)}"


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
