"""Downloads: whole and right, or an error that says what was seen; nothing half-done in place."""

from __future__ import annotations

import errno
import hashlib
import multiprocessing
import socket
import threading
import time
from pathlib import Path
from typing import Any, NamedTuple

import filelock
import numpy as np
import pytest

from animekit.errors import DeviceError, NetworkError, UsageError
from animekit.files import sha256_of
from animekit.hub import download
from animekit.hub.addresses import Refused, check_address
from animekit.hub.download import Patience, fetch
from tests.serving import Site

BODY = np.random.default_rng(0).integers(0, 256, 700_000, dtype=np.uint8).tobytes()
SUM = hashlib.sha256(BODY).hexdigest()
OTHER = np.random.default_rng(1).integers(0, 256, len(BODY), dtype=np.uint8).tobytes()
QUICK = Patience(connect=2.0, read=0.3, tries=3, pause=0.0, lock=0.1)


pytestmark = pytest.mark.usefixtures("no_network")


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "store" / "weights.bin"


def get(url: str | list[str], target: Path, **values: Any) -> Path:
    return fetch(url, target, **{"sha256": SUM, "patience": QUICK, **values})


def kept(cut: int) -> int:
    """Return how much of a file is kept that was cut: all that came."""
    return cut


def left(target: Path) -> list[str]:
    """Return what is in the folder, but for the lock."""
    return sorted(path.name for path in target.parent.iterdir() if path.suffix != ".lock")


def failure(url: str | list[str], target: Path, **values: Any) -> NetworkError:
    with pytest.raises(NetworkError) as caught:
        get(url, target, **values)
    assert caught.value.exit_code == 9
    assert not target.exists()
    return caught.value


def test_a_file_comes_whole_and_nothing_else_is_left(site: Site, target: Path) -> None:
    told: list[tuple[int, int | None]] = []
    url = site.put("/a", BODY)
    assert get(url, target, size=len(BODY), progress=lambda *seen: told.append(seen)) == target
    assert target.read_bytes() == BODY
    assert left(target) == ["weights.bin"]
    assert told[-1] == (len(BODY), len(BODY)) and len(told) > 2
    headers = site.asked[0][1]
    assert headers["User-Agent"].startswith("animekit/")
    assert headers["Accept-Encoding"] == "identity"


def test_a_file_that_is_there_is_not_asked_for_again(site: Site, target: Path) -> None:
    url = site.put("/a", BODY)
    get(url, target)
    get(url, target)
    get(url, target, sha256=SUM.upper())
    assert len(site.asked) == 1


def test_a_damaged_file_in_place_is_replaced(site: Site, target: Path) -> None:
    target.parent.mkdir()
    target.write_bytes(OTHER)
    get(site.put("/a", BODY), target)
    assert target.read_bytes() == BODY


def test_cut_connections_go_on_where_they_were_cut(site: Site, target: Path) -> None:
    cuts = [100_000, 300_000, 310_000, 600_000]
    get(site.put("/a", BODY, cuts=list(cuts)), target)
    assert target.read_bytes() == BODY
    assert site.ranges() == [None, *(f"bytes={kept(cut)}-" for cut in cuts)]


def test_a_connection_that_is_always_cut_at_one_place_ends(site: Site, target: Path) -> None:
    error = failure(site.put("/a", BODY, cuts=[100_000] * 9), target)
    assert "3 times in a row" in error.message
    assert "the same command goes on from there" in str(error.hint)
    assert left(target) == ["weights.bin.part"]


def test_a_server_without_ranges_sends_all_again(site: Site, target: Path) -> None:
    get(site.put("/a", BODY, ranges=False, cuts=[500_000, 600_000]), target)
    assert target.read_bytes() == BODY
    assert site.ranges() == [None, f"bytes={kept(500_000)}-", f"bytes={kept(600_000)}-"]


