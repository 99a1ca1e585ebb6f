"""What a packed folder says of itself: config.json, and a README with a card for the Hub."""

from __future__ import annotations

import json
from typing import Any

from animekit.labels.vocabulary import Vocabulary
from animekit.runs.run import Loaded
from animekit.runs.summary import Best
from animekit.text import number, size

SCHEMA = "animekit.pack/1"
WEIGHTS, CONFIG, README = "model.safetensors", "config.json", "README.md"
LICENCES = (
    *("mit", "apache-2.0", "bsd-2-clause", "bsd-3-clause", "isc", "unlicense", "cc0-1.0"),
    *("cc-by-4.0", "cc-by-sa-4.0", "cc-by-nc-4.0", "cc-by-nc-sa-4.0", "cc-by-nc-nd-4.0"),
    *("openrail", "creativeml-openrail-m", "gpl-3.0", "lgpl-3.0", "agpl-3.0", "mpl-2.0"),
)
"""Licences that the Hub knows by these words; others are named in full."""
MOST_LABELS = 40
TASKS = {
    "generate": "unconditional-image-generation",
    "translate": "image-to-image",
    "classify": "image-classification",
}


def licence_of(text: str) -> str | None:
    """Return the Hub's word for a licence, None where it has none.

    >>> licence_of("MIT"), licence_of("CC BY-NC 4.0"), licence_of("ask me")
    ('mit', 'cc-by-nc-4.0', None)
    """
    word = "-".join(text.lower().split())
    return word if word in LICENCES else None


def config_of(
    loaded: Loaded, name: str, does: str, weights: dict[str, Any], notes: dict[str, str]
) -> dict[str, Any]:
    """Return what config.json holds: enough to know the model without its weights."""
    about = loaded.config or {}
    kept = ("model", "params", "spec", "step", "version", "plugin", "data")
    return {
        "schema": SCHEMA,
        "library_name": "animekit",
        "name": name,
        "does": does,
        **{key: about[key] for key in kept if key in about},
        "weights": weights,
        **notes,
    }


def readme_of(
    config: dict[str, Any], paper: str, best: dict[str, Best], pictures: list[str]
) -> str:
    """Return README.md: front matter as the Hub reads it, and the card."""
    return f"{_front_matter(config)}\n{_card(config, paper, best, pictures)}"


def _front_matter(config: dict[str, Any]) -> str:
    """Return the YAML at the beginning; its texts are JSON strings, which YAML reads."""
    word = licence_of(config["licence"])
    lines = ["---", f"license: {word or 'other'}"]
    if word is None:
        lines.append(f"license_name: {_quoted(config['licence'])}")
    lines += [
        "library_name: animekit",
        f"pipeline_tag: {TASKS[config['does']]}",
        "tags:",
        *(f"- {tag}" for tag in ("animekit", "anime", "gan", config["model"])),
    ]
    return "\n".join([*lines, "---", ""])


def _card(config: dict[str, Any], paper: str, best: dict[str, Best], pictures: list[str]) -> str:
    spec, data = config["spec"], config.get("data", {})
    used = data.get("used")
    count = f"{used:,} pictures; " if isinstance(used, int) else ""
    weights = config["weights"]
    facts = [
        ("model", f"`{config['model']}`" + (f" ({_line(paper)})" if paper else "")),
        ("does", config["does"]),
        ("images", f"{spec['size']}x{spec['size']} px, {spec['channels']} channels"),
        ("trained", f"{config.get('step', 0):,} steps"),
        ("labels", _labels(spec)),
        ("file", f"`{WEIGHTS}`, {size(weights['size'])}, no pickle"),
        ("sha256", f"`{weights['sha256']}`"),
        ("made with", f"animekit {_line(str(config.get('version', '')))}"),
    ]
    lines = [f"# {_line(config['name'])}", ""]
    lines += [f"![Images that the model drew]({name})\n" for name in pictures]
    lines += ["| fact | value |", "|---|---|"]
    lines += [f"| {key} | {value} |" for key, value in facts if value]
    lines += ["", "## Data", "", f"{count}{_line(config['data_note'])}", ""]
    if best:
        lines += ["## Numbers", "", "| number | value | real images |", "|---|---|---|"]
        for key, each in sorted(best.items()):
            real = "" if each.real is None else number(each.real)
            lines.append(f"| {_line(key)} | {number(each.value)} | {real} |")
        lines.append("")
    lines += ["## Use it", "", "```sh", *_commands(config), "```", ""]
    lines += ["## Licence", "", _line(config["licence"]), ""]
    return "\n".join(lines)


def _commands(config: dict[str, Any]) -> list[str]:
    """Return what to type; the place on the Hub stands for whoever has taken the folder."""
    verbs = {
        "generate": f"animekit generate {config['name']} --seeds 0-24",
        "translate": f"animekit transfer {config['model']} {config['name']} PICTURES",
        "classify": f"animekit generate --best-of 8 --classifier {config['name']}",
    }
    return [
        "animekit models pull hf:USER/NAME      # or: models pull FOLDER",
        verbs[config["does"]],
    ]


def _labels(spec: dict[str, Any]) -> str:
    names = spec.get("labels") or []
    known = Vocabulary(tuple(names), tuple(spec.get("groups") or ())).attributes if names else {}
    words = [f"{name} ({part.stop - part.start})" for name, part in known.items()]
    more = len(words) - MOST_LABELS
    return ", ".join(map(_line, words[:MOST_LABELS])) + (f", and {more} more" if more > 0 else "")


def _line(text: str) -> str:
    """Return a text as one line in which Markdown and HTML have no meaning."""
    plain = " ".join(text.split())
    for sign, safe in (("\\", "\\\\"), ("&", "&amp;"), ("<", "&lt;"), ("|", "\\|"), ("`", "\\`")):
        plain = plain.replace(sign, safe)
    return plain


def _quoted(text: str) -> str:
    return json.dumps(" ".join(text.split()), ensure_ascii=False)
