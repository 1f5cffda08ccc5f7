"""What a service does not take, and how it says so: a status of 4xx, and the reason in words."""

from __future__ import annotations

import base64
import http.client
import socket
import threading
from collections.abc import Iterator

import numpy as np
import pytest

from common.store.memory import MemoryStore
from tests.support import served
from tests.support.pictures import encode
from tests.support.served import DATASET, JPEG, Served

INFER = f"/v2/models/{DATASET}/infer"


@pytest.fixture(scope="module")
def service() -> Iterator[Served]:
    store = MemoryStore()
    served.publish(store)
    with served.serving(store, picture_bytes=60_000, body_bytes=200_000, per_request=3, read_s=0.5) as running:
        yield running


def test_too_many_bytes_are_refused_before_they_are_read(service: Served) -> None:
    with socket.create_connection((service.host, service.port), timeout=30) as connection:
        connection.sendall(b"POST /classify HTTP/1.1\r\nHost: x\r\nContent-Type: image/jpeg\r\nContent-Length: 99999999999\r\n\r\n")
        assert b" 413 " in connection.recv(4096)


def test_too_many_bytes_are_refused_where_their_number_is_not_told(service: Served) -> None:
    connection = http.client.HTTPConnection(service.host, service.port, timeout=30)
    connection.request("POST", "/classify", iter([b"x" * 50_000] * 2), JPEG, encode_chunked=True)
    assert connection.getresponse().status == 413
    connection.close()


def test_a_body_that_does_not_arrive_is_not_waited_for(service: Served) -> None:
    with socket.create_connection((service.host, service.port), timeout=30) as connection:
        connection.sendall(b"POST /classify HTTP/1.1\r\nHost: x\r\nContent-Type: image/jpeg\r\nContent-Length: 500\r\n\r\nabc")
        assert b" 408 " in connection.recv(4096)
    served.until(lambda: service.service.room.bytes == 0)


@pytest.mark.parametrize(
    ("body", "headers", "status", "reason"),
    [
        (b"", JPEG, 422, "empty"),
        (b"no picture", JPEG, 422, "cannot be decoded"),
        (b"x", {"Content-Type": "text/plain"}, 415, "image/"),
        (b"x", {"Content-Type": "application/x-www-form-urlencoded"}, 415, "image/"),
        (b"--x", {"Content-Type": "multipart/form-data"}, 400, "form"),
        (b"--x--", {"Content-Type": "multipart/form-data; boundary=x"}, 422, "no file"),
        (b"no form", {"Content-Type": "multipart/form-data; boundary=x"}, 400, "form"),
    ],
)
def test_what_is_no_picture_is_refused_with_the_reason(
    service: Served, body: bytes, headers: dict[str, str], status: int, reason: str
) -> None:
    reply = service.post("/classify", body, headers)
    assert (reply.status, reason in reply.json["error"]) == (status, True), reply.json


def test_too_many_pixels_are_refused_before_they_are_decoded(service: Served) -> None:
    bomb = encode(np.zeros((9000, 9000), bool), "PNG")
    reply = service.post("/classify", bomb, {"Content-Type": "image/png"})
    assert reply.status == 422
    assert "9000 x 9000 pixels" in reply.json["error"]


def test_too_many_pictures_are_refused(service: Served) -> None:
    assert service.post("/classify", *served.form({f"{n}.jpg": served.picture(n) for n in range(4)})).status == 422
    data = [base64.b64encode(served.picture(n)).decode() for n in range(4)]
    document = {"inputs": [{"name": "image", "shape": [4], "datatype": "BYTES", "data": data}]}
    assert service.post_json(INFER, document).status == 422


