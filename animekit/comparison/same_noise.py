"""Same noise: one row a run, one column a seed, and what each column was asked for."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from animekit import device as devices
from animekit import plugins
from animekit.errors import AnimekitError, UnusableError, UsageError
from animekit.generation.draw import draw_recipe
from animekit.generation.generate import plan_request
from animekit.generation.plan import Cell, GeneratePlan, attrs_of
from animekit.generation.recipe import Recipe
from animekit.generation.request import GenerateRequest
from animekit.generation.result import Generated
from animekit.images.layout import table
from animekit.images.pixels import resize
from animekit.images.write import KEY, may_replace, write_errors, write_png
from animekit.labels.attributes import Attributes, Attrs, Value, said
from animekit.labels.lines import Prompts
from animekit.models import sampling
from animekit.plugins import Registry
from animekit.runs.run import Loaded, Run, load_model
from animekit.seeds import format_seeds, parse_seeds
from animekit.text import Printed

SEEDS = "0-7"
MOST_SEEDS = 64
TILE = 64  # px below which no letters fit beside a picture


@dataclass(frozen=True)
class NoiseSheet(Printed):
    """What several models make of the same seeds.

    `rows` are by label; `asked` is what every conditional one was told to draw, column by column
    (empty without any), and `heads` says it above each column. `left_out` says which were not drawn
    and why, `notes` what a reader must know to compare.
    """

    seeds: tuple[int, ...]
    rows: dict[str, Generated]
    asked: tuple[Attrs, ...] = ()
    heads: tuple[str, ...] = ()
    left_out: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def as_table(self) -> list[Sequence[str]]:
        """Return which rows there are, and which were left out."""
        drawn = [(label, f"seeds {format_seeds(self.seeds)}") for label in self.rows]
        return [("run", "drawn"), *drawn, *self.left_out.items()]

    def picture(self, tile: int | None = None) -> np.ndarray:
        """Return the sheet with its titles, uint8 [H, W, 3]; all images at one size."""
        sizes = [row.images.shape[1] for row in self.rows.values()]
        side = tile if tile is not None else max(TILE, *sizes)
        images = [resize(image, side) for row in self.rows.values() for image in row.images]
        sides = [label.replace("-", " ") for label in self.rows]
        return table(np.stack(images), len(self.seeds), self.heads, sides, gap=2)

    def save(self, path: Path | str, *, tile: int | None = None, overwrite: bool = False) -> Path:
        """Write the sheet as PNG; a file that animekit did not make needs `overwrite`."""
        path = Path(path)
        may_replace(path, ".png", overwrite=overwrite)
        with write_errors(path):
            write_png(path, self.picture(tile), {KEY: json.dumps({"same_noise": self.facts()})})
        return path

    def facts(self) -> dict[str, Any]:
        """Return what the sheet shows as plain values."""
        return {
            "seeds": format_seeds(self.seeds),
            "rows": {
                label: row.how.model.model_dump(mode="json") for label, row in self.rows.items()
            },
            "asked": list(self.asked),
            "left_out": self.left_out,
            "notes": list(self.notes),
        }


def same_noise(
    runs: Mapping[str, Run | Loaded | Path | str],
    seeds: str | Sequence[int] | None = None,
    *,
    prompts: Prompts | None = None,
    sweep: str | Iterable[str] | None = None,
    per_prompt: int | None = None,
    checkpoint: str | int = "best",
    device: str | None = None,
    threads: int | None = None,
    registry: Registry | None = None,
) -> NoiseSheet:
    """Draw the same seeds from several models: a row each, by label, a column a seed.

    `prompts` are put together with seeds as by `generate`, one image of each where nothing is said,
    and `sweep` draws all values of an attribute: then a column is what is asked of one seed, in the
    words of the first model that takes labels. Without either there are the seeds 0-7. `runs` are
    runs, weights files, names, or models that are loaded. All that take labels get the same ones in
    a column: drawn from its seed as often as they occur in the data of the first of them; what
    another does not know is drawn for that one alone, and `notes` say so. What cannot be drawn (a
    translator, a run without checkpoint) is told in `left_out`. Raises UnusableError where nothing
    can be drawn at all, or nothing takes the prompts.
    """
    registry = registry if registry is not None else plugins.load()
    asked = prompts is not None or sweep is not None
    with devices.threads(threads):
        if asked:
            request = GenerateRequest(
                checkpoint=checkpoint,
                prompts=prompts,
                seeds=seeds,
                sweep=sweep,
                num=1 if seeds is None and prompts is None else None,
                per_prompt=1 if seeds is None and per_prompt is None and prompts else per_prompt,
            )
            sheet = _Sheet.of(_plan(runs, request, registry))
        else:
            seeds = SEEDS if seeds is None else seeds
            sheet = _Sheet(tuple(parse_seeds(seeds) if isinstance(seeds, str) else seeds))
        if not 1 <= len(sheet.seeds) <= MOST_SEEDS:
            words = f"a sheet of {len(sheet.seeds):,} columns"
            raise UsageError(words, f"ask for 1 to {MOST_SEEDS} of them")
        for label, where in runs.items():
            try:
                sheet.add(label, _loaded(where, registry, checkpoint, device))
            except AnimekitError as error:
                sheet.left_out[label] = error.message
    if not sheet.rows:
        why = "; ".join(f"{label}: {reason}" for label, reason in sheet.left_out.items())
        raise UnusableError(
            f"none of these can be drawn from noise: {why}" if why else "no run to draw from",
            "a sheet of the same noise is for models that make images from noise",
            code="model.not_generating",
        )
    return sheet.whole()


def _loaded(
    where: Run | Loaded | Path | str, registry: Registry, checkpoint: str | int, device: str | None
) -> Loaded:
    found = where
    if not isinstance(found, Loaded):
        found = load_model(found, registry, checkpoint=checkpoint)
    if device is not None:
        found.model.to(devices.choose_device(device))
    return found


def _plan(
    runs: Mapping[str, Run | Loaded | Path | str], request: GenerateRequest, registry: Registry
) -> GeneratePlan:
    """Return the columns that are asked for, in the words of the first model that takes labels."""
    for where in runs.values():
        try:
            loaded = _loaded(where, registry, request.checkpoint, None)
            knows = bool(sampling.as_generating(loaded.model).spec.labels)
        except AnimekitError:
            continue  # it is told among those that are left out
        if knows:
            return plan_request(replace(request, model=loaded), registry)
    raise UnusableError(
        f"none of {', '.join(runs)} takes prompts",
        "name a run of acgan, cwgangp or another model with labels; or leave the prompts out",
        code="model.unconditional",
    )


@dataclass
class _Sheet:
    """A sheet that is being drawn, row by row: one model is in memory at a time."""

    seeds: tuple[int, ...]
    rows: dict[str, Generated] = field(default_factory=dict)
    asked: list[Attrs] = field(default_factory=list)
    heads: list[str] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, plan: GeneratePlan) -> _Sheet:
        """Return an empty sheet whose columns are the images of a plan."""
        seeds = tuple(cell.seed for cell in plan.cells)
        heads = []
        for cell in plan.cells:
            texts = [cell.prompt.text] if cell.prompt is not None else []
            texts += [said(name, value) for name, value in cell.swept.items()]
            heads.append(", ".join(texts + ([f"seed {cell.seed}"] if len(set(seeds)) > 1 else [])))
        return cls(seeds, asked=list(plan.attrs), heads=heads)

    def add(self, label: str, loaded: Loaded) -> None:
        model = sampling.as_generating(loaded.model)
        attrs = self._attrs(label, loaded) if model.spec.labels else None
        recipe = Recipe(
            version=version("animekit"),
            model=loaded.weights,
            mode="seeds",
            seeds=format_seeds(self.seeds),
            truncation=sampling.own_truncation(loaded.model),
            attrs=attrs,
        )
        self.rows[label] = draw_recipe(loaded, recipe)
        if attrs is not None and not self.asked:
            self.asked = attrs
            named = sampling.attributes_of(model)
            self.heads = [_words(named, each) for each in attrs]

    def _attrs(self, label: str, loaded: Loaded) -> list[Attrs]:
        """Return what a model is asked for in each column, in its own words."""
        attributes = sampling.attributes_of(sampling.as_generating(loaded.model))
        known = attributes.vocabulary.attributes
        given: list[Attrs] = []
        unknown: set[str] = set()
        for wanted in self.asked or [{}] * len(self.seeds):
            fits = {
                name: value
                for name, value in wanted.items()
                if name in known and _knows(attributes, name, value)
            }
            unknown |= {said(name, wanted[name]) for name in wanted.keys() - fits.keys()}
            given.append(fits)
        if unknown:
            words = ", ".join(sorted(unknown))
            self.notes.append(f"{label} does not know {words}: it draws another there")
        cells = [Cell(seed, None, fits) for seed, fits in zip(self.seeds, given, strict=True)]
        return attrs_of(cells, attributes, loaded.frequencies())

    def whole(self) -> NoiseSheet:
        lengths: dict[int, list[str]] = {}
        for label, row in self.rows.items():
            lengths.setdefault(int(np.prod(row.z.shape[1:])), []).append(label)
        if len(lengths) > 1:
            words = "; ".join(f"{n} numbers in {', '.join(of)}" for n, of in lengths.items())
            self.notes.append(f"noise of another length is other noise from the same seed: {words}")
        free = [label for label, row in self.rows.items() if not row.how.attrs]
        if self.asked and free:
            self.notes.append(f"without labels, so asked for nothing: {', '.join(free)}")
        heads = self.heads or [f"seed {seed}" for seed in self.seeds]
        return NoiseSheet(
            self.seeds,
            self.rows,
            tuple(self.asked),
            tuple(heads),
            self.left_out,
            tuple(self.notes),
        )


def _knows(attributes: Attributes, name: str, value: Value) -> bool:
    values = attributes.values(name)
    return all(each in values for each in (value if isinstance(value, list) else [value]))


def _words(attributes: Attributes, attrs: Attrs) -> str:
    """Return what is asked for in words, without what is not to be seen ("no hat")."""
    shown = (attributes.title(name, v) for name, v in attrs.items() if v is not False)
    return ", ".join(shown)
