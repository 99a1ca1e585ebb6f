"""The Hub, by huggingface_hub: what a repository holds, and a folder brought there."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import os
import re
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from animekit.errors import AnimekitError, NetworkError, NotFoundError, UnusableError, UsageError
from animekit.hub.addresses import Refused, check_address, host_of
from animekit.text import clipped, install_hint

PREFIX = "hf:"
HOST = "huggingface.co"
PLACE = re.compile(
    r"hf:(?P<repo>[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95})(@(?P<revision>[\w./-]{1,200}))?"
)


@dataclass(frozen=True)
class Address:
    """A repository of models on the Hub, and which revision of it."""

    repo: str
    revision: str | None = None

    @classmethod
    def read(cls, text: str) -> Address:
        """Return what hf:USER/NAME@revision names; UsageError for another form.

        >>> Address.read("hf:ann/faces@v1.0")
        Address(repo='ann/faces', revision='v1.0')
        """
        found = PLACE.fullmatch(text)
        if found is None or ".." in text or "--" in text:
            raise UsageError(
                f'"{clipped(text)}" is no place on the Hub',
                "write hf:USER/NAME, or hf:USER/NAME@v1",
            )
        return cls(found["repo"], found["revision"])

    def __str__(self) -> str:
        return f"{PREFIX}{self.repo}" + ("" if self.revision is None else f"@{self.revision}")


@dataclass(frozen=True)
class RemoteFile:
    """A file of a repository: bytes, and a sum: sha256 of large ones, else git's."""

    name: str
    size: int
    sha256: str | None
    blob: str | None


@dataclass(frozen=True)
class Repository:
    """A repository as it was at one commit, and what it holds."""

    address: Address
    commit: str
    files: dict[str, RemoteFile]


def need() -> None:
    """Raise UnusableError where huggingface_hub is not installed."""
    if importlib.util.find_spec("huggingface_hub") is None:
        raise UnusableError(
            "nothing goes to the Hub without huggingface_hub",
            f"{install_hint('hub')}; a packed folder can be passed on without it",
            code="hub.missing",
        )


def endpoint() -> str:
    """Return the address of the Hub, or that of HF_ENDPOINT, as huggingface_hub does."""
    found = (os.environ.get("HF_ENDPOINT") or f"https://{HOST}").rstrip("/")
    try:
        check_address(found)  # tokens go there: HTTPS, or this machine
    except Refused as refused:
        raise UsageError(f"HF_ENDPOINT will not do: {refused}", "use an https:// address") from None
    return found


def look(address: Address) -> Repository:
    """Return what a repository holds; raises as `telling`."""
    place = endpoint()
    need()
    from huggingface_hub import HfApi

    with telling(address):
        info = HfApi(place).model_info(
            address.repo, revision=address.revision, files_metadata=True, timeout=30
        )
    files = {}
    for each in info.siblings or ():
        lfs: Any = each.lfs
        sha256 = None if lfs is None else lfs.sha256
        size = each.size if lfs is None else lfs.size
        if isinstance(size, int):
            files[each.rfilename] = RemoteFile(each.rfilename, size, sha256, each.blob_id)
    if not re.fullmatch("[0-9a-f]{40}", str(info.sha)):
        raise NetworkError(f"{address} does not say which commit it is at", "try again")
    return Repository(address, str(info.sha), files)


def url_of(repository: Repository, name: str) -> tuple[str, Mapping[str, str]]:
    """Return where a file of a repository is, and the headers that ask for it."""
    from huggingface_hub.utils import build_hf_headers

    url = f"{endpoint()}/{repository.address.repo}/resolve/{repository.commit}/{quote(name)}"
    headers = build_hf_headers(library_name="animekit")
    return url, {key: value for key, value in headers.items() if key.lower() == "authorization"}


def send(
    address: Address, files: Mapping[str, Path], message: str, *, private: bool = False
) -> str:
    """Bring files to a repository, made if it is new; return the commit."""
    place = endpoint()
    need()
    from huggingface_hub import CommitOperationAdd, HfApi, get_token

    if get_token() is None:
        raise UsageError(
            "the Hub takes files from those it knows, and there is no token here",
            "hf auth login, or set HF_TOKEN (a token that may write)",
            code="hub.token",
        )
    with contextlib.ExitStack() as stack:
        stack.enter_context(_still())
        stack.enter_context(telling(address))
        parts: list[Any] = []
        for name, path in files.items():
            # the Hub's own storage takes paths; another server knows Git LFS alone, and an open
            # file makes huggingface_hub speak that
            source = str(path) if host_of(place) == HOST else stack.enter_context(path.open("rb"))
            parts.append(CommitOperationAdd(name, source))
        api = HfApi(place, library_name="animekit")
        api.create_repo(address.repo, private=private, exist_ok=True)
        done = api.create_commit(
            address.repo, parts, commit_message=message, revision=address.revision
        )
    return str(done.oid)


@contextmanager
def _still() -> Iterator[None]:
    """Keep bars and words of huggingface_hub off the screen, which is animekit's."""
    from huggingface_hub import utils

    bars, level = utils.are_progress_bars_disabled(), utils.logging.get_verbosity()
    utils.disable_progress_bars()
    utils.logging.set_verbosity_error()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        utils.logging.set_verbosity(level)
        if not bars:
            utils.enable_progress_bars()


def blob_of(data: bytes) -> str:
    """Return git's sum of a file.

    >>> blob_of(b"")
    'e69de29bb2d1d6434b8b29ae775ad8c2e48c5391'
    """
    head = f"blob {len(data)}\0".encode()
    return hashlib.sha1(head + data, usedforsecurity=False).hexdigest()


@contextmanager
def telling(address: Address) -> Iterator[None]:
    """Let what the Hub and the way to it refuse become one line, without a token.

    Raises NotFoundError where nothing is there, NetworkError with code network.denied where it may
    not be had, and NetworkError for all else.
    """
    from huggingface_hub import errors

    try:
        yield
    except AnimekitError:
        raise
    except Exception as error:  # httpx's own, which has changed its name with its version
        host = host_of(endpoint())
        status = None
        with contextlib.suppress(AttributeError):
            status = int(error.response.status_code)  # type: ignore[attr-defined]
        if isinstance(error, errors.RevisionNotFoundError):
            raise NotFoundError(
                f"{address.repo} has no revision {address.revision or 'main'}",
                "leave @REVISION out for the newest",
                code="hub.revision",
            ) from None
        if status in (401, 403) or isinstance(error, errors.GatedRepoError):
            raise NetworkError(
                f"{host} does not let us have {address} (HTTP {status}): it is private, not there,"
                " or needs another token",
                "look at the name; hf auth login, or set HF_TOKEN",
                code="network.denied",
            ) from None
        if isinstance(error, errors.RepositoryNotFoundError) or status == 404:
            raise NotFoundError(
                f"no model {address} at {host}", "look at the name", code="hub.not_found"
            ) from None
        word = f"HTTP {status}" if status is not None else type(error).__name__
        raise NetworkError(
            f"{host} did not answer as the Hub does about {address}: {word}",
            "try again later; models pack makes a folder that can be passed on without it",
        ) from error
