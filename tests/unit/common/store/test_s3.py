"""Unit tests of how S3's and botocore's errors become ours; the verbs are tested by tests/contract."""

from __future__ import annotations

import inspect

import pytest
from botocore import exceptions

from common.errors import (
    AccessDenied,
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
from common.store import s3

# What boto3 can raise only for calls or settings that we do not make.
NEVER_MET = {
    "AliasConflictParameterError", "ApiVersionNotFoundError", "AwsChunkedWrapperError", "BaseEndpointResolverError",
    "CapacityNotAvailableError", "DataNotFoundError", "InvalidExpressionError", "InvalidHostLabelError", "MD5UnavailableError",
    "MissingParametersError", "MissingServiceIdError", "OperationNotPageableError", "PaginationError", "RangeError",
    "ServiceNotInRegionError", "StubResponseError", "StubAssertionError", "UnStubbedResponseError", "UndefinedModelAttributeError",
    "UnknownClientMethodError", "UnknownEndpointError", "UnknownEndpointResolutionBuiltInName", "UnknownFIPSEndpointError",
    "UnknownKeyError", "UnknownParameterError", "UnknownRegionError", "UnknownServiceError", "UnknownServiceStyle",
    "UnknownSignatureVersionError", "UnseekableStreamError", "UnsupportedOutpostResourceError", "UnsupportedServiceProtocolsError",
    "UnsupportedS3AccesspointConfigurationError", "UnsupportedS3ControlArnError", "UnsupportedS3ControlConfigurationError",
    "UnsupportedSignatureVersionError", "WaiterConfigError", "WaiterError", "InvalidEndpointDiscoveryConfigurationError",
    "InvalidMaxRetryAttemptsError", "InvalidRetryModeError", "InvalidChecksumConfigError", "InvalidS3UsEast1RegionalEndpointConfigError",
    "InvalidSTSRegionalEndpointsConfigError", "InvalidProxiesConfigError", "InvalidEndpointConfigurationError",
    "InvalidIMDSEndpointModeError", "LoginTokenLoadError", "UnknownTokenProviderError",
}  # fmt: skip


def reply(status: int, code: str = "", headers: dict[str, str] | None = None) -> dict[str, object]:
    return {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status, "HTTPHeaders": headers or {}}}


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (404, "NoSuchKey", NotFound),
        (404, "404", NotFound),
        (404, "NoSuchBucket", BucketMissing),
        (403, "AccessDenied", AccessDenied),
        (403, "403", AccessDenied),
        (401, "", AccessDenied),
        (400, "ExpiredToken", AccessDenied),
        (412, "PreconditionFailed", PreconditionFailed),
        (409, "ConditionalRequestConflict", StoreUnavailable),
        (409, "OperationAborted", StoreUnavailable),
        (429, "TooManyRequests", StoreThrottled),
        (503, "SlowDown", StoreThrottled),
        (503, "", StoreThrottled),
        (500, "InternalError", StoreUnavailable),
        (502, "", StoreUnavailable),
        (504, "", StoreUnavailable),
        (400, "RequestTimeout", StoreUnavailable),
        (400, "BadDigest", StoreUnavailable),
        (507, "", StoreFull),
        (403, "QuotaExceeded", StoreFull),
        (400, "InvalidArgument", StoreRefused),
    ],
)
def test_an_answer_of_s3_becomes_the_error_that_says_what_helps(status: int, code: str, kind: type[DarkroomError]) -> None:
    error = s3.meaning(reply(status, code), "key in s3://bucket")
    assert type(error) is kind
    assert "key in s3://bucket" in str(error)


def test_a_throttling_answer_keeps_how_long_it_asked_to_wait() -> None:
    error = s3.meaning(reply(503, "SlowDown", {"retry-after": "7"}), "k")
    assert isinstance(error, StoreThrottled)
    assert error.retry_after_s == 7


def test_every_error_of_botocore_is_translated_on_purpose() -> None:
    known = s3.TRANSIENT | s3.LOGIN | s3.SETTINGS
    for name, kind in inspect.getmembers(exceptions, inspect.isclass):
        if not issubclass(kind, exceptions.BotoCoreError) or kind is exceptions.BotoCoreError or name in NEVER_MET:
            continue
        assert known & {base.__name__ for base in kind.__mro__}, f"botocore's {name} has no translation"


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (exceptions.EndpointConnectionError(endpoint_url="http://x"), StoreUnavailable),
        (exceptions.ReadTimeoutError(endpoint_url="http://x"), StoreUnavailable),
        (exceptions.IncompleteReadError(actual_bytes=1, expected_bytes=2), StoreUnavailable),
        (exceptions.FlexibleChecksumError(error_msg="differs"), StoreUnavailable),
        (exceptions.NoCredentialsError(), AccessDenied),
        (exceptions.UnauthorizedSSOTokenError(), AccessDenied),
        (exceptions.ProfileNotFound(profile="x"), BadParameters),
    ],
)
def test_errors_before_the_wire_say_whether_trying_again_helps(error: Exception, kind: type[DarkroomError]) -> None:
    assert type(s3.meaning_of_client_side(error, "k")) is kind
