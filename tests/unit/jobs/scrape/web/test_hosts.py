from __future__ import annotations

from jobs.scrape.web import hosts
from jobs.scrape.web.exchange import FetchLimits
from jobs.scrape.web.failures import Failed
from jobs.scrape.web.hosts import Host, Hosts, Window

LIMITS = FetchLimits(host_first=4, host_most=16, host_failures=3, aside_s=100)
GONE = Failed("gone", heals=True)


def _window(first: int = 4, most: int = 16) -> Window:
    return Window(first, most)


def test_a_window_grows_by_one_for_each_success_up_to_its_most() -> None:
    window = _window()
    sizes = []
    for _ in range(15):
        window.grow()
        sizes.append(window.size)

    assert sizes[:3] == [5, 6, 7]
    assert sizes[-1] == 16


def test_a_window_that_was_cut_grows_by_one_for_a_round_of_successes() -> None:
    window = _window()
    window.cut(started=0, now=1)
    assert window.size == 2

    for _ in range(2):
        window.grow()

    assert 2.5 < window.size <= 3


def test_what_was_under_way_together_cuts_a_window_once() -> None:
    window = _window(16)
    for moment in (10, 10.1, 10.2):
        window.cut(started=9, now=moment)
    assert window.size == 8

    window.cut(started=10.5, now=11)
    assert window.size == 4


def test_a_window_never_closes() -> None:
    window = _window()
    for moment in range(10):
        window.cut(started=moment, now=moment)

    assert window.size == 1


def test_one_request_finds_out_whether_a_host_answers() -> None:
    host: Host[str] = Host(LIMITS)
    assert host.has_room()
    host.busy = 1
    assert not host.has_room()

    host.answered()

    assert host.has_room()


def test_a_host_that_is_silent_too_often_in_a_row_is_set_aside_for_a_while() -> None:
    host: Host[str] = Host(LIMITS)
    host.was_silent(GONE, 1)
    host.was_silent(GONE, 2)
    host.answered()
    host.was_silent(GONE, 3)
    host.was_silent(GONE, 4)
    assert host.aside(4) is None

    host.was_silent(GONE, 5)

    assert (told := host.aside(5))
    assert (told.reason, told.heals) == ("gone", True)
    assert host.aside(104.9)
    assert host.aside(105) is None
    assert not host.alive  # one request finds out again


def test_there_is_one_state_for_each_host_and_port() -> None:
    all_hosts: Hosts[str] = Hosts(LIMITS)

    assert all_hosts.of("a.example", 80) is all_hosts.of("a.example", 80)
    assert all_hosts.of("a.example", 80) is not all_hosts.of("a.example", 443)
    assert len(list(all_hosts)) == 2


def test_the_oldest_hosts_are_forgotten_when_there_are_too_many() -> None:
    all_hosts: Hosts[str] = Hosts(LIMITS)
    for number in range(hosts.MOST_KEPT + 5):
        all_hosts.of("a.example", number)

    all_hosts.forget()

    assert len(list(all_hosts)) == hosts.MOST_KEPT
