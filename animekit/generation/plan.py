"""Plans: prompts, seeds and sweeps put together into what each image of a picture shall be."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from animekit.errors import UsageError
from animekit.labels import conditions
from animekit.labels.attributes import Attributes, Attrs
from animekit.labels.lines import Prompt
from animekit.seeds import MAX_IMAGES
from animekit.text import Printed

FILL = 25  # images of a picture by default: the cells of the course's 5x5 figure
FACES = 4  # faces of a film by default
ROWS = 5  # rows by default of a table that shows what one attribute does


@dataclass(frozen=True)
class Cell:
    """One image: its seed, its prompt, what a sweep sets in it, and how far it moves."""

    seed: int
    prompt: Prompt | None = None
    swept: Attrs = field(default_factory=dict)
    strength: float | None = None


@dataclass(frozen=True)
class GeneratePlan(Printed):
    """What would be drawn: the images of a picture in order, and its titles.

    `attrs` are those of each cell; of an interpolation the cells are its points. `pools` are the
    seeds that each image is chosen from, `noise` [N, ...] the rows of a file in place of seeds.
    `text` says in words what would be drawn, `origin` by which weights.
    """

    cells: list[Cell]
    columns: int | None = None
    heads: list[str] | None = None
    sides: list[str] | None = None
    attrs: list[Attrs] = field(default_factory=list)
    pools: list[Sequence[int]] | None = None
    noise: np.ndarray | None = None
    text: str = ""
    origin: str = ""

    @property
    def ids(self) -> tuple[str, ...]:
        """The id of the prompt of each image; () without prompts."""
        return tuple(cell.prompt.id for cell in self.cells if cell.prompt is not None)

    def as_table(self) -> list[Sequence[str]]:
        """Return what would be drawn, and by which weights."""
        return [("would draw", self.text), ("by", self.origin)]


def share(prompts: int, fill: int = FILL) -> int:
    """Return how many images each prompt gets: as many as fill a picture, or one.

    >>> share(1), share(5), share(25), share(4)
    (25, 5, 1, 1)
    """
    return fill // prompts if prompts and fill % prompts == 0 else 1


def paired(
    prompts: Sequence[Prompt],
    seeds: Sequence[int] | None,
    *,
    num: int | None = None,
    per_prompt: int | None = None,
    first: int = 0,
    fill: int = FILL,
) -> GeneratePlan:
    """Put prompts and seeds together; without seeds, they begin at `first`.

    Without seeds each prompt gets `per_prompt` images one after the other, or its share of `num`
    or of `fill`. With seeds: one prompt gets them all; one seed goes to all prompts; as many seeds
    as images go one to each; any other number makes a table, a row a prompt, a column a seed.
    """
    if not prompts:
        if per_prompt is not None:
            raise UsageError("images per prompt without a prompt", "give one with --prompt")
        count = fill if num is None else num
        return GeneratePlan(
            [Cell(s) for s in (range(first, first + count) if seeds is None else seeds)]
        )
    if seeds is None:
        each = _each(len(prompts), num, per_prompt, fill)
        plan = [Cell(0, prompt) for prompt in prompts for _ in range(each)]
        cells = [replace(cell, seed=first + index) for index, cell in enumerate(plan)]
        return GeneratePlan(cells, each if each > 1 and len(prompts) > 1 else None)
    return _with_seeds(prompts, seeds, per_prompt, fill)


def _each(prompts: int, num: int | None, per_prompt: int | None, fill: int) -> int:
    if per_prompt is not None:
        if not 1 <= per_prompt * prompts <= MAX_IMAGES:
            raise UsageError(
                f"cannot make {per_prompt:,} images per prompt",
                f"ask for 1 or more, and at most {MAX_IMAGES:,} in all",
            )
        if num not in (None, per_prompt * prompts):
            raise UsageError(
                f"{prompts} prompts with {per_prompt} images each are not {num} images",
                "leave --num out",
            )
        return per_prompt
    if num is None:
        return share(prompts, fill)
    if num % prompts:
        raise UsageError(
            f"{num} images cannot be shared by {prompts} prompts", "use --per-prompt N"
        )
    return num // prompts


def _with_seeds(
    prompts: Sequence[Prompt], seeds: Sequence[int], per_prompt: int | None, fill: int
) -> GeneratePlan:
    count = len(prompts)
    each = per_prompt if per_prompt is not None else share(count, fill)
    if per_prompt is None and (count == 1 or len(seeds) in (1, count)):
        length = max(count, len(seeds))
        texts, numbers = _stretched(prompts, length), _stretched(seeds, length)
        return GeneratePlan([Cell(seed, text) for text, seed in zip(texts, numbers, strict=True)])
    if len(seeds) == count * each:
        texts = [prompt for prompt in prompts for _ in range(each)]
        cells = [Cell(seed, text) for text, seed in zip(texts, seeds, strict=True)]
        return GeneratePlan(cells, each if each > 1 and count > 1 else None)
    if per_prompt not in (None, len(seeds)):
        raise UsageError(
            f"{count} prompts with {per_prompt} images each do not go with {len(seeds)} seeds",
            f"give {count * per_prompt} seeds, or {per_prompt} that all prompts share",
        )
    return GeneratePlan(
        [Cell(seed, prompt) for prompt in prompts for seed in seeds],
        len(seeds),
        heads=[f"seed {seed}" for seed in seeds],
        sides=[prompt.text for prompt in prompts],
    )


def _stretched(values: Sequence, length: int) -> list:
    return list(values) * length if len(values) == 1 else list(values)


def swept(plan: GeneratePlan, name: str, attributes: Attributes) -> GeneratePlan:
    """Return a table that shows each image of a plan with all values of an attribute."""
    name = attributes.check(name)
    values = attributes.values(name)
    cells = [
        replace(cell, swept={**cell.swept, name: value}) for cell in plan.cells for value in values
    ]
    heads = [attributes.title(name, value) for value in values]
    texts = [cell.prompt.text if cell.prompt else "" for cell in plan.cells]
    sides = texts if len(set(texts)) > 1 else [f"seed {cell.seed}" for cell in plan.cells]
    return GeneratePlan(cells, len(values), heads, sides if len(plan.cells) > 1 else None)


def strengthened(plan: GeneratePlan, strengths: Sequence[float]) -> GeneratePlan:
    """Return a table that shows each image of a plan moved by all strengths."""
    count = len(strengths)
    cells = [replace(cell, strength=each) for cell in plan.cells for each in strengths]
    noise = None if plan.noise is None else np.repeat(plan.noise, count, axis=0)
    if count == 1:
        return replace(plan, cells=cells)
    kind = "seed" if noise is None else "row"
    sides = [f"{kind} {cell.seed}" for cell in plan.cells] if len(plan.cells) > 1 else None
    heads = [f"{each:+g}" for each in strengths]
    return replace(plan, cells=cells, columns=count, heads=heads, sides=sides, noise=noise)


def crossed(plan: GeneratePlan, rows: str, columns: str, attributes: Attributes) -> GeneratePlan:
    """Return a table of one image with all values of two attributes."""
    if len(plan.cells) != 1:
        raise UsageError(
            "a matrix shows one seed and at most one prompt",
            "sweep one attribute to compare several",
        )
    rows, columns = attributes.check(rows), attributes.check(columns)
    if rows == columns:
        raise UsageError(f"a matrix of {rows} and {columns} has one attribute", "name two")
    down, across = attributes.values(rows), attributes.values(columns)
    return GeneratePlan(
        [replace(plan.cells[0], swept={rows: y, columns: x}) for y in down for x in across],
        len(across),
        heads=[attributes.title(columns, value) for value in across],
        sides=[attributes.title(rows, value) for value in down],
    )


def attrs_of(
    cells: Sequence[Cell],
    attributes: Attributes,
    weights: np.ndarray | None,
    random: Iterable[str] = (),
) -> list[Attrs]:
    """Return the attributes of each image: asked for, swept, or drawn at random.

    What is open is drawn from the seed, by the frequencies `weights` [L] of the training set. If
    `random` names attributes, only these differ from image to image; the others are drawn once,
    from the first seed. Codes are set only where a sweep names them; z holds the others.
    """
    vocabulary = attributes.vocabulary
    free = [attributes.check(name) for name in random]
    pairs = [_labels_of(cell, attributes, free) for cell in cells]
    labels = np.stack([pair[0] for pair in pairs])  # [N, L]
    mask = np.stack([pair[1] for pair in pairs])  # [N, L], 0 where it is open
    mask = vocabulary.closed(labels, mask)  # who asks for blonde hair asks for no other colour
    if free:
        own = np.zeros(len(vocabulary.labels), bool)
        for name in free:
            own[_columns(name, attributes)] = True
        once = [cells[0].seed] * len(cells)
        labels = conditions.filled(labels, np.maximum(mask, own), vocabulary.groups, once, weights)
        mask = np.where(own, mask, 1)
    seeds = [cell.seed for cell in cells]
    labels = conditions.filled(labels, mask, vocabulary.groups, seeds, weights)
    codes = [
        {k: v for k, v in cell.swept.items() if k not in vocabulary.attributes} for cell in cells
    ]
    return [attributes.read(row) | code for row, code in zip(labels, codes, strict=True)]


def _labels_of(
    cell: Cell, attributes: Attributes, free: Sequence[str]
) -> tuple[np.ndarray, np.ndarray]:
    """Return labels and mask [L] of a prompt with a sweep put over it."""
    labels, mask = attributes.labels(cell.swept)
    if cell.prompt is None:
        return labels, mask
    for name in free:
        if cell.prompt.mask[_columns(name, attributes)].any():
            raise UsageError(
                f'"{cell.prompt.text}" says what {name} is, and --random {name} draws it',
                "leave one of them out",
            )
    return np.where(mask > 0, labels, cell.prompt.labels), np.maximum(mask, cell.prompt.mask)


def _columns(name: str, attributes: Attributes) -> slice:
    if name in attributes.vocabulary.attributes:
        return attributes.vocabulary.attributes[name]
    raise UsageError(f"{name} is drawn with the noise of each image", "--sweep shows its values")
