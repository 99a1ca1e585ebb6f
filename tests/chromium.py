"""Chromium told what to do, over its debugging pipe: clicks, answers, pictures, requests."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.browser import browser

QUIET = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-background-networking")
SECONDS = 60.0


class Tab:
    """One page: `ask` runs JavaScript in it, `requests` are the addresses that it asked for."""

    def __init__(
        self, process: subprocess.Popen[bytes], reading: int, writing: int, folder: Path
    ) -> None:
        self.process, self.writing, self.folder = process, writing, folder
        self.reading = os.fdopen(reading, "rb")
        self.count, self.session = 0, ""
        self.requests: list[str] = []
        self.complaints: list[str] = []

    def send(self, method: str, **values: Any) -> dict[str, Any]:
        """Send one command and return its answer; note requests and complaints meanwhile."""
        self.count += 1
        message: dict[str, Any] = {"id": self.count, "method": method, "params": values}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.writing, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == self.count:
                assert "error" not in answer, answer["error"]
                found: dict[str, Any] = answer["result"]
                return found
            self._note(answer)

    def _next(self) -> dict[str, Any]:
        found = b""
        while not found.endswith(b"\0"):
            byte = self.reading.read(1)
            assert byte, "the browser is gone"
            found += byte
        answer: dict[str, Any] = json.loads(found[:-1])
        return answer

    def _note(self, event: dict[str, Any]) -> None:
        method, values = event.get("method"), event.get("params", {})
        if method == "Network.requestWillBeSent":
            self.requests.append(values["request"]["url"])
        if method == "Runtime.exceptionThrown":
            self.complaints.append(json.dumps(values["exceptionDetails"])[:600])
        if method == "Log.entryAdded" and values["entry"]["level"] == "error":
            self.complaints.append(f"{values['entry']['text']} {values['entry'].get('url', '')}")

    def open(self, address: str) -> None:
        """Go to an address."""
        self.send("Page.navigate", url=address)

    def ask(self, script: str) -> Any:
        """Return the value of an expression, awaited."""
        found = self.send(
            "Runtime.evaluate",
            expression=script,
            awaitPromise=True,
            returnByValue=True,
            userGesture=True,
        )
        assert "exceptionDetails" not in found, json.dumps(found["exceptionDetails"])[:800]
        return found["result"].get("value")

    def wait(self, script: str, seconds: float = SECONDS) -> Any:
        """Return the value of an expression as soon as it is true."""
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            if value := self.ask(script):
                return value
            time.sleep(0.05)
        raise AssertionError(f"not within {seconds} s: {script}; {self.complaints}")

    def press(self, key: str) -> None:
        """Press and release a key."""
        for kind in ("keyDown", "keyUp"):
            text = {"text": key} if len(key) == 1 and kind == "keyDown" else {}
            self.send("Input.dispatchKeyEvent", type=kind, key=key, **text)

    def look(self, width: int, *, dark: bool = False, height: int = 900) -> None:
        """Set the width of the page in pixels, and light or dark."""
        self.send(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 500,
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.send("Emulation.setEmulatedMedia", features=[scheme])

    def picture(self, path: Path) -> Path:
        """Write what is seen, the whole page, as a PNG."""
        found = self.send("Page.captureScreenshot", captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(found["data"]))
        return path

    def save_to(self, folder: Path) -> None:
        """Let downloads go to a folder, without a question."""
        session, self.session = self.session, ""
        self.send("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(folder))
        self.session = session

    def choose(self, selector: str, path: Path) -> None:
        """Choose a file in a file input."""
        root = self.send("DOM.getDocument")["root"]["nodeId"]
        node = self.send("DOM.querySelector", nodeId=root, selector=selector)["nodeId"]
        self.send("DOM.setFileInputFiles", nodeId=node, files=[str(path)])


@contextmanager
def chromium(folder: Path, *options: str) -> Iterator[Tab]:
    """Run a browser of its own as long as the block lasts; skip the test where there is none."""
    inward, told = os.pipe()
    heard, outward = os.pipe()
    words = [browser(), *QUIET, "--remote-debugging-pipe", f"--user-data-dir={folder / 'browser'}"]
    shell = f'exec "$@" 3<&{inward} 4>&{outward}'
    process = subprocess.Popen(
        ["bash", "-c", shell, "bash", *words, *options, "about:blank"],
        pass_fds=(inward, outward),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(inward)
    os.close(outward)
    tab = Tab(process, heard, told, folder)
    try:
        targets = tab.send("Target.getTargets")["targetInfos"]
        page = next(each["targetId"] for each in targets if each["type"] == "page")
        tab.session = tab.send("Target.attachToTarget", targetId=page, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            tab.send(f"{domain}.enable")
        yield tab
    finally:
        os.close(told)  # a browser whose pipe is closed ends
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        tab.reading.close()
