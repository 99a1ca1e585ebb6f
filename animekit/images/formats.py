"""Formats: the one list of what pictures can be, by name and by first bytes, and what is read.

Five formats are read, since their decoders are small, bounded and safe to give strangers' files to.
All others that people have are known by name, so that every command lists them as what they are.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterable
from pathlib import Path, PurePosixPath
from typing import Literal

HEAD_BYTES = 1024
"""Bytes of a file that say what it is."""

EXTENSIONS = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif")
"""Endings of the formats that are read, as people know them."""
KINDS = dict(zip(EXTENSIONS, ("PNG", "JPEG", "JPEG", "WEBP", "BMP", "GIF"), strict=True)) | {
    ".apng": "PNG",
    **dict.fromkeys((".jpe", ".jfif", ".jif", ".jfi"), "JPEG"),
}
"""All endings of the formats that are read, and the name of each."""
FORMATS = tuple(dict.fromkeys(KINDS.values()))

_UNREAD = {
    "TIFF": ".tif .tiff",
    "AVIF": ".avif .avifs",
    "HEIC": ".heic .heif .hif",
    "JPEG XL": ".jxl",
    "JPEG 2000": ".jp2 .j2k .jpf .jpx .jpm .j2c .jpc",
    "JPEG XR": ".jxr .wdp .hdp",
    "PPM": ".ppm .pgm .pbm .pnm .pam .pfm",
    "TGA": ".tga .vda .icb .vst",
    "PCX": ".pcx .dcx",
    "ICO": ".ico .cur .icns",
    "PSD": ".psd .psb",
    "SVG": ".svg .svgz",
    "EPS": ".eps",
    "QOI": ".qoi",
    "DDS": ".dds",
    "DIB": ".dib",
    "OpenEXR": ".exr",
    "Radiance HDR": ".hdr",
    "XCF": ".xcf",
    "camera raw": ".dng .cr2 .cr3 .nef .arw .orf .rw2 .raf .pef .srw",
    "XBM": ".xbm .xpm",
    "picture": ".kra .ora .clip .sai .mng .jng .sgi .ras .wmf .emf .flif .bpg .fits",
}
FOREIGN = {ending: name for name, endings in _UNREAD.items() for ending in endings.split()}
"""Endings of the formats that are known and not read, and the name of each."""

_STARTS = (
    *((b"\xff\xd8\xff", "JPEG"), (b"\x89PNG\r\n\x1a\n", "PNG")),
    *((b"GIF87a", "GIF"), (b"GIF89a", "GIF"), (b"BM", "BMP")),
    *((start, "TIFF") for start in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")),
    *((b"\xff\x0a", "JPEG XL"), (b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL")),
    *((b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG 2000"), (b"\xff\x4f\xff\x51", "JPEG 2000")),
    *((b"II\xbc", "JPEG XR"), (b"8BPS", "PSD"), (b"gimp xcf", "XCF"), (b"qoif", "QOI")),
    *((b"DDS ", "DDS"), (b"v/1\x01", "OpenEXR"), (b"#?RADIANCE", "Radiance HDR")),
    *((b"%!PS", "EPS"), (b"\xc5\xd0\xd3\xc6", "EPS"), (b"icns", "ICO")),
    *((b"FUJIFILM", "camera raw"), (b"IIRO", "camera raw"), (b"IIU\0", "camera raw")),
)
_BRANDS = {b"avif": "AVIF", b"avis": "AVIF", b"crx ": "camera raw"} | dict.fromkeys(
    (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"), "HEIC"
)
_PATTERNS = (
    (re.compile(rb"P[1-6]\s+(#[^\n]*\n\s*)*\d+\s+(#[^\n]*\n\s*)*\d+\s"), "PPM"),
    (re.compile(rb"P7\s+(#[^\n]*\n\s*)*WIDTH |P[Ff]\s+\d+\s+\d+\s"), "PPM"),
    (re.compile(rb"\n[\x00\x02-\x05]\x01[\x01\x02\x04\x08]"), "PCX"),
    (re.compile(rb"\0\0[\x01\x02]\0[^\0]\0...\0", re.DOTALL), "ICO"),
    # a TGA has no sign but a sound header: with a palette or without, five kinds, five depths
    (
        re.compile(
            rb".(\0[\x02\x03\n\x0b]\0{5}|\x01[\x01\t].{4}[\x0f\x10\x18\x20])"
            rb".{4}(?!\0\0)..(?!\0\0)..[\x08\x0f\x10\x18\x20][\x00-\x3f]",
            re.DOTALL,
        ),
        "TGA",
    ),
    (re.compile(rb"#define \w+_width \d+\s|/\* XPM \*/"), "XBM"),
    (re.compile(rb"\s*(<\?xml.*?|<!--.*?|<!doctype svg.*?)?<svg[\s>]", re.DOTALL | re.I), "SVG"),
)
_OTHERS = (
    *((b"PK\3\4", "a zip archive"), (b"PK\5\6", "a zip archive"), (b"Rar!\x1a\7", "a RAR archive")),
    *((b"7z\xbc\xaf\x27\x1c", "a 7z archive"), (b"\x1f\x8b", "a gzip archive")),
    *((b"BZh", "a bzip2 archive"), (b"\xfd7zXZ\0", "an xz archive"), (b"%PDF", "a PDF")),
    *((b"(\xb5/\xfd", "a zstd archive"), (b"\x1aE\xdf\xa3", "a video"), (b"MZ", "a program")),
    *((b"version https://git-lfs", "a Git LFS pointer"), (b"\x7fELF", "a program")),
)
_NO_PICTURE = ("an HTML page", "a Git LFS pointer")  # whatever its name says
ARCHIVES = (".zip", ".rar", ".7z", ".tar", ".tgz", ".tbz2", ".txz", ".gz", ".bz2", ".xz", ".zst")
CONVERTED = 4  # endings and names that a hint holds
UNREAD_ENDING = "is not a format that animekit reads"
Use = Literal["read", "foreign", "archive", ""]


def sniff(data: bytes) -> str:
    """Return the picture format that a file's first bytes speak of, "" if none.

    >>> sniff(b"GIF89a"), sniff(b"II*\\0"), sniff(b"<html>")
    ('GIF', 'TIFF', '')
    """
    head = data[:HEAD_BYTES]
    for start, name in _STARTS:
        if head.startswith(start):
            return name
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return "WEBP"
    if head[4:8] == b"ftyp":
        size = int.from_bytes(head[:4], "big")
        brands = [head[8:12], *(head[at : at + 4] for at in range(16, min(size, 128), 4))]
        # a picture that is both says so among the others: "mif1" is of all their containers
        found = {_BRANDS[brand] for brand in brands if brand in _BRANDS}
        return next((name for name in ("AVIF", "camera raw", "HEIC") if name in found), "")
    return next((name for pattern, name in _PATTERNS if pattern.match(head)), "")


def what_it_is(data: bytes) -> str:
    """Return in words what a file that is no picture is, "" if unknown.

    >>> what_it_is(b"<!DOCTYPE html>"), what_it_is(b"Rar!\\x1a\\x07"), what_it_is(b"\\0")
    ('an HTML page', 'a RAR archive', '')
    """
    head = data[:HEAD_BYTES]
    plain = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if plain.startswith((b"<!doctype html", b"<html", b"<head", b"<body")):
        return "an HTML page"
    for start, words in _OTHERS:
        if head.startswith(start):
            return words
    if head[4:8] == b"ftyp":
        return "a video"
    if head[257:262] == b"ustar":
        return "a tar archive"
    return "text" if head and head.isascii() and b"\0" not in head else ""


def suffix_of(name: str) -> str:
    """Return the ending of a name in small letters, as in ".png"; "" without one.

    >>> suffix_of("a/b.tar.GZ"), suffix_of("a.b/c"), suffix_of(".hidden"), suffix_of("a.")
    ('.gz', '', '', '')
    """
    last = name.rstrip("/").rpartition("/")[2]  # a path object takes ten times as long
    at = last.rfind(".")
    return last[at:].lower() if 0 < at < len(last) - 1 else ""


def use_of(name: str, head: Callable[[], bytes]) -> Use:
    """Say what becomes of a file: read, listed as foreign or archive, or nothing.

    The name says whether it may be a picture. Where it has no ending, or that of a format that is
    not read, the first bytes decide: only then they are asked for.

    >>> [use_of(name, lambda: b"GIF89a") for name in ("a.PNG", "a", "a.tif", "a.zip", "a.txt")]
    ['read', 'read', 'read', 'archive', '']
    """
    suffix = suffix_of(name)
    if suffix in KINDS:
        return "read"
    if suffix in ARCHIVES:
        return "archive"
    if suffix and suffix not in FOREIGN:
        return ""
    found = sniff(head())
    if found in FORMATS:
        return "read"
    return "foreign" if suffix or found else ""


def foreign_words(name: str, head: bytes = b"") -> str:
    """Return why a picture of a known format is not read; "" for anything else.

    >>> foreign_words("a.tif"), foreign_words("a.png", b"II*\\0")
    ('.tif is not a format that animekit reads', 'TIFF is not a format that animekit reads')
    """
    suffix, found = suffix_of(name), sniff(head)
    if found in FORMATS:
        return ""
    if suffix in FOREIGN and (found or what_it_is(head) not in _NO_PICTURE):
        return f"{suffix} {UNREAD_ENDING}"
    return f"{found} {UNREAD_ENDING}" if found else ""


def unread_words(name: str, head: bytes) -> str:
    """Return why no decoder takes a file: another format, or no picture."""
    what = what_it_is(head)
    words = f"{what}, not an image" if what else "not an image in a format that animekit reads"
    return foreign_words(name, head) or words


def convert_hint(names: Iterable[str], folder: str = "") -> str:
    """Return what to type so that pictures of other formats can be read.

    >>> convert_hint(["a.tif", "b.tif", "c.jpg"], "faces")
    'ImageMagick converts them: magick mogrify -format png faces/*.tif faces/c.jpg'
    """
    names = list(names)
    endings = {f"*{PurePosixPath(name).suffix}" for name in names if suffix_of(name) in FOREIGN}
    misnamed = [name for name in names if suffix_of(name) not in FOREIGN]
    shown = [*sorted(endings), *misnamed][:CONVERTED]
    if not shown:
        return ""
    top = f"{folder}/" if folder else ""
    files = " ".join(
        each if "*" in each else shlex.quote(each) for each in (top + e for e in shown)
    )
    return f"ImageMagick converts them: magick mogrify -format png {files}"


def head_of(path: str | Path) -> bytes:
    """Return the first bytes of a file; none where it cannot be read."""
    try:
        with Path(path).open("rb") as file:
            return file.read(HEAD_BYTES)
    except OSError:
        return b""
