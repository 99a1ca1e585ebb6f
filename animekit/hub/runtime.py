"""The runtime of web pages: ONNX Runtime for browsers, out of its package on npm.

It is no part of animekit: three files of the package lie in the store once a person has agreed to
the download, or has given the package itself.
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from animekit.errors import NotFoundError, UnusableError
from animekit.files import cache_dir, move, sha256_of
from animekit.hub.archive import unpacked
from animekit.hub.catalog import Entry, entries
from animekit.hub.download import DownloadProgress, fetch

NAME = "onnxruntime-web"
MEMBERS = {
    "ort.wasm.min.js": "faece07e84faa9001f5104bbe4e5c70861d06cb2376a0dea1fa0ad33a67adc81",
    "ort-wasm-simd-threaded.mjs": (
        "e13f7f94fc51b4ca72b12faeb1ee95f4ace6dfbc8939bc718aabdc0a27c4299b"
    ),
    "ort-wasm-simd-threaded.wasm": (
        "3398c10d07d229bd91b364548e130e0e51a8e5704b88c7c083ebbeb78842dee2"
    ),
}
"""The files of the package that a page needs, with their sha256."""
FOLDER = PurePosixPath("package/dist")  # where they are in it


def entry() -> Entry:
    """Return what the catalogue says of the package."""
    return entries("runtime")[NAME]


def place() -> Path:
    """Return the folder of the store that holds the files, or will."""
    return cache_dir() / "runtime" / entry().file.removesuffix(".tgz")


def is_here() -> bool:
    """Say whether the store has the files, each with its sha256."""
    folder = place()
    return all(
        (folder / name).is_file() and sha256_of(folder / name) == digest
        for name, digest in MEMBERS.items()
    )


def stored() -> Path:
    """Return the folder with the files; NotFoundError says how to get them."""
    if not is_here():
        raise NotFoundError(
            f"{NAME} is not here, and a page that draws needs it",
            "animekit export MODEL --web DIR asks to download it; --runtime FILE.tgz takes the"
            f" package of {entry().urls[0]}",
            code="runtime.missing",
        )
    return place()


def take(package: Path) -> Path:
    """Take the files out of the package of npm into the store; return where.

    Raises NotFoundError without the file, UnusableError where it is not the one of the catalogue.
    """
    if not package.is_file():
        raise NotFoundError(f"no file {package}", f"it is {entry().urls[0]}")
    if sha256_of(package) != entry().sha256:
        raise UnusableError(
            f"{package} is not {entry().file}: another sha256",
            f"get {entry().urls[0]}",
            code="runtime.other",
        )

    def where(name: PurePosixPath) -> PurePosixPath | None:
        wanted = name.parent == FOLDER and name.name in MEMBERS
        return PurePosixPath(name.name) if wanted else None

    folder = place()
    folder.parent.mkdir(parents=True, exist_ok=True)
    with unpacked(package, folder, place=where) as content:
        for each in (*folder.glob("*"),):  # of an earlier call, which was cut or is damaged
            each.unlink()
        move(content, folder)
    return stored()


def pull(progress: DownloadProgress | None = None) -> Path:
    """Download the package, unless its files are here; return their folder."""
    if is_here():
        return place()
    package, known = cache_dir() / "downloads" / entry().file, entry()
    fetch(known.urls, package, sha256=known.sha256, size=known.size, progress=progress)
    folder = take(package)
    package.unlink()
    return folder
