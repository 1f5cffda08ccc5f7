"""What is dialled, seen at the system's door: never what is not public, and always what is."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from dataclasses import replace
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest

from jobs.scrape.web import Fetcher, FetchLimits, Permits, Reply, Request, client
from tests.support.dialled import watched
from tests.support.hostile_urls import IPV6_TARGETS, TARGETS, hostile, ordinary
from tests.support.websites import PICTURE, QUICK, Website, certified, fetch_all, http, permits_of, website

# Where the redirecting server is; all other addresses of this machine stay forbidden.
OURS = "127.77.0.1"
PUBLIC, PUBLIC_6 = "93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946"
ONCE = replace(QUICK, retries=0)

Answers = Callable[[str], list[str]]


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Callable[[Answers], None]:
    """Return what makes names have the addresses that a function says; names without any do not exist."""

    def use(answers: Answers) -> None:
        def getaddrinfo(host: str, port: int, **_: object) -> list[tuple[Any, ...]]:
            found = answers(host.removesuffix("."))
            if not found:
                raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
            families = [socket.AF_INET6 if ":" in address else socket.AF_INET for address in found]
            return [(family, socket.SOCK_STREAM, 6, "", (address, port)) for family, address in zip(families, found, strict=True)]

        monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)

    return use


@pytest.fixture
def site() -> Iterator[Website]:
    with website({"/picture": http()}, OURS) as running:
        yield running


def _permits(site: Website) -> Permits:
    return Permits(ports=frozenset({80, 443, site.port}), networks=(ip_network(OURS),))


def _refused(replies: list[Reply]) -> bool:
    return all(reply.reason and not reply.data and not reply.heals for reply in replies)


def test_no_hostile_url_opens_a_connection(site: Website, names: Callable[[Answers], None]) -> None:
    # Given a resolver as lenient as the systems' ones: whatever it is asked for leads inside
    names(lambda _: ["127.0.0.1"])
    urls = hostile()
    assert len(urls) == len(set(urls)) >= 300

    # When all are fetched, and one that is allowed
    with watched(lambda host: host == OURS) as dialled:
        *replies, good = fetch_all([*urls, site.url("/picture")], _permits(site))

    # Then only that one was dialled
    assert good.data == PICTURE
    assert {host for host, _ in dialled} == {OURS}
    assert _refused(replies)


def test_no_redirect_to_a_hostile_url_opens_a_connection(site: Website, names: Callable[[Answers], None]) -> None:
    # Given redirects to each, where a header can hold it
    names(lambda _: ["169.254.169.254"])
    urls = [url for url in hostile() if "\r" not in url and "\n" not in url and len(url) < 8000 and url not in ("", "/")]
    site.answers |= {f"/{number}": _redirect(url) for number, url in enumerate(urls)}

    with watched(lambda host: host == OURS) as dialled:
        replies = fetch_all([site.url(f"/{number}") for number in range(len(urls))], _permits(site))

    # Then what was dialled is the server that redirects
    assert {host for host, _ in dialled} == {OURS}
    assert all(site.paths[f"/{number}"] for number in range(len(urls)))
    assert all(reply.reason and not reply.data for reply in replies)


def _redirect(url: str) -> bytes:
    return b"HTTP/1.1 302 Words\r\nContent-Length: 0\r\nLocation: " + url.encode() + b"\r\n\r\n"


def test_the_watch_sees_what_is_dialled(site: Website) -> None:
    """The positive control: with the guard open, the same URLs do reach the system's door."""
    permits = Permits(ports=frozenset({80}), networks=(ip_network("0.0.0.0/0"), ip_network("::/0")))
    targets = [target for target in TARGETS if not target.startswith(("169.254", "168", "100.100", "192.0.0"))]

    with watched(lambda host: host == OURS) as dialled:
        fetch_all([f"http://{target}/" for target in targets], permits, ONCE)

    assert {host for host, _ in dialled} == set(targets)


@pytest.mark.parametrize("inside", [*TARGETS, *IPV6_TARGETS])
def test_a_name_with_one_address_inside_is_refused_whole(inside: str, names: Callable[[Answers], None]) -> None:
    names(lambda _: [PUBLIC, inside, PUBLIC_6])

    with watched(lambda _: False) as dialled:
        (reply,) = fetch_all(["http://mixed.example/a.jpg"], Permits())

    assert dialled == []
    assert reply.reason.startswith(f"not a URL that may be fetched: it leads to {inside}, ")
    assert not reply.heals


