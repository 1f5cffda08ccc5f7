"""Wikimedia Commons: 100 million free files, each with its own licence; needs no key, but somebody to write to.

https://www.mediawiki.org/wiki/API:Search and API:Imageinfo. Pictures are taken in a width that Commons keeps ready,
which is kinder to it than the originals. All that is on Commons may be sold and changed, so each scrape.licences holds.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from common.errors import BadInput, BadParameters, Retryable
from jobs.scrape.origin import Origin
from jobs.scrape.providers import fields
from jobs.scrape.providers.base import Answer, Page, Provider, Rejected, address, asked_pause_s, document, said, worth_a_fetch

URL, CONTACT = "DARKROOM_WIKIMEDIA_URL", "DARKROOM_CONTACT"
PUBLIC = "https://commons.wikimedia.org/w/api.php"
PAGE = 50  # titles that one query may ask imageinfo of
WIDTH = 960  # one of Commons' thumbnail steps
_HEALS = ("maxlag", "ratelimited", "readonly")
_OPERATORS = re.compile(r'[:~*\\/|<>\[\]{}"!]')
_ASKED: Mapping[str, str] = {
    "action": "query",
    "format": "json",
    "formatversion": "2",
    "maxlag": "5",
    "generator": "search",
    "gsrnamespace": "6",
    "gsrlimit": str(PAGE),
    "prop": "imageinfo",
    "iiprop": "url|size|mime|extmetadata",
    "iiurlwidth": str(WIDTH),
    "iiextmetadatafilter": "License|LicenseShortName|LicenseUrl|Artist|ObjectName|Attribution",
}


@dataclass(frozen=True)
class Wikimedia:
    url: str = PUBLIC
    title: str = "Wikimedia Commons"
    headers: Mapping[str, str] = field(default_factory=lambda: {"Accept": "application/json"})
    notes: tuple[str, ...] = ()

    @property
    def pause_s(self) -> float:
        return 1.0 if self.url == PUBLIC else 0.0

    def first(self, phrase: str, most: int) -> str:
        del most  # its pages are as long as they may be
        words = " ".join(_OPERATORS.sub(" ", phrase).split())
        if not words:
            raise BadInput("There is no word to search Wikimedia Commons")
        return self._with({"gsrsearch": f"{words} filetype:bitmap"})

    def read(self, url: str, answer: Answer) -> Page:
        if answer.status == 403:
            raise Rejected(f"Wikimedia Commons answered HTTP 403{said(answer)}. It wants a true contact: check {CONTACT}.")
        found = document(self.title, answer)
        if "error" in found:
            raise _error(found, answer)
        pages = sorted(fields.entries(found, "query", "pages"), key=lambda page: fields.whole(page.get("index")))
        # A long answer comes in pieces, in which each file has its imageinfo once.
        told = [(page, info) for page in pages for info in fields.entries(page, "imageinfo")[:1]]
        finds = [origin for page, info in told if (origin := _read(page, info))]
        return Page(finds, self._following(url, found.get("continue")), len(told) - len(finds))

    def _following(self, url: str, more: Any) -> str:
        if not isinstance(more, dict):
            return ""
        asked = parse_qs(urlsplit(url).query)["gsrsearch"][0]
        return self._with({"gsrsearch": asked, **{str(name): str(value) for name, value in more.items() if name not in _ASKED}})

    def _with(self, more: Mapping[str, str]) -> str:
        return f"{self.url}?{urlencode({**_ASKED, **more})}"


def _read(page: dict[str, Any], info: dict[str, Any]) -> Origin | None:
    meta = info.get("extmetadata")

    def told(name: str, most: int = fields.MAX_TEXT) -> str:
        return fields.text(fields.entry(meta, name, "value"), most)

    short = told("LicenseShortName", 80)
    title = told("ObjectName") or fields.text(page.get("title")).removeprefix("File:").rpartition(".")[0]
    creator = told("Artist")
    origin = Origin(
        url=fields.link(info.get("thumburl")) or fields.link(info.get("url")),
        landing=fields.link(info.get("descriptionurl")),
        title=title,
        creator=creator,
        licence=fields.licence(short or told("License", 80)),
        licence_url=fields.link(told("LicenseUrl", fields.MAX_URL)),
        attribution=told("Attribution", 1000) or fields.credit(title, creator, short, "Wikimedia Commons"),
        provider="wikimedia",
    )
    # What is fetched is no larger than the thumbnail, whatever the original is.
    width, height = (fields.whole(info.get(key)) for key in ("thumbwidth", "thumbheight"))
    return origin if worth_a_fetch(origin, fields.text(info.get("mime"), 40), width, height) else None


def _error(found: dict[str, Any], answer: Answer) -> Exception:
    """Return the error that came with HTTP 200, as MediaWiki's do."""
    code = fields.text(fields.entry(found, "error", "code"), 60)
    if code in _HEALS or code.startswith("internal_api_error"):
        return Retryable(f"Wikimedia Commons is busy ({code})", asked_pause_s(answer))
    return BadInput(f"Wikimedia Commons refused ({code}){said(answer)}")


def _open(environment: Mapping[str, str], licences: str) -> Wikimedia:
    del licences
    if not environment.get(CONTACT, "").strip():
        raise BadParameters(
            f"Wikimedia Commons wants to know whom it can write to. Put an e-mail address or the URL of a page about you into {CONTACT}."
        )
    return Wikimedia(address(environment, URL, PUBLIC))


PROVIDER = Provider(name="wikimedia", title="Wikimedia Commons", open=_open)
