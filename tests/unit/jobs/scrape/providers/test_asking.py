"""Asking for many phrases: turns, pauses, quotas, and what is kept when it ends in the middle."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

import pytest

from common.errors import BadInput, Retryable
from common.retry import Clock
from jobs.scrape.providers.asking import Asker
from jobs.scrape.providers.base import Api
from jobs.scrape.providers.brave import Brave
from jobs.scrape.providers.openverse import Openverse
from jobs.scrape.providers.wikimedia import Wikimedia
from tests.support import providers
from tests.support.providers import Answer, Replay, document, throttled

QUERIES: Mapping[str, Sequence[str]] = {"dotted": ["dotted shirt", "dotted vest"], "striped": ["striped shirt", "striped vest"]}


class Time:
    """A clock that goes on where somebody sleeps, and notes it."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    def now(self) -> float:
        return sum(self.slept)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)


def asker(api: Api, replay: Replay, time: Time | None = None) -> Asker:
    clock = time or Time()
    return Asker(api, replay, clock=Clock(clock.now, clock.sleep), today=lambda: datetime(2026, 11, 24, 20, 17, 30, tzinfo=UTC))


def on(numbers: Callable[[int], bool], answer: Answer) -> Callable[[int, str], Answer | None]:
    """Give an answer to some requests, by their number."""
    return lambda number, _: answer if numbers(number) else None


@pytest.mark.parametrize("api", [Openverse(), Openverse(token=providers.TOKEN), Wikimedia(), Brave(providers.KEY)])
@pytest.mark.parametrize(
    ("held", "most", "expected"), [(45, 30, 30), (45, 45, 45), (45, 60, 45), (0, 10, 0), (120, 110, 110), (20, 50, 20)]
)
def test_each_phrase_gives_its_first_pictures_in_order(api: Api, held: int, most: int, expected: int) -> None:
    replay = Replay(held=lambda phrase: held if "vest" in phrase else 1)
    found = asker(api, replay).find({"dotted": ["dotted shirt", "dotted vest"]}, most)
    wanted = [replay.picture("dotted shirt", 0), *(replay.picture("dotted vest", number) for number in range(expected))]
    assert [origin.url for origin in found.origins["dotted"]] == wanted


def test_classes_take_turns() -> None:
    replay = Replay(held=lambda _: 5)
    asker(Openverse(), replay).find(QUERIES, 50)
    assert replay.phrases == ["dotted shirt", "striped shirt", "dotted vest", "striped vest"]


def test_a_picture_of_two_phrases_is_one_of_a_class_and_one_of_each_of_two_classes() -> None:
    same = document({"page_count": 1, "results": [providers.openverse_result("https://a.example/1.jpg")]})
    found = asker(Openverse(), Replay(before=lambda *_: same)).find(QUERIES, 50)
    assert {label: [origin.url for origin in origins] for label, origins in found.origins.items()} == {
        "dotted": ["https://a.example/1.jpg"],
        "striped": ["https://a.example/1.jpg"],
    }


def test_requests_keep_the_pace_of_the_public_address() -> None:
    time = Time()
    asker(Openverse(), Replay(held=lambda _: 45), time).find({"dotted": ["dotted shirt"]}, 50)
    assert time.slept == [3.0, 3.0]
    time = Time()
    mirror = Openverse("http://mirror.example/v1/images/")
    asker(mirror, Replay(held=lambda _: 45), time).find({"dotted": ["dotted shirt"]}, 50)
    assert time.slept == []


def test_a_short_pause_that_is_asked_for_is_kept_and_told() -> None:
    time = Time()
    told: list[tuple[int, int, str]] = []
    one = asker(Openverse("http://m.example/v1/images/"), Replay(before=on(lambda number: number == 2, throttled(37))), time)
    one.progress = lambda done, total, note="": told.append((done, total, note))
    found = one.find(QUERIES, 20)
    assert time.slept == [37.0]
    assert (1, 4, "Openverse asks for a pause of 37 s") in told
    assert (found.notes, [len(origins) for origins in found.origins.values()]) == ((), [40, 40])


def test_a_date_in_retry_after_is_understood() -> None:
    late = document({}, 429, retry_after="Tue, 24 Nov 2226 20:00:00 GMT")
    found = asker(Openverse(), Replay(before=on(lambda number: number > 1, late))).find(QUERIES, 20)
    assert found.notes == (
        "Openverse's quota is used up; 3 of 4 phrases were not asked to the end. Go on after 2027-11-25 20:18 UTC: submit with --refresh.",
    )


