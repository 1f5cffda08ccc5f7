"""The report: the verdict first, one offline file, and no name runs as code."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest

from common.artifact import Artifact
from common.dataset import TEST, TEST_SIDE, Entry
from common.features import vectors_of
from common.metrics import Scored, summarise
from common.store.memory import MemoryStore
from common.suspects import Copies, suspects_of
from jobs.evaluate import report
from jobs.evaluate.curated import Curated
from jobs.evaluate.gallery import Gallery
from jobs.evaluate.report import Page
from tests.support import networks, trained
from tests.support.scraped import snapshot_of

INJECTION = '<script>alert("x")</script><img src=x onerror=alert(1)>'


def page(
    store: MemoryStore, snapshot: Artifact, entries: list[Entry], excluded: list[Entry] | None = None, curated: Curated | None = None
) -> Page:
    classes = tuple(sorted({entry.label for entry in entries}))
    random = np.random.default_rng(0)
    truth = np.array([classes.index(entry.label) for entry in entries])
    probabilities = random.dirichlet(np.ones(len(classes)), len(entries))
    scored = Scored(truth, probabilities, np.arange(len(entries)))
    return Page(
        source="rendered textures",
        scoring=TEST_SIDE,
        card=networks.card(networks.backbone(), classes=classes, training={"c": 0.1}),
        model_digest="d" * 64,
        version=trained.version(store, entries).manifest,
        trials=[{"c": 0.1, "classAverageAccuracy": 0.875}],
        scored=scored,
        summary=summarise(scored, 100),
        entries=entries,
        excluded=excluded or [],
        gallery=Gallery(snapshot, entries, vectors_of(trained.features(store, entries)), across_sides=False),
        curated=curated or Curated("train", [], [], [], 0.0, {"all": (len(entries), None)}),
    )


@pytest.fixture
def snapshot(memory: MemoryStore, folder: Path) -> Artifact:
    return snapshot_of(memory, folder)


def test_the_verdict_comes_first_and_says_where_its_pictures_are_from(memory: MemoryStore, snapshot: Artifact) -> None:
    html = report.render(page(memory, snapshot, trained.entries())).decode()
    heading = re.search(r"<body>\s*<h1>(.*?)</h1>", html, re.DOTALL)
    assert heading is not None
    assert re.match(
        r"Right on \d+(\.\d)? % of 60 pictures \(rendered textures\) that training did not see; with 95 % confidence", heading[1]
    )


def test_the_page_needs_nothing_from_outside(memory: MemoryStore, snapshot: Artifact) -> None:
    html = report.render(page(memory, snapshot, trained.entries())).decode()
    assert "default-src 'none'" in html
    assert not re.search(r"""(src|href)=["'](?!data:)""", html)
    assert "<script" not in html


def test_names_of_files_and_classes_are_escaped(memory: MemoryStore, snapshot: Artifact) -> None:
    entries = [msgspec.structs.replace(entry, label=entry.label + INJECTION, name=INJECTION) for entry in trained.entries()]
    excluded = [msgspec.structs.replace(entries[0], kept=False, reason=f"refused: {INJECTION}")]
    html = report.render(page(memory, snapshot, entries, excluded)).decode()
    assert "<script" not in html
    assert "onerror=alert" in html.replace("&", "")  # it is there, as text
    assert "<img src=x" not in html


def test_errors_are_shown_as_pictures_the_surest_first(memory: MemoryStore, snapshot: Artifact, folder: Path) -> None:
    from common.dataset import rows_of

    ids = {row.name: row.id for row in rows_of(snapshot)}
    entries = [
        msgspec.structs.replace(entry, id=ids[name], name=name)
        for entry, name in zip(trained.entries(per_class=12, classes=("bars", "rows")), sorted(ids), strict=True)
    ]
    made = page(memory, snapshot, entries)
    html = report.render(made).decode()
    wrong = int((made.scored.predicted != made.scored.truth).sum())
    assert html.count("taken for <span") >= min(wrong, report.MOST_ERRORS)
    assert html.count("data:image/jpeg;base64,") > 4 * min(wrong, report.MOST_ERRORS)
    shares = [float(found) for found in re.findall(r"taken for <span class=\"bad\">\w+</span>, ([\d.]+) %", html)]
    assert shares == sorted(shares, reverse=True)


def test_what_was_left_out_is_listed_conflicts_first(memory: MemoryStore, snapshot: Artifact) -> None:
    entries = trained.entries()
    reasons = ["duplicate of a", "label conflict: the same picture is under a and b", "refused: cannot be decoded"]
    excluded = [msgspec.structs.replace(entries[index], kept=False, reason=reason) for index, reason in enumerate(reasons)]
    html = report.render(page(memory, snapshot, entries, excluded)).decode()
    assert "Left out: 3" in html
    assert html.index("label conflict") < html.index("duplicate of a") < html.index("refused: cannot")


def test_label_conflicts_and_duplicates_are_shown_as_sets_of_pictures(memory: MemoryStore, snapshot: Artifact) -> None:
    entries = trained.entries()
    kept = entries[0]
    conflict = "label conflict: the same picture is under bars and rows"
    excluded = [
        msgspec.structs.replace(entries[1], kept=False, name="bars/twin.png", reason=f"duplicate of {kept.name}"),
        msgspec.structs.replace(entries[2], kept=False, name="bars/torn.png", group="g", reason=conflict),
        msgspec.structs.replace(entries[3], kept=False, name="rows/torn.png", group="g", reason=conflict),
    ]
    html = report.render(page(memory, snapshot, entries, excluded)).decode()
    sets = html[html.index("more than once") : html.index("Left out")]
    assert sets.index("torn.png") < sets.index("twin.png")
    assert sets.index(kept.name) < sets.index("twin.png")
    assert sets.count("<h3") == 2


def test_suspects_are_shown_worst_first_with_their_reasons_and_of_those_alike_one(memory: MemoryStore, snapshot: Artifact) -> None:
    entries = trained.entries()
    rows = suspects_of(trained.curation(memory, entries, suspicious=[one.id for one in entries[:3]], left_out=[entries[0].id]))
    made = page(memory, snapshot, entries)
    shown = replace(made, curated=Curated("train", rows, [], [], 0.05, {"all": (60, made.summary), "unsuspicious": (57, None)}))
    html = report.render(shown).decode()
    assert "Suspicious: 3 of 60" in html
    assert "Training left out 1 of the suspicious ones." in html
    assert "it looks like nothing else here (and 2 alike)" in html
    assert html.count("it looks like nothing else here") == 1
    assert "All test pictures (the headline)" in html
    assert "a class has no picture here" in html


def test_perhaps_copies_are_shown_in_pairs_those_across_the_split_first(memory: MemoryStore, snapshot: Artifact) -> None:
    entries = trained.entries()
    train, other, test = entries[0], entries[3], next(one for one in entries if one.side == TEST)
    pairs = [_pair(train, other, 20.0), _pair(train, test, 14.0)]
    curated = Curated("train", [], pairs, ["1 test picture(s) may be copies."], 0.0, {"all": (len(entries), None)})
    html = report.render(page(memory, snapshot, entries, curated=curated)).decode()
    assert "Perhaps copies: 2" in html
    assert html.index("One trains, one tests") < html.index("On one side of the split")
    assert "1 test picture(s) may be copies." in html


def _pair(one: Entry, other: Entry, sure: float) -> Copies:
    sides = {"one_side": one.side, "other_side": other.side}
    return Copies(one=one.id, other=other.id, one_name=one.name, other_name=other.name, sure=sure, **sides)
