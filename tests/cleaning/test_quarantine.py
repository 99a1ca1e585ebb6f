"""Moving what is flagged, and bringing it back: from any moment at which it was killed."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from animekit.cleaning import journal, move, quarantine
from animekit.cleaning.journal import FILE, Journal
from animekit.cleaning.move_plan import plan, rejected_folder
from animekit.cleaning.publish import publish
from animekit.data.manifest import COLUMNS
from animekit.errors import (
    AnimekitError,
    DeviceError,
    NotFoundError,
    Stopped,
    UnusableError,
    UsageError,
)

Tree = dict[str, bytes | str]


def tree(folder: Path) -> Tree:
    """Return the bytes of every file below a folder, and the text of every link."""
    return {
        path.relative_to(folder).as_posix(): str(path.readlink())
        if path.is_symlink()
        else path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_symlink() or path.is_file()
    }


def dataset(folder: Path, count: int = 9) -> Path:
    """Make files, some alike, in folders whose names are odd, and a link."""
    for index in range(count):
        name = ("a{}.png", "sub dir/顔{}.jpg", f"{os.fsdecode(bytes([255]))}/deep/{{}}.png")[
            index % 3
        ]
        path = folder / name.format(index)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"picture %d" % (index // 2) * 5)
    (folder / "link.png").symlink_to("a0.png")
    return folder


def manifest(folder: Path, **decisions: str) -> pd.DataFrame:
    """Return a manifest of a folder: two of three flagged, unless said otherwise."""
    rows = []
    for index, name in enumerate(tree(folder)):
        decision = ("reject", "review", "keep")[index % 3]
        rows.append(
            {
                "name": name,
                "sha256": hashlib.sha256((folder / name).read_bytes()).hexdigest(),
                "decision": decisions.get(name, decision),
                "reasons": ("duplicate;blur", "no_face", "")[index % 3],
            }
        )
    return pd.DataFrame(rows, dtype=object).reindex(columns=list(COLUMNS), fill_value="")


@pytest.fixture
def faces(tmp_path: Path) -> Path:
    return dataset(tmp_path / "data" / "faces")


def test_what_is_flagged_moves_beside_and_every_byte_comes_back(faces: Path) -> None:
    table, before = manifest(faces), tree(faces)
    times = {name: (faces / name).stat().st_mtime_ns for name in before}
    done = quarantine.apply(faces, table, manifest="m.csv")
    into = faces.parent / "faces_rejected"
    flagged = set(table["name"][table["decision"] != "keep"])
    assert done.into == into
    assert done.files == len(flagged) == 7
    assert set(tree(faces)) == set(before) - flagged
    moved = {name.split("/", 1)[1]: content for name, content in tree(into).items() if "/" in name}
    assert moved == {name: before[name] for name in flagged}
    assert {name.split("/")[0] for name in tree(into)} >= {"duplicate", "no_face", FILE}
    back = quarantine.undo(faces)
    assert (back.id, back.files, back.refused) == (1, 7, [])
    assert tree(faces) == before
    assert {name: (faces / name).stat().st_mtime_ns for name in before} == times
    assert set(tree(into)) <= {FILE, ".lock"}
    assert not (into / "duplicate").exists()


def test_only_the_tiers_that_were_asked_for_move(faces: Path) -> None:
    table = manifest(faces)
    done = quarantine.apply(faces, table, tiers=("reject",))
    assert done.files == (table["decision"] == "reject").sum() == 4
    second = quarantine.apply(faces, table)
    assert (second.id, second.files, len(second.gone)) == (2, 3, 4)
    assert quarantine.undo(faces, "1").files == 4
    assert quarantine.undo(faces, "1").files == 0
    assert quarantine.undo(faces).id == 2
    assert quarantine.undo(faces).id is None
    with pytest.raises(NotFoundError, match='no "7"'):
        quarantine.undo(faces, "7")


def test_without_a_journal_there_is_nothing_to_undo(faces: Path) -> None:
    with pytest.raises(NotFoundError, match="nothing to undo"):
        quarantine.undo(faces)
    with pytest.raises(NotFoundError, match="faces2"):
        quarantine.undo(faces.with_name("faces2"))


def test_nothing_flagged_makes_no_folder(faces: Path) -> None:
    table = manifest(faces).assign(decision="keep")
    assert quarantine.apply(faces, table).files == 0
    assert not rejected_folder(faces).exists()


def test_files_that_changed_or_lead_outside_stay_and_are_named(faces: Path, tmp_path: Path) -> None:
    table = manifest(faces).assign(decision="reject")
    (faces / "a0.png").write_bytes(b"edited")
    (faces / "a3.png").unlink()
    outside = dataset(tmp_path / "outside")
    inner = faces / "sub dir"
    for path in inner.iterdir():
        path.unlink()
    inner.rmdir()
    inner.symlink_to(outside / "sub dir")
    done = quarantine.apply(faces, table)
    reasons = {item.name: item.reason for item in done.refused}
    assert reasons.pop("a0.png") == "changed since the manifest was made"
    assert reasons.pop("link.png") == "changed since the manifest was made"  # it leads to a0.png
    assert set(reasons.values()) == {"lies outside the folder"}
    assert len(reasons) == 3
    assert done.gone == ["a3.png"]
    assert (faces / "a0.png").read_bytes() == b"edited"
    assert len(tree(outside)) == 10


def test_a_manifest_without_hashes_moves_what_is_there(faces: Path) -> None:
    table = manifest(faces).assign(sha256="", reasons="")
    before = tree(faces)
    assert quarantine.apply(faces, table).files == 7
    assert (rejected_folder(faces) / "by_hand" / "a0.png").is_file()
    quarantine.undo(faces)
    assert tree(faces) == before


@pytest.mark.parametrize("reason", ["../../up", "/abs", ".hidden", "a/b", "a" * 300, "x\0"])
def test_a_reason_that_is_no_name_cannot_lead_anywhere(faces: Path, reason: str) -> None:
    quarantine.apply(faces, manifest(faces).assign(reasons=reason))
    assert {path.name for path in rejected_folder(faces).iterdir()} == {"by_hand", FILE, ".lock"}


def test_a_name_that_is_taken_gets_a_number_and_replaces_nothing(faces: Path) -> None:
    mine = rejected_folder(faces) / "duplicate" / "a0.png"
    mine.parent.mkdir(parents=True)
    mine.write_bytes(b"mine")
    table, before = manifest(faces), tree(faces)
    quarantine.apply(faces, table)
    assert mine.read_bytes() == b"mine"
    assert mine.with_name("a0.2.png").read_bytes() == before["a0.png"]
    quarantine.undo(faces)
    assert tree(faces) == before
    assert mine.read_bytes() == b"mine"


def test_undo_names_what_changed_and_brings_the_rest_back(faces: Path) -> None:
    table, before = manifest(faces), tree(faces)
    quarantine.apply(faces, table)
    into = rejected_folder(faces)
    edited, taken, lost = "a0.png", "a3.png", "sub dir/顔1.jpg"
    places = {move.name: into / move.to for move in Journal(into).read()[0].moves}
    content = places[edited].read_bytes()
    places[edited].write_bytes(b"edited")
    (faces / taken).write_bytes(b"new")
    places[lost].rename(into / "elsewhere")
    back = quarantine.undo(faces)
    assert {item.name for item in back.refused} == {edited, taken, lost}
    assert back.files == len(places) - 3
    assert (faces / taken).read_bytes() == b"new"
    assert places[edited].read_bytes() == b"edited"
    places[edited].write_bytes(content)
    (faces / taken).unlink()
    places[lost].parent.mkdir(parents=True, exist_ok=True)
    (into / "elsewhere").rename(places[lost])
    again = quarantine.undo(faces)
    assert (again.files, again.refused) == (3, [])
    assert tree(faces) == before


def test_the_folder_may_be_a_link_or_the_current_one(
    faces: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = tree(faces)
    link = tmp_path / "here"
    link.symlink_to(faces)
    assert quarantine.apply(link, manifest(link)).into == tmp_path / "here_rejected"
    assert quarantine.undo(link).files == 7
    monkeypatch.chdir(faces)
    assert quarantine.apply(Path(), manifest(Path())).into == faces.parent / "faces_rejected"
    quarantine.undo(Path())
    assert tree(faces) == before


def test_a_journal_from_elsewhere_cannot_lead_out_of_the_folders(faces: Path) -> None:
    into = rejected_folder(faces)
    into.mkdir()
    secret = faces.parent / "secret"
    secret.write_bytes(b"s")
    sha = hashlib.sha256(b"s").hexdigest()
    moves = [
        {"name": "stolen.png", "to": "../secret", "sha256": sha},
        {"name": "../planted.png", "to": "x", "sha256": sha},
        {"name": str(faces.parent / "p.png"), "to": "x", "sha256": sha},
    ]
    (into / "x").write_bytes(b"s")
    lines = [{"batch": 1, "event": "move", **move} for move in moves]
    lines.append({"batch": 1, "event": "go", "files": 3})
    (into / FILE).write_text("".join(json.dumps(line) + "\n" for line in lines))
    back = quarantine.undo(faces)
    assert [item.reason for item in back.refused] == ["leads out of the folder"] * 3
    assert secret.read_bytes() == b"s"
    assert not (faces.parent / "planted.png").exists()


def test_damage_in_the_journal_is_said_and_the_rest_comes_back(faces: Path) -> None:
    before = tree(faces)
    quarantine.apply(faces, manifest(faces))
    path = rejected_folder(faces) / FILE
    lines = path.read_bytes().split(b"\n")
    lines[2] = lines[2][:20] + b"\0\0\0" + lines[2][23:]
    path.write_bytes(b"\n".join(lines))
    back = quarantine.undo(faces)
    assert back.files == 6
    assert [item.reason for item in back.refused] == ["1 lines are damaged"]
    assert len(tree(faces)) == len(before) - 1


BAD_LINES = {
    "deep": '{"a":' * 100_000,
    "an endless number": f'{{"batch": {"9" * 5000}, "event": "undone"}}',
    "infinity": '{"batch": 1, "event": "go", "files": 1e999}',
    "less than nothing": '{"batch": 1, "event": "go", "files": -5}',
    "names that are none": '{"batch": 1, "event": "done", "names": [["a0.png"], {}]}',
    "a key twice": '{"batch": 1, "event": "undone", "batch": 1}',
    "a hash that is a path": json.dumps(
        {"batch": 1, "event": "move", "name": "b.png", "to": "c", "sha256": "../" * 9}
    ),
    "a link that is a number": json.dumps(
        {"batch": 1, "event": "move", "name": "b.png", "to": "c", "sha256": "0" * 64, "link": 7}
    ),
    "NUL": r'{"batch": 1, "event": "move", "name": "a\u0000", "to": "b", "sha256": "c"}',
    "no object": "[" * 60 + "]" * 60,
    "too long": '{"batch": 1, "event": "' + "x" * 3_000_000 + '"}',
    "bytes": "\xff\xfe\0",
    "a batch of batches": '{"batch": [1], "event": "undone"}',
    "a batch beyond counting": '{"batch": 18446744073709551615, "event": "begin"}',
}


@pytest.mark.parametrize("line", BAD_LINES.values(), ids=BAD_LINES)
@pytest.mark.parametrize("place", [0, 3, 999])
def test_one_bad_line_is_passed_over_and_all_comes_back(faces: Path, line: str, place: int) -> None:
    before = tree(faces)
    quarantine.apply(faces, manifest(faces))
    path = rejected_folder(faces) / FILE
    lines = path.read_bytes().splitlines()
    path.write_bytes(b"\n".join([*lines[:place], line.encode("latin-1"), *lines[place:], b""]))
    back = quarantine.undo(faces)
    assert (back.files, back.refused, back.bad_lines) == (7, [], 1)
    assert tree(faces) == before
    table = manifest(faces)  # and the journal can go on
    assert quarantine.apply(faces, table).id == 2
    assert quarantine.undo(faces).files == 7


@pytest.mark.parametrize("events", [["go"], ["go", "done"], ["begin", "go", "done", "end"]])
def test_files_come_back_though_the_lines_that_say_they_moved_are_damaged(
    faces: Path, events: list[str]
) -> None:
    before = tree(faces)
    quarantine.apply(faces, manifest(faces))
    path = rejected_folder(faces) / FILE
    kept = [
        line if json.loads(line)["event"] not in events else b"{" + line
        for line in path.read_bytes().splitlines()
    ]
    path.write_bytes(b"\n".join([*kept, b""]))
    back = quarantine.undo(faces)
    assert (back.files, back.refused, back.bad_lines) == (7, [], len(events))
    assert tree(faces) == before


def test_moves_that_clash_are_named_and_the_others_come_back(faces: Path) -> None:
    quarantine.apply(faces, manifest(faces))
    path = rejected_folder(faces) / FILE
    moves = [json.loads(line) for line in path.read_bytes().splitlines()[1:3]]
    path.write_bytes(
        path.read_bytes()
        + json.dumps(moves[0] | {"name": "again.png"}).encode()
        + b"\n"
        + json.dumps(moves[1] | {"name": "a2.png/b.png"}).encode()
        + b"\n"
    )
    (faces / "a2.png").write_bytes(b"a file, not a folder")
    back = quarantine.undo(faces)
    assert back.files == 7
    assert {item.name: item.reason[:25] for item in back.refused} == {
        "again.png": "stands twice in the journ",
        "a2.png/b.png": f"{faces / 'a2.png'} is in its place"[:25],
    }


@pytest.mark.parametrize("which", ["9" * 5000, "٣", "-1", "", "\0", "1.0", "0x1"])
def test_a_batch_that_is_no_number_of_ours_is_not_found(faces: Path, which: str) -> None:
    quarantine.apply(faces, manifest(faces))
    with pytest.raises(NotFoundError, match="known: last 1|no ") as caught:
        quarantine.undo(faces, which)
    assert caught.value.hint == "known: last 1"
    assert len(caught.value.message) < len(str(faces)) + 150


# kills


class Killed(BaseException):
    """What a kill is in these tests: nothing catches it."""


class Mortal:
    """A process that dies at its n-th step on disk: before it, half way of a line, or behind it."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.dies_at = np.inf
        self.steps = 0
        for name in ("rename", "mkdir", "unlink", "rmdir"):
            patch.setattr(os, name, self._mortal(getattr(os, name)))
        self._append = journal.append
        patch.setattr(journal, "append", self._mortal(self._append, self._half))

    def attempt(self, act: Callable[[], Any], dies_at: float) -> bool:
        """Do something, and say whether it was killed."""
        self.dies_at, self.steps = dies_at, 0
        try:
            act()
        except Killed:
            return True
        finally:
            self.dies_at = np.inf
        return False

    def _half(self, path: Path, data: bytes) -> None:
        self._append(path, data[: int(len(data) * (self.dies_at * 7919 % 1))])

    def _mortal(self, act: Callable[..., Any], half: Callable[..., Any] | None = None) -> Any:
        def step(*args: Any, **values: Any) -> Any:
            self.steps += 1
            when = self.dies_at - self.steps
            if -1 < when <= -0.7:
                raise Killed
            if -0.7 < when <= -0.4 and half is not None:
                half(*args)
                raise Killed
            result = act(*args, **values)
            if -1 < when <= 0:
                raise Killed
            return result

        return step


