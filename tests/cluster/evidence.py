"""What a namespace, its pods and its store show at the moment when a test fails: afterwards all of it is gone."""

from __future__ import annotations

import functools
import json
import subprocess
from collections.abc import Callable, Iterable
from typing import Any

from common.errors import DarkroomError
from common.store import Store
from tests.cluster.kubernetes import Kubernetes

LOG_LINES = 60


def of_namespace(kubernetes: Kubernetes, namespace: str) -> dict[str, str]:
    """Return Jobs, pods, events, nodes and the log of each pod, by title."""

    def ask(*words: str) -> str:
        return kubernetes.kubectl(*words, "--namespace", namespace, timeout_s=20)

    def pods() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(ask("get", "pods", "--output=json"))["items"]
        return found

    def logs() -> Iterable[str]:
        for pod in pods():
            words = ("logs", pod["metadata"]["name"], f"--tail={LOG_LINES}", "--timestamps")
            yield f"--- {pod['metadata']['name']}\n{_or_why_not(functools.partial(ask, *words))}"

    parts: dict[str, Callable[[], str]] = {
        "nodes": lambda: ask("get", "nodes", "--output=wide"),
        "Jobs": lambda: ask("get", "jobs", "--output=wide"),
        "Jobs' statuses": lambda: "\n".join(map(_status_of, json.loads(ask("get", "jobs", "--output=json"))["items"])),
        "pods": lambda: ask("get", "pods", "--output=wide"),
        "pods' statuses": lambda: "\n".join(map(_status_of, pods())),
        "events": lambda: ask("get", "events", "--sort-by=.metadata.creationTimestamp"),
        "logs": lambda: "\n".join(logs()),
    }
    return {title: _or_why_not(part) for title, part in parts.items()}


def of_store(store: Store) -> dict[str, str]:
    """Return what the store holds of runs: each object's name, and the small documents that say how a run is."""

    def documents() -> Iterable[str]:
        for one in store.list("runs/"):
            is_told = one.key.endswith(("/state.json", "/waiting.json", "/cancel.json")) or "/progress/" in one.key
            yield f"{one.key}  {_or_why_not(functools.partial(_text, store, one.key)) if is_told else ''}"

    return {"runs in the store": _or_why_not(lambda: "\n".join(documents()))}


def of_command(error: BaseException) -> dict[str, str]:
    """Return all that a command had said that did not end in time."""
    if not isinstance(error, subprocess.TimeoutExpired):
        return {}
    said = {"standard output": error.stdout, "standard error": error.stderr}
    return {f"the command's {name}": text.decode(errors="replace") for name, text in said.items() if isinstance(text, bytes)}


def _text(store: Store, key: str) -> str:
    return store.get(key).data.decode(errors="replace")


def _status_of(one: dict[str, Any]) -> str:
    return f"{one['metadata']['name']} made {one['metadata']['creationTimestamp']}: {json.dumps(one.get('status', {}))}"


def _or_why_not(look: Callable[[], str]) -> str:
    try:
        return look()
    except (AssertionError, DarkroomError, subprocess.SubprocessError, ValueError, KeyError) as error:
        return f"cannot be had: {error}"
