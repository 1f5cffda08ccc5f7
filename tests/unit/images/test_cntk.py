"""CNTK as the image of refine has it: it works wherever it lies, and nothing of it says when it was made."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from common.cntk import interpreter
from images import cntk as second


def test_the_tree_for_the_image_works_from_another_place(cntk: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    place = tmp_path / "elsewhere"
    second.lay_out(place)
    monkeypatch.setenv(interpreter.HOME, str(place))
    with interpreter.Worker("training") as worker:
        assert Path(f"/proc/{worker._process.pid}/exe").resolve().is_relative_to(place)
        with pytest.raises(interpreter.Failed, match="_trainer"):
            worker.fetch("state")
    assert not [path for path in place.rglob("*.py") if path.stat().st_mtime]
    shutil.rmtree(place)


def test_where_there_is_no_python_36_the_error_says_how_to_get_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(interpreter.HOME, str(tmp_path / "none"))
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    (tmp_path / "python3.6").write_text("#!/bin/sh\nexit 1\n")  # as pyenv leaves one on PATH for a version that is not chosen
    (tmp_path / "python3.6").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    with pytest.raises(second.Missing, match=r"pyenv install 3\.6\.15.*PYTHON36="):
        second.find()
