"""Each room's image: it starts under Pod Security "restricted", and holds its own room's libraries and no others."""

from __future__ import annotations

import json

import pytest

from common.code import code_digest
from images import build
from jobs.controller import graph
from jobs.controller.site import Site
from tests.cluster.kubernetes import Kubernetes, job

ABOUT = """
import importlib.metadata, importlib.util, json, os, sys
room = sys.argv[1]
import importlib
no_stages = {"controller": "cli", "lighttable": "app", "serve": "app"}
if room in no_stages:
    importlib.import_module(f"jobs.{room}.{no_stages[room]}")
    code = ""
else:
    importlib.import_module(f"jobs.{room}.stage")
    from common.code import code_digest
    code = code_digest(importlib.import_module(f"jobs.{room}.spec").STAGE)
try:
    open("/opt/darkroom/mine", "w")
    writable = True
except OSError:
    writable = False
print(json.dumps({
    "libraries": sorted(one.metadata["Name"].lower().replace("_", "-") for one in importlib.metadata.distributions()),
    "installers": [name for name in ("pip", "setuptools") if importlib.util.find_spec(name)],
    "user": os.getuid(),
    "writable": writable,
    "code": code,
    "uncompiled": [name for name, one in sorted(sys.modules.items()) if not os.path.exists(getattr(one, "__cached__", None) or "/")],
}))
"""


@pytest.mark.parametrize("room", build.rooms())
def test_an_image_holds_its_room_s_code_and_libraries_and_nothing_else(room: str, kubernetes: Kubernetes, namespace: str) -> None:
    done = kubernetes.finish(namespace, job("about", kubernetes.image(room), "python3", "-c", ABOUT, room))
    told = json.loads(done["log"].splitlines()[-1])
    assert set(told["libraries"]) == {*build.needed(room, "cpu"), "darkroom-jobs"}
    assert (told["user"], told["writable"]) == (65532, False)
    assert not told["installers"]
    assert not told["uncompiled"], "a pod would compile these at every start"
    if room not in (*build.SERVICES, "controller"):
        assert told["code"] == code_digest(graph.rooms().stage(room)), "the image would make other artifacts than this checkout"


def test_the_controller_s_image_has_the_command(kubernetes: Kubernetes, namespace: str) -> None:
    done = kubernetes.finish(namespace, job("help", kubernetes.image("controller"), "darkroom", "--help"))
    assert "submit" in done["log"]


def test_python_m_jobs_is_the_door_of_an_image(kubernetes: Kubernetes, namespace: str) -> None:
    """The command that `render` writes."""
    done = kubernetes.finish(namespace, job("usage", kubernetes.image("train"), *Site().command, "train", "--help"))
    assert "--plan" in done["log"]


TRAIN = """
import importlib.util
from common.cntk.interpreter import Failed, Worker
with Worker("training") as worker:
    try:
        worker.fetch("state")
    except Failed as error:
        print("the worker answers:", error)
print("torch:", importlib.util.find_spec("torch"))
"""


def test_refine_s_image_holds_cntk_in_a_second_interpreter_and_no_torch(kubernetes: Kubernetes, namespace: str) -> None:
    done = kubernetes.finish(namespace, job("cntk", kubernetes.image("refine"), "python3", "-c", TRAIN, memory="1Gi"))
    assert "the worker answers" in done["log"]
    assert "torch: None" in done["log"]