def test_a_name_that_turns_inside_between_two_look_ups_is_refused(
    names: Callable[[Answers], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a name that is public when it is asked for first, and no cache to hide behind
    asked: list[str] = []

    def rebinding(host: str) -> list[str]:
        asked.append(host)
        return [PUBLIC] if len(asked) == 1 else ["127.0.0.1"]

    names(rebinding)
    monkeypatch.setattr(client, "NAMES_KEPT_S", 0)

    # When it is fetched, and fetched again as its first connection fails
    with watched(lambda _: False) as dialled:
        (reply,) = fetch_all(["http://rebinding.example/a.jpg"], Permits())

    # Then what was looked up first is what was dialled, and nothing else ever
    assert dialled == [(PUBLIC, 80)]
    assert len(asked) == 2
    assert "127.0.0.1, which is not public" in reply.reason


def test_the_socket_itself_refuses_what_got_past_the_resolver(names: Callable[[Answers], None], monkeypatch: pytest.MonkeyPatch) -> None:
    async def careless(resolver: client.Resolver, host: str, port: int, family: socket.AddressFamily) -> Any:
        return resolver._look_up(host, port, family)

    names(lambda _: ["10.0.0.1"])
    monkeypatch.setattr(client.Resolver, "resolve", careless)

    with watched(lambda _: False) as dialled:
        (reply,) = fetch_all(["http://inside.example/a.jpg"], Permits())

    assert dialled == []
    assert (reply.reason, reply.heals) == ("not a URL that may be fetched: it leads to 10.0.0.1, which is not public", False)


@pytest.mark.parametrize("host", ["10.0.0.1", "[::1]", "[::ffff:127.0.0.1]"])
def test_an_address_in_a_url_is_judged_before_anything_is_asked_of_it(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client.Client, "_socket", lambda _, address: socket.socket(*address[:3]))

    with watched(lambda _: False) as dialled:
        (reply,) = fetch_all([f"http://{host}/a.jpg"], Permits())

    assert dialled == []
    assert "which is not public" in reply.reason


def test_a_thousand_ordinary_urls_are_all_dialled(names: Callable[[Answers], None]) -> None:
    # Given names that have public addresses, each its own
    given: dict[str, str] = {}

    def public(host: str) -> list[str]:
        return [given.setdefault(host, f"{93 + len(given) // 60_000}.{len(given) // 250}.3.{len(given) % 250}")]

    names(public)
    urls = ordinary(1000)

    with watched(lambda _: False) as dialled:
        replies = fetch_all(urls, Permits(), ONCE)

    assert len(given) == 1000
    assert {host for host, _ in dialled} == set(given.values())
    assert {reply.reason for reply in replies} == {"its host could not be reached: it refuses connections"}


def test_a_name_that_does_not_exist_is_lost_and_one_that_cannot_be_looked_up_may_heal(
    names: Callable[[Answers], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    names(lambda _: [])
    (lost,) = fetch_all(["http://nowhere.example/"], Permits())

    def later(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", later)
    (again,) = fetch_all(["http://somewhere.example/"], Permits())

    assert (lost.reason, lost.heals) == ("its host name does not exist", False)
    assert (again.reason, again.heals) == ("its host name could not be looked up", True)


def test_names_are_looked_up_as_they_are_and_not_in_a_search_list(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def look(host: str, *_: object, **__: object) -> None:
        asked.append(host)
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", look)
    fetch_all(["http://pictures.example/"], Permits())
    fetch_all(["http://pictures.intranet/"], Permits(networks=(ip_network("10.0.0.0/8"),)))

    assert asked == ["pictures.example.", "pictures.intranet"]


def test_a_certificate_is_believed_only_if_somebody_vouches_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tls, vouching = certified(tmp_path)
    with website({"/": http()}, tls=tls) as site:
        (doubted,) = fetch_all([site.url()], permits_of(site), ONCE)
        monkeypatch.setenv("SSL_CERT_FILE", str(vouching))
        (believed,) = fetch_all([site.url()], permits_of(site), ONCE)

    assert (doubted.reason, doubted.heals) == ("its certificate is not valid (self-signed certificate)", True)
    assert believed.data == PICTURE


def test_a_server_without_tls_behind_https_is_no_server() -> None:
    with website({}) as plain:
        (reply,) = fetch_all([plain.url().replace("http:", "https:")], permits_of(plain), replace(ONCE, deadline_s=30))

    assert (reply.reason, reply.heals) == ("its host could not be reached: no answer", True)


def test_many_look_ups_wait_for_nobody(names: Callable[[Answers], None]) -> None:
    names(lambda _: [PUBLIC])
    with watched(lambda _: False), Fetcher(Permits(), FetchLimits(retries=0)) as fetcher:
        replies = list(fetcher.fetch(Request(token=str(n), url=f"http://host{n}.example/") for n in range(300)))

    assert len({reply.token for reply in replies}) == 300
