"""When a schedule fires next, and what is no schedule."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from common.errors import Usage
from jobs.controller import cron

MADRID, UTC_ZONE = ZoneInfo("Europe/Madrid"), ZoneInfo("Etc/UTC")


@pytest.mark.parametrize(
    ("text", "zone", "moment", "expected"),
    [
        ("* * * * *", UTC_ZONE, "2026-11-24T10:00", "2026-11-24T10:01"),
        ("0 3 * * 1", UTC_ZONE, "2026-11-24T10:00", "2026-11-30T03:00"),  # Monday
        ("0 3 * * MON", MADRID, "2026-11-24T10:00", "2026-11-30T02:00"),
        ("30 2 * * *", MADRID, "2026-07-01T12:00", "2026-07-02T00:30"),
        ("0 0 29 feb *", UTC_ZONE, "2026-11-24T00:00", "2028-02-29T00:00"),
    ],
)
def test_the_next_time_is_told_in_utc(text: str, zone: ZoneInfo, moment: str, expected: str) -> None:
    found = cron.following(text, zone, datetime.fromisoformat(moment).replace(tzinfo=UTC))
    assert found is not None
    assert f"{found:%Y-%m-%dT%H:%M}" == expected


@pytest.mark.parametrize("text", ["", "0 3 * *", "@daily", "60 3 * * *", "*/0 3 * * *", "0 3 * foo *", "0 3 * * ,", "0 0 3 * * 1"])
def test_what_is_no_schedule_is_said_to_be_none(text: str) -> None:
    with pytest.raises(Usage, match="is no schedule"):
        cron.following(text, UTC_ZONE, datetime(2026, 1, 1, tzinfo=UTC))


def test_an_unknown_zone_is_named_with_the_nearest() -> None:
    assert cron.read_zone("Europe/Madrid") == MADRID
    with pytest.raises(Usage, match=r"no time zone 'Europe/Madrit'\. Did you mean 'Europe/Madrid'"):
        cron.read_zone("Europe/Madrit")
