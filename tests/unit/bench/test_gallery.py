"""The server of pictures that bench-scrape asks."""

from __future__ import annotations

import http.client
import time

from common import images
from tests.bench import gallery, scrape


def test_each_picture_is_unlike_the_others_and_takes_its_time() -> None:
    with scrape.a_web("http") as web:
        began = time.monotonic()
        bodies = [_get(web.port, number) for number in range(3)]
        assert time.monotonic() - began >= 3 * gallery.LATENCY_S
        assert bodies == [_get(web.port, number) for number in range(3)]
        assert len(set(bodies)) == 3
        assert [images.open_upright(body)[0].size for body in bodies] == [(800, 600), (1024, 768), (800, 600)]
        assert all(55_000 < len(body) < 75_000 for body in bodies)
        assert _ask(web.port, "/robots.txt") == (404, b"")


def _get(port: int, number: int) -> bytes:
    status, body = _ask(port, gallery.url_of(number, port, "http").partition(f":{port}")[2])
    assert status == 200
    return body


def _ask(port: int, path: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.9", port, timeout=30)
    connection.request("GET", path, headers={"Connection": "close"})
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, body
