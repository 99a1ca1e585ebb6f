"""The runtime of web pages: three files of a package, known by their sha256."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from animekit.errors import NetworkError, NotFoundError, UnusableError
from animekit.files import sha256_of
from animekit.hub import catalog, runtime
from tests.serving import Site

FILES = {f"package/dist/{name}": name.encode() for name in runtime.MEMBERS}
OTHERS = {"package/dist/ort.js": b"another", "package/lib/ort.wasm.min.js": b"elsewhere"}


def package(path: Path, files: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as file:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            file.addfile(member, io.BytesIO(data))
    return path


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, site: Site) -> Path:
    """Let a small package stand for the published one, and return it."""
    path = package(tmp_path / "small.tgz", FILES | OTHERS)
    known = runtime.entry().model_copy(
        update={
            "urls": (site.put("/small.tgz", path.read_bytes()),),
            "sha256": sha256_of(path),
            "size": path.stat().st_size,
        }
    )
    digests = {}
    for name in runtime.MEMBERS:
        (tmp_path / "one").write_bytes(FILES[f"package/dist/{name}"])
        digests[name] = sha256_of(tmp_path / "one")
    monkeypatch.setattr(runtime, "entry", lambda: known)
    monkeypatch.setattr(runtime, "MEMBERS", digests)
    monkeypatch.setenv("ANIMEKIT_HOME", str(tmp_path / "home"))
    return path


def test_the_catalogue_pins_the_package_at_its_public_address() -> None:
    entry = runtime.entry()
    assert entry.urls == (f"https://registry.npmjs.org/onnxruntime-web/-/{entry.file}",)
    assert entry.sha256 and entry.verified and entry.licence.startswith("MIT")
    assert runtime.NAME not in catalog.entries("weights")


def test_three_files_are_taken_out_of_a_package_and_no_other(small: Path) -> None:
    with pytest.raises(NotFoundError, match="a page that draws needs it"):
        runtime.stored()
    folder = runtime.take(small)
    assert folder == runtime.stored() == runtime.place()
    assert sorted(path.name for path in folder.iterdir()) == sorted(runtime.MEMBERS)


def test_files_that_were_spoilt_are_taken_anew(small: Path) -> None:
    spoilt = runtime.take(small) / "ort.wasm.min.js"
    spoilt.write_bytes(b"spoilt")
    assert not runtime.is_here()
    runtime.take(small)
    assert runtime.is_here() and spoilt.read_bytes() == b"ort.wasm.min.js"


def test_another_file_than_the_published_one_is_refused(small: Path, tmp_path: Path) -> None:
    with pytest.raises(UnusableError, match="another sha256"):
        runtime.take(package(tmp_path / "other.tgz", FILES))
    with pytest.raises(NotFoundError, match="no file"):
        runtime.take(tmp_path / "none.tgz")
    assert not runtime.is_here()


def test_a_download_is_made_once_and_leaves_no_package_behind(small: Path, site: Site) -> None:
    runtime.pull()
    runtime.pull()
    assert len(site.asked) == 1 and runtime.is_here()
    assert not [*runtime.place().parents[1].rglob("*.tgz")]


def test_a_download_of_another_file_is_not_kept(small: Path, site: Site) -> None:
    site.put("/small.tgz", b"x" * small.stat().st_size)
    with pytest.raises(NetworkError):
        runtime.pull()
    assert not runtime.is_here()
