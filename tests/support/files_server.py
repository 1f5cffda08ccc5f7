"""A server of files on this machine, which may be told to misbehave."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.support.serving import running


@contextmanager
def serve(files: Mapping[str, bytes], *, short: int = 0, leads_to: str = "") -> Iterator[tuple[str, list[str]]]:
    """Yield the server's URL and the paths that were asked for. `short` leaves out bytes at the end, `leads_to` redirects all."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            data = files.get(self.path.lstrip("/"))
            if leads_to:
                self.send_response(302)
                self.send_header("Location", leads_to)
                self.end_headers()
            elif data is None:
                self.send_error(404)
            else:
                self.send_response(200)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data[: len(data) - short])

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    with running(server):
        yield f"http://127.0.0.1:{server.server_port}/", asked
