"""The report opens in a browser, on a desktop and on a phone, and nothing in it runs."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from common.artifact import read_ref
from common.store.memory import MemoryStore
from tests.support import browser, whole
from tests.support.pictures import make_folder

INJECTION = "x<img src=x onerror=document.title=1>"


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report of a real run whose class and file names try to be code."""
    root = tmp_path_factory.mktemp("report")
    store = MemoryStore()
    folder = make_folder(root / "pictures", {"bars": 12, "rows": 12})
    (folder / "bars").rename(folder / INJECTION)
    (folder / "rows" / "0000.png").rename(folder / "rows" / f"{INJECTION}.png")
    known = whole.submit(store, folder)
    ref = known.records["evaluate"].ref
    assert ref is not None
    path = root / "report.html"
    path.write_bytes(read_ref(store, ref).read("report.html"))
    return path


def test_the_page_shows_its_verdict_and_no_name_became_an_element(page: Path, tmp_path: Path) -> None:
    elements = browser.dom(page, tmp_path)
    assert re.search(r"<h1>Right on \d+", elements)
    assert '<img src="x"' not in elements
    assert "<title>1</title>" not in elements
    assert "x&lt;img src=x onerror" in elements


@pytest.mark.parametrize("width", [390, 1280])
def test_the_page_fits_its_window(width: int, page: Path, tmp_path: Path) -> None:
    """What is wider than the window would be cut: the last column of pixels is the page's empty margin."""
    picture = browser.screenshot(page, tmp_path, tmp_path / "page.png", width, 1600)
    pixels = np.asarray(Image.open(picture).convert("RGB")).astype(int)
    assert pixels.shape[1] == width
    assert np.abs(pixels[:, -4:] - pixels[0, 0]).max() < 12
    assert np.abs(pixels - pixels[0, 0]).max() > 100
