"""Downloads: one file over HTTPS, resumed where it was cut, checked, put in place by one rename."""

from __future__ import annotations

import json
import os
import re
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from urllib.parse import urljoin

import filelock
import requests

from animekit.errors import NetworkError, UsageError
from animekit.files import _no_room, room_for, sha256_of
from animekit.hub.addresses import Cut, Refused, check_address, connection_errors, host_of

HOPS = 5  # redirects that are followed
MOST_TRIES = 100  # of one address, however little each of them brings
CHUNK = 16 * 1024  # bytes of one read: as many may be lost when a connection is cut
LARGEST = 4 * 1024**3  # bytes of a file whose size nobody told
LONGEST_PAUSE = 60.0  # seconds that a server may ask us to wait
WEB_PAGE = (b"<!doctype html", b"<html")
TRY_AGAIN = {408, 425, 429, 500, 502, 503, 504}

Progress = Callable[[int, int | None], None]  # bytes that are here, of how many (if known)


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


class WrongSum(Refused):
    """The file came whole and is another one."""


@dataclass
class Download:
    """One file that is wanted: from which addresses, and how it is known to be right."""

    urls: Sequence[str]
    target: Path
    sha256: str | None
    size: int | None = None
    plain_http: bool = False
    progress: Progress = lambda done, total: None
    patience: Patience = field(default_factory=Patience)

    def __post_init__(self) -> None:
        self.part = self.target.with_name(self.target.name + ".part")
        self.memo = self.target.with_name(self.target.name + ".part.json")

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
                if self._complete():  # a crash came before the rename
                    break
                with requests.Session() as session:
                    session.headers["User-Agent"] = f"animekit/{version('animekit')}"
                    session.headers["Accept-Encoding"] = "identity"  # bytes as the file has them
                    self._from(session, url)
            except Refused as refused:
                failures.append((url, refused))
            else:
                break
        else:
            raise self._failure(failures)
        self.part.replace(self.target)
        self.memo.unlink(missing_ok=True)
        return self.target

    def _failure(self, failures: Sequence[tuple[str, Refused]]) -> NetworkError:
        wrong = any(isinstance(refused, WrongSum) for _, refused in failures)
        reasons = "; ".join(f"{host_of(url)}: {refused}" for url, refused in failures)
        here = any(self._kept(url) for url in self.urls)
        kept = "what came is kept, the same command goes on from there; or " if here else ""
        return NetworkError(
            f"cannot download {self.target.name}: {reasons}",
            f"{kept}get the file by hand and save it as {self.target}",
            code="network.checksum" if wrong else "network",
        )

    def _from(self, session: requests.Session, url: str) -> None:
        """Get the whole file from one address, in as many tries as it takes."""
        best, fruitless = self._kept(url), 0
        for _ in range(MOST_TRIES):
            resumed = False
            try:
                resumed = self._attempt(session, url)
                self._check()
                return
            except WrongSum:
                if not resumed:  # else the first part may be from an older file: once more, whole
                    raise
            except Cut as cut:
                fruitless = 0 if self._kept(url) > best else fruitless + 1
                best = max(best, self._kept(url))
                if fruitless >= self.patience.tries:
                    raise Refused(f"{cut}, {fruitless} times in a row") from None
                pause = self.patience.pause * 2.0 ** max(0, fruitless - 1)
                time.sleep(min(max(pause, cut.after), LONGEST_PAUSE))
        raise Refused(f"it was cut {MOST_TRIES} times")

    def _attempt(self, session: requests.Session, url: str) -> bool:
        """Ask for what is missing and write it; return whether it was joined to an older part."""
        have, validator = self._resumable(url)
        headers = {"Range": f"bytes={have}-", "If-Range": validator} if have else {}
        with connection_errors(), self._open(session, url, headers) as response:
            start = self._judge(response, have, validator)
            total = self._announced(response, start)
            if not start:
                self._remember(url, response)
            self._save(response, start, total)
        return start > 0

    def _open(
        self, session: requests.Session, url: str, headers: dict[str, str]
    ) -> requests.Response:
        """Follow redirects by hand: none may leave HTTPS, or lead to another protocol."""
        before = ""
        for _ in range(HOPS + 1):
            check_address(url, plain_http=self.plain_http, before=before)
            waits = (self.patience.connect, self.patience.read)
            try:
                response = session.get(
                    url, headers=headers, stream=True, timeout=waits, allow_redirects=False
                )
                if not response.is_redirect:
                    return response
                response.close()
                before, url = url, urljoin(url, response.headers["Location"])
            except ValueError as error:  # requests reads the next address even if it is not to go
                raise Refused(f"an address is not sound ({error})") from None
        raise Refused(f"more than {HOPS} redirects, the last to {host_of(url)}")

    def _judge(self, response: requests.Response, have: int, validator: str) -> int:
        """Return the byte that the answer begins with; raise where it is not our file."""
        status, wait = response.status_code, response.headers.get("Retry-After", "")
        if status in TRY_AGAIN:
            raise Cut(f"HTTP {status} {response.reason}", float(wait) if wait.isdigit() else 0.0)
        if status == 416:  # what we have is more than there is
            self._forget()
            raise Cut("HTTP 416: the file there has changed")
        if status not in (200, 206):
            raise Refused(f"HTTP {status} {response.reason}")
        kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if kind in ("text/html", "application/xhtml+xml"):
            raise Refused("a web page came in place of the file")
        if status == 200:
            return 0
        found = re.match(r"bytes (\d+)-", response.headers.get("Content-Range", ""))
        changed = response.headers.get("ETag", validator) != validator and validator[:1] == '"'
        if not have or found is None or int(found[1]) != have or changed:
            self._forget()
            raise Cut("the file there has changed")
        return have

    def _announced(self, response: requests.Response, start: int) -> int | None:
        """Return the size of the whole file as the server says; refuse a wrong or huge one."""
        length = response.headers.get("Content-Length", "")
        plain = response.headers.get("Content-Encoding", "identity") == "identity"
        total = start + int(length) if length.isdigit() and plain else None
        if total is not None and self.size is not None and total != self.size:
            raise Refused(f"the file there has {total:,} bytes, not {self.size:,}")
        if total is not None and total > LARGEST and self.size is None:
            raise Refused(f"the file there has {total:,} bytes, over the limit of {LARGEST:,}")
        total = total if total is not None else self.size
        free = shutil.disk_usage(self.target.parent).free
        if total is not None and total - start > free:
            raise _no_room(self.target, f"{total - start:,} bytes to come, {free:,} free")
        return total

    def _save(self, response: requests.Response, start: int, total: int | None) -> None:
        limit = LARGEST if self.size is None else self.size
        done = start
        with self.part.open("ab" if start else "wb") as file:
            for chunk in response.iter_content(CHUNK):
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
            self._forget()
            raise Refused(f"more than {limit:,} bytes came")
        if total is not None and done < total:
            raise Cut(f"the connection ended at {done:,} of {total:,} bytes")

    def _check(self) -> None:
        """Delete a file that is another one, after saying what it is."""
        if self.sha256 is None:
            return
        found = sha256_of(self.part)
        if found != self.sha256:
            self._forget()
            raise WrongSum(f"sha256 is {found}, should be {self.sha256}")

    def _complete(self) -> bool:
        whole = self.part.is_file() and self.part.stat().st_size == self.size
        return whole and self.sha256 is not None and sha256_of(self.part) == self.sha256

    def _kept(self, url: str) -> int:
        return self._resumable(url)[0]

    def _resumable(self, url: str) -> tuple[int, str]:
        """Return how many bytes of this address are here, and what proves it to the server."""
        with suppress(OSError, ValueError, KeyError, TypeError):
            memo = json.loads(self.memo.read_text("utf-8"))
            if memo["url"] == url and isinstance(memo["validator"], str):
                return self.part.stat().st_size, memo["validator"]
        return 0, ""

    def _remember(self, url: str, response: requests.Response) -> None:
        """Keep what tells one version of the file from the next; without it nothing is joined."""
        etag = response.headers.get("ETag", "")
        strong = etag if etag.startswith('"') else ""  # W/"..." allows other bytes
        validator = strong or response.headers.get("Last-Modified", "")
        self.part.unlink(missing_ok=True)
        self.memo.unlink(missing_ok=True)
        if validator:
            self.memo.write_text(json.dumps({"url": url, "validator": validator}), "utf-8")

    def _forget(self) -> None:
        self.part.unlink(missing_ok=True)
        self.memo.unlink(missing_ok=True)


def fetch(
    urls: str | Sequence[str],
    target: Path,
    *,
    sha256: str | None,
    size: int | None = None,
    unpinned: bool = False,
    plain_http: bool = False,
    progress: Progress | None = None,
    patience: Patience | None = None,
) -> Path:
    """Download a file to `target` unless it is there already, and return its path.

    The mirrors in `urls` are tried in order. What came before a cut, or Ctrl-C, stays in
    `target.part` and is continued where the server can prove that its file is the same. Without a
    `sha256` it refuses, unless `unpinned` says that unknown bytes are welcome. Only HTTPS is
    spoken, also after a redirect; `plain_http` allows HTTP too, where a sha256 guards the bytes
    (this machine may always be asked by HTTP). Raises NetworkError, or DeviceError for a full disk.
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
        plain_http and sha256 is not None,
        progress or (lambda done, total: None),
        patience or Patience(),
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
