"""The datasets that come with Darkroom, from pictures to a verdict, and real photographs where they are at hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from common import artifact
from common.dataset import LEAVE_ONE_GROUP_OUT, Entry, entries_of, rows_of
from common.store import open_store
from jobs.controller import runs
from tests.conftest import NO_PHOTOGRAPHS
from tests.support import command

FABRICS = command.ROOT.parent / "shared" / "data" / "fabrics"


def submit(store: Path, *words: str) -> dict[str, Any]:
    done = command.run(store, "submit", *words, "--json", timeout_s=600)
    assert done.returncode == 0, done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def entries(store: Path, document: dict[str, Any]) -> list[Entry]:
    ref = runs.read(open_store(str(store)), document["run"]).records["dedup/dataset"].ref
    assert ref is not None
    return entries_of(artifact.read_ref(open_store(str(store)), ref))


def test_the_demo_ends_in_a_verdict_on_rendered_textures(tmp_path: Path) -> None:
    document = submit(tmp_path / "s", "fashionTexture")
    assert document["source"] == "rendered textures"
    assert document["model"]["promoted"]
    assert 0.75 < document["metrics"]["test"]["accuracy"]["value"] < 0.99
    ref = runs.read(open_store(str(tmp_path / "s")), document["run"]).records["scrape/snapshot"].ref
    assert ref is not None
    rows = rows_of(artifact.read_ref(open_store(str(tmp_path / "s")), ref))
    assert {label: sum(row.label == label for row in rows) for label in ("dotted", "leopard", "striped")} == {
        "dotted": 125,
        "leopard": 112,
        "striped": 191,
    }
    excluded = [entry.reason for entry in entries(tmp_path / "s", document) if not entry.kept]
    assert sum(reason.startswith("duplicate") for reason in excluded) > 15
    assert sum(reason.startswith("label conflict") for reason in excluded) == 4


def test_digits_are_read_well(tmp_path: Path) -> None:
    document = submit(tmp_path / "s", "digits")
    assert document["metrics"]["test"]["accuracy"]["value"] >= 0.95
    assert document["stages"][0]["items"] == 1797


def test_real_photographs_are_split_by_garment(tmp_path: Path) -> None:
    if not FABRICS.is_dir():
        pytest.skip(NO_PHOTOGRAPHS)
    document = submit(tmp_path / "s", "fabrics", "--source", str(FABRICS))
    assert document["scoring"] == LEAVE_ONE_GROUP_OUT
    assert document["metrics"]["test"]["accuracy"]["value"] > 0.85
    found = entries(tmp_path / "s", document)
    assert len(found) == 136
    sides: dict[str, set[str]] = {}
    for entry in found:
        sides.setdefault(entry.name.rpartition("/")[2].rpartition("_")[0], set()).add(entry.side)
    assert len(sides) == 12
    assert all(len(side) == 1 for side in sides.values())
    assert [entry.reason for entry in found if not entry.kept] == ["duplicate of checkered/checkered_g3_00046.jpg"]
