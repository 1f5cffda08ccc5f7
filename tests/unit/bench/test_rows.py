"""The one line that a bench ends with."""

from __future__ import annotations

import json

import pytest

from tests.bench import rows
from tests.bench.rows import Bench, Row

KEYS = ["what", "ours", "peer", "peer_name", "unit", "ratio", "goal"]
EQUAL = Row("accuracy", 0.91, 0.92, "peer", "share", 0.989, "within ±0.0200 (1 standard error)")
NOWHERE = Row("bf16", None, None, "peer", "pictures/s", None, "not applicable: no AMX")


def test_a_bench_ends_with_one_line_of_json(capsys: pytest.CaptureFixture[str]) -> None:
    rows.say("three rounds to go")
    rows.emit(Bench("train", "a machine", (rows.faster("search", 2.0, 9.0, "GridSearchCV", 4.0), EQUAL, NOWHERE)))
    said = capsys.readouterr()
    assert said.err == "three rounds to go\n"
    (line,) = said.out.splitlines()
    document = json.loads(line)
    assert list(document) == ["bench", "machine", "rows"]
    assert [list(row) for row in document["rows"]] == [KEYS] * 3
    assert document["rows"][0]["ratio"] == 4.5


def test_the_line_is_read_back_as_it_was() -> None:
    row = '{"what": "w", "ours": 1, "peer": 2, "peer_name": "p", "unit": "s", "ratio": 2, "goal": 1}'
    line = f'{{"bench": "b", "machine": "m", "rows": [{row}]}}'
    assert rows.parse(line) == Bench("b", "m", (Row("w", 1, 2, "p", "s", 2, 1),))


def test_a_ratio_above_one_is_better_for_times_rates_and_budgets() -> None:
    assert rows.faster("", 1.0, 4.0, "", 2.0).ratio == 4.0
    assert rows.more("", 40.0, 20.0, "", "pictures/s", 2.0).ratio == 2.0
    assert rows.below("", 2.0, 5.0, "budget", "s").ratio == 2.5


def test_a_goal_is_a_ratio_or_a_distance() -> None:
    assert rows.faster("", 1.0, 4.0, "", 4.0).met
    assert rows.faster("", 1.0, 3.9, "", 4.0).met is False
    assert EQUAL.met
    assert Row("accuracy", 0.95, 0.92, "peer", "share", 1.03, "within ±0.02").met is False
    assert NOWHERE.met is None
    assert Row("found", 0.5, 0.9, "peer", "%", None, "for orientation").met is None


def test_a_figure_may_be_a_little_below_another() -> None:
    assert [rows.no_worse("found", ours, 90.0, "peer", "%", 1.0).met for ours in (95.0, 89.0, 88.9)] == [True, True, False]
    assert rows.no_worse("found", 0.0, 0.0, "peer", "%", 1.0).ratio == 1.0


def test_a_goal_in_other_words_is_an_error() -> None:
    with pytest.raises(ValueError, match="begins with 'within"):
        _ = Row("accuracy", 0.9, 0.9, "peer", "share", 1.0, "about equal").met


def test_the_machine_is_told_in_words() -> None:
    assert "cores" in rows.machine()
