from __future__ import annotations

import asyncio
import contextlib
import gzip
import time
import warnings
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from hashlib import sha256

import pytest

from common.errors import BadInput, Retryable
from jobs.scrape.web import Fetcher, FetchLimits, Permits, Request
from jobs.scrape.web.hosts import Host
from jobs.scrape.web.run import Job
from tests.support.websites import HANG_UP, PICTURE, QUICK, Asked, Website, fetch_all, http, permits_of, website

ALL_OK = {f"/{number}.jpg": http() for number in range(200)}


@pytest.fixture
def site() -> Iterator[Website]:
    with website(ALL_OK) as running:
        yield running


def test_every_request_gets_its_one_reply(site: Website) -> None:
    urls = [site.url(f"/{number}.jpg") for number in range(200)]

    replies = fetch_all(urls, permits_of(site))

    assert all(reply.data == PICTURE and not reply.reason and reply.status == 200 for reply in replies)
    assert [reply.url for reply in replies] == urls
    assert len(site.asked) == 201  # robots.txt was asked for once


def test_the_same_url_twice_is_two_replies(site: Website) -> None:
    assert [reply.reason for reply in fetch_all([site.url("/1.jpg")] * 2, permits_of(site))] == ["", ""]


def test_no_requests_are_no_replies(site: Website) -> None:
    assert fetch_all([], permits_of(site)) == []


def test_we_say_who_we_are_and_send_neither_cookies_nor_a_wish_for_compression(site: Website) -> None:
    site.answers["/0.jpg"] = http(Set_Cookie="a=b; Path=/")
    fetch_all([site.url("/0.jpg")] + [site.url("/1.jpg")] * 3, permits_of(site))

    for asked in site.asked:
        assert asked.headers["user-agent"].startswith("darkroom/")
        assert "(+mailto:us@example.org)" in asked.headers["user-agent"]
        assert asked.headers["accept-encoding"] == "identity"
        assert "cookie" not in asked.headers


