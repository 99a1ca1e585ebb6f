"""The scripts of our pages, run by node where it is there."""

from __future__ import annotations

import json
import shutil
import subprocess
from typing import Any

import pytest

from animekit.exporting.page import ASSETS

BEGIN = """
const fs = require("fs"), vm = require("vm"), [files, given] = JSON.parse(fs.readFileSync(0));
for (const file of files) vm.runInThisContext(fs.readFileSync(file, "utf8"), { filename: file });
const big = (key, value) => (ArrayBuffer.isView(value) ? [...value] : value);
Promise.resolve((async () => { BODY })()).then((found) => console.log(JSON.stringify(found, big)));
"""


def run(body: str, *scripts: str, given: Any = None) -> Any:
    """Return what the body of a function returns after some scripts of a page; it has `given`."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("no node on this machine to run the scripts of pages with")
    files = [str(ASSETS / name) for name in scripts]
    done = subprocess.run(
        [node, "-e", BEGIN.replace("BODY", body)],
        input=json.dumps([files, given]),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
