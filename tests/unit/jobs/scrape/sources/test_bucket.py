"""Class folders in object storage: on two servers, and the same rules as for a folder."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from common import artifact
from common.dataset import rows_of
from common.errors import Refused
from common.records import canonical
from common.store import Store
from common.store.faults import FaultyStore
from common.store.memory import MemoryStore
from jobs.controller import graph, preflight, runs, settings, submission
from jobs.controller.runs import Known
from jobs.scrape.sources import Item, Kind, Reach, bucket
from jobs.scrape.sources.bucket import BucketSource
from jobs.scrape.sources.folder import FolderSource
from jobs.scrape.sources.layout import DEDICATED
from tests.support import whole
from tests.support.buckets import Bucket
from tests.support.pictures import drawing, encode, make_folder
from tests.support.rooms import commit
from tests.support.scraped import snapshot


@pytest.fixture(params=["moto", "versitygw"])
def pictures(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Bucket:
    endpoint: str = request.getfixturevalue(f"{request.param}_endpoint")
    monkeypatch.setenv("DARKROOM_S3_ENDPOINT", endpoint)
    return Bucket(endpoint)


def items(pictures: Bucket) -> list[Item]:
    return bucket.KIND.open(Reach(pictures.url, environment=pictures.environment)).look(lambda done, total, note="": None).items


def test_it_is_listed_by_the_rules_of_a_folder(pictures: Bucket, folder: Path) -> None:
    (folder / "bars" / "notes.txt").write_text("no picture")
    (folder / "bars" / ".hidden.png").write_text("hidden")
    (folder / "README.md").write_text("beside the classes")
    (folder / "bars" / "a garment (ü)").mkdir()
    (folder / "bars" / "a garment (ü)" / "1+2=3 %.png").write_bytes(encode(drawing("bars", 99)))
    (folder / DEDICATED).write_text("bars\t0001.png\n")
    pictures.fill(folder)
    here = FolderSource(folder).look()
    there = bucket.KIND.open(Reach(pictures.url)).look(lambda done, total, note="": None)
    assert [(one.label, one.name, one.size, one.dedicated) for one in there.items] == [
        (one.label, one.name, one.size, one.dedicated) for one in here.items
    ]
    assert (there.classes, there.passed_over) == (here.classes, here.passed_over) == (("bars", "rows"), 1)
    source = bucket.KIND.open(Reach(pictures.url))
    assert [source.fetch(one) for one in there.items] == [(folder / one.name).read_bytes() for one in there.items]


def test_listing_it_downloads_nothing_and_preflight_a_few_pictures_of_each_class(tmp_path: Path) -> None:
    store = MemoryStore()
    for path in make_folder(tmp_path / "many", {"bars": 40, "rows": 40}).rglob("*.png"):
        store.put(path.relative_to(tmp_path / "many").as_posix(), path.read_bytes())
    for index in range(12):
        store.put(f"spoilt/{index}.png", b"corrupt")
    watched = FaultyStore(store, lambda call, when: None)
    BucketSource(watched).look()
    assert [call.verb for call in watched.calls] == ["list"]
    kind = _kind_over(watched)
    preflight.look(kind, Reach("s3://bucket"))
    read = [call.key.partition("/")[0] for call in watched.calls if call.verb == "get"]
    assert {label: read.count(label) for label in set(read)} == {"bars": 2, "rows": 2, "spoilt": preflight.FAR_READS}


def test_a_class_without_enough_usable_pictures_is_refused_as_in_a_folder() -> None:
    store = MemoryStore()
    for index in range(3):
        store.put(f"bars/{index}.png", encode(drawing("bars", index)))
        store.put(f"spoilt/{index}.png", b"corrupt")
    with pytest.raises(Refused, match=r"Class 'spoilt' has 0 usable picture\(s\) of 3"):
        preflight.look(_kind_over(store), Reach("s3://bucket"))


def _kind_over(store: Store) -> Kind:
    return replace(bucket.KIND, open=lambda _: BucketSource(store))


@pytest.mark.parametrize(("url", "words"), [("s3://no-such-bucket-here/x", "bucket of"), ("s3://{bucket}/empty", "holds no pictures")])
def test_a_source_that_is_not_there_is_refused(pictures: Bucket, url: str, words: str) -> None:
    place = url.replace("{bucket}", pictures.url.split("/")[2])
    with pytest.raises(Refused, match=words):
        preflight.look(bucket.KIND, Reach(place, environment=pictures.environment))


def test_the_same_bytes_are_the_same_item_and_a_replaced_object_is_a_new_one(pictures: Bucket, folder: Path) -> None:
    pictures.fill(folder)
    first = items(pictures)
    assert items(pictures) == first
    pictures.put("bars/0000.png", encode(drawing("bars", 77)))
    changed = [one.name for one, before in zip(items(pictures), first, strict=True) if one.token != before.token]
    assert changed == ["bars/0000.png"]


def test_what_changed_or_went_since_it_was_listed_is_refused_by_name(pictures: Bucket, memory: MemoryStore, folder: Path) -> None:
    pictures.fill(folder)
    offer = canonical({"source": "bucket", "items": items(pictures)})
    listing = commit(memory, "run/listing", {"listing.json": offer})
    pictures.put("rows/0000.png", encode(drawing("rows", 77)))
    pictures.delete("rows/0002.png")
    found = snapshot(memory, {"listing": listing}, pictures.url, None, 8)
    reasons = {row.name: row.reason for row in rows_of(found) if row.reason}
    assert set(reasons) == {"rows/0000.png", "rows/0002.png"}
    assert all(reason.startswith("changed while the run was looking") for reason in reasons.values())
    assert found.info["source"] == "pictures from object storage"


def test_a_second_run_fetches_only_what_is_new_and_marks_what_is_gone(pictures: Bucket, memory: MemoryStore, folder: Path) -> None:
    def submit() -> Known:
        return whole.submit(memory, pictures.url)

    pictures.fill(folder)
    first = submit()
    assert first.condition == runs.DONE, first.state
    again = submit()
    assert all(record.cached for record in again.records.values())
    make_folder(folder, {"bars": 2, "rows": 2}, start=50)
    pictures.fill(folder)
    pictures.delete("bars/0003.png")
    grown = submit()
    assert grown.condition == runs.DONE, grown.state
    assert grown.records["scrape/fetch"].items == 4
    ref = grown.records["scrape/snapshot"].ref
    assert ref is not None
    rows = rows_of(artifact.read_ref(memory, ref))
    assert len(rows) == 28
    assert [row.name for row in rows if row.gone] == ["bars/0003.png"]


def test_a_run_from_object_storage_sees_what_a_run_from_the_folder_sees(pictures: Bucket, memory: MemoryStore, folder: Path) -> None:
    pictures.fill(folder)
    there, here = whole.submit(memory, pictures.url), whole.submit(MemoryStore(), folder)
    for step in ("dedup/dataset", "featurize", "train"):
        assert whole.digests(there)[step] == whole.digests(here)[step], step


def test_the_endpoint_is_the_one_of_the_given_environment(pictures: Bucket, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pictures.fill(folder)
    monkeypatch.setenv("DARKROOM_S3_ENDPOINT", "http://127.0.0.1:1")
    steps = graph.load()
    resolved = settings.read(steps, "mine", [], pictures.url)
    prepared = submission.prepare(MemoryStore(), steps, "mine", resolved, environment=pictures.environment)
    assert prepared.listing is not None


def test_without_labels_it_is_listed_by_the_rules_of_a_folder_too(pictures: Bucket, folder: Path) -> None:
    (folder / "top.png").write_bytes(encode(drawing("bars", 99)))
    (folder / DEDICATED).write_text("nothing that is there\n")
    pictures.fill(folder)
    there = bucket.KIND.open(Reach(pictures.url, labelled=False)).look(lambda done, total, note="": None)
    here = FolderSource(folder, labelled=False).look()
    assert [(one.label, one.name, one.size) for one in there.items] == [(one.label, one.name, one.size) for one in here.items]
    assert there.items[-1].name == "top.png"
