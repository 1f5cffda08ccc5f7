"""The seam between the controller and whatever runs Jobs.

A launcher takes a `batch/v1` Job as a plain dict and answers in the terms of a Job's status.
Both launchers pass one table of exit-code scripts and conditions (tests/contract).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from common.errors import Permanent
from common.records import Failure

Job = Mapping[str, Any]

COMPLETE, FAILED = "Complete", "Failed"


class Conflict(Permanent):
    """Another Job has this name."""


@dataclass(frozen=True)
class Ending:
    """How one process of a Job ended. `words` are its last, if it had any; `evidence` is what others say of its end."""

    index: int
    exit_code: int
    words: Failure | None = None
    evidence: str = ""


@dataclass(frozen=True)
class Trouble:
    """What keeps a Job from going on: `cause` in a word, `text` for people, with what would help.

    `held_s` tells how long nothing of the Job has been running because of it; after `patience_s`
    of that there is no more sense in waiting.
    """

    cause: str
    text: str
    patience_s: float = math.inf
    held_s: float = 0.0

    @property
    def is_over_patience(self) -> bool:
        return self.held_s >= self.patience_s


@dataclass(frozen=True)
class JobStatus:
    """A Job as observed. `condition` is "" while it runs; `reason` is Kubernetes' word for why it failed."""

    name: str
    labels: Mapping[str, str]
    completions: int = 1
    parallelism: int = 1
    condition: str = ""
    reason: str = ""
    active: int = 0
    succeeded: frozenset[int] = frozenset()
    failed: frozenset[int] = frozenset()
    endings: tuple[Ending, ...] = ()
    trouble: Trouble | None = None

    @property
    def retries(self) -> int:
        """How many processes ended badly and were, or could have been, started again."""
        return sum(1 for ending in self.endings if ending.exit_code)

    @property
    def has_worked(self) -> bool:
        """Whether nothing more comes of it: it has a condition, or each index has a process that ended well.

        A cluster gives a Job its condition a second or two after its last pod has ended.
        """
        return bool(self.condition) or len({ending.index for ending in self.endings if not ending.exit_code}) >= self.completions


class Launcher(Protocol):
    """Runs Jobs."""

    def create(self, job: Job) -> None:
        """Start a Job, or adopt the same one; another Job under its name is a Conflict."""

    def observe(self, run: str) -> list[JobStatus]:
        """Return the run's Jobs."""

    def scale(self, name: str, parallelism: int) -> None:
        """Change how many of a Job's processes run at once."""

    def delete(self, name: str) -> None:
        """Stop a Job's processes (SIGTERM, grace, SIGKILL) and forget it."""

    def wait(self, timeout_s: float) -> None:
        """Return when something changed, or after the timeout."""

    def close(self) -> None:
        """Let go of everything; a launcher whose processes die with it stops them."""
