"""What was sent is read by its sum, and only as it was sent."""

from __future__ import annotations

from hashlib import sha256

import pytest

from common import uploads
from common.errors import NotFound, StoreRefused
from common.store.memory import MemoryStore
from common.uploads import Uploads


def test_a_file_is_read_by_its_sum(memory: MemoryStore) -> None:
    digest = sha256(b"picture").hexdigest()
    memory.put(uploads.key(digest), b"picture")
    assert Uploads(memory).read(digest) == b"picture"


def test_a_file_that_is_not_there_says_what_to_do(memory: MemoryStore) -> None:
    with pytest.raises(NotFound, match=r"uploads/ab/ab1 is not in memory://\. Submit again"):
        Uploads(memory).read("ab1")


def test_a_file_that_is_not_what_was_sent_is_never_returned(memory: MemoryStore) -> None:
    digest = sha256(b"picture").hexdigest()
    memory.put(uploads.key(digest), b"pictyre")
    with pytest.raises(StoreRefused, match="sha256 differs"):
        Uploads(memory).read(digest)


def test_a_locator_is_no_path_that_a_source_can_have() -> None:
    from jobs.scrape.sources import kind_of

    assert kind_of(uploads.LOCATOR).settle(uploads.LOCATOR) != uploads.LOCATOR
