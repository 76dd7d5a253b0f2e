"""What both clients are made of, but for the I/O."""

from __future__ import annotations

import re
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import httpx

from placement.client.exchanges import Exchanges
from placement.client.operations import Operations
from placement.client.retries import Retries, Surroundings, Timeouts

_KEY = re.compile(r"[\x21-\x7e]+")


def http_options(base_url: str, api_key: str | None) -> dict[str, Any]:
    """What an httpx client is opened with; raises `ValueError` for an address or a key that cannot be used.

    Redirects are not followed, so that the key is shown to no other service. What is wrong with a key is said without
    repeating it.
    """
    url = httpx.URL(base_url)
    if url.scheme not in ("http", "https") or not url.host:
        raise ValueError("base_url: must begin with http:// or https:// and name a host")
    headers = {"Accept": "application/json", "User-Agent": _user_agent()}
    if api_key is not None:
        if not _KEY.fullmatch(api_key):
            raise ValueError("api_key: must be printable ASCII without blanks")
        headers["Authorization"] = f"Bearer {api_key}"
    reads_certificates = url.scheme == "https"  # that takes up to 0.1 s of processor time; plain HTTP asks for none
    return {"base_url": url, "headers": headers, "follow_redirects": False, "verify": reads_certificates}


def shown(base_url: str) -> str:
    """An address without what may be secret in it."""
    url = httpx.URL(base_url)
    return str(url.copy_with(username=None, password=None, query=None, fragment=None)).rstrip("/")


def operations_of(base_url: str, retries: Retries, timeouts: Timeouts, surroundings: Surroundings) -> Operations:
    """The operations of a client with these settings."""
    return Operations(Exchanges(shown(base_url), retries, timeouts, surroundings), timeouts, surroundings)


def _user_agent() -> str:
    try:
        release = version("layer-placement")
    except PackageNotFoundError:  # run from a checkout that is not installed
        release = "0+checkout"
    return f"layer-placement-client/{release} python-httpx/{httpx.__version__}"
