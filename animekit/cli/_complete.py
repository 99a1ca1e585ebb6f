"""What a shell offers behind a line that is being typed: names on disk and of plugins, no torch."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from animekit.errors import AnimekitError

if TYPE_CHECKING:
    from animekit.cli._declared import Declared

Item = tuple[str, str]
"""A word and what it is, which zsh and fish show beside it."""
Source = Callable[["Line"], Iterable[Item]]
DATA = Path("data")
READ_AT_ONCE = 4_000_000  # bytes of a label file whose words are offered


@dataclass(frozen=True)
class Line:
    """The words that are there already."""

    context: typer.Context

    def given(self, name: str) -> str | None:
        """Return the value of an option or argument of the command, None without."""
        found = self.context.params.get(name)
        if found is None:  # behind an option that waits for its value, arguments are still loose
            known: list[Any] = list(self.context.command.params)
            arguments = [each.name for each in known if each.param_type_name == "argument"]
            left = [word for word in self.context.args if not word.startswith("-")]
            found = dict(zip(arguments, left, strict=False)).get(name)
        return None if found is None else str(found)

    @property
    def model(self) -> str | None:
        """The model that is named: to train it is a command, else an argument."""
        parent = self.context.parent
        if parent is not None and parent.info_name == "train":
            return self.context.info_name
        return self.given("model")

    @property
    def plugins_dir(self) -> Path | None:
        """The folder of further plugins."""
        found = self.given("plugins_dir")
        return Path(found) if found else self.context.obj.plugins_dir


def source_of(command: str, name: str, metavar: str) -> Callable[..., list[Item]] | None:
    """Return what completes a parameter: its source, or the words of its metavar."""
    source = SOURCES.get(f"{command}.{name}") or SOURCES.get(name)
    if source is not None:
        return _offer(source)
    found = metavar.split("|") if "|" in metavar else []
    return words([word for word in found if re.fullmatch("[a-z][a-z0-9]*", word)])


def words(choices: Iterable[str]) -> Callable[..., list[Item]] | None:
    """Return what offers these words, None where there are none."""
    items = [(word, "") for word in choices]
    return _offer(lambda line: items) if items else None


def _offer(source: Source) -> Callable[..., list[Item]]:
    def complete(ctx: typer.Context, incomplete: str) -> list[Item]:
        before = incomplete[: 1 + max(map(incomplete.rfind, ",+"))]  # one more of a list
        found = []
        with suppress(AnimekitError, OSError, ValueError):  # nothing to offer is no error
            for word, about in source(Line(ctx)):
                found.append((before + word, about))
        return found

    return complete


@cache
def _declared(plugins_dir: Path | None) -> tuple[Declared, ...]:
    from animekit.cli._declared import declared

    return tuple(declared(plugins_dir))


def summaries(kind: str, plugins_dir: Path | None) -> dict[str, str]:
    """Return the names of all plugins of a kind, sorted, and their summaries."""
    found = [(each.name, each.summary) for each in _declared(plugins_dir) if each.kind == kind]
    return dict(sorted(found))


def _plugins(*kinds: str) -> Source:
    def find(line: Line) -> Iterator[Item]:
        for kind in kinds:
            yield from summaries(kind, line.plugins_dir).items()

    return find


def _all_plugins(line: Line) -> Iterable[Item]:
    from animekit.plugins import KINDS

    return _plugins(*KINDS)(line)


def _kinds(line: Line) -> Iterable[Item]:
    from animekit.plugins import KINDS

    return [(kind, "") for kind in KINDS]


def _translators(line: Line) -> Iterable[Item]:
    found = _declared(line.plugins_dir)
    return [(each.name, each.summary) for each in found if "translate" in each.methods]


def _presets(line: Line) -> Iterator[Item]:
    from animekit.training.presets import presets

    for each in _declared(line.plugins_dir):
        if each.kind == "model" and each.name == line.model:
            found = presets([each.path.parent / "presets"], each.name)
            yield from ((preset.name, preset.description) for preset in found.values())


def _run_folders(line: Line) -> list[Path]:
    """Return the run folders, the newest first."""
    from animekit.runs.names import RUNS, list_runs

    training = line.context.parent is not None and line.context.parent.info_name == "train"
    folder = line.given("out" if training else "runs")
    return list_runs(Path(folder) if folder else RUNS)[::-1]


def _runs(line: Line) -> Iterator[Item]:
    return ((path.name, "run") for path in _run_folders(line))


def _trashed(line: Line) -> Iterator[Item]:
    from animekit.runs.names import RUNS
    from animekit.runs.trash import trashed

    folder = line.given("runs")
    return ((path.name, "in the trash") for path in trashed(Path(folder) if folder else RUNS))


def _runs_of_model(line: Line) -> Iterator[Item]:
    return (item for item in _runs(line) if item[0].partition("-")[2].startswith(f"{line.model}-"))


def _weights() -> Iterator[tuple[str, str, str]]:
    """Yield name, model and origin of weights that have a model in them."""
    from animekit.models import weights

    for origin, known in (("bundled", weights.bundled()), ("imported", weights.imported())):
        for name, path in known.items():
            about = weights.about(path)
            if about.get("kind", "model") == "model":
                yield name, str(about.get("model")), origin


def _trained(line: Line) -> Iterator[Item]:
    yield from _runs(line)
    yield from ((name, f"{origin} weights of {model}") for name, model, origin in _weights())


def _trained_translators(line: Line) -> Iterator[Item]:
    if line.given("weights") == "published":
        for name, about in _published("weights")(line):
            if name.startswith(f"{line.model}/"):
                yield name.partition("/")[2], about
        return
    yield from _runs_of_model(line)
    for name, model, origin in _weights():
        if model == line.model:
            yield name.removeprefix(f"{model}-"), f"{origin} weights"


def _checkpoints(line: Line) -> Iterator[Item]:
    from animekit.runs.checkpoint import steps_of
    from animekit.runs.run import Run

    yield from (("best", "as evaluated"), ("last", "the newest"))
    named = line.given("name") or line.given("model")
    folders = [Run(named).path] if named else _run_folders(line)[:1]
    yield from ((str(int(step.name)), "step") for path in folders for step in steps_of(path))


def _data_sets(line: Line) -> Iterator[Item]:
    for path in sorted(DATA.iterdir()) if DATA.is_dir() else ():
        if not path.name.startswith(".") and (
            path.is_dir() or path.suffix in (".zip", ".parquet", ".tar")
        ):
            yield path.as_posix(), ""
    yield "synthetic:", "drawn faces, as in synthetic:1000"


def _spec(line: Line) -> dict[str, Any]:
    """Return what images the model sees that is named, else the newest run's."""
    from animekit.models import weights
    from animekit.runs.run import Run

    named = line.given("name") or line.given("model")
    known = {**weights.bundled(), **weights.imported()}
    path = known.get(f"{line.model}-{named}") or known.get(str(named))
    if path is not None:
        found = weights.about(path)
    else:
        folders = [Run(named).path] if named else _run_folders(line)[:1]
        found = Run(folders[0]).config if folders else weights.about(known["cfaces64"])
    spec = found.get("spec")
    return spec if isinstance(spec, dict) else {}


