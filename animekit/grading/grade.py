"""Grade: pictures of 25 faces and whole submissions, judged as the course did, and beyond."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from animekit import plugins
from animekit.errors import NotFoundError
from animekit.files import is_file
from animekit.grading.execution import offline
from animekit.grading.jury import Jury, find_jury
from animekit.grading.picture import PictureGrade, difference, grade_bytes, grade_file
from animekit.grading.remark import Remark, hint
from animekit.grading.request import PASS, GradeRequest
from animekit.grading.rerun import Rerun, rerun
from animekit.grading.result import Grading
from animekit.grading.submission import (
    KINDS,
    SCRIPTS,
    WRITTEN,
    Submission,
    find_submissions,
    is_plain_file,
)
from animekit.grading.verdict import Grade
from animekit.images.decode import ImageError, read_image_file
from animekit.plugins import Registry

StageProgress = Callable[[str, float], None]
"""Told what is going on, and the share of it that is done."""


def grade(
    *pictures: Path | str,
    min_faces: int = PASS,
    prompts: Path | str | Sequence[str] | None = None,
    run: bool = False,
    time_limit: float = 600.0,
    write_limit: int = 2_000,
    cascade: Path | str | None = None,
    detector: str | None = None,
    classifier: str | None = None,
    registry: Registry | None = None,
    progress: StageProgress | None = None,
) -> Grading:
    """Grade pictures of 25 faces, or folders of submissions, as the course did.

    The LBP cascade counts faces on the whole picture at the course's setting, `min_faces` of them
    pass; without a cascade the `detector` decides, which looks at each image alone. The layout is
    found; variety hints at mode collapse; `prompts` (a testing text, or lines) are held against
    what the tagger (`classifier`, a run or weights) reads in pictures of cgan. With `run`,
    `run_gan.sh` and `run_cgan.sh PROMPTS` of each submission are executed twice in copies, for
    `time_limit` seconds and `write_limit` MB at most, and what they write is compared and graded:
    that is no sandbox. What is wrong with one submission is a remark there, and the others are
    graded all the same. Raises NotFoundError where the only place is not there or holds nothing.
    """
    told: StageProgress = progress if progress is not None else lambda words, share: None
    request = GradeRequest(
        tuple(Path(each) for each in pictures),
        min_faces,
        Path(prompts) if isinstance(prompts, str) else prompts,
        run,
        time_limit,
        write_limit,
        cascade,
        detector,
        classifier,
    )
    submissions = _with_prompted(plan_grade(request), request)
    registry = registry if registry is not None else plugins.load()
    jury = find_jury(
        registry,
        cascade=cascade,
        detector=detector,
        prompts=request.prompts,
        classifier=classifier,
    )
    grades = []
    for done, submission in enumerate(submissions):
        told(submission.name, done / len(submissions))
        grades.append(_grade(submission, request, jury))
    notes = list(jury.notes)
    if run and not offline():
        notes.append("the system lets no script be cut from the network: they had it")
    return Grading(_with_doubles(grades), min_faces, jury.words(), jury.facts(), notes)


def plan_grade(request: GradeRequest) -> list[Submission]:
    """Return the submissions that would be graded; raises what `grade` would."""
    prompts = request.prompts
    if isinstance(prompts, Path) and not is_file(prompts):
        raise NotFoundError(f"no file {prompts}", "--prompts names a text: 1,blue hair green eyes")
    return find_submissions(request.pictures)


def _with_prompted(submissions: list[Submission], request: GradeRequest) -> list[Submission]:
    """Return the submissions; where none says that it is of cgan, prompts are for all of them."""
    pictures = [each for submission in submissions for each in submission.pictures]
    scripts = any("cgan" in submission.scripts for submission in submissions)
    if request.prompts is None or scripts or any(each.kind == "cgan" for each in pictures):
        return submissions
    return [
        replace(each, pictures=tuple(replace(one, kind="cgan") for one in each.pictures))
        for each in submissions
    ]


def _grade(submission: Submission, request: GradeRequest, jury: Jury) -> Grade:
    """Grade one submission; nothing that is wrong with it leaves this."""
    reruns = []
    if request.run and submission.root is not None:
        text = request.prompts if isinstance(request.prompts, Path) else None
        found = (rerun(submission, kind, request.limits, text) for kind in KINDS)
        reruns = [each for each in found if each is not None]
    grades = [
        grade_file(each.path, each.name, each.kind, jury, request.min_faces)
        for each in submission.pictures
    ]
    remarks = [*submission.remarks, *_of_originals(submission)]
    made = list(_made(submission, reruns, grades, request, jury))
    if made:  # what the scripts wrote stands in for a picture that was not there
        remarks = [each for each in remarks if each.code != "missing"]
    if request.run and submission.root is not None and not reruns:
        remarks.append(Remark("no_script", f"no {SCRIPTS['gan']} to run"))
    remarks += [hint("not_run", text) for text in _left(submission, request)]
    return Grade(submission.name, submission.place, [*grades, *made], reruns, remarks)


def _made(
    submission: Submission,
    reruns: Sequence[Rerun],
    grades: Sequence[PictureGrade],
    request: GradeRequest,
    jury: Jury,
) -> Iterator[PictureGrade]:
    """Yield the grades of what scripts wrote, where it is not what was handed in."""
    known = {each.sha256 for each in grades}
    for each in reruns:
        if each.picture is None:
            continue
        name = f"{submission.name}/{WRITTEN[each.kind]} (of {SCRIPTS[each.kind]})"
        found = grade_bytes(each.picture, name, each.kind, jury, request.min_faces, source="run")
        if found.sha256 not in known:
            yield found


def _of_originals(submission: Submission) -> Iterator[Remark]:
    """Yield where a picture differs from the original that lies beside it."""
    for each in submission.pictures:
        original = submission.originals.get(each.kind)
        if original is None or original.path == each.path:
            continue
        try:
            if not (is_plain_file(original.path) and is_plain_file(each.path)):
                continue
            apart = difference(read_image_file(original.path), read_image_file(each.path))
        except (ImageError, OSError):
            continue
        if not apart.same:
            yield Remark("original", f"{each.path.name} is not {original.path.name}: {apart.words}")


def _left(submission: Submission, request: GradeRequest) -> Iterator[str]:
    """Yield what could have been made by running it."""
    if not request.run and submission.scripts and not submission.pictures:
        names = " and ".join(SCRIPTS[kind] for kind in submission.scripts)
        yield f"--run executes {names}, which may write it"


def _with_doubles(grades: list[Grade]) -> list[Grade]:
    """Return the grades, with a remark where two submissions hold the same picture."""
    places: dict[str, list[str]] = defaultdict(list)
    for grade_ in grades:
        for picture in grade_.pictures:
            if picture.faces is not None and picture.source == "handed in":
                places[picture.sha256].append(picture.name)
    for grade_ in grades:
        for index, picture in enumerate(grade_.pictures):
            others = [name for name in places.get(picture.sha256, ()) if name != picture.name]
            if others and picture.source == "handed in":
                more = f" and {len(others) - 1} more" if len(others) > 1 else ""
                remark = hint("double", f"the very file of {others[0]}{more}")
                grade_.pictures[index] = replace(picture, remarks=(*picture.remarks, remark))
    return grades
