"""`animekit data`: what is said of data sets and tags, what is drawn, packed and fetched."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from animekit.cli._options import CONSENT, EVERYWHERE
from animekit.cli.data import command as data
from animekit.data import synthesis
from animekit.data.info import describe
from animekit.data.joined import open_dataset
from animekit.data.manifest import COLUMNS, clean_folder, write_manifest
from animekit.data.pack import pack
from animekit.data.tag_picture import LEFT, SIDE, TOP, draw_table
from animekit.data.tag_report import export_simple, find_tags, form_of, tag_table
from animekit.errors import UnusableError, UsageError
from animekit.hub import catalog
from animekit.images.decode import decode
from animekit.images.write import read_png_text
from animekit.labels.tags import EYES, HAIR, read_tags
from animekit.plugins import Registry
from tests import support
from tests.serving import Site
from tests.support import fill, picture, zipped

call = partial(support.call, "data", root=support.alone(data))


def answer(*words: object) -> Any:
    return support.answer("data", *words, root=support.alone(data), exit_code=None)["data"]


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_network: None) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ANIMEKIT_HOME", str(tmp_path / "home"))


# the group


@pytest.mark.parametrize("leaf", ["info", "pack", "synth", "tags", "label", "get"])
def test_every_leaf_explains_itself_and_takes_the_shared_options(leaf: str) -> None:
    result = call(leaf, "-h")
    text = [line.strip() for line in result.stdout.splitlines()]
    start = text.index("Examples")
    assert [line.split()[0] for line in text[start + 1 : start + 4]] == ["animekit"] * 3
    for parameter in (*EVERYWHERE, *(() if leaf == "info" else CONSENT)):
        assert parameter.default.param_decls[0] in result.stdout


def test_info_shows_each_part_of_joined_sets_and_keeps_its_schema(tmp_path: Path) -> None:
    fill(tmp_path / "faces", "0.png", "1.png")
    fill(tmp_path / "more", "0.png")
    found = support.answer("data", "info", "faces+more*2", root=support.alone(data))
    assert support.keeps_its_schema(found)
    assert [part["where"] for part in found["data"]["parts"]] == ["faces", "more*2"]
    shown = call("info", "faces+more*2").stdout
    assert "faces  2 images" in shown and "3 images of 2 sets" in shown
    refused = call("info", "faces,more")
    assert refused.exit_code == 2 and "to join them: faces+more" in refused.stderr


def test_the_group_alone_describes_the_default_folder() -> None:
    assert call().exit_code == 3
    fill(Path("data/faces"), "1.png")
    result = call()
    assert result.exit_code == 0
    assert result.stdout.startswith("data/faces  1 image in 1 folder")


# info


def test_info_counts_sizes_formats_copies_and_files_that_say_nothing(tmp_path: Path) -> None:
    folder = fill(tmp_path / "set", "1.png", "2.png", "b/3.png")
    (folder / "copy.png").write_bytes((folder / "1.png").read_bytes())
    (folder / "4.jpg").write_bytes(picture(9, 100, "JPEG"))
    (folder / "torn.png").write_bytes(b"no picture")
    (folder / "5.tif").write_bytes(b"foreign")
    found = answer("info", folder)
    assert found["images"] == 6
    assert found["formats"] == {"PNG": 4, "JPEG": 1}
    assert found["sizes"] == {"8x8": 4, "100x100": 1}
    assert found["sides"] == {"under 32": 4, "96-127": 1}
    assert found["copies"] == 1
    assert found["unreadable"] == ["torn.png"]
    assert [item["name"] for item in found["skipped"]] == ["5.tif"]
    assert (found["labelled"], found["labels"], found["manifest"]) == (0, {}, None)
    text = call("info", folder, "--plain").stdout
    for line in ("pictures\t6", "size\t8x8 4", "copies\t1 repeat another file"):
        assert line in text
    assert "not readable\t1: torn.png" in text


def test_info_counts_labels_and_says_where_no_picture_has_one(
    tmp_path: Path, registry: Registry
) -> None:
    folder = fill(tmp_path / "set", "0.png", "1.png", "2.png")
    (folder / "tags.csv").write_text("0,blue hair red eyes\n1,blue hair\n")
    found = describe(folder, registry=registry)
    assert (found.labelled, found.labels["blue hair"], found.labels["red eyes"]) == (2, 2, 1)
    assert found.labels["aqua hair"] == 0
    assert found.fingerprint == open_dataset(str(folder), registry).fingerprint()
    other = tmp_path / "others.csv"
    other.write_text("2,green eyes\n")
    assert describe(folder, tags=other, registry=registry).labels["green eyes"] == 1
    drawn = describe("synthetic:20", registry=registry)
    assert (drawn.images, drawn.labelled, drawn.copies) == (20, None, None)
    assert set(drawn.labels.values()) == {None}


def test_info_counts_the_rows_of_a_label_file_and_names_three_of_each_kind() -> None:
    folder = fill(Path("set"), "0.png", "1.png", "2.png")
    rows = "0,red hair\n1.png,blue hair\n0,red hair\n7,red hair\n8,red hair\n9,red hair\n"
    (folder / "tags.csv").write_text(rows + "02,aqua hair\n2,long hair\n")
    (folder / "2.txt").write_text("pink hair")
    found = answer("info", folder)
    use = found["rows"]
    assert (use["file"], use["rows"], use["used"], use["ways"]) == ("tags.csv", 8, 2, {"name": 2})
    assert use["unmatched"] == {
        "count": 4,
        "first": ['row 4: "7"', 'row 5: "8"', 'row 6: "9"'],
    }
    assert use["doubled"] == {"count": 1, "first": ['row 3: "0" as in row 1']}
    assert use["skipped"]["first"] == ['row 8: no known hair or eye colour in "long hair"']
    assert found["notes"] == ["1 .txt beside the pictures: read only without tags.csv"]
    text = call("info", folder, "--plain").stdout
    assert "rows\t8 in tags.csv: 2 used (2 by name)" in text
    assert 'rows unmatched\t4: row 4: "7", row 5: "8", row 6: "9", ...' in text
    assert 'rows doubled\t1: row 3: "0" as in row 1' in text
    assert "not used\t1 .txt beside" in text
    (folder / "tags.csv").write_text("0,red hair\n0,blue hair\n")
    (note, *_) = answer("info", folder)["notes"]
    assert 'id "0" was already given in row 1, with other labels; keep the row' in note
    assert call("info", folder, "--tags", folder / "tags.csv").exit_code == 4


def test_info_reads_archives_and_class_folders(tmp_path: Path, registry: Registry) -> None:
    members = {f"{kind}/{index}.png": picture(index) for kind in "ab" for index in range(2)}
    found = describe(zipped(tmp_path / "set.zip", members), registry=registry)
    assert (found.images, found.formats, found.copies) == (4, {"PNG": 4}, None)
    assert found.labels == {"a": 2, "b": 2}


def test_info_says_what_the_newest_manifest_decides(tmp_path: Path) -> None:
    folder = fill(tmp_path / "set", "0.png", "1.png", "2.png")
    rows = [{"name": "0.png", "decision": "reject"}, {"name": "1.png", "decision": "keep"}]
    place = clean_folder(folder) / "0007"
    place.mkdir(parents=True)
    table = pd.DataFrame(rows).reindex(columns=list(COLUMNS), fill_value="")
    write_manifest(place / "manifest.csv", table)
    found = answer("info", folder)
    assert found["images"] == 2
    manifest = found["manifest"]
    assert (manifest["number"], manifest["keep"], manifest["reject"]) == ("0007", 1, 1)
    assert "manifest\t0007: keep 1, review 0, reject 1" in call("info", folder, "--plain").stdout


# pack


def test_pack_builds_the_store_that_training_opens(tmp_path: Path, registry: Registry) -> None:
    folder = fill(tmp_path / "set", "1.png", "2.png")
    (folder / "torn.png").write_bytes(b"no picture")
    plan = answer("pack", folder, "--size", 16, "-n")
    assert plan == {"would_pack": 3, "size": 16, "bytes": 3 * 16 * 16 * 3}
    assert not (tmp_path / "home" / "packs").exists()
    found = answer("pack", folder, "--size", 16)
    assert (found["images"], found["found"]) == (2, 3)
    assert [item["name"] for item in found["skipped"]] == ["torn.png"]
    opened = pack(open_dataset(str(folder), registry), 16)
    assert str(opened.folder) == found["path"]
    assert found["bytes"] == sum(file.stat().st_size for file in opened.folder.iterdir())
    result = call("pack", folder, "--size", 16)
    assert result.stdout.startswith(f"{found['path']}  2 of 3 pictures at 16x16")
    assert "torn.png is left out" in result.stderr
    assert call("pack", folder, "--size", 0).exit_code == 2


# synth


def test_drawn_faces_are_written_with_exact_labels(tmp_path: Path, registry: Registry) -> None:
    found = answer("synth", "drawn", "--num", 6, "--size", 32, "--seed", 5)
    assert found == {"path": "drawn", "images": 6, "size": 32, "seed": 5}
    source = open_dataset("synthetic:count=6,seed=5", registry)
    tags = read_tags(Path("drawn/tags.csv"))
    table = pd.read_csv("drawn/labels.csv", index_col="id")
    for index in range(6):
        image, labels = source.render(index, 32)
        assert np.array_equal(decode(Path(f"drawn/{index}.png")), image)
        assert labels is not None
        assert np.array_equal(tags.labels(f"{index}.png")[0], labels[:23])  # type: ignore[index]
        assert table.loc[index].tolist() == labels.tolist()
    assert tuple(table.columns) == source.spec(32).labels
    text = json.loads(read_png_text("drawn/5.png")[synthesis.KEY])
    assert text == {"seed": 5, "index": 5, "size": 32}
    assert open_dataset("drawn", registry).description == "6 images in 1 folder, 6 with tags"


def test_a_drawn_set_appears_whole_in_a_new_folder_or_not_at_all(tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").write_text("mine")
    with pytest.raises(UnusableError, match="is not empty"):
        synthesis.synth(tmp_path / "full", num=1, progress=lambda *_: pytest.fail("it drew"))

    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        synthesis.synth(tmp_path / "new", num=2, size=8, progress=stop)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["full"]
    for wrong in ({"num": 0}, {"size": 4}, {"size": 5000}, {"seed": -1}):
        with pytest.raises(UsageError, match="cannot draw"):
            synthesis.synth(tmp_path / "new", **wrong)
    assert answer("synth", "new", "--num", 3, "-n")["images"] == 3
    assert not (tmp_path / "new").exists()


# tags

MAIN = "0,touhou:17\tblonde hair:25\tred eyes:9\t\n1,re:zero:12\tlong hair:5\tblue hair:7\t\n"
HOT = "2,0,0,0,1,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,1\r\n"  # pink eyes, blonde hair
FORMS = {
    "tags with counts": MAIN,
    "rows of 0 and 1": HOT,
    "Python dict": "{2: 'blonde long hair and pink eyes', 6: 'bicolored eyes'}",
    "hair and eyes in words": "0,aqua hair aqua eyes\n3,red hair blue eyes",
}


@pytest.mark.parametrize("form", FORMS)
def test_the_form_of_a_tag_file_is_told(tmp_path: Path, form: str) -> None:
    path = tmp_path / "t.csv"
    path.write_text(FORMS[form], newline="")
    assert form_of(FORMS[form]) == form
    assert answer("tags", path)["form"] == form


def test_rows_are_counted_by_what_they_say() -> None:
    Path("t.csv").write_text(
        "id,tags\n0,blue hair red eyes\n1,blue hair red eyes\n2,blue hair\n3,red eyes\n"
        "4,blue pink hair red eyes\n5,long hair\n5,teal hair\n0,green eyes\nnothing\n"
        "6,blue hair teal eyes"
    )
    found = answer("tags", "t.csv")
    assert (found["rows"], found["labelled"], found["one_of_each"]) == (10, 6, 2)
    assert (found["only_hair"], found["only_eyes"], found["several"]) == (2, 1, 1)
    assert found["hair"]["blue"] == 5 and found["hair"]["pink"] == 1
    assert found["pairs"]["blue"]["red"] == 2
    assert sum(sum(row.values()) for row in found["pairs"].values()) == 2
    assert found["skipped"] == {
        "no known hair or eye colour": 2,
        "id was already given": 1,
        "no id before the tags": 1,
    }
    assert found["ignored"] == {"long hair": 1, "teal hair": 1, "teal eyes": 1}
    assert set(found["quirks"]) == {"header row", "no line end at the end"}
    text = call("tags", "t.csv", "--plain").stdout
    assert "row skipped\tno known hair or eye colour\t2" in text
    assert "tag ignored\tteal hair\t1" in text


def test_quirks_of_the_bytes_are_named(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(b"\xef\xbb\xbf0,1,2\r\n0,brown hair,red eyes\r\n1,red eyes,red hair\r\n")
    table = tag_table(path)
    assert table.quirks == ["byte order mark", "lines end in CRLF", "header row"]
    assert table.both == 2
    path.write_text(MAIN)
    assert tag_table(path).quirks == ["rows end in a tab"]
    path.write_text("7,touhou\n8,red hair\n")  # its first row has no colour, and is no header
    assert tag_table(path).quirks == []
    path.write_text(FORMS["Python dict"])
    assert tag_table(path).quirks == ["no line end at the end"]


def test_rows_that_contradict_each_other_are_counted_and_never_exported() -> None:
    Path("t.csv").write_text("0,red hair\n1,aqua hair\n0,blue hair\n1,aqua_hair\n3,long hair\n")
    found = answer("tags", "t.csv")
    assert found["doubled"] == {
        "count": 2,
        "first": [
            'row 3: "0" with other labels than in row 1',
            'row 4: "1" as in row 2',
        ],
        "contradicting": 1,
    }
    assert found["passed"] == {
        "count": 1,
        "first": ['row 5: no known hair or eye colour in "long hair"'],
    }
    assert found["unmatched"] is None
    result = call("tags", "t.csv", "--export", "simple.csv")
    assert (result.exit_code, Path("simple.csv").exists()) == (4, False)
    assert 'rows doubled: 2: row 3: "0" with other labels than in row 1' in result.stdout
    assert "rows that contradict an earlier row of their id: 1" in result.stderr


def test_captions_and_metadata_stand_for_a_tag_file() -> None:
    folder = fill(Path("set"), "0.png", "1.png")
    for index, text in enumerate(("1girl, red_hair, blue_eyes", "solo")):
        (folder / f"{index}.txt").write_text(text)
    found = answer("tags", folder)
    assert (found["form"], found["labelled"], found["one_of_each"]) == (
        "captions or metadata",
        1,
        1,
    )
    assert found["pictures"]["with_tags"] == 1
    rows = (
        '{"file_name": "1.png", "tags": ["aqua_hair"]}\n{"file_name": "9.png", "tags": "red hair"}'
    )
    (folder / "metadata.jsonl").write_text(rows)
    found = answer("tags", folder)
    assert (found["labelled"], found["pictures"]["with_tags"]) == (2, 1)
    assert found["unmatched"] == {"count": 1, "first": ['row 2: "9.png"']}
    assert answer("tags", folder / "metadata.jsonl")["labelled"] == 2
    (folder / "metadata.jsonl").write_text('{"file_name": "1.png", "label": "cat"}\n' * 2)
    assert call("tags", folder).exit_code == 4


def test_a_folder_stands_for_its_tag_file(tmp_path: Path) -> None:
    folder = fill(tmp_path / "set", "0.png", "9.png")
    assert call("tags", folder).exit_code == 3
    (folder / "readme.txt").write_text("of other things")
    (folder / "label.csv").write_text(HOT)
    assert find_tags(folder) == folder / "label.csv"
    (folder / "more.csv").write_text("0,red hair")
    with pytest.raises(UnusableError, match=r"2 tag files: label.csv more.csv"):
        find_tags(folder)
    (folder / "tags.csv").write_text("0,red hair blue eyes\n1,red hair")
    found = answer("tags", folder)
    assert found["path"] == str(folder / "tags.csv")
    assert found["pictures"] == {
        "found": 2,
        "with_tags": 1,
        "without_tags": 1,
        "tags_without_picture": 1,
    }


def test_the_table_is_drawn_with_counts_and_examples(tmp_path: Path) -> None:
    folder = fill(tmp_path / "set", "0.png", "10.png")
    (folder / "0.png").write_bytes(b"torn")
    tags = tmp_path / "t.csv"
    tags.write_text("0,red hair blue eyes\n10,red hair blue eyes\n3,aqua hair red eyes\n")
    bare = tag_table(tags)
    shown = tag_table(tags, folder)
    cell = HAIR.index("red"), EYES.index("blue")
    assert set(shown.examples) == {cell}
    assert bare.pairs[cell] == 2
    plain, full = draw_table(bare), draw_table(shown)
    assert plain.dtype == np.uint8 and plain.shape[2] == 3
    assert full.shape[0] > plain.shape[0]
    example = decode(folder / "10.png")[0, 0]
    middle = np.abs(full.astype(int) - example).sum(axis=2) < 3
    assert middle.sum() >= (SIDE - 2) ** 2
    corners = plain[TOP + 3 :: SIDE, LEFT + 3 :: SIDE][: len(HAIR), : len(EYES)].sum(axis=2)
    assert corners[cell] == corners.min() < corners[HAIR.index("aqua"), EYES.index("red")]
    assert corners[bare.pairs == 0].min() > corners[bare.pairs > 0].max()


def test_a_picture_and_an_export_replace_nothing_of_others(tmp_path: Path) -> None:
    Path("t.csv").write_text("0,red hair\n1,red hair blue eyes\n")
    Path("mine.png").write_bytes(picture())
    assert call("tags", "t.csv", "-o", "mine.png").exit_code == 4
    assert call("tags", "t.csv", "-o", "mine.png", "--yes").exit_code == 0
    assert call("tags", "t.csv", "-o", "mine.png").exit_code == 0  # ours by now
    assert call("tags", "t.csv", "-o", "mine.gif").exit_code == 2
    Path("mine.csv").write_text("mine")
    result = call("tags", "t.csv", "--export", "mine.csv")
    assert (result.exit_code, Path("mine.csv").read_text()) == (4, "mine")
    assert call("tags", "t.csv", "--export", "mine.csv", "-n").exit_code == 0
    assert Path("mine.csv").read_text() == "mine"
    assert call("tags", "t.csv", "--strict").exit_code == 2


@pytest.mark.parametrize("form", FORMS)
def test_what_is_exported_reads_the_same(tmp_path: Path, form: str) -> None:
    path, simple = tmp_path / "t.csv", tmp_path / "out" / "simple.csv"
    path.write_text(FORMS[form], newline="")
    tags = read_tags(path)
    assert export_simple(tags, simple) == len(tags)
    again = read_tags(simple)
    assert again.frame.equals(tags.frame)
    assert not again.skipped and not again.ignored
    assert export_simple(tags, simple) == len(tags)  # the same content may be written twice
    both = export_simple(tags, tmp_path / "strict.csv", strict=True)
    assert both == tag_table(path).both


# get

FILES = {"trainA/1.jpg": b"one" * 5000, "trainB/2.jpg": b"two"}
MANIFEST = hashlib.sha256(
    "".join(
        f"{name} {len(body)} {hashlib.sha256(body).hexdigest()}\n"
        for name, body in sorted(FILES.items())
    ).encode()
).hexdigest()


def archive(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for name, body in files.items():
            file.writestr(f"set/{name}", body)
    return buffer.getvalue()


@pytest.fixture
def site(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    """Serve a catalogue of three sets: whole, with other files than it says, and missing."""
    whole = archive(FILES)
    common = {"kind": "dataset", "summary": "of a test", "licence": "none stated"}
    common |= {"page": "https://example.org/", "source": "a list", "verified": True}
    common |= {"root": "set", "files": 2, "manifest": MANIFEST}
    tables = [
        {"name": "fruit", "file": "f.zip", "urls": [site.put("/f.zip", whole)]},
        {"name": "wrong", "file": "w.zip", "urls": [site.put("/w", archive({"a": b""}))]},
        {"name": "gone", "file": "g.zip", "urls": [site.put("/g", status=404)]},
    ]
    lines = []
    for table in tables:
        lines.append("[[entry]]")
        lines += [f"{key} = {json.dumps(value)}" for key, value in {**common, **table}.items()]
    path = tmp_path / "catalogue.toml"
    path.write_text("\n".join(lines), encoding="utf-8")
    monkeypatch.setattr(catalog, "LIST", path)
    return site


def test_get_alone_lists_the_data_sets() -> None:
    rows = answer("get")
    assert {row["name"] for row in rows} == set(catalog.entries("dataset"))
    assert {row["state"] for row in rows} == {"missing"}
    assert "apple2orange" in call("get").stdout
    assert call("get", "--out", "x").exit_code == 2


def test_get_shows_the_terms_asks_and_unpacks(site: Site) -> None:
    result = call("get", "fruit")
    assert (result.exit_code, site.asked) == (2, [])
    assert "--yes" in result.stderr
    for words in ("licence  none stated", f"manifest {MANIFEST}", "into     data/fruit"):
        assert words in result.stderr
    assert answer("get", "fruit", "-n")["state"] == "missing"
    assert site.asked == []
    found = answer("get", "fruit", "--yes")
    assert (found["state"], found["path"]) == ("here", "data/fruit")
    for name, body in FILES.items():
        assert (Path("data/fruit") / name).read_bytes() == body
    assert [row["state"] for row in answer("get")] == ["here", "missing", "missing"]
    again = call("get", "fruit", "--yes")
    assert again.exit_code == 4 and "not empty" in again.stderr
    assert "licence" not in again.stderr
    shown = call("get", "fruit", "--yes", "--out", "other", "-q")
    assert shown.stdout.strip() == "other"


@pytest.mark.parametrize(
    ("name", "code", "words"),
    [
        ("wrong", 9, "1 files with manifest"),
        ("gone", 9, "HTTP 404"),
        ("friut", 3, 'Did you mean "fruit"?'),
    ],
)
def test_a_set_that_cannot_be_had_leaves_nothing(
    site: Site, name: str, code: int, words: str
) -> None:
    result = call("get", name, "--yes")
    assert result.exit_code == code
    assert words in result.stderr
    assert not Path("data").exists() or not any(Path("data").iterdir())


# real files


@pytest.mark.data
def test_both_real_tag_formats_are_reported_with_their_quirks(shared_data: Path) -> None:
    folder = shared_data / "mlds_faces"
    seen = {
        name: answer("tags", folder / name)
        for name in ("label.csv", "train_tag_dict.txt", "extra_tags.csv", "tags_reconstructed.csv")
    }
    hot, words = seen["label.csv"], seen["train_tag_dict.txt"]
    assert hot["form"] == "rows of 0 and 1" and hot["quirks"] == ["lines end in CRLF"]
    assert words["form"] == "Python dict"
    assert words["pairs"] == hot["pairs"] == seen["tags_reconstructed.csv"]["pairs"]
    assert words["one_of_each"] == hot["rows"] == hot["one_of_each"]
    assert words["ignored"]["bicolored eyes"] == 90
    assert seen["tags_reconstructed.csv"]["quirks"] == ["rows end in a tab"]
    guessed = seen["extra_tags.csv"]
    assert guessed["quirks"] == ["lines end in CRLF", "header row"]
    assert guessed["skipped"] == {"no known hair or eye colour": 1}
    assert guessed["one_of_each"] == guessed["rows"] - 1
    result = call("tags", folder)
    assert result.exit_code == 4 and "5 tag files" in result.stderr


@pytest.mark.data
def test_the_extra_data_lacks_one_pair_of_colours(shared_data: Path) -> None:
    found = tag_table(shared_data / "mlds_extra" / "tags.csv")
    missing = {
        (HAIR[row], EYES[column])
        for row, column in np.argwhere(found.pairs == 0)
        if EYES[column] != "gray"
    }
    assert missing == {("purple", "black")}
    assert found.quirks == ["no line end at the end"]


def test_the_commonest_tags_are_listed_and_words_are_counted(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    fill(tmp_path / "faces", "0.png", "1.png")
    (tmp_path / "t.csv").write_text("0,smile:9\tlong hair:3\t\n1,smile:9\tshort hair:1\t\n")
    found = answer("tags", "t.csv", "--top", 2)
    assert found == {"path": "t.csv", "rows": 2, "words": 3, "top": {"smile": 2, "long hair": 1}}
    assert "smile" in call("tags", "t.csv", "--top", "2", "--plain").stdout
    refused = call("tags", "t.csv", "--top", "2", "--export", "x.csv")
    assert refused.exit_code == 2 and not (tmp_path / "x.csv").exists()
    labels = answer("info", "faces", "--tags", "t.csv", "--labels", "smile,long hair|short hair")
    assert labels["labels"] == {"smile": 2, "long hair": 1, "short hair": 1}
