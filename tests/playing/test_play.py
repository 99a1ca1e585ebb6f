"""Play: what is served, where it is drawn, and how it ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.request
import webbrowser
from pathlib import Path

import pytest

import animekit
from animekit.errors import UnusableError, UsageError
from animekit.exporting.page import LOADER
from animekit.hub import runtime
from animekit.playing import play as playing
from animekit.playing.play import plan_play
from animekit.plugins import Registry
from tests.support import answer, call


def read(address: str) -> str:
    with urllib.request.urlopen(address, timeout=20) as found:
        text: str = found.read().decode()
    return text


@pytest.fixture
def without_runtime(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime, "is_here", lambda: False)


@pytest.mark.usefixtures("without_runtime")
def test_without_the_runtime_faces_are_drawn_by_this_machine(registry: Registry) -> None:
    plan = animekit.plan_play("cfaces64", registry=registry)
    assert plan.draws == "server" and "onnxruntime-web is not here" in plan.reason
    with plan.serve() as server:
        assert "cfaces64" in read(server.address)
        config = json.loads(read(f"{server.address}config.js").partition(" = ")[2].rstrip(";\n"))
        assert config["draws"] == "there" and config["noise"] == [["normal", 100, 1.0]]
        body = bytes(4 * (100 + 23))
        with urllib.request.urlopen(f"{server.address}draw", body, timeout=60) as drawn:
            assert len(drawn.read()) == 64 * 64 * 4


def test_a_model_that_translates_has_a_page_for_pictures(registry: Registry) -> None:
    plan = plan_play("stargan-hair", registry=registry)
    assert (plan.draws, plan.reason) == ("server", "it translates pictures")
    with plan.serve() as server:
        assert 'id="drop"' in read(server.address)
        assert "translate.js" in read(server.address)
    with pytest.raises(UnusableError, match="not drawn in the browser"):
        plan_play("stargan-hair", draw="browser", registry=registry)


def test_what_neither_draws_nor_translates_is_refused(registry: Registry) -> None:
    with pytest.raises(UnusableError, match="neither draws nor translates"):
        plan_play("tagger", registry=registry)
    with pytest.raises(UsageError, match='cannot draw in "cloud"'):
        plan_play("faces64", draw="cloud", registry=registry)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="no port 70000"):
        plan_play("faces64", port=70_000, registry=registry)


def test_with_the_runtime_the_page_draws_itself(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runtime, "is_here", lambda: True)
    monkeypatch.setattr(runtime, "stored", lambda: Path("there"))
    monkeypatch.setattr(
        playing, "drawing_page", lambda *given: ({"index.html": b"x", LOADER: b"y"}, 0.0)
    )
    pytest.importorskip("onnxruntime")
    plan = plan_play("faces64", registry=registry)
    assert (plan.draws, plan.reason) == ("browser", "")
    with plan.serve() as server:
        assert not server.services and server.files[LOADER] == b"y"
    assert plan_play("faces64", draw="server", registry=registry).draws == "server"


def test_a_model_that_draws_chance_inside_is_drawn_by_this_machine(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("onnxruntime")
    monkeypatch.setattr(runtime, "is_here", lambda: True)

    def refuse(model: object) -> object:
        raise UnusableError("it draws noise inside", "train another")

    monkeypatch.setattr(playing, "graphs_of", refuse)
    plan = plan_play("faces64", registry=registry)
    assert (plan.draws, plan.reason) == ("server", "it draws noise inside")


@pytest.mark.usefixtures("without_runtime")
def test_play_opens_the_page_and_ends_with_a_signal(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []

    def visit(address: str) -> bool:
        opened.append(read(address))
        threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
        return True

    monkeypatch.setattr(webbrowser, "open", visit)
    assert animekit.play("faces64", registry=registry) == 1
    assert "Play with faces64" in opened[0]


@pytest.mark.usefixtures("without_runtime")
def test_a_dry_run_says_what_would_be_served_and_to_whom() -> None:
    found = answer("play", "faces64", "-n")
    assert found["data"] == {"model": "faces64", "draws": "server", "host": "127.0.0.1"}
    assert not found["warnings"]
    found = answer("play", "faces64", "-n", "--host", "0.0.0.0")
    assert [each["code"] for each in found["warnings"]] == ["play.host"]
    assert call("play", "faces64", "--port", "-1", "-n").exit_code == 2
    assert call("play", "none", "-n").exit_code == 3
    assert call("play", "faces64", "--draw", "browser", "-n").exit_code == 4


def test_ctrl_c_is_how_the_command_ends(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "animekit", "play", "stargan-hair", "--no-open", "--json"]
    process = subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path
    )
    assert process.stderr is not None
    line = next(line for line in process.stderr if "http://" in line)
    address = line.partition(";")[0].strip()
    assert "Play with stargan-hair" in read(address)
    process.send_signal(signal.SIGINT)
    began = time.monotonic()
    found = json.loads(process.communicate(timeout=30)[0])
    assert (process.returncode, found["ok"]) == (0, True) and time.monotonic() - began < 20
    assert found["data"]["address"] == address and found["data"]["requests"] == 1
