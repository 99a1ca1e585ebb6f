"""As much of the Hub as is asked of it, on loopback: repositories, commits, large files."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

from animekit.sharing.remote import blob_of
from tests.serving import on_loopback

TOKEN = "hf_a_token_that_nobody_may_see"
LARGE = ".safetensors"


@dataclass
class LocalHub:
    """Repositories by name: files by commit, the newest last; and how it goes wrong."""

    address: str
    commits: dict[str, dict[str, dict[str, bytes]]] = field(default_factory=dict)
    large: dict[str, bytes] = field(default_factory=dict)
    private: set[str] = field(default_factory=set)
    asked: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    lies: dict[str, Any] = field(default_factory=dict)
    """Values that stand in place of those of weights: {"sha256": ..., "size": ...}."""
    cut: int | None = None
    """Bytes of weights after which each answer ends."""
    status: int | None = None
    """What is answered to everything."""

    def put(self, repo: str, files: dict[str, bytes]) -> str:
        """Make a commit of files and return its name."""
        old = self.commits.setdefault(repo, {})
        content = {**(list(old.values())[-1] if old else {}), **files}
        parts = [name.encode() + data for name, data in sorted(content.items())]
        commit = hashlib.sha1(b"".join(parts) + bytes([len(old)])).hexdigest()
        old[commit] = content
        return commit

    def at(self, repo: str, revision: str) -> tuple[str, dict[str, bytes]] | None:
        """Return the commit that a revision means, and its files."""
        commits = self.commits.get(repo, {})
        name = list(commits)[-1] if revision == "main" and commits else revision
        return (name, commits[name]) if name in commits else None


@contextmanager
def running() -> Iterator[LocalHub]:
    """Run a Hub for as long as the block lasts."""
    with on_loopback(_Handler) as (address, server):
        server.hub = LocalHub(address)
        yield server.hub


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    @property
    def hub(self) -> LocalHub:
        return self.server.hub  # type: ignore[attr-defined,no-any-return]

    def log_message(self, *_: Any) -> None:
        pass

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        self._note()
        path = self.path.partition("?")[0]
        if found := re.fullmatch(r"/api/models/([^/]+/[^/]+)(?:/revision/(.+))?", path):
            self._info(found[1], found[2] or "main")
        elif found := re.fullmatch(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path):
            self._file(*found.groups())
        else:
            self._answer({"error": "no such page"}, 404)

    def do_POST(self) -> None:
        self._note()
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        path = self.path.partition("?")[0]
        if path != "/api/validate-yaml" and not self._known():
            self._answer({"error": "Invalid username or password."}, 401)
        elif path == "/api/validate-yaml":
            self._answer({"errors": [], "warnings": []})
        elif path == "/api/repos/create":
            asked = json.loads(body)
            repo = f"{asked['organization']}/{asked['name']}" if asked.get("organization") else ""
            self.hub.commits.setdefault(repo or asked["name"], {})
            self._answer({"url": f"{self.hub.address}/{repo}", "name": repo})
        elif "/preupload/" in path:
            files = json.loads(body)["files"]
            modes = [
                {
                    "path": each["path"],
                    "uploadMode": "lfs" if each["path"].endswith(LARGE) else "regular",
                    "shouldIgnore": False,
                }
                for each in files
            ]
            self._answer({"files": modes})
        elif path.endswith(".git/info/lfs/objects/batch"):
            self._batch(json.loads(body))
        elif found := re.fullmatch(r"/api/models/([^/]+/[^/]+)/commit/(.+)", path):
            self._commit(found[1], body)
        else:
            self._answer({"error": "no such page"}, 404)

    def do_PUT(self) -> None:
        data = self.rfile.read(int(self.headers["Content-Length"]))
        self.hub.large[self.path.rpartition("/")[2]] = data
        self._answer({})

    def _note(self) -> None:
        self.hub.asked.append((self.command, self.path, dict(self.headers)))

    def _known(self) -> bool:
        return self.headers.get("Authorization") == f"Bearer {TOKEN}"

    def _answer(self, value: Any, status: int = 200, **headers: str) -> None:
        data = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        for key, text in headers.items():
            self.send_header(key.replace("_", "-"), text)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def _missing(self, repo: str, revision: str) -> bool:
        """Answer as the Hub does what is not there, or not for everybody."""
        if self.hub.status is not None:
            self._answer({"error": "no"}, self.hub.status)
        elif repo in self.hub.private and not self._known():
            self._answer({"error": "Repository not found"}, 401, X_Error_Code="RepoNotFound")
        elif repo not in self.hub.commits:
            self._answer({"error": "Repository not found"}, 404, X_Error_Code="RepoNotFound")
        elif self.hub.at(repo, revision) is None:
            self._answer({"error": "Revision"}, 404, X_Error_Code="RevisionNotFound")
        else:
            return False
        return True

    def _info(self, repo: str, revision: str) -> None:
        if self._missing(repo, revision):
            return
        found = self.hub.at(repo, revision)
        assert found is not None
        commit, files = found
        rows = []
        for name, data in files.items():
            row: dict[str, Any] = {"rfilename": name, "size": len(data), "blobId": blob_of(data)}
            if name.endswith(LARGE):
                told = {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}
                told |= self.hub.lies
                row |= {"size": told["size"], "lfs": {**told, "pointerSize": 130}}
            rows.append(row)
        self._answer({"id": repo, "modelId": repo, "sha": commit, "siblings": rows, "tags": []})

    def _file(self, repo: str, revision: str, name: str) -> None:
        if self._missing(repo, revision):
            return
        found = self.hub.at(repo, revision)
        assert found is not None
        data = found[1][name]
        self.send_response(200)
        self.send_header("Content-Type", "application/octet-stream")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        cut = self.hub.cut if name.endswith(LARGE) else None
        self.wfile.write(data if cut is None else data[:cut])
        if cut is not None:
            self.close_connection = True

    def _batch(self, asked: dict[str, Any]) -> None:
        objects = [
            {
                **each,
                "authenticated": True,
                "actions": {"upload": {"href": f"{self.hub.address}/lfs/{each['oid']}"}},
            }
            for each in asked["objects"]
        ]
        self._answer({"transfer": "basic", "objects": objects})

    def _commit(self, repo: str, body: bytes) -> None:
        files: dict[str, bytes] = {}
        for line in body.splitlines():
            row = json.loads(line)
            value = row["value"]
            if row["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif row["key"] == "lfsFile":
                files[value["path"]] = self.hub.large[value["oid"]]
        commit = self.hub.put(repo, files)
        url = f"{self.hub.address}/{repo}/commit/{commit}"
        self._answer({"success": True, "commitOid": commit, "commitUrl": url})
