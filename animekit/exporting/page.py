"""Page: the files of a web page that draws, by name, whoever serves them."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from animekit.errors import UnusableError
from animekit.exporting.noise import steps_of
from animekit.images.page import may_replace_page, render
from animekit.labels.attributes import Attributes
from animekit.models.sampling import as_generating, attributes_of, noise_of_seeds, own_truncation
from animekit.runs.run import Loaded

ASSETS = Path(__file__).parents[1] / "assets" / "web"
FIRST = ("chance.js", "labels.js", "files.js", "words.js", "drawing.js", "config.js", "faces.js")
"""Scripts that come before the page's own; the network and its runtime come behind it."""
RUNTIME = {"glue": "ort-wasm-simd-threaded.mjs", "wasm": "ort-wasm-simd-threaded.wasm"}
LOADER = "ort.wasm.min.js"
LICENCE = "onnxruntime-LICENSE.txt"


def page_config(loaded: Loaded, draws: str) -> dict[str, Any]:
    """Return what the page knows of a model; `draws` is "here" or "there".

    Raises UnusableError for a model that makes no images from noise, and "here" for one whose noise
    no page can repeat from a seed.
    """
    model = as_generating(loaded.model)
    steps = steps_of(model)
    if steps is None and draws == "here":
        raise UnusableError(
            f"{loaded.name} draws its noise in a way of its own, which no page repeats",
            "animekit play draws it on this machine",
            code="export.noise",
        )
    shape = noise_of_seeds(model, (0,)).shape[1:]
    known = attributes_of(model)
    return {
        "name": loaded.name,
        "version": version("animekit"),
        "model": loaded.weights.model_dump(mode="json", exclude_none=True),
        "draws": draws,
        "size": model.spec.size,
        "z": int(np.prod(shape)),
        "shape": list(shape),
        "noise": steps,
        "truncation": own_truncation(model),
        "labels": len(known.vocabulary.labels),
        "codes": sum(known.codes),
        "attributes": described(known, int(np.prod(shape)), loaded.frequencies()),
        "rivals": {
            place: found
            for place in range(len(known.vocabulary.labels))
            if (found := known.vocabulary.rivals(place))
        },
    }


def described(known: Attributes, end: int, weights: np.ndarray | None) -> list[dict[str, Any]]:
    """Return each attribute: its columns, its values, how often they are drawn.

    Codes stand at the `end` of z. `odds` of one of several are summed up to 1, as NumPy's choice
    does it. `titles` are how people say each value.
    """
    found: list[dict[str, Any]] = []
    for name, part in known.vocabulary.attributes.items():
        width = part.stop - part.start
        shares = np.ones(width) / (2 if width == 1 else 1) if weights is None else weights[part]
        if width > 1:
            shares = np.cumsum(shares / shares.sum())
            shares = shares / shares[-1]
        kind = "yesno" if width == 1 else "choice"
        values = known.values(name)
        found.append(
            {"name": name, "kind": kind, "start": part.start, "values": values}
            | {"titles": [known.title(name, value) for value in values]}
            | {"odds": np.asarray(shares, np.float64).tolist()}
        )
    start = end - sum(known.codes)
    for index, width in enumerate(known.codes):
        code = {"name": f"code{index}", "kind": "code", "start": start}
        titles = [f"code{index} {value}" for value in range(width)]
        found.append({**code, "values": list(range(width)), "titles": titles, "odds": []})
        start += width
    return found


def page_files(
    config: dict[str, Any], *, network: bytes | None = None, runtime: Path | None = None
) -> dict[str, bytes]:
    """Return the files of a page by name.

    It draws by itself with a `network` (ONNX) and the folder of a `runtime`.
    """
    parts: dict[str, bytes] = {}
    if network is not None and runtime is not None:
        parts = {LOADER: (runtime / LOADER).read_bytes()}
        for name, file in RUNTIME.items():
            parts[f"{name}.js"] = _embedded(name, (runtime / file).read_bytes())
        parts["model.js"] = _embedded("model", network)
        parts[LICENCE] = (ASSETS / LICENCE).read_bytes()
    return _rendered("play.html", config, (*FIRST, "page.js"), parts)


def translating_page(config: dict[str, Any]) -> dict[str, bytes]:
    """Return the files of a page on which pictures are translated."""
    return _rendered("translate.html", config, ("words.js", "config.js", "translate.js"), {})


def _rendered(
    template: str, config: dict[str, Any], first: Sequence[str], parts: dict[str, bytes]
) -> dict[str, bytes]:
    """Return a page with its scripts, those of the parts at its end."""
    text = json.dumps(config, ensure_ascii=True, separators=(",", ":"))
    own = {"config.js": f"(globalThis.animekit ??= {{}}).config = {text};\n".encode()}
    own |= {name: (ASSETS / name).read_bytes() for name in first if name not in own}
    index = render(
        template,
        title=f"Play with {config['name']}",
        style=(ASSETS / "page.css").read_text(encoding="utf-8"),
        size=config["size"],
        server=config["draws"] == "there",
        scripts=[*first, *(name for name in parts if name != LICENCE)],
    )
    return {"index.html": index.encode(), **own, **parts}


def refuse_folder(folder: Path, first: str, *, overwrite: bool) -> None:
    """Refuse a folder that holds other things, unless they may be replaced."""
    if folder.exists() and not folder.is_dir():
        raise UnusableError(f"{folder} is no folder", "name another one", code="file.exists")
    if (folder / first).exists():
        may_replace_page(folder / first, overwrite=overwrite)
    elif folder.is_dir() and any(folder.iterdir()) and not overwrite:
        raise UnusableError(
            f"{folder} holds files that are no page of animekit",
            "name a new folder; --yes writes beside them",
            code="file.exists",
        )


def _embedded(name: str, data: bytes) -> bytes:
    """Return a script that holds a file: pages from a disk may load scripts, and nothing else."""
    text = base64.b64encode(gzip.compress(data, 9, mtime=0)).decode("ascii")
    return f'((globalThis.animekit ??= {{}}).parts ??= {{}}).{name} = "{text}";\n'.encode()
