"""What the API server's answers mean. tests/cluster asks a real one."""

from __future__ import annotations

import json

import pytest

from common.errors import DarkroomError
from jobs.controller.kubernetes import Absent, ClusterRefused, ClusterUnavailable, Taken, _meaning
from jobs.controller.mirror import Gone


@pytest.mark.parametrize(
    ("status", "kind"),
    [(0, ClusterUnavailable), (408, ClusterUnavailable), (429, ClusterUnavailable), (503, ClusterUnavailable), (410, Gone), (404, Absent),
     (409, Taken), (401, ClusterRefused), (403, ClusterRefused), (422, ClusterRefused)],
)  # fmt: skip
def test_a_status_means_what_helps(status: int, kind: type[Exception]) -> None:
    error = _meaning(status, json.dumps({"message": "said so"}))
    assert type(error) is kind
    assert "said so" in str(error)
    assert isinstance(error, DarkroomError | Gone)
    assert isinstance(_meaning(status, b"\xff not json"), kind)
