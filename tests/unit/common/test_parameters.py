"""Settings: what people write is read, checked, and explained; all errors at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from common.errors import BadParameters
from common.parameters import Given, Parameter, Values, check, read_assignments, read_file, resolve

DECLARED = (
    Parameter("train.cValues", "numbers", [1.0], "C", aliases=("svm_CVals",), low=0),
    Parameter("split.ratio", "number", 0.75, "share", aliases=("ratioTrainTest",), low=0.05, high=0.95),
    Parameter("train.folds", "integer", 5, "folds", low=2, high=20),
    Parameter("train.l2Normalize", "flag", True, "unit length"),
    Parameter("source", "text", "", "where"),
    Parameter("split.by", "choice", "auto", "how", choices=("auto", "filename", "subdir")),
    Parameter("scrape.counts", "counts", {"a": 1}, "how many", low=1),
    Parameter("scrape.queries", "phrases", {}, "what to search for"),
)
NAMES = [name for one in DECLARED for name in (one.name, *one.aliases)]


def test_defaults_hold_until_somebody_says_otherwise() -> None:
    resolved = resolve(DECLARED, [Given("split.ratio", 0.5, "a.yaml:1"), Given("split.ratio", 0.6, "--set")])
    assert resolved.values.number("split.ratio") == 0.6
    assert resolved.origins["split.ratio"] == "--set"
    assert (resolved.values.integer("train.folds"), resolved.origins["train.folds"]) == (5, "default")


def test_the_original_s_names_are_aliases() -> None:
    values = resolve(DECLARED, read_assignments(["svm_CVals=[0.1,1]", "ratioTrainTest=0.5"], "--set")).values
    assert values.numbers("train.cValues") == (0.1, 1.0)
    assert values.number("split.ratio") == 0.5


def test_a_value_may_have_a_word() -> None:
    size = Parameter("size", "integer", 16, "A size.", low=0, words=(("auto", 0),))
    assert [check(size, value) for value in ("auto", 0, "4")] == [0, 0, 4]
    with pytest.raises(ValueError, match="expected a number"):
        check(size, "automatic")


def test_a_misspelt_name_gets_the_nearest_known_one_and_its_place() -> None:
    with pytest.raises(BadParameters, match=r"a.yaml:7: there is no parameter 'trian.folds'. Did you mean 'train.folds'\?"):
        resolve(DECLARED, [Given("trian.folds", 3, "a.yaml:7")])


def test_all_errors_come_at_once_each_with_its_place() -> None:
    given = [
        Given("train.folds", 2.5, "a.yaml:1"),
        Given("split.ratio", 2, "a.yaml:2"),
        Given("split.by", "filenam", "a.yaml:3"),
        Given("train.l2Normalize", "maybe", "a.yaml:4"),
        Given("nothing", 1, "a.yaml:5"),
    ]
    with pytest.raises(BadParameters) as caught:
        resolve(DECLARED, given, checks=[lambda values: [f"together: {values.text('split.by')}"]])
    lines = str(caught.value).splitlines()
    assert [line.partition(": ")[0] for line in lines] == ["a.yaml:1", "a.yaml:2", "a.yaml:3", "a.yaml:4", "a.yaml:5", "together"]
    assert "from 0.05 to 0.95" in lines[1]
    assert "Did you mean 'filename'?" in lines[2]


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("train.folds", 3, 3),
        ("train.folds", "3", 3),
        ("train.folds", 3.0, 3),
        ("train.cValues", [1, "2.5"], [1.0, 2.5]),
        ("train.l2Normalize", "False", False),
        ("source", 7, "7"),
        ("scrape.counts", {"b": 2, "a": 1}, {"a": 1, "b": 2}),
        ("scrape.queries", {"b": ["x", " y  z ", "x"], "a": "one phrase"}, {"a": ["one phrase"], "b": ["x", "y z"]}),
        ("scrape.queries", {}, {}),
        ("scrape.queries", {501: [501, "lunares pequeños"]}, {"501": ["501", "lunares pequeños"]}),
    ],
)
def test_values_are_read_in_the_parameter_s_type(name: str, value: Any, expected: Any) -> None:
    found = check(next(one for one in DECLARED if one.name == name), value)
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("train.folds", True),
        ("train.folds", "x"),
        ("train.folds", None),
        ("train.folds", 1),
        ("split.ratio", float("nan")),
        ("split.ratio", float("inf")),
        ("train.cValues", []),
        ("train.cValues", 1),
        ("train.cValues", [1, -1]),
        ("train.l2Normalize", 1),
        ("source", ["a"]),
        ("source", None),
        ("scrape.counts", {}),
        ("scrape.counts", {"a": 0}),
        ("scrape.counts", [1]),
        ("scrape.queries", ["dotted shirt"]),
        ("scrape.queries", {"a": []}),
        ("scrape.queries", {"a": [" "]}),
        ("scrape.queries", {"a": [True]}),
        ("scrape.queries", {"a": [["x"]]}),
        ("scrape.queries", {"a": ["x" * 201]}),
        ("scrape.queries", {"a": ["x\x00y"]}),
        ("scrape.queries", {"a": [str(number) for number in range(101)]}),
        ("scrape.queries", {"a/b": ["x"]}),
        ("scrape.queries", {" ": ["x"]}),
        ("scrape.queries", {"x" * 101: ["x"]}),
    ],
)
def test_other_values_are_refused_with_what_is_expected(name: str, value: Any) -> None:
    with pytest.raises(ValueError, match=r"\."):
        check(next(one for one in DECLARED if one.name == name), value)


def test_a_file_may_be_nested_or_dotted_and_tells_lines(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("# a dataset\nsource: rendered\ntrain:\n  folds: 3\nsplit.ratio: 0.5\nsvm_CVals: [1]\nscrape:\n  counts: {x: 2}\n")
    given = {one.name: one for one in read_file(path, NAMES)}
    assert {name: one.value for name, one in given.items()} == {
        "source": "rendered",
        "train.folds": 3,
        "split.ratio": 0.5,
        "svm_CVals": [1],
        "scrape.counts": {"x": 2},
    }
    assert given["train.folds"].where == f"{path}:4"


def test_phrases_are_read_from_a_file_and_from_the_command_line(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("scrape:\n  queries:\n    dotted: [dotted shirt, dotted vest]\n    no: 'no pattern'\n")
    values = resolve(DECLARED, read_file(path, NAMES)).values
    assert values.phrases("scrape.queries") == {"dotted": ("dotted shirt", "dotted vest"), "no": ("no pattern",)}
    given = read_assignments(["scrape.queries={dotted: [a b, 'c, d'], striped: e}"], "--set")
    assert resolve(DECLARED, given).values.phrases("scrape.queries") == {"dotted": ("a b", "c, d"), "striped": ("e",)}


def test_an_unknown_group_in_a_file_is_named_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("trian:\n  folds: 3\n")
    with pytest.raises(BadParameters, match=r"a.yaml:1: there is no parameter 'trian'"):
        resolve(DECLARED, read_file(path, NAMES))


@pytest.mark.parametrize("text", ["a: [1", "- 1\n- 2", "just words", "a: !!python/object/apply:os.system [ls]", "\x00", "a: *b"])
def test_a_file_that_is_no_settings_is_refused_with_its_place(text: str, tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(text)
    with pytest.raises(BadParameters, match=r"a\.yaml"):
        resolve(DECLARED, read_file(path, NAMES))


def test_a_file_of_aliases_that_would_mean_gigabytes_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    bomb = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"{b}: &{b} [*{a},*{a},*{a},*{a},*{a},*{a},*{a},*{a}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
    )
    path.write_text(bomb)
    with pytest.raises(BadParameters, match="aliases are not allowed"):
        read_file(path, NAMES)


def test_an_empty_file_says_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("# only a remark\n")
    assert read_file(path, NAMES) == []


def test_a_giant_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("#" * 300_000)
    with pytest.raises(BadParameters, match="bytes"):
        read_file(path, NAMES)


def test_assignments_without_an_equals_sign_are_named_together() -> None:
    with pytest.raises(BadParameters) as caught:
        read_assignments(["a", "b=[1", "=3"], "--set")
    assert len(str(caught.value).splitlines()) == 3


def test_values_give_only_what_is_asked_for_in_order() -> None:
    assert list(Values({"b": 1, "a": 2, "c": 3}).only(("b", "a"))) == ["a", "b"]
