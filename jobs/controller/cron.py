"""When a cron schedule fires, as Kubernetes' CronJob controller reads it (robfig/cron v3, five fields).

Times are wall-clock times in a zone. One that a change of the clocks skips does not come; one
that comes twice fires twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, available_timezones

from common.errors import Usage, did_you_mean

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_FIELDS = (
    ("minute", 0, 59, ()),
    ("hour", 0, 23, ()),
    ("day of the month", 1, 31, ()),
    ("month", 1, 12, _MONTHS),
    ("day of the week", 0, 6, _DAYS),
)
_FAR = timedelta(days=8 * 366 + 1)  # 29 February may be eight years away


@dataclass(frozen=True)
class Cron:
    """The values that each field allows. `either_day`: one of the two day fields is enough."""

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    either_day: bool

    def next(self, after: datetime, zone: ZoneInfo) -> datetime | None:
        """Return the first time after `after` (UTC, whole minutes), or None where there is none in eight years."""
        day = after.astimezone(zone).date()
        last = day + _FAR
        while day <= last:
            found = [moment for moment in self._moments(day, zone) if moment > after] if self._is_on(day) else []
            if found:
                return min(found)
            day += timedelta(days=1)
        return None

    def _is_on(self, day: date) -> bool:
        by_month, by_week = day.day in self.days, day.isoweekday() % 7 in self.weekdays
        return day.month in self.months and (by_month or by_week if self.either_day else by_month and by_week)

    def _moments(self, day: date, zone: ZoneInfo) -> set[datetime]:
        walls = [datetime.combine(day, time(hour, minute), zone) for hour in self.hours for minute in self.minutes]
        moments = {wall.replace(fold=fold).astimezone(UTC): wall for wall in walls for fold in (0, 1)}
        return {moment for moment, wall in moments.items() if moment.astimezone(zone).replace(fold=0) == wall}


def read(text: str) -> Cron:
    """Read a schedule. Raises Usage, naming the field that is wrong."""
    words = text.split()
    if len(words) != len(_FIELDS):
        raise Usage(f"{text!r} is no schedule: it takes five fields (minute hour day month weekday), as in '0 3 * * 1'.")
    minutes, hours, days, months, weekdays = (_read_field(word, *field) for word, field in zip(words, _FIELDS, strict=True))
    return Cron(minutes, hours, days, months, weekdays, either_day=not (_is_any(words[2]) or _is_any(words[4])))


def read_zone(name: str) -> ZoneInfo:
    """Return a time zone by its name in the IANA database. Raises Usage with the nearest one."""
    if name not in available_timezones():
        raise Usage(f"There is no time zone {name!r}.{did_you_mean(name, available_timezones())} Names are as in Europe/Madrid.")
    return ZoneInfo(name)


def _is_any(word: str) -> bool:
    span, _, step = word.partition("/")
    return span in ("*", "?") and step in ("", "1")


def _read_field(word: str, name: str, low: int, high: int, names: tuple[str, ...]) -> frozenset[int]:
    found: set[int] = set()
    for part in word.split(","):
        span, slash, step = part.partition("/")
        first, dash, last = span.partition("-")
        try:
            if span in ("*", "?"):
                begin, end = low, high
            else:
                begin = _read_value(first, low, names)
                end = _read_value(last, low, names) if dash else (high if slash else begin)
            stride = int(step) if slash else 1
        except ValueError:
            begin, end, stride = 0, -1, 0
        if not (low <= begin <= end <= high and stride > 0):
            raise Usage(f"{part!r} is no {name}: use {low} to {high}, *, and lists, ranges and steps of them.")
        found.update(range(begin, end + 1, stride))
    return frozenset(found)


def _read_value(word: str, low: int, names: tuple[str, ...]) -> int:
    if word.lower() in names:
        return low + names.index(word.lower())
    if not (word.isascii() and word.isdigit()):
        raise ValueError(word)
    return int(word)
