"""What `animekit data` shows of pictures and tags, as rows of tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from animekit.text import printable

if TYPE_CHECKING:
    from animekit.cli._console import Screen
    from animekit.data.info import DataInfo
    from animekit.data.tag_report import TagTable

MOST = 8  # sizes, colours or tags that are listed on the screen
NAMED = 5  # files that are named on the screen


def rows_of(found: DataInfo) -> list[tuple[str, str]]:
    """Return what is known of a data set, as rows of a table."""

    def reason(name: str) -> str:
        return f" ({found.reasons[name]})" if found.reasons.get(name) else ""

    rows = [("pictures", f"{found.images:,}")]
    rows += [("format", f"{name} {count:,}") for name, count in found.formats.items()]
    rows += [("size", f"{words} {count:,}") for words, count in _most(found.sizes)]
    if len(found.sizes) > 1:
        rows += [("shorter side", f"{words} {count:,}") for words, count in found.sides.items()]
    rows += [
        (what, words)
        for what, words, count in (
            ("transparent", f"{found.alpha:,} can be: what is so is put on white", found.alpha),
            ("animated", f"{found.animated:,}: the first frame is read", found.animated),
            ("copies", f"{found.copies or 0:,} repeat another file", found.copies is not None),
        )
        if count
    ]
    for words, names in (
        ("not readable", [f"{name}{reason(name)}" for name in found.unreadable]),
        ("left out", [f"{item.name} ({item.reason})" for item in found.skipped]),
    ):
        if names:
            shown = ", ".join(ascii(name)[1:-1] for name in names[:NAMED])
            rows.append((words, f"{len(names):,}: {shown}{' ...' if names[NAMED:] else ''}"))
    rows += _label_rows(found)
    if found.labels and found.labelled is not None:
        rows.append(("with labels", f"{found.labelled:,}"))
        counts = {name: count or 0 for name, count in found.labels.items()}
        rows += [("label", f"{name} {count:,}") for name, count in counts.items() if count]
        absent = [name for name, count in counts.items() if not count]
        rows += [("label", f"{', '.join(absent)} 0")] if absent else []
    elif found.labels:
        rows.append(("labels", ", ".join(found.labels)))
    if found.manifest is not None:
        counts = {name: found.manifest[name] for name in ("keep", "review", "reject")}
        told = ", ".join(f"{name} {count:,}" for name, count in counts.items())
        rows.append(("manifest", f"{found.manifest['number']}: {told}"))
    return [*rows, ("fingerprint", found.fingerprint)]


def _label_rows(found: DataInfo) -> list[tuple[str, str]]:
    """Say what became of the rows of a label file, and which files are not used."""
    rows, use = [], found.rows
    if use is not None:
        ways = ", ".join(f"{count:,} by {way}" for way, count in use.ways.items())
        rows.append(("rows", f"{use.rows:,} in {printable(use.file)}: {use.used:,} used ({ways})"))
        rows += [
            (f"rows {words}", printable(str(told)))
            for words, told in (
                ("unmatched", use.unmatched),
                ("doubled", use.doubled),
                ("skipped", use.skipped),
            )
        ]
    return rows + [("not used", printable(note)) for note in found.notes]


def _most(counts: dict[str, int]) -> list[tuple[str, int]]:
    """Return the first counts, and one for all others."""
    items = list(counts.items())
    others = items[MOST:]
    rest = [(f"{len(others):,} others", sum(count for _, count in others))] if others else []
    return items[:MOST] + rest


def show_tags(screen: Screen, table: TagTable) -> None:
    """Write the counts of a tag file, the table of pairs, and what was passed over."""
    facts = table.facts()
    quirks = f" ({', '.join(table.quirks)})" if table.quirks else ""
    screen.say(f"{table.path}  {table.form}{quirks}")
    screen.say(
        f"{table.rows:,} rows, {len(table.tags):,} with a colour: {table.both:,} with one hair and"
        f" one eye colour, {table.only_hair:,} with hair alone, {table.only_eyes:,} with eyes"
        f" alone, {table.several:,} with several"
    )
    if table.pictures is not None:
        seen = table.pictures
        screen.say(
            f"{seen['found']:,} pictures, {seen['with_tags']:,} with tags;"
            f" {seen['tags_without_picture']:,} rows without a picture"
        )
    eyes = list(facts["eyes"])
    rows = [
        (hair, *row.values(), sum(row.values()), facts["hair"][hair])
        for hair, row in facts["pairs"].items()
    ]
    sums = [sum(row[eye] for row in facts["pairs"].values()) for eye in eyes]
    rows.append(("one of each", *sums, table.both, ""))
    rows.append(("any row", *facts["eyes"].values(), "", ""))
    told = [("doubled", table.doubled), ("skipped", table.passed)]
    if table.use is not None:
        told.insert(0, ("unmatched", table.use.unmatched))
    for words, each in told:
        screen.say(f"rows {words}: {printable(str(each))}")
    if table.contradicting:
        screen.warn(
            f"rows that contradict an earlier row of their id: {table.contradicting:,}; training"
            " refuses the file until one of each is gone",
            "tags.contradict",
        )
    screen.table(("hair / eyes", *eyes, "one of each", "any row"), rows)
    passed = [("row skipped", words, f"{count:,}") for words, count in table.skipped.items()]
    passed += [("tag ignored", words, f"{count:,}") for words, count in _most(table.ignored)]
    if passed:
        screen.say("")
        screen.table(("passed over", "why or what", "times"), passed)