def undo_all(folder: Path) -> None:
    """Undo every batch there is."""
    while (rejected_folder(folder) / FILE).exists():
        try:
            done = quarantine.undo(folder)
        except NotFoundError:  # the journal was killed before it spoke of a batch
            return
        assert done.refused == []
        if done.id is None:
            return


def test_undo_restores_every_byte_after_five_hundred_kills(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quarantine, "CHUNK", 3)
    monkeypatch.setattr(os, "fsync", lambda handle: None)  # no power is cut here
    random, mortal = np.random.default_rng(0), Mortal(monkeypatch)
    faces = dataset(tmp_path / "faces")
    table, before = manifest(faces), tree(faces)
    kills, seen = 0, set()
    while kills < 500:
        for _ in range(int(random.integers(1, 3))):
            kills += mortal.attempt(lambda: quarantine.apply(faces, table), random.uniform(0, 30))
        for _ in range(int(random.integers(0, 3))):
            with contextlib.suppress(NotFoundError):  # it died before the journal had a batch
                kills += mortal.attempt(lambda: quarantine.undo(faces), random.uniform(0, 30))
        if random.random() < 0.5:
            quarantine.apply(faces, table)
        seen.add(sum(not os.path.lexists(faces / name) for name in before))
        undo_all(faces)
        assert tree(faces) == before
        left = set(tree(rejected_folder(faces))) if rejected_folder(faces).exists() else set()
        assert left <= {FILE, ".lock"}
        if random.random() < 0.6:  # a journal that only grows would make this slow
            (rejected_folder(faces) / FILE).unlink(missing_ok=True)
    assert seen >= set(range(8))  # it was killed with none, some and all files away


