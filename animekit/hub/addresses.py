"""Which web addresses may be asked, and what their failures mean: try again, or try another."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit

import requests
import urllib3


class Refused(Exception):
    """An address will not do: the next one is tried."""


class Cut(Exception):
    """A connection failed: the same address is tried again, `after` so many seconds."""

    def __init__(self, reason: str, after: float = 0.0) -> None:
        super().__init__(reason)
        self.after = after


def check_address(url: str, *, plain_http: bool = False, before: str = "") -> None:
    """Raise unless an address may be asked, given the one that redirected to it.

    >>> check_address("https://example.org/a.zip")
    >>> check_address("http://example.org/a.zip")
    Traceback (most recent call last):
    animekit.hub.addresses.Refused: http://example.org is not HTTPS
    """
    try:
        parts = urlsplit(url)
        host, scheme = parts.hostname or "", parts.scheme.lower()
    except ValueError:
        raise Refused("the address is not sound") from None
    if scheme not in ("http", "https") or not host:
        raise Refused(f"{scheme or 'no'}: addresses are not followed")
    if parts.username or parts.password:
        raise Refused(f"the address of {host} holds a password")
    if scheme == "https":
        return
    if before.lower().startswith("https:"):
        raise Refused(f"it leads from HTTPS to plain HTTP at {host}")
    if not (plain_http or _is_this_machine(host)):
        raise Refused(f"http://{host} is not HTTPS")


def _is_this_machine(host: str) -> bool:
    with suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return host == "localhost"


def host_of(url: str) -> str:
    """Return the host of an address, for a message; the address where it has none."""
    with suppress(ValueError):
        return urlsplit(url).hostname or url
    return url


@contextmanager
def connection_errors() -> Iterator[None]:
    """Sort what requests raises: what may pass by itself, and what will not."""
    try:
        yield
    except requests.exceptions.SSLError as error:
        raise Refused(f"no trusted connection ({_root(error)})") from None
    except (
        requests.exceptions.Timeout,
        requests.exceptions.ConnectionError,
        requests.exceptions.ChunkedEncodingError,
        requests.exceptions.ContentDecodingError,
        urllib3.exceptions.HTTPError,  # in the middle of the file
    ) as error:
        slow = "timed out" in str(error).lower()  # a pause in the middle of the file is one too
        raise Cut("no answer in time" if slow else f"no connection ({_root(error)})") from None
    except requests.exceptions.RequestException as error:
        raise Refused(str(error)) from None


def _root(error: BaseException) -> str:
    """Return the innermost reason of an error that wraps others."""
    inner = [item for item in error.args if isinstance(item, BaseException)]
    reason = getattr(error, "reason", None)
    inner += [reason] if isinstance(reason, BaseException) else []
    return _root(inner[-1]) if inner else str(error) or type(error).__name__
