"""Uncertain pictures reach the inbox where that is wished for, and answers do not depend on whether they do."""

from __future__ import annotations

import pytest

from common import inbox
from common.errors import StoreUnavailable
from common.images import image_id
from common.store.memory import MemoryStore
from tests.support import served
from tests.support.served import CLASSES, DATASET


def test_uncertain_pictures_are_kept_with_what_the_model_thought_and_only_those() -> None:
    store = MemoryStore()
    version = served.publish(store, sharpness=0.01)  # sure of nothing
    with served.serving(store, inbox=5, inbox_under=0.7, unknown_under=0.0) as running:
        top = running.post("/classify", served.picture(1)).json["top"]
        served.until(lambda: len(list(inbox.read(store, DATASET))) == 1)
        (entry,) = inbox.read(store, DATASET)
    assert (entry.image, entry.version, entry.format) == (image_id(served.picture(1)), version, "JPEG")
    assert list(entry.probabilities) == list(CLASSES)
    assert max(entry.probabilities.values()) == pytest.approx(top[0]["probability"])
    assert inbox.picture(store, DATASET, entry.image) == served.picture(1)


def test_nothing_is_kept_unless_it_is_asked_for_or_the_model_is_sure() -> None:
    store = MemoryStore()
    served.publish(store, sharpness=0.01)
    before = set(store.snapshot())
    with served.serving(store) as running:
        running.post("/classify", served.picture(1))
    with served.serving(store, inbox=5, inbox_under=0.1) as running:
        running.post("/classify", served.picture(1))
    assert set(store.snapshot()) == before


def test_a_store_that_fails_costs_the_picture_and_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    store = MemoryStore()
    served.publish(store, sharpness=0.01)

    def fail(*_: object) -> None:
        raise StoreUnavailable("away")

    with served.serving(store, inbox=5, poll_s=3600) as running:
        monkeypatch.setattr(store, "put", fail)
        assert [running.post("/classify", served.picture(seed)).status for seed in range(3)] == [200] * 3
        served.until(lambda: b'darkroom_inbox_pictures_total{outcome="failed"} 3.0' in running.ask("GET", "/metrics").body)
