"""How bench-controller reads the API server's log; the rest of it needs a cluster."""

from __future__ import annotations

import pytest

from tests.bench import controller
from tests.bench.controller import Request, creations, hand_offs

LONG = "fashiontexture-20261124-173736-123456-scrape-x-0123ab-1"  # its pods keep the beginning of it


def of(step: str, name: str) -> dict[str, object]:
    return {"metadata": {"name": name, "labels": {"darkroom/step": step}}}


def test_a_hand_off_counts_from_the_last_of_what_a_job_waited_for() -> None:
    jobs = [of("scrape.snapshot", "snapshot"), of("refine", LONG), of("featurize", "featurize")]
    seen = [
        Request("driver", "create", "jobs", "snapshot", 0.0, 0.1),
        Request("driver", "create", "jobs", LONG, 0.0, 0.1),
        Request("node", "patch", "pods/status", "snapshot-0-abcde", 3.0, 3.1),
        Request("node", "patch", "pods/status", f"{LONG[:54]}-0-abcde", 5.0, 5.1),
        Request("node", "patch", "pods/status", f"{LONG[:54]}-0-abcde", 6.0, 6.1),
        Request("driver", "create", "jobs", "featurize", 7.4, 7.5),
        Request("node", "patch", "pods/status", f"{LONG[:54]}-0-abcde", 8.0, 8.1),
    ]
    assert hand_offs(jobs, seen) == {"featurize": pytest.approx(1.4)}


def test_a_create_that_is_repeated_counts_once_and_by_its_first_time() -> None:
    seen = [Request("driver", "create", "jobs", "one", at, at) for at in (1.0, 2.0)] + [Request("it", "get", "jobs", "two", 1.0, 1.0)]
    assert creations(seen) == {"one": seen[0]}


def test_a_line_of_the_log_is_a_request() -> None:
    event = {
        "user": {"username": "system:node:node1"},
        "verb": "patch",
        "objectRef": {"resource": "pods", "subresource": "status", "name": "a"},
        "requestReceivedTimestamp": "1970-01-01T00:00:01.250000Z",
        "stageTimestamp": "1970-01-01T00:00:01.500000Z",
    }
    assert controller._request(event) == Request("system:node:node1", "patch", "pods/status", "a", 1.25, 1.5)
