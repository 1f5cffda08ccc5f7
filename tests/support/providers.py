"""Searches that answer as the real ones document it, from an index of our own; as a function, and as a server.

`Replay` is the function: what stands in for a socket in a provider's tests. `serve` puts it behind
HTTP, beside the pictures that it finds, for tests of the whole command.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.support.serving import running

OPENVERSE, WIKIMEDIA, BRAVE = "/v1/images/", "/w/api.php", "/res/v1/images/search"
KEY = "BSA-a-key-that-nobody-may-see"
TOKEN = "a-token-that-nobody-may-see"


@dataclass(frozen=True)
class Answer:
    status: int = 200
    data: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


def document(content: Any, status: int = 200, **headers: str) -> Answer:
    return Answer(status, json.dumps(content).encode(), {name.replace("_", "-"): value for name, value in headers.items()})


def throttled(seconds: int) -> Answer:
    """As Django REST framework says it, which Openverse is made with."""
    return document({"detail": f"Request was throttled. Expected available in {seconds} seconds."}, 429, retry_after=str(seconds))


@dataclass
class Replay:
    """Answers searches. `held` pictures are found for a phrase; `before` may answer a request in the place of what is usual."""

    base: str = "http://pictures.example"
    held: Callable[[str], int] = lambda phrase: 45
    before: Callable[[int, str], Answer | None] = lambda number, url: None
    urls: list[str] = field(default_factory=list)
    headers: list[Mapping[str, str]] = field(default_factory=list)

    def __call__(self, url: str, headers: Mapping[str, str]) -> Answer:
        self.urls.append(url)
        self.headers.append({name.lower(): value for name, value in headers.items()})
        path, asked = urlsplit(url).path, {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
        usual = {OPENVERSE: self._openverse, WIKIMEDIA: self._wikimedia, BRAVE: self._brave}[path]
        return self.before(len(self.urls), url) or usual(asked, self.headers[-1])

    @property
    def phrases(self) -> list[str]:
        """The phrases of all requests so far."""
        queries = [parse_qs(urlsplit(url).query) for url in self.urls]
        return [(query.get("q") or query["gsrsearch"])[0].removesuffix(" filetype:bitmap") for query in queries]

    def picture(self, phrase: str, number: int) -> str:
        return f"{self.base}/pictures/{phrase.replace(' ', '-')}/{number}.jpg"

    def _openverse(self, asked: Mapping[str, str], headers: Mapping[str, str]) -> Answer:
        size, page, held = int(asked["page_size"]), int(asked["page"]), self.held(asked["q"])
        known = headers.get("authorization")
        if known not in (None, f"Bearer {TOKEN}") or size > (500 if known else 20):
            return document({"detail": f"Authentication credentials were not provided or are wrong: {known}"}, 401)
        pages = -(-held // size)
        if page > min(max(pages, 1), 20):
            return document({"detail": "Invalid page."}, 400)
        numbers = range((page - 1) * size, min(page * size, held))
        results = [openverse_result(self.picture(asked["q"], number), number) for number in numbers]
        return document({"result_count": held, "page_count": min(pages, 20), "page_size": size, "page": page, "results": results})

    def _wikimedia(self, asked: Mapping[str, str], headers: Mapping[str, str]) -> Answer:
        phrase, start = asked["gsrsearch"].removesuffix(" filetype:bitmap"), int(asked.get("gsroffset", 0))
        held = self.held(phrase)
        end = min(start + int(asked["gsrlimit"]), held)
        if start >= held:
            return document({"batchcomplete": True})
        pages = [wikimedia_page(self.picture(phrase, number), number) for number in reversed(range(start, end))]
        more = {"continue": {"gsroffset": end, "continue": "gsroffset||"}} if end < held else {}
        return document({"batchcomplete": True, **more, "query": {"pages": pages}})

    def _brave(self, asked: Mapping[str, str], headers: Mapping[str, str]) -> Answer:
        if headers.get("x-subscription-token") != KEY:
            return brave_error("SUBSCRIPTION_TOKEN_INVALID", 422)
        if int(asked["count"]) > 200:
            return brave_error("VALIDATION", 422)
        results = [
            brave_result(self.picture(asked["q"], number), number) for number in range(min(int(asked["count"]), self.held(asked["q"])))
        ]
        return document({"type": "images", "query": {"original": asked["q"]}, "results": results, "extra": {"might_be_offensive": False}})


def openverse_result(url: str, number: int = 0, **other: Any) -> dict[str, Any]:
    """One result, as the API's own examples have it."""
    return {
        "id": f"4bc43a04-ef46-4544-a0c1-{number:012d}",
        "title": f"Tree Bark {number}",
        "indexed_on": "2022-08-27T17:39:48Z",
        "foreign_landing_url": f"https://stocksnap.io/photo/{number}",
        "url": url,
        "creator": "Tim Sullivan",
        "creator_url": "https://www.secretagencygroup.com",
        "license": "by-sa",
        "license_version": "4.0",
        "license_url": "https://creativecommons.org/licenses/by-sa/4.0/",
        "provider": "stocksnap",
        "source": "stocksnap",
        "category": "photograph",
        "filesize": 896128,
        "filetype": "jpg",
        "tags": [{"accuracy": None, "name": "tree", "unstable__provider": "stocksnap"}],
        "attribution": f'"Tree Bark {number}" by Tim Sullivan is licensed under CC BY-SA 4.0.',
        "mature": False,
        "height": 2008,
        "width": 3008,
        **other,
    }


