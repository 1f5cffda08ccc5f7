"""The model that the pointer names takes the other's place without a request noticing, and nothing bad takes it."""

from __future__ import annotations

import threading

import pytest

from common.errors import BadInput, NotFound
from common.store.memory import MemoryStore
from jobs.serve.service import Service
from jobs.serve.settings import Settings
from tests.support import served
from tests.support.served import DATASET, Reply


def test_models_swap_under_load_without_a_failed_request() -> None:
    store = MemoryStore()
    versions = [served.publish(store, 1)]
    with served.serving(store) as running:
        stop = threading.Event()
        replies: list[Reply] = []

        def ask() -> None:
            while not stop.is_set():
                replies.append(running.post("/classify", served.picture(len(replies) % 7)))

        threads = [threading.Thread(target=ask) for _ in range(6)]
        for thread in threads:
            thread.start()
        for seed in (2, 3, 4):
            before = len(replies)
            served.until(lambda before=before: len(replies) > before + 20)
            old = running.service.loaded
            versions.append(served.publish(store, seed))
            served.until(lambda: running.service.loaded is not None and running.service.loaded.version == versions[-1])
            assert old is not None
            served.until(lambda old=old: all(one._child is None for one in old._children._all))
        after = len(replies)
        served.until(lambda: len(replies) > after + 20)
        stop.set()
        for thread in threads:
            thread.join(60)
    assert {reply.status for reply in replies} == {200}
    assert {reply.json["version"] for reply in replies} == set(versions)


@pytest.mark.parametrize("harm", ["model", "card", "pointer"])
def test_what_cannot_be_loaded_changes_nothing_and_is_counted(harm: str) -> None:
    store = MemoryStore()
    old = served.publish(store, 1)
    with served.serving(store) as running:
        pointer = store.get(f"models/{DATASET}/current.json").data
        new = served.publish(store, 2)
        good = store.snapshot()
        places = {"model": f"models/{DATASET}/{new}/model.onnx", "card": f"models/{DATASET}/{new}/card.json"}
        key = places.get(harm, f"models/{DATASET}/current.json")
        served.until(lambda: running.service.loaded is not None and running.service.loaded.version == new)
        store.put(f"models/{DATASET}/current.json", pointer)
        served.until(lambda: running.service.loaded is not None and running.service.loaded.version == old)
        store.put(key, b"{}")
        if harm != "pointer":
            store.put(f"models/{DATASET}/current.json", good[f"models/{DATASET}/current.json"].data)
        served.until(lambda: b"darkroom_model_failures_total 0.0" not in running.ask("GET", "/metrics").body)
        assert running.post("/classify", served.picture()).json["version"] == old
        store.put(key, good[key].data)
        served.until(lambda: running.service.loaded is not None and running.service.loaded.version == new)


def test_without_a_model_a_service_is_alive_but_not_ready_until_there_is_one() -> None:
    store = MemoryStore()
    with served.serving(store) as running:
        assert running.ask("GET", "/v2/health/live").status == 200
        assert running.ask("GET", "/v2/health/ready").status == 503
        assert running.post("/classify", served.picture()).headers["retry-after"] == "5"
        served.publish(store)
        served.until(lambda: running.ask("GET", "/v2/health/ready").status == 200)
        assert running.post("/classify", served.picture()).status == 200


def test_a_service_that_need_not_wait_says_that_there_is_no_model() -> None:
    with pytest.raises(NotFound, match=r"current\.json"):
        Service(MemoryStore(), Settings(dataset=DATASET)).load(wait=False)


def test_a_backbone_is_no_model_that_answers() -> None:
    from common import records
    from tests.support import networks

    store = MemoryStore()
    version = served.publish(store)
    data = networks.backbone()
    store.put(f"models/{DATASET}/{version}/model.onnx", data)
    store.put(f"models/{DATASET}/{version}/card.json", records.encode(networks.card(data)))
    with pytest.raises(BadInput, match="knows no classes"):
        Service(store, Settings(dataset=DATASET)).load(wait=False)
