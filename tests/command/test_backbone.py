"""`darkroom backbone`: add, list, show, remove, as a person does it."""

from __future__ import annotations

import json
from pathlib import Path

from tests.support import command, foreign
from tests.support.pictures import make_folder
from tests.support.whole import ONE_SHARD


def test_a_file_is_added_shown_used_and_removed(tmp_path: Path) -> None:
    store, file = tmp_path / "store", tmp_path / "theirs.onnx"
    file.write_bytes(foreign.file())
    source = str(make_folder(tmp_path / "source", {"bars": 8, "rows": 8}))
    asked = ["submit", "mine", "--source", source, *command.sets((*ONE_SHARD[1:], "refine.backbone=mine"))]
    refused = command.run(store, *asked)
    assert refused.returncode == 3
    assert "There is no backbone 'mine'" in refused.stderr
    assert "`darkroom backbone add FILE --name mine`" in refused.stderr

    added = command.run(store, "backbone", "add", str(file), "--name", "mine", "--pictures", "unit")
    assert added.returncode == 0, added.stderr
    assert "mine  6 features of pictures 16 pixels wide" in added.stdout
    assert "cut at 'pooled'" in added.stdout
    assert "--set refine.backbone=mine" in added.stdout
    listed = json.loads(command.run(store, "backbone", "list", "--json").stdout)
    assert [one["name"] for one in listed["backbones"]] == ["mine"]
    assert "pattern-net" in listed["shipped"]
    shown = json.loads(command.run(store, "backbone", "show", "mine", "--json").stdout)
    assert (shown["colour"], shown["mean"], shown["source"]) == ("RGB", [0.0] * 3, "theirs.onnx")

    assert command.run(store, *asked).returncode == 0
    assert "is no longer a backbone" in command.run(store, "backbone", "remove", "mine").stdout
    gone = command.run(store, "backbone", "show", "mine")
    assert gone.returncode == 2
    assert "There is no backbone 'mine'" in gone.stderr


def test_what_is_no_network_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("x")
    done = command.run(tmp_path / "store", "backbone", "add", str(tmp_path / "notes.txt"))
    assert (done.returncode, done.stdout) == (3, "")
    assert "ends in .txt; a backbone's file ends in .onnx" in done.stderr
    assert len(done.stderr.splitlines()) == 1
