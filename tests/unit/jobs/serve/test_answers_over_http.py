"""What clients ask a service and what they are told: pictures, forms, the protocol of version 2, and the original's way."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator

import numpy as np
import pytest

from common.images import decode, preprocess
from common.model import PROBABILITIES, load
from common.store.memory import MemoryStore
from tests.support import served
from tests.support.served import CLASSES, DATASET, Served

INFER = f"/v2/models/{DATASET}/infer"


@pytest.fixture(scope="module")
def service() -> Iterator[Served]:
    store = MemoryStore()
    served.publish(store)
    with served.serving(store, unknown_under=0.5) as running:
        yield running


def as_a_batch(pictures: list[bytes]) -> np.ndarray:
    """Return what the stages would compute: decoded, prepared and run here, in one call."""
    data, card = served.classifier(1)
    batch = np.stack([preprocess(decode(one), card.preprocessing) for one in pictures])
    return load(data, card).run(batch, PROBABILITIES)


def asked(pictures: list[bytes], **more: object) -> dict[str, object]:
    data = [base64.b64encode(one).decode() for one in pictures]
    return {"inputs": [{"name": "image", "shape": [len(data)], "datatype": "BYTES", "data": data}], **more}


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"])
def test_a_picture_as_it_is_gets_classes_with_probabilities(service: Served, kind: str) -> None:
    data = served.picture(3, kind)
    reply = service.post("/classify", data, {"Content-Type": f"image/{kind.lower()}"})
    said = reply.json
    assert reply.status == 200, said
    assert (said["model"], said["width"], said["height"]) == (DATASET, 48, 48)
    assert said["version"] == service.ask("GET", f"/v2/models/{DATASET}").json["versions"][0]
    row = dict(zip(CLASSES, as_a_batch([data])[0], strict=True))
    assert [one["label"] for one in said["top"]] == sorted(row, key=lambda label: -row[label])
    assert all(abs(row[one["label"]] - one["probability"]) < 1e-4 for one in said["top"])


def test_scores_are_those_of_the_batch_path_whatever_shares_their_batch(service: Served) -> None:
    pictures = [served.picture(seed, side=40 + seed) for seed in range(12)]
    reply = service.post_json(INFER, asked(pictures, outputs=[{"name": "probabilities"}]))
    (output,) = reply.json["outputs"]
    assert output["shape"] == [12, 3]
    assert np.abs(np.reshape(output["data"], (12, 3)) - as_a_batch(pictures)).max() < 1e-4


def test_an_improbable_best_class_is_unknown_and_still_listed() -> None:
    store = MemoryStore()
    served.publish(store)
    with served.serving(store, unknown_under=1.0) as strict:
        said = strict.post("/classify?top=2", served.picture()).json
    assert (said["label"], said["known"], len(said["top"])) == ("unknown", False, 2)


def test_a_form_gets_an_answer_or_a_reason_for_each_of_its_files(service: Served) -> None:
    said = service.post("/classify", *served.form({"a.jpg": served.picture(1), "b": b"no picture", "c.png": served.picture(2, "PNG")})).json
    assert [one["name"] for one in said["pictures"]] == ["a.jpg", "b", "c.png"]
    assert "cannot be decoded" in said["pictures"][1]["error"]
    assert said["pictures"][2]["answer"]["version"] == said["version"]


def test_the_protocol_tells_health_and_what_the_model_takes(service: Served) -> None:
    assert service.ask("GET", "/v2/health/live").json == {"live": True}
    assert service.ask("GET", "/v2/health/ready").json == {"ready": True}
    assert service.ask("GET", f"/v2/models/{DATASET}/ready").json == {"name": DATASET, "ready": True}
    assert service.ask("GET", "/v2").json["name"] == "darkroom"
    told = service.ask("GET", f"/v2/models/{DATASET}").json
    assert told["inputs"] == [{"name": "image", "datatype": "BYTES", "shape": [-1]}]
    assert told["classes"] == list(CLASSES)
    assert service.ask("GET", f"/v2/models/{DATASET}/versions/{told['versions'][0]}/ready").status == 200


def test_the_protocol_gives_back_the_id_the_version_and_only_the_outputs_asked_for(service: Served) -> None:
    said = service.post_json(INFER, asked([served.picture(1)], id="mine-7", outputs=[{"name": "label"}])).json
    assert said["id"] == "mine-7"
    assert said["model_version"] == service.ask("GET", f"/v2/models/{DATASET}").json["versions"][0]
    assert [(one["name"], one["datatype"], one["shape"]) for one in said["outputs"]] == [("label", "BYTES", [1])]
    assert said["outputs"][0]["data"][0] in {*CLASSES, "unknown"}


@pytest.mark.parametrize("path", ["/score", "/api/v1/service/imgclassapi1/score"])
def test_a_client_of_the_original_finds_what_it_looks_for(service: Served, path: str) -> None:
    """The client of 2017 did `json.loads(reply.json())` and printed strings."""
    document = {"input_df": [{"image base64 string": base64.b64encode(served.picture(5, "PNG")).decode()}]}
    said = json.loads(service.post_json(path, document).json)
    assert all(isinstance(value, str) for value in said.values())
    row = as_a_batch([served.picture(5, "PNG")])[0]
    assert abs(float(said["score"]) - row.max()) < 1e-4
    assert np.abs(np.array(said["allScores"].strip("[]").split(), float) - row).max() < 1e-4
    assert said["Id2Labels"] == str(dict(enumerate(CLASSES)))
    assert said["label"] in {*CLASSES, "unknown"}
    assert float(said["executionTimeMs"]) > 0


def test_metrics_tell_steps_batches_and_answers_by_class(service: Served) -> None:
    service.post("/classify", served.picture(1))
    text = service.ask("GET", "/metrics").body.decode()
    for step in ("read", "decode", "wait", "infer", "whole"):
        assert f'darkroom_step_seconds_count{{step="{step}"}}' in text
    assert "darkroom_batch_pictures_count" in text
    assert "darkroom_queue_pictures 0.0" in text
    assert 'darkroom_replies_total{route="/classify",status="200"}' in text
    assert "darkroom_answers_total{label=" in text
