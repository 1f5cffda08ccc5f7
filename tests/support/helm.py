"""The chart as Helm renders it. Helm is on the PATH, or `tools/helm` builds it."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.servers import OUR_ENVIRONMENT, ROOT

CHART = ROOT / "charts" / "darkroom"
KUBERNETES = "1.34.4"  # what a cluster would say; a Helm built from its module alone believes in one of 2020


class Refused(Exception):
    """Helm would not render; the message is what it says to a person."""


@cache
def find() -> str:
    """Return the path of helm, which is built where there is none. Skips where there is no Go to build it with."""
    if found := shutil.which("helm"):
        return found
    built = subprocess.run([ROOT / "tools" / "helm"], env=OUR_ENVIRONMENT, capture_output=True, text=True, timeout=1500, check=False)
    if built.returncode == 3:
        pytest.skip(built.stderr.strip())
    assert built.returncode == 0, built.stderr
    return built.stdout.strip()


def helm(*words: str, values: Mapping[str, Any]) -> str:
    """Run helm with values, which need not be more than what differs. Raises Refused."""
    command = [find(), *words, "--kube-version", KUBERNETES, "--values", "-"]
    done = subprocess.run(command, input=json.dumps(values), capture_output=True, text=True, timeout=60, check=False)
    if done.returncode:
        raise Refused(done.stderr + done.stdout)
    return done.stdout


def render(
    values: Mapping[str, Any], release: str = "darkroom", namespace: str = "pictures", chart: Path = CHART
) -> dict[tuple[str, str], dict[str, Any]]:
    """Return the chart's objects by kind and name."""
    objects = [one for one in yaml.safe_load_all(helm("template", release, str(chart), "--namespace", namespace, values=values)) if one]
    found = {(one["kind"], one["metadata"]["name"]): one for one in objects}
    assert len(found) == len(objects), "two objects have one name"
    return found
