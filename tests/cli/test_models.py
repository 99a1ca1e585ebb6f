"""`animekit models`, the catalogue and its store: what is shown, asked, checked and kept."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import zipfile
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from animekit.cli import models
from animekit.cli._options import CONSENT, EVERYWHERE, Common
from animekit.errors import CheckpointError, NetworkError, NotFoundError, UnusableError, UsageError
from animekit.hub import catalog
from animekit.hub.catalog import Entry, get_dataset, manifest_of, pull, stored
from animekit.models.weights import bundled
from tests import support
from tests.serving import Site

BODY = b"weights" * 1000
SUM = hashlib.sha256(BODY).hexdigest()
PICTURES = {"trainA/1.jpg": b"one" * 10_000, "trainB/2.jpg": b"two", "testA/3.jpg": b""}
MANIFEST = hashlib.sha256(
    "".join(
        f"{name} {len(data)} {hashlib.sha256(data).hexdigest()}\n"
        for name, data in sorted(PICTURES.items())
    ).encode()
).hexdigest()


def archive(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for name, data in files.items():
            file.writestr(name, data)
    return buffer.getvalue()


SET = archive({f"set/{name}": data for name, data in PICTURES.items()} | {"set/.DS_Store": b"x"})
CHECKPOINTS = archive({"models/200000-G.ckpt": BODY, "models/200000-D.ckpt": b"large"})


pytestmark = pytest.mark.usefixtures("no_network")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty home, which is also the current folder."""
    monkeypatch.setenv("ANIMEKIT_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "home"


@pytest.fixture
def published(site: Site, home: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    """Return a site that has all that a catalogue of this test names."""
    common = {"licence": "none stated", "page": "https://example.org/", "source": "a list"}
    common |= {"summary": "of a test", "verified": True}
    known = {"kind": "weights", "sha256": SUM, "size": len(BODY), "urls": site.put("/k", BODY)}
    loose = {"kind": "weights", "urls": site.put("/l", BODY), "verified": False}
    member = {"kind": "weights", "member": "200000-G.ckpt", "urls": site.put("/z", CHECKPOINTS)}
    pictures = {"kind": "dataset", "urls": site.put("/s.zip", SET), "root": "set", "files": 3}
    text = {"kind": "dataset", "urls": site.put("/t", BODY), "sha256": SUM, "file": "list.txt"}
    tables = [
        {"name": "known", "file": "known.pth", **known},
        {"name": "some/loose", "file": "some/loose.pth", **loose},
        {"name": "some/member", "file": "some/member-G.ckpt", **member},
        {"name": "pictures", "file": "s.zip", "manifest": MANIFEST, **pictures},
        {"name": "unsure", "file": "u.zip", **pictures},
        {"name": "text", **text},
    ]
    lines = []
    for table in tables:
        lines.append("[[entry]]")
        for key, value in {**common, **table}.items():
            lines.append(f"{key} = {json.dumps([value] if key == 'urls' else value)}")
    path = home.parent / "catalogue.toml"
    path.write_text("\n".join(lines), encoding="utf-8")
    monkeypatch.setattr(catalog, "LIST", path)
    return site


call = partial(support.call, "models", root=support.alone(models))


def answer(*words: object) -> Any:
    return support.answer("models", *words, root=support.alone(models), exit_code=None)["data"]


# the catalogue


def test_every_entry_says_where_from_and_on_which_terms() -> None:
    for name, entry in catalog.entries().items():
        assert name == entry.name
        for text in (entry.summary, entry.licence, entry.page, entry.source):
            assert text and "{" not in text
        assert not Path(entry.file).is_absolute() and ".." not in entry.file
        assert len(set(entry.urls)) == len(entry.urls)
        assert not entry.verified or entry.pinned
        assert entry.kind == "dataset" or not entry.root
        assert (entry.manifest is None) == (entry.files is None)
    files = [entry.file for entry in catalog.entries().values()]
    assert len(set(files)) == len(files)


def test_the_catalogue_has_what_others_rely_on() -> None:
    weights, sets = catalog.entries("weights"), catalog.entries("dataset")
    assert {"lbpcascade_animeface", "inception", "cyclegan/apple2orange"} <= set(weights)
    assert {"course-faces", "course-extra", "apple2orange", "celeba-attributes"} <= set(sets)
    assert weights["lbpcascade_animeface"].file == "lbpcascade_animeface.xml"
    assert str(weights["inception"].sha256).startswith("6726825d")
    assert "6726825d" in weights["inception"].file
    assert {**weights, **sets, **catalog.entries("runtime")} == catalog.entries()


@pytest.mark.data
def test_the_cascade_here_is_the_one_of_the_catalogue(shared_data: Path) -> None:
    entry = catalog.entries()["lbpcascade_animeface"]
    data = (shared_data / "cascade" / entry.file).read_bytes()
    assert (hashlib.sha256(data).hexdigest(), len(data)) == (entry.sha256, entry.size)


@pytest.mark.data
@pytest.mark.parametrize("name", ["apple2orange", "horse2zebra"])
def test_manifests_are_those_of_the_published_lists(shared_data: Path, name: str) -> None:
    (path,) = (shared_data / "apples_oranges").glob("published_manifest*.csv")
    with path.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["path"].startswith(f"{name}/")]
    lines = sorted(
        f"{row['path'].removeprefix(name + '/')} {row['bytes']} {row['sha256']}\n" for row in rows
    )
    entry = catalog.entries()[name]
    assert hashlib.sha256("".join(lines).encode()).hexdigest() == entry.manifest
    assert len(lines) == entry.files


@pytest.mark.parametrize(
    "change",
    [
        {"urls": ["http://example.org/a"]},
        {"urls": ["http://example.org/a"], "plain_http": True},
        {"urls": ["file:///a"]},
        {"urls": []},
        {"sha256": "6726825d"},
        {"unknown": 1},
    ],
)
def test_an_entry_that_is_not_safe_cannot_be_written(change: dict[str, Any]) -> None:
    good = {"name": "a", "kind": "weights", "file": "a", "urls": ["https://example.org/a"]}
    good |= {"summary": "a", "licence": "a", "page": "a", "source": "a", "verified": False}
    guarded = {"urls": ["http://example.org/a"], "plain_http": True, "sha256": SUM}
    assert Entry.model_validate(good | guarded).pinned and not Entry.model_validate(good).pinned
    with pytest.raises(ValidationError):
        Entry.model_validate(good | change)


def test_a_name_that_is_not_there_gets_the_nearest_one() -> None:
    with pytest.raises(NotFoundError, match='Did you mean "inception"') as caught:
        catalog.find("incepton", "weights")
    assert caught.value.code == "weights.unknown" and "course-faces" not in str(caught.value.hint)
    with pytest.raises(UsageError) as wrong:
        catalog.find("course-faces", "weights")
    assert wrong.value.hint == "animekit data get course-faces"
    with pytest.raises(UsageError) as wrong:
        catalog.find("inception", "dataset")
    assert wrong.value.hint == "animekit models pull inception"


# the store


def test_weights_that_are_not_here_say_how_to_get_them(published: Site) -> None:
    with pytest.raises(NotFoundError) as caught:
        stored("known")
    assert (caught.value.code, caught.value.exit_code) == ("weights.missing", 3)
    assert caught.value.hint == "animekit models pull known"


def test_pulled_weights_are_found_and_not_pulled_again(published: Site, home: Path) -> None:
    path = pull("known")
    assert path == stored("known") == home / "weights" / "known.pth"
    assert path.read_bytes() == BODY
    pull("known")
    assert len(published.asked) == 1
    record = json.loads((home / "weights" / "known.pth.json").read_text())
    assert record["sha256"] == SUM and record["licence"] == "none stated"


def test_damaged_weights_are_found_out_and_pulled_again(published: Site) -> None:
    path = pull("known")
    path.write_bytes(b"x" + BODY[1:])
    assert stored("known") == path  # the size is right: only `verify` reads all bytes
    assert [row["state"] for row in catalog.verify()] == ["damaged"]
    path.write_bytes(BODY[:10])
    with pytest.raises(CheckpointError, match="wrong size") as caught:
        stored("known")
    assert caught.value.code == "weights.damaged"
    pull("known")
    assert [row["state"] for row in catalog.verify(["known"])] == ["sound"]


def test_unpinned_weights_need_a_word_and_are_held_to_their_first_bytes(
    published: Site,
) -> None:
    with pytest.raises(NetworkError) as caught:
        pull("some/loose")
    assert caught.value.code == "network.unpinned" and published.asked == []
    path = pull("some/loose", unpinned=True)
    path.unlink()
    published.put("/l", b"other")
    with pytest.raises(NetworkError) as caught:
        pull("some/loose", unpinned=True)
    assert caught.value.code == "network.checksum" and SUM in caught.value.message
    published.put("/l", BODY)
    assert pull("some/loose").read_bytes() == BODY


def test_a_sum_that_the_user_knows_is_enough(published: Site) -> None:
    with pytest.raises(NetworkError):
        pull("some/loose", sha256=hashlib.sha256(b"other").hexdigest())
    assert pull("some/loose", sha256=SUM).read_bytes() == BODY
    with pytest.raises(NetworkError):  # what is here is not what is asked for
        pull("some/loose", sha256=hashlib.sha256(b"other").hexdigest())


def test_weights_put_there_by_hand_are_taken(published: Site, home: Path) -> None:
    path = home / "weights" / "some" / "loose.pth"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"by hand")
    assert stored("some/loose") == pull("some/loose", unpinned=True) == path
    assert path.read_bytes() == b"by hand" and published.asked == []
    assert [row["state"] for row in catalog.verify()] == ["unknown"]