def wikimedia_page(url: str, number: int = 0, **other: Any) -> dict[str, Any]:
    """One page with its imageinfo, formatversion 2."""
    info = {
        "size": 5_000_000,
        "width": 6000,
        "height": 4000,
        "thumburl": url,
        "thumbwidth": 960,
        "thumbheight": 640,
        "url": f"https://upload.wikimedia.org/original/{number}.jpg",
        "descriptionurl": f"https://commons.wikimedia.org/wiki/File:Shirt_{number}.jpg",
        "mime": "image/jpeg",
        "extmetadata": {
            "ObjectName": {"value": f"Shirt {number}", "source": "mediawiki-metadata"},
            "Artist": {"value": '<a href="//commons.wikimedia.org/wiki/User:Ana" title="User:Ana">Ana &amp; Luis</a>'},
            "License": {"value": "cc-by-sa-4.0"},
            "LicenseShortName": {"value": "CC BY-SA 4.0"},
            "LicenseUrl": {"value": "https://creativecommons.org/licenses/by-sa/4.0"},
        },
        **other,
    }
    return {"pageid": 1000 + number, "ns": 6, "title": f"File:Shirt {number}.jpg", "index": number + 1, "imageinfo": [info]}


def brave_result(url: str, number: int = 0, **other: Any) -> dict[str, Any]:
    return {
        "type": "image_result",
        "title": f"Striped shirt {number}",
        "url": f"https://shop.example/shirts/{number}",
        "source": "shop.example",
        "page_fetched": "2026-10-01T00:00:00Z",
        "thumbnail": {"src": f"https://imgs.search.brave.com/{number}", "width": 500, "height": 500},
        "properties": {"url": url, "placeholder": "https://imgs.search.brave.com/p", "width": 1200, "height": 900},
        "confidence": "high",
        **other,
    }


def brave_error(code: str, status: int, **headers: str) -> Answer:
    """As Brave words it; what it says of a key repeats it, as a careless server would."""
    error = {"id": "5d832250", "status": status, "code": code, "detail": f"Refused: {KEY}", "meta": {"component": "authentication"}}
    return document({"type": "ErrorResponse", "error": error, "time": 1663072993}, status, **headers)


@contextlib.contextmanager
def serve(replay: Replay, picture: Callable[[str], bytes | None]) -> Iterator[str]:
    """Serve searches and, below /pictures/, what `picture` gives for the rest of a path; yields the base URL, which is the replay's."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            path = urlsplit(self.path).path
            if path in (OPENVERSE, WIKIMEDIA, BRAVE):
                return self._send(replay(f"{replay.base}{self.path}", dict(self.headers.items())), "application/json")
            data = picture(path.removeprefix("/pictures/")) if path.startswith("/pictures/") else None
            return self._send(Answer(404) if data is None else Answer(200, data), "image/jpeg")

        def _send(self, answer: Answer, kind: str) -> None:
            self.send_response(answer.status)
            for name, value in {"Content-Type": kind, "Content-Length": str(len(answer.data)), **answer.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer.data)

        def log_message(self, *words: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    replay.base = f"http://127.0.0.1:{server.server_address[1]}"
    with running(server):
        yield replay.base
