"""What one task fetches: a range of the new items.

From the web, all pictures of one server lie in one range, so that no two pods ask the same server
at once, however many pods there are; only a server's own range may grow beyond the size.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Sequence
from urllib.parse import urlsplit

from jobs.scrape.sources import Item


def in_order(items: Sequence[Item], size: int) -> list[list[Item]]:
    """Cut items into ranges of `size`, in order."""
    return [list(items[start : start + size]) for start in range(0, len(items), size)]


def by_server(items: Sequence[Item], size: int) -> list[list[Item]]:
    """Spread items over as many ranges as `size` needs, as evenly as whole servers allow; a pure function of the items."""
    servers: dict[str, list[Item]] = defaultdict(list)
    for item in items:
        servers[server_of(item.name)].append(item)
    ranges: list[list[Item]] = [[] for _ in range(-(-len(items) // size))]
    emptiest = [(0, number) for number in range(len(ranges))]
    for _, found in sorted(servers.items(), key=lambda pair: (-len(pair[1]), pair[0])):
        count, number = heapq.heappop(emptiest)
        ranges[number] += found
        heapq.heappush(emptiest, (count + len(found), number))
    return [one for one in ranges if one]


def server_of(url: str) -> str:
    """Return the host that a URL names, in lower case; "" where it names none."""
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""
