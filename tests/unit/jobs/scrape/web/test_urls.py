from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from jobs.scrape.web.failures import Failed
from jobs.scrape.web.urls import join, literal, parse
from tests.support.hostile_urls import MALFORMED, ordinary

PORTS = frozenset({80, 443, 8080})


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("http://example.com", "http://example.com/"),
        ("HTTP://EXAMPLE.com:80/A#b", "http://example.com/A"),
        ("https://example.com?x", "https://example.com/?x"),
        ("https://example.com:80/", "https://example.com:80/"),
        ("http://example.com:8080/a%2fb%41?c=%zz", "http://example.com:8080/a%2fb%41?c=%zz"),
        ("http://bücher.example/größe.jpg", "http://xn--bcher-kva.example/gr%C3%B6%C3%9Fe.jpg"),
        ("http://[2001:DB8:0::1]/", "http://[2001:db8::1]/"),
        ("http://a_b.foo-.example/../x//y", "http://a_b.foo-.example/../x//y"),
    ],
)
def test_ordinary_urls_keep_their_meaning(text: str, url: str) -> None:
    assert str(parse(text, PORTS)) == url


@pytest.mark.parametrize("text", [text for text in MALFORMED if "8080" not in text and "#" not in text and "?@" not in text])
def test_malformed_urls_are_refused_or_name_a_plain_host(text: str) -> None:
    try:
        url = parse(text, PORTS)
    except Failed:
        return
    assert url.raw_host
    assert url.raw_host in text.lower()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("ftp://example.com/", "it does not begin with http:// or https://"),
        ("http://user:word@example.com/", "it names a user"),
        ("http://example.com:22/", "port 22 is not allowed"),
        ("http://example.com\\@127.0.0.1/", "it holds a space, a control character or a backslash"),
        ("http://a b/", "it holds a space, a control character or a backslash"),
        ("http://0x7f.1/", "its address is not written as four decimal numbers"),
        ("http://2130706433/", "its address is not written as four decimal numbers"),
        ("http://①②⑦.0.0.1/", "its host name is not written as IDNA asks"),
        ("http://[::1%25lo]/", "its host is not plain"),
        ("http://example.com./", "its host is not plain"),
        ("http://[::g]/", "its host is not plain"),
        ("http://[1::2::3]/", "its address is not valid"),
        ("http://example.com/" + "a" * 8000, "it is too long"),
    ],
)
def test_the_reason_says_what_is_wrong(text: str, why: str) -> None:
    with pytest.raises(Failed) as caught:
        parse(text, PORTS)

    assert caught.value.reason == f"not a URL that may be fetched: {why}"


def test_a_thousand_ordinary_urls_are_let_through() -> None:
    assert len({parse(text, PORTS).raw_host for text in ordinary(1000)}) == 1000


@given(st.text(max_size=60))
def test_whatever_is_let_through_names_the_host_that_was_judged(text: str) -> None:
    for candidate in (text, f"http://{text}", f"http://{text}@example.com/", f"http://example.com{text}"):
        try:
            url = parse(candidate, PORTS)
        except Failed:
            continue
        assert url.scheme in ("http", "https")
        assert url.port in PORTS
        assert not url.user
        assert str(url).isascii()
        assert URL(str(url), encoded=True).raw_host == url.raw_host


@pytest.mark.parametrize(
    ("location", "url"),
    [
        ("/b", "http://example.com/b"),
        ("b?c", "http://example.com/a/b?c"),
        ("//other.example/", "http://other.example/"),
        ("https://other.example:443/x", "https://other.example/x"),
        ("größe", "http://example.com/a/gr%C3%B6%C3%9Fe"),
        ("/a%2fb", "http://example.com/a%2fb"),
    ],
)
def test_redirects_lead_where_they_say(location: str, url: str) -> None:
    assert str(join(parse("http://example.com/a/x", PORTS), location, PORTS)) == url


@pytest.mark.parametrize("location", ["http://x:22/", "//user@x/", "http://a\\b/", "/a b", "\udcff", "http:///x", "javascript:1", "//[::1"])
def test_redirects_are_judged_like_urls(location: str) -> None:
    with pytest.raises(Failed):
        join(parse("http://example.com/", PORTS), location, PORTS)


def test_addresses_in_urls_are_told_from_names() -> None:
    assert str(literal(parse("http://1.2.3.4/", PORTS))) == "1.2.3.4"
    assert str(literal(parse("http://[::1]/", PORTS))) == "::1"
    assert literal(parse("http://1and1.example/", PORTS)) is None
    assert literal(parse("http://cdn1/", PORTS)) is None
