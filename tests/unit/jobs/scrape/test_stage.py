"""The work of scrape: observe, fetch what is new, make the snapshot."""

from __future__ import annotations

from pathlib import Path

import pytest

from common import images, shards
from common.artifact import Artifact, Draft
from common.dataset import rows_of
from common.errors import BadInput
from common.records import Recipe, canonical
from common.store.memory import MemoryStore
from jobs.scrape.rows import Fetched
from jobs.scrape.sources import Item
from tests.support.pictures import make_folder
from tests.support.rooms import commit, defaults, run_step
from tests.support.scraped import listing_of, snapshot, snapshot_of


def test_a_folder_becomes_rows_and_shards(memory: MemoryStore, folder: Path) -> None:
    found = snapshot_of(memory, folder)
    assert found.info == {
        "classes": ["bars", "rows"],
        "failed": 0,
        "items": 24,
        "pictures": 24,
        "sampled": False,
        "snapshot": 1,
        "source": "pictures from a folder",
    }
    held = {entry.id: data for unit in found.units for entry, data in shards.read_pictures(unit)}
    assert {row.id for row in rows_of(found)} == set(held)
    assert held[rows_of(found)[0].id] == (folder / rows_of(found)[0].name).read_bytes()
    assert [len(shards.read_index(unit)) for unit in found.units] == [8, 8, 8]


def test_twice_the_same_folder_gives_the_same_content(folder: Path) -> None:
    assert snapshot_of(MemoryStore(), folder).manifest.digest == snapshot_of(MemoryStore(), folder).manifest.digest


def test_new_pictures_go_to_new_shards_and_old_shards_stay(memory: MemoryStore, folder: Path) -> None:
    first = snapshot_of(memory, folder)
    make_folder(folder, {"bars": 5, "rows": 5}, start=100)
    second = snapshot_of(memory, folder, previous=first)
    assert second.info["snapshot"] == 2
    assert [unit.name for unit in second.units][:3] == [unit.name for unit in first.units]
    assert [len(shards.read_index(unit)) for unit in second.units] == [8, 8, 8, 8, 2]


def test_a_second_look_that_finds_nothing_gives_the_same_snapshot(memory: MemoryStore, folder: Path) -> None:
    first = snapshot_of(memory, folder)
    assert snapshot_of(memory, folder, previous=first).manifest.digest == first.manifest.digest


def test_a_removed_picture_is_marked_and_its_shard_stays(memory: MemoryStore, folder: Path) -> None:
    first = snapshot_of(memory, folder)
    (folder / "bars" / "0003.png").unlink()
    second = snapshot_of(memory, folder, previous=first)
    assert [row.name for row in rows_of(second) if row.gone] == ["bars/0003.png"]
    assert [unit.name for unit in second.units] == [unit.name for unit in first.units]


def test_a_corrupt_picture_is_a_row_with_a_reason_and_is_not_fetched_again(memory: MemoryStore, folder: Path) -> None:
    (folder / "bars" / "bad.jpg").write_bytes(b"\xff\xd8\xff not really")
    first = snapshot_of(memory, folder)
    assert [(row.name, bool(row.id)) for row in rows_of(first) if row.reason] == [("bars/bad.jpg", False)]
    assert first.info["failed"] == 1
    make_folder(folder, {"bars": 1}, start=50)
    second = snapshot_of(memory, folder, previous=first)
    assert len(second.units[-1].names()) == 2
    assert [len(shards.read_index(unit)) for unit in second.units][-1] == 1


def test_a_file_that_changed_since_it_was_listed_is_refused(memory: MemoryStore, folder: Path) -> None:
    listing = listing_of(memory, folder)
    (folder / "rows" / "0000.png").write_bytes((folder / "rows" / "0001.png").read_bytes())
    (folder / "rows" / "0002.png").unlink()
    found = snapshot(memory, {"listing": listing}, str(folder), None, 8)
    reasons = {row.name: row.reason for row in rows_of(found) if row.reason}
    assert reasons["rows/0000.png"].startswith("changed while")
    assert reasons["rows/0002.png"].startswith("cannot be read")


def test_a_source_of_nothing_but_corrupt_files_is_an_error(memory: MemoryStore, tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x.jpg").write_bytes(b"no")
    with pytest.raises(BadInput, match="no usable picture; 1 were refused"):
        snapshot_of(memory, tmp_path)


def test_an_empty_source_is_an_error(memory: MemoryStore, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="holds no pictures"):
        snapshot_of(memory, tmp_path)


@pytest.mark.parametrize(("source", "words"), [("rendered", "rendered textures"), ("digits", "scikit-learn's digits")])
def test_built_in_sources_say_what_they_are(source: str, words: str, memory: MemoryStore) -> None:
    listed = run_step(memory, "scrape/list", values=defaults(source=source, scrape_counts={"dotted": 2, "striped": 1}))
    assert listed.info["source"] == words
    assert listed.info["items"] == {"rendered": 3, "digits": 1797}[source]


def test_a_rendered_chunk_is_drawn(memory: MemoryStore) -> None:
    values = defaults(source="rendered", scrape_counts={"dotted": 2, "striped": 1})
    listed = run_step(memory, "scrape/list", values=values)
    fetched = run_step(memory, "scrape/fetch", {"list": listed}, unit=listed.units[0])
    assert [entry.extension for entry in shards.read_entries(fetched.read("00000.index.parquet"))] == ["jpg"] * 3


def test_a_source_that_is_listed_by_submit_needs_its_listing(memory: MemoryStore) -> None:
    with pytest.raises(BadInput, match=r"no listing of its source\. Submit again"):
        run_step(memory, "scrape/list", values=defaults(source="/pictures"))


def test_a_file_too_large_is_refused_before_it_is_read(memory: MemoryStore, folder: Path) -> None:
    with (folder / "bars" / "huge.png").open("wb") as file:
        file.truncate(images.Limits().max_bytes + 1)
    listing = listing_of(memory, folder)
    (folder / "bars" / "huge.png").unlink()
    found = snapshot(memory, {"listing": listing}, str(folder), None, 8)
    assert [row.reason for row in rows_of(found) if row.reason] == ["20971521 bytes, more than 20971520"]


def test_the_same_pictures_fetched_by_two_tasks_and_once_more_make_one_shard(memory: MemoryStore) -> None:
    def look(urls: list[str], previous: Artifact | None) -> Artifact:
        before = {"previous": previous} if previous else {}
        listed = commit(memory, "scrape/list", {"list.json": canonical([item(url) for url in urls])}, {"source": "s", "sampled": False})
        fetched = Draft(memory, Recipe(step="scrape/fetch", parameters={"urls": urls}, inputs={}, code=""))
        for url in urls:
            outcome = Fetched(token=item(url).token, id=picture.id, reason="")
            parts = {f"00000.{name}": data for name, data in shards.pack([picture]).items()}
            fetched.write_unit(f"chunk-{urls.index(url):05d}", {**parts, "outcomes.json": canonical([outcome])})
        return run_step(memory, "scrape/snapshot", {"list": listed, "fetched": Artifact(memory, fetched.commit()), **before})

    def item(url: str) -> Item:
        return Item(label="a", name=url, token=url)

    picture = shards.Picture("id" * 32, "png", b"data", 8, 8)
    first = look(["https://one.example/x", "https://two.example/x"], None)
    assert len(first.units) == 1
    second = look(["https://three.example/x"], first)
    assert [unit.name for unit in second.units] == [unit.name for unit in first.units]