@pytest.mark.parametrize(
    ("document", "status"),
    [
        ({"inputs": []}, 422),
        ({"inputs": [{"name": "image", "shape": [2], "datatype": "BYTES", "data": ["aaaa"]}]}, 422),
        ({"inputs": [{"name": "image", "shape": [1], "datatype": "FP32", "data": [1.0]}]}, 422),
        ({"inputs": [{"name": "image", "shape": [1], "datatype": "BYTES", "data": ["not base64!"]}]}, 422),
        ({"inputs": [{"name": "image", "shape": [1], "datatype": "BYTES", "data": ["aaaa"]}]}, 422),
        ({"inputs": [{"name": "image", "shape": [1], "datatype": "BYTES", "data": ["a" * 100_000]}]}, 413),
        ([], 422),
    ],
)
def test_a_request_of_another_form_is_refused(service: Served, document: object, status: int) -> None:
    assert service.post_json(INFER, document).status == status


def test_what_is_no_json_is_refused(service: Served) -> None:
    assert service.post(INFER, b"{").status == 400
    assert service.post(INFER, b"\xff").status == 400
    assert service.post("/score", b"\xff").status == 400


def test_other_models_versions_paths_and_methods_are_not_there(service: Served) -> None:
    assert service.ask("GET", "/v2/models/other").status == 404
    assert service.post_json("/v2/models/other/infer", {}).status == 404
    assert service.ask("GET", f"/v2/models/{DATASET}/versions/1").status == 404
    assert service.ask("GET", "/nothing").json == {"error": "Not Found"}
    assert service.ask("GET", "/classify").status == 405
    assert service.post("/classify?top=0", served.picture()).status == 422


def test_a_picture_that_kills_its_decoder_is_refused_and_the_next_is_answered(service: Served) -> None:
    for one in service.service.loaded._children._all if service.service.loaded else ():
        assert one._child is not None
        one._child.process.kill()
    statuses = [service.post("/classify", served.picture()).status for _ in range(4)]
    assert 422 in statuses
    assert statuses[-1] == 200


def test_what_finds_no_room_is_told_when_to_come_again() -> None:
    store = MemoryStore()
    served.publish(store)
    with served.serving(store, queue=2) as small:
        assert small.service.loaded is not None
        held, network = threading.Event(), small.service.loaded._network

        class Held:
            def run(self, batch: object, output: str) -> object:
                held.wait(30)
                return network.run(batch, output)  # type: ignore[arg-type]

        small.service.loaded._network = Held()  # type: ignore[assignment]
        replies: list[int] = []
        threads = [threading.Thread(target=lambda: replies.append(small.post("/classify", served.picture()).status)) for _ in range(2)]
        for thread in threads:
            thread.start()
        served.until(lambda: small.service.room.is_full)
        reply = small.post("/classify", served.picture())
        assert (reply.status, int(reply.headers["retry-after"]) >= 1) == (429, True)
        assert small.ask("GET", "/v2/health/ready").status == 200
        held.set()
        for thread in threads:
            thread.join(30)
        assert replies == [200, 200]
        assert small.service.room.pictures == 0


def test_bodies_that_are_too_much_together_find_no_room() -> None:
    store = MemoryStore()
    served.publish(store)
    with served.serving(store, queue_bytes=1000) as small:
        assert small.post("/classify", served.picture(side=200)).status == 429


def test_a_key_is_asked_for_by_all_but_health_and_the_page() -> None:
    store = MemoryStore()
    served.publish(store)
    with served.serving(store, keys=("old key", "new-key")) as locked:
        for path in ("/metrics", f"/v2/models/{DATASET}", "/nothing"):
            assert locked.ask("GET", path).status == 401
        reply = locked.post("/classify", served.picture())
        assert (reply.status, reply.headers["www-authenticate"]) == (401, "Bearer")
        for wrong in ({"Authorization": "Bearer other"}, {"Authorization": "Basic new-key"}, {"X-API-Key": ""}, {"X-API-Key": "new-keys"}):
            assert locked.post("/classify", served.picture(), {**JPEG, **wrong}).status == 401
        for right in ({"Authorization": "Bearer new-key"}, {"X-API-Key": "old key"}):
            assert locked.post("/classify", served.picture(), {**JPEG, **right}).status == 200
        for path in ("/", "/v2/health/ready", "/v2/health/live"):
            assert locked.ask("GET", path).status == 200
