"""A cluster as its tests see it: kubectl, the names of our images there, Jobs as strict as ours."""

from __future__ import annotations

import contextlib
import json
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from images import build

RESTRICTED = {"pod-security.kubernetes.io/enforce": "restricted", "pod-security.kubernetes.io/enforce-version": "latest"}


@dataclass(frozen=True)
class Kubernetes:
    """The cluster that an environment points to."""

    environment: dict[str, str]
    is_ours: bool

    def kubectl(self, *words: str, given: object = None, timeout_s: float = 60) -> str:
        """Return what kubectl says; `given` is applied or created as JSON."""
        text = None if given is None else json.dumps(given)
        done = subprocess.run(
            ["kubectl", *words], env=self.environment, input=text, capture_output=True, text=True, timeout=timeout_s, check=False
        )
        assert done.returncode == 0, f"kubectl {' '.join(words)}: {done.stderr}"
        return done.stdout

    def logs(self, *words: str) -> str:
        """Return a log; the API server's line to a kubelet may break, and is then there again."""
        for _ in range(2):
            with contextlib.suppress(AssertionError):
                return self.kubectl("logs", *words)
        return self.kubectl("logs", *words)

    def get(self, *words: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.kubectl("get", *words, "--output", "json"))
        return found

    def finish(self, namespace: str, job: dict[str, Any], condition: str = "Complete", within_s: int = 120) -> dict[str, Any]:
        """Create a Job and wait for its end; returns it as it is then, with the log of one of its pods under `log`."""
        name = f"job/{job['metadata']['name']}"
        self.kubectl("create", "--namespace", namespace, "--filename=-", given=job)
        waited = ("--namespace", namespace, f"--for=condition={condition}", f"--timeout={within_s}s")
        self.kubectl("wait", name, *waited, timeout_s=within_s + 10)
        return {**self.get("--namespace", namespace, name), "log": self.logs("--namespace", namespace, name)}

    def image(self, room: str) -> str:
        name: str = json.loads(build.RECORD.read_text())[room]["image"]
        return name


def wait_until(condition: Callable[[], bool], within_s: float) -> None:
    until = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < until, f"not within {within_s} s"
        time.sleep(0.5)


def job(
    name: str, image: str, *command: str, completions: int = 1, environment: dict[str, str] | None = None, memory: str = "512Mi"
) -> dict[str, Any]:
    """Return a Job as strict as those that `render` makes."""
    container: dict[str, Any] = {
        "name": "it",
        "image": image,
        "command": list(command),
        "env": [{"name": name, "value": value} for name, value in (environment or {}).items()],
        "resources": {"limits": {"memory": memory}},
        "imagePullPolicy": "IfNotPresent",
        "securityContext": {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}},
        "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],
    }
    spec = {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": 1,
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        "volumes": [{"name": "tmp", "emptyDir": {}}],
        "containers": [container],
    }
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name},
        "spec": {
            "completions": completions,
            "parallelism": completions,
            "completionMode": "Indexed",
            "backoffLimit": 0,
            "template": {"spec": spec},
        },
    }
