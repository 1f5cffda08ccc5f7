"""Fixtures that many tests share. Nothing here reaches beyond this machine."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from common.cntk import interpreter
from common.store.memory import MemoryStore
from tests.support import servers
from tests.support.pictures import make_folder

CNTK = interpreter.place()  # of this user, before tests get a home of their own
NO_PHOTOGRAPHS = "the photographs for development are not on this machine"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """In CI a skipped test is a part that nobody checked, so it fails; only the photographs may be elsewhere."""
    report = yield
    if report.skipped and os.environ.get("DARKROOM_NO_SKIPS") and not hasattr(report, "wasxfail"):
        reason = str(report.longrepr[2]) if isinstance(report.longrepr, tuple) else str(report.longrepr)
        if NO_PHOTOGRAPHS not in reason:
            report.outcome, report.longrepr = "failed", f"{item.nodeid} was skipped: {reason}"
    return report


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Keep a person's store and credentials out of the tests, and the tests out of them."""
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "DARKROOM_S3_ENDPOINT", "AWS_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("DARKROOM_STORE", (tmp_path / "store").as_uri())
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", servers.ACCESS)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", servers.SECRET)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.fixture
def memory() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def cntk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the test use CNTK, if `make cntk` set it up."""
    monkeypatch.setenv(interpreter.HOME, str(CNTK))
    if not interpreter.is_there():
        pytest.skip("CNTK is not set up: make cntk")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two classes of twelve small pictures."""
    return make_folder(tmp_path / "pictures", {"bars": 12, "rows": 12})


@pytest.fixture(scope="session")
def moto_endpoint() -> Iterator[str]:
    with servers.moto_server() as endpoint:
        yield endpoint


@pytest.fixture(scope="session")
def versitygw_endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with servers.versitygw_server(tmp_path_factory.mktemp("versitygw")) as endpoint:
        yield endpoint
