"""Classifies the exceptions of S3 requests, and of getting AWS credentials for them."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from typing import Any

from botocore import exceptions, parsers

from copycat.errors import (
    TRIES_FOR_INVALID_RESPONSES,
    ConditionError,
    CopyCatError,
    CopyError,
    DeniedError,
    Failure,
    InvalidResponseError,
    MissingError,
    SetupError,
    chain,
    retry_after,
    sentence,
)
from copycat.settings import Settings

# https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html
_PERMISSIONS = {
    "ListObjectsV2": "s3:ListBucket",
    "HeadObject": "s3:GetObject",
    "PutObject": "s3:PutObject",
    "CreateMultipartUpload": "s3:PutObject",
    "UploadPart": "s3:PutObject",
    "CompleteMultipartUpload": "s3:PutObject",
    "ListMultipartUploads": "s3:ListBucketMultipartUploads",
    "ListParts": "s3:ListMultipartUploadParts",
    "AbortMultipartUpload": "s3:AbortMultipartUpload",
}
_THROTTLING = {
    "SlowDown",
    "RequestLimitExceeded",
    "Throttling",
    "ThrottlingException",
    "ThrottledException",
    "RequestThrottled",
    "TooManyRequestsException",
    "BandwidthLimitExceeded",
    "KMS.ThrottlingException",
}
_TRANSIENT = {"RequestTimeout", "IncompleteBody", "OperationAborted", "InternalError"}
# S3 did not receive the bytes that were sent.
_DAMAGED = {"BadDigest", "XAmzContentChecksumMismatch", "XAmzContentSHA256Mismatch", "InvalidDigest"}
_IDENTITY = {
    "AuthorizationHeaderMalformed",
    "ExpiredToken",
    "ExpiredTokenException",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "InvalidSecurity",
    "InvalidToken",
    "RequestTimeTooSkewed",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
}
_CONDITION = {"PreconditionFailed", "ConditionalRequestConflict"}
_MISSING = {"NoSuchKey", "NoSuchUpload", "NotFound", "404"}
# Errors that would fail every object.
_SETTINGS = {"NoSuchBucket", "InvalidStorageClass", "AllAccessDisabled", "AccountProblem", "NotSignedUp"}
# botocore gets credentials from a metadata service or AWS STS, which may be unavailable for a moment.
_CREDENTIALS_UNAVAILABLE = (exceptions.CredentialRetrievalError, exceptions.MetadataRetrievalError)
_NO_CREDENTIALS = (
    exceptions.NoCredentialsError,
    exceptions.PartialCredentialsError,
    exceptions.ProfileNotFound,
    exceptions.TokenRetrievalError,
    exceptions.SSOError,
    exceptions.InvalidConfigError,
    exceptions.EndpointProviderError,
)


class InvalidS3ResponseError(InvalidResponseError):
    """S3's response is invalid, or contradicts the request."""


def classify(settings: Settings, error: Exception) -> Failure | None:
    """Classify an exception. Return None if it does not come from AWS or botocore."""
    if isinstance(error, exceptions.ClientError):
        return _classify_response(settings, error)
    if isinstance(error, InvalidResponseError):
        return Failure(error, transient=True, tries=TRIES_FOR_INVALID_RESPONSES)
    details = sentence(error)
    if isinstance(error, _NO_CREDENTIALS):
        return Failure(SetupError(f"No AWS credentials found for S3: {details}"))
    if isinstance(error, _CREDENTIALS_UNAVAILABLE):
        return Failure(CopyError(f"Cannot get AWS credentials: {details}"), transient=True)
    if isinstance(error, parsers.ResponseParserError):
        return Failure(
            InvalidS3ResponseError(f"Cannot parse S3's response: {details}"),
            transient=True,
            tries=TRIES_FOR_INVALID_RESPONSES,
        )
    if isinstance(error, exceptions.ParamValidationError):
        return Failure(CopyError(f"botocore rejected the request: {details}"))
    if isinstance(error, (exceptions.BotoCoreError, ConnectionError, TimeoutError, ssl.SSLError)):
        if any(isinstance(each, ssl.SSLCertVerificationError) for each in chain(error)):
            return Failure(SetupError(f"S3's certificate is not trusted: {details}"))
        return Failure(CopyError(f"S3 did not respond: {details}"), transient=True)
    return None


def _classify_response(settings: Settings, error: exceptions.ClientError) -> Failure:
    response: Mapping[str, Any] = error.response
    status = int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    code = str(response.get("Error", {}).get("Code", ""))
    operation = error.operation_name
    details = f"{operation}, HTTP {status}, {code}: {sentence(response.get('Error', {}).get('Message', ''))}"
    if code in _CONDITION or status == 412:
        return Failure(ConditionError(f"The object in S3 was changed by another writer ({details})"))
    return _transient_failure(status, code, details, response) or Failure(
        _permanent_error(settings, status, code, operation, details)
    )


def _transient_failure(status: int, code: str, details: str, response: Mapping[str, Any]) -> Failure | None:
    """Classify an error that a retry may fix. Return None for any other."""
    wait = retry_after(response.get("ResponseMetadata", {}).get("HTTPHeaders", {}))
    if code in _THROTTLING or status in {429, 503}:
        throttled = CopyError(f"S3 is throttling requests ({details})")
        return Failure(throttled, transient=True, throttled=True, retry_after=wait)
    if code in _TRANSIENT or status in {408, 500, 502, 504} or status > 505:
        return Failure(CopyError(f"S3 failed ({details})"), transient=True, retry_after=wait)
    if code in _DAMAGED or status < 400:
        damaged = InvalidS3ResponseError(f"S3 received damaged content or sent an invalid response ({details})")
        return Failure(damaged, transient=True, tries=TRIES_FOR_INVALID_RESPONSES)
    return None


def _permanent_error(settings: Settings, status: int, code: str, operation: str, details: str) -> CopyCatError:
    """Return the error for a response that a retry does not change."""
    bucket = f"bucket '{settings.destination}'"
    is_bucket_request = operation.startswith("List") and operation != "ListParts"
    if operation not in _PERMISSIONS:  # a request for credentials, which botocore sent to another service
        return SetupError(f"Cannot get AWS credentials ({details})")
    if code in _IDENTITY:
        return SetupError(f"AWS rejected the credentials ({details})")
    if code in _SETTINGS:
        return SetupError(f"Cannot use S3 {bucket} ({details})")
    if code.startswith("KMS."):
        return DeniedError(f"S3 cannot use the KMS key ({details})", code)
    if status == 403:
        permission = _PERMISSIONS.get(operation, operation)
        if settings.kms_key_id and permission == "s3:PutObject":
            permission += ", kms:GenerateDataKey or kms:Decrypt"
        if settings.expected_bucket_owner:
            bucket += f", or account {settings.expected_bucket_owner} does not own it"
        reason = f"S3 denied {permission} on {bucket} ({details})"
        return SetupError(reason) if is_bucket_request else DeniedError(reason, permission)
    if code in _MISSING:
        if is_bucket_request:
            return SetupError(f"S3 has no {bucket} ({details})")
        return MissingError(f"it was deleted from S3 during the run ({details})")
    return CopyError(f"S3 rejected the request ({details})")
