"""Downloads: one file over HTTPS, checked by its sha256, put in place by one rename.

What came before a cut is continued, from a mirror too: where the joined file is another one, its
sha256 says so, and it comes once more, whole. A file without a sha256 is never joined.
"""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import filelock
import requests

from animekit.errors import NetworkError, UsageError
from animekit.files import no_room, room_for, sha256_of
from animekit.hub.addresses import Cut, Refused, check_address, connection_errors, host_of
from animekit.text import duration

HOPS = 5  # redirects that are followed
MOST_TRIES = 100  # of one address, however little each of them brings
CHUNK = 16 * 1024  # bytes of one read: as many may be lost when a connection is cut
LARGEST = 4 * 1024**3  # bytes of a file whose size nobody told
LONGEST_PAUSE = 60.0  # seconds that a server may ask us to wait
WEB_PAGE = (b"<!doctype html", b"<html")
TRY_AGAIN = {408, 425, 429, 500, 502, 503, 504}

DownloadProgress = Callable[[int, int | None], None]  # bytes that are here, of how many if known


@dataclass(frozen=True)
class Patience:
    """How long to wait, in seconds, and how often to try again."""

    connect: float = 10.0
    read: float = 60.0
    tries: int = 4
    """Tries in a row that bring nothing new; a try that got further does not count."""
    pause: float = 1.0
    """Before the second try; it doubles from try to try."""
    lock: float = 600.0
    """For another process that downloads the same file."""
    least: int = 1024
    """Bytes a second below which an address is given up, as they come in `window` seconds: a server
    that sends one byte a minute never lets a read time out."""
    window: float = 30.0
    total: float = 12 * 3600.0
    """For one file, from all its addresses and in all tries; what came by then is kept."""


class WrongSum(Refused):
    """The file came whole and is another one."""


