"""Server: a page and what it asks for, over HTTP, for the one person who was told the address.

The address holds a random word, without which nothing is answered; files are those of the page, in
memory; what is sent here is bounded in size and rate, and comes from the page itself.
"""

from __future__ import annotations

import ipaddress
import secrets
import socket
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import parse_qs, urlsplit

from animekit.errors import AnimekitError, UnusableError

KINDS = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".txt": "text/plain; charset=utf-8",
}
BYTES = "application/octet-stream"
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
LOOPBACK = "127.0.0.1"  # not by name, which may lead to another program's ::1
IDLE = 15.0  # seconds that a connection may be silent
CONNECTIONS = 32  # at once; a page opens six
WAITING = 8  # requests that wait for the network
RATE, BURST = 100.0, 300.0  # requests a second, and at once

Asked = Mapping[str, str]
"""What stands behind the ? of an address, each name once."""


@dataclass(frozen=True)
class Service:
    """What a page asks for: a function of the words and the bytes that it sends."""

    answer: Callable[[Asked, bytes], bytes]
    most: int
    """Bytes that may be sent to it."""
    kind: str = BYTES


@dataclass
class PlayServer:
    """A running server; `address` is the only way in.

    Raises UnusableError where the host or the port cannot be had.
    """

    files: Mapping[str, bytes]
    services: Mapping[str, Service] = field(default_factory=dict)
    host: str = LOOPBACK
    port: int = 0
    requests: int = 0
    word: str = field(default_factory=lambda: secrets.token_urlsafe(16))

    def __post_init__(self) -> None:
        kind = _ServerOf6 if ":" in self.host else _Server
        place = LOOPBACK if self.host == "localhost" else self.host
        try:
            self._server = kind((place, self.port), _Handler)
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise UnusableError(
                f"nothing can be served at {self.host}:{self.port}: {reason}",
                "--port 0 takes a free one; without --host it is this machine alone",
                code="play.port",
            ) from None
        self._server.play = self
        self.port = self._server.server_port
        self._rate = _Rate(RATE, BURST)
        self._busy, self._queue = threading.Lock(), threading.Semaphore(WAITING)
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True
        )
        self._thread.start()

    def __enter__(self) -> PlayServer:
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    def stop(self) -> None:
        """End the server; what is being drawn is not waited for."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def address(self) -> str:
        """The address of the page, for a browser on this machine."""
        host = LOOPBACK if self.host in ("localhost", "0.0.0.0", "") else self.host
        host = "::1" if host == "::" else host
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}/{self.word}/"

    @property
    def is_local(self) -> bool:
        """Whether this machine alone can reach it."""
        return is_loopback(self.host)

    def knows(self, host: str) -> bool:
        """Say whether a Host header names this server: a name of another site never does.

        A page of another site can have its own name lead here (DNS rebinding); an address of
        numbers it cannot take.
        """
        try:
            parts = urlsplit(f"//{host}")
            name, port = parts.hostname or "", parts.port
        except ValueError:
            return False
        if (80 if port is None else port) != self.port:
            return False
        if name in ("localhost", self.host.lower()):
            return True
        with suppress(ValueError):
            there = ipaddress.ip_address(name)
            return there.is_loopback or not self.is_local
        return not self.is_local and name == socket.gethostname().lower()

    def may_ask(self) -> bool:
        """Count a request; False where there are too many."""
        self.requests += 1
        return self._rate.take()

    def ask(self, service: Service, words: Asked, body: bytes) -> bytes | None:
        """Return the answer of a service, one at a time; None where too many wait."""
        if not self._queue.acquire(blocking=False):
            return None
        try:
            with self._busy:
                return service.answer(words, body)
        finally:
            self._queue.release()


def is_loopback(host: str) -> bool:
    """Say whether a host is this machine alone.

    >>> is_loopback("127.0.0.1"), is_loopback("::1"), is_loopback("0.0.0.0"), is_loopback("")
    (True, True, False, False)
    """
    with suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return host == "localhost"


class _Rate:
    """So many a second, and so many at once."""

    def __init__(self, rate: float, burst: float) -> None:
        self.rate, self.burst = rate, burst
        self.left, self.then = burst, time.monotonic()
        self.lock = threading.Lock()

    def take(self) -> bool:
        with self.lock:
            now = time.monotonic()
            self.left = min(self.burst, self.left + (now - self.then) * self.rate)
            self.then = now
            if self.left < 1:
                return False
            self.left -= 1
            return True


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = CONNECTIONS
    play: PlayServer

    def __init__(self, *words: Any) -> None:
        self.room = threading.Semaphore(CONNECTIONS)
        super().__init__(*words)

    def process_request(self, request: Any, client_address: Any) -> None:
        if not self.room.acquire(blocking=False):
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self.room.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a connection that broke: library code never prints."""