def test_weights_in_an_archive_come_out_alone(published: Site, home: Path) -> None:
    path = pull("some/member", unpinned=True)
    assert path.name == "member-G.ckpt" and path.read_bytes() == BODY
    files = [item for item in home.rglob("*") if item.is_file() and item.suffix != ".lock"]
    assert sorted(item.name for item in files) == ["member-G.ckpt", "member-G.ckpt.json"]
    pull("some/member")
    assert len(published.asked) == 1
    path.write_bytes(b"x" + BODY[1:])
    pull("some/member")  # by the record: the same archive, and the same file in it
    assert path.read_bytes() == BODY and len(published.asked) == 2


def test_an_archive_without_the_weights_is_an_error(published: Site) -> None:
    published.put("/z", archive({"models/readme": b"moved"}))
    with pytest.raises(NetworkError, match="holds no 200000-G.ckpt"):
        pull("some/member", unpinned=True)


@pytest.mark.parametrize("record", ["", "[]", "{}", '{"size": "x"}', "\x00"])
def test_a_damaged_record_does_not_stop_anybody(published: Site, home: Path, record: str) -> None:
    pull("known")
    (home / "weights" / "known.pth.json").write_text(record)
    catalog.verify()
    assert pull("known").read_bytes() == BODY


# data sets


