"""Web servers on this machine that answer what a test says, byte by byte; each in a thread of its own."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import threading
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address, ip_network
from pathlib import Path

from jobs.scrape.web import Fetcher, FetchLimits, Permits, Reply, Request

PICTURE = b"\xff\xd8\xff" + b"a picture by its first bytes" * 30
LOOPBACK = ip_network("127.0.0.0/8")
HANG_UP = b""  # what is sent in place of this is a reset

# A whole answer, or its pieces as they come.
Answering = bytes | AsyncIterator[bytes]
Answer = Answering | Callable[["Asked"], Answering]


@dataclass(frozen=True)
class Asked:
    """A request; the names of headers are in lower case, `nth` counts those of its path from 1."""

    path: str
    headers: Mapping[str, str]
    nth: int


@dataclass
class Website:
    """A server and what it was asked."""

    host: str
    answers: dict[str, Answer]
    scheme: str = "http"
    port: int = 0
    asked: list[Asked] = field(default_factory=list)
    paths: Counter[str] = field(default_factory=Counter)

    def url(self, path: str = "/") -> str:
        return f"{self.scheme}://{self.host}:{self.port}{path}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one connection until either side ends it."""
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
                path = head[0].split(" ")[1]
                self.paths[path] += 1
                headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:-2])}
                self.asked.append(Asked(path, headers, self.paths[path]))
                answer = self.answers.get(path.partition("?")[0], NOT_FOUND)
                if callable(answer):
                    answer = answer(self.asked[-1])
                async for piece in _pieces(answer):
                    if piece == HANG_UP:
                        writer.transport.abort()
                        return
                    writer.write(piece)
                    await writer.drain()


async def _pieces(answer: Answering) -> AsyncIterator[bytes]:
    if isinstance(answer, bytes):
        yield answer
    else:
        async for piece in answer:
            yield piece


def http(status: int = 200, body: bytes = PICTURE, **headers: str) -> bytes:
    """Return a whole answer; `_` in a header's name stands for `-`, and its length is given unless a header says otherwise."""
    told = {"Content-Length": str(len(body)), **{name.replace("_", "-"): value for name, value in headers.items()}}
    lines = "".join(f"{name}: {value}\r\n" for name, value in told.items())
    return f"HTTP/1.1 {status} Words\r\n{lines}\r\n".encode() + body


NOT_FOUND = http(404, b"")


@contextlib.contextmanager
def website(answers: Mapping[str, Answer], host: str = "127.0.0.1", tls: ssl.SSLContext | None = None) -> Iterator[Website]:
    """Run a server that answers these paths; others are not found."""
    site = Website(host, dict(answers), "https" if tls else "http")
    loop = asyncio.new_event_loop()
    connections: set[asyncio.Task[None]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        connections.add(task)
        try:
            await site.serve(reader, writer)
        except asyncio.CancelledError:
            pass
        finally:
            connections.discard(task)
            writer.close()

    async def stop() -> None:
        server.close()
        for task in list(connections):
            task.cancel()
        await asyncio.gather(*connections, return_exceptions=True)
        await asyncio.sleep(0)

    server = loop.run_until_complete(asyncio.start_server(connected, host, 0, ssl=tls))
    site.port = server.sockets[0].getsockname()[1]
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield site
    finally:
        asyncio.run_coroutine_threadsafe(stop(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


def certified(folder: Path, host: str = "127.0.0.1") -> tuple[ssl.SSLContext, Path]:
    """Return a server's TLS with a certificate that it signed itself, and the file that vouches for it."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "a test")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now - timedelta(days=1), now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address(host))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    vouching, private = folder / "certificate.pem", folder / "key.pem"
    vouching.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(vouching, private)
    return context, vouching


def permits_of(*sites: Website) -> Permits:
    """Return what lets these servers be reached, and all of this machine's addresses."""
    return Permits(contact="mailto:us@example.org", ports=frozenset({80, 443, *(site.port for site in sites)}), networks=(LOOPBACK,))


QUICK = FetchLimits(deadline_s=5.0, connect_s=1.0, first_pause_s=0.01, longest_pause_s=1.0)


def fetch_all(urls: list[str], permits: Permits, limits: FetchLimits = QUICK) -> list[Reply]:
    """Fetch URLs and return their replies in the order of the URLs."""
    with Fetcher(permits, limits) as fetcher:
        replies = list(fetcher.fetch(Request(token=str(number), url=url) for number, url in enumerate(urls)))
    by_token = {reply.token: reply for reply in replies}
    assert len(replies) == len(by_token) == len(urls)
    return [by_token[str(number)] for number in range(len(urls))]
