"""Moving what is flagged, and bringing it back: from any moment at which it was killed."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from animekit.cleaning import move, quarantine
from animekit.cleaning.journal import FILE, Disk, Journal
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
    return pd.DataFrame(rows).reindex(columns=list(COLUMNS), fill_value="")


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


# kills


NEVER = 1e9  # steps: nobody lives so long


class Killed(BaseException):
    """What a kill is in these tests: nothing catches it."""


class Mortal(Disk):
    """A disk under a process that dies at its n-th step: before it, half way, or behind it.

    Half of a line is written, half of a file is copied.
    """

    def __init__(self, dies_at: float, *, hard_links: bool = True) -> None:
        self.dies_at = dies_at
        self.hard_links = hard_links
        self.steps = 0

    def _step(self, act: Callable[[], Any], half: Callable[[], Any] | None = None) -> None:
        self.steps += 1
        when = self.dies_at - self.steps
        if -1 < when <= -0.7:
            raise Killed
        if -0.7 < when <= -0.4 and half is not None:
            half()
            raise Killed
        act()
        if -1 < when <= 0:
            raise Killed

    def append(self, path: Path, data: bytes) -> None:
        torn = data[: int(len(data) * (self.dies_at * 7919 % 1))]
        self._step(lambda: Disk.append(self, path, data), lambda: Disk.append(self, path, torn))

    def make_folder(self, path: Path) -> None:
        self._step(lambda: Disk.make_folder(self, path))

    def link(self, source: Path, target: Path) -> None:
        if not self.hard_links:
            raise OSError(errno.EXDEV, "cross-device link", str(source), None, str(target))
        self._step(lambda: Disk.link(self, source, target))

    def link_to(self, text: str, target: Path) -> None:
        self._step(lambda: Disk.link_to(self, text, target))

    def copy(self, source: Path, target: Path) -> None:
        def half() -> None:
            target.write_bytes(source.read_bytes()[:10])

        self._step(lambda: Disk.copy(self, source, target), half)

    def rename(self, source: Path, target: Path) -> None:
        self._step(lambda: Disk.rename(self, source, target))

    def remove(self, path: Path) -> None:
        self._step(lambda: Disk.remove(self, path))

    def sync(self, folder: Path) -> None:
        self._step(lambda: None)


def survive(folder: Path, table: pd.DataFrame, random: np.random.Generator, links: bool) -> int:
    """Apply and undo, killed again and again, and return how often; then all must be there."""
    kills = 0

    def attempt(act: Callable[[Disk], Any], steps: float) -> bool:
        nonlocal kills
        try:
            act(Mortal(random.uniform(0, steps), hard_links=links))
        except Killed:
            kills += 1
            return False
        return True

    for _ in range(int(random.integers(1, 3))):
        attempt(lambda disk: quarantine.apply(folder, table, disk=disk), 40)
    for _ in range(int(random.integers(0, 3))):
        with contextlib.suppress(NotFoundError):  # the journal died before it spoke of a batch
            attempt(lambda disk: quarantine.undo(folder, disk=disk), 40)
    if random.random() < 0.5:
        quarantine.apply(folder, table, disk=Mortal(NEVER, hard_links=links))
    return kills


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


@pytest.mark.parametrize("links", [True, False], ids=["one disk", "two disks"])
def test_undo_restores_every_byte_after_a_thousand_kills(
    tmp_path: Path, links: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(move, "CHUNK", 3)
    monkeypatch.setattr(os, "fsync", lambda handle: None)  # no power is cut here
    random = np.random.default_rng(int(links))
    faces = dataset(tmp_path / "faces")
    table, before = manifest(faces), tree(faces)
    kills, seen = 0, set()
    while kills < 500:
        kills += survive(faces, table, random, links)
        moved = len(before) - len([name for name in before if os.path.lexists(faces / name)])
        seen.add(moved)
        undo_all(faces)
        assert tree(faces) == before
        left = set(tree(rejected_folder(faces))) if rejected_folder(faces).exists() else set()
        assert left <= {FILE, ".lock"}
        if random.random() < 0.6:  # a journal that only grows would make this slow
            (rejected_folder(faces) / FILE).unlink(missing_ok=True)
    assert seen >= set(range(8))  # it was killed with none, some and all files away


def test_no_file_loses_a_name_before_the_other_one_is_on_disk(faces: Path) -> None:
    told: list[tuple[str, Path]] = []

    class Witness(Disk):
        def link(self, source: Path, target: Path) -> None:
            told.append(("link", target))
            super().link(source, target)

        def sync(self, folder: Path) -> None:
            told.append(("sync", folder))

        def remove(self, path: Path) -> None:
            told.append(("remove", path))
            super().remove(path)

        def append(self, path: Path, data: bytes) -> None:
            told.append(("go" if b'"go"' in data else "note", path))
            super().append(path, data)

    quarantine.apply(faces, manifest(faces), disk=Witness())
    acts = [act for act, _ in told]
    assert acts[0] == "go"
    assert acts.index("sync") > max(place for place, act in enumerate(acts) if act == "link")
    assert acts.index("remove") > max(place for place, act in enumerate(acts) if act == "sync")
    assert {at.parent for act, at in told if act == "link"} <= {
        at for act, at in told if act == "sync"
    }


def test_a_line_that_was_cut_off_does_not_spoil_the_next(faces: Path) -> None:
    quarantine.apply(faces, manifest(faces), tiers=("reject",))
    path = rejected_folder(faces) / FILE
    path.write_bytes(path.read_bytes() + b'{"batch": 1, "eve')
    quarantine.apply(faces, manifest(faces))
    first, second = Journal(path.parent).read()
    assert (first.folder, second.folder) == (str(faces), str(faces))


def test_a_kill_is_noticed_where_it_happens(faces: Path) -> None:
    """Without the journal's word before the move, a kill would lose files: this one must."""
    table, before = manifest(faces), tree(faces)
    with pytest.raises(Killed):
        quarantine.apply(faces, table, disk=Mortal(18))
    assert set(tree(faces)) != set(before) or len(tree(rejected_folder(faces))) > 2
    (rejected_folder(faces) / FILE).write_bytes(b"")
    with pytest.raises(NotFoundError):
        quarantine.undo(faces)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_undo_restores_every_byte_after_real_kills(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(move, "CHUNK", 2)
    faces = dataset(tmp_path / "faces", 40)
    table, before = manifest(faces), tree(faces)
    random = np.random.default_rng(0)
    away = set()
    for _ in range(10):
        child = os.fork()
        if child == 0:  # moves files to and fro until it is killed
            try:
                while True:
                    quarantine.apply(faces, table)
                    quarantine.undo(faces)
            finally:
                os._exit(1)
        time.sleep(float(random.uniform(0.02, 0.2)))
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        assert os.WTERMSIG(status) == signal.SIGKILL
        away.add(len(before) - len([name for name in before if os.path.lexists(faces / name)]))
        undo_all(faces)
        assert tree(faces) == before
    assert len(away) > 1


# what the system refuses


class Refusing(Disk):
    """A disk that refuses one kind of step from the n-th on."""

    def __init__(self, step: str, error: int, after: int = 0) -> None:
        self.left = after
        inner = getattr(self, step)

        def refuse(*args: Any) -> Any:
            self.left -= 1
            if self.left < 0:
                raise OSError(error, os.strerror(error), str(args[0]))
            return inner(*args)

        setattr(self, step, refuse)


@pytest.mark.parametrize(
    ("step", "error", "kind", "code"),
    [
        ("append", errno.ENOSPC, DeviceError, "device.disk_full"),
        ("make_folder", errno.EROFS, UnusableError, "path"),
        ("remove", errno.EACCES, UnusableError, "path"),
        ("link", errno.ENOSPC, DeviceError, "device.disk_full"),
    ],
)
@pytest.mark.parametrize("after", [0, 3])
def test_what_the_system_refuses_is_one_clear_line_and_can_be_undone(
    faces: Path, step: str, error: int, kind: type[AnimekitError], code: str, after: int
) -> None:
    before = tree(faces)
    if (step, after) == ("append", 3):
        after = 1
    with pytest.raises(kind) as caught:
        quarantine.apply(faces, manifest(faces), disk=Refusing(step, error, after))
    assert caught.value.code == code
    assert "\n" not in caught.value.message
    assert caught.value.hint
    undo_all(faces)
    assert tree(faces) == before


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
    monkeypatch.setattr(move, "CHUNK", 2)
    before = tree(faces)

    def press(done: int, total: int) -> None:
        if done == 4:
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(Stopped, match="stopped after 4 of 7 files"):
        quarantine.apply(faces, manifest(faces), progress=press)
    assert len(tree(faces)) == len(before) - 4
    assert quarantine.undo(faces).files == 4
    assert tree(faces) == before


def elsewhere() -> Iterator[Path]:
    """Yield folders on a disk of their own, if the system has one for everybody."""
    shared = Path("/dev/shm")
    if shared.is_dir() and os.access(shared, os.W_OK):
        yield shared


@pytest.mark.skipif(not list(elsewhere()), reason="no second disk for everybody")
def test_files_move_to_another_disk_and_back(faces: Path, tmp_path: Path) -> None:
    other = next(elsewhere()) / f"animekit-test-{os.getpid()}"
    if next(elsewhere()).stat().st_dev == faces.stat().st_dev:
        pytest.skip("both folders are on one disk")
    other.mkdir()
    try:
        rejected_folder(faces).symlink_to(other)
        table, before = manifest(faces), tree(faces)
        os.utime(faces / "a0.png", ns=(5, 10**9))
        assert quarantine.apply(faces, table).files == 7
        assert (other / "duplicate" / "a0.png").read_bytes() == before["a0.png"]
        assert (other / "duplicate" / "a0.png").stat().st_mtime_ns == 10**9
        assert quarantine.undo(faces).files == 7
        assert tree(faces) == before
        assert set(tree(other)) <= {FILE, ".lock"}
    finally:
        for path in sorted(other.rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
        other.rmdir()


def test_a_copy_that_differs_is_not_believed(faces: Path) -> None:
    class Liar(Mortal):
        def copy(self, source: Path, target: Path) -> None:
            target.write_bytes(b"rot")

    before = tree(faces)
    with pytest.raises(DeviceError, match="and its copy differ"):
        quarantine.apply(faces, manifest(faces), disk=Liar(NEVER, hard_links=False))
    undo_all(faces)
    assert tree(faces) == before


def test_the_plan_says_beforehand_what_a_disk_lacks(
    faces: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = plan(faces, manifest(faces))
    assert made.bytes == sum(
        len(content) if isinstance(content, bytes) else len(os.fsencode(content))
        for name, content in tree(faces).items()
        if name in {move.name for move in made.moves}
    )


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


def test_links_across_disks_say_to_copy(faces: Path) -> None:
    with pytest.raises(UnusableError) as caught:
        publish(faces, manifest(faces), how="link", disk=Mortal(NEVER, hard_links=False))
    assert "--apply copy" in str(caught.value.hint)