def test_a_data_set_comes_as_a_folder_with_its_terms(published: Site, home: Path) -> None:
    got = get_dataset("pictures", Path("data") / "pictures")
    assert got.files == 3 and got.folder == Path("data/pictures")
    assert got.terms == "licence: none stated; see https://example.org/"
    found = {
        path.relative_to(got.folder).as_posix(): path.read_bytes()
        for path in got.folder.rglob("*")
        if path.is_file()
    }
    assert found == PICTURES
    assert manifest_of(got.folder) == (3, MANIFEST)
    assert [path.name for path in (home / "downloads").iterdir() if path.suffix != ".lock"] == []


def test_a_single_file_is_a_data_set_too(published: Site) -> None:
    got = get_dataset("text", Path("data/text"))
    assert (got.folder / "list.txt").read_bytes() == BODY and got.files == 1


def test_a_data_set_with_other_files_is_refused(published: Site, home: Path) -> None:
    for files in (
        {**PICTURES, "trainA/1.jpg": b"0ne" * 10_000},
        {**PICTURES, "more.jpg": b""},
        {"trainA/1.jpg": b"one"},
        {name.replace("A", "B"): data for name, data in PICTURES.items()},
    ):
        published.put("/s.zip", archive({f"set/{name}": data for name, data in files.items()}))
        with pytest.raises(NetworkError, match=f"expected 3 with manifest {MANIFEST}") as caught:
            get_dataset("pictures", Path("data/pictures"))
        assert caught.value.code == "network.checksum"
        assert not Path("data/pictures").exists() and not list(Path("data").iterdir())
    published.put("/s.zip", SET)
    assert get_dataset("pictures", Path("data/pictures")).files == 3