def test_proxies_of_the_environment_are_not_used(site: Website, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")

    assert fetch_all([site.url("/1.jpg")], permits_of(site))[0].data == PICTURE


@pytest.mark.parametrize(
    ("answer", "reason", "heals"),
    [
        (http(404, b""), "HTTP 404", False),
        (http(410, b"gone"), "HTTP 410", False),
        (http(403, b"x" * 100_000), "HTTP 403", False),
        (http(500, b""), "HTTP 500", True),
        (http(408, b""), "HTTP 408", True),
        (http(425, b""), "HTTP 425", True),
        (http(body=b""), "an empty answer", False),
        (http(body=b"\xff\xd8"), "not a picture", False),
        (http(body=b"<!doctype html>" + b" " * 900), "not a picture", False),
        (http(Content_Encoding="br"), "it is sent in an encoding that was not asked for", False),
        (http(Content_Encoding="gzip"), "its compression is broken", True),
        (http(Content_Encoding="gzip", body=gzip.compress(PICTURE)[:-20]), "the connection broke", True),
        (http(X_Robots_Tag="noai"), "refused by X-Robots-Tag: noai", False),
        (http(Content_Usage="train-ai=n"), "refused by Content-Usage: train-ai=n", False),
        (http(TDM_Reservation="1"), "refused by TDM-Reservation", False),
        (http(302, b"", Location="/"), "HTTP 404", False),
        (http(302, b""), "HTTP 302", False),
        (http(302, b"", Location="ftp://example.com/"), "not a URL that may be fetched: it does not begin with http:// or https://", False),
        (http(302, b"", Location="http://a b/"), "it redirects to a URL with a space, a control character or a backslash", False),
        (http(302, b"", Location="/x"), "more than 10 redirects", False),
        (HANG_UP, "the connection broke", True),
    ],
)
def test_what_gives_no_picture_has_a_reason_and_tells_whether_it_may_heal(site: Website, answer: bytes, reason: str, heals: bool) -> None:
    site.answers["/x"] = answer

    (reply,) = fetch_all([site.url("/x")], permits_of(site))

    assert (reply.data, reply.reason, reply.heals) == (b"", reason, heals)


def test_gzip_is_tolerated(site: Website) -> None:
    site.answers["/x"] = http(body=gzip.compress(PICTURE), Content_Encoding="gzip")

    assert fetch_all([site.url("/x")], permits_of(site))[0].data == PICTURE


def test_redirects_are_followed_and_the_last_url_is_told(site: Website) -> None:
    site.answers["/x"] = http(301, b"moved", Location="1.jpg?size=big")

    (reply,) = fetch_all([site.url("/x")], permits_of(site))

    assert (reply.data, reply.url) == (PICTURE, site.url("/1.jpg?size=big"))


def test_a_redirect_to_another_host_asks_for_its_robots_txt(site: Website) -> None:
    with website({"/robots.txt": http(body=b"User-agent: darkroom\nDisallow: /no"), "/yes": http(), "/no": http()}, "127.0.0.2") as other:
        site.answers |= {"/a": http(302, b"", Location=other.url("/yes")), "/b": http(302, b"", Location=other.url("/no"))}
        yes, no = fetch_all([site.url("/a"), site.url("/b")], permits_of(site, other))

        assert (yes.data, no.reason) == (PICTURE, "refused by robots.txt")
        assert other.paths == {"/robots.txt": 1, "/yes": 1}


def test_bytes_other_than_those_that_were_given_are_refused(site: Website) -> None:
    good, bad = sha256(PICTURE).hexdigest(), "0" * 64
    with Fetcher(permits_of(site), QUICK) as fetcher:
        requests = [Request(token=digest, url=site.url("/1.jpg"), sha256=digest) for digest in (good, bad)]
        reasons = {reply.token: reply.reason for reply in fetcher.fetch(requests)}

    assert reasons == {good: "", bad: "its bytes are not the ones that were given: another sha256"}


@pytest.mark.parametrize("fault", [http(503, b""), http(429, b""), http(500, b"oh"), HANG_UP, http(Content_Length="9999999")])
def test_what_may_heal_is_asked_again_at_most_twice(site: Website, fault: bytes) -> None:
    async def cut(answer: bytes) -> AsyncIterator[bytes]:
        yield answer
        yield HANG_UP

    site.answers["/once"] = lambda asked: cut(fault) if asked.nth == 1 else http()
    site.answers["/ever"] = lambda _: cut(fault)

    once, ever = fetch_all([site.url("/once"), site.url("/ever")], permits_of(site))

    assert (once.data, ever.data, ever.heals) == (PICTURE, b"", True)
    assert site.paths["/once"] == 2
    # On a connection that was kept from before, aiohttp tries anew at once: its server may just have closed it.
    assert site.paths["/ever"] == 3 or (fault == HANG_UP and site.paths["/ever"] <= 6)


def test_what_does_not_heal_is_asked_once(site: Website) -> None:
    fetch_all([site.url("/nothing")], permits_of(site))

    assert site.paths["/nothing"] == 1


def test_a_pause_that_a_server_asks_for_holds_for_its_host(site: Website) -> None:
    moments: list[float] = []

    def busy(asked: Asked) -> bytes:
        moments.append(time.monotonic())
        return http(429, b"", Retry_After="1") if asked.nth == 1 else http()

    site.answers["/x"] = busy

    replies = fetch_all([site.url("/x"), site.url("/x?2"), site.url("/x?3")], permits_of(site))

    assert all(reply.data for reply in replies)
    assert moments[-1] - moments[0] >= 1


def test_a_longer_pause_than_ours_sets_the_host_aside(site: Website) -> None:
    site.answers["/x"] = http(429, b"", Retry_After="86400")

    replies = fetch_all([site.url("/x")] + [site.url(f"/{number}.jpg") for number in range(50)], permits_of(site))

    assert {(reply.reason, reply.heals) for reply in replies} == {("HTTP 429", True)}
    assert len(site.asked) == 2


def test_a_host_that_refuses_connections_is_tried_once_for_all_its_urls(site: Website) -> None:
    with website({}, "127.0.0.3") as gone:
        dead = gone.url()
    permits = replace(permits_of(site), ports=frozenset({site.port, gone.port}))

    replies = fetch_all([f"{dead}{number}" for number in range(500)] + [site.url("/1.jpg")], permits)

    assert {(reply.reason, reply.heals) for reply in replies[:-1]} == {("its host could not be reached: it refuses connections", True)}
    assert replies[-1].data


def test_a_host_that_stops_answering_is_set_aside(site: Website) -> None:
    site.answers |= {f"/{number}": lambda _: forever() for number in range(100)}

    replies = fetch_all([site.url(f"/{number}") for number in range(100)], permits_of(site), replace(QUICK, deadline_s=1.5))

    assert {reply.reason for reply in replies} == {"no complete answer within 1.5 s"}
    assert len(site.asked) < 20


@pytest.mark.parametrize("waiting_bytes", [500_000, 4_000_000])
def test_what_is_read_ahead_is_bounded(site: Website, waiting_bytes: int) -> None:
    """Nothing new is asked for once half of what may wait is waiting: what is under way has the other half."""
    big = http(body=PICTURE + b"x" * 100_000)
    site.answers |= {f"/{number}": big for number in range(100)} | {"/api": http()}
    limits = replace(QUICK, waiting_bytes=waiting_bytes, deadline_s=0.5)

    with Fetcher(permits_of(site), limits) as fetcher:
        replies = fetcher.fetch(Request(token=str(number), url=site.url(f"/{number}")) for number in range(100))
        next(replies)
        until = time.monotonic() + 1.5 * limits.deadline_s
        while time.monotonic() < until:  # nothing is taken for longer than a deadline, while the loop has its turns
            fetcher.ask(site.url("/api"), {})
        ahead = len(site.asked) - site.paths["/api"]
        rest = [reply for reply in replies if reply.data]

    assert ahead < 40  # what fits into a half, and what was under way
    assert len(rest) == 99


def test_more_is_asked_at_once_only_where_nothing_waits_to_be_taken(site: Website) -> None:
    limits = replace(QUICK, total_first=16, waiting_bytes=2 * 201 * len(PICTURE))
    requests = [Request(token=path, url=site.url(path)) for path in ALL_OK]
    with Fetcher(permits_of(site), limits) as fetcher:
        replies = fetcher.fetch(requests)
        next(replies)
        while sum(site.paths[path] for path in ALL_OK) < 200:
            fetcher.ask(site.url("/robots.txt"), {})
        assert fetcher._web.total.size <= 16 + 4
        assert len(list(replies)) == 199
    with Fetcher(permits_of(site), limits) as fetcher:
        for request in requests[:80]:
            assert len(list(fetcher.fetch([request]))) == 1
        assert fetcher._web.total.size >= 16 + 79


def test_ending_early_ends_all_that_is_under_way(site: Website) -> None:
    urls = [site.url(f"/{number}.jpg") for number in range(200)]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with Fetcher(permits_of(site), QUICK) as fetcher:
            replies = fetcher.fetch(Request(token=url, url=url) for url in urls)
            next(replies)
            replies.close()  # type: ignore[attr-defined]
            assert len(list(fetcher.fetch([Request(token="again", url=urls[0])]))) == 1
            assert not fetcher._web.hosts.of("127.0.0.1", site.port).pending


def test_hosts_are_taken_in_turn() -> None:
    with website(ALL_OK, "127.0.0.1") as one, website(ALL_OK, "127.0.0.2") as two:
        urls = [one.url(f"/{number}.jpg") for number in range(100)] + [two.url(f"/{number}.jpg") for number in range(100)]
        with Fetcher(permits_of(one, two), replace(QUICK, total_first=4, total_most=4, host_first=2, host_most=2)) as fetcher:
            order = ["127.0.0.1" in reply.url for reply in fetcher.fetch(Request(token=url, url=url) for url in urls)]

    assert 25 <= sum(order[:100]) <= 75


def test_a_provider_is_asked_with_our_headers_and_its_own(site: Website) -> None:
    site.answers["/api"] = lambda asked: http(
        429 if asked.nth == 2 else 200, gzip.compress(b"{}"), Content_Encoding="gzip", Retry_After="7"
    )
    with Fetcher(permits_of(site), QUICK) as fetcher:
        first, second = (fetcher.ask(site.url("/api?q=1"), {"X-Key": "k"}) for _ in range(2))

    assert (first.status, first.data, second.status, second.headers["retry-after"]) == (200, b"{}", 429, "7")
    assert [asked.path for asked in site.asked] == ["/api?q=1"] * 2  # no robots.txt: it is an API
    assert site.asked[0].headers["x-key"] == "k"
    assert site.asked[0].headers["user-agent"].startswith("darkroom/")


def test_a_provider_that_redirects_or_lies_inside_is_refused(site: Website) -> None:
    site.answers["/api"] = http(302, b"", Location="/1.jpg")
    with Fetcher(permits_of(site), QUICK) as fetcher:
        with pytest.raises(BadInput, match="it redirects"):
            fetcher.ask(site.url("/api?key=secret"), {})
        with pytest.raises(BadInput, match=r"10\.0\.0\.1, which is not public"):
            fetcher.ask("http://10.0.0.1/", {})


def test_a_provider_that_does_not_answer_may_be_asked_again(site: Website) -> None:
    site.answers["/api"] = HANG_UP
    with Fetcher(permits_of(site), QUICK) as fetcher, pytest.raises(Retryable, match="/api: the connection broke"):
        fetcher.ask(site.url("/api?key=secret"), {})


def test_a_mistake_of_ours_ends_the_call_with_it(site: Website, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jobs.scrape.web.bodies.read", lambda *_: 1 / 0)

    with Fetcher(permits_of(site), QUICK) as fetcher, pytest.raises(ZeroDivisionError):
        list(fetcher.fetch([Request(token="", url=site.url("/1.jpg"))]))


def test_limits_and_permits_have_defaults() -> None:
    assert FetchLimits().deadline_s == 30
    assert Permits().ports == {80, 443}


def test_a_host_that_redirects_inside_is_not_taken_for_a_silent_one(site: Website) -> None:
    site.answers |= {f"/in/{number}": http(302, b"", Location="http://10.0.0.1/") for number in range(20)}

    *refused, good = fetch_all([*(site.url(f"/in/{number}") for number in range(20)), site.url("/1.jpg")], permits_of(site))

    assert {reply.reason for reply in refused} == {"not a URL that may be fetched: it leads to 10.0.0.1, which is not public"}
    assert good.data


def test_a_redirected_request_that_is_tried_again_starts_from_its_own_host(site: Website) -> None:
    with website({"/x": lambda asked: http(503, b"") if asked.nth == 1 else http()}, "127.0.0.2") as other:
        places: list[tuple[int, int]] = []

        def redirect(_: Asked) -> bytes:
            places.append((host_of(site).busy, host_of(other).busy))
            return http(302, b"", Location=other.url("/x"))

        site.answers["/x"] = redirect
        with Fetcher(permits_of(site, other), QUICK) as fetcher:

            def host_of(where: Website) -> Host[Job]:
                return fetcher._web.hosts.of(where.host, where.port)

            (reply,) = fetcher.fetch([Request(token="", url=site.url("/x"))])

    assert (reply.data, other.paths["/x"]) == (PICTURE, 2)
    assert places == [(1, 0), (1, 0)]


def test_hosts_that_do_not_answer_hold_up_no_others(site: Website) -> None:
    # Given many servers that take connections and say nothing, listed first
    with contextlib.ExitStack() as running:
        silent = [running.enter_context(website({"/robots.txt": lambda _: forever()}, f"127.0.1.{n}")) for n in range(1, 13)]
        urls = [one.url("/1.jpg") for one in silent] + [site.url(f"/{number}.jpg") for number in range(50)]
        limits = replace(QUICK, deadline_s=1.0, total_first=4, total_most=4)

        with Fetcher(permits_of(site, *silent), limits) as fetcher:
            order = [reply.status for reply in fetcher.fetch(Request(token=url, url=url) for url in [*urls[-1:], *urls[:-1]])]

    # Then the others did not wait for them to be given up, four at a time
    assert order[:50] == [200] * 50
    assert order[50:] == [0] * 12


async def forever() -> AsyncIterator[bytes]:
    await asyncio.sleep(600)
    yield b""


def test_redirects_to_a_host_that_is_set_aside_end_with_its_reason(site: Website) -> None:
    with website({"/robots.txt": http(404, b"")}, "127.0.0.2") as gone:
        to = gone.url("/x")
    site.answers |= {f"/to/{number}": http(302, b"", Location=to) for number in range(30)}
    permits = replace(permits_of(site), ports=frozenset({site.port, gone.port}))

    replies = fetch_all([*(site.url(f"/to/{number}") for number in range(30)), site.url("/1.jpg")], permits)

    assert {reply.reason for reply in replies[:-1]} == {"its host could not be reached: it refuses connections"}
    assert replies[-1].data


def test_less_is_asked_at_once_when_servers_that_answered_no_longer_do(site: Website) -> None:
    site.answers |= {f"/silent/{number}": lambda _: forever() for number in range(8)}
    urls = [site.url(f"/{number}.jpg") for number in range(20)] + [site.url(f"/silent/{number}") for number in range(8)]
    limits = replace(QUICK, deadline_s=0.5, total_first=64)

    with Fetcher(permits_of(site), limits) as fetcher:
        reasons = [reply.reason for reply in fetcher.fetch(Request(token=url, url=url) for url in urls)]
        total = fetcher._web.total.size

    assert reasons.count("") == 20
    assert total < 64
