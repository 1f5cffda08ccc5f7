"""Openverse: 800 million openly licensed pictures, with licence and attribution; needs no key.

https://api.openverse.org/v1/ : anonymous pages hold 20 pictures, a token's 500; nobody sees more than 20 pages of one search.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from jobs.scrape.origin import Origin
from jobs.scrape.providers import fields
from jobs.scrape.providers.base import (
    ANY,
    COMMERCIAL,
    MODIFICATION,
    Answer,
    Page,
    Provider,
    Rejected,
    address,
    document,
    said,
    secret,
    worth_a_fetch,
)

URL, TOKEN = "DARKROOM_OPENVERSE_URL", "DARKROOM_OPENVERSE_TOKEN"
PUBLIC = "https://api.openverse.org/v1/images/"
ANONYMOUS_PAGE, TOKEN_PAGE, LAST_PAGE = 20, 500, 20
ANONYMOUS_PAUSE_S, TOKEN_PAUSE_S = 3.0, 0.6  # 20 and 100 requests a minute
_FORBIDS = {COMMERCIAL: "nc", MODIFICATION: "nd"}


@dataclass(frozen=True)
class Openverse:
    """A mirror tells its own limits, by 429; those of the public address are known and kept."""

    url: str = PUBLIC
    token: str = field(default="", repr=False)
    licences: str = ANY
    title: str = "Openverse"
    notes: tuple[str, ...] = ()

    @property
    def headers(self) -> Mapping[str, str]:
        return {"Accept": "application/json"} | ({"Authorization": f"Bearer {self.token}"} if self.token else {})

    @property
    def pause_s(self) -> float:
        if self.url != PUBLIC:
            return 0.0
        return TOKEN_PAUSE_S if self.token else ANONYMOUS_PAUSE_S

    def first(self, phrase: str, most: int) -> str:
        size = max(ANONYMOUS_PAGE, min(most, TOKEN_PAGE)) if self.token else ANONYMOUS_PAGE
        return self._page({"q": phrase, "page_size": str(size)}, 1)

    def read(self, url: str, answer: Answer) -> Page:
        asked = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
        page = int(asked.pop("page"))
        if answer.status == 400 and page > 1:  # there are fewer pages than it said
            return Page()
        if answer.status in (401, 403):
            raise Rejected(f"Openverse answered HTTP {answer.status}{said(answer, self.token)}. {self._advice()}")
        found = document(self.title, answer, self.token)
        results = fields.entries(found, "results")
        finds = [origin for one in results if (origin := self._read(one))]
        last = min(fields.whole(found.get("page_count")), LAST_PAGE)
        following = self._page(asked, page + 1) if results and page < last else ""
        return Page(finds, following, len(results) - len(finds))

    def _page(self, asked: Mapping[str, str], page: int) -> str:
        chosen = {} if self.licences == ANY else {"license_type": self.licences}
        return f"{self.url}?{urlencode({**asked, **chosen, 'page': page})}"

    def _read(self, one: dict[str, Any]) -> Origin | None:
        name, version = fields.text(one.get("license"), 40), fields.text(one.get("license_version"), 10)
        origin = Origin(
            url=fields.link(one.get("url")),
            landing=fields.link(one.get("foreign_landing_url")),
            title=fields.text(one.get("title")),
            creator=fields.text(one.get("creator")),
            licence=fields.licence(name, version),
            licence_url=fields.link(one.get("license_url")),
            attribution=fields.text(one.get("attribution"), 1000),
            provider=fields.text(one.get("source"), 60) or "openverse",
        )
        width, height, size = (fields.whole(one.get(key)) for key in ("width", "height", "filesize"))
        kept = worth_a_fetch(origin, fields.text(one.get("filetype"), 20), width, height, size)
        return origin if kept and _FORBIDS.get(self.licences) not in name.split("-") else None

    def _advice(self) -> str:
        return f"Tokens expire: put a new one into {TOKEN}, or none." if self.token else f"Ask with a token: {TOKEN}."


def _open(environment: Mapping[str, str], licences: str) -> Openverse:
    return Openverse(address(environment, URL, PUBLIC), secret(environment, TOKEN), licences)


PROVIDER = Provider(name="openverse", title="Openverse", open=_open)
