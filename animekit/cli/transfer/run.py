"""The body of `animekit transfer`: read the options, call the library, show how it went."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from animekit.cli._options import Common, checkpoint_of
from animekit.cli._progress import counting
from animekit.engines import crew
from animekit.engines.processes import place
from animekit.errors import UsageError
from animekit.images import film
from animekit.text import duration, install_hint, number, printable

if TYPE_CHECKING:
    from animekit.cli._console import Screen
    from animekit.translation.result import Transferred
    from animekit.translation.transfer import PreparedTransfer

PIPE = "-"
NAMED, SHOWN = 3, 20  # failures that an error names, and the screen
PASSED = {"model", "name", "direction", "size", "alpha", "tile", "tile_size", "ext", "suffix"}
PASSED |= {"weights", "face", "detector", "html", "precision", "threads", "watch"}
MINUTE = 60.0


def run(common: Common, options: dict[str, Any]) -> dict[str, Any]:
    """Translate and return the data of the JSON answer; raise where something failed."""
    screen = common.screen
    if not options["model"] or not options["name"]:
        raise UsageError("name the model and its weights, run or data set", known(common))
    arguments = {**ends(common, options), **values(common, options)}
    if options["weights"] == "published" and (would := bring(common, options)) is not None:
        return would
    with screen.busy("loading"):
        from animekit.translation.transfer import prepare

        prepared = prepare(**arguments, registry=common.registry())
    screen.note(prepared.weights.loaded.origin)
    if not options["inputs"]:
        screen.note(f"no pictures were named: {taken(prepared)}")
    if prepared.finder is not None:
        size = prepared.weights.model.spec.size
        screen.note(f"faces are found and translated alone, at {size} px (--face off: all of it)")
    if prepared.reader.assumed:
        screen.warn(assumption(prepared.reader.assumed), "transfer.assumed")
    if common.dry_run:
        show_plan(screen, prepared)
        return prepared.facts()
    result = translate(screen, prepared) if takes_part(prepared) else None
    if result is None or not place().is_main:
        return {}
    for warning in result.warnings:
        screen.warn(warning, "transfer.picture")
    show(screen, prepared, result)
    error = result.failure()
    if error is not None:
        raise error
    return result.facts()


def bring(common: Common, options: dict[str, Any]) -> dict[str, Any] | None:
    """Make published weights ready: ask, download, check and convert.

    Returns what a dry run would bring, None where the transfer goes on.
    """
    from animekit.cli.models import agree, downloading, introduce, tell_seen
    from animekit.hub import obtain

    both = options["direction"] in ("both", "b2a")
    wanted = obtain.offer(options["model"], options["name"], back=both)
    if wanted.is_ready:
        return None
    missing, screen = wanted.missing, common.screen
    for entry in missing:
        introduce(screen, entry)
    names = " and ".join(entry.name for entry in missing)
    if common.dry_run:
        screen.say(f"would {f'download {names}, ' if missing else ''}convert and translate")
        return {"would_download": [entry.name for entry in missing], "path": str(wanted.path)}
    if missing:
        unchecked = "" if all(entry.pinned for entry in missing) else " unchecked"
        agree(common, f"Download {names}{unchecked}?")
    with downloading(screen, names or wanted.name) as progress:
        made = obtain.obtain(wanted, common.registry(), unpinned=True, progress=progress)
    for entry in missing:
        tell_seen(screen, entry)
    screen.note(f"converted to {made.path} ({made.summary}); no download is needed any more")
    return None


def ends(common: Common, options: dict[str, Any]) -> dict[str, Any]:
    """Return inputs and out, where "-" is the process's own stdin or stdout."""
    inputs, out = list(options["inputs"] or ()), options["out"]
    to_stdout = str(out) == PIPE or (inputs == [PIPE] and out is None)
    if common.screen.as_json and to_stdout:
        raise UsageError("stdout takes a picture or JSON", "write the picture with -o FILE")
    if PIPE in inputs and len(inputs) > 1:
        raise UsageError("- and cam:0 stand for one picture or film", "name one input")
    return {
        "inputs": sys.stdin.buffer if inputs == [PIPE] else inputs,
        "out": sys.stdout.buffer if to_stdout else out,
    }


def values(common: Common, options: dict[str, Any]) -> dict[str, Any]:
    """Return the options of the library; UsageError for what cannot be read."""
    if options["skip_existing"] and options["overwrite"]:
        raise UsageError("--skip-existing and --overwrite exclude each other", "give one")
    existing = "overwrite" if options["overwrite"] else "refuse"
    existing = "skip" if options["skip_existing"] else existing
    return {
        **{key: options[key] for key in PASSED},
        "attrs": tuple(options["attr"] or ()),
        "source_attr": options["source_attr"],
        "existing": existing,
        "limit": count(options["limit"], "limit"),
        "reconstruct": count(options["reconstruct"], "reconstruct"),
        "checkpoint": checkpoint_of(options["checkpoint"]),
        "device": common.device or "auto",
    }


def count(word: str, name: str) -> int | None:
    """Read a number or "all", which is None."""
    if word == "all":
        return None
    if not word.isdecimal():
        raise UsageError(f'cannot read --{name} "{word}"', f"--{name} 20, or --{name} all")
    return int(word)


