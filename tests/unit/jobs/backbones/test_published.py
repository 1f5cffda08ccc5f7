"""torchvision's weights: fetched once, held to the sum in their name and to what they were first."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import pytest

from common.errors import Refused
from common.store.memory import MemoryStore
from jobs.backbones import published
from jobs.backbones.published import PLACE
from jobs.controller import adding, backbones
from jobs.controller.adding import Given
from tests.support import servers, weights
from tests.support.files_server import serve

DATA = weights.saved(weights.resnet(narrow=16))
SUM = sha256(DATA).hexdigest()
FILE = f"resnet18-{SUM[:8]}.pth"


@pytest.fixture(autouse=True)
def _its_name_carries_its_sum(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(published, "WEIGHTS", {"resnet18": FILE})


def test_the_names_are_torchvision_s() -> None:
    assert set(backbones.PUBLISHED) == {"resnet18", "resnet34", "resnet50"}


def test_it_is_fetched_converted_pinned_and_kept(memory: MemoryStore, monkeypatch: pytest.MonkeyPatch) -> None:
    with serve({FILE: DATA}) as (url, asked):
        monkeypatch.setenv(PLACE, url)
        told = adding.add(memory, "resnet18", Given())
        adding.add(memory, "resnet18", Given())
    assert asked == [f"/{FILE}"] * 2
    assert (told["name"], told["features"], told["sha256"], told["source"]) == ("resnet18", 32, SUM, url + FILE)
    assert told["licence"].startswith("BSD-3-Clause")
    assert backbones.stands(memory, backbones.read(memory, "resnet18").artifact)


def test_without_internet_the_error_names_the_file_and_how_to_bring_it(memory: MemoryStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PLACE, f"http://127.0.0.1:{servers.free_port()}")
    with pytest.raises(Refused, match="could not be fetched from http://127") as caught:
        adding.add(memory, "resnet18", Given())
    assert "Connection refused" in str(caught.value)
    assert f"`darkroom backbone add PATH/{FILE} --name resnet18`" in str(caught.value)
    assert f"begins with {SUM[:8]}" in str(caught.value)


def test_the_file_that_was_brought_gives_the_same_backbone(memory: MemoryStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / FILE).write_bytes(DATA)
    brought = adding.add(memory, str(tmp_path / FILE), Given(name="resnet18"))
    with serve({FILE: DATA}) as (url, _):
        monkeypatch.setenv(PLACE, url)
        fetched = adding.add(memory, "resnet18", Given())
    assert brought["sha256"] == fetched["sha256"]
    assert (brought["features"], brought["bytes"], brought["licence"]) == (fetched["features"], fetched["bytes"], fetched["licence"])


def test_a_file_that_is_not_what_its_name_says_is_refused(memory: MemoryStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with serve({FILE: DATA + b" "}) as (url, _):
        monkeypatch.setenv(PLACE, url)
        with pytest.raises(Refused, match=f"its sha256 begins with .{{8}}, not with {SUM[:8]}"):
            adding.add(memory, "resnet18", Given())
    (tmp_path / FILE).write_bytes(DATA + b" ")
    with pytest.raises(Refused, match="is not what its name says"):
        adding.add(memory, str(tmp_path / FILE), Given())
    assert backbones.names(memory) == []


def test_another_file_than_was_fetched_first_is_refused(memory: MemoryStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(published, "WEIGHTS", {"resnet18": "resnet18.pth"})
    with serve({"resnet18.pth": DATA}) as (url, _):
        monkeypatch.setenv(PLACE, url)
        adding.add(memory, "resnet18", Given())
    with serve({"resnet18.pth": DATA + b" "}) as (url, _):
        monkeypatch.setenv(PLACE, url)
        with pytest.raises(Refused, match="not what it was when it was fetched first") as caught:
            adding.add(memory, "resnet18", Given())
    assert "delete pins/resnet18.pth.json" in str(caught.value)
    (tmp_path / "resnet18.pth").write_bytes(DATA + b" ")
    with pytest.raises(Refused, match="fetched first"):
        adding.add(memory, str(tmp_path / "resnet18.pth"), Given())


def test_what_is_cut_short_too_large_not_there_or_elsewhere_is_refused(memory: MemoryStore, monkeypatch: pytest.MonkeyPatch) -> None:
    for files, short, leads_to, words in (
        ({FILE: DATA}, 10, "", "cut short after"),
        ({}, 0, "", "HTTP 404"),
        ({FILE: DATA}, 0, "file:///etc/passwd", "it leads to file:///etc/passwd|file"),
    ):
        with serve(files, short=short, leads_to=leads_to) as (url, _):
            monkeypatch.setenv(PLACE, url)
            with pytest.raises(Refused, match=words):
                adding.add(memory, "resnet18", Given())
    monkeypatch.setattr(published, "MOST_BYTES", 1000)
    with serve({FILE: DATA}) as (url, _):
        monkeypatch.setenv(PLACE, url)
        with pytest.raises(Refused, match="more than 0 MiB"):
            adding.add(memory, "resnet18", Given())
    monkeypatch.setenv(PLACE, "ftp://example.org/")
    with pytest.raises(Refused, match="is no URL of http or https"):
        adding.add(memory, "resnet18", Given())
    assert backbones.names(memory) == []


def test_tls_is_never_left_by_a_redirect(tmp_path: Path) -> None:
    opener = published._opener("https://example.org/")
    (handler,) = [one for one in vars(opener)["handlers"] if type(one).__name__ == "Redirects"]
    with pytest.raises(OSError, match="it leads to http://"):
        handler.redirect_request(None, None, 302, "", {}, "http://example.org/")