def test_nothing_is_joined_without_a_sum(site: Site, target: Path) -> None:
    url = site.put("/a", BODY, cuts=[500_000])
    get(url, target, sha256=None, unpinned=True)
    assert target.read_bytes() == BODY
    assert site.ranges() == [None, None]
    assert left(target) == ["weights.bin"]


def test_a_part_of_another_file_is_tried_once_more_whole(site: Site, target: Path) -> None:
    failure(site.put("/a", OTHER, cuts=[400_000] * 9), target)
    assert target.with_name("weights.bin.part").stat().st_size == kept(400_000)
    del site.asked[:]
    get(site.put("/a", BODY), target)  # the file there has changed
    assert site.ranges() == [f"bytes={kept(400_000)}-", None]
    assert target.read_bytes() == BODY


def test_a_mirror_goes_on_where_the_first_was_cut(site: Site, target: Path) -> None:
    get([site.put("/a", BODY, cuts=[400_000] * 9), site.put("/b", BODY)], target)
    assert site.ranges()[-1] == f"bytes={kept(400_000)}-"
    assert target.read_bytes() == BODY


def test_a_piece_from_elsewhere_is_not_joined(site: Site, target: Path) -> None:
    get(site.put("/a", BODY, begins=0, cuts=[400_000]), target)
    assert site.ranges() == [None, f"bytes={kept(400_000)}-", None]
    assert target.read_bytes() == BODY


@pytest.mark.parametrize("size", [None, len(BODY)])
@pytest.mark.parametrize("part", [BODY + b"more", OTHER])
def test_a_part_that_is_too_long_starts_anew(
    site: Site, target: Path, part: bytes, size: int | None
) -> None:
    target.parent.mkdir()
    target.with_name("weights.bin.part").write_bytes(part)
    get(site.put("/a", BODY), target, size=size)
    assert target.read_bytes() == BODY
    assert site.ranges() == [f"bytes={len(part)}-", None]


@pytest.mark.parametrize("size", [None, len(BODY)])
def test_a_whole_part_needs_no_network(site: Site, target: Path, size: int | None) -> None:
    target.parent.mkdir()
    target.with_name("weights.bin.part").write_bytes(BODY)
    get(f"{site.address}/a", target, size=size)
    assert target.read_bytes() == BODY and site.asked == []


def test_ctrl_c_leaves_the_part_for_the_next_time(site: Site, target: Path) -> None:
    def stop(done: int, total: int | None) -> None:
        if done >= 512 * 1024:
            raise KeyboardInterrupt

    url = site.put("/a", BODY)
    with pytest.raises(KeyboardInterrupt):
        get(url, target, progress=stop)
    have = target.with_name("weights.bin.part").stat().st_size
    assert 512 * 1024 <= have < 512 * 1024 + download.CHUNK
    get(url, target)
    assert target.read_bytes() == BODY and site.ranges() == [None, f"bytes={have}-"]


DRIP = Patience(connect=2.0, read=1.0, tries=9, pause=0.0, least=100_000, window=0.2)


def test_a_server_that_drips_is_given_up_and_a_mirror_goes_on(site: Site, target: Path) -> None:
    slow = site.put("/slow", BODY, drip=(50, 0.02))
    started = time.monotonic()
    error = failure(slow, target, patience=DRIP)
    assert "bytes a second, less than 100,000" in error.message and "kept" in (error.hint or "")
    assert time.monotonic() - started < 5
    have = target.with_name("weights.bin.part").stat().st_size
    assert 0 < have < len(BODY)
    get([slow, site.put("/fast", BODY)], target, patience=DRIP)
    assert target.read_bytes() == BODY
    assert site.ranges()[-1] != f"bytes={have}-"  # what the second drip brought is kept too


