"""A thousand hostile bodies: each is told 4xx, none takes the service down, and nothing of them stays inside."""

from __future__ import annotations

import base64
import json
import random
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from common.errors import BadInput
from common.images import decode
from common.store.memory import MemoryStore
from tests.support import served
from tests.support.hostile import corpus
from tests.support.served import DATASET

Body = tuple[str, str, dict[str, str], bytes]  # name, path, headers, bytes
_JSON = {"Content-Type": "application/json"}
COUNT = 1000


def refused(data: bytes) -> bool:
    try:
        decode(data)
    except BadInput:
        return True
    return False


def bodies() -> list[Body]:
    """Return the bodies: pictures that no decoder of ours takes, by each way in; broken forms; JSON of all kinds."""
    dice = random.Random(7)
    pictures = [(name, data) for name, data in dice.sample(corpus(), 1400) if len(data) < 1_000_000 and refused(data)]
    found = [*_broken_json(dice), *_broken_forms(dice)]
    ways = (_as_it_is, _in_a_form, _by_the_protocol, _as_in_2017)
    found += [ways[index % len(ways)](*picture) for index, picture in enumerate(pictures)]
    assert len(found) >= COUNT
    return found[:COUNT]


def _as_it_is(name: str, data: bytes) -> Body:
    return name, "/classify", {"Content-Type": "image/png"}, data


def _in_a_form(name: str, data: bytes) -> Body:
    body, headers = served.form({"a": data})
    return name, "/classify", headers, body


def _by_the_protocol(name: str, data: bytes) -> Body:
    text = base64.b64encode(data).decode()
    document = {"inputs": [{"name": "image", "shape": [1], "datatype": "BYTES", "data": [text]}]}
    return name, f"/v2/models/{DATASET}/infer", _JSON, json.dumps(document).encode()


def _as_in_2017(name: str, data: bytes) -> Body:
    return name, "/score", _JSON, json.dumps({"input_df": [{"image base64 string": base64.b64encode(data).decode()}]}).encode()


def _broken_json(dice: random.Random) -> Iterator[Body]:
    good = _by_the_protocol("", served.picture())[3]
    texts = [b"", b"null", b"[" * 200_000, b'{"inputs":' * 5000, b'{"a":1e999}', b"\x00" * 99, b"\xff\xfe{}", b'{"inputs":[{}]}', good[:-5]]
    texts += [good.replace(b"[1]", shape) for shape in (b"[-1]", b"[1e400]", b"[99999999999999999999]", b"[]", b'["1"]')]
    texts += [good[: dice.randrange(60)] + bytes(dice.randrange(256) for _ in range(8)) + good[80:] for _ in range(150)]
    for index, text in enumerate(texts):
        yield f"JSON {index}", f"/v2/models/{DATASET}/infer" if index % 2 else "/score", _JSON, text


def _broken_forms(dice: random.Random) -> Iterator[Body]:
    body, headers = served.form({"a": b"x" * 50})
    for index in range(150):
        place = dice.randrange(len(body) - 4)
        yield f"form {index}", "/classify", headers, body[:place] + bytes(dice.randrange(256) for _ in range(4)) + body[place + 4 :]
    for kind in (
        "multipart/form-data; boundary=" + "b" * 5000,
        "multipart/form-data; charset=\xff; boundary=edge",
        'multipart/form-data; boundary=""',
    ):
        yield kind[:50], "/classify", {"Content-Type": kind}, body


def test_a_thousand_hostile_bodies_get_only_4xx_and_the_next_picture_an_answer() -> None:
    store = MemoryStore()
    served.publish(store)
    with served.serving(store, queue=32, batch_wait_s=0.0) as running:
        with ThreadPoolExecutor(8) as pool:
            replies = list(pool.map(lambda body: (body[0], running.post(body[1], body[3], body[2])), bodies()))
        wrong = [(name, reply.status, reply.body[:200]) for name, reply in replies if not 400 <= reply.status < 500]
        assert wrong == []
        assert all(reply.json["error"] for _, reply in replies)
        assert Counter(reply.status for _, reply in replies)[429] == 0
        assert running.post("/classify", served.picture()).status == 200
        assert (running.service.room.pictures, running.service.room.bytes) == (0, 0)