def known(common: Common) -> str:
    """Return a hint: which models translate, and which weights are here."""
    from animekit.models import weights

    able = [
        key for key, each in common.registry().all("model").items() if hasattr(each, "translate")
    ]
    here = [name for name in weights.bundled() if name.split("-")[0] in able]
    return f"models: {' '.join(able)}; bundled weights: {' '.join(here) or 'none'}"


def taken(prepared: PreparedTransfer) -> str:
    """Say which pictures are taken where none were named."""
    from animekit.models.weights import BUNDLED

    files = prepared.inputs.files
    folders = {file.path.parent for file in files}
    if all(BUNDLED in folder.parents for folder in folders):
        return f"taking the {len(files)} examples that come with the weights"
    return f"taking {' and '.join(sorted(map(str, folders)))}"


def assumption(labels: Sequence[str]) -> str:
    """Say what is taken for granted of every picture, and how to say better.

    >>> assumption(["no male", "hair unknown"])
    'nobody says what the pictures show, so all count as "no male, hair unknown": \
say it with --source-attr "male"'
    """
    shown = ", ".join(labels[:SHOWN]) + (
        f" and {len(labels) - SHOWN:,} more" * (len(labels) > SHOWN)
    )
    words = [label.removeprefix("no ") for label in labels if label.startswith("no ")]
    way = f'"{words[-1]}"' if words else "TEXT"
    return (
        f'nobody says what the pictures show, so all count as "{shown}":'
        f" say it with --source-attr {way}"
    )


def takes_part(prepared: PreparedTransfer) -> bool:
    """Say whether this process has work: many files are shared, one is for the first."""
    request = prepared.request
    shared = not (prepared.plan.single or request.watch or request.camera is not None)
    return crew.join() or shared if shared else place().is_main


def translate(screen: Screen, prepared: PreparedTransfer) -> Transferred:
    """Do what was prepared, and say how far it is."""
    request, plan = prepared.request, prepared.plan
    if request.watch:
        words = f"watching {' '.join(request.inputs)}, results go to {plan.out}; Ctrl-C ends"
        screen.note(words)
        return prepared.run(
            lambda done, total: (
                screen.note(f"{things(done, 'file')} done") if 0 < done == total else None
            )
        )
    if request.camera is not None:
        screen.note("filming; Ctrl-C ends")
        return prepared.run()
    if request.is_piped:
        return prepared.run()
    if plan.videos and not film.is_had():
        words = "videos lose their sound, and browsers may not play them, without PyAV"
        screen.warn(f"{words}: {install_hint('video')}", "video.sound")
    with counting(screen, "translating") as progress:
        return prepared.run(progress)


def show_plan(screen: Screen, prepared: PreparedTransfer) -> None:
    """Say what would be done."""
    plan, inputs = prepared.plan, prepared.inputs
    if prepared.request.camera is not None:
        (planned,) = plan.files
        screen.say(f"would film {planned.source.path} to {planned.outputs[0][1]}")
        return
    say = screen.note if prepared.request.out_stream is not None else screen.say
    say(
        f"would translate {things(len(plan.files), 'file')},"
        f" {things(inputs.folders, 'sub-folder')},"
        f" {' '.join(target.name for target in prepared.targets)}:"
        f" {things(plan.results, 'result')} to {plan.out}"
    )
    if plan.skipped:
        say(f"{plan.skipped:,} results are there and would be passed over")
    for item in inputs.failed[:SHOWN]:
        say(f"cannot be read: {printable(item.name)} ({item.reason})")


def show(screen: Screen, prepared: PreparedTransfer, result: Transferred) -> None:
    """Show what was made, and what failed."""
    request = prepared.request
    if request.out_stream is not None:
        return  # stdout holds the picture
    if request.camera is not None or request.is_piped:
        for item in result.items:
            frames = "" if request.is_piped else f"{item.frames:,} frames"
            screen.made(item.out, "video" if frames else "picture", frames)
        return
    screen.say(summary(result))
    if prepared.inputs.others:
        others = things(len(prepared.inputs.others), "other file")
        screen.note(f"{others} left alone", style="dim")
    if len(result.failed) > NAMED:  # the error names so many
        for each in result.failed[:SHOWN]:
            screen.note(f"failed: {printable(str(each.path))} ({each.reason})")
        screen.note(f"all of them: {result.out / 'failed.txt'}")
    show_files(screen, prepared, result)


def show_files(screen: Screen, prepared: PreparedTransfer, result: Transferred) -> None:
    """Name what was written, and what a person opens first."""
    for item in result.items:
        screen.record(item.out, "picture")
    if result.sheet is not None:
        screen.made(result.sheet, "sheet")
    if result.page is not None:
        screen.made(result.page, "page")
    elif result.items and prepared.plan.single:
        screen.made(result.items[0].out, "picture")
    elif result.items:
        screen.made(result.out, "folder")


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


def things(number: int, noun: str) -> str:
    """Return a number with its noun.

    >>> things(1, "file"), things(2000, "file")
    ('1 file', '2,000 files')
    """
    return f"{number:,} {noun}" + ("" if number == 1 else "s")
