"""The server of a page: it answers the page itself, and nobody else."""

from __future__ import annotations

import http.client
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from animekit.errors import DataError, UnusableError
from animekit.playing import server as servers
from animekit.playing.server import Asked, PlayServer, Service

FILES = {"index.html": b"<p>page", "page.js": b"script", "licence.txt": b"words"}


def double(words: Asked, body: bytes) -> bytes:
    if words.get("fail"):
        raise DataError("no such thing", "try another")
    if words.get("bug"):
        raise RuntimeError("of a plugin")
    return body * 2


@pytest.fixture
def server() -> Iterator[PlayServer]:
    with PlayServer(FILES, {"double": Service(double, 10)}) as running:
        yield running


def ask(
    server: PlayServer, path: str, method: str = "GET", body: Any = None, **headers: str
) -> tuple[int, bytes, dict[str, str]]:
    """Ask for a path below the word, or for another one that begins with /."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    whole = path if path.startswith("/") else f"/{server.word}/{path}"
    connection.putrequest(method, whole, skip_host="Host" in headers)
    if body is not None and "Content_Length" not in headers:
        connection.putheader("Content-Length", str(len(body)))
    for name, value in headers.items():
        connection.putheader(name.replace("_", "-"), value)
    connection.endheaders()
    if body:
        connection.send(body)
    answer = connection.getresponse()
    found = answer.status, answer.read(), dict(answer.getheaders())
    connection.close()
    return found


def test_the_page_and_its_files_are_below_a_word_that_nobody_can_guess(server: PlayServer) -> None:
    assert server.address == f"http://127.0.0.1:{server.port}/{server.word}/"
    assert len(server.word) >= 20 and server.is_local
    status, body, headers = ask(server, "")
    assert (status, body) == (200, FILES["index.html"])
    assert headers["Content-Type"] == "text/html; charset=utf-8"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"  # the word leaks nowhere
    assert headers["Server"] == "animekit"
    assert ask(server, "page.js")[:2] == (200, b"script")
    assert ask(server, "page.js", "HEAD")[:2] == (200, b"")


@pytest.mark.parametrize(
    "path",
    [
        *("/", "/index.html", "/wrong/index.html", "/wrong/double", "//etc/passwd", "/%2e%2e/"),
        *(
            "../server.py",
            "..%2fserver.py",
            "none.js",
            "/../../etc/passwd",
            "page.js/",
            "./page.js",
        ),
        "%69ndex.html",
    ],
)
def test_nothing_else_is_there(server: PlayServer, path: str) -> None:
    assert ask(server, path)[0] == 404
    assert ask(server, path, "POST", b"")[0] == 404


def test_a_service_gets_what_was_sent_and_what_stands_behind_the_question_mark(
    server: PlayServer,
) -> None:
    assert ask(server, "double", "POST", b"ab")[:2] == (200, b"abab")
    assert ask(server, "double", "POST", b"")[:2] == (200, b"")
    status, body, _ = ask(server, "double?fail=1", "POST", b"a")
    assert (status, body) == (400, b"no such thing\n")
    status, body, _ = ask(server, "double?bug=1", "POST", b"a")
    assert (status, body) == (500, b"RuntimeError: of a plugin\n")
    assert ask(server, "double", "POST", b"ab")[0] == 200  # it goes on


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "evil.example"}, 421),
        ({"Host": "evil.example:{port}"}, 421),
        ({"Host": "127.0.0.1.evil.example:{port}"}, 421),
        ({"Host": "192.168.0.9:{port}"}, 421),
        ({"Host": "127.0.0.1:1"}, 421),
        ({"Host": "127.0.0.1"}, 421),
        ({"Host": "[::1"}, 421),
        ({"Host": ""}, 421),
        ({"Host": "localhost:{port}"}, 200),
        ({"Host": "[::1]:{port}"}, 200),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://127.0.0.1:{port}"}, 200),
        ({"Sec_Fetch_Site": "cross-site"}, 403),
        ({"Sec_Fetch_Site": "same-site"}, 403),
        ({"Sec_Fetch_Site": "same-origin"}, 200),
    ],
    ids=str,
)
def test_pages_of_other_sites_are_not_answered(
    server: PlayServer, headers: dict[str, str], status: int
) -> None:
    given = {name: value.format(port=server.port) for name, value in headers.items()}
    assert ask(server, "double", "POST", b"a", **given)[0] == status
    assert ask(server, "", **given)[0] == status


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Content_Length": "11"}, 413),
        ({"Content_Length": "9" * 40}, 413),
        ({"Content_Length": "-1"}, 411),
        ({"Content_Length": "²"}, 411),
        ({"Content_Length": ""}, 411),
        ({"Transfer_Encoding": "chunked"}, 411),
    ],
    ids=str,
)
def test_what_is_sent_is_bounded(server: PlayServer, headers: dict[str, str], status: int) -> None:
    assert ask(server, "double", "POST", b"", **headers)[0] == status


def test_other_methods_are_not_known(server: PlayServer) -> None:
    for method in ("PUT", "DELETE", "OPTIONS", "TRACE"):
        assert ask(server, "double", method, b"")[0] == 501


def test_a_request_without_an_end_ties_up_nothing(
    server: PlayServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(servers._Handler, "timeout", 0.2)
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as slow:
        slow.sendall(f"POST /{server.word}/double HTTP/1.1\r\n".encode())
        assert ask(server, "")[0] == 200
        assert slow.recv(100) == b""  # it was closed


def test_too_many_requests_are_told_to_wait(server: PlayServer) -> None:
    server._rate.left = 1.0
    server._rate.rate = 0.0
    assert [ask(server, "")[0] for _ in range(2)] == [200, 429]


def test_too_many_connections_are_closed_at_once() -> None:
    with PlayServer(FILES) as server:
        open_ones = [
            socket.create_connection(("127.0.0.1", server.port), timeout=10)
            for _ in range(servers.CONNECTIONS + 4)
        ]
        ends, closed = time.monotonic() + 10, 0
        open_ones[-1].settimeout(5)
        assert open_ones[-1].recv(1) == b""
        for each in open_ones:
            each.close()
        while closed < 1 and time.monotonic() < ends:
            try:
                closed += ask(server, "")[0] == 200
            except OSError:
                time.sleep(0.05)
        assert closed


def test_only_so_many_wait_for_the_network() -> None:
    begun, go = threading.Semaphore(0), threading.Event()

    def slow(words: Asked, body: bytes) -> bytes:
        begun.release()
        go.wait(10)
        return b""

    statuses: list[int] = []
    with PlayServer(FILES, {"slow": Service(slow, 0)}) as server:
        threads = [
            threading.Thread(target=lambda: statuses.append(ask(server, "slow", "POST", b"")[0]))
            for _ in range(servers.WAITING + 3)
        ]
        for each in threads:
            each.start()
        assert begun.acquire(timeout=10)
        ends = time.monotonic() + 10
        while len(statuses) < 3 and time.monotonic() < ends:
            time.sleep(0.02)
        assert statuses == [503] * 3
        go.set()
        for each in threads:
            each.join()
    assert sorted(statuses) == [200] * servers.WAITING + [503] * 3


def test_a_port_that_is_taken_is_one_clear_error(server: PlayServer) -> None:
    with pytest.raises(UnusableError, match=f"127.0.0.1:{server.port}"):
        PlayServer(FILES, port=server.port)
    with pytest.raises(UnusableError, match="nothing can be served"):
        PlayServer(FILES, host="203.0.113.7")


def test_for_others_too_it_is_known_by_numbers_and_its_own_name() -> None:
    with PlayServer(FILES, host="0.0.0.0") as server:
        assert not server.is_local and server.address.startswith("http://127.0.0.1:")
        port = server.port
        assert server.knows(f"192.168.0.9:{port}") and server.knows(
            f"{socket.gethostname()}:{port}"
        )
        assert not server.knows(f"evil.example:{port}")