@dataclass
class Download:
    """One file that is wanted: from which addresses, and how it is known to be right."""

    urls: Sequence[str]
    target: Path
    sha256: str | None
    size: int | None = None
    most: int = LARGEST
    plain_http: bool = False
    progress: DownloadProgress = lambda done, total: None
    patience: Patience = field(default_factory=Patience)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Such as a token; they go to the host of the first address alone."""

    def __post_init__(self) -> None:
        self.part = self.target.with_name(self.target.name + ".part")
        self._ends = time.monotonic() + self.patience.total

    def is_here(self) -> bool:
        """Whether the file is in place, as far as anybody can tell."""
        if not self.target.is_file() or self.size not in (None, self.target.stat().st_size):
            return False
        return self.sha256 is None or sha256_of(self.target) == self.sha256

    def run(self) -> Path:
        """Try each address in turn; put the file in place, or raise NetworkError."""
        failures: list[tuple[str, Refused]] = []
        for url in self.urls:
            try:
                if not self._is_whole():  # a crash came before the rename
                    self._from(url)
            except Refused as refused:
                failures.append((url, refused))
            else:
                return self.part.replace(self.target)
        wrong = any(isinstance(refused, WrongSum) for _, refused in failures)
        reasons = "; ".join(f"{host_of(url)}: {refused}" for url, refused in failures)
        kept = "what came is kept, the same command goes on from there; or " if self._have() else ""
        raise NetworkError(
            f"cannot download {self.target.name}: {reasons}",
            f"{kept}get the file by hand and save it as {self.target}",
            code="network.checksum" if wrong else "network",
        )

    def _have(self) -> int:
        """Return how many bytes are here that can be continued."""
        pinned = self.sha256 is not None and self.part.is_file()
        return self.part.stat().st_size if pinned else 0

    def _is_whole(self) -> bool:
        have = self._have()
        return have > 0 and self.size in (None, have) and sha256_of(self.part) == self.sha256

    def _from(self, url: str) -> None:
        """Get the whole file from one address, in as many tries as it takes."""
        best, fruitless = self._have(), 0
        for _ in range(MOST_TRIES):
            joined = False
            self._refuse_late()
            try:
                joined = self._attempt(url)
                found = None if self.sha256 is None else sha256_of(self.part)
                if found == self.sha256:
                    return
                self.part.unlink()
                if not joined:  # else the first part may be of another file: once more, whole
                    raise WrongSum(f"sha256 is {found}, should be {self.sha256}")
            except Cut as cut:
                fruitless = 0 if self._have() > best else fruitless + 1
                best = max(best, self._have())
                if fruitless >= self.patience.tries:
                    raise Refused(f"{cut}, {fruitless} times in a row") from None
                pause = self.patience.pause * 2.0 ** max(0, fruitless - 1)
                time.sleep(min(max(pause, cut.after), LONGEST_PAUSE))
        raise Refused(f"it was cut {MOST_TRIES} times")

    def _refuse_late(self) -> None:
        if time.monotonic() > self._ends:
            raise Refused(f"it took more than {duration(self.patience.total)}")

    def _attempt(self, url: str) -> bool:
        """Ask for what is missing and write it; return whether it was joined to a part."""
        have = self._have()
        with connection_errors(), requests.Session() as session:
            session.headers["User-Agent"] = f"animekit/{version('animekit')}"
            session.headers["Accept-Encoding"] = "identity"  # bytes as the file has them
            if have:
                session.headers["Range"] = f"bytes={have}-"
            with self._open(session, url) as response:
                start = self._start(response, have)
                self._save(response, start, self._announced(response, start))
        return start > 0

    def _open(self, session: requests.Session, url: str) -> requests.Response:
        """Follow redirects by hand: none may leave HTTPS, or lead to another protocol."""
        before = ""
        for _ in range(HOPS + 1):
            check_address(url, plain_http=self.plain_http, before=before)
            waits = (self.patience.connect, self.patience.read)
            try:
                known = urlsplit(url).netloc == urlsplit(self.urls[0]).netloc
                response = session.get(
                    url,
                    stream=True,
                    timeout=waits,
                    allow_redirects=False,
                    headers=self.headers if known else None,
                )
                if not response.is_redirect:
                    return response
                response.close()
                before, url = url, urljoin(url, response.headers["Location"])
            except ValueError as error:  # requests reads the next address even if it is not to go
                raise Refused(f"an address is not sound ({error})") from None
        raise Refused(f"more than {HOPS} redirects, the last to {host_of(url)}")

    def _start(self, response: requests.Response, have: int) -> int:
        """Return the byte that the answer begins with; raise where it is not our file."""
        status, wait = response.status_code, response.headers.get("Retry-After", "")
        if status in TRY_AGAIN:
            raise Cut(f"HTTP {status} {response.reason}", float(wait) if wait.isdigit() else 0.0)
        if status not in (200, 206, 416):
            raise Refused(f"HTTP {status} {response.reason}")
        kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if kind in ("text/html", "application/xhtml+xml"):
            raise Refused("a web page came in place of the file")
        if status == 200:
            return 0
        found = re.match(r"bytes (\d+)-", response.headers.get("Content-Range", ""))
        if not have or found is None or int(found[1]) != have:
            self.part.unlink(missing_ok=True)  # what we have is more than there is, or elsewhere
            raise Cut("the file there has changed")
        return have

    def _announced(self, response: requests.Response, start: int) -> int | None:
        """Return the size of the whole file as the server says; refuse a wrong or huge one."""
        length = response.headers.get("Content-Length", "")
        plain = response.headers.get("Content-Encoding", "identity") == "identity"
        total = start + int(length) if length.isdigit() and plain else None
        if total is not None and self.size is not None and total != self.size:
            raise Refused(f"the file there has {total:,} bytes, not {self.size:,}")
        if total is not None and total > self.most and self.size is None:
            raise Refused(f"the file there has {total:,} bytes, over the limit of {self.most:,}")
        total = total if total is not None else self.size
        free = shutil.disk_usage(self.target.parent).free
        if total is not None and total - start > free:
            raise no_room(self.target, f"{total - start:,} bytes to come, {free:,} free")
        return total

    def _chunks(self, response: requests.Response) -> Iterator[bytes]:
        """Yield what comes as it comes, as long as it comes fast enough."""
        began, came = time.monotonic(), 0
        # not iter_content, which waits for a whole chunk, however slowly its bytes come
        while chunk := response.raw.read1(CHUNK, decode_content=True):
            yield chunk
            came += len(chunk)
            self._refuse_late()
            seconds = time.monotonic() - began
            if seconds > self.patience.window:
                if came < self.patience.least * seconds:
                    raise Refused(
                        f"it came at {came / seconds:,.0f} bytes a second,"
                        f" less than {self.patience.least:,}"
                    )
                began, came = time.monotonic(), 0

    def _save(self, response: requests.Response, start: int, total: int | None) -> None:
        limit = self.most if self.size is None else self.size
        done = start
        with self.part.open("ab" if start else "wb") as file:
            for chunk in self._chunks(response):
                if not done and chunk[:512].lstrip().lower().startswith(WEB_PAGE):
                    raise Refused("a web page came in place of the file")
                done += len(chunk)
                if done > limit:
                    break
                file.write(chunk)
                self.progress(done, total)
            file.flush()
            os.fsync(file.fileno())
        if done > limit:
            self.part.unlink()
            raise Refused(f"more than {limit:,} bytes came")
        if total is not None and done < total:
            raise Cut(f"the connection ended at {done:,} of {total:,} bytes")


def fetch(
    urls: str | Sequence[str],
    target: Path,
    *,
    sha256: str | None,
    size: int | None = None,
    most: int | None = None,
    unpinned: bool = False,
    plain_http: bool = False,
    progress: DownloadProgress | None = None,
    patience: Patience | None = None,
    headers: Mapping[str, str] | None = None,
) -> Path:
    """Download a file to `target` unless it is there already, and return its path.

    The mirrors in `urls` are tried in order. What came before a cut, or Ctrl-C, stays in
    `target.part` and is continued where a `sha256` can tell that the parts belong together. Without
    one it refuses, unless `unpinned` says that unknown bytes are welcome. A file whose `size` is
    not known has at most `most` bytes. Only HTTPS is spoken, also after a redirect; `headers` go to
    the first host alone. `plain_http` allows HTTP too, where a sha256 guards the bytes (this
    machine may always be asked by HTTP). Raises NetworkError, or DeviceError for a full disk.
    """
    if sha256 is None and not unpinned:
        raise NetworkError(
            f"nobody published a sha256 of {target.name}: nothing would tell the right bytes",
            "give the sha256 if you know it, or say that you take the file unchecked",
            code="network.unpinned",
        )
    sha256 = sha256 and sha256.lower()
    if sha256 is not None and not re.fullmatch(r"[0-9a-f]{64}", sha256):
        raise UsageError(f'"{sha256}" is no sha256', "give 64 digits of 0-9 and a-f")
    download = Download(
        [urls] if isinstance(urls, str) else list(urls),
        target,
        sha256,
        size,
        most or LARGEST,
        plain_http and sha256 is not None,
        progress or (lambda done, total: None),
        patience or Patience(),
        headers or {},
    )
    with room_for(target), _alone(target, download.patience.lock):
        return target if download.is_here() else download.run()


@contextmanager
def _alone(target: Path, seconds: float) -> Iterator[None]:
    """Hold off another process that downloads the same file."""
    try:
        with filelock.FileLock(target.with_name(f".{target.name}.lock"), timeout=seconds):
            yield
    except filelock.Timeout:
        raise NetworkError(
            f"another process is downloading {target.name}", "wait until it has ended"
        ) from None
