"""What a provider is: a search of pictures on the web, asked over HTTP.

A provider only writes addresses and reads answers. It opens no socket and knows no time:
`asking` does that, the same for all.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from common.errors import BadInput, BadParameters, Retryable
from common.images import Limits
from common.retry import retry_after_s
from jobs.scrape.origin import Origin
from jobs.scrape.providers import fields

ANY, COMMERCIAL, MODIFICATION = "any", "commercial", "modification"
LICENCES = (ANY, COMMERCIAL, MODIFICATION)
MAX_ANSWER_BYTES = 8 * 1024 * 1024
MIN_SIDE = 64  # pixels: what is smaller is a button or an icon
LONGEST_PAUSE_S = 120.0  # a longer one means that a quota is used up
_LIMITS = Limits()
_KEY = re.compile(r"[!-~]{1,500}")
_TYPES = frozenset({"", "jpg", "jpeg", "png", "webp", "gif", "bmp", "tif", "tiff"})


class Answer(Protocol):
    """What a server answered; names of headers are in small letters."""

    @property
    def status(self) -> int: ...
    @property
    def headers(self) -> Mapping[str, str]: ...
    @property
    def data(self) -> bytes: ...


Ask = Callable[[str, Mapping[str, str]], Answer]
"""One GET of a URL with headers. Raises Retryable or BadInput where there is no answer."""


class Exhausted(BadInput):
    """A quota is used up; `after_s` is how long that lasts, None where nobody says."""

    def __init__(self, message: str, after_s: float | None = None) -> None:
        super().__init__(message)
        self.after_s = after_s


class Rejected(BadInput):
    """The provider takes nothing from us as we are: no phrase would fare better."""


@dataclass(frozen=True)
class Page:
    """Pictures in the provider's order, the URL of the page after them ("": it was the last), how many are not worth a fetch."""

    finds: list[Origin] = field(default_factory=list)
    following: str = ""
    passed_over: int = 0


class Api(Protocol):
    """A provider within reach. `pause_s` lies at least between two requests; `notes` is what people must know."""

    @property
    def title(self) -> str: ...
    @property
    def headers(self) -> Mapping[str, str]: ...
    @property
    def pause_s(self) -> float: ...
    @property
    def notes(self) -> tuple[str, ...]: ...

    def first(self, phrase: str, most: int) -> str:
        """Return the URL that asks for the first of `most` pictures for a phrase. Raises BadInput where it cannot be asked for."""

    def read(self, url: str, answer: Answer) -> Page:
        """Read the answer to a URL. Raises Retryable, Exhausted, Rejected, or BadInput where only this phrase is lost."""


@dataclass(frozen=True)
class Provider:
    """`name` is the source setting, `open` makes it ready from a site's environment and scrape.licences.

    `licences` are the values of scrape.licences that it can keep. `open` raises BadParameters where the site lacks
    what it needs, with what to do.
    """

    name: str
    title: str
    open: Callable[[Mapping[str, str], str], Api]
    licences: tuple[str, ...] = LICENCES


def address(environment: Mapping[str, str], name: str, default: str) -> str:
    """Return where a provider is asked: at a mirror that the site names, or in public. Raises BadParameters."""
    url = environment.get(name) or default
    if not fields.link(url) or "?" in url or "#" in url:
        raise BadParameters(f"{name}={url!r} is no address to ask: write http(s)://host/path.")
    return url


def secret(environment: Mapping[str, str], name: str) -> str:
    """Return a key from the environment, "" where there is none. Raises BadParameters, without the key in it."""
    key = environment.get(name, "").strip()
    if key and not _KEY.fullmatch(key):
        raise BadParameters(f"{name} holds characters that no key has. Copy it again.")
    return key


def document(title: str, answer: Answer, *secrets: str) -> dict[str, Any]:
    """Return the JSON object of a good answer.

    Raises:
        Exhausted: it asks for a pause that is longer than a run can wait.
        Retryable: it did not answer as it should, but may the next time.
        BadInput: it refused this request.
    """
    if answer.status == 429:
        after_s = asked_pause_s(answer)
        if after_s is not None and after_s > LONGEST_PAUSE_S:
            raise Exhausted(f"{title}'s quota is used up", after_s)
        raise Retryable(f"{title} asks for a pause", after_s)
    if answer.status in (408, 425) or answer.status >= 500:
        raise Retryable(f"{title} answered HTTP {answer.status}", asked_pause_s(answer))
    if answer.status != 200:
        raise BadInput(f"{title} answered HTTP {answer.status}{said(answer, *secrets)}")
    if len(answer.data) > MAX_ANSWER_BYTES:
        raise BadInput(f"{title} answered with more than {MAX_ANSWER_BYTES} bytes")
    found = _json(answer.data)
    if not isinstance(found, dict):
        raise Retryable(f"{title} answered something else than its documents")
    return found


def said(answer: Answer, *secrets: str) -> str:
    """Return what the provider says of an error, as the rest of a sentence, without secrets."""
    found = _json(answer.data[:MAX_ANSWER_BYTES])
    words = fields.entry(found, "detail") or fields.entry(found, "error", "info") or fields.entry(found, "error", "code")
    line = fields.text(words, 200)
    for one in filter(None, secrets):
        line = line.replace(one, "…")
    return f": {line}" if line else ""


def asked_pause_s(answer: Answer) -> float | None:
    """Return the pause that an answer asks for, None where it does not."""
    return retry_after_s(answer.headers.get("retry-after", ""))


def worth_a_fetch(found: Origin, kind: str, width: int, height: int, size: int = 0) -> bool:
    """Can this be a picture that we take, by what the provider says of it? What it does not say (0, "") is no reason."""
    if not found.url or kind.lower().removeprefix("image/") not in _TYPES or size > _LIMITS.max_bytes:
        return False
    return not (width and height) or (min(width, height) >= MIN_SIDE and width * height <= _LIMITS.max_pixels)


def _json(data: bytes) -> Any:
    try:
        return json.loads(data)  # it takes half a character too, which a title that was cut may end with
    except (ValueError, RecursionError):
        return None