def test_a_quota_that_ends_keeps_what_was_found_and_says_when_to_go_on() -> None:
    replay = Replay(before=on(lambda number: number > 3, throttled(13_000)))
    found = asker(Openverse(), replay).find(QUERIES, 40)
    assert [len(origins) for origins in found.origins.values()] == [40, 20]
    assert found.notes == (
        "Openverse's quota is used up; 3 of 4 phrases were not asked to the end. Go on after 2026-11-24 23:55 UTC: submit with --refresh.",
    )
    assert len(replay.urls) == 4


def test_a_quota_that_is_used_up_from_the_start_is_an_error_that_no_retry_mends() -> None:
    with pytest.raises(BadInput, match=r"found no pictures\. Openverse's quota is used up; 4 of 4 .* after 2026-11-24 23:55 UTC"):
        asker(Openverse(), Replay(before=lambda *_: throttled(13_000))).find(QUERIES, 50)


@pytest.mark.parametrize("answer", [Answer(503), Answer(500, b"<html>"), Answer(200, b"not json"), Answer(200, b"[]"), throttled(60)])
def test_a_server_that_does_not_recover_ends_the_search_for_now(answer: Answer) -> None:
    replay = Replay(before=lambda *_: answer)
    with pytest.raises(Retryable, match=r"found no pictures\. Openverse"):
        asker(Openverse(), replay).find(QUERIES, 50)
    assert len(replay.urls) == 5
    found = asker(Openverse(), Replay(before=on(lambda number: number > 1, answer))).find(QUERIES, 20)
    assert [len(origins) for origins in found.origins.values()] == [20, 0]
    assert "3 of 4 phrases were not asked to the end. Go on later: submit with --refresh." in found.notes[0]


def test_a_server_that_recovers_leaves_no_trace() -> None:
    found = asker(Openverse(), Replay(before=on(lambda number: number % 2 == 1, Answer(502)))).find(QUERIES, 20)
    assert (found.notes, [len(origins) for origins in found.origins.values()]) == ((), [40, 40])


def test_a_connection_that_is_lost_is_tried_again() -> None:
    def broken(number: int, _: str) -> Answer | None:
        if number == 1:
            raise Retryable("no answer within 30 s")
        return None

    assert asker(Openverse(), Replay(before=broken)).find(QUERIES, 20).notes == ()


def test_a_phrase_that_is_refused_costs_that_phrase_only() -> None:
    refused = document({"error": "InputError", "detail": "Invalid input given for fields. 'q'", "fields": ["q"]}, 400)
    found = asker(Openverse(), Replay(before=on(lambda number: number == 2, refused))).find(QUERIES, 20)
    assert found.notes == ("Openverse answered HTTP 400: Invalid input given for fields. 'q' for 'striped shirt'.",)
    assert [len(origins) for origins in found.origins.values()] == [40, 20]


def test_phrases_that_find_nothing_are_named() -> None:
    found = asker(Openverse(), Replay(held=lambda phrase: 0 if "vest" in phrase else 3)).find(QUERIES, 20)
    assert found.notes == ("Openverse knows no picture for 'dotted vest', 'striped vest'.",)
    many = {"dotted": [f"vest {number}" for number in range(8)], "striped": ["striped shirt"]}
    found = asker(Openverse(), Replay(held=lambda phrase: 0 if "vest" in phrase else 3)).find(many, 20)
    assert found.notes[0].endswith("'vest 3', 'vest 4' and 3 more.")
    with pytest.raises(BadInput, match="found no pictures"):
        asker(Openverse(), Replay(held=lambda _: 0)).find(QUERIES, 20)


def test_a_server_whose_pages_never_end_is_left() -> None:
    empty = document({"continue": {"gsroffset": 50, "continue": "gsroffset||"}, "query": {"pages": []}})
    replay = Replay(before=lambda *_: empty)
    with pytest.raises(BadInput, match="found no pictures"):
        asker(Wikimedia(), replay).find({"dotted": ["dotted shirt"]}, 50)
    assert len(replay.urls) == 40


def test_progress_counts_phrases() -> None:
    told: list[tuple[int, int]] = []
    one = asker(Openverse(), Replay(held=lambda _: 5))
    one.progress = lambda done, total, note="": told.append((done, total))
    one.find(QUERIES, 50)
    assert told == [(0, 4), (1, 4), (2, 4), (3, 4), (4, 4)]
