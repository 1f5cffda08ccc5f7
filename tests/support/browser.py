"""A headless Chromium for pages: what the page becomes, and how it looks."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

FLAGS = [
    "--headless",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
]


def _program() -> str:
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("there is no Chromium on this machine")
    return program


def _sandbox() -> list[str]:
    return ["--no-sandbox"] if os.getuid() == 0 else []


def _start(profile: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [_program(), *FLAGS, *_sandbox(), f"--user-data-dir={profile}", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def dom(page: Path, profile: Path) -> str:
    """Return the page's elements after its scripts, if any, have run."""
    return dom_of(page.as_uri(), profile)


def dom_of(url: str, profile: Path) -> str:
    """Return the same of a page that a server of this machine gives."""
    return _start(profile, "--virtual-time-budget=4000", "--dump-dom", url).stdout


def screenshot(page: Path, profile: Path, picture: Path, width: int, height: int) -> Path:
    """Take a picture of the page."""
    return screenshot_of(page.as_uri(), profile, picture, width, height)


def screenshot_of(url: str, profile: Path, picture: Path, width: int, height: int) -> Path:
    """Take a picture of a page that a server of this machine gives, after its scripts have run."""
    done = _start(profile, "--virtual-time-budget=4000", f"--window-size={width},{height}", f"--screenshot={picture}", url)
    assert picture.exists(), done.stderr
    return picture


@contextlib.contextmanager
def driven() -> Iterator[Browser]:
    """Yield a Chromium that tests press keys in; it reaches this machine only."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=_program(), args=[*FLAGS[1:], *_sandbox()], timeout=60_000)
        try:
            yield browser
        finally:
            browser.close()
