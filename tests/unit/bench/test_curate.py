"""bench-curate on a small set: trouble is planted, found by our stage, and counted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.bench import curate
from tests.bench.planted import GOOD, Planted, Pool, make_pool, plant


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory) -> Pool:
    return make_pool(12, Path(tmp_path_factory.mktemp("no_photographs"), "absent"))


@pytest.fixture(scope="module")
def planted(pool: Pool) -> Planted:
    return plant(pool, 0)


def test_a_set_is_measured_beside_a_peer_that_knows_everything(planted: Planted) -> None:
    wrong = np.asarray([one != GOOD for one in planted.wrong], np.float64)
    figures = curate.measure(planted, wrong)
    assert figures["pictures"] == len(planted.labels)
    assert figures["cleanlab both"] == 100
    assert figures["both"] > 100 * curate.TOP + 20  # chance finds TOP of them
    assert min(figures[name] for name in ("curated", "everything", "clean")) > 40
