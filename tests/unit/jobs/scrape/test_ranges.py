"""Ranges: every item once, a server in one range only."""

from __future__ import annotations

from collections import defaultdict

from hypothesis import given
from hypothesis import strategies as st

from jobs.scrape.ranges import by_server, in_order, server_of
from jobs.scrape.sources import Item, Origin
from jobs.scrape.sources.web import item_of

HOSTS = st.lists(st.integers(0, 12), max_size=80)


def items(hosts: list[int]) -> list[Item]:
    return [item_of("a", Origin(url=f"https://h{host}.example/{number}.jpg")) for number, host in enumerate(hosts)]


@given(HOSTS, st.integers(1, 20))
def test_every_item_is_in_one_range_and_every_server_too(hosts: list[int], size: int) -> None:
    listed = items(hosts)
    ranges = by_server(listed, size)
    assert sorted(one.name for some in ranges for one in some) == sorted(one.name for one in listed)
    where = defaultdict(set)
    for number, some in enumerate(ranges):
        for one in some:
            where[server_of(one.name)].add(number)
    assert all(len(numbers) == 1 for numbers in where.values())
    assert all(ranges)


@given(HOSTS, st.integers(1, 20))
def test_a_range_is_too_large_by_less_than_one_server(hosts: list[int], size: int) -> None:
    largest = max((hosts.count(host) for host in set(hosts)), default=0)
    assert all(len(some) < size + largest for some in by_server(items(hosts), size))


@given(HOSTS, st.integers(1, 20))
def test_ranges_follow_from_the_items_alone(hosts: list[int], size: int) -> None:
    assert by_server(items(hosts), size) == by_server(items(hosts), size)


def test_what_is_no_url_is_in_a_range_too() -> None:
    assert len(by_server([item_of("a", Origin(url="http://[bad")), item_of("a", Origin(url="nonsense"))], 10)[0]) == 2


def test_other_items_keep_their_order() -> None:
    listed = items([3, 1, 2, 1, 3])
    assert in_order(listed, 2) == [listed[:2], listed[2:4], listed[4:]]