def test_a_download_ends_after_its_total_time_and_keeps_what_came(site: Site, target: Path) -> None:
    patience = Patience(connect=2.0, read=1.0, tries=9, pause=0.0, least=0, total=0.3)
    error = failure(site.put("/slow", BODY, drip=(50, 0.02)), target, patience=patience)
    assert "took more than 00:00" in error.message and "kept" in (error.hint or "")
    endless = Patience(connect=2.0, read=1.0, tries=10**6, pause=0.02, total=0.3)
    assert (
        "took more"
        in failure(site.put("/b", failures=[503] * 99), target, patience=endless).message
    )


def test_no_server_that_is_fast_enough_is_given_up() -> None:
    assert Patience().least * Patience().window < 64 * 1024  # a telephone line passes
    assert Patience().total >= 3600


@pytest.mark.parametrize("left_over", [b"{", b"[" * 100_000, b"9" * 5000, b"\xff\0"])
def test_what_older_versions_left_of_a_download_is_started_over(
    site: Site, target: Path, left_over: bytes
) -> None:
    target.parent.mkdir()
    target.with_name("weights.bin.part.json").write_bytes(left_over)
    target.with_name("weights.bin.part").write_bytes(left_over)
    get(site.put("/a", BODY), target, size=len(BODY))
    assert target.read_bytes() == BODY


def test_a_wrong_sum_is_said_and_nothing_is_kept(site: Site, target: Path) -> None:
    error = failure(site.put("/a", OTHER), target)
    assert error.code == "network.checksum"
    assert SUM in error.message and hashlib.sha256(OTHER).hexdigest() in error.message
    assert left(target) == []


def test_mirrors_are_tried_in_order(site: Site, target: Path) -> None:
    urls = [
        site.put("/gone", status=404),
        site.put("/wrong", OTHER),
        site.put("/page", b"<html>", kind="text/html"),
        site.put("/right", BODY),
        site.put("/never", BODY),
    ]
    get(urls, target)
    assert [path for path, _ in site.asked] == ["/gone", "/wrong", "/page", "/right"]


def test_when_all_mirrors_fail_each_is_named_with_its_reason(site: Site, target: Path) -> None:
    urls = [site.put("/a", status=404), site.put("/b", status=403), "http://127.0.0.1:1/c"]
    error = failure(urls, target)
    for word in ("weights.bin", "HTTP 404", "HTTP 403", "no connection"):
        assert word in error.message
    assert str(target) in str(error.hint)


@pytest.mark.parametrize("body", [b"\n <!DOCTYPE html><p>Sign in", b"<HTML><body>quota"])
def test_a_web_page_in_place_of_the_file_is_recognised(
    site: Site, target: Path, body: bytes
) -> None:
    for kind in ("text/html; charset=utf-8", "application/octet-stream"):
        error = failure(site.put("/a", body, kind=kind), target)
        assert "a web page came in place of the file" in error.message
    assert len(site.asked) == 2  # asking again would bring the same page


def test_an_xml_file_is_no_web_page(site: Site, target: Path) -> None:
    body = b'<?xml version="1.0"?><opencv_storage/>'
    get(site.put("/a", body, kind="text/plain"), target, sha256=hashlib.sha256(body).hexdigest())
    assert target.read_bytes() == body


@pytest.mark.parametrize("status", [408, 429, 500, 503])
def test_a_busy_server_is_asked_again(site: Site, target: Path, status: int) -> None:
    get(site.put("/a", BODY, failures=[status, status]), target)
    assert target.read_bytes() == BODY and len(site.asked) == 3


def test_a_server_that_stays_busy_is_given_up(site: Site, target: Path) -> None:
    assert "HTTP 503" in failure(site.put("/a", BODY, failures=[503] * 9), target).message
    assert len(site.asked) == QUICK.tries


