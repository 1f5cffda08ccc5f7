"""A service under test: a tiny model that its store's pointer names, and a real server on this machine."""

from __future__ import annotations

import contextlib
import http.client
import json
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import numpy as np
import uvicorn

from common import model, records
from common.model import CARD_FILE, MODEL_FILE, Card
from common.records import Pointer, Ref
from common.store import Store
from jobs.serve.app import make_app
from jobs.serve.service import Service
from jobs.serve.settings import Settings
from tests.support import networks
from tests.support.pictures import drawing, encode

CLASSES = ("bars", "rows", "spots")
DATASET = "mine"
JPEG = {"Content-Type": "image/jpeg"}


def picture(seed: int = 0, kind: str = "JPEG", side: int = 48) -> bytes:
    return encode(drawing("bars", seed, side), kind)


def classifier(seed: int, sharpness: float = 3.0) -> tuple[bytes, Card]:
    """Return a model of three classes whose weights are drawn from a seed; the sharper, the surer it is."""
    random = np.random.default_rng(seed)
    width = networks.DIMENSION
    head = model.Head(
        mean=np.full(width, 0.4, np.float32),
        scale=np.full(width, 0.1, np.float32),
        weights=random.normal(0, 1, (len(CLASSES), width)).astype(np.float32),
        bias=np.zeros(len(CLASSES), np.float32),
        unit_length=True,
        temperature=1 / sharpness,
    )
    data = model.attach_head(networks.backbone(), head)
    return data, networks.card(data, name="tiny-svm", kind="svm", classes=CLASSES)


def version(seed: int, sharpness: float = 3.0) -> str:
    """Return the version that the model of a seed has."""
    return sha256(classifier(seed, sharpness)[0]).hexdigest()[:12]


def publish(store: Store, seed: int = 1, *, dataset: str = DATASET, sharpness: float = 3.0) -> str:
    """Let a model serve; returns its version."""
    data, card = classifier(seed, sharpness)
    digest = sha256(data).hexdigest()
    short = digest[:12]
    store.put(f"models/{dataset}/{short}/{MODEL_FILE}", data)
    store.put(f"models/{dataset}/{short}/{CARD_FILE}", records.encode(card))
    ref = Ref(step="train", key=digest, digest=digest)
    pointer = Pointer(dataset=dataset, sequence=seed, run="run", snapshot=1, version=short, model=ref, gate=ref, writer="test")
    store.put(f"models/{dataset}/current.json", records.encode(pointer))
    return short


@dataclass(frozen=True)
class Reply:
    """What a server said."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Served:
    """A running service and its address."""

    service: Service
    host: str
    port: int

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"

    def ask(self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] = JPEG) -> Reply:
        connection = http.client.HTTPConnection(self.host, self.port, timeout=60)
        try:
            connection.request(method, path, body, dict(headers))
            reply = connection.getresponse()
            return Reply(reply.status, {name.lower(): value for name, value in reply.getheaders()}, reply.read())
        finally:
            connection.close()

    def post(self, path: str, body: bytes, headers: Mapping[str, str] = JPEG) -> Reply:
        return self.ask("POST", path, body, headers)

    def post_json(self, path: str, document: object) -> Reply:
        return self.post(path, json.dumps(document).encode(), {"Content-Type": "application/json"})


@contextlib.contextmanager
def serving(store: Store, **chosen: Any) -> Iterator[Served]:
    """Run a service in a thread; its settings are small, and may be chosen."""
    settings = Settings(**{"dataset": DATASET, "workers": 2, "poll_s": 0.05, "linger_s": 0.0, **chosen})
    service = Service(store, settings, lambda _: None)
    service.load(wait=True)
    config = uvicorn.Config(make_app(service), "127.0.0.1", 0, log_level="warning", http="httptools", ws="none", server_header=False)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        until(lambda: server.started)
        host, port = server.servers[0].sockets[0].getsockname()[:2]
        yield Served(service, host, port)
    finally:
        server.should_exit = True
        thread.join(60)


def until(is_so: Any, seconds: float = 30.0) -> None:
    """Wait until something is so, at most so long."""
    end = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < end, "it did not become so in time"
        threading.Event().wait(0.01)


def form(files: Mapping[str, bytes]) -> tuple[bytes, dict[str, str]]:
    """Return body and headers of a form of files."""
    pieces = [
        f'--edge\r\nContent-Disposition: form-data; name="pictures"; filename="{name}"\r\n\r\n'.encode() + data + b"\r\n"
        for name, data in files.items()
    ]
    return b"".join(pieces) + b"--edge--\r\n", {"Content-Type": "multipart/form-data; boundary=edge"}
