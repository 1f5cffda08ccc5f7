"""Servers that never end, lie, stall or flood: each URL ends by its deadline and its cap, and takes no memory along."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import random
import zlib
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

import pytest

from tests.support.fetching import fetch_elsewhere
from tests.support.websites import HANG_UP, NOT_FOUND, PICTURE, QUICK, Answer, Asked, Website, fetch_all, http, permits_of, website

DEADLINE_S, CAP = 4.0, 20 * 1024 * 1024
BUFFERS = 16 * 1024 * 1024  # of both ends' systems, some 10 MiB a connection where they may grow
MOST_GROWN = 64 * 1024 * 1024
OK = b"HTTP/1.1 200 OK\r\n"
PIECE = b"x" * 65536

sent: dict[str, int] = {}


async def nothing() -> AsyncIterator[bytes]:
    await asyncio.sleep(600)
    yield b""


def drops(data: bytes) -> Callable[[Asked], AsyncIterator[bytes]]:
    """Send bytes one by one, so slowly that they never end."""

    async def pieces(_: Asked) -> AsyncIterator[bytes]:
        for number in range(len(data)):
            yield data[number : number + 1]
            await asyncio.sleep(0.05)
        await asyncio.sleep(600)

    return pieces


def endless(name: str, start: bytes, piece: bytes) -> Callable[[Asked], AsyncIterator[bytes]]:
    """Send one piece again and again, as fast as it is taken."""

    async def pieces(_: Asked) -> AsyncIterator[bytes]:
        yield start
        while True:
            sent[name] = sent.get(name, 0) + len(piece)
            yield piece

    return pieces


def then(*parts: bytes) -> Callable[[Asked], AsyncIterator[bytes]]:
    async def pieces(_: Asked) -> AsyncIterator[bytes]:
        for part in parts:
            yield part

    return pieces


def bomb(start: bytes) -> Callable[[Asked], AsyncIterator[bytes]]:
    """Send ten gigabytes of zeros as ten megabytes of gzip."""

    async def pieces(_: Asked) -> AsyncIterator[bytes]:
        packer = zlib.compressobj(9, wbits=31)
        yield OK + b"Content-Encoding: gzip\r\nConnection: close\r\n\r\n" + packer.compress(start)
        zeros = bytes(1024 * 1024)
        for __ in range(10 * 1024):
            piece = packer.compress(zeros)
            yield piece or packer.flush(zlib.Z_SYNC_FLUSH)

    return pieces


def _chunk(data: bytes) -> bytes:
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


INTERIM = b"HTTP/1.1 100 Continue\r\n\r\n" * 100
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
BROKE, BREAKS = "the connection broke", "its answer breaks the rules of HTTP"
LATE, LARGE = f"no complete answer within {DEADLINE_S:g} s", f"more than {CAP} bytes"

# What a server does, and how the reason begins that it is refused for. A few may end in either of two ways.
SERVERS: dict[str, tuple[Answer, tuple[str, ...]]] = {
    "silent": (lambda _: nothing(), (LATE,)),
    "slow headers": (drops(OK + b"X: " + b"x" * 900), (LATE,)),
    "slow body": (drops(http(Content_Length="99999")), (LATE,)),
    "slow after a start": (then(OK + b"Content-Length: 99999\r\n\r\n" + PICTURE), (LATE,)),
    "endless chunks": (endless("endless chunks", CHUNKED + _chunk(PICTURE), _chunk(PIECE)), (LARGE, LATE)),
    "endless body": (endless("endless body", OK + b"Connection: close\r\n\r\n" + PICTURE, PIECE), (LARGE, LATE)),
    "endless headers": (endless("endless headers", OK, b"X: y\r\n" * 1000), (BREAKS,)),
    "endless header": (endless("endless header", OK + b"X: ", PIECE), (BREAKS,)),
    "endless status line": (endless("endless status line", b"HTTP/1.1 200 ", PIECE), (BREAKS,)),
    "endless interim answers": (endless("endless interim answers", INTERIM, INTERIM), ("more than 262144 bytes before its body",)),
    "endless chunk extension": (endless("endless chunk extension", CHUNKED + b"1;", PIECE), (LARGE,)),
    "endless trailers": (endless("endless trailers", CHUNKED + _chunk(PICTURE) + b"0\r\n", b"X: y\r\n" * 1000), (BREAKS, BROKE, LATE)),
    "giant header": (http(X="y" * 1024 * 1024), (BREAKS,)),
    "many headers": (OK + b"X: y\r\n" * 100_000 + b"\r\n", (BREAKS,)),
    "ten gigabytes declared": (http(Content_Length=str(10**10)), (LARGE,)),
    "a length beyond numbers": (http(Content_Length="9" * 400), (LARGE, BREAKS)),
    "a negative length": (http(Content_Length="-5"), (BREAKS,)),
    "two lengths": (http(content_length="7"), (BREAKS,)),
    "less than declared": (then(http(Content_Length="99999"), HANG_UP), (BROKE,)),
    "more than declared": (http(Content_Length="100") + PIECE, ("", BREAKS)),
    "a gzip bomb": (bomb(PICTURE), (LARGE, LATE)),
    "a gzip bomb of nothing": (bomb(b""), ("not a picture",)),
    "a chunk beyond numbers": (CHUNKED + b"F" * 40 + b"\r\n" + PIECE, (BREAKS, BROKE)),
    "chunks of garbage": (CHUNKED + b"zz\r\n" + PIECE, (BREAKS, BROKE)),
    "a hundred redirects": (lambda asked: http(302, b"", Location=f"/x?{asked.nth}{len(asked.path)}"), ("more than 10 redirects",)),
    "a redirect to itself": (http(302, b"", Location="/x"), ("more than 10 redirects",)),
    "endless redirect": (endless("endless redirect", b"HTTP/1.1 302 F\r\nConnection: close\r\nLocation: /y\r\n\r\n", PIECE), ("HTTP 404",)),
    "endless refusal": (endless("endless refusal", b"HTTP/1.1 404 N\r\nConnection: close\r\n\r\n", PIECE), ("HTTP 404",)),
    "a reset": (HANG_UP, (BROKE,)),
    "a reset within the headers": (then(OK + b"Content-", HANG_UP), (BROKE, BREAKS)),
    "a reset within the body": (then(http(Content_Length="5000"), HANG_UP), (BROKE,)),
    "garbage": (b"\x00\xff" * 500 + b"\r\n\r\n", (BREAKS,)),
    "another protocol": (b"SSH-2.0-OpenSSH_9.9\r\n\r\n", (BREAKS,)),
    "no headers at all": (PICTURE, (BREAKS, LATE)),
    "a page of text": (endless("a page of text", OK + b"Connection: close\r\n\r\n<!doctype html>", PIECE), ("not a picture",)),
    "a pause without end": (http(429, b"", Retry_After="9" * 4000), ("HTTP 429",)),
    "a server's error for ever": (http(503, PIECE), ("HTTP 503",)),
}  # fmt: skip

ROBOTS: dict[str, tuple[Answer, tuple[str, ...]]] = {
    "silent rules": (lambda _: nothing(), (LATE, f"its robots.txt could not be read: {LATE}")),
    "slow rules": (drops(http(body=b"User-agent: *\n" * 900)), (LATE, f"its robots.txt could not be read: {LATE}")),
    "endless rules": (
        endless("endless rules", OK + b"Connection: close\r\n\r\n", b"User-agent: *\nAllow: /\n" * 1000),
        ("refused by robots.txt",),
    ),
    "rules that are a bomb": (bomb(b"User-agent: *\nDisallow: /\n"), ("refused by robots.txt",)),
    "rules that lead in a circle": (http(302, b"", Location="/robots.txt"), ("",)),
    "rules that break off": (HANG_UP, (f"its robots.txt could not be read: {BROKE}",)),
    "rules of garbage": (http(body=b"\xff\x00" * 100_000), ("",)),
}


@pytest.fixture(scope="module")
def told() -> dict[str, dict[str, object]]:
    """All of them at once, in one child; each is a server of its own."""
    sites: dict[str, Website] = {}
    with contextlib.ExitStack() as running:
        good = running.enter_context(website({"/x": http()}))
        for name, (answer, _) in SERVERS.items():
            sites[name] = running.enter_context(website({"/x": answer, "/robots.txt": NOT_FOUND}))
        for name, (answer, _) in ROBOTS.items():
            sites[name] = running.enter_context(website({"/x": http(), "/robots.txt": answer}))
        urls = {name: site.url("/x") for name, site in sites.items()}
        told = fetch_elsewhere(
            [good.url("/x"), *urls.values()],
            [good.port, *(site.port for site in sites.values())],
            {"deadline_s": DEADLINE_S, "connect_s": 2.0, "first_pause_s": 0.05},
        )
        for name, site in sites.items():
            assert site.asked, name
    return {name: told["outcomes"][url] for name, url in urls.items()} | {"all": {"grown": told["grown"]}}


@pytest.mark.parametrize("name", [*SERVERS, *ROBOTS])
def test_a_hostile_server_costs_no_more_than_its_deadline_and_its_cap(name: str, told: dict[str, dict[str, object]]) -> None:
    outcome = told[name]
    reasons = {**SERVERS, **ROBOTS}[name][1]

    assert any(outcome["reason"] == begins or (begins and str(outcome["reason"]).startswith(begins)) for begins in reasons), outcome
    assert float(str(outcome["seconds"])) <= DEADLINE_S + 2
    assert int(str(outcome["bytes"])) <= CAP
    if name.startswith("endless"):  # it did flood us, and what it sent is the cap and what systems buffer
        assert 0 < sent[name] <= CAP + BUFFERS


def test_all_of_them_together_take_no_memory_along(told: dict[str, dict[str, object]]) -> None:
    grown = int(str(told["all"]["grown"]))

    assert 0 <= grown <= MOST_GROWN, f"{grown / 1024**2:.0f} MiB"


def test_whatever_bytes_a_server_answers_each_url_gets_its_reply() -> None:
    # Given good answers in which bytes were changed, taken out and doubled
    dice = random.Random(20)
    good = [
        http(),
        http(302, b"", Location="/x"),
        CHUNKED + _chunk(PICTURE) + b"0\r\n\r\n",
        http(Content_Encoding="gzip", body=gzip.compress(PICTURE)),
    ]
    answers = {f"/{number}": then(_spoiled(dice.choice(good), dice), HANG_UP) for number in range(400)}

    with website(answers) as site:
        patient = replace(QUICK, host_failures=len(answers))  # on a busy machine four in a row may be silent
        replies = fetch_all([site.url(path) for path in answers], permits_of(site), patient)

    assert all(bool(reply.data) != bool(reply.reason) for reply in replies)
    assert sum(bool(reply.reason) for reply in replies) > 100
    assert all(site.paths[path] for path in answers)


def _spoiled(data: bytes, dice: random.Random) -> bytes:
    spoiled = bytearray(data)
    for _ in range(dice.randint(1, 4)):
        at = dice.randrange(min(len(spoiled), 120))
        match dice.randrange(3):
            case 0:
                spoiled[at] = dice.randrange(256)
            case 1:
                del spoiled[at : at + dice.randint(1, 8)]
            case _:
                spoiled[at:at] = spoiled[at : at + dice.randint(1, 30)]
    return bytes(spoiled)
