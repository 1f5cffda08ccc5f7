"""Backbones by name: what a run freezes, what keys cover, what a collection keeps."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

import onnx
import pytest

from common import artifact
from common.errors import Refused, UnknownName
from common.store import Store
from common.store.local import LocalStore
from common.store.memory import MemoryStore
from common.store.s3 import S3Store
from jobs.controller import adding, backbones, runs, submission
from jobs.controller.adding import Given
from jobs.controller.gc import collect
from tests.support import foreign, servers, weights, whole

NAMED = (*whole.SMALL[1:], "refine.backbone=theirs")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "theirs.onnx"
    path.write_bytes(foreign.file())
    return path


@pytest.fixture(params=["local", "moto"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    if request.param == "local":
        return LocalStore(tmp_path / "store")
    endpoint: str = request.getfixturevalue("moto_endpoint")
    bucket = f"test-{uuid4().hex[:12]}"
    servers.make_bucket(endpoint, bucket)
    return S3Store(bucket, "some/prefix", endpoint)


def add(store: Store, file: Path, node: str = "") -> dict[str, object]:
    return adding.add(store, str(file), Given(node=node))


def test_a_run_uses_a_backbone_by_its_name(store: Store, file: Path, folder: Path) -> None:
    told = add(store, file)
    assert (told["name"], told["features"], told["resolution"]) == ("theirs", foreign.MAPS, 16)
    known = whole.submit(store, folder, NAMED)
    assert known.condition == runs.DONE, known.state
    assert known.records["refine"].info["backbone"] == "theirs"
    assert all(record.cached for record in whole.submit(store, folder, NAMED).records.values())


def test_a_resnet_that_was_added_is_refined_whole(memory: MemoryStore, tmp_path: Path, folder: Path) -> None:
    pytest.importorskip("torch", reason="torch is not set up: make torch")
    path = tmp_path / "small.pth"
    path.write_bytes(weights.saved(weights.resnet((1, 1, 1, 1), narrow=16)))
    adding.add(memory, str(path), Given(resolution=32))
    sets = (*whole.SMALL[1:], "refine.backbone=small", "classifier=dnn", "refine.epochs=1", "refine.mbSize=4", "refine.gpu=none")
    known = whole.submit(memory, folder, sets)
    assert known.condition == runs.DONE, known.state
    ref = known.records["refine"].ref
    assert ref is not None
    before = artifact.read_ref(memory, backbones.read(memory, "small").artifact).read("model.onnx")
    after = artifact.read_ref(memory, ref).read("model.onnx")
    kept = {tensor.name: tensor.raw_data for tensor in onnx.load_from_string(before).graph.initializer}
    changed = {tensor.name for tensor in onnx.load_from_string(after).graph.initializer if tensor.raw_data != kept.get(tensor.name)}
    assert {"net/conv1.weight", "net/layer1.0.bn1.bias", "net/layer4.0.conv2.weight"} <= changed


def test_other_bytes_under_the_same_name_are_another_key(memory: MemoryStore, file: Path, folder: Path) -> None:
    add(memory, file)
    first = whole.submit(memory, folder, NAMED)
    add(memory, file, node="logits")
    other = whole.submit(memory, folder, NAMED)
    assert not other.records["refine"].cached
    assert other.records["refine"].recipe != first.records["refine"].recipe
    assert other.records["scrape/fetch"].cached


def test_a_run_keeps_what_it_was_asked_for_with(memory: MemoryStore, file: Path, folder: Path) -> None:
    add(memory, file)
    run = whole.request(memory, folder, NAMED)
    add(memory, file, node="logits")
    adding.remove(memory, "theirs")
    collect(memory, keep_runs=1, grace_s=0)
    known = whole.drive(memory, run)
    assert known.condition == runs.DONE, known.state
    assert known.records["refine"].info["dimension"] == foreign.MAPS


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("resnet18", "`darkroom backbone add resnet18` adds it"),
        ("timm:vit_tiny.x/y", "backbone add timm:vit_tiny.x/y` adds it; then set refine.backbone=vit_tiny.x_y"),
        ("ResNet_18.model", "add PATH/ResNet_18.model` adds such a file; then set refine.backbone=ResNet_18"),
        ("their", "Did you mean 'theirs'?"),
        ("gabor-textur", "Did you mean 'gabor-texture'?"),
        ("../../etc", "adds one from a file"),
    ],
)
def test_a_backbone_that_is_not_there_is_refused_with_what_to_do(
    name: str, words: str, memory: MemoryStore, file: Path, folder: Path
) -> None:
    add(memory, file)
    with pytest.raises(Refused, match=r"There is no backbone") as caught:
        whole.prepare(memory, folder, (*whole.SMALL[1:], f"refine.backbone={name}"))
    assert words in str(caught.value)
    assert runs.names(memory, "mine") == []


def test_a_collection_keeps_what_has_a_name_and_takes_what_has_none(memory: MemoryStore, file: Path) -> None:
    add(memory, file)
    collect(memory, grace_s=0)
    assert backbones.stands(memory, backbones.read(memory, "theirs").artifact)
    adding.remove(memory, "theirs")
    assert collect(memory, grace_s=0).artifacts
    assert list(memory.list("artifacts/")) == []


def test_a_collection_between_a_backbone_and_its_name_takes_nothing_from_it(
    memory: MemoryStore, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put = memory.put

    def collect_first(key: str, data: bytes, mode: object = "overwrite") -> str:
        if key == backbones.key("theirs"):
            monkeypatch.setattr(memory, "put", put)
            assert collect(memory, grace_s=0).artifacts
        return put(key, data, mode)  # type: ignore[arg-type]

    monkeypatch.setattr(memory, "put", collect_first)
    add(memory, file)
    assert backbones.stands(memory, backbones.read(memory, "theirs").artifact)


def test_a_backbone_that_goes_while_a_run_is_submitted_is_missed_by_name(memory: MemoryStore, file: Path, folder: Path) -> None:
    add(memory, file)
    prepared = whole.prepare(memory, folder, NAMED)
    adding.remove(memory, "theirs")
    collect(memory, grace_s=0)
    with pytest.raises(Refused, match=r"'theirs' was removed meanwhile. Add it"):
        submission.create(memory, prepared, 1)
    assert runs.names(memory, "mine") == []


def test_a_damaged_backbone_is_refused_and_healed_by_adding_it_again(memory: MemoryStore, file: Path, folder: Path) -> None:
    add(memory, file)
    held = backbones.read(memory, "theirs").artifact
    found = artifact.read_ref(memory, held)
    memory.delete(found.part("model.onnx").key)
    with pytest.raises(Refused, match=r"is damaged. Add it again"):
        whole.prepare(memory, folder, NAMED)
    add(memory, file)
    run = whole.request(memory, folder, NAMED)
    memory.put(found.part("model.onnx").key, b"x" * found.part("model.onnx").size)
    known = whole.drive(memory, run)
    assert known.condition == runs.FAILED
    assert known.state is not None
    assert "is damaged, and no run can make it again. Add it again" in known.state.reason
    add(memory, file)
    assert whole.submit(memory, folder, NAMED).condition == runs.DONE


def test_a_name_that_is_not_there_is_wrong_usage_with_the_nearest(memory: MemoryStore, file: Path) -> None:
    add(memory, file)
    with pytest.raises(UnknownName, match=r"Did you mean 'theirs'"):
        backbones.read(memory, "thiers")
    with pytest.raises(UnknownName, match=r"There is no backbone 'nothing'"):
        adding.remove(memory, "nothing")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (Given(name="pattern-net"), "comes with Darkroom"),
        (Given(name="a/b"), "cannot name a backbone"),
        (Given(sha256="0123"), "is not the file that was meant"),
        (Given(node="nothing"), "has no node 'nothing'"),
    ],
)
def test_what_cannot_be_added_is_refused_and_leaves_nothing(given: Given, words: str, memory: MemoryStore, file: Path) -> None:
    with pytest.raises(Refused, match=words):
        adding.add(memory, str(file), given)
    assert [key for key in memory.snapshot() if not key.startswith("probe")] == []
