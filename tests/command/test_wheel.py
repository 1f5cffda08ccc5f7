"""The wheel works from another folder, without the checkout."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.support.command import ROOT, sets
from tests.support.pictures import make_folder
from tests.support.whole import ONE_SHARD


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=120)
    (built,) = folder.glob("*.whl")
    return built


def test_the_wheel_holds_locks_datasets_backbones_and_the_report_s_template(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    for needed in (
        "jobs/locks/train.txt",
        "jobs/datasets/fashionTexture.yaml",
        "jobs/refine/backbones/gabor-texture.onnx",
        "jobs/refine/backbones/pattern-net.onnx",
        "jobs/evaluate/report.html.j2",
        "common/textures/__init__.py",
    ):
        assert needed in names
    assert not [name for name in names if name.startswith(("tests/", "tools/", "docs/"))]


def test_a_run_from_the_wheel_has_the_code_digests_of_the_checkout(wheel: Path, tmp_path: Path) -> None:
    """Unpacked in a folder of its own, with the libraries of this environment and nothing of the checkout."""
    zipfile.ZipFile(wheel).extractall(tmp_path / "installed")
    make_folder(tmp_path / "pictures", {"bars": 12, "rows": 12})
    libraries = [path for path in sys.path if path.endswith("site-packages")]
    script = (
        f"import sys\nsys.path = [{str(tmp_path / 'installed')!r}, *[p for p in sys.path if p and p != {str(ROOT)!r}]]\n"
        "import jobs\nassert jobs.__file__.startswith(sys.path[0]), jobs.__file__\n"
        "from jobs.controller import graph\nfrom jobs.controller.cli import main\n"
        "print(__import__('json').dumps(graph.load().code()), file=sys.stderr)\nmain()\n"
    )
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(tmp_path / "installed"), *libraries]),
        "DARKROOM_STORE": str(tmp_path / "s"),
    }
    words = ["submit", "mine", "--source", str(tmp_path / "pictures"), *sets(ONE_SHARD), "--json"]
    done = subprocess.run(
        [sys.executable, "-S", "-c", script, *words],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["state"] == "done"
    from jobs.controller import graph

    assert json.loads(done.stderr.splitlines()[0]) == graph.load().code()
