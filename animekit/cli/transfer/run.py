"""The body of `animekit transfer`: what is asked for, the work, and how it went."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from animekit.cli._options import Common
from animekit.cli._progress import counting
from animekit.errors import DataError, UsageError
from animekit.text import duration, number, printable

if TYPE_CHECKING:
    from animekit.translation.result import Transferred
    from animekit.translation.transfer import Job

PIPE = "-"
CAMERA = "cam:"
NAMED, SHOWN = 3, 20  # failures that an error names, and the screen
PASSED = {"direction", "known", "size", "alpha", "tile", "tile_size", "ext", "suffix"}
PASSED |= {"html", "precision", "threads"}
MINUTE = 60.0


def run(common: Common, wishes: dict[str, Any]) -> dict[str, Any] | None:
    """Translate and return the data of the JSON answer; raise where something failed."""
    screen, inputs = common.screen, list(wishes["inputs"] or ())
    out: Path | None = wishes["out"]
    if not wishes["model"] or not wishes["name"]:
        raise UsageError("name the model and its weights, run or data set", known(common))
    filmed = any(word.startswith(CAMERA) for word in inputs)
    piped = PIPE in inputs or str(out) == PIPE
    check(common, inputs, out, alone=filmed or piped)
    told = values(common, wishes)
    if filmed or piped:
        told["html"] = False
    with screen.busy("loading"):
        from animekit.translation.transfer import prepare

        job = prepare(
            wishes["model"],
            wishes["name"],
            [PIPE] if filmed else inputs,
            None if str(out) == PIPE else out,
            registry=common.registry(),
            checkpoint=checkpoint(wishes["checkpoint"]),
            watch=wishes["watch"],
            **told,
        )
    screen.note(job.named.loaded.origin)
    if not job.given:
        screen.note(f"no pictures were named: {whose(job)}")
    if filmed:
        return film(common, job, inputs[0], out)
    if piped:
        return pipe(common, job, inputs, out)
    if common.dry_run:
        return show_plan(common, job)
    return watch(common, job) if wishes["watch"] else whole(common, job)


def check(common: Common, inputs: list[str], out: Path | None, *, alone: bool) -> None:
    """Refuse what a pipe or a camera cannot do."""
    to_stdout = str(out) == PIPE or (inputs == [PIPE] and out is None)
    if common.screen.as_json and to_stdout:
        raise UsageError("stdout takes a picture or JSON", "write the picture with -o FILE")
    if alone and len(inputs) != 1:
        raise UsageError("- and cam:0 stand for one picture or film", "name one input")


def whose(job: Job) -> str:
    """Say which pictures are taken where none were named."""
    from animekit.models.weights import BUNDLED

    folders = {source.path.parent for source in job.found.sources}
    if all(BUNDLED in folder.parents for folder in folders):
        return f"taking the {len(job.found.sources)} examples that come with the weights"
    return f"taking {' and '.join(sorted(map(str, folders)))}"


def whole(common: Common, job: Job) -> dict[str, Any]:
    """Translate everything that is planned."""
    screen, plan = common.screen, job.plan
    if not (plan.pictures or plan.skipped or job.found.failed):
        raise DataError("nothing to translate", "name other pictures")
    if any(work.source.is_video for work in plan.works):
        screen.warn("videos lose their sound: OpenCV reads pictures alone", "video.sound")
    with counting(screen, "translating") as progress:
        result = job.run(progress)
    return answer(common, job, result)


def watch(common: Common, job: Job) -> dict[str, Any]:
    """Translate what is there and what comes; Ctrl-C is how a watch ends."""
    screen = common.screen
    if not job.given or job.single:
        raise UsageError("--watch needs a folder to look at", "name one, and a folder with -o")
    screen.note(f"watching {' '.join(job.given)}, results go to {job.plan.out}; Ctrl-C ends")
    result = job.watch(lambda found: screen.note(f"{things(len(found.items), 'result')}"))
    result.stopped = None
    return answer(common, job, result)


def values(common: Common, wishes: dict[str, Any]) -> dict[str, Any]:
    """Return the wishes of the library; UsageError for what cannot be read."""
    if wishes["skip_existing"] and wishes["overwrite"]:
        raise UsageError("--skip-existing and --overwrite exclude each other", "give one")
    existing = "overwrite" if wishes["overwrite"] else "refuse"
    existing = "skip" if wishes["skip_existing"] else existing
    return {
        **{key: wishes[key] for key in PASSED},
        "attrs": tuple(wishes["attr"] or ()),
        "existing": existing,
        "limit": count(wishes["limit"], "limit"),
        "reconstruct": count(wishes["reconstruct"], "reconstruct"),
        "gpu": common.gpu or "auto",
    }


def count(word: str, name: str) -> int | None:
    """Read a number or "all", which is None."""
    if word == "all":
        return None
    if not word.isdecimal():
        raise UsageError(f'cannot read --{name} "{word}"', f"--{name} 20, or --{name} all")
    return int(word)


def checkpoint(word: str) -> str | int:
    """Read which checkpoint of a run is meant."""
    if word not in ("best", "last") and not word.isdecimal():
        raise UsageError(f'no checkpoint "{word}"', "best, last or a step")
    return int(word) if word.isdecimal() else word


def known(common: Common) -> str:
    """Return a hint: which models translate, and which weights are here."""
    from animekit.models import weights

    able = [
        key for key, each in common.registry().all("model").items() if hasattr(each, "translate")
    ]
    here = [name for name in weights.bundled() if name.split("-")[0] in able]
    return f"models: {' '.join(able)}; bundled weights: {' '.join(here) or 'none'}"


def show_plan(common: Common, job: Job) -> dict[str, Any]:
    """Say what would be done."""
    plan, found, screen = job.plan, job.found, common.screen
    videos = sum(work.source.is_video for work in plan.works)
    ways = " ".join(column.name for column in job.columns)
    screen.say(
        f"would translate {things(len(plan.works), 'file')}, {things(found.folders, 'sub-folder')},"
        f" {ways}: {things(plan.pictures, 'result')} to {plan.out}"
    )
    if plan.skipped:
        screen.say(f"{plan.skipped:,} results are there and would be passed over")
    for item in found.failed[:SHOWN]:
        screen.say(f"cannot be read: {printable(item.name)} ({item.reason})")
    return {
        "would_translate": len(plan.works),
        "videos": videos,
        "results": plan.pictures,
        "skipped": plan.skipped,
        "unreadable": [vars(item) for item in found.failed],
        "others": len(found.others),
        "columns": [column.name for column in job.columns],
        "out": str(plan.out),
        "model": job.named.facts(),
    }


def answer(common: Common, job: Job, result: Transferred) -> dict[str, Any]:
    """Show how it went, and raise what the call ends with."""
    screen = common.screen
    screen.say(summary(result))
    if job.found.others:
        screen.note(f"{things(len(job.found.others), 'other file')} left alone", style="dim")
    if len(result.failed) > NAMED:  # the error names so many
        for each in result.failed[:SHOWN]:
            screen.note(f"failed: {printable(str(each.path))} ({each.reason})")
        screen.note(f"all of them: {result.out / 'failed.txt'}")
    for item in result.items:
        screen.record(item.out, "picture")
    if result.sheet is not None:
        screen.made(result.sheet, "sheet")
    if result.page is not None:
        screen.made(result.page, "page")
    elif result.items and job.single:
        screen.made(result.items[0].out, "picture")
    elif result.items:
        screen.made(result.out, "folder")
    error = result.failure()
    if error is not None:
        raise error
    return result.facts()


def summary(result: Transferred) -> str:
    """Return one line on what was done."""
    words = [things(result.pictures, "file")]
    if result.folders:
        words.append(things(result.folders, "sub-folder"))
    words += [" ".join(result.columns), f"done {result.done:,} of {result.pictures:,}"]
    if result.skipped:
        words.append(f"{things(result.skipped, 'result')} already there")
    if result.failed:
        words.append(f"{len(result.failed):,} failed")
    took = duration(result.seconds) if result.seconds >= MINUTE else f"{result.seconds:.1f} s"
    rate = number(result.done / max(result.seconds, 1e-3))
    return f"{', '.join(words)}   {took}, {rate} a second"


def pipe(common: Common, job: Job, inputs: list[str], out: Path | None) -> dict[str, Any]:
    """Translate one picture from stdin, to stdout, or both."""
    from animekit.images.decode import ImageError, read_image_file
    from animekit.translation.photo import write_whole

    if inputs == [PIPE]:
        data, name = sys.stdin.buffer.read(), "stdin"
    else:
        sources = job.found.sources
        if len(sources) != 1:
            raise UsageError("stdout takes one picture", "name one picture")
        name = str(sources[0].path)
        data = read_image_file(sources[0].path, name)
    try:
        photo = job.translate_bytes(data, name)
        made = job.written_as(photo)
    except ImageError as error:
        raise DataError(f"{name}: {error.reason}", error.hint, code=error.code) from None
    if out is None or str(out) == PIPE:
        sys.stdout.buffer.write(made)
        sys.stdout.buffer.flush()
    else:
        if out.exists() and job.wishes.existing != "overwrite":
            raise UsageError(f"{out} is there already", "add --overwrite, or name another file")
        write_whole(out, made)
        common.screen.made(out, "picture")
    width, height = photo.size
    item = {"in": name, "out": str(out or PIPE), "to": job.columns[0].name, "w": width, "h": height}
    return {"model": job.named.facts(), "columns": [job.columns[0].name]} | {
        "done": 1,
        "failed": [],
        "skipped": 0,
        "items": [{**item, "frames": 1}],
        "page": None,
        "sheet": None,
        "out": str(out or PIPE),
        "precision": job.translator().way.precision,
        "seconds": 0.0,
    }


def film(common: Common, job: Job, word: str, out: Path | None) -> dict[str, Any]:
    """Translate what a camera sees into a video."""
    number = word.removeprefix(CAMERA)
    if not number.isdecimal():
        raise UsageError(f'no camera "{word}"', "cam:0 is the first one")
    path = out if out is not None and out.suffix else (out or Path()) / f"cam{number}.mp4"
    if path.exists() and job.wishes.existing != "overwrite":
        raise UsageError(f"{path} is there already", "add --overwrite, or name another file")
    if common.dry_run:
        common.screen.say(f"would film {word} to {path}")
        return {"would_film": word, "out": str(path)}
    common.screen.note("filming; Ctrl-C ends")
    result = job.film(int(number), path)
    common.screen.made(path, "video", f"{result.items[0].frames:,} frames")
    return result.facts()


def things(number: int, noun: str) -> str:
    """Return a number with its noun.

    >>> things(1, "file"), things(2000, "file")
    ('1 file', '2,000 files')
    """
    return f"{number:,} {noun}" + ("" if number == 1 else "s")
