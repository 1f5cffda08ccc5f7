"""Reads what strangers wrote into a provider's answer: any field may be missing, huge, of another type, or an attack.

A field that cannot be used is empty; one bad field or one bad result never costs the page.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlsplit

MAX_URL = 2048
MAX_TEXT = 300
_MAX_READ = 20_000  # characters of a text that are looked at
_UNSEEN = ("script", "style")
_BLANK = re.compile(r"[\s\x00-\x1f\x7f-\x9f\ud800-\udfff\u200b-\u200f\u2028-\u202e\u2066-\u2069]+")
_NO_URL = re.compile(r"[\s\x00-\x1f\x7f\\\ud800-\udfff]")
_CREATIVE_COMMONS = re.compile(r"(?:cc[ -])?(by(?:-nc)?(?:-nd|-sa)?)[ -](\d\.\d)", re.IGNORECASE)


def text(value: Any, most: int = MAX_TEXT) -> str:
    """Return a text in one line without markup, shortened; empty for anything else than a text."""
    if not isinstance(value, str):
        return ""
    seen = value[:_MAX_READ]
    line = _BLANK.sub(" ", _without_markup(seen) if "<" in seen or "&" in seen else seen).strip()
    return line if len(line) <= most else f"{line[: most - 1].rstrip()}…"


def link(value: Any) -> str:
    """Return a URL of the web, or an empty text."""
    if not isinstance(value, str) or len(value) > MAX_URL or _NO_URL.search(value):
        return ""
    whole = f"https:{value}" if value.startswith("//") else value
    try:
        parts = urlsplit(whole)
    except ValueError:
        return ""
    return whole if parts.scheme in ("http", "https") and parts.hostname and "@" not in parts.netloc else ""


def whole(value: Any) -> int:
    """Return a number that counts something, 0 where it is none."""
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 2**53 else 0


def entry(value: Any, *names: str) -> Any:
    """Return what lies at a path of names, or None."""
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def entries(value: Any, *names: str) -> list[dict[str, Any]]:
    """Return the objects in the list that lies at a path of names."""
    found = entry(value, *names)
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def licence(name: str, version: str = "") -> str:
    """Return the short name of a licence: `by-sa 4.0`, `cc0 1.0`; one that is not Creative Commons' stays as it is."""
    known = _CREATIVE_COMMONS.fullmatch(f"{name} {version}".strip())
    if known:
        return f"{known[1].lower()} {known[2]}"
    if name.lower() in ("cc0", "cc-zero", "cc0 1.0", "pdm"):
        return f"{'pdm' if name.lower() == 'pdm' else 'cc0'} 1.0"
    return f"{name} {version}".strip()


def credit(title: str, creator: str, licence_name: str, place: str) -> str:
    """Return an attribution in the usual order: title, author, source, licence."""
    named = f'"{title}"' if title else "Picture"
    parts: Iterable[str] = (f"{named} by {creator}" if creator else named, f"via {place}", licence_name)
    return ", ".join(part for part in parts if part)


def _without_markup(value: str) -> str:
    reader = _Text()
    reader.feed(value)
    reader.close()
    return "".join(reader.found)


class _Text(HTMLParser):
    """Collects what a browser would show."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[str] = []
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        del attrs
        self._hidden += tag in _UNSEEN
        self.found.append(" " if tag in ("br", "p", "div", "li", "td", "tr") else "")

    def handle_endtag(self, tag: str) -> None:
        self._hidden -= tag in _UNSEEN and self._hidden > 0

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.found.append(data)
