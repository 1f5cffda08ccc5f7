"""Reasons not to start, before anything is written."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from common.errors import AccessDenied, Refused, StoreUnavailable
from common.store.faults import Call, FaultyStore, When
from common.store.memory import MemoryStore
from jobs.controller import preflight
from jobs.scrape.sources import Listing, Reach
from jobs.scrape.sources import folder as folder_source
from tests.support.pictures import make_folder

ROOT = Path(__file__).resolve().parents[4]


def look(root: Path) -> Listing:
    return preflight.look(folder_source.KIND, Reach(str(root)))


def test_a_good_folder_is_listed(folder: Path) -> None:
    assert len(look(folder).items) == 24


def test_corrupt_pictures_among_good_ones_are_no_reason(folder: Path) -> None:
    for index in range(5):
        (folder / "bars" / f"a{index}.jpg").write_bytes(b"corrupt")
    assert len(look(folder).items) == 29


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda root: None, r"holds no pictures .* Found no folders in it. Expected SOURCE/CLASS/picture.jpg"),
        (lambda root: make_folder(root, {"bars": 3}), "has one class only \\(bars\\)"),
        (lambda root: (make_folder(root, {"bars": 3, "rows": 3}), (root / "empty").mkdir()), "No pictures in class folder empty"),
        (lambda root: [(root / name).mkdir() for name in ("a", "b")], "Found class folders: a, b"),
        (lambda root: make_folder(root, {"bars": 3, "rows": 1}), r"Class 'rows' has 1 usable picture\(s\) of 1; 2 is the least"),
    ],
)
def test_a_folder_that_no_classifier_can_be_made_of_is_refused(make: object, words: str, tmp_path: Path) -> None:
    root = tmp_path / "source"
    root.mkdir()
    make(root)  # type: ignore[operator]
    with pytest.raises(Refused, match=words):
        look(root)


def test_pictures_beside_the_class_folders_get_a_hint(tmp_path: Path) -> None:
    (tmp_path / "x.jpg").write_bytes(b"x")
    with pytest.raises(Refused, match=r"Expected SOURCE/CLASS/picture\.jpg"):
        look(tmp_path)


def test_a_class_of_nothing_but_corrupt_files_is_refused_with_the_first_reason(folder: Path) -> None:
    (folder / "corrupt").mkdir()
    for index in range(3):
        (folder / "corrupt" / f"{index}.jpg").write_bytes(b"corrupt")
    with pytest.raises(Refused, match=r"Class 'corrupt' has 0 usable picture\(s\) of 3.*corrupt/0.jpg: cannot be decoded"):
        look(folder)


def test_an_absent_source_and_a_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="does not exist"):
        look(tmp_path / "nothing")
    (tmp_path / "file").write_text("x")
    with pytest.raises(Refused, match="is a file"):
        look(tmp_path / "file")


def test_an_unreadable_source_is_refused(tmp_path: Path) -> None:
    """As a user without rights: root may read everything, so the look is done by somebody else."""
    secret = make_folder(tmp_path / "secret", {"a": 2, "b": 2})
    secret.chmod(0)
    script = (
        "import os, sys\n"
        "from common.errors import Refused; from jobs.controller import preflight\n"
        "from jobs.scrape.sources import Reach, folder\n"
        "os.getuid() or os.setuid(65534)\n"
        "try:\n    preflight.look(folder.KIND, Reach(sys.argv[1]))\n"
        "except Refused as error:\n    print(error)\n"
    )
    for parent in tmp_path.parents:
        if os.getuid() == 0 and parent != Path("/"):
            parent.chmod(parent.stat().st_mode | 0o011)
    tmp_path.chmod(0o755)
    done = subprocess.run(
        [sys.executable, "-c", script, str(secret)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    secret.chmod(0o755)
    assert "cannot be read (Permission denied)" in done.stdout, done.stderr


@pytest.mark.parametrize(
    ("error", "words"), [(StoreUnavailable("no reply"), "does not answer. no reply"), (AccessDenied("no"), "cannot be used. no")]
)
def test_a_store_that_cannot_be_used_is_refused(error: Exception, words: str) -> None:
    def script(call: Call, when: When) -> None:
        raise error

    with pytest.raises(Refused, match=words):
        preflight.check_store(FaultyStore(MemoryStore(), script))
