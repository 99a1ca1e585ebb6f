"""The body of `animekit generate`: which model, which prompts and noise, which images."""

from __future__ import annotations

import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from animekit.cli._options import Common
from animekit.cli.generate import show as written
from animekit.cli.generate.request import Wishes
from animekit.device import choose_device
from animekit.errors import AnimekitError, NotFoundError, UsageError
from animekit.generation import choose_model, compose, plan
from animekit.generation.compose import Wish
from animekit.generation.generate import generate, interpolate, remake
from animekit.generation.result import Generated
from animekit.labels.prompt import Prompt
from animekit.labels.vocabulary import Vocabulary
from animekit.models.sampling import as_generating, attributes_of
from animekit.runs.run import Loaded, load_model
from animekit.seeds import format_seeds


def run(common: Common, wishes: Wishes) -> dict[str, Any]:
    """Draw and write; return the data of the JSON answer."""
    screen = common.screen
    shape = wishes.shape()
    wish = _wish(common, wishes, shape)
    loaded = _load(common, wishes, wish)
    if loaded is not None:
        screen.note(loaded.origin)
        wish = _read(wish, loaded, shape)
    if common.dry_run:
        return _say_plan(common, wishes, wish)
    with screen.busy("drawing"):
        drawn = _draw(common, wishes, wish, loaded)
    if loaded is None:
        screen.note(drawn.origin)
    _say_prompts(common, drawn)
    for warning in drawn.warnings:
        screen.warn(warning, "generate")
    return written.write(common, wishes, drawn, shape)


def _wish(common: Common, wishes: Wishes, shape: tuple[int, int] | None) -> Wish:
    """Return what is asked of the library, prompts still as text; files are looked for here."""
    number = wishes.num
    prompts: Any = wishes.prompts if wishes.prompts is not None else (wishes.prompt or None)
    table = wishes.matrix is not None or wishes.vary is not None
    if number is None and shape and prompts is None and wishes.seeds is None and not table:
        number = shape[0] * shape[1]
    if number is not None and number < 1:
        raise UsageError(f"cannot make {number} images", "ask for --num 1 or more")
    if wishes.prompts is not None and str(wishes.prompts) != "-" and not wishes.prompts.exists():
        raise NotFoundError(f"no file {wishes.prompts}", "give the path of a text file")
    wish = Wish(
        prompts=prompts,
        seeds=wishes.seeds,
        num=number,
        per_prompt=wishes.each_prompt(),
        seed=common.seed or 0,
        random=wishes.listed("random"),
        matrix=wishes.listed("matrix") or None,
        vary=wishes.vary,
        best_of=1 if wishes.best_of is None else wishes.best_of,
    )
    wish.check(noise=wishes.noise is not None, labels=False)
    return wish


def _load(common: Common, wishes: Wishes, wish: Wish) -> Loaded | None:
    """Return the model; None where a picture's own metadata will say which."""
    if wishes.like is not None and wishes.model is None:
        return None
    which = int(wishes.checkpoint) if wishes.checkpoint.isdigit() else wishes.checkpoint
    if which not in ("best", "last") and not isinstance(which, int):
        raise UsageError(f'no checkpoint "{which}"', "use best, last, or a step such as 2000")
    registry = common.registry()
    with common.screen.busy("loading"):
        if wishes.model is None and wish.told:
            loaded = choose_model.load_conditional(registry, checkpoint=which)
        else:
            loaded = load_model(wishes.model, registry, checkpoint=which)
        loaded.model.to(choose_device(common.device or "auto"))
    return loaded


def _read(wish: Wish, loaded: Loaded, shape: tuple[int, int] | None) -> Wish:
    """Return the wish with its prompts read, and as many images of each as fill the grid."""
    attributes = attributes_of(as_generating(loaded.model))
    if isinstance(wish.prompts, Path) and str(wish.prompts) == "-" and attributes.vocabulary.labels:
        prompts: Any = _from_stdin(attributes.vocabulary)
    else:
        prompts = compose.told(loaded, wish, attributes) or None
    wish = replace(wish, prompts=prompts)
    free = wish.num is None and wish.per_prompt is None and wish.seeds is None
    if prompts and shape and free:
        wish = replace(wish, per_prompt=plan.share(len(prompts), shape[0] * shape[1]))
    return wish


def _from_stdin(vocabulary: Vocabulary) -> list[Prompt]:
    with tempfile.TemporaryDirectory(prefix="animekit-") as folder:
        path = Path(folder) / "stdin"
        path.write_bytes(sys.stdin.buffer.read())
        try:
            return plan.read(path, vocabulary)
        except AnimekitError as error:
            error.message = error.message.replace(str(path), "stdin")
            raise


def _draw(common: Common, wishes: Wishes, wish: Wish, loaded: Loaded | None) -> Generated:
    registry = common.registry()
    if wishes.like is not None:
        return remake(wishes.like, loaded, noise=wishes.noise, registry=registry)
    if wishes.interpolate is not None:
        return interpolate(
            loaded,
            wishes.interpolate,
            prompts=wish.prompts,
            frames=wishes.frames,
            mode=wishes.mode,  # type: ignore[arg-type]
            loop=wishes.loop,
            truncation=wishes.trunc,
            registry=registry,
        )
    return generate(
        loaded, noise=wishes.noise, truncation=wishes.trunc, registry=registry, **vars(wish)
    )


def _say_prompts(common: Common, drawn: Generated) -> None:
    """Say how many prompts there were, and what is to know of how the images were chosen."""
    how = drawn.how
    if how.prompts is not None and how.mode == "seeds":
        texts = len(set(how.prompts))
        images = len(drawn.images)
        common.screen.note(
            f"{images} image{'s' * (images != 1)} of {texts} prompt{'s' * (texts != 1)},"
            f" seeds {format_seeds(list(dict.fromkeys(drawn.seeds)))}"
        )
    if how.best_of is not None:
        common.screen.note(
            f"each image is the best of {how.best_of}: they are not what the model draws by itself"
        )


def _say_plan(common: Common, wishes: Wishes, wish: Wish) -> dict[str, Any]:
    """Say what would be drawn and written."""
    prompts = 0 if wish.prompts is None else len(list(wish.prompts))  # type: ignore[arg-type]
    what = f"{25 if wish.num is None else wish.num} images"
    if wishes.like is not None:
        what = f"{wishes.like} again"
    elif wishes.interpolate is not None:
        what = f"{wishes.frames} images from seed to seed: {wishes.interpolate}"
    elif wishes.matrix is not None:
        what = f"all values of {' and '.join(wish.matrix or ())}"
    elif wishes.vary is not None:
        what = f"all values of {wishes.vary}"
    elif prompts and wish.per_prompt is None and wish.num is None and wishes.seeds is None:
        what = f"{prompts * plan.share(prompts)} images"
    elif prompts and wish.per_prompt is not None:
        what = f"{prompts * wish.per_prompt} images"
    elif wishes.noise is not None or wishes.seeds is not None:
        what = f"images of {wishes.noise or 'seeds ' + str(wishes.seeds)}"
    if prompts:
        what += f" of {prompts} prompt{'s' * (prompts != 1)}"
    places = [wishes.out, wishes.each, wishes.save_noise]
    where = [str(place) for place in places if place is not None] or [str(wishes.target())]
    common.screen.say(f"would draw {what} and write {', '.join(where)}")
    return {"would_draw": what, "would_write": where}
