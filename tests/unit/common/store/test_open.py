"""From a URL to a store."""

from __future__ import annotations

from pathlib import Path

import pytest

from common.errors import BadParameters
from common.store import open_from_environment, open_store


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("file:///tmp/a%20b", "file:///tmp/a%20b"),
        ("/tmp/store", "file:///tmp/store"),
        ("s3://bucket/some/prefix/", "s3://bucket/some/prefix"),
        ("s3://bucket", "s3://bucket"),
    ],
)
def test_urls_and_paths_open_the_store_they_name(url: str, expected: str) -> None:
    assert open_store(url).url == expected


@pytest.mark.parametrize("url", ["ftp://host/x", "s3://", "file://host/path", "", "http://bucket", "s3://bucket?x=1"])
def test_other_urls_are_refused_with_the_forms_that_work(url: str) -> None:
    with pytest.raises(BadParameters, match="s3://bucket/prefix"):
        open_store(url)


def test_the_default_is_a_folder_in_the_person_s_home() -> None:
    assert open_from_environment({}).url == (Path.home() / ".darkroom" / "store").as_uri()


def test_the_environment_names_store_and_endpoint() -> None:
    assert open_from_environment({"DARKROOM_STORE": "s3://b/p", "DARKROOM_S3_ENDPOINT": "http://127.0.0.1:1"}).url == "s3://b/p"
