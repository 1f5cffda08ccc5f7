from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from common.retry import retry_after_s
from jobs.scrape.web.failures import explain


@pytest.mark.parametrize(("value", "seconds"), [("0", 0), (" 7 ", 7), ("", None), ("soon", None), ("-1", None), ("1.5", None), ("²", None)])
def test_a_pause_in_seconds_is_read(value: str, seconds: float | None) -> None:
    assert retry_after_s(value) == seconds


def test_a_pause_until_a_date_is_read() -> None:
    now = datetime.now(UTC)

    assert 55 < (retry_after_s(format_datetime(now + timedelta(seconds=60), usegmt=True)) or 0) <= 60
    assert retry_after_s(format_datetime(now - timedelta(days=1), usegmt=True)) == 0


def test_a_pause_is_no_number_without_end() -> None:
    assert (retry_after_s("9" * 5000) or 0) < 1e9


def test_mistakes_of_ours_are_no_failures_of_a_url() -> None:
    with pytest.raises(KeyError):
        explain(KeyError("ours"))
