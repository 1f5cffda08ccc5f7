"""Weights that others publish, fetched once: torchvision's, whose file names carry the first digits of their sha256.

Only the one address is asked, over TLS unless the place of the weights was set to a mirror without; no redirect leads from TLS to none.
Size and time are bounded. What was fetched first is pinned in the store: the same file ever after, or none.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import re
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

from common import records
from common.errors import AlreadyExists, BadInput, NotFound, Refused
from common.records import Pin
from common.store import Store
from jobs import __version__

WEIGHTS: Mapping[str, str] = {
    "resnet18": "resnet18-f37072fd.pth",
    "resnet34": "resnet34-b627a593.pth",
    "resnet50": "resnet50-0676ba61.pth",
}
PLACE, DEFAULT_PLACE = "DARKROOM_TORCHVISION_URL", "https://download.pytorch.org/models/"
LICENCE = "BSD-3-Clause; trained on ImageNet, whose pictures have terms of their own"
MOST_BYTES = 256 * 1024 * 1024
SECONDS, SILENCE_S = 1200.0, 30.0
BLOCK = 1 << 20
NAMED_SUM = re.compile(r"-([0-9a-f]{8,64})\.pth")


def url_of(name: str, environment: Mapping[str, str] = os.environ) -> str:
    """Return where a network's weights are fetched from."""
    return f"{(environment.get(PLACE) or DEFAULT_PLACE).rstrip('/')}/{WEIGHTS[name]}"


def fetch(store: Store, name: str, folder: Path, environment: Mapping[str, str] = os.environ) -> Path:
    """Fetch a network's weights to a folder, and check that they are those that are meant.

    Raises:
        Refused: they cannot be had, or are others, with what to do.
    """
    url, target = url_of(name, environment), folder / WEIGHTS[name]
    try:
        found = _download(url, target)
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise Refused(f"{target.name} could not be fetched from {url} ({_reason(error)}). {_bring(name)}") from error
    check_sum(target.name, found)
    _pin(store, Pin(file=target.name, sha256=found, size=target.stat().st_size))
    return target


def check_sum(file: str, digest: str) -> None:
    """Refuse a file whose name says another sha256. Raises Refused."""
    named = NAMED_SUM.search(file)
    if named and not digest.startswith(named[1]):
        raise Refused(
            f"{file} is not what its name says: its sha256 begins with {digest[: len(named[1])]}, not with {named[1]}. "
            "It is damaged or another file; fetch it anew."
        )


def check_pin(store: Store, file: str, digest: str) -> None:
    """Refuse a file that was another when it was fetched first. Raises Refused."""
    held = _read_pin(store, file)
    if held is not None and held.sha256 != digest:
        raise Refused(
            f"{file} is not what it was when it was fetched first: its sha256 is {digest}, it was {held.sha256}. If the new one is "
            f"meant, delete {_pin_key(file)} from {store.url} and add it again."
        )


def _bring(name: str) -> str:
    file = WEIGHTS[name]
    return (
        f"Without internet: bring the file {file} (its sha256 begins with {file.rpartition('-')[2].removesuffix('.pth')}) and say "
        f"`darkroom backbone add PATH/{file} --name {name}`; or set {PLACE} to a mirror."
    )


def _download(url: str, target: Path) -> str:
    """Write what a URL gives to a file; return its sha256. Raises OSError, HTTPException or ValueError."""
    until, digest, size = time.monotonic() + SECONDS, sha256(), 0
    with _opener(url).open(url, timeout=SILENCE_S) as answer, target.open("wb") as file:
        for block in _blocks(answer):
            size += len(block)
            if size > MOST_BYTES:
                raise OSError(f"more than {MOST_BYTES >> 20} MiB")
            if time.monotonic() > until:
                raise OSError(f"longer than {SECONDS:g} s")
            digest.update(block)
            file.write(block)
        said = answer.headers.get("Content-Length")
    if said is not None and said != str(size):
        raise OSError(f"cut short after {size} of {said} bytes")
    return digest.hexdigest()


def _blocks(answer: IO[bytes]) -> Iterator[bytes]:
    while block := answer.read1(BLOCK):  # type: ignore[attr-defined]
        yield block


def _opener(url: str) -> urllib.request.OpenerDirector:
    scheme = urlsplit(url).scheme
    if scheme not in ("http", "https"):
        raise ValueError(f"{PLACE} is no URL of http or https")

    class Redirects(urllib.request.HTTPRedirectHandler):
        def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
            if urlsplit(newurl).scheme not in ("https", scheme):
                raise urllib.error.URLError(f"it leads to {newurl[:200]}")
            return super().redirect_request(req, fp, code, msg, headers, newurl)

    opener = urllib.request.build_opener(Redirects)
    opener.addheaders = [("User-Agent", f"darkroom/{__version__}")]
    return opener


def _reason(error: Exception) -> str:
    if isinstance(error, urllib.error.HTTPError):
        return f"HTTP {error.code}"
    return str(getattr(error, "reason", "") or error)[:200] or type(error).__name__


def _pin_key(file: str) -> str:
    return f"pins/{file}.json"


def _read_pin(store: Store, file: str) -> Pin | None:
    place = _pin_key(file)
    with contextlib.suppress(NotFound):
        try:
            return records.decode(store.get(place).data, Pin, f"{store.url}/{place}")
        except BadInput as error:
            raise Refused(f"{error} Delete it and add the backbone again.") from error
    return None


def _pin(store: Store, pin: Pin) -> None:
    """Pin what was fetched, or hold it to what was pinned. Raises Refused."""
    with contextlib.suppress(AlreadyExists):
        store.put(_pin_key(pin.file), records.encode(pin), "create")
        return
    check_pin(store, pin.file, pin.sha256)
