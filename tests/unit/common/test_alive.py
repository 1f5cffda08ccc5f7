"""Is this very process still there?"""

from __future__ import annotations

import os
import subprocess

from common.alive import alive, process_start


def test_a_pid_alone_is_not_believed() -> None:
    mine = process_start(os.getpid())
    assert alive(os.getpid(), mine)
    assert not alive(os.getpid(), "another start")
    ended = subprocess.Popen(["true"])
    ended.wait()
    assert not alive(ended.pid, "1")
