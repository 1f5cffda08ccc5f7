"""An HTTP proxy that fails on purpose, between a client and an S3 server on this machine."""

from __future__ import annotations

import contextlib
import http.client
import random
import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from tests.support.serving import running

ANSWERS = {"500": "InternalError", "503": "SlowDown", "429": "TooManyRequests", "409": "OperationAborted"}
KINDS = (*ANSWERS, "refused", "lost", "truncated", "stall")
PATIENCE_S = 30.0

# From the number of the request (counting from 1) to the kind of fault, or None where it passes.
Script = Callable[[int], str | None]


def often(seed: int, share: float) -> Script:
    """Return a script that fails this share of all requests, each kind alike."""
    dice = random.Random(seed)
    return lambda _: dice.choice(KINDS) if dice.random() < share else None


def from_request(first: int, kind: str) -> Script:
    """Return a script that fails every request from this one on."""
    return lambda number: kind if number >= first else None


class Proxy:
    """Passes requests on, or fails them as `script` says. `fired` counts the faults by kind."""

    def __init__(self, upstream: str) -> None:
        self.script: Script = lambda _: None
        self.requests = 0
        self.fired: Counter[str] = Counter()
        self._upstream = urlsplit(upstream).netloc
        self._lock = threading.Lock()

    def judge(self) -> str | None:
        with self._lock:
            self.requests += 1
            kind = self.script(self.requests)
            if kind is not None:
                self.fired[kind] += 1
            return kind

    def heal(self) -> None:
        self.script = lambda _: None

    def ask(self, request: BaseHTTPRequestHandler, body: bytes) -> tuple[http.client.HTTPResponse, bytes]:
        """Put the request to the server behind."""
        connection = http.client.HTTPConnection(self._upstream, timeout=PATIENCE_S)
        with contextlib.closing(connection):
            connection.putrequest(request.command, request.path, skip_host=True, skip_accept_encoding=True)
            for name, value in request.headers.items():
                if name.lower() not in ("connection", "expect"):
                    connection.putheader(name, value)
            connection.endheaders(body)
            reply = connection.getresponse()
            return reply, reply.read()


@contextlib.contextmanager
def faulty_proxy(upstream: str) -> Iterator[tuple[str, Proxy]]:
    """Run a proxy; yields its endpoint and what controls it."""
    proxy = Proxy(upstream)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_request(self) -> None:
            assert not self.headers.get("Transfer-Encoding"), "the proxy knows no chunks"
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            kind = proxy.judge()
            if kind in ANSWERS:
                self._answer(int(kind), ANSWERS[kind])
                return
            if kind == "refused":
                self._hang_up()
                return
            reply, data = proxy.ask(self, body)
            if kind == "lost":
                self._hang_up()
            elif kind == "stall":
                self._wait_for_the_client_to_give_up()
            else:
                self._pass_on(reply, data, half=kind == "truncated")

        do_GET = do_PUT = do_HEAD = do_DELETE = do_POST = do_request  # noqa: N815 - the names that http.server looks for

        def _answer(self, status: int, code: str) -> None:
            body = f"<Error><Code>{code}</Code><Message>on purpose</Message></Error>".encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/xml")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(b"" if self.command == "HEAD" else body)

        def _pass_on(self, reply: http.client.HTTPResponse, data: bytes, *, half: bool) -> None:
            """Pass the reply on; half of it where it is to be truncated, in the middle of its head if it has no body."""
            head = f"HTTP/1.1 {reply.status} {reply.reason}\r\n"
            length = reply.headers.get("Content-Length") if self.command == "HEAD" else str(len(data))
            names = [(name, value) for name, value in reply.headers.items() if name.lower() not in ("content-length", "transfer-encoding")]
            head += "".join(f"{name}: {value}\r\n" for name, value in [*names, ("Content-Length", length or "0")]) + "\r\n"
            whole = head.encode("latin-1") + data
            if half:
                self.wfile.write(whole[: len(head) + len(data) // 2] if data else whole[: len(head) // 2])
                self._hang_up()
            else:
                self.wfile.write(whole)

        def _wait_for_the_client_to_give_up(self) -> None:
            self.connection.settimeout(PATIENCE_S)
            with contextlib.suppress(OSError):
                self.connection.recv(1)
            self._hang_up()

        def _hang_up(self) -> None:
            self.close_connection = True
            with contextlib.suppress(OSError):
                self.connection.shutdown(socket.SHUT_RDWR)

        def log_message(self, *_: object) -> None:
            """Say nothing: what matters is counted."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 128

        def handle_error(self, *_: object) -> None:
            """A client that went away is what this is about."""

    server = Server(("127.0.0.1", 0), Handler)
    with running(server):
        yield f"http://127.0.0.1:{server.server_address[1]}", proxy
