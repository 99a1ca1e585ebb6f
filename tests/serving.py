"""A web server on this machine that misbehaves as told, and a guard against all others."""

from __future__ import annotations

import ipaddress
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest


@dataclass
class Page:
    """What the server answers at one path, and how it goes wrong."""

    body: bytes = b""
    status: int = 200
    kind: str = "application/octet-stream"
    ranges: bool = True
    begins: int | None = None
    """First byte of the pieces that it says it sends, whatever was asked."""
    length: bool = True
    """Whether Content-Length is said."""
    cuts: list[int] = field(default_factory=list)
    """Bytes of the file after which each request in turn is cut; then no more."""
    failures: list[int] = field(default_factory=list)
    """HTTP statuses of the requests in turn; then `status`."""
    wait: float = 0.0
    """Seconds between the first half of an answer and the second."""
    drip: tuple[int, float] | None = None
    """So many bytes at a time, and seconds between them."""
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Site:
    """A running server: its pages by path, and what it was asked."""

    address: str
    pages: dict[str, Page] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    def put(self, path: str, body: bytes = b"", **values: Any) -> str:
        """Publish a page and return its address."""
        self.pages[path] = Page(body, **values)
        return f"{self.address}{path}"

    def ranges(self) -> list[str | None]:
        """Return the Range header of each request so far."""
        return [headers.get("Range") for _, headers in self.asked]


@contextmanager
def on_loopback(handler: type[BaseHTTPRequestHandler]) -> Iterator[tuple[str, Any]]:
    """Run a server for as long as the block lasts; its address, and where handlers find things."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def serving() -> Iterator[Site]:
    """Run a server on loopback for as long as the block lasts."""
    with on_loopback(_Handler) as (address, server):
        server.site = Site(address)
        yield server.site


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        site: Site = self.server.site  # type: ignore[attr-defined]
        site.asked.append((self.path, dict(self.headers)))
        page = site.pages.get(self.path, Page(b"gone", 404))
        self.close_connection = True
        with suppress(ConnectionError):
            self._answer(page)

    def _answer(self, page: Page) -> None:
        status = page.failures.pop(0) if page.failures else page.status
        start, whole = 0, len(page.body)
        asked = self.headers.get("Range")
        if asked and page.ranges and status == 200:
            start, status = int(asked.removeprefix("bytes=").rstrip("-")), 206
            if start >= whole:
                status = 416
        self.send_response(status)
        body = page.body[start:] if status in (200, 206) else b""
        if status == 206:
            said = start if page.begins is None else page.begins
            self.send_header("Content-Range", f"bytes {said}-{whole - 1}/{whole}")
        if page.length:
            self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Type", page.kind)
        self.send_header("Connection", "close")
        for name, value in page.headers.items():
            self.send_header(name, value)
        self.end_headers()
        end = max(0, page.cuts.pop(0) - start) if page.cuts else len(body)
        if page.drip is not None:
            for at in range(0, end, page.drip[0]):
                self.wfile.write(body[at : at + page.drip[0]])
                time.sleep(page.drip[1])
            return
        half = end // 2 if page.wait else end
        self.wfile.write(body[:half])
        self.wfile.flush()
        if page.wait:
            time.sleep(page.wait)
            self.wfile.write(body[half:end])

    def log_message(self, *words: Any) -> None:
        pass


@contextmanager
def only_loopback() -> Iterator[None]:
    """Make every connection to another machine, and every look-up of a name, an error."""
    look_up, connect = socket.getaddrinfo, socket.socket.connect

    def is_near(host: Any) -> bool:
        with suppress(ValueError):
            return ipaddress.ip_address(host).is_loopback
        return host in (None, "localhost")

    def guarded_look_up(host: Any, *rest: Any, **more: Any) -> Any:
        assert is_near(host), f"a test looks up {host}"
        return look_up(host, *rest, **more)

    def guarded_connect(self: socket.socket, address: Any) -> Any:
        inet = self.family in (socket.AF_INET, socket.AF_INET6)
        assert not inet or is_near(address[0]), f"a test connects to {address}"
        return connect(self, address)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket, "getaddrinfo", guarded_look_up)
        patch.setattr(socket.socket, "connect", guarded_connect)
        for name in ("http_proxy", "https_proxy", "all_proxy"):
            patch.delenv(name, raising=False)
            patch.delenv(name.upper(), raising=False)
        yield
