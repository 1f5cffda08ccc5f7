"""Progress: how far, how fast, how long still."""

from __future__ import annotations

import pytest

from common.progress import Throttled, duration, rate_and_left, silent, track


def test_tracking_yields_everything_and_reports_each() -> None:
    seen: list[tuple[int, int, str]] = []
    assert list(track("abc", lambda done, total, note="": seen.append((done, total, note)), note="letters")) == ["a", "b", "c"]
    assert seen == [(0, 3, "letters"), (1, 3, "letters"), (2, 3, "letters"), (3, 3, "letters")]


def test_a_stream_without_a_length_has_a_total_of_nought() -> None:
    seen: list[int] = []
    list(track(iter("ab"), lambda done, total, note="": seen.append(total)))
    assert set(seen) == {0}


def test_reports_are_thinned_but_the_last_gets_through() -> None:
    time, seen = [0.0], []
    report = Throttled(lambda done, total, note="": seen.append(done), every_s=1.0, now=lambda: time[0])
    for done in range(1, 11):
        time[0] += 0.3
        report(done, 10)
    assert seen == [1, 5, 9, 10]


def test_rate_and_time_left() -> None:
    assert rate_and_left(50, 200, 10) == (5.0, 30.0)
    assert rate_and_left(0, 200, 10) == (0.0, None)
    assert rate_and_left(5, 0, 0) == (0.0, None)


@pytest.mark.parametrize(("seconds", "text"), [(0.2, "0 s"), (59.4, "59 s"), (65, "1 min 5 s"), (3720, "1 h 2 min"), (-1, "0 s")])
def test_durations_are_written_as_people_say_them(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_silence_is_a_report_too() -> None:
    assert silent(1, 2, "x") is None  # type: ignore[func-returns-value]