def test_a_hostile_data_set_leaves_nothing(published: Site) -> None:
    published.put("/s.zip", archive({"set/../../evil": b"x"}))
    with pytest.raises(UnusableError, match="leads out of the archive"):
        get_dataset("unsure", Path("data/unsure"), unpinned=True)
    assert not Path("evil").exists() and not list(Path("data").iterdir())


def test_a_data_set_without_any_digest_needs_a_word(published: Site) -> None:
    with pytest.raises(NetworkError) as caught:
        get_dataset("unsure", Path("data/unsure"))
    assert caught.value.code == "network.unpinned"
    assert get_dataset("unsure", Path("data/unsure"), unpinned=True).files == 3
    assert get_dataset("unsure", Path("b"), sha256=hashlib.sha256(SET).hexdigest()).files == 3


def test_an_empty_data_set_is_none(published: Site) -> None:
    published.put("/s.zip", archive({"elsewhere/1.jpg": b"x"}))
    with pytest.raises(NetworkError, match="0 files"):
        get_dataset("unsure", Path("data/unsure"), unpinned=True)


def test_a_folder_with_something_in_it_is_refused_before_the_download(published: Site) -> None:
    Path("mine").mkdir()
    Path("mine/1.jpg").write_bytes(b"mine")
    with pytest.raises(UnusableError, match="nothing is ever overwritten"):
        get_dataset("pictures", Path("mine"))
    assert published.asked == []


@pytest.mark.parametrize(
    "sha256", [hashlib.sha256(SET).hexdigest(), None], ids=["known", "unknown"]
)
def test_a_cut_download_of_a_data_set_goes_on_next_time_where_a_sum_guards_it(
    published: Site, home: Path, sha256: str | None
) -> None:
    def stop(done: int, total: int | None) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        get_dataset("pictures", Path("data/pictures"), sha256=sha256, progress=stop)
    assert (home / "downloads" / "s.zip.part").is_file()
    assert get_dataset("pictures", Path("data/pictures"), sha256=sha256).files == 3
    assert (published.ranges()[-1] is None) is (sha256 is None)


# the command


def test_the_list_has_what_is_bundled_here_and_missing(published: Site) -> None:
    pull("known")
    rows = {row["name"]: row for row in answer("ls")}
    assert {*bundled(), "known", "some/loose", "some/member"} == set(rows)
    assert [rows[name]["state"] for name in ("faces64", "known", "some/loose")] == [
        "bundled",
        "here",
        "missing",
    ]
    assert rows["known"]["pinned"] and not rows["some/loose"]["pinned"]
    shown = call().stdout
    assert "some/loose" in shown and "unpinned" in shown
    assert call("ls", "--plain").stdout.count("\t") == 4 * len(rows)


