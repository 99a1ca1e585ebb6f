"""Translation: pictures in, pictures out, by a model that was trained for it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from animekit import plugins
from animekit.device import choose_device, choose_precision, threads
from animekit.errors import DataError, UsageError
from animekit.signals import StopSignals
from animekit.translation.film import camera
from animekit.translation.finish import finish
from animekit.translation.inputs import STDIN, Found, find
from animekit.translation.inputs import Source as InputSource
from animekit.translation.options import Wishes
from animekit.translation.photo import Photo, encode, read_photo
from animekit.translation.pipeline import Flow, Progress
from animekit.translation.plan import Existing, Plan, Work, default_out, is_file_name, make, one
from animekit.translation.result import Failure, Transferred
from animekit.translation.targets import Column, Source, columns_of
from animekit.translation.translator import Translator, Way
from animekit.translation.weights import ALL, Named, find_weights, own_tests

if TYPE_CHECKING:
    from animekit.plugins import Registry

__all__ = ["Job", "Wishes", "prepare", "transfer"]

WATCH_SECONDS = 1.0
"""Between two looks at a folder that is watched; a file is taken when it was alike in both."""


def transfer(
    model: str,
    name: str,
    inputs: Sequence[str | Path] | str | Path = (),
    out: Path | str | None = None,
    *,
    registry: Registry | None = None,
    progress: Progress | None = None,
    **wishes: Any,
) -> Transferred:
    """Translate pictures with weights of a model, into a folder of the same tree.

    `name` is a run, weights, or a data set; `inputs` files, folders or patterns, by default the
    test pictures of the data the model was trained on, both ways. `wishes` are the fields of
    `Wishes`. Files that cannot be read are listed in the result and stop nothing. Raises an
    AnimekitError, before any work, for collisions and for what is not there.
    """
    return prepare(model, name, inputs, out, registry=registry, **wishes).run(progress)


@dataclass
class Job:
    """A transfer that is about to begin: weights, columns, plan."""

    named: Named
    wishes: Wishes
    columns: list[Column]
    plan: Plan
    found: Found
    given: list[str] = field(default_factory=list)
    single: bool = False

    def translator(self) -> Translator:
        """Return the model on its device."""
        device = choose_device(self.wishes.gpu)
        precision = choose_precision(self.wishes.precision, device)
        way = Way(self.wishes.tile, self.wishes.tile_size, precision)
        return Translator(self.named.model, device, way)

    def run(self, progress: Progress | None = None) -> Transferred:
        """Translate all that is planned, and write the page and the list of failures."""
        began = time.monotonic()
        with StopSignals() as signals, threads(self.wishes.threads):
            flow = self._flow(progress, signals)
            flow.run(self.plan.works)
        return self._end(flow, signals, began)

    def watch(self, told: Callable[[Transferred], None]) -> Transferred:
        """Translate what is there and what comes, until Ctrl-C; `told` hears of it."""
        began = time.monotonic()
        seen: dict[Path, tuple[int, int]] = {}
        done: dict[Path, tuple[int, int]] = {}
        with StopSignals() as signals, threads(self.wishes.threads):
            flow = self._flow(None, signals)
            while signals.received is None:
                now = _stamps(self._look())
                ready = {path for path, stamp in now.items() if seen.get(path) == stamp}
                fresh = {path for path in ready if done.get(path) != now[path]}
                seen = now
                if fresh:
                    done |= {path: now[path] for path in fresh}
                    before = len(flow.result.items)
                    flow.run(self._newcomers(fresh))
                    if len(flow.result.items) > before:
                        told(flow.result)
                flow.result.stopped = signals.received
                time.sleep(WATCH_SECONDS if signals.received is None else 0)
        flow.result.pictures = len({item.source for item in flow.result.items})
        flow.result.pictures += len(flow.result.failed)
        return self._end(flow, signals, began)

    def film(self, number: int, path: Path) -> Transferred:
        """Translate what a camera sees into one video, until Ctrl-C or `limit` frames."""
        began = time.monotonic()
        with StopSignals() as signals, threads(self.wishes.threads):
            flow = self._flow(None, signals)
            item = camera(flow, number, self.columns[0], path, self.wishes.limit)
        flow.result.items.append(item)
        flow.result.pictures, flow.result.seconds = 1, time.monotonic() - began
        return flow.result

    def translate_bytes(self, data: bytes, name: str) -> Photo:
        """Return what one encoded picture becomes. Raises ImageError."""
        flow = self._flow(None, StopSignals())
        with threads(self.wishes.threads):
            return flow.one(read_photo(data, name, self.wishes.alpha), self.columns[0])

    def written_as(self, photo: Photo) -> bytes:
        """Return a picture as bytes, in the format that was asked for or its own."""
        kinds = {"png": "PNG", "jpg": "JPEG", "webp": "WEBP"}
        return encode(photo, kinds.get(self.wishes.ext, photo.format))

    def _flow(self, progress: Progress | None, signals: StopSignals) -> Flow:
        translator = self.translator()
        result = Transferred(
            model=self.named.facts(),
            out=self.plan.out,
            columns=[column.name for column in self.columns],
            failed=[Failure(Path(s.name), "image.format", s.reason) for s in self.found.failed],
            skipped=self.plan.skipped,
            pictures=len(self.plan.works) + len(self.found.failed),
            folders=self.found.folders,
            precision=translator.way.precision,
        )
        source = Source(self.named.model, self.wishes.known, translator.device)
        return Flow(translator, source, self.wishes, result, progress, signals)

    def _end(self, flow: Flow, signals: StopSignals, began: float) -> Transferred:
        result = flow.result
        result.stopped = signals.received
        result.seconds = time.monotonic() - began
        if not self.single:
            finish(result, flow, html=self.wishes.html)
        return result

    def _look(self) -> Found:
        try:
            return find(self.given, self.plan.out)
        except DataError:
            return Found()

    def _newcomers(self, fresh: Iterable[Path]) -> list[Work]:
        sources = [source for source in self._look().sources if source.path in fresh]
        existing: Existing = "overwrite" if self.wishes.existing == "overwrite" else "skip"
        plan = _plan(
            [(each, self.columns) for each in sources],
            self.plan.out,
            replace(self.wishes, existing=existing),
            self.columns,
        )
        return plan.works


def prepare(
    model: str,
    name: str,
    inputs: Sequence[str | Path] | str | Path = (),
    out: Path | str | None = None,
    *,
    registry: Registry | None = None,
    checkpoint: str | int = "best",
    watch: bool = False,
    **wishes: Any,
) -> Job:
    """Find weights and pictures, and check that every result has a place of its own.

    Nothing is written. Raises as `transfer`.
    """
    wanted = Wishes(**{key: value for key, value in wishes.items() if key in WISHES})
    registry = registry if registry is not None else plugins.load()
    named = find_weights(model, name, registry, checkpoint=checkpoint)
    given = [str(inputs)] if isinstance(inputs, (str, Path)) else [str(each) for each in inputs]
    where = None if out is None else Path(out)
    if given == [STDIN]:
        columns = columns_of(named.model, wanted.direction, wanted.attrs)
        return Job(named, wanted, columns[:1], Plan(where or Path()), Found(), given, single=True)
    if given:
        columns = columns_of(named.model, wanted.direction, wanted.attrs)
        if where is not None and is_file_name(where):
            return _one_file(named, wanted, columns, given, where)
        where = where or default_out(model, name)
        found = _found(given, where, watch=watch)
        sources = found.sources[: wanted.limit]
        pairs = [(source, columns) for source in sources]
    else:
        where = where or default_out(model, name)
        columns, pairs, found = _tests(named, wanted, where)
    plan = _plan(pairs, where, wanted, columns)
    return Job(named, wanted, columns, plan, found, given)


WISHES = {each.name for each in fields(Wishes)}


def _found(given: Sequence[str], out: Path, *, watch: bool) -> Found:
    try:
        return find(given, out)
    except DataError:
        if watch:  # pictures may come
            return Found()
        raise


def _tests(
    named: Named, wishes: Wishes, out: Path
) -> tuple[list[Column], list[tuple[InputSource, list[Column]]], Found]:
    """Return the test pictures of the data, each with the direction that it is for."""
    tests = own_tests(named)
    ways = [way for way in named.model.directions if way in tests]
    wish = wishes.direction or ("both" if len(ways) > 1 else None)
    columns = columns_of(named.model, wish, wishes.attrs)
    groups = [(tests[ALL], columns)] if ALL in tests else [(tests[c.name], [c]) for c in columns]
    pairs, all_found = [], Found()
    for place, wanted in groups:
        found = find([place], out)
        pairs += [(source, wanted) for source in found.sources[: wishes.limit]]
        all_found.sources += found.sources[: wishes.limit]
        all_found.failed += found.failed
    return columns, pairs, all_found


def _plan(
    pairs: Sequence[tuple[InputSource, Sequence[Column]]],
    out: Path,
    wishes: Wishes,
    columns: Sequence[Column],
) -> Plan:
    return make(
        pairs,
        out,
        ext=wishes.ext,
        suffix=wishes.suffix,
        existing=wishes.existing,
        folders=len(columns) > 1,
    )


def _one_file(
    named: Named, wishes: Wishes, columns: list[Column], given: Sequence[str], out: Path
) -> Job:
    """Return the job of one picture that goes to a file of a name."""
    found = find(given)
    if len(found.sources) != 1 or Path(given[0]).is_dir():
        raise UsageError(f"{out} is one file, the input is a folder or several", "name a folder")
    if len(columns) > 1:
        raise UsageError(f"{out} is one file for {len(columns)} results", "name a folder with -o")
    plan = one(found.sources[0], columns[0], out, wishes.existing)
    return Job(named, wishes, columns, plan, found, list(given), single=True)


def _stamps(found: Found) -> dict[Path, tuple[int, int]]:
    """Return size and time of each file, by which a later look tells that it is complete."""
    stamps = {}
    for source in found.sources:
        try:
            facts = source.path.stat()
        except OSError:
            continue  # it went away again
        stamps[source.path] = (facts.st_size, facts.st_mtime_ns)
    return stamps
