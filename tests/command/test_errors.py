"""Clear errors: the right exit code, no traceback, nothing half written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support import command, servers
from tests.support.pictures import make_folder


def corrupt(root: Path) -> Path:
    for label in ("a", "b"):
        (root / label).mkdir(parents=True)
        for index in range(3):
            (root / label / f"{index}.jpg").write_bytes(b"corrupt")
    return root


def empty_class(root: Path) -> Path:
    make_folder(root, {"bars": 3, "rows": 3})
    (root / "empty").mkdir()
    return root


def a_file(root: Path) -> Path:
    root.write_text("I am a file")
    return root


def nothing(root: Path) -> Path:
    root.mkdir()
    return root


SOURCES: list[tuple[Callable[[Path], Path], str]] = [
    (empty_class, "No pictures in class folder empty"),
    (lambda root: make_folder(root, {"bars": 5}), "one class only (bars)"),
    (nothing, "holds no pictures"),
    (corrupt, "0 usable picture(s) of 3"),
    (a_file, "is a file"),
    (lambda root: root, "does not exist"),
]


@pytest.mark.parametrize(("make", "words"), SOURCES, ids=[words for _, words in SOURCES])
def test_a_source_that_cannot_be_used_is_refused(make: Callable[[Path], Path], words: str, tmp_path: Path) -> None:
    done = command.run(tmp_path / "store", "submit", "mine", "--source", str(make(tmp_path / "source")))
    assert (done.returncode, done.stdout) == (3, "")
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "store").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["submit", "fashionTexture", "--set", "svm_CVal=[1]"], "Did you mean 'svm_CVals'?"),
        (["submit", "fashionTexture", "--set", "split.ratio=3"], "must be from 0.05 to 0.95"),
        (["submit", "fashionTexture", "--set", "classifier=dnn", "--set", "rf_inputResoluton=16"], "needs 32 pixels or more"),
        (["submit", "fashionTexture", "--set", "classifier=dnn", "--set", "rf_inputResoluton=4000"], "must be from 0 to 1024"),
        (["submit", "fashionTextur"], "Did you mean 'fashionTexture'?"),
        (["status", "no-such-run"], "no run 'no-such-run'"),
        (["logs", "no-such-run"], "no run 'no-such-run'"),
        (["resume", "no-such-run"], "no run 'no-such-run'"),
        (["cancel", "no-such-run"], "no run 'no-such-run'"),
        (["explain"], "There are no runs"),
        (["parameters", "svmCVals"], "Did you mean 'svm_CVals'?"),
        (["submit"], "Missing argument 'DATASET'"),
        (["frobnicate"], "No such command 'frobnicate'"),
    ],
)
def test_a_command_that_asks_for_what_is_not_there_is_wrong_usage(arguments: list[str], words: str, tmp_path: Path) -> None:
    done = command.run(tmp_path / "store", *arguments)
    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_all_wrong_settings_of_a_file_come_at_once_with_file_and_line(tmp_path: Path) -> None:
    (tmp_path / "datasets").mkdir()
    (tmp_path / "datasets" / "bad.yaml").write_text("source: rendered\ntrain:\n  fold: 3\nsplit:\n  ratio: high\n")
    done = command.run(tmp_path / "store", "submit", "bad", cwd=tmp_path)
    assert done.returncode == 2
    assert "datasets/bad.yaml:3: there is no parameter 'train.fold'. Did you mean 'train.folds'?" in done.stderr
    assert "datasets/bad.yaml:5: split.ratio = 'high': expected a number." in done.stderr


def test_a_store_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "store").write_text("x")
    done = command.run(tmp_path / "store", "submit", "fashionTexture")
    assert done.returncode == 3
    assert "Choose a folder as DARKROOM_STORE" in done.stderr


def s3(endpoint: str, bucket: str, **more: str) -> dict[str, str]:
    return {"DARKROOM_STORE": f"s3://{bucket}", "DARKROOM_S3_ENDPOINT": endpoint, **more}


def test_a_store_that_cannot_be_reached_is_refused(tmp_path: Path) -> None:
    more = s3(f"http://127.0.0.1:{servers.free_port()}", "bucket")
    done = command.run(tmp_path, "submit", "fashionTexture", more=more)
    assert done.returncode == 3
    assert "The store does not answer" in done.stderr


def test_a_missing_bucket_is_refused(tmp_path: Path, versitygw_endpoint: str) -> None:
    done = command.run(tmp_path, "submit", "fashionTexture", more=s3(versitygw_endpoint, "no-such-bucket"))
    assert done.returncode == 3
    assert "does not exist. Create it" in done.stderr


def test_denied_access_is_refused(tmp_path: Path, versitygw_endpoint: str) -> None:
    done = command.run(tmp_path, "submit", "fashionTexture", more=s3(versitygw_endpoint, "bucket", AWS_SECRET_ACCESS_KEY="wrong"))
    assert done.returncode == 3
    assert "Access denied" in done.stderr


def test_a_class_with_one_group_fails_with_what_to_do(tmp_path: Path) -> None:
    source = make_folder(tmp_path / "source", {"rows": 6})
    make_folder(source / "bars", {"one garment": 6})
    done = command.run(tmp_path / "store", "submit", "mine", "--source", str(source))
    assert done.returncode == 1
    assert "Class 'bars' has 1 group(s) of usable pictures; 2 is the least" in done.stdout
    assert "Traceback" not in done.stderr + done.stdout


def test_a_full_disk_in_the_middle_fails_clearly(tmp_path: Path) -> None:
    import subprocess

    from tests.support.whole import ONE_SHARD

    source = make_folder(tmp_path / "source", {"bars": 12, "rows": 12})
    small = tmp_path / "small"
    small.mkdir()
    if subprocess.run(["unshare", "--user", "--map-root-user", "--mount", "true"], capture_output=True, check=False).returncode:
        pytest.skip("this machine lets nobody mount a small disk")
    words = [*command.MAIN, "submit", "mine", "--source", str(source), *command.sets(ONE_SHARD)]
    script = f'mount -t tmpfs -o size=160k none {small} && exec "$@"'
    done = subprocess.run(
        ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script, "sh", *words],
        env=command.environment(small / "store"),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode in (1, 3)
    assert "No room left" in done.stdout + done.stderr
    assert "Traceback" not in done.stderr + done.stdout
