"""`animekit data`: what a data set holds, its store, its tags, and where to get one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer

from animekit.cli._commands import DefaultGroup
from animekit.cli._options import CHANCE, CONSENT, Common, argument, command, option
from animekit.cli.data.show import rows_of, show_tags
from animekit.text import typed

SEED = CHANCE[0]
PATH = argument(
    "path", help="Folder, .zip, .parquet, .tar, synthetic:N, or a+b; left out, data/faces."
)
TAGS = option("tags", Path, metavar="FILE", help="Labels: a file, or a folder of captions.")
LABELS = option(
    "labels", str, metavar="WORDS", help='Words to count: "hair,long hair|short hair,smile".'
)
SIZE = option("size", int, metavar="PX", help="Side of the pictures.", default=64)
TO = option(
    "to",
    tuple[str, Path],
    metavar="parquet FILE | folder DIR",
    help="Write the pictures as they are, with their labels, to share.",
)
SHA256 = option("sha256", str, metavar="HEX", help="Take only the file that has this sha256.")
NUMBER = option("num", int, metavar="N", help="How many pictures.", default=1000)
TABLE = [
    option("out", Path, "--out", "-o", metavar="PNG", help="Draw the table of colours."),
    option("images", Path, metavar="DIR", help="Pictures to compare the ids with and to show."),
    option("export", Path, metavar="CSV", help="Write the simple form: 0,blue hair red eyes."),
    option("strict", bool, help="Export only rows with one hair and one eye colour."),
    option("top", int, metavar="N", help="List the N commonest tags of any kind instead."),
]
FILES = argument("path", help="Folder, .zip, .parquet or .tar; left out, data/faces.")
READ = [
    option("out", Path, "--out", "-o", metavar="CSV", help="Left out, tags.csv in the folder."),
    option("sure", float, metavar="P", help="Probability from which a value counts.", default=0.6),
    option("classifier", str, metavar="MODEL", help="The tagger: a run or weights."),
    option("threads", int, metavar="N", help="CPU threads."),
]
PLACE = option("out", Path, "--out", "-o", metavar="DIR", help="New folder; left out, data/NAME.")


def add_to(app: typer.Typer) -> None:
    """Add the group to the root; `animekit data` alone describes data/faces."""
    group = typer.Typer(cls=DefaultGroup, help="Look into a data set, pack it, draw or get one.")
    command(group, "info", info, PATH, TAGS, LABELS, of="data")
    command(group, "pack", pack, PATH, SIZE, TAGS, LABELS, TO, *CONSENT, of="data")
    out = argument("out", required=True, help="New folder for the pictures.")
    command(group, "synth", synth, out, NUMBER, SIZE, SEED, *CONSENT, of="data")
    tagged = argument("path", required=True, help="Tag file, or a folder with one.")
    command(group, "tags", tags, tagged, *TABLE, *CONSENT, of="data")
    command(group, "label", label, FILES, *READ, *CONSENT, of="data")
    name = argument("name", help="Name of a data set; left out, all are listed.")
    command(group, "get", get, name, PLACE, SHA256, *CONSENT, of="data")
    app.add_typer(group, name="data")


def info(common: Common, path: str | None, tags: Path | None, labels: str | None) -> dict[str, Any]:
    """Say what a data set holds: counts, sizes, labels, copies, its manifest.

    Examples
      animekit data info data/faces
      animekit data info data/faces --tags tags.csv
      animekit data info data/faces+data/extra
      animekit data info data/faces.zip --json
    """
    from animekit.cli._progress import counting
    from animekit.data.dataset import Skipped
    from animekit.data.info import describe
    from animekit.images.formats import UNREAD_ENDING, convert_hint

    where = path or default_place()
    with counting(common.screen, "reading") as progress:
        found = describe(
            where, tags=tags, labels=labels, registry=common.registry(), progress=progress
        )
    for each in found.parts:
        common.screen.say(f"{each.where}  {each.description}")
        common.screen.table(("what", "seen"), rows_of(each))
        common.screen.say("")
    common.screen.say(f"{where}  {found.description}")
    common.screen.table(("what", "seen"), rows_of(found))
    unread = [*found.skipped, *(Skipped(name, why) for name, why in found.reasons.items())]
    names = [item.name for item in unread if item.reason.endswith(UNREAD_ENDING)]
    if names:
        common.screen.note(convert_hint(names, where if Path(where).is_dir() else ""))
    return found.facts()


def pack(
    common: Common,
    path: str | None,
    size: int,
    tags: Path | None,
    labels: str | None,
    to: tuple[str, Path] | None,
) -> dict[str, Any]:
    """Build the store that training reads: all pictures, decoded and resized.

    With --to, write one Parquet file or a new folder to give away: pictures byte for byte as they
    are (drawn ones at --size), and a column for each attribute.

    Examples
      animekit data pack data/faces
      animekit data pack data/faces --size 128
      animekit data pack data/faces --tags tags.csv -n
      animekit data pack data/faces --to parquet faces.parquet
      animekit data pack 'shards/{00..03}.tar' --to folder data/faces
    """
    from animekit.cli.data import pack as body

    return body.run(common, path or default_place(), size, tags, labels, to)


def synth(common: Common, out: str, num: int, size: int) -> dict[str, Any]:
    """Draw faces into a new folder, with tags.csv and labels.csv.

    Examples
      animekit data synth data/drawn
      animekit data synth data/drawn --num 5000 --size 128 --seed 3
      animekit data synth data/drawn --num 24 --size 32 -n
    """
    from animekit.cli._progress import counting
    from animekit.data import synthesis

    folder, seed = Path(out), common.seed or 0
    facts = {"path": str(folder), "images": num, "size": size, "seed": seed}
    if common.dry_run:
        common.screen.say(f"would draw {num:,} faces of {size}x{size} into {folder}")
        return facts
    with counting(common.screen, "drawing") as progress:
        synthesis.synth(
            folder,
            num=num,
            size=size,
            seed=seed,
            registry=common.registry(),
            progress=progress,
        )
    common.screen.made(folder, "folder", f"{num:,} faces of {size}x{size}, seed {seed}")
    common.screen.record(folder / synthesis.TAGS, "tags")
    common.screen.note(f"Next: animekit train wgangp --data {typed(out)}")
    return facts


def tags(
    common: Common,
    path: str,
    out: Path | None,
    images: Path | None,
    export: Path | None,
    strict: bool,
    top: int | None,
) -> dict[str, Any]:
    """Count the hair and eye colours of a tag file, and what was passed over.

    Examples
      animekit data tags data/faces
      animekit data tags tags_clean.csv -o tags.png --images data/faces
      animekit data tags tags_clean.csv --export tags.csv --strict
      animekit data tags tags_clean.csv --top 50    tags that a model can learn
    """
    from animekit.data.tag_counts import tag_counts
    from animekit.data.tag_picture import save_table
    from animekit.data.tag_report import export_simple, tag_table
    from animekit.errors import UsageError

    if strict and export is None:
        raise UsageError("--strict is about what is exported", "add --export tags.csv")
    if top is not None:
        if out or images or export:
            raise UsageError("--top lists words, and draws or exports nothing", "give it alone")
        with common.screen.busy("reading"):
            found = tag_counts(path, top)
        head, *lines = found.as_table()
        common.screen.say(f"{path}  {found.rows:,} rows with tags, {found.words:,} words")
        common.screen.table(head, lines)
        return found.facts()
    with common.screen.busy("reading"):
        table = tag_table(path, images)
    show_tags(common.screen, table)
    facts = table.facts() | {"exported": None}
    if common.dry_run:
        return facts
    if out is not None:
        common.screen.made(save_table(table, out, overwrite=common.yes), "table")
    if export is not None:
        rows = export_simple(table.tags, export, strict=strict, overwrite=common.yes)
        common.screen.made(export, "tags", f"{rows:,} rows")
        facts["exported"] = rows
    return facts


def label(
    common: Common,
    path: str | None,
    out: Path | None,
    sure: float,
    classifier: str | None,
    threads: int | None,
) -> dict[str, Any]:
    """Read hair and eye colours in pictures without tags, and write a tag file.

    What the tagger is not sure of stays blank: unknown. One of your own reads its own labels.

    Examples
      animekit data label data/faces
      animekit data label data/faces -o tags.csv --sure 0.8
      animekit data label data/faces --classifier 0007 -o attributes.csv
    """
    from animekit.cli.data import label as body

    return body.run(common, path or default_place(), out, sure, classifier, threads)


def get(common: Common, name: str | None, out: Path | None, sha256: str | None) -> Any:
    """Download a public data set, after showing its size, licence and sha256.

    Examples
      animekit data get
      animekit data get course-faces -n
      animekit data get apple2orange --out data/fruit --yes
    """
    from animekit.cli.data import get as body

    return body.run(common, name, out, sha256)


def default_place() -> str:
    """Return where the data lie that nobody named."""
    from animekit.training.recipe import TrainOptions

    return str(TrainOptions.model_fields["data"].default)
