"""From a URL to a store."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import unquote, urlsplit

from common.errors import BadParameters
from common.retry import Policy
from common.store.base import Store
from common.store.local import LocalStore
from common.store.retrying import RetryingStore


def open_store(url: str, endpoint: str | None = None, policy: Policy | None = None) -> Store:
    """Open `file:///folder`, a plain folder path, or `s3://bucket/prefix`; nothing is read or written yet.

    Raises:
        BadParameters: the URL has another form.
    """
    return RetryingStore(_open_bare(url, endpoint), policy)


def open_from_environment(environment: Mapping[str, str]) -> Store:
    """Open the store that DARKROOM_STORE (default: ~/.darkroom/store) and DARKROOM_S3_ENDPOINT name."""
    url = environment.get("DARKROOM_STORE") or str(Path.home() / ".darkroom" / "store")
    return open_url(url, environment)


def open_url(url: str, environment: Mapping[str, str]) -> Store:
    """Open any store as this machine reaches it: by the endpoint that DARKROOM_S3_ENDPOINT names."""
    return open_store(url, environment.get("DARKROOM_S3_ENDPOINT") or None)


def _open_bare(url: str, endpoint: str | None) -> Store:
    parts = urlsplit(url)
    if parts.scheme == "s3" and parts.netloc and not parts.query:
        from common.store.s3 import S3Store

        return S3Store(parts.netloc, parts.path, endpoint)
    if parts.scheme == "file" and not parts.netloc and parts.path:
        return LocalStore(Path(unquote(parts.path)))
    if not parts.scheme and url:
        return LocalStore(Path(url).expanduser())
    raise BadParameters(f"DARKROOM_STORE={url!r} is not a store: write file:///folder, a folder's path, or s3://bucket/prefix.")
