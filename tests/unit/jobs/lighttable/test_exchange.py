"""Edits to and from other tools."""

from __future__ import annotations

import json

import pytest

from common.dataset import Entry
from common.errors import BadInput
from common.records import Edit
from jobs.lighttable import exchange
from tests.support import trained

ROWS = trained.entries(4)


def said(row: Entry, action: str, label: str = "") -> Edit:
    return Edit(dataset="d", image=row.id, action=action, label=label, by="Ana", at="2026-01-01T00:00:00+00:00")


CHAIN = [said(ROWS[0], "label", "=SUM(A1)"), said(ROWS[1], "exclude"), said(ROWS[2], "keep")]
WORDS = [(edit.image, edit.action, edit.label) for edit in CHAIN]


def test_csv_comes_back_as_it_went_and_no_spreadsheet_runs_it() -> None:
    data = exchange.to_csv(CHAIN, ROWS)
    assert b"'=SUM(A1)" in data
    assert b",=SUM" not in data
    found = exchange.from_csv(data, ROWS)
    assert (found.words, found.refused) == (WORDS, [])


def test_label_studio_comes_back_as_it_went() -> None:
    data = exchange.to_label_studio({edit.image: edit for edit in CHAIN}, ROWS, "/data/local-files/?d=")
    tasks = json.loads(data)
    assert tasks[0]["data"]["image"] == f"/data/local-files/?d={ROWS[0].name}"
    assert len(tasks) == len(ROWS)
    found = exchange.from_label_studio(data, ROWS)
    assert (found.words, found.refused) == (WORDS, [])


def test_a_picture_may_go_by_its_name_and_what_is_not_on_the_table_is_named() -> None:
    data = f"name,label\n{ROWS[0].name},dotted\nnobody.png,dotted\n{ROWS[1].name},\n".encode()
    found = exchange.from_csv(data, ROWS)
    assert found.words == [(ROWS[0].id, "label", "dotted")]
    assert [one.partition(":")[0] for one in found.refused] == ["line 3", "line 4"]


@pytest.mark.parametrize("data", [b"\xff\xfe\x00", b"a,b\n1,2\n", b'image,label\n"x'])
def test_what_is_no_table_of_edits_is_refused(data: bytes) -> None:
    with pytest.raises(BadInput):
        exchange.from_csv(data, ROWS)


@pytest.mark.parametrize("data", [b"{}", b"[1]", b'[{"data": 3}]', b"[" * 10_000])
def test_what_is_no_export_of_label_studio_is_refused(data: bytes) -> None:
    with pytest.raises(BadInput):
        exchange.from_label_studio(data, ROWS)


def test_an_answer_of_several_choices_says_nothing_clear() -> None:
    task = {
        "data": {"darkroom_image": ROWS[0].id},
        "annotations": [{"result": [{"type": "choices", "from_name": "class", "value": {"choices": ["a", "b"]}}]}],
    }
    found = exchange.from_label_studio(json.dumps([task]).encode(), ROWS)
    assert (found.words, len(found.refused)) == ([], 1)