class _ServerOf6(_Server):
    address_family = socket.AF_INET6


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = IDLE
    server: _Server

    def do_GET(self) -> None:
        place = self._place()
        if place is None:
            return
        name, words = place
        if name == "":
            name = "index.html"
        if name in self.server.play.files:
            self._send(200, self.server.play.files[name], KINDS[PurePosixPath(name).suffix])
        elif name in self.server.play.services:
            self._serve(self.server.play.services[name], words, b"")
        else:
            self._refuse(404)

    do_HEAD = do_GET

    def do_POST(self) -> None:
        place = self._place()
        service = None if place is None else self.server.play.services.get(place[0])
        if place is None:
            return
        if service is None:
            self._refuse(404)
            return
        body = self._body(service.most)
        if body is not None:
            self._serve(service, place[1], body)

    def _place(self) -> tuple[str, Asked] | None:
        """Return what is asked for, below the word; None where it was refused."""
        play = self.server.play
        parts = urlsplit(self.path)
        word, _, name = parts.path.lstrip("/").partition("/")
        own = secrets.compare_digest(word.encode("utf-8", "replace"), play.word.encode())
        if not play.may_ask():
            self._refuse(429)
        elif not play.knows(self.headers.get("Host", "")):
            self._refuse(421)
        elif not own or not parts.path.startswith(f"/{word}/"):
            self._refuse(404)
        elif self._is_foreign():
            self._refuse(403)
        else:
            return name, {key: found[0] for key, found in parse_qs(parts.query).items()}
        return None

    def _is_foreign(self) -> bool:
        """Say whether a page of another site asks."""
        origin, site = self.headers.get("Origin"), self.headers.get("Sec-Fetch-Site")
        if site not in (None, "same-origin", "none"):
            return True
        return origin is not None and origin != f"http://{self.headers.get('Host')}"

    def _body(self, most: int) -> bytes | None:
        length = self.headers.get("Content-Length", "")
        if "Transfer-Encoding" in self.headers or not (length.isascii() and length.isdecimal()):
            self._refuse(411)
            return None
        if len(length) > 12 or int(length) > most:
            self._refuse(413)
            return None
        body = self.rfile.read(int(length))
        if len(body) < int(length):
            self.close_connection = True
            return None
        return body

    def _serve(self, service: Service, words: Asked, body: bytes) -> None:
        try:
            answer = self.server.play.ask(service, words, body)
        except AnimekitError as error:
            self._send(400, f"{error.message}\n".encode(), KINDS[".txt"])
        except Exception as error:  # of a plugin: the page says it, and the server goes on
            self._send(500, f"{type(error).__name__}: {error}\n".encode(), KINDS[".txt"])
        else:
            if answer is None:
                self._refuse(503)
            else:
                self._send(200, answer, service.kind)

    def _refuse(self, status: int) -> None:
        self.close_connection = True  # whatever was sent is not read
        words = HTTPStatus(status).phrase
        self._send(status, f"{words}\n".encode(), KINDS[".txt"])

    def _send(self, status: int, body: bytes, kind: str) -> None:
        self.send_response(status)
        for name, value in {**HEADERS, "Content-Type": kind, "Content-Length": len(body)}.items():
            self.send_header(name, str(value))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def version_string(self) -> str:
        return "animekit"

    def log_message(self, *words: Any) -> None:
        """Say nothing: library code never prints."""
