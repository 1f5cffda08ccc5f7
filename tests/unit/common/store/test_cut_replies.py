"""A reply of an S3 server that is cut, at each of its bytes, is a reply that did not come."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from common.errors import StoreUnavailable
from common.store.s3 import S3Store

pytestmark = pytest.mark.filterwarnings("ignore:tzname")  # what dateutil says of a time zone cut to "G"

HEAD = (
    b"HTTP/1.1 200 OK\r\nDate: Tue, 24 Nov 2026 13:00:00 GMT\r\nLast-Modified: Tue, 24 Nov 2026 12:00:00 GMT\r\n"
    b'ETag: "9a0364b9e99bb480dd25e1f0284c8555"\r\nContent-Length: 7\r\n\r\n'
)
REPLY = HEAD + b"content"


@contextlib.contextmanager
def server_that_sends(replies: list[bytes]) -> Iterator[str]:
    """Answer each connection's first request with the next of these bytes, then hang up."""
    with socket.create_server(("127.0.0.1", 0), backlog=16) as listening:

        def serve() -> None:
            for reply in replies:
                connection, _ = listening.accept()
                with connection:
                    request = b""
                    while b"\r\n\r\n" not in request and (data := connection.recv(65536)):
                        request += data
                    connection.sendall(reply)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        thread.join(timeout=10)
        assert not thread.is_alive()


def test_a_whole_reply_is_read() -> None:
    with server_that_sends([REPLY]) as endpoint:
        assert S3Store("b", "", endpoint).get("a/b").data == b"content"


READS: dict[str, Callable[[S3Store, Path], object]] = {
    "get": lambda store, _: store.get("a/b"),
    "get_range": lambda store, _: store.get_range("a/b", 0, 7),
    "download": lambda store, path: store.download("a/b", path),
}


@pytest.mark.parametrize("verb", READS)
def test_a_reply_cut_at_any_byte_counts_as_none(verb: str, tmp_path: Path) -> None:
    cuts = [REPLY[:length] for length in range(len(REPLY))]
    with server_that_sends(cuts) as endpoint:
        store = S3Store("b", "", endpoint)
        for _ in cuts:
            with pytest.raises(StoreUnavailable):
                READS[verb](store, tmp_path / "file")


def test_a_head_cut_at_any_byte_is_whole_or_counts_as_none() -> None:
    cuts = [HEAD[:length] for length in range(len(HEAD))]
    with server_that_sends(cuts) as endpoint:
        store = S3Store("b", "", endpoint)
        for _ in cuts:
            try:
                found = store.head("a/b")
            except StoreUnavailable:
                continue
            assert (found.size, found.etag) == (7, '"9a0364b9e99bb480dd25e1f0284c8555"')
