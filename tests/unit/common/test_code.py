"""The code digest covers what defines a stage's values: this is held against the imports themselves."""

from __future__ import annotations

import shutil
from pathlib import Path

import grimp
import pytest

from common import code
from common.errors import BadInput
from jobs.controller import graph

VALUE_MODULES = ("dataset", "edits", "features", "images", "inference", "metrics", "model", "sandbox", "shards", "tables", "textures")
STAGES = [stage.name for stage in graph.rooms().stages]


@pytest.fixture(scope="module")
def imports() -> grimp.ImportGraph:
    return grimp.build_graph("common", "jobs", cache_dir=None)


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_declares_every_value_module_that_its_work_imports(name: str, imports: grimp.ImportGraph) -> None:
    reached = imports.find_upstream_modules(f"jobs.{name}", as_package=True)
    used = {module.split(".")[1] for module in reached if module.startswith("common.")}
    declared = set(graph.rooms().stage(name).values)
    assert used & set(VALUE_MODULES) <= declared


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_declares_no_value_module_that_it_does_not_use(name: str, imports: grimp.ImportGraph) -> None:
    reached = imports.find_upstream_modules(f"jobs.{name}", as_package=True)
    assert set(graph.rooms().stage(name).values) <= {module.split(".")[1] for module in reached if module.startswith("common.")}


def copy_of_the_house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    source = Path(code.__file__).resolve().parents[1]
    for part in ("common", "jobs", "locks"):
        shutil.copytree(source / part, tmp_path / part, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(code, "_COMMON", tmp_path / "common")
    monkeypatch.setattr(code, "_JOBS", tmp_path / "jobs")
    code.lock.cache_clear()
    return tmp_path


@pytest.mark.parametrize(
    ("file", "changed"),
    [
        ("jobs/train/svm.py", {"train"}),
        ("jobs/train/spec.py", set()),
        ("common/metrics/summary.py", {"evaluate", "gate"}),
        ("common/textures/camera.py", {"scrape"}),
        ("common/retry.py", set()),
        ("jobs/controller/drive.py", set()),
    ],
)
def test_a_change_of_code_changes_the_digests_that_it_should(
    file: str, changed: set[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = copy_of_the_house(tmp_path, monkeypatch)
    before = graph.rooms().code()
    (house / file).write_text((house / file).read_text() + "\n# changed\n")
    after = graph.rooms().code()
    code.lock.cache_clear()
    assert {name for name in before if before[name] != after[name]} == changed


def test_a_new_version_of_a_library_changes_the_stages_that_use_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    house = copy_of_the_house(tmp_path, monkeypatch)
    before = graph.rooms().code()
    for stage in STAGES:
        lock = house / "locks" / f"{stage}.txt"
        lock.write_text(lock.read_text().replace("scikit-learn==", "scikit-learn==9."))
    after = graph.rooms().code()
    code.lock.cache_clear()
    assert {name for name in before if before[name] != after[name]} == {"scrape", "train"}


def test_a_new_version_of_what_all_have_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    house = copy_of_the_house(tmp_path, monkeypatch)
    before = graph.rooms().code()
    for lock in (house / "locks").glob("*.txt"):
        lock.write_text(lock.read_text().replace("boto3==", "boto3==9."))
    after = graph.rooms().code()
    code.lock.cache_clear()
    assert before == after


def test_every_lock_has_the_versions_that_are_developed_with() -> None:
    developed = code.pinned("dev")
    for extra in ("base", *STAGES, "controller", "laptop"):
        assert code.pinned(extra).items() <= developed.items(), extra


def test_an_installation_without_locks_says_so() -> None:
    with pytest.raises(BadInput, match="no lock for 'nothing'"):
        code.pinned("nothing")
