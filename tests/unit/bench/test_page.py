"""docs/benchmarks.md is made of rows."""

from __future__ import annotations

from pathlib import Path

from tests.bench import page
from tests.bench.__main__ import BENCHES, words_of
from tests.bench.page import Occasion, Words
from tests.bench.rows import Bench, Row, faster, more

OCCASION = Occasion("make bench", "2026-10-02", 0.4)
WORDS = {"train": Words("How it is done.", "Memory limits it."), "featurize": Words("Another way.", "The processor.")}
AMX = Row("bf16", None, None, "timm", "pictures/s", None, "not applicable: no AMX")
BENCH = Bench("train", "two cores", (faster("search", 2.0, 9.0, "GridSearchCV", 4.0), more("slow", 1.0, 2.0, "p|q", "1/s", 2.0)))


def test_each_row_is_a_line_of_a_table() -> None:
    text = page.render([BENCH], WORDS, OCCASION)
    assert "| search | 2 | 9 (GridSearchCV) | s | 4.5 | ≥ 4 | met |" in text
    assert "| slow | 1 | 2 (p\\|q) | 1/s | 0.5 | ≥ 2 | **under** |" in text


def test_a_row_under_its_goal_is_named_with_the_reason() -> None:
    text = page.render([BENCH], WORDS, OCCASION)
    assert "Under its goal: slow (0.5, goal ≥ 2).\n\nMemory limits it." in text


def test_where_all_goals_are_met_there_is_no_excuse() -> None:
    text = page.render([Bench("featurize", "two cores", (AMX,))], WORDS, OCCASION)
    assert "| bf16 | - | timm | pictures/s | - | not applicable: no AMX |  |" in text
    assert "The processor." not in text


def test_the_page_tells_machine_date_and_command() -> None:
    text = page.render([BENCH], WORDS, OCCASION)
    assert all(word in text for word in ("two cores", "2026-10-02", "`make bench`", "How it is done."))


def test_one_section_is_measured_anew_and_the_others_stay() -> None:
    other = Bench("featurize", "two cores", (AMX,))
    text = page.render([BENCH, other], WORDS, OCCASION)
    again = Bench("train", "four cores", (faster("search", 1.0, 9.0, "GridSearchCV", 4.0),))
    later = Occasion("make bench ONLY=train", "2026-10-03", 0.1)
    found = page.put(text, again, WORDS["train"], ["train", "report", "featurize"], later)
    assert "| search | 1 | 9 (GridSearchCV) | s | 9 | ≥ 4 | met |" in found
    assert "| search | 2 |" not in found
    assert "These rows are `make bench ONLY=train` of 2026-10-03, on four cores; load when it began: 0.1." in found
    assert found.index("## train") < found.index("## featurize")
    assert found.startswith(text.split("\n## ")[0])
    assert page.put(found, again, WORDS["train"], ["train", "report", "featurize"], later) == found
    assert text.split("\n## ")[2] in found


def test_a_section_that_was_not_there_comes_to_its_place() -> None:
    text = page.render([BENCH, Bench("featurize", "two cores", (AMX,))], WORDS | {"report": WORDS["train"]}, OCCASION)
    found = page.put(text, Bench("report", "two cores", (AMX,)), WORDS["train"], ["train", "report", "featurize"], OCCASION)
    assert found.index("## train") < found.index("## report") < found.index("## featurize")


def test_every_bench_has_words_and_a_make_target() -> None:
    makefile = Path("Makefile").read_text()
    for name in BENCHES:
        assert words_of(name).how
        assert words_of(name).limits
        assert f"bench-{name}" in makefile