def test_every_move_is_in_the_journal_before_the_first_file_moves(
    faces: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the journal's word before the move, a kill would lose files."""
    before, mortal = tree(faces), Mortal(monkeypatch)
    rename = os.rename

    def first(source: Path, target: Path) -> None:
        (batch,) = Journal(rejected_folder(faces)).read()
        assert batch.planned == len(batch.moves) == 7
        rename(source, target)

    monkeypatch.setattr(os, "rename", first)
    assert mortal.attempt(lambda: quarantine.apply(faces, manifest(faces)), 12)
    assert 0 < len(before) - len(tree(faces)) < 7
    (rejected_folder(faces) / FILE).write_bytes(b"")
    with pytest.raises(NotFoundError):
        quarantine.undo(faces)


def test_a_line_that_was_cut_off_does_not_spoil_the_next(faces: Path) -> None:
    quarantine.apply(faces, manifest(faces), tiers=("reject",))
    path = rejected_folder(faces) / FILE
    path.write_bytes(path.read_bytes() + b'{"batch": 1, "eve')
    quarantine.apply(faces, manifest(faces))
    first, second = Journal(path.parent).read()
    assert (first.folder, second.folder) == (str(faces), str(faces))


# what version 0.1.0 left: it gave each file a second name, or a copy, before the first one went


def killed_by_0_1_0(faces: Path) -> Tree:
    """Make what a kill of 0.1.0 left of a batch, and return the files that there were."""
    into, before = rejected_folder(faces), tree(faces)
    lines: list[dict[str, Any]] = [
        {"event": "begin", "folder": str(faces), "manifest": "m.csv", "time": "2026-01-01"}
    ]
    for name in ("a0.png", "a3.png", "a6.png", "link.png"):
        sha256 = hashlib.sha256((faces / name).read_bytes()).hexdigest()
        facts = {"event": "move", "name": name, "to": f"blur/{name}", "sha256": sha256}
        link = {"link": "a0.png"} if name == "link.png" else {}
        lines.append(facts | link)
    lines += [{"event": "go", "files": 4}, {"event": "done", "names": ["a0.png"]}]
    (into / "blur").mkdir(parents=True)
    (into / FILE).write_text("".join(json.dumps({"batch": 1} | line) + "\n" for line in lines))
    (into / "blur" / "link.png").symlink_to("a0.png")  # two names
    (into / "blur" / "a3.png").hardlink_to(faces / "a3.png")  # two names
    part = hashlib.sha256((faces / "a6.png").read_bytes()).hexdigest()[:24]
    (into / "blur" / f".animekit-{part}.part").write_bytes(b"half")
    (faces / "a0.png").rename(into / "blur" / "a0.png")  # moved
    return before


@pytest.mark.parametrize("first", ["undo", "apply"])
def test_what_an_older_version_moved_comes_back(faces: Path, first: str) -> None:
    table = manifest(faces).assign(decision="reject", reasons="blur")
    before = killed_by_0_1_0(faces)
    if first == "apply":  # with new moves on top
        assert quarantine.apply(faces, table).gone == ["a0.png"]
        undo_all(faces)
    back = quarantine.undo(faces, "1")
    assert (back.files, back.refused) == (1 if first == "undo" else 0, [])
    assert tree(faces) == before
    assert set(tree(rejected_folder(faces))) == {FILE, ".lock"}


def test_what_an_older_version_moved_to_another_disk_comes_back(
    faces: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, rename = tree(faces), os.rename
    times = (faces / "a0.png").stat().st_mtime_ns
    quarantine.apply(faces, manifest(faces))

    def across(source: Path, target: Path) -> None:
        if Path(source).suffix != ".part":
            raise OSError(errno.EXDEV, "cross-device link", str(source), None, str(target))
        rename(source, target)

    monkeypatch.setattr(os, "rename", across)
    assert quarantine.undo(faces).refused == []
    assert tree(faces) == before
    assert (faces / "a0.png").stat().st_mtime_ns == times
    assert set(tree(rejected_folder(faces))) == {FILE, ".lock"}


# what the system refuses


@pytest.mark.parametrize(
    ("step", "error", "kind", "code"),
    [
        ("append", errno.ENOSPC, DeviceError, "device.disk_full"),
        ("mkdir", errno.EROFS, UnusableError, "path"),
        ("rename", errno.EACCES, UnusableError, "path"),
        ("rename", errno.EXDEV, UnusableError, "path"),
    ],
)
@pytest.mark.parametrize("after", [0, 3])
def test_what_the_system_refuses_is_one_clear_line_and_can_be_undone(
    faces: Path, step: str, error: int, kind: type[AnimekitError], code: str, after: int
) -> None:
    before, left = tree(faces), after
    owner = journal if step == "append" else os
    real = getattr(owner, step)
    if (step, after) == ("append", 3):
        left = 1

    def refuse(*args: Any, **values: Any) -> Any:
        nonlocal left
        left -= 1
        if left < 0:
            raise OSError(error, os.strerror(error), str(args[0]))
        return real(*args, **values)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(owner, step, refuse)
        with pytest.raises(kind) as caught:
            quarantine.apply(faces, manifest(faces))
    assert caught.value.code == code
    assert "\n" not in caught.value.message
    assert ("--apply copy" in str(caught.value.hint)) is (error == errno.EXDEV)
    undo_all(faces)
    assert tree(faces) == before


def test_a_name_that_is_taken_meanwhile_is_never_replaced(
    faces: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, mine = tree(faces), rejected_folder(faces) / "duplicate" / "a6.png"

    def taken(folder: Path, table: pd.DataFrame, tiers: Any) -> Any:
        made = plan(folder, table, tiers)
        mine.parent.mkdir(parents=True)
        mine.write_bytes(b"mine")
        return made

    monkeypatch.setattr(quarantine, "plan", taken)
    with pytest.raises(UnusableError, match=r"a6\.png is in the way"):
        quarantine.apply(faces, manifest(faces, **{"a6.png": "reject"}).assign(reasons="duplicate"))
    undo_all(faces)
    assert tree(faces) == before
    assert mine.read_bytes() == b"mine"


def test_a_folder_that_cannot_be_written_is_found_before_anything_moves(
    faces: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = tree(faces.parent)
    real = os.access
    monkeypatch.setattr(
        os, "access", lambda path, mode: "sub" not in str(path) and real(path, mode)
    )
    with pytest.raises(UnusableError, match="cannot write to .*sub dir"):
        quarantine.apply(faces, manifest(faces))
    assert tree(faces.parent) == before


def test_another_disk_is_refused_before_anything_moves(faces: Path) -> None:
    other = Path("/dev/shm")
    if not os.access(other, os.W_OK) or other.stat().st_dev == faces.stat().st_dev:
        pytest.skip("no second disk for everybody")
    rejected_folder(faces).symlink_to(other)
    before = tree(faces)
    with pytest.raises(UnusableError, match="are on two disks") as caught:
        quarantine.apply(faces, manifest(faces))
    assert "--apply copy" in str(caught.value.hint)
    assert tree(faces) == before and not (other / FILE).exists()


def test_a_file_where_the_folder_should_be_is_an_error(faces: Path) -> None:
    rejected_folder(faces).write_bytes(b"")
    with pytest.raises(UnusableError, match="is in the way: it is no folder"):
        quarantine.apply(faces, manifest(faces))


def test_two_at_a_time_are_refused(faces: Path) -> None:
    import filelock

    table = manifest(faces)
    rejected_folder(faces).mkdir()
    with (
        filelock.FileLock(rejected_folder(faces) / ".lock"),
        pytest.raises(UnusableError, match="another animekit is moving files"),
    ):
        quarantine.apply(faces, table)


def test_ctrl_c_stops_between_two_files_and_undo_brings_back(
    faces: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quarantine, "CHUNK", 2)
    before = tree(faces)

    def press(done: int, total: int) -> None:
        if done == 4:
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(Stopped, match="stopped after 4 of 7 files"):
        quarantine.apply(faces, manifest(faces), progress=press)
    assert len(tree(faces)) == len(before) - 4
    assert quarantine.undo(faces).files == 4
    assert tree(faces) == before


# a clean copy


@pytest.mark.parametrize("how", ["copy", "link"])
def test_a_clean_copy_holds_what_is_kept_and_moves_nothing(faces: Path, how: Any) -> None:
    (faces / "tags.csv").write_text("0,red hair\n")
    table, before = manifest(faces), tree(faces)
    done = publish(faces, table, how=how)
    kept = set(table["name"][table["decision"] == "keep"])
    into = faces.parent / "faces_clean"
    assert done.into == into
    assert set(tree(into)) == kept | {"tags.csv"}
    assert tree(faces) == before
    for name in kept:
        assert (into / name).read_bytes() == (faces / name).read_bytes()
        assert (into / name).samefile(faces / name) is (how == "link")
    again = publish(faces, table, how=how)
    assert again.files == done.files == len(kept) + 1


def test_labels_of_what_is_kept_go_along_with_a_clean_copy(faces: Path) -> None:
    table = manifest(faces)
    names = [str(name) for name in table["name"]]
    for name in names:
        (faces / name).with_suffix(".txt").write_text("red_hair")
    (faces / "metadata.jsonl").write_text("{}")
    (faces / "notes.txt").write_text("mine")
    publish(faces, table)
    kept = {str(name) for name in table["name"][table["decision"] == "keep"]}
    captions = {str(Path(name).with_suffix(".txt")) for name in kept}
    assert set(tree(faces.parent / "faces_clean")) == kept | captions | {"metadata.jsonl"}


def test_a_clean_copy_is_refused_before_it_begins_where_a_file_is_in_the_way(faces: Path) -> None:
    table = manifest(faces)
    into = faces.parent / "faces_clean"
    kept = table["name"][table["decision"] == "keep"].iloc[-1]
    (into / kept).parent.mkdir(parents=True)
    (into / kept).write_bytes(b"mine")
    with pytest.raises(UnusableError, match="1 other files are in the way"):
        publish(faces, table)
    assert list(tree(into).values()) == [b"mine"]
    for place in (faces, faces / "clean"):
        with pytest.raises(UsageError, match="lies in .* itself"):
            publish(faces, table, place)


def test_a_stopped_copy_goes_on(faces: Path) -> None:
    table = manifest(faces)

    def press(done: int, total: int) -> None:
        if done == 1:
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(Stopped, match="after 1 of 3 files"):
        publish(faces, table, progress=press)
    done = publish(faces, table)
    assert len(tree(done.into)) == done.files == 3
    assert not [name for name in tree(done.into) if name.endswith(".part")]


def test_links_across_disks_say_to_copy(faces: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def across(source: Path, target: Path) -> None:
        raise OSError(errno.EXDEV, "cross-device link", str(source), None, str(target))

    monkeypatch.setattr(os, "link", across)
    with pytest.raises(UnusableError) as caught:
        publish(faces, manifest(faces), how="link")
    assert "--apply copy" in str(caught.value.hint)


def test_a_copy_that_differs_is_not_believed(faces: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(move.shutil, "copyfile", lambda source, target: target.write_bytes(b"rot"))
    with pytest.raises(DeviceError, match="and its copy differ"):
        publish(faces, manifest(faces))
    assert tree(faces.parent / "faces_clean") == {}
