"""Brave Image Search: breadth, for a key. It tells no licences, and one search gives 200 pictures at most.

https://api-dashboard.search.brave.com/documentation: a wrong key is HTTP 422, a used-up plan HTTP 429 with QUOTA_LIMITED.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from common.errors import BadParameters
from jobs.scrape.origin import Origin
from jobs.scrape.providers import fields
from jobs.scrape.providers.base import ANY, Answer, Exhausted, Page, Provider, Rejected, address, document, secret, worth_a_fetch

URL, KEY = "DARKROOM_BRAVE_URL", "DARKROOM_BRAVE_KEY"
PUBLIC = "https://api.search.brave.com/res/v1/images/search"
MOST = 200
UNLICENSED = (
    "Brave tells no licences: whose these pictures are, and whether you may train on them and keep them, is for you to find out. "
    "Its terms limit by plan how long results may be kept."
)
_CODE = re.compile(rb'"code"\s*:\s*"([A-Z_]{1,60})"')


@dataclass(frozen=True)
class Brave:
    key: str = field(repr=False)
    url: str = PUBLIC
    title: str = "Brave"
    notes: tuple[str, ...] = (UNLICENSED,)

    @property
    def headers(self) -> Mapping[str, str]:
        return {"Accept": "application/json", "X-Subscription-Token": self.key}

    @property
    def pause_s(self) -> float:
        return 1.0 if self.url == PUBLIC else 0.0

    def first(self, phrase: str, most: int) -> str:
        # It leaves out what it holds for double or dead, so more is asked for than wanted.
        return f"{self.url}?{urlencode({'q': phrase, 'count': min(MOST, 2 * most), 'safesearch': 'strict', 'spellcheck': 'false'})}"

    def read(self, url: str, answer: Answer) -> Page:
        del url
        self._check(answer)
        results = fields.entries(document(self.title, answer, self.key), "results")
        finds = [origin for one in results if (origin := _read(one))]
        return Page(finds, passed_over=len(results) - len(finds))

    def _check(self, answer: Answer) -> None:
        """Raise for what only Brave's own codes tell apart; its words stay out, for they may repeat the key."""
        if answer.status == 200:
            return
        named = _CODE.search(answer.data[:10_000])
        code = named[1].decode() if named else ""
        if answer.status in (401, 403, 404) or "SUBSCRIPTION" in code or (answer.status == 422 and b"x-subscription-token" in answer.data):
            why = f"HTTP {answer.status}{f', {code}' if code else ''}"
            raise Rejected(f"Brave does not take the key in {KEY} ({why}). Check it, and that its plan holds Image Search.")
        if answer.status == 429 and code == "QUOTA_LIMITED":
            raise Exhausted("Brave's quota is used up", _longest_reset_s(answer.headers))


def _read(one: dict[str, Any]) -> Origin | None:
    title = fields.text(one.get("title"))
    origin = Origin(
        url=fields.link(fields.entry(one, "properties", "url")),
        landing=fields.link(one.get("url")),
        title=title,
        provider="brave",
    )
    width, height = (fields.whole(fields.entry(one, "properties", key)) for key in ("width", "height"))
    return origin if worth_a_fetch(origin, "", width, height) else None


def _longest_reset_s(headers: Mapping[str, str]) -> float | None:
    """Return when the last of several quotas begins anew: `X-RateLimit-Reset: 1, 1419704`, in seconds."""
    numbers = [part.strip() for part in headers.get("x-ratelimit-reset", "")[:100].split(",")]
    return max((float(one) for one in numbers if one.isascii() and one.isdigit()), default=None)


def _open(environment: Mapping[str, str], licences: str) -> Brave:
    del licences  # only one is left
    key = secret(environment, KEY)
    if not key:
        raise BadParameters(
            f"Brave wants a key: put it into {KEY} (on a cluster into the Secret that the chart's web.secret names), or use "
            "source = openverse, which needs none. https://api-dashboard.search.brave.com gives keys."
        )
    return Brave(key, address(environment, URL, PUBLIC))


PROVIDER = Provider(name="brave", title="Brave", open=_open, licences=(ANY,))
