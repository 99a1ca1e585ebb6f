"""Names of single images: a template such as "sample_{id}_{k}.jpg", filled in safely."""

from __future__ import annotations

import re
import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from animekit.errors import UsageError
from animekit.text import clipped, did_you_mean, one_name

FIELDS = ("id", "k", "seed", "prompt", "index")
NUMBERS = ("k", "seed", "index")
ENDINGS = (".png", ".jpg", ".jpeg")
LONGEST = 200  # letters of a name; systems take 255 bytes
WORDS = 60  # letters of a prompt in it
_DEVICES = re.compile(r"(?:con|prn|aux|nul|com\d|lpt\d)(?:\..*)?", re.IGNORECASE)  # of Windows
_HINT = 'write a name such as "sample_{id}_{k}.jpg"; fields: ' + " ".join(FIELDS)


@dataclass(frozen=True)
class NameTemplate:
    """A name with fields in braces, which ends in .png, .jpg or .jpeg.

    `id` is that of the line of a testing text, `k` counts its images from 1, `prompt` is what was
    asked, `index` counts all images from 0. Numbers may have zeros in front: {seed:04}. A name
    never leaves its folder. Raises UsageError for what makes no name.
    """

    text: str

    def __post_init__(self) -> None:
        """Refuse other fields, other endings, and paths."""
        if re.search(r"[/\\:*?\"<>|]", _without_formats(self.text)) or self.text.startswith("."):
            raise UsageError(f'"{clipped(self.text)}" is a path, or no name everywhere', _HINT)
        if not self.text.lower().endswith(ENDINGS):
            raise UsageError(f'"{clipped(self.text)}" does not end in .png or .jpg', _HINT)
        for field, form in self.fields:
            if field not in FIELDS:
                near = did_you_mean(field, FIELDS)
                raise UsageError(f'names have no field "{clipped(field)}".{near}', _HINT)
            if form and (field not in NUMBERS or not re.fullmatch(r"0?[1-9]d?", form)):
                raise UsageError(
                    f'cannot write {field} as "{clipped(form)}"', "numbers may be such as {seed:04}"
                )

    @property
    def fields(self) -> list[tuple[str, str]]:
        """The fields in order, each with how it is written."""
        try:
            found = list(string.Formatter().parse(self.text))
        except ValueError as error:
            raise UsageError(f'cannot read "{clipped(self.text)}": {error}', _HINT) from None
        if any(conversion for *_, conversion in found):
            raise UsageError(f'cannot read "{clipped(self.text)}"', _HINT)
        return [(field, form or "") for _, field, form, _ in found if field is not None]

    @property
    def suffix(self) -> str:
        """The ending, in lower case."""
        return "." + self.text.lower().rpartition(".")[2]

    def name(self, values: Mapping[str, str | int]) -> str:
        """Return the name of one image; what no file name may hold becomes a hyphen.

        >>> NameTemplate("sample_{id}_{k}.jpg").name({"id": "../a b", "k": 3})
        'sample_a-b_3.jpg'
        """
        plain = {key: v if isinstance(v, int) else _plain(v) for key, v in values.items()}
        stem = self.text[: -len(self.suffix)].format(**plain)
        name = stem[: LONGEST - len(self.suffix)] + self.text[-len(self.suffix) :]
        return f"_{name}" if _DEVICES.fullmatch(name) or name.startswith(".") else name

    def names(self, rows: Sequence[Mapping[str, str | int]]) -> list[str]:
        """Return the names of all images; UsageError where two are one file somewhere."""
        found = [self.name(row) for row in rows]
        first: dict[str, int] = {}
        for index, name in enumerate(found):
            at = first.setdefault(one_name(name), index)
            if at != index:
                raise UsageError(
                    f'images {at} and {index} would both be called "{name}"',
                    "add {k}, {seed} or {index} to the name",
                )
        return found


def rows_of(
    count: int, ids: Sequence[str], seeds: Sequence[int], prompts: Sequence[str | None] | None
) -> list[dict[str, str | int]]:
    """Return the fields of `count` images, of ids, seeds and prompts if there are.

    Without ids, prompts are numbered from 1.

    >>> [row["k"] for row in rows_of(3, ["7", "7", "8"], [0, 1, 2], None)]
    [1, 2, 1]
    """
    asked = prompts if prompts is not None and len(prompts) == count else [None] * count
    texts = list(dict.fromkeys(asked))
    ids = ids if len(ids) == count else [str(texts.index(text) + 1) for text in asked]
    seeds = seeds if len(seeds) == count else range(count)
    seen: dict[str, int] = {}
    rows: list[dict[str, str | int]] = []
    for index, (own, seed, prompt) in enumerate(zip(ids, seeds, asked, strict=True)):
        seen[own] = seen.get(own, 0) + 1
        words = _plain((prompt or "").lower())[:WORDS].strip("-")
        rows.append({"id": own, "k": seen[own], "seed": seed, "prompt": words, "index": index})
    return rows


def _plain(text: str) -> str:
    """Return letters, digits, "." and "_" of any script; all else parts words.

    >>> _plain("../../etc/passwd"), _plain("blue hair, no smile")
    ('etc-passwd', 'blue-hair-no-smile')
    """
    return re.sub(r"[^\w.]+", "-", text).strip("-.") or "none"


def _without_formats(text: str) -> str:
    return re.sub(r"\{(\w+):\w*\}", r"{\1}", text)
