"""Runs the processes of Jobs inside this one: the process launcher without processes.

For tests that look at every call, and for nothing else: a "process" does all its work when it
is started, over the given store.
"""

from __future__ import annotations

from collections.abc import Mapping

from common.errors import DarkroomError
from common.progress import silent
from common.store import Store
from common.store.faults import Killed
from jobs import harness
from jobs.controller.processes import Process, Spawn

KILLED = 137


class Finished:
    """A process that has ended already."""

    def __init__(self, code: int) -> None:
        self._code = code

    def poll(self) -> int:
        return self._code

    def terminate(self) -> None:
        """There is nothing left to end."""

    def kill(self) -> None:
        """There is nothing left to end."""

    def wait(self) -> int:
        return self._code


def spawn_in(store: Store) -> Spawn:
    """Return a spawn that runs the stage's task at once; a `Killed` inside it is exit code 137."""

    def spawn(command: list[str], environment: Mapping[str, str]) -> Process:
        stage, plan = command[command.index("--plan") - 1], command[command.index("--plan") + 1]
        try:
            harness.run_task(store, stage, plan, int(environment[harness.INDEX]), silent)
        except DarkroomError as error:
            harness.leave_last_words(error, environment[harness.LAST_WORDS])
            return Finished(int(error.exit_code))
        except Killed:
            return Finished(KILLED)
        return Finished(0)

    return spawn
