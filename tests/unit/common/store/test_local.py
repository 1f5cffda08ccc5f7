"""What only the folder store has: errors of the operating system, and no leftovers."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from common.errors import AccessDenied, AlreadyExists, BucketMissing, DarkroomError, StoreFull, StoreRefused, StoreUnavailable
from common.store import IfMatch
from common.store.local import LocalStore


def leftovers(root: Path) -> list[Path]:
    return list((root / ".darkroom").glob("*.tmp"))


def test_a_full_disk_says_so_and_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = LocalStore(tmp_path)
    store.put("before", b"x")

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreFull, match="free some space"):
        store.put("after", b"y", "create")
    assert [found.key for found in store.list("")] == ["before"]
    assert leftovers(tmp_path) == []


def test_a_really_full_disk_says_so(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path\n"
        "from common.store.local import LocalStore\n"
        "from common.errors import StoreFull\n"
        "store = LocalStore(Path(sys.argv[1]))\n"
        "try:\n    store.put('big', b'x' * 4_000_000)\n"
        "except StoreFull:\n    print('full', list(store.list('')))\n"
    )
    mount = f'mount -t tmpfs -o size=64k none {tmp_path} && exec {sys.executable} -c "$SCRIPT" {tmp_path}'
    command = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", mount]
    if subprocess.run(["unshare", "--user", "--map-root-user", "--mount", "true"], capture_output=True, check=False).returncode:
        pytest.skip("this machine lets nobody mount a small disk")
    environment = {**os.environ, "SCRIPT": script, "PYTHONPATH": str(Path(__file__).resolve().parents[4])}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout.strip() == "full []", done.stderr


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (errno.EACCES, AccessDenied),
        (errno.EROFS, AccessDenied),
        (errno.EDQUOT, StoreFull),
        (errno.EIO, StoreUnavailable),
        (errno.EMFILE, StoreUnavailable),
        (errno.ENAMETOOLONG, StoreRefused),
    ],
)
def test_errors_of_the_operating_system_say_whether_trying_again_helps(
    number: int, kind: type[DarkroomError], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "link", fail)
    with pytest.raises(kind) as caught:
        LocalStore(tmp_path).put("k", b"x", "create")
    assert type(caught.value) is kind
    assert leftovers(tmp_path) == []


def test_a_file_in_place_of_the_folder_cannot_be_a_store(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("I am a file")
    with pytest.raises(BucketMissing, match="Choose a folder"):
        LocalStore(tmp_path / "file").put("k", b"x")


def test_the_store_s_own_files_are_never_listed(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    etag = store.put("k", b"x")
    store.put("k", b"y", IfMatch(etag))
    assert [found.key for found in store.list("")] == ["k"]


def test_a_write_that_dies_before_the_link_leaves_no_object(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Dies(BaseException):
        pass

    def die(*_: object) -> None:
        raise Dies

    monkeypatch.setattr(os, "link", die)
    store = LocalStore(tmp_path)
    with pytest.raises(Dies):
        store.put("k", b"x", "create")
    monkeypatch.undo()
    store.put("k", b"y", "create")
    with pytest.raises(AlreadyExists):
        store.put("k", b"z", "create")
    assert store.get("k").data == b"y"
