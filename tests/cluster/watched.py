"""The pods of a stage, seen while they come and go."""

from __future__ import annotations

import json
import subprocess
import threading
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from jobs.controller.pods import INDEX, is_running
from tests.cluster.installed import Installed


class Seen:
    """All pods of a stage that ever were, by index, and how many ran at once."""

    def __init__(self) -> None:
        self.by_index: dict[str, set[str]] = defaultdict(set)
        self.running: dict[str, str] = {}
        self.most = 0

    def note(self, pod: Mapping[str, Any]) -> None:
        name, index = pod["metadata"]["name"], pod["metadata"]["labels"][INDEX]
        self.by_index[index].add(name)
        if is_running(pod) and "deletionTimestamp" not in pod["metadata"]:
            self.running[name] = index
        else:
            self.running.pop(name, None)
        self.most = max(self.most, len(self.running))


@contextmanager
def watched(installed: Installed, stage: str) -> Iterator[Seen]:
    seen = Seen()
    words = ("get", "pods", "--namespace", installed.namespace, f"--selector=darkroom/stage={stage}", "--watch", "--output=json")
    watch = subprocess.Popen(["kubectl", *words], env=installed.environment, stdout=subprocess.PIPE, text=True)

    def read() -> None:
        assert watch.stdout is not None
        decoder, text = json.JSONDecoder(), ""
        for line in watch.stdout:
            text += line
            if line.rstrip() == "}":
                seen.note(decoder.decode(text))
                text = ""

    reader = threading.Thread(target=read)
    reader.start()
    try:
        yield seen
    finally:
        watch.terminate()
        watch.wait(10)
        reader.join(10)
        assert watch.stdout is not None
        watch.stdout.close()
