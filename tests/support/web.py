"""A web of pictures on this machine: each path answers as it is told to, and every request is counted."""

from __future__ import annotations

import contextlib
import threading
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

LOOPBACK = "127.0.0.0/8"


@dataclass(frozen=True)
class Page:
    """What a path answers."""

    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Web:
    """Paths and their answers; others are not found. `port` is the same for every address of this machine.

    `clients` are the addresses that asked, by the host that they asked for.
    """

    port: int = 0
    pages: dict[str, Page] = field(default_factory=dict)
    requests: Counter[str] = field(default_factory=Counter)
    clients: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))

    def put(self, path: str, body: bytes = b"", status: int = 200, **headers: str) -> str:
        """Let a path answer; returns its URL. `X_Robots_Tag=` stands for a header of that name."""
        self.pages[path] = Page(body, status, {name.replace("_", "-"): value for name, value in headers.items()})
        return self.url(path)

    def url(self, path: str, host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.port}{path}"

    @property
    def environment(self) -> dict[str, str]:
        """What a site says that may fetch from here."""
        return {"DARKROOM_WEB_NETWORKS": LOOPBACK, "DARKROOM_WEB_PORTS": str(self.port), "DARKROOM_CONTACT": "tests@darkroom.example"}

    def pictures_asked(self) -> int:
        """Return how many requests were not for robots.txt."""
        return sum(count for path, count in self.requests.items() if path != "/robots.txt")


@contextlib.contextmanager
def serve() -> Iterator[Web]:
    """Serve a web on all addresses of this machine."""
    web = Web()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            web.requests[self.path] += 1
            web.clients[self.headers["Host"].partition(":")[0]].add(self.client_address[0])
            page = web.pages.get(self.path, Page(b"not found", 404))
            self.send_response(page.status)
            for name, value in {"Content-Length": str(len(page.body)), **page.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(page.body)

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the name is http.server's
            """Say nothing."""

    server = ThreadingHTTPServer(("0.0.0.0", 0), Handler)
    server.daemon_threads = True
    web.port = server.server_port
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    try:
        yield web
    finally:
        server.shutdown()
        server.server_close()
