"""Class folders in object storage, as somebody else put them there."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import uuid4

from tests.support import servers


class Bucket:
    """A bucket of the test's own; keys may have any name."""

    def __init__(self, endpoint: str) -> None:
        import boto3

        self._client: Any = boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1")
        self._name = f"pictures-{uuid4().hex[:12]}"
        self.environment = {"DARKROOM_S3_ENDPOINT": endpoint}
        self.url = f"s3://{self._name}/some/where"
        servers.make_bucket(endpoint, self._name)

    def put(self, name: str, data: bytes) -> None:
        self._client.put_object(Bucket=self._name, Key=f"some/where/{name}", Body=data)

    def delete(self, name: str) -> None:
        self._client.delete_object(Bucket=self._name, Key=f"some/where/{name}")

    def fill(self, folder: Path) -> None:
        """Put a folder's files."""
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                self.put(path.relative_to(folder).as_posix(), path.read_bytes())
