"""Asks a provider for the pictures of many phrases, one request at a time and no faster than it likes.

Classes take turns, so that a quota that ends in the middle leaves something of each. What was found is kept,
whatever happens afterwards; what was not asked becomes a note.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial

from common.errors import BadInput, Retryable
from common.progress import Reporter, duration, silent
from common.retry import Clock, Policy
from jobs.scrape.origin import Origin
from jobs.scrape.providers.base import LONGEST_PAUSE_S, Api, Ask, Exhausted, Page, Rejected

MAX_PAGES = 40  # of one phrase: nobody has more, and a server that is astray has no end
SHOWN = 5  # phrases in a note


@dataclass(frozen=True)
class Found:
    """Pictures by class, each URL once a class; how many were passed over; what people must know."""

    origins: Mapping[str, list[Origin]]
    passed_over: int
    notes: tuple[str, ...]


def _today() -> datetime:
    return datetime.now(UTC)


@dataclass
class Asker:
    """A provider and the means to ask it. `clock` measures pauses, `today` tells the time of day."""

    api: Api
    ask: Ask
    progress: Reporter = silent
    clock: Clock = field(default_factory=Clock)
    today: Callable[[], datetime] = _today
    _policy: Policy = field(init=False)
    _asked_at: float | None = field(init=False, default=None)
    _passed_over: int = field(init=False, default=0)
    _far: tuple[int, int] = field(init=False, default=(0, 0))

    def __post_init__(self) -> None:
        self._policy = Policy(attempts=5, first_pause_s=1.0, longest_pause_s=LONGEST_PAUSE_S, deadline_s=600.0, clock=self.clock)

    def find(self, queries: Mapping[str, Sequence[str]], most: int) -> Found:
        """Return up to `most` pictures for each phrase of each class.

        Raises:
            Retryable: nothing was found because the provider did not answer.
            BadInput: nothing was found, and asking again at once would not help.
        """
        found: dict[str, dict[str, Origin]] = {label: {} for label in queries}
        turns = _turns(queries)
        lost: dict[str, list[str]] = defaultdict(list)  # phrases by what became of them
        end: Retryable | BadInput | None = None
        for done, (label, phrase) in enumerate(turns):
            self._far = (done, len(turns))
            self.progress(*self._far, "phrases asked")
            taken: dict[str, Origin] = {}
            try:
                self._take(phrase, most, taken)
            except (Exhausted, Rejected, Retryable) as error:
                end = error
                break
            except BadInput as error:
                lost[str(error)].append(phrase)
            else:
                lost[f"{self.api.title} knows no picture"] += [] if taken else [phrase]
            finally:
                found[label] |= {url: origin for url, origin in taken.items() if url not in found[label]}
        self.progress(len(turns), len(turns), "phrases asked")
        notes = [f"{why} for {_some(phrases)}." for why, phrases in lost.items() if phrases]
        if end is not None:
            notes.insert(0, self._unfinished(end, len(turns) - self._far[0], len(turns)))
        if not any(found.values()):
            raise _nothing(notes, end)
        return Found({label: list(one.values()) for label, one in found.items()}, self._passed_over, (*self.api.notes, *notes))

    def _take(self, phrase: str, most: int, taken: dict[str, Origin]) -> None:
        """Add the first pictures of a phrase by URL, page by page, so that an error leaves those before it."""
        for page in self._pages(phrase, most):
            self._passed_over += page.passed_over
            for origin in page.finds:
                if len(taken) < most:
                    taken.setdefault(origin.url, origin)
            if len(taken) >= most:
                return

    def _pages(self, phrase: str, most: int) -> Iterator[Page]:
        url = self.api.first(phrase, most)
        for _ in range(MAX_PAGES):
            page = self._policy.call(partial(self._page, url), on_retry=self._report)
            yield page
            if not page.following:
                return
            url = page.following

    def _page(self, url: str) -> Page:
        now = self.clock.now()
        if self._asked_at is not None and (left := self._asked_at + self.api.pause_s - now) > 0:
            self.clock.sleep(left)
        self._asked_at = self.clock.now()
        return self.api.read(url, self.ask(url, self.api.headers))

    def _report(self, error: Retryable) -> None:
        pause = f" of {duration(error.retry_after_s)}" if error.retry_after_s else ""
        self.progress(*self._far, f"{error}{pause}")

    def _unfinished(self, error: Retryable | BadInput, left: int, total: int) -> str:
        what = f"{left} of {total} phrases were not asked to the end"
        if isinstance(error, Rejected):
            return f"{error} {what}."
        when = "later"
        if isinstance(error, Exhausted) and error.after_s is not None:
            when = f"after {_minute(self.today(), error.after_s)}"
        return f"{error}; {what}. Go on {when}: submit with --refresh."


def _turns(queries: Mapping[str, Sequence[str]]) -> list[tuple[str, str]]:
    """Return (class, phrase) pairs: the first phrase of each class, then the second of each ..."""
    columns = [[(label, phrase) for phrase in phrases] for label, phrases in queries.items()]
    return [turn for row in itertools.zip_longest(*columns) for turn in row if turn is not None]


def _nothing(notes: Sequence[str], end: Retryable | BadInput | None) -> Retryable | BadInput:
    message = f"The search found no pictures. {' '.join(notes)}"
    return Retryable(message) if isinstance(end, Retryable) else BadInput(message)


def _some(phrases: Sequence[str]) -> str:
    more = f" and {len(phrases) - SHOWN} more" if len(phrases) > SHOWN else ""
    return ", ".join(map(repr, phrases[:SHOWN])) + more


def _minute(now: datetime, after_s: float) -> str:
    """Return the first whole minute that lies so many seconds ahead (a year at most)."""
    moment = now + timedelta(seconds=min(after_s, 366 * 86_400) + 59)
    return f"{moment:%Y-%m-%d %H:%M} UTC"