def test_pauses_grow_and_the_server_may_ask_for_more(
    site: Site, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(time, "sleep", pauses.append)
    failure(site.put("/a", failures=[503] * 9), target, patience=Patience(tries=4, pause=1.0))
    url = site.put("/b", failures=[503] * 9, headers={"Retry-After": "7"})
    failure(url, target, patience=Patience(tries=2, pause=1.0))
    url = site.put("/c", failures=[503] * 9, headers={"Retry-After": "86400"})
    failure(url, target, patience=Patience(tries=2, pause=1.0))
    assert pauses == [1.0, 2.0, 4.0, 7.0, download.LONGEST_PAUSE]


def test_a_server_that_falls_silent_is_not_waited_for(site: Site, target: Path) -> None:
    error = failure(site.put("/a", BODY, wait=0.8), target, patience=Patience(2, 0.1, 1, 0))
    assert "no answer in time" in error.message


def test_no_answer_at_all_is_a_timeout(target: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        url = f"http://127.0.0.1:{deaf.getsockname()[1]}/a"
        error = failure(url, target, patience=Patience(2, 0.1, 1, 0))
    assert "no answer in time" in error.message


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_followed(site: Site, target: Path, status: int) -> None:
    site.put("/b", status=status, headers={"Location": "c"})
    site.put("/c", BODY)
    get(site.put("/a", status=status, headers={"Location": f"{site.address}/b"}), target)
    assert target.read_bytes() == BODY


def test_a_cut_after_a_redirect_goes_on_through_it(site: Site, target: Path) -> None:
    site.put("/b", BODY, cuts=[200_000])
    get(site.put("/a", status=302, headers={"Location": "/b"}), target)
    assert site.ranges() == [None, None, *[f"bytes={kept(200_000)}-"] * 2]
    assert target.read_bytes() == BODY


def test_redirects_in_a_circle_end(site: Site, target: Path) -> None:
    site.put("/b", status=302, headers={"Location": "/a"})
    error = failure(site.put("/a", status=302, headers={"Location": "/b"}), target)
    assert "more than 5 redirects" in error.message
    assert len(site.asked) == download.HOPS + 1


@pytest.mark.parametrize(
    "place",
    [
        *("file:///etc/passwd", "ftp://127.0.0.1/a", "http://example.org/a", "gopher://x", "//["),
        *("http://me:secret@127.0.0.1/a", "data:text/plain,a", "http://[::1"),
    ],
)
def test_a_redirect_leads_nowhere_else(site: Site, target: Path, place: str) -> None:
    error = failure(site.put("/a", status=302, headers={"Location": place}), target)
    assert "secret" not in error.message
    assert left(target) == [] and len(site.asked) == 1


def test_plain_http_is_for_this_machine_or_where_a_sum_guards() -> None:
    for url in ("https://example.org/", "http://localhost:8/", "http://127.9.9.9", "http://[::1]/"):
        check_address(url)
    check_address("http://example.org/", plain_http=True)
    for url, before in (
        ("http://example.org/", ""),
        ("http://localhost.example.org/", ""),
        ("http://127.0.0.1.example.org/", ""),
        ("https://me@example.org/", ""),
    ):
        with pytest.raises(Refused):
            check_address(url, before=before)
    with pytest.raises(Refused, match="from HTTPS to plain HTTP"):
        check_address("http://example.org/", plain_http=True, before="https://example.org/")
    with pytest.raises(Refused, match="from HTTPS to plain HTTP"):
        check_address("http://127.0.0.1/", before="https://example.org/")


def test_plain_http_without_a_sum_is_refused_even_if_asked_for(target: Path) -> None:
    url = "http://example.org/a"
    error = failure(url, target, sha256=None, unpinned=True, plain_http=True)
    assert "is not HTTPS" in error.message


def test_a_server_without_a_trusted_certificate_is_refused(site: Site, target: Path) -> None:
    url = site.put("/a", BODY).replace("http:", "https:")
    assert "no trusted connection" in failure(url, target).message


def test_unknown_bytes_are_refused_unless_they_are_welcome(site: Site, target: Path) -> None:
    url = site.put("/a", OTHER)
    error = failure(url, target, sha256=None)
    assert error.code == "network.unpinned" and site.asked == []
    get(url, target, sha256=None, unpinned=True)
    assert target.read_bytes() == OTHER
    get(url, target, sha256=None, unpinned=True)
    assert len(site.asked) == 1


@pytest.mark.parametrize("sha256", ["", "6726825d", "g" * 64, SUM + "0"])
def test_a_sum_that_is_none_is_a_usage_error(target: Path, sha256: str) -> None:
    with pytest.raises(UsageError, match="is no sha256"):
        get("http://127.0.0.1:1/", target, sha256=sha256)


def test_a_size_that_does_not_fit_is_refused_before_the_file_comes(
    site: Site, target: Path
) -> None:
    error = failure(site.put("/a", BODY), target, size=10)
    assert "700,000 bytes, not 10" in error.message
    assert left(target) == []


def test_more_bytes_than_there_should_be_are_not_written(site: Site, target: Path) -> None:
    told: list[int] = []
    url = site.put("/a", BODY, length=False)
    error = failure(url, target, size=300_000, progress=lambda done, total: told.append(done))
    assert max(told) <= 300_000
    assert "more than 300,000 bytes came" in error.message
    assert left(target) == []


def test_without_any_size_there_is_still_a_limit(
    site: Site, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "LARGEST", 300_000)
    assert "over the limit" in failure(site.put("/a", BODY), target).message
    assert "more than 300,000" in failure(site.put("/b", BODY, length=False), target).message


def test_a_file_without_a_length_is_whole_when_its_sum_is_right(site: Site, target: Path) -> None:
    get(site.put("/a", BODY, length=False), target)
    assert target.read_bytes() == BODY


def test_a_disk_without_room_is_said_before(
    site: Site, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Usage(NamedTuple):
        free: int

    monkeypatch.setattr(download.shutil, "disk_usage", lambda path: Usage(1000))
    with pytest.raises(DeviceError, match="700,000 bytes to come, 1,000 free"):
        get(site.put("/a", BODY), target)
    assert "weights.bin" not in left(target)


def test_a_disk_that_fills_up_is_a_device_error(
    site: Site, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*given: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(download.os, "fsync", full)
    with pytest.raises(DeviceError, match="no room for weights") as caught:
        get(site.put("/a", BODY), target)
    assert caught.value.exit_code == 6


def test_another_error_of_the_disk_stays_what_it_is(site: Site, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(FileExistsError):
        get(site.put("/a", BODY), tmp_path / "file" / "weights.bin")


def test_a_file_that_is_being_downloaded_is_waited_for(site: Site, target: Path) -> None:
    target.parent.mkdir()
    url = site.put("/a", BODY)
    with filelock.FileLock(target.parent / ".weights.bin.lock"):
        assert "another process" in failure(url, target).message
        assert site.asked == []
        thread = threading.Thread(target=get, args=(url, target), kwargs={"patience": Patience()})
        thread.start()
        time.sleep(0.1)
        assert site.asked == []
    thread.join()
    assert target.read_bytes() == BODY


def _get(url: str, target: Path) -> None:
    fetch(url, target, sha256=SUM)


def test_two_processes_download_a_file_once(site: Site, target: Path) -> None:
    url = site.put("/a", BODY, wait=0.2)
    context = multiprocessing.get_context("fork")
    pair = [context.Process(target=_get, args=(url, target)) for _ in range(2)]
    for process in pair:
        process.start()
    for process in pair:
        process.join()
    assert [process.exitcode for process in pair] == [0, 0]
    assert len(site.asked) == 1 and sha256_of(target) == SUM


def test_the_guard_of_these_tests_lets_nobody_out() -> None:
    with pytest.raises(AssertionError, match="looks up example.org"):
        socket.create_connection(("example.org", 80))
    with socket.socket() as client, pytest.raises(AssertionError, match="connects to"):
        client.connect(("192.0.2.1", 80))
