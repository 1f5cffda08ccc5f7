"""Long-running programs with a pid file each: started apart from whoever starts them, ended by their own pid only."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from common.alive import process_start

POLL_S = 0.1


def living(pid: int, started: str) -> bool:
    """Is this very process there, and not only its entry in its parent's books?"""
    with contextlib.suppress(OSError):
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        return state not in "ZX" and process_start(pid) == started
    return False


def kill(pid: int, number: signal.Signals = signal.SIGKILL) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def wait_until_gone(pids: Sequence[tuple[int, str]], within_s: float) -> bool:
    until = time.monotonic() + within_s
    while any(living(*pid) for pid in pids):
        if time.monotonic() > until:
            return False
        time.sleep(POLL_S)
    return True


@dataclass(frozen=True)
class Processes:
    """Programs by name; their pids and logs lie in a folder."""

    folder: Path

    def start(self, name: str, *command: str | Path) -> None:
        """Start a program in a session of its own, unless it runs already."""
        if self.find(name):
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        with self.log(name).open("ab") as log:
            begun = subprocess.Popen(
                [str(word) for word in command], stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        (self.folder / f"{name}.pid").write_text(f"{begun.pid} {process_start(begun.pid)}")

    def log(self, name: str) -> Path:
        return self.folder / f"{name}.log"

    def find(self, name: str) -> tuple[int, str] | None:
        """Return pid and start of a program that runs (or is frozen)."""
        with contextlib.suppress(OSError, ValueError):
            pid, started = (self.folder / f"{name}.pid").read_text().split()
            return (int(pid), started) if living(int(pid), started) else None
        return None

    def forget_the_dead(self) -> None:
        """Remove the pid files of programs that ended, as after a restart of the machine."""
        while dead := self.dead():
            (self.folder / f"{dead}.pid").unlink()

    def dead(self) -> str:
        """Return the name of a program that was started and ended by itself, "" if there is none."""
        return next((file.stem for file in sorted(self.folder.glob("*.pid")) if not self.find(file.stem)), "")

    def signal(self, name: str, number: signal.Signals) -> bool:
        """Send a signal; False if the program does not run."""
        found = self.find(name)
        if found:
            kill(found[0], number)
        return found is not None

    def stop(self, name: str, grace_s: float = 5) -> None:
        """End a program: asked first, frozen or not, then killed."""
        found = self.find(name)
        if found:
            kill(found[0], signal.SIGCONT)
            kill(found[0], signal.SIGTERM)
            if not wait_until_gone([found], grace_s):
                kill(found[0])
                wait_until_gone([found], 10)
        (self.folder / f"{name}.pid").unlink(missing_ok=True)
