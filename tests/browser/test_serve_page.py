"""The service's page in a browser: it fits its window, names the model, answers a picture, and asks nobody else."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from common.store.memory import MemoryStore
from tests.support import browser, served
from tests.support.served import Served

# Gives the page a picture as a person would, and one that is none with a name that tries to be code.
DROP = """
const canvas = document.createElement("canvas");
canvas.width = 64; canvas.height = 48;
canvas.toBlob((blob) => showAll([new File([blob], "mine.png", {type: "image/png"}),
  new File(["no picture"], "<img src=x onerror=document.title=1>.png", {type: "image/png"})]));
"""


@pytest.fixture(scope="module")
def running() -> Iterator[Served]:
    store = MemoryStore()
    served.publish(store)
    with served.serving(store) as one:
        yield one


@pytest.fixture
def dropping(running: Served, monkeypatch: pytest.MonkeyPatch) -> Served:
    from jobs.serve import page

    script = page.script() + DROP.encode()
    monkeypatch.setattr(page, "script", lambda: script)
    return running


def test_the_page_names_the_model_and_how_to_ask_it(running: Served, tmp_path: Path) -> None:
    elements = browser.dom_of(running.url, tmp_path)
    assert re.search(r'id="model">mine, model [0-9a-f]{12}: bars, rows, spots<', elements)
    assert f"--data-binary @photo.jpg {running.url}/classify" in elements
    assert 'id="trouble" class="warning" role="alert" hidden' in elements


def test_a_picture_gets_bars_and_what_is_none_gets_a_reason_and_no_element(dropping: Served, tmp_path: Path) -> None:
    elements = browser.dom_of(dropping.url, tmp_path)
    assert elements.count("<meter") == 3
    assert "mine.png, 64 \u00d7 48 pixels, model" in elements
    assert "The picture cannot be used: cannot be decoded" in elements
    assert "<title>1</title>" not in elements
    assert 'src="x"' not in elements


def test_the_page_may_ask_nobody_else_by_its_own_policy(running: Served) -> None:
    reply = running.ask("GET", "/")
    policy = reply.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "connect-src 'self'" in policy
    assert "http" not in policy
    outside = re.findall(r"https?://(?!HOST)\S+", reply.body.decode())
    assert outside == []


@pytest.mark.parametrize("width", [500, 1280])
def test_the_page_with_an_answer_fits_its_window(width: int, dropping: Served, tmp_path: Path) -> None:
    picture = browser.screenshot_of(dropping.url, tmp_path, tmp_path / "page.png", width, 1600)
    pixels = np.asarray(Image.open(picture).convert("RGB")).astype(int)
    assert pixels.shape[1] == width
    assert np.abs(pixels[:, -4:] - pixels[0, 0]).max() < 12
    assert np.abs(pixels - pixels[0, 0]).max() > 100
