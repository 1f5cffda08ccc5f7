"""When a schedule fires: fields, days, and changes of the clocks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import Usage
from jobs.controller import cron

MADRID, UTC_ZONE = ZoneInfo("Europe/Madrid"), ZoneInfo("Etc/UTC")


def after(text: str, moment: str, zone: ZoneInfo = UTC_ZONE) -> str:
    found = cron.read(text).next(datetime.fromisoformat(moment).replace(tzinfo=UTC), zone)
    return f"{found:%Y-%m-%dT%H:%M}" if found else ""


@pytest.mark.parametrize(
    ("text", "moment", "expected"),
    [
        ("* * * * *", "2026-11-24T10:00", "2026-11-24T10:01"),
        ("0 3 * * 1", "2026-11-24T10:00", "2026-11-30T03:00"),  # Monday
        ("0 3 * * MON", "2026-11-30T03:00", "2026-12-07T03:00"),
        ("*/20 8-9 * * *", "2026-11-24T08:41", "2026-11-24T09:00"),
        ("5/20,0 8 * * ?", "2026-11-24T08:05", "2026-11-24T08:25"),
        ("0 0 13 * 5", "2026-11-24T00:00", "2026-11-27T00:00"),  # either day is enough: the Friday comes first
        ("0 0 */2 * 5", "2026-11-24T00:00", "2026-11-25T00:00"),  # a step is a restriction, as robfig/cron has it
        ("0 0 29 feb *", "2026-11-24T00:00", "2028-02-29T00:00"),
        ("0 0 31 6 *", "2026-11-24T00:00", ""),
    ],
)  # fmt: skip
def test_the_next_time_is_the_first_that_all_fields_allow(text: str, moment: str, expected: str) -> None:
    assert after(text, moment) == expected


def test_a_time_that_is_skipped_does_not_come_and_one_that_comes_twice_fires_twice() -> None:
    assert after("30 2 * * *", "2026-03-28T12:00", MADRID) == "2026-03-30T00:30"  # the 29th has no 02:30
    assert after("30 2 * * *", "2026-10-24T12:00", MADRID) == "2026-10-25T00:30"
    assert after("30 2 * * *", "2026-10-25T00:30", MADRID) == "2026-10-25T01:30"
    assert after("30 2 * * *", "2026-10-25T01:30", MADRID) == "2026-10-26T01:30"


@given(
    st.integers(0, 366 * 24 * 60),
    st.sampled_from(["*/7 * * * *", "0 */5 * * *", "15 1-3 * * *", "30 2 * * 0"]),
    st.sampled_from([MADRID, UTC_ZONE, ZoneInfo("Australia/Lord_Howe")]),
)
def test_the_next_time_is_later_and_there_is_none_between(minute: int, text: str, zone: ZoneInfo) -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minute)
    one = cron.read(text)
    found = one.next(start, zone)
    assert found is not None
    wall = start + timedelta(minutes=1)
    while not matches(one, wall.astimezone(zone)):
        wall += timedelta(minutes=1)
    assert found == wall


def matches(one: cron.Cron, wall: datetime) -> bool:
    """Go by the minute, as a clock on the wall does; schedules here restrict at most one day field."""
    return wall.minute in one.minutes and wall.hour in one.hours and wall.isoweekday() % 7 in one.weekdays


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("0 3 * *", "five fields"), ("@daily", "five fields"), ("60 3 * * *", "'60' is no minute: use 0 to 59"), ("*/0 3 * * *", "minute"),
        ("0 3 * * 7", "day of the week"), ("0 3 0 * *", "day of the month"), ("0 3 * foo *", "month"), ("9-3 * * * *", "minute"),
        ("0 3 * * ,", "day of the week"), ("TZ=UTC 3 * * *", "minute"), ("1- * * * *", "minute"),
    ],
)  # fmt: skip
def test_what_is_no_schedule_is_said_to_be_none(text: str, said: str) -> None:
    with pytest.raises(Usage, match=said):
        cron.read(text)


def test_an_unknown_zone_is_named_with_the_nearest() -> None:
    assert cron.read_zone("Europe/Madrid") == MADRID
    with pytest.raises(Usage, match=r"no time zone 'Europe/Madrit'\. Did you mean 'Europe/Madrid'"):
        cron.read_zone("Europe/Madrit")
