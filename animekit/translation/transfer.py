"""Transfer: pictures in, pictures out, by a model that was trained to translate them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, BinaryIO

from animekit import plugins
from animekit.device import choose_device, choose_precision, threads
from animekit.engines import crew, processes
from animekit.errors import DataError, UsageError
from animekit.files import Progress
from animekit.models.abilities import Translates
from animekit.models.targets import BOTH, LabelReader, Target, targets_of
from animekit.signals import StopSignals
from animekit.translation.faces import FaceFinder, knows_drawn_faces
from animekit.translation.finish import finish
from animekit.translation.inputs import InputFile, Inputs, find
from animekit.translation.pipeline import Pipeline, translate_stream
from animekit.translation.plan import (
    PlannedFile,
    TransferPlan,
    default_out,
    is_file_name,
    plan_files,
    plan_single,
)
from animekit.translation.request import TransferRequest
from animekit.translation.result import FailedFile, Transferred
from animekit.translation.session import TransferSession
from animekit.translation.translator import Translator, TranslatorOptions
from animekit.translation.watch import look, watch
from animekit.translation.weights import ALL, TranslatorWeights, find_weights, own_tests

if TYPE_CHECKING:
    from animekit.plugins import Registry

__all__ = ["PreparedTransfer", "TransferRequest", "prepare", "transfer"]

STREAM = Path("-")  # what stands for an open stream in plans and results


def transfer(
    model: str,
    name: str,
    inputs: Sequence[str | Path] | str | Path | BinaryIO = (),
    out: Path | str | BinaryIO | None = None,
    *,
    registry: Registry | None = None,
    progress: Progress | None = None,
    **options: Any,
) -> Transferred:
    """Translate pictures with weights of a model, into a folder of the same tree.

    `name` is a run, weights, or a data set; `inputs` files, folders, patterns or "cam:0", by
    default the test pictures of the data the model was trained on, both ways. An open binary file
    holds one picture in their place, and takes one in the place of `out`. `options` are the other
    fields of `TransferRequest`; with `watch` the call goes on until Ctrl-C. Files that cannot be
    read are listed in the result and stop nothing. Raises an AnimekitError, before any work, for
    collisions and for what is not there.
    """
    return prepare(model, name, inputs, out, registry=registry, **options).run(progress)


def prepare(
    model: str,
    name: str,
    inputs: Sequence[str | Path] | str | Path | BinaryIO = (),
    out: Path | str | BinaryIO | None = None,
    *,
    registry: Registry | None = None,
    **options: Any,
) -> PreparedTransfer:
    """Find weights and pictures, and check that every result has a place of its own.

    Nothing is written: it says what `transfer` with the same arguments would do. Raises as it does.
    """
    request = TransferRequest.of(model, name, inputs, out, **options)
    registry = registry if registry is not None else plugins.load()
    weights = find_weights(model, name, registry, checkpoint=request.checkpoint, of=request.weights)
    targets, files, plan = _found(request, weights)
    reader = LabelReader(
        *(weights.model, request.source_attr, targets),
        registry=registry,
        untrained=weights.is_average,
        usual=weights.usual,
    )
    finder = finder_of(request, weights.model, registry)
    return PreparedTransfer(request, weights, targets, files, plan, reader, finder)


def finder_of(request: TransferRequest, model: Translates, registry: Registry) -> FaceFinder | None:
    """Return what finds faces where they are to be translated one by one."""
    wanted = request.face == "on" or (request.face == "auto" and knows_drawn_faces(model.spec))
    if not wanted:
        return None
    return FaceFinder(registry, request.detector, model.spec.size, model.multiple)


@dataclass(frozen=True)
class PreparedTransfer:
    """A transfer that may begin: its request, its weights, and its plan."""

    request: TransferRequest
    weights: TranslatorWeights
    targets: Sequence[Target]
    inputs: Inputs
    plan: TransferPlan
    reader: LabelReader
    finder: FaceFinder | None = None

    def facts(self) -> dict[str, Any]:
        """Return what would be done, as the JSON answer of a dry run."""
        if self.request.camera is not None:
            planned = self.plan.files[0]
            return {"would_film": str(planned.source.path), "out": str(planned.outputs[0][1])}
        return {
            "would_translate": len(self.plan.files),
            "videos": self.plan.videos,
            "results": self.plan.results,
            "skipped": self.plan.skipped,
            "unreadable": [vars(item) for item in self.inputs.failed],
            "others": len(self.inputs.others),
            "columns": [target.name for target in self.targets],
            "assumed": self.reader.assumed,
            "faces": self.finder is not None,
            "out": str(self.plan.out),
            "model": self.weights.facts(),
        }

    def run(self, progress: Progress | None = None) -> Transferred:
        """Translate all that is planned, and write the page and the list of failures.

        A watch and a camera go on until Ctrl-C; `progress` hears of each file.
        """
        began, request, plan = time.monotonic(), self.request, self.plan
        if not (plan.results or plan.skipped or self.inputs.failed or request.watch):
            raise DataError("nothing to translate", "name other pictures")
        signals = StopSignals()
        with threads(request.threads):
            session = self._session(signals, progress)
            if request.is_piped:  # outside of `signals`: Ctrl-C ends a read from a terminal at once
                translate_stream(session, plan.files[0])
            else:
                with signals:
                    self._translate(session)
        result = session.result
        result.stopped = None if request.until_stopped else signals.received
        result.seconds = time.monotonic() - began
        result.warnings += session.warnings()
        if not plan.single and processes.place().is_main:
            finish(result, session, html=request.html)
        return result

    def _translate(self, session: TransferSession) -> None:
        if self.request.watch:
            watch(session, self.targets, self.plan.out)
        else:
            files = self.plan.files
            session.number(files)
            Pipeline(session).run(files[crew.own(len(files))])
            session.unite()

    def translator(self) -> Translator:
        """Return the model on its device."""
        request = self.request
        device = choose_device(request.device)
        precision = choose_precision(request.precision, device)
        options = TranslatorOptions(request.tile, request.tile_size, precision)
        return Translator(self.weights.model, device, options)

    def _session(self, signals: StopSignals, progress: Progress | None) -> TransferSession:
        translator = self.translator()
        unreadable = [
            FailedFile(Path(each.name), "image.format", each.reason) for each in self.inputs.failed
        ]
        result = Transferred(
            model=self.weights.facts(),
            out=self.plan.out,
            columns=[target.name for target in self.targets],
            failed=unreadable,
            skipped=self.plan.skipped,
            pictures=len(self.plan.files) + len(unreadable),
            folders=self.inputs.folders,
            precision=translator.options.precision,
            assumed=self.reader.assumed,
        )
        return TransferSession(
            translator,
            self.reader,
            self.request,
            result,
            signals,
            progress,
            has_page=self.request.html and not self.plan.single,
            finder=self.finder,
        )


Found = tuple[Sequence[Target], Inputs, TransferPlan]


def _found(request: TransferRequest, weights: TranslatorWeights) -> Found:
    """Return what pictures are to become, which ones, and where each result goes."""
    if not request.inputs and not request.is_piped:
        return _of_own_tests(request, weights)
    targets = targets_of(weights.model, request.direction, request.attrs)
    if request.camera is not None:
        return _of_camera(request, targets[:1], request.camera)
    if request.is_piped:
        return _of_stream(request, targets[:1])
    if request.out is not None and is_file_name(request.out):
        return _of_one_file(request, targets, request.out)
    place = request.out or default_out(request.model, request.name)
    found = look(request.inputs, place) if request.watch else find(request.inputs, place)
    pairs = [(file, targets) for file in found.files[: request.limit]]
    return targets, found, _plan(request, pairs, place, targets)


def _of_own_tests(request: TransferRequest, weights: TranslatorWeights) -> Found:
    """Prepare the test pictures of the data, each for the direction that it is of."""
    tests = own_tests(weights)
    known = [name for name in weights.model.directions if name in tests]
    direction = request.direction or (BOTH if len(known) > 1 else None)
    targets = targets_of(weights.model, direction, request.attrs)
    groups = [(tests[ALL], targets)] if ALL in tests else [(tests[t.name], [t]) for t in targets]
    out = request.out or default_out(request.model, request.name)
    pairs: list[tuple[InputFile, Sequence[Target]]] = []
    inputs = Inputs()
    for place, wanted in groups:
        found = find([place], out)
        pairs += [(file, wanted) for file in found.files[: request.limit]]
        inputs.files += found.files[: request.limit]
        inputs.failed += found.failed
    return targets, inputs, _plan(request, pairs, out, targets)


def _of_camera(request: TransferRequest, targets: Sequence[Target], number: int) -> Found:
    """Prepare a film of what a camera sees."""
    out, name = request.out or Path(), f"cam{number}.mp4"
    path = out if out.suffix else out / name
    _refuse_replacing(path, request)
    camera = InputFile(Path(request.inputs[0]), PurePosixPath(name), number)
    plan = TransferPlan(out, [PlannedFile(camera, ((targets[0], path),))], single=True)
    return targets, Inputs([camera]), plan


def _of_stream(request: TransferRequest, targets: Sequence[Target]) -> Found:
    """Prepare one picture that comes from a stream, or goes to one."""
    inputs = Inputs([InputFile(Path("stdin"), PurePosixPath("stdin"))])
    if request.source_stream is None:
        inputs = find(request.inputs)
        if len(inputs.files) != 1:
            raise UsageError("stdout takes one picture", "name one picture")
    path = STREAM if request.out is None else request.out
    _refuse_replacing(path, request)
    planned = PlannedFile(inputs.files[0], ((targets[0], path),))
    return targets, inputs, TransferPlan(path, [planned], single=True)


def _of_one_file(request: TransferRequest, targets: Sequence[Target], out: Path) -> Found:
    """Prepare one picture that goes to a file of a name."""
    if request.watch:
        raise UsageError("--watch needs a folder to look at", "name one, and a folder with -o")
    inputs = find(request.inputs)
    if len(inputs.files) != 1 or Path(request.inputs[0]).is_dir():
        raise UsageError(f"{out} is one file, the input is a folder or several", "name a folder")
    if len(targets) > 1:
        raise UsageError(f"{out} is one file for {len(targets)} results", "name a folder with -o")
    plan = plan_single(inputs.files[0], targets[0], out, request.existing)
    return targets, inputs, plan


def _plan(
    request: TransferRequest,
    pairs: Sequence[tuple[InputFile, Sequence[Target]]],
    out: Path,
    targets: Sequence[Target],
) -> TransferPlan:
    return plan_files(
        pairs,
        out,
        ext=request.ext,
        suffix=request.suffix,
        existing=request.existing,
        folders=len(targets) > 1,
    )


def _refuse_replacing(path: Path, request: TransferRequest) -> None:
    if request.out_stream is None and path.exists() and request.existing != "overwrite":
        raise UsageError(f"{path} is there already", "add --overwrite, or name another file")
