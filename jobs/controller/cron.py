"""When a cron schedule fires next, for people to see; Kubernetes' CronJob controller decides.

On the days on which clocks change, the controller may differ: it leaves out times that are skipped, and fires twice at
times that come twice.
"""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo, available_timezones

from common.errors import Usage, did_you_mean

FIELDS = 5  # a sixth, for seconds, is not Kubernetes'


def read_zone(name: str) -> ZoneInfo:
    """Return a time zone by its name in the IANA database. Raises Usage with the nearest one."""
    if name not in available_timezones():
        raise Usage(f"There is no time zone {name!r}.{did_you_mean(name, available_timezones())} Names are as in Europe/Madrid.")
    return ZoneInfo(name)


def following(text: str, zone: ZoneInfo, after: datetime) -> datetime | None:
    """Return the first time (UTC) after `after` at which a schedule of five fields fires, or None where there is none.

    Raises:
        Usage: it is no schedule.
    """
    from cronsim import CronSim, CronSimError

    if len(text.split()) != FIELDS:
        raise Usage(f"{text!r} is no schedule: it takes five fields (minute hour day month weekday), as in '0 3 * * 1'.")
    try:
        found = next(CronSim(text, after.astimezone(zone)))
    except CronSimError as error:
        raise Usage(f"{text!r} is no schedule ({error}). Write it as in '0 3 * * 1'.") from error
    except StopIteration:
        return None
    return found.astimezone(UTC)
