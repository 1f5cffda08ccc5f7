"""A dataset's settings: defaults, file, command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from common.errors import BadParameters, UnknownName
from jobs.controller import graph, settings

STEPS = graph.load()


def test_the_demo_is_what_the_original_had() -> None:
    values = settings.read(STEPS, "fashionTexture").values
    assert values.counts("scrape.counts") == {"dotted": 125, "leopard": 112, "striped": 191}
    assert values.text("source") == "rendered"


def test_the_demo_has_the_original_s_search() -> None:
    values = settings.read(STEPS, "fashionTexture", source="openverse").values
    queries = values.phrases("scrape.queries")
    assert sorted(queries) == ["dotted", "leopard", "striped"]
    assert all(len(phrases) == 7 and f"t-shirt {label}" in phrases for label, phrases in queries.items())
    assert (values.integer("scrape.imagesPerPhrase"), values.text("source")) == (50, "openverse")


def test_what_to_search_for_changes_nothing_of_other_sources() -> None:
    look = STEPS.stage("scrape").steps[0]
    values = settings.read(STEPS, "fashionTexture").values
    assert not [name for name in look.parameters(values) if name in ("scrape.queries", "scrape.imagesPerPhrase", "scrape.licences")]
    searched = settings.read(STEPS, "fashionTexture", source="openverse").values
    assert {"source", "scrape.queries", "scrape.imagesPerPhrase", "scrape.licences"} <= set(look.parameters(searched))
    assert not {"scrape.counts", "scrape.seed"} & set(look.parameters(searched))


@pytest.mark.parametrize(
    ("source", "sets", "problem"),
    [
        ("openverse", (), "set scrape.queries for two classes or more"),
        ("wikimedia", ("scrape.queries={dotted: [dotted shirt]}",), "set scrape.queries for two classes or more"),
        ("brave", ("scrape.queries={a: x, b: y}", "scrape.licences=commercial"), "Brave tells no licences. Use source = 'openverse'"),
        ("bing", (), "it was switched off on 2025-08-11. Use 'openverse', 'wikimedia', 'brave'"),
    ],
)
def test_a_search_that_cannot_be_is_refused_at_once(source: str, sets: tuple[str, ...], problem: str) -> None:
    with pytest.raises(BadParameters, match=problem):
        settings.read(STEPS, "mine", sets, source=source)


@pytest.mark.parametrize("name", settings.list_files())
def test_every_dataset_file_is_valid(name: str) -> None:
    settings.read(STEPS, name, source="rendered")


def test_a_source_needs_no_file(tmp_path: Path) -> None:
    values = settings.read(STEPS, "mine", source=str(tmp_path)).values
    assert values.text("source") == str(tmp_path)


def test_a_relative_source_keeps_its_meaning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert settings.read(STEPS, "mine", source="pictures").values.text("source") == str(tmp_path / "pictures")


def test_a_file_beside_the_person_comes_before_those_that_are_shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "datasets").mkdir()
    (tmp_path / "datasets" / "fashionTexture.yaml").write_text("source: digits\nsvm_CVals: [1]\n")
    monkeypatch.chdir(tmp_path)
    resolved = settings.read(STEPS, "fashionTexture", ["ratioTrainTest=0.5"])
    assert resolved.values.text("source") == "digits"
    assert resolved.values.numbers("train.cValues") == (1.0,)
    assert resolved.origins["train.cValues"] == "datasets/fashionTexture.yaml:2"
    assert resolved.origins["split.ratio"] == "--set"


def test_an_unknown_dataset_without_a_source_names_those_there_are() -> None:
    with pytest.raises(
        UnknownName, match=r"Did you mean 'fashionTexture'\? Known: digits, fabrics, fashionTexture. Or say .* --source DIR"
    ):
        settings.read(STEPS, "fashiontextur")


@pytest.mark.parametrize("name", ["", "../etc", "a b", "-x", "a" * 70, "ü"])
def test_a_dataset_s_name_is_plain(name: str) -> None:
    with pytest.raises(UnknownName, match="cannot name a dataset"):
        settings.read(STEPS, name, source="digits")


def test_everything_wrong_is_said_at_once() -> None:
    wrong = ["refine.inputResolution=16", "split.ratio=7", "folds=3", "split.by=pattern"]
    with pytest.raises(BadParameters) as caught:
        settings.read(STEPS, "fashionTexture", ["classifier=dnn", *wrong])
    text = str(caught.value)
    assert len(text.splitlines()) == 4
    for words in ("needs 32 pixels", "from 0.05 to 0.95", "no parameter 'folds'", "needs a split.pattern"):
        assert words in text
