"""timm's networks: without timm, what to install; with it (here a stand-in for it and torch), what it says becomes the card."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from common.errors import Refused
from common.images import Preprocessing
from common.store.memory import MemoryStore
from jobs.backbones import timm_export
from jobs.backbones.timm_export import Facts
from jobs.controller import adding
from jobs.controller.adding import Given
from tests.support import foreign


def test_without_timm_the_error_says_what_to_install(memory: MemoryStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(Refused, match=r"timm:resnet10t needs torch, timm, onnxscript .* -m pip install torch timm onnxscript"):
        adding.add(memory, "timm:resnet10t", Given())


def test_what_stops_timm_is_told_in_its_last_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "timm.py").write_text("def create_model(name, **_):\n    raise RuntimeError(f'Unknown model ({name})')\n")
    for name in ("torch", "onnxscript"):
        (tmp_path / f"{name}.py").write_text("")
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{Path.cwd()}")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name)
    with pytest.raises(Refused, match=r"timm cannot write resnet10: RuntimeError: Unknown model \(resnet10\)"):
        timm_export.export("resnet10", tmp_path)


def test_what_timm_says_is_in_the_card(memory: MemoryStore, monkeypatch: pytest.MonkeyPatch) -> None:
    facts = Facts(preprocessing=Preprocessing(resolution=16, mean=(0.5, 0.4, 0.3), std=(0.1, 0.2, 0.3)), licence="apache-2.0")

    def export(name: str, folder: Path) -> tuple[Path, Facts]:
        path = folder / timm_export.NETWORK
        nodes = foreign.classifier()[:-2]
        nodes[-1].output[:] = [timm_export.OUTPUT]
        path.write_bytes(foreign.file(nodes, [timm_export.OUTPUT]))
        return path, facts

    monkeypatch.setattr(timm_export, "export", export)
    told = adding.add(memory, "timm:some_net.a1_in1k", Given())
    assert (told["name"], told["source"], told["licence"]) == ("some_net.a1_in1k", "timm:some_net.a1_in1k", "apache-2.0")
    assert (told["features"], told["resolution"], told["mean"]) == (foreign.MAPS, 16, [0.5, 0.4, 0.3])
