"""S3-compatible object storage, over boto3. The only module that imports boto3.

boto3's own retries are off: it repeats a conditional write whose reply was lost, meets its own
object and reports a failure (measured: 4 of 4). `retrying.py` retries instead, and knows.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from common.errors import (
    AccessDenied,
    AlreadyExists,
    BadParameters,
    BucketMissing,
    DarkroomError,
    NotFound,
    PreconditionFailed,
    StoreFull,
    StoreRefused,
    StoreThrottled,
    StoreUnavailable,
)
from common.retry import retry_after_s
from common.store.base import MOST_BYTES, IfMatch, Meta, Object, PutMode, check_key, check_size

if TYPE_CHECKING:
    from types_boto3_s3.client import S3Client

T = TypeVar("T")

CONNECT_TIMEOUT_S = 5
READ_TIMEOUT_S = 60
CHUNK_BYTES = 1 << 20

_MISSING_BUCKET = {"NoSuchBucket", "InvalidBucketName"}
_DENIED = {"AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken", "403", "401"}
_FULL = {"QuotaExceeded", "InsufficientStorage", "EntityTooLarge", "XMinioStorageFull"}
_THROTTLED = {"SlowDown", "Throttling", "ThrottlingException", "RequestLimitExceeded", "TooManyRequests", "429", "503"}

# botocore's own errors, by what helps. A test holds these against the list that botocore has.
TRANSIENT = {
    "ChecksumError",
    "ConnectionError",
    "EventStreamError",
    "FlexibleChecksumError",
    "HTTPClientError",
    "IncompleteReadError",
    "MetadataRetrievalError",
    "ResponseStreamingError",
}
LOGIN = {
    "CredentialRetrievalError",
    "LoginError",
    "NoAuthTokenError",
    "NoCredentialsError",
    "PartialCredentialsError",
    "RefreshWithMFAUnsupportedError",
    "SSOError",
    "TokenRetrievalError",
    "UnknownCredentialError",
}
SETTINGS = {
    "ConfigNotFound",
    "ConfigParseError",
    "EndpointProviderError",
    "EndpointResolutionError",
    "EndpointVariantError",
    "InfiniteLoopConfigError",
    "InvalidConfigError",
    "InvalidDNSNameError",
    "InvalidDefaultsMode",
    "InvalidIMDSEndpointError",
    "InvalidRegionError",
    "InvalidRetryConfigurationError",
    "InvalidS3AddressingStyleError",
    "MissingDependencyException",
    "NoRegionError",
    "ParamValidationError",
    "ProfileNotFound",
    "UnsupportedS3ArnError",
    "UnsupportedS3ConfigurationError",
    "ValidationError",
}


class S3Store:
    """Objects in one bucket under a prefix; the client is made on the first call."""

    def __init__(self, bucket: str, prefix: str = "", endpoint: str | None = None) -> None:
        self._bucket = bucket
        self._prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""
        self._endpoint = endpoint

    @property
    def url(self) -> str:
        return f"s3://{self._bucket}/{self._prefix}".rstrip("/")

    def get(self, key: str, most: int = MOST_BYTES) -> Object:
        def read(name: str) -> Object:
            reply = self._client.get_object(Bucket=self._bucket, Key=name)
            try:
                check_size(key, int(_part(reply, "ContentLength")), most)
            except DarkroomError:
                reply["Body"].close()
                raise
            return Object(_body(reply), _etag(reply))

        return self._ask(key, read)

    def get_range(self, key: str, start: int, length: int) -> bytes:
        def read(name: str) -> bytes:
            wanted = f"bytes={start}-{start + length - 1}"
            return _body(self._client.get_object(Bucket=self._bucket, Key=name, Range=wanted))

        return self._ask(key, read) if length > 0 else b""

    def head(self, key: str) -> Meta:
        def look(name: str) -> Meta:
            reply = self._client.head_object(Bucket=self._bucket, Key=name)
            return Meta(key, _part(reply, "ContentLength"), _etag(reply), _part(reply, "LastModified").timestamp())

        return self._ask(key, look)

    def list(self, prefix: str) -> Iterator[Meta]:
        token: dict[str, Any] = {}
        while True:
            request = {"Bucket": self._bucket, "Prefix": self._prefix + prefix, **token}
            page = self._translate(prefix, functools.partial(self._client.list_objects_v2, **request))
            for found in page.get("Contents", []):
                yield Meta(found["Key"].removeprefix(self._prefix), found["Size"], found["ETag"], found["LastModified"].timestamp())
            if not page["IsTruncated"]:
                return
            token = {"ContinuationToken": page["NextContinuationToken"]}

    def put(self, key: str, data: bytes, mode: PutMode = "overwrite") -> str:
        condition: dict[str, Any] = {}
        if mode == "create":
            condition = {"IfNoneMatch": "*"}
        elif isinstance(mode, IfMatch):
            condition = {"IfMatch": mode.etag}

        def write(name: str) -> str:
            return _etag(self._client.put_object(Bucket=self._bucket, Key=name, Body=data, **condition))

        try:
            return self._ask(check_key(key), write)
        except PreconditionFailed:
            if mode == "create":
                raise AlreadyExists(f"{key} is already in {self.url}.") from None
            raise
        except NotFound:  # S3 answers 404 to an If-Match on a missing key
            raise PreconditionFailed(f"{key} in {self.url} is gone.") from None

    def upload(self, key: str, path: Path) -> str:
        def write(name: str) -> str:
            with path.open("rb") as file:
                self._client.upload_fileobj(file, self._bucket, name)
            return _etag(self._client.head_object(Bucket=self._bucket, Key=name))

        return self._ask(check_key(key), write)

    def download(self, key: str, path: Path) -> None:
        def read(name: str) -> None:
            reply = self._client.get_object(Bucket=self._bucket, Key=name)
            with path.open("wb") as file:
                file.writelines(reply["Body"].iter_chunks(CHUNK_BYTES))
            _check_length(reply, path.stat().st_size)

        self._ask(key, read)

    def delete(self, key: str) -> None:
        def remove(name: str) -> None:
            self._client.delete_object(Bucket=self._bucket, Key=name)

        self._ask(check_key(key), remove)

    @functools.cached_property
    def _client(self) -> S3Client:
        import boto3
        from botocore.config import Config

        config = Config(
            connect_timeout=CONNECT_TIMEOUT_S,
            read_timeout=READ_TIMEOUT_S,
            retries={"total_max_attempts": 1, "mode": "standard"},
            max_pool_connections=32,
            s3={"addressing_style": "path"} if self._endpoint else {},
        )
        region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1"
        try:
            return boto3.session.Session().client("s3", endpoint_url=self._endpoint, region_name=region, config=config)
        except ValueError as error:  # botocore's word on a malformed endpoint
            raise BadParameters(f"{self.url}: {error}. Check DARKROOM_S3_ENDPOINT.") from error

    def _ask(self, key: str, work: Callable[[str], T]) -> T:
        """Ask about an object of any name: what others have put here may be read whatever they called it."""
        return self._translate(key, lambda: work(self._prefix + key))

    def _translate(self, key: str, work: Callable[[], T]) -> T:
        from boto3.exceptions import Boto3Error
        from botocore.exceptions import BotoCoreError, ClientError
        from botocore.parsers import ResponseParserError

        where = f"{key} in {self.url}"
        try:
            return work()
        except ClientError as error:
            raise meaning(error.response, where) from error
        except BotoCoreError as error:
            raise meaning_of_client_side(error, where) from error
        except (Boto3Error, OSError, ResponseParserError, ValueError) as error:  # a transfer or a reply that was cut short
            raise StoreUnavailable(f"{where}: {error}") from error


def _part(reply: Any, name: str) -> Any:
    """Return a field of a reply; a reply that was cut in its head lacks some, and botocore lets it pass."""
    if name not in reply:
        raise StoreUnavailable(f"the store's reply was cut short: it has no {name}.")
    return reply[name]


def _etag(reply: Any) -> str:
    etag = str(_part(reply, "ETag"))
    if etag.startswith('"') and (len(etag) == 1 or not etag.endswith('"')):
        raise StoreUnavailable(f"the store's reply was cut short: it has half an ETag ({etag}).")
    return etag


def _body(reply: Any) -> bytes:
    data: bytes = reply["Body"].read()
    _check_length(reply, len(data))
    return data


def _check_length(reply: Any, found: int) -> None:
    length = int(_part(reply, "ContentLength"))
    if found != length:
        raise StoreUnavailable(f"the store's reply was cut short: {found} of {length} bytes.")


def meaning(response: Any, where: str) -> DarkroomError:
    """Translate an S3 error response (botocore's dict) into our error tree."""
    code = str(response.get("Error", {}).get("Code", ""))
    metadata = response.get("ResponseMetadata", {})
    status = int(metadata.get("HTTPStatusCode", 0))
    if code in _MISSING_BUCKET:
        return BucketMissing(f"The bucket of {where} does not exist. Create it, or check DARKROOM_STORE.")
    if code in _FULL or status == 507:
        return StoreFull(f"No room left ({code}) for {where}. Free some space or raise the quota, then resume.")
    if code in _DENIED or status in (401, 403):
        return AccessDenied(f"Access denied ({code}) for {where}. Check the AWS credentials and the bucket's policy.")
    if code in _THROTTLED or status in (429, 503):
        asked = metadata.get("HTTPHeaders", {}).get("retry-after", "")
        return StoreThrottled(f"{where}: the store asks to slow down ({code}).", retry_after_s(str(asked)))
    if status == 412 or code == "PreconditionFailed":
        return PreconditionFailed(f"{where} is not the version that was to be replaced.")
    if status == 409 or status >= 500 or code in ("RequestTimeout", "BadDigest", "IncompleteBody"):
        return StoreUnavailable(f"{where}: the store answered {status} ({code}).")
    if status == 404 or code in ("NoSuchKey", "404"):
        return NotFound(f"{where} is not there.")
    return StoreRefused(f"{where}: the store answered {status} ({code}).")


def meaning_of_client_side(error: Exception, where: str) -> DarkroomError:
    """Translate what botocore raises before or after the wire; by name, since many share no useful base."""
    names = {kind.__name__ for kind in type(error).__mro__}
    if names & TRANSIENT:
        return StoreUnavailable(f"{where}: the request did not get through ({error}) Is the store reachable?")
    if names & LOGIN:
        return AccessDenied(f"{where}: no usable AWS login ({error}) Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or log in again.")
    if names & SETTINGS:
        return BadParameters(f"{where}: {error} Check DARKROOM_STORE, DARKROOM_S3_ENDPOINT and the AWS settings.")
    return StoreRefused(f"{where}: {error}")
