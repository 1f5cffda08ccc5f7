"""The page: drop a photograph, see the answer. It asks nobody but this service."""

from __future__ import annotations

import functools
from importlib.resources import files

from common.images import SUFFIXES
from common.pages import render
from jobs.serve.settings import Settings

_HERE = files("jobs.serve")


@functools.lru_cache(1)
def html(settings: Settings) -> bytes:
    """Return the page of a service."""
    facts = {
        "dataset": settings.dataset,
        "suffixes": ",".join(SUFFIXES),
        "asks_key": bool(settings.keys),
        "keeps": settings.inbox > 0,
        "inbox_under": settings.inbox_under,
        "per_request": settings.per_request,
    }
    return render(_HERE / "page.html.j2", facts)


@functools.lru_cache(1)
def script() -> bytes:
    return (_HERE / "page.js").read_bytes()