def test_pull_shows_the_facts_and_asks_first(
    published: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Common, "may_ask", lambda self: True)
    result = call("pull", "known", given="n\n")
    assert result.exit_code == 130 and "nothing was downloaded" in result.stderr
    for fact in (SUM, "none stated", "7 kB", f"{published.address}/k", "Download known? [y/N]"):
        assert fact in result.stderr
    assert published.asked == []
    result = call("pull", "known", given="y\n")
    assert result.exit_code == 0
    assert str(catalog.place_of(catalog.entries()["known"])) in result.stdout
    assert "Download some/loose unchecked?" in call("pull", "some/loose", given="n\n").stderr


def test_pull_does_not_download_where_nobody_can_be_asked(published: Site) -> None:
    for words in (["pull", "known"], ["pull", "known", "--no-input"], ["pull", "known", "--json"]):
        result = call(*words)
        assert result.exit_code == 2 and "repeat it with --yes" in result.stderr
    assert published.asked == []


def test_pull_with_yes_needs_nobody(published: Site, home: Path) -> None:
    result = call("pull", "known", "-y", "-q")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == f"{home / 'weights' / 'known.pth'}\n"
    again = call("pull", "known")  # it is here: nothing to ask
    assert again.exit_code == 0 and len(published.asked) == 1


def test_pull_warns_of_what_nobody_can_check(published: Site) -> None:
    result = call("pull", "some/loose", "--yes")
    assert "warning: some/loose is unpinned" in result.stderr
    assert "warning: some/loose was not tried by us" in result.stderr
    found = json.loads(call("pull", "some/member", "--yes", "--json").stdout)
    assert found["data"]["state"] == "here"
    assert [warning["code"] for warning in found["warnings"]] == ["catalogue"]
    assert [item["kind"] for item in found["artifacts"]] == ["weights"]


def test_a_sum_on_the_command_line_replaces_the_warning(published: Site) -> None:
    result = call("pull", "some/loose", "--yes", "--sha256", SUM)
    assert result.exit_code == 0 and "unpinned" not in result.stderr
    other = hashlib.sha256(b"other").hexdigest()
    result = call("pull", "some/loose", "--yes", "--sha256", other)
    assert result.exit_code == 9 and other in result.stderr
    assert call("pull", "some/loose", "--yes", "--sha256", "6726").exit_code == 2


def test_a_dry_run_downloads_nothing(published: Site) -> None:
    row = answer("pull", "known", "-n")
    assert (row["state"], row["sha256"], row["size"]) == ("missing", SUM, len(BODY))
    assert SUM in call("pull", "known", "-n").stderr
    assert published.asked == []


def test_a_failed_download_is_exit_9(published: Site) -> None:
    published.put("/k", b"<!doctype html>", kind="text/html")
    result = call("pull", "known", "--yes")
    assert result.exit_code == 9
    assert "a web page came in place of the file" in result.stderr


def test_names_that_are_wrong_are_exit_3_and_2(published: Site) -> None:
    result = call("pull", "knwon")
    assert result.exit_code == 3 and 'Did you mean "known"?' in result.stderr
    assert call("pull", "pictures").exit_code == 2


def test_verify_reads_every_byte(published: Site) -> None:
    assert answer("verify") == [] and "nothing is downloaded yet" in call("verify").stderr
    path = pull("known")
    pull("some/member", unpinned=True)
    rows = answer("verify")
    assert [(row["name"], row["state"]) for row in rows] == [
        ("known", "sound"),
        ("some/member", "sound"),
    ]
    path.write_bytes(b"x" + BODY[1:])
    result = call("verify")
    assert result.exit_code == 9 and "wrong sha256: known" in result.stderr
    assert "animekit models pull known" in result.stderr
    assert call("pull", "known", "--yes").exit_code == 0
    assert answer("verify")[0]["state"] == "sound"


@pytest.mark.parametrize("leaf", ["ls", "pull", "verify"])
def test_each_command_explains_itself(leaf: str) -> None:
    text = call(leaf, "-h").stdout
    assert "Examples" in text and text.count("animekit models") >= 3
    for parameter in (*EVERYWHERE, *(CONSENT if leaf == "pull" else [])):
        assert parameter.default.param_decls[0] in text
