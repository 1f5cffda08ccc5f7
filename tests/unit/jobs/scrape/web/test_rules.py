"""What robots.txt says: the cases of RFC 9309 and of draft-ietf-aipref-attach."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.scrape.web import rules

NO, USE = "refused by robots.txt", "refused by Content-Usage in robots.txt: train-ai=n"


def _says(text: str, path: str) -> str:
    return rules.read(text.encode()).refusal(path)


@pytest.mark.parametrize(
    ("lines", "path", "refusal"),
    [
        ("", "/a", ""),
        ("Disallow: /", "/a", NO),
        ("Disallow:", "/a", ""),
        ("Disallow: /a", "/abc", NO),
        ("Disallow: /a", "/b/a", ""),
        ("Disallow: /A", "/a", ""),
        ("Disallow: /a/", "/a", ""),
        ("DISALLOW :  /a # why", "/a", NO),
        ("Disallow: /\nAllow: /p/", "/p/1.jpg", ""),
        ("Allow: /p/\nDisallow: /p/q", "/p/q1", NO),
        ("Disallow: /page\nAllow: /page", "/page", ""),  # equally long: the allowing one
        ("Allow: /page\nDisallow: /*.html", "/page.html", NO),
        ("Disallow: /*.gif$", "/a/b.gif", NO),
        ("Disallow: /*.gif$", "/a/b.gif?x", ""),
        ("Disallow: /*.gif", "/a/b.gif?x", NO),
        ("Disallow: /a$", "/a", NO),
        ("Disallow: /a$", "/ab", ""),
        ("Disallow: /$", "/", NO),
        ("Disallow: /a*b*c", "/a1b2c3", NO),
        ("Disallow: /a*b*c", "/a1c2b3", ""),
        ("Disallow: /a*a$", "/a", ""),
        ("Disallow: *", "/a", NO),
        ("Disallow: /*?id=", "/x?id=1", NO),
        ("Disallow: /foo/bar?baz=https://foo.bar", "/foo/bar?baz=https://foo.bar", NO),
        ("Disallow: /größe", "/gr%C3%B6%C3%9Fe/1", NO),
        ("Disallow: /gr%c3%b6%C3%9Fe", "/größe", NO),
        ("Disallow: /a%62c", "/abc", NO),
        ("Disallow: /a%2Fb", "/a/b", ""),
        ("Disallow: /a%2fb", "/a%2Fb", NO),
        ("Disallow: /a%2Ab", "/a*b", ""),
        ("Content-Usage: train-ai=n", "/a", USE),
        ("Content-Usage: train-ai=y", "/a", ""),
        ("Content-Usage: search=n", "/a", ""),
        ("Content-Usage: search=y\nContent-Usage: train-ai=n", "/a", USE),
        ("Content-Usage: train-ai=n\nContent-Usage: /free/ train-ai=y", "/free/a", ""),
        ("Content-Usage: /art/ train-ai=n", "/art/1.jpg", USE),
        ("Content-Usage: /art/\ttrain-ai=n", "/art/1.jpg", USE),
        ("Content-Usage: /art/ train-ai=n", "/other/1.jpg", ""),
        ("Content-Usage: *.png$ train-ai=n", "/1.png", USE),
        ("Content-Usage: /art/", "/art/1.jpg", ""),
        ("Allow: /\nContent-Usage: train-ai=n", "/a", USE),
        ("Disallow: /a\nContent-Usage: train-ai=y", "/a", NO),
    ],
)
def test_paths_are_matched_as_the_rfc_says(lines: str, path: str, refusal: str) -> None:
    assert _says(f"User-agent: *\n{lines}\n", path) == refusal


@pytest.mark.parametrize(
    ("text", "refusal"),
    [
        ("User-agent: darkroom\nDisallow: /\n\nUser-agent: *\nAllow: /", NO),
        ("User-agent: *\nDisallow: /\n\nUser-agent: darkroom\nAllow: /", ""),
        ("User-agent: *\nDisallow: /\n\nUser-agent: darkroom\nDisallow:", ""),
        ("User-agent: *\nDisallow: /\n\nUser-agent: Darkroom", ""),
        ("User-agent: DARKROOM/2.0\nDisallow: /", NO),
        ("user-agent:darkroom\ndisallow:/", NO),
        ("User-agent: other\nUser-agent: darkroom\nDisallow: /", NO),
        ("User-agent: other\nCrawl-delay: 5\nUser-agent: darkroom\nDisallow: /", NO),
        ("User-agent: darkroom\nSitemap: https://x/\nDisallow: /", NO),
        ("User-agent: darkroom\nDisallow: /b\n\nUser-agent: x\nDisallow: /\n\nUser-agent: darkroom\nDisallow: /a", NO),
        ("User-agent: dark\nDisallow: /", ""),
        ("User-agent: darkroombot\nDisallow: /", ""),
        ("User-agent: mydarkroom\nDisallow: /", ""),
        ("User-agent: googlebot\nDisallow: /", ""),
        ("Disallow: /", ""),
        ("\ufeffUser-agent: *\r\nDisallow: /\r\n", NO),
        ("User-agent: *\rDisallow: /\r", NO),
        ("<html>Not found</html>", ""),
    ],
)
def test_the_group_that_speaks_to_us_counts(text: str, refusal: str) -> None:
    assert _says(text, "/a") == refusal


def test_only_the_first_500_kib_are_read() -> None:
    padding = "#" * (500 * 1024)

    assert _says(f"User-agent: *\nDisallow: /\n{padding}\nAllow: /a\n", "/a") == NO
    assert _says(f"{padding}\nUser-agent: *\nDisallow: /\n", "/a") == ""


def test_more_rules_than_we_read_are_a_refusal() -> None:
    many = "User-agent: *\n" + "".join(f"Allow: /{number}\n" for number in range(rules.MOST_RULES + 1))

    assert _says(many, "/1") == NO


@pytest.mark.parametrize(
    "text",
    [
        "".join(f"User-agent: a{number}\n" for number in range(20_000)) + "Disallow: /x\n" * 20_000,
        "User-agent: *\nDisallow: /" + "*a" * 200_000 + "b",
        "User-agent: *\n" + "Disallow: /*a*a*a*a*a*a*a*a*b$\n" * 5000,
        "User-agent: *\n" + "Allow: /" + "%2" * 200_000,
    ],
)
def test_hostile_files_cost_no_more_than_their_length(text: str) -> None:
    started = time.process_time()
    rules.read(text.encode()).refusal("/" + "a" * 2000)

    assert time.process_time() - started < 3


@given(st.binary(max_size=300), st.text(max_size=30))
def test_any_bytes_are_read(data: bytes, path: str) -> None:
    rules.read(b"User-agent: *\nDisallow: " + data).refusal("/" + path)
    rules.read(data)