def _labels(line: Line) -> Iterator[Item]:
    return ((str(name).replace(" ", "_"), "") for name in _spec(line).get("labels", ()))


def _attributes(line: Line) -> Iterator[Item]:
    from animekit.labels.vocabulary import Vocabulary

    spec = _spec(line)
    known = Vocabulary(tuple(spec.get("labels", ())), tuple(spec.get("groups", ())))
    return ((name, "") for name in known.attributes)


def _words_of_data(line: Line) -> Iterator[Item]:
    """Yield the commonest words of the label file that is named, or of the data."""
    from animekit.labels import sources
    from animekit.labels.asked import AskedTable
    from animekit.labels.plan import LabelPlan

    path = Path(line.given("tags") or line.given("data") or line.given("path") or DATA / "faces")
    if path.is_dir() or path.stat().st_size < READ_AT_ONCE:
        table = sources.given(path).read(LabelPlan(()))
        assert isinstance(table, AskedTable)
        for word, count in table.counts.most_common(100):
            yield word.replace(" ", "_"), f"{count:,} pictures"


def _published(kind: Any) -> Source:
    def find(line: Line) -> Iterator[Item]:
        from animekit.hub import catalog

        return ((name, entry.summary) for name, entry in catalog.entries(kind).items())

    return find


def _importable(line: Line) -> Iterator[Item]:
    """Offer published translators; files are the shell's own."""
    known = _published("weights")(line)
    yield from (item for item in known if item[0].startswith(("cyclegan/", "stargan/")))


def _models_and_trained(line: Line) -> Iterator[Item]:
    yield from _plugins("model")(line)
    yield from _trained(line)


SOURCES: dict[str, Source] = {
    "ablate.model": _plugins("model"),
    "attr": _labels,
    "attributes": _words_of_data,
    "beside": _trained,
    "check": _plugins("check"),
    "classifier": _runs,
    "checkpoint": _checkpoints,
    "clean.path": _data_sets,
    "compare": _trained,
    "config.presets.model": _plugins("model"),
    "config.show.model": _plugins("model"),
    "data": _data_sets,
    "data.get.name": _published("dataset"),
    "data.info.path": _data_sets,
    "data.label.path": _data_sets,
    "data.pack.path": _data_sets,
    "data.tags.path": _data_sets,
    "detector": _plugins("detector"),
    "explain.model": _models_and_trained,
    "labels": _words_of_data,
    "metric": _plugins("metric"),
    "model": _trained,
    "models.import.file": _importable,
    "models.pull.name": _published("weights"),
    "plugins.kind": _kinds,
    "plugins.name": _all_plugins,
    "preset": _presets,
    "random": _attributes,
    "reconstruct.attr": _attributes,
    "ref": _data_sets,
    "report.names": _runs,
    "resume_run": _runs_of_model,
    "runs.compare.names": _runs,
    "runs.restore.names": _trashed,
    "runs.rm.names": _runs,
    "runs.show.run": _runs,
    "skip": _plugins("check"),
    "source_attr": _labels,
    "sweep": _attributes,
    "transfer.model": _translators,
    "transfer.name": _trained_translators,
}
"""Parameters by name, or by command and name, that take names; all others take free words."""
